r"""From primitives to every number of a type: zeros by the string equation, ones by the dilaton equation.

The numbers of type $(g, n)$ in lexicographic order of their ascending degrees are blocks: $z$ zeros (many first), $o$
ones (many first), and the partitions of $3g - 3 + z$ into exactly $n - z - o$ parts. With $m = 2g - 2 + n - o$ the
block with ones is that without them times $m (m + 1) \cdots (m + o - 1)$, and times $3^o$ in the integer form.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from popmath.intersections.kdv import primitives
from popmath.intersections.partition_maps import PartitionMaps
from popmath.intersections.recursion import odd_double_factorial
from popmath.intersections.string_equation import airy_factor, one_more_zero


class Expansion:
    """The primitives of some genera, and what follows from them.

    Args:
        max_level: the level N; types with 2g - 2 + n <= N can be asked for.
        primitives: those of each genus from 2 on, in the integer form, in the order of the partition maps; as many as
            the level needs. Genus 0 and 1 need none.
        maps: partition maps of that level, if they have been made already.
    """

    def __init__(self, max_level: int, primitives: Mapping[int, list[int]], maps: PartitionMaps | None = None) -> None:
        """Hold the primitives."""
        self.maps = maps or PartitionMaps(max_level)
        # genus 0 starts from <tau_0^3> = 1 and genus 1 from <tau_0 tau_2> = 1/24
        self._first: dict[int, tuple[int, np.ndarray]] = {0: (3, _objects([1])), 1: (1, _objects([5]))}
        self._first |= {genus: (0, _objects(numbers)) for genus, numbers in primitives.items()}
        self._scales: dict[int, np.ndarray] = {}

    @classmethod
    def up_to(cls, max_level: int, max_genus: int, max_points: int | None = None) -> Expansion:
        """With all primitives of genus at most `max_genus` (and, if given, at most so many points), computed."""
        maps = PartitionMaps(max_level, max_points)
        return cls(max_level, dict(primitives(max_level, maps, max_genus)), maps)

    def without_ones(self, genus: int, num_points: int) -> Iterator[tuple[int, np.ndarray]]:
        """(z, the numbers with z zeros and no ones and at most `num_points` points in all), by ascending z."""
        zeros, numbers = self._first[genus]
        while zeros <= num_points:
            weight = 3 * genus - 3 + zeros
            yield zeros, numbers[: self.maps.count(weight, num_points - zeros)]
            zeros += 1
            if zeros <= num_points:
                level = 2 * genus - 3 + zeros
                numbers = one_more_zero(self.maps, numbers, weight, level, num_points - zeros, airy_factor)

    def integers(self, genus: int, num_points: int, without_ones: dict[int, np.ndarray] | None = None) -> np.ndarray:
        """Every number of one type in the integer form; `without_ones` if they have been made already."""
        if without_ones is None:
            without_ones = dict(self.without_ones(genus, num_points))
        pieces = []
        for zeros, ones, weight, block in self._blocks(genus, num_points):
            if weight == 0 and genus == 1:
                pieces.append(_objects([3 ** (ones - 1) * math.factorial(ones - 1)]))
                continue
            level = 2 * genus - 2 + num_points - ones
            factor = 3**ones * math.prod(range(level, level + ones))
            numbers = without_ones[zeros][block]
            pieces.append(numbers * factor if ones else numbers)
        return np.concatenate(pieces)

    def scales(self, genus: int, num_points: int) -> np.ndarray:
        """What `integers` have to be divided by to give the plain numbers, aligned with them."""
        power = 1 << (4 * genus - 1) if genus else 1
        pieces = [
            self._scale(weight)[block] * (3**ones * power) for _, ones, weight, block in self._blocks(genus, num_points)
        ]
        return np.concatenate(pieces)

    def _blocks(self, genus: int, num_points: int) -> Iterator[tuple[int, int, int, slice]]:
        """(zeros, ones, weight, where the partitions stand) in lexicographic order of the degrees."""
        for zeros in range(num_points, -1, -1):
            weight = 3 * genus - 3 + zeros
            if weight < 0:
                return
            for parts, block in self.maps.blocks(weight, num_points - zeros):
                yield zeros, num_points - zeros - parts, weight, block

    def _scale(self, weight: int) -> np.ndarray:
        """The product of (2d + 1)!! over the degrees of each partition of a weight."""
        known = self._scales.get(weight)
        if known is None:
            parts = self.maps.most_parts(weight)
            known = np.ones(self.maps.count(weight, parts), object)
            for e in range(1, weight + 1):
                chosen = np.flatnonzero(self.maps.largest(weight - e, parts - 1) <= e)
                target = self.maps.insert(e, weight - e, parts - 1)[chosen]
                known[target] = self._scale(weight - e)[chosen] * odd_double_factorial(e + 1)
            self._scales[weight] = known
        return known


def _objects(numbers: list[int]) -> np.ndarray:
    out = np.empty(len(numbers), object)
    out[:] = numbers
    return out
