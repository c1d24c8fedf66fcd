"""One piece of work for `exact.py`, in a process of its own: prints seconds, peak memory and the answer as JSON.

python benchmarks/exact_work.py popmath table 15
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")


def types(level):
    return [(g, n) for g in range((level + 1) // 2 + 1) for n in range(1, level + 3 - 2 * g) if 2 * g - 2 + n > 0]


def partitions(total, count, least=0):
    """Ascending tuples, written here once more so that every peer does the same work."""
    if count == 1:
        yield (total,)
        return
    for first in range(least, total // count + 1):
        for rest in partitions(total - first, count - 1, first):
            yield (first, *rest)


def even(genus, count):
    """The most evenly split degrees of a type."""
    low, more = divmod(3 * genus - 3 + count, count)
    return [low] * (count - more) + [low + 1] * more


class Popmath:
    """popmath's public functions."""

    def __init__(self):
        import popmath.intersections as room

        self.room = room

    def table(self, level):
        tables = self.room.complete_table(level)
        numbers = [value for numbers in tables.values() for value in numbers.values()]
        return len(numbers), lambda: sum(numbers)

    def integers(self, level):
        tables = self.room.complete_table(level)
        return sum(map(len, tables.values())), lambda: int(tables[2, level - 2].integers[-1]) if level > 3 else 0

    def primitives(self, level):
        lazy = self.room.complete_table(level, lazy=True)
        return self.room.count_numbers(level), lambda: int(lazy[2, 1].integers[0])

    def single(self, genus, count):
        value = self.room.correlator(genus, even(genus, count))
        return 1, lambda: value

    def kappa(self, genus):
        value = self.room.kappa_correlator(genus, [1] * (3 * genus - 3))
        return 1, lambda: value

    def hodge(self, genus):
        value = self.room.hodge_integral(genus, [1] * (3 * genus - 3))
        return 1, lambda: value


class Admcycles:
    """admcycles: its inner recursion for psi classes, which is faster than its public `psi_correlator`."""

    def __init__(self):
        import admcycles
        from admcycles.DR.evaluation import STrecur

        sys.setrecursionlimit(1_000_000)
        self.package, self.psi = admcycles, STrecur

    def table(self, level):
        numbers = [self.psi(d) for g, n in types(level) for d in partitions(3 * g - 3 + n, n)]
        return len(numbers), lambda: sum(numbers)

    def single(self, genus, count):
        value = self.psi(tuple(even(genus, count)))
        return 1, lambda: value

    def kappa(self, genus):
        value = (self.package.kappaclass(1, genus, 0) ** (3 * genus - 3)).evaluate()
        return 1, lambda: value

    def hodge(self, genus):
        value = (self.package.lambdaclass(1, genus, 0) ** (3 * genus - 3)).evaluate()
        return 1, lambda: value


class SurfaceDynamics:
    """surface-dynamics: its topological recursion gives the numbers times the product of (2d + 1)!!."""

    def __init__(self):
        from surface_dynamics.topological_recursion import KontsevichTR

        self.recursion = KontsevichTR()

    def number(self, genus, degrees):
        scale = 1
        for d in degrees:
            for odd in range(1, 2 * d + 2, 2):
                scale *= odd
        return self.recursion.F(genus, len(degrees), list(degrees)) / scale

    def table(self, level):
        numbers = [self.number(g, d) for g, n in types(level) for d in partitions(3 * g - 3 + n, n)]
        return len(numbers), lambda: sum(numbers)

    def single(self, genus, count):
        value = self.number(genus, even(genus, count))
        return 1, lambda: value


PEERS = {"popmath": Popmath, "admcycles": Admcycles, "surface-dynamics": SurfaceDynamics}


def main():
    peer, work, *sizes = sys.argv[1:]
    package = PEERS[peer]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    count, answer = getattr(package, work)(*map(int, sizes))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record = {"seconds": seconds, "count": count, "peak_kib": peak, "added_kib": peak - before, "answer": str(answer())}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
