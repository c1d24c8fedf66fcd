r"""Partitions in a fixed order, and where each lands when a part is inserted: index arrays for bulk arithmetic.

Partitions of a weight stand in order of their number of parts; so those with at most $\ell$ parts come first. Those
with exactly $\ell$ parts stand in the order of what is left when 1 is taken from every part, a partition of the weight
less $\ell$ into at most $\ell$ parts. Read as ascending tuples they are then in lexicographic order. With a part
$e = d - 1$ for every degree $d \ge 2$, the primitive psi-class numbers of genus $g$ are indexed by the partitions of
$3g - 3$.

How many parts are kept falls with the weight: $L(w) = N - 2\lfloor (w+1)/3 \rfloor$ is what numbers of level
$2g - 2 + n \le N$ need.
"""

from __future__ import annotations

import math

import numpy as np


class PartitionMaps:
    """Counts, insertions and multiplicities of partitions, as far as a level needs them; filled on demand.

    Args:
        max_level: the level N.
        max_parts: keep only partitions of at most so many parts; as many as the level needs by default.
    """

    def __init__(self, max_level: int, max_parts: int | None = None) -> None:
        """Nothing is counted yet."""
        self.max_level, self.max_parts = max_level, max_level if max_parts is None else max_parts
        self._starts: dict[int, list[int]] = {}
        self._inserted: dict[tuple[int, int], np.ndarray] = {}
        self._multiplicity: dict[tuple[int, int], np.ndarray] = {}
        self._largest: dict[int, np.ndarray] = {}
        self._symmetry: dict[int, list[int]] = {}

    def most_parts(self, weight: int) -> int:
        """How many parts the partitions of a weight may have here."""
        return min(weight, self.max_parts, self.max_level - 2 * ((weight + 1) // 3))

    def count(self, weight: int, parts: int) -> int:
        """How many partitions of `weight` have at most `parts` parts."""
        if parts < 0:
            return 0
        starts = self._table(weight)
        return starts[min(parts + 1, len(starts) - 1)]

    def blocks(self, weight: int, parts: int) -> list[tuple[int, slice]]:
        """(number of parts, where those partitions stand), for up to `parts` parts; empty ones left out."""
        starts = self._table(weight)
        return [
            (k, slice(starts[k], starts[k + 1]))
            for k in range(min(parts, len(starts) - 2) + 1)
            if starts[k] < starts[k + 1]
        ]

    def insert(self, part: int, weight: int, parts: int) -> np.ndarray:
        """Where each partition of `weight` into at most `parts` parts stands once it has one more `part`."""
        known = self._inserted.get((part, weight))
        if known is None:
            known = self._insertion(part, weight)
            self._inserted[part, weight] = known
        return known[: self.count(weight, parts)]

    def multiplicity(self, part: int, weight: int, parts: int) -> np.ndarray:
        """How often `part` occurs in each partition of `weight` into at most `parts` parts."""
        known = self._multiplicity.get((part, weight))
        if known is None:
            most = self.most_parts(weight + part) - 1
            known = np.zeros(self.count(weight, most), np.uint8)
            if weight >= part and most > 0:
                known[self.insert(part, weight - part, most - 1)] = self.multiplicity(part, weight - part, most - 1) + 1
            self._multiplicity[part, weight] = known
        return known[: self.count(weight, parts)]

    def largest(self, weight: int, parts: int) -> np.ndarray:
        """The largest part of each partition of `weight` into at most `parts` parts; 0 for the empty one."""
        known = self._largest.get(weight)
        if known is None:
            known = np.zeros(self.count(weight, self.most_parts(weight)), np.int32)
            for k, block in self.blocks(weight, self.most_parts(weight)):
                if k:
                    known[block] = self.largest(weight - k, k) + 1
            self._largest[weight] = known
        return known[: self.count(weight, parts)]

    def symmetry(self, weight: int, parts: int) -> list[int]:
        """The product of the factorials of the multiplicities of each partition, as Python ints."""
        known = self._symmetry.get(weight)
        if known is None:
            known = [] if weight else [1]
            for k, _ in self.blocks(weight, self.most_parts(weight)) if weight else ():
                inner = self.symmetry(weight - k, k)
                for j, block in self.blocks(weight - k, k):
                    ones = math.factorial(k - j)
                    known += [s * ones for s in inner[block]]
            self._symmetry[weight] = known
        return known[: self.count(weight, parts)]

    def _table(self, weight: int) -> list[int]:
        """Starts of the blocks of 0, 1, 2, ... parts, and the end."""
        known = self._starts.get(weight)
        if known is None:
            known = [0, 1] if weight == 0 else [0, 0]
            for k in range(1, self.most_parts(weight) + 1):
                known.append(known[-1] + self.count(weight - k, k))
            self._starts[weight] = known
        return known

    def _insertion(self, part: int, weight: int) -> np.ndarray:
        most = self.most_parts(weight + part) - 1
        if part == 0:
            return np.arange(self.count(weight, most + 1), dtype=np.int32)
        out = np.empty(self.count(weight, most), np.int32)
        starts = self._table(weight + part)
        for k, block in self.blocks(weight, most):
            # take 1 from every part, insert one less, put the 1s back
            out[block] = starts[k + 1] + self.insert(part - 1, weight - k, k)
        return out
