r"""All primitive psi-class numbers up to a level, from the first equation of the KdV hierarchy.

With $\varphi_g(\lambda) = \langle\tau_0\tau_\lambda\rangle_g$ and $u_g(\lambda) = \langle\tau_0^2\tau_\lambda\rangle_g$
for degrees $\lambda$ that are all at least 2, and $\ell$ of them, the equation and dilaton give

$$(2g - 1 + \ell)\,\varphi_g(\lambda) = \tfrac{1}{12}\langle\tau_0^4\tau_\lambda\rangle_{g-1}
  + \tfrac12 \sum_{0 < h < g}\ \sum_{I \sqcup J = \lambda} u_h(I)\,u_{g-h}(J).$$

Divided by the factorials of the multiplicities the sum over splittings is a product of polynomials. Zeros are added by
the string equation; from $\varphi_g$ the primitives follow by solving it for the number in which the largest degree was
lowered, by decreasing largest degree. No step adds a part, so that everything can be cut at the level
$2g - 2 + n \le N$. The arithmetic is modulo primes below $2^{29}$, as many as the largest number needs.

References:
    Witten, E. (1991), Surveys in Differential Geometry 1, 243-310. Itzykson, C. & Zuber, J.-B. (1992), International
    Journal of Modern Physics A 7, 5661-5705 (the coordinates in which primitives close).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np

from popmath.intersections.modular import add_rows, bound_bits, inverses, primes_below
from popmath.intersections.partition_maps import PartitionMaps
from popmath.intersections.string_equation import airy_factor, one_more_zero

_PRIME_BITS = 29
_SEVERAL_CORES, _PRIMES_PER_WORKER = 44, 4  # the level from which starting processes pays
_LAZY_ROWS = 60  # products of two residues that a uint64 can hold


def primitives(max_level: int, maps: PartitionMaps, max_genus: int) -> Iterator[tuple[int, list[int]]]:
    """For genus 2 to `max_genus`: every primitive of level at most `max_level` in the integer form, as Python ints.

    They stand in the order of the partitions of 3g - 3 into at most `max_level + 2 - 2g` parts, and no more than the
    maps keep.

    Example:
        >>> dict(primitives(4, PartitionMaps(4), 2))  # H(4) and H(2, 3); H(2, 2, 2) is one level up
        {2: [105, 1015]}
    """
    genera = range(2, max_genus + 1)
    bits = {g: bound_bits(g, most_points(g, maps)) for g in genera}
    primes = _primes(max(bits.values(), default=1.0))
    for genus, residues in zip(genera, _all_residues(maps, primes, genera), strict=True):
        needed = len(_primes(bits[genus]))
        symmetry = np.array(maps.symmetry(3 * genus - 3, most_points(genus, maps)), object)
        yield genus, _integers(residues[:, :needed], primes[:needed], symmetry)


def _all_residues(maps: PartitionMaps, primes: list[int], genera: range) -> Iterator[np.ndarray]:
    """Residues of the primitives divided by their symmetries, genus by genus; at high levels on several cores."""
    workers = min(os.cpu_count() or 1, len(primes) // _PRIMES_PER_WORKER)
    if maps.max_level < _SEVERAL_CORES or workers < 2:
        flow = _Flow(maps, primes)
        return (flow.next_genus(genus) for genus in genera)
    from joblib import Parallel, delayed

    chunks = Parallel(workers)(
        delayed(_residues)(maps.max_level, maps.max_parts, primes[i::workers], genera) for i in range(workers)
    )
    return (_interleaved(parts, len(primes)) for parts in zip(*chunks, strict=True))


def _residues(max_level: int, max_parts: int, primes: list[int], genera: range) -> list[np.ndarray]:
    flow = _Flow(PartitionMaps(max_level, max_parts), primes)
    return [flow.next_genus(genus) for genus in genera]


def _interleaved(parts: tuple[np.ndarray, ...], columns: int) -> np.ndarray:
    whole = np.empty((len(parts[0]), columns), np.uint32)
    for i, part in enumerate(parts):
        whole[:, i :: len(parts)] = part
    return whole


def most_points(genus: int, maps: PartitionMaps) -> int:
    """The largest number of points of a primitive of this genus that the maps keep."""
    return min(3 * genus - 3, maps.max_parts, maps.max_level + 2 - 2 * genus)


class _Flow:
    """The second derivatives u_h of all genera so far, divided by symmetries, and how the next is made."""

    def __init__(self, maps: PartitionMaps, primes: list[int]) -> None:
        """Genus 1: <tau_0 tau_2> = 1/24, which is 5 in the integer form."""
        self.maps, self.primes = maps, np.array(primes, np.uint64)
        self.inverses = inverses(3 * maps.max_level + 20, self.primes.astype(np.int64)).astype(np.uint64)
        first = np.full((maps.count(1, 1), len(primes)), 5, np.uint64)
        self.u = {1: one_more_zero(maps, first, 1, 1, maps.most_parts(2), airy_factor, divided=True) % self.primes}

    def next_genus(self, genus: int) -> np.ndarray:
        """Residues of the primitives divided by symmetries, of shape (partitions, primes); keeps u of this genus."""
        maps, primes = self.maps, self.primes
        weight, by_level = 3 * genus - 2, maps.max_level + 2 - 2 * genus
        parts = min(by_level, maps.max_parts)
        phi = self._products(genus, weight, parts)
        fourth = self.u[genus - 1]
        for z in (2, 3):
            level = 2 * (genus - 1) - 2 + z
            fourth = one_more_zero(maps, fourth, 3 * genus - 6 + z, level, parts, airy_factor, divided=True) % primes
        phi += fourth * (4 * self.inverses[3] % primes) % primes
        for k, block in maps.blocks(weight, parts):
            phi[block] = phi[block] % primes * self.inverses[2 * genus - 1 + k] % primes
        second = one_more_zero(maps, phi, weight, 2 * genus - 1, min(by_level - 2, parts), airy_factor, divided=True)
        self.u[genus] = second % primes
        return self._lower_the_largest(phi, genus, parts).astype(np.uint32)

    def _products(self, genus: int, weight: int, parts: int) -> np.ndarray:
        total = np.zeros((self.maps.count(weight, parts), self.primes.size), np.uint64)
        pending = 0
        for h in range(1, genus // 2 + 1):
            small, large = self.u[h], self.u[genus - h]
            times = np.uint64(1 if 2 * h == genus else 2)
            for row, target in _unions(self.maps, 3 * h - 1, 3 * (genus - h) - 1, parts):
                add_rows(total, target, large[: target.size] * (small[row] * times % self.primes))
                pending += 1
                if pending == _LAZY_ROWS:
                    total %= self.primes
                    pending = 0
        return total % self.primes

    def _lower_the_largest(self, phi: np.ndarray, genus: int, parts: int) -> np.ndarray:
        """The primitives (divided by symmetries) whose numbers with one zero are `phi`."""
        maps, primes, weight = self.maps, self.primes, 3 * genus - 3
        found = np.zeros((maps.count(weight, parts), primes.size), np.uint64)
        for top in range(weight, 0, -1):
            rest = weight - top
            chosen = np.flatnonzero(maps.largest(rest, parts - 1) <= top)
            if not chosen.size:
                continue
            right = phi[maps.insert(top + 1, rest, parts - 1)[chosen]]
            if rest:  # the terms in which another degree was lowered: their largest part is top + 1, so they are known
                known = found.take(maps.insert(top + 1, rest - 1, parts - 1), axis=0)
                others = one_more_zero(maps, known, rest - 1, 2 * genus - 1, parts - 1, airy_factor, divided=True)
                right = right + primes - others[chosen] % primes
            times = maps.multiplicity(top, rest, parts - 1)[chosen].astype(np.int64) + 1
            factor = self.inverses[2 * top + 5] * self.inverses[times] % primes
            found[maps.insert(top, rest, parts - 1)[chosen]] = right % primes * factor % primes
        return found


def _unions(maps: PartitionMaps, weight: int, other: int, parts: int) -> Iterator[tuple[int, np.ndarray]]:
    """For each partition of `weight`: where it stands, and where its unions with those of `other` stand.

    The unions have at most `parts` parts. The partition is built by ascending parts, the last one closing it.
    """

    def extend(target: np.ndarray, row: int, placed: int, least: int, left: int) -> Iterator[tuple[int, np.ndarray]]:
        size = maps.count(other, left - 1)
        if not size:
            return
        closing = weight - placed
        at = int(maps.insert(closing, placed, parts - 1)[row])
        yield at, maps.insert(closing, other + placed, parts - 1)[target[:size]]
        for e in range(least, closing // 2 + 1):
            if maps.count(other, left - 2):
                longer = maps.insert(e, other + placed, parts - 1)[target[:size]]
                yield from extend(longer, int(maps.insert(e, placed, parts - 1)[row]), placed + e, e, left - 1)

    yield from extend(np.arange(maps.count(other, parts), dtype=np.int32), 0, 0, 1, parts)


def _primes(bits: float) -> list[int]:
    return primes_below(1 << _PRIME_BITS, math.ceil((bits + 1) / (_PRIME_BITS - 0.01)))


def _integers(residues: np.ndarray, primes: list[int], symmetry: np.ndarray) -> list[int]:
    """The integers of which the residues are those of the quotients by `symmetry` (Chinese remainders)."""
    modulus = math.prod(primes)
    total = np.zeros(len(residues), object)
    for column, p in enumerate(primes):
        rest = modulus // p
        total += residues[:, column].astype(object) * (rest * pow(rest, -1, p))
    return (total % modulus * symmetry % modulus).tolist()
