r"""The string equation on whole arrays: from all numbers with z zeros to all with z + 1.

An array holds the numbers $\langle\tau_0^z\tau_\lambda\rangle_g$ of one genus and one z, indexed by the partitions of
$3g - 3 + z$ (a part $e = d - 1$ for every degree $d \ge 2$), in the order of
`popmath.intersections.partition_maps`. The string equation lowers one degree; a degree 2 becomes a degree 1, which the
dilaton equation removes. It serves any scale and any kind of number: exact integers, residues modulo several primes
(a column each), floats.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from popmath.intersections.modular import add_rows
from popmath.intersections.partition_maps import PartitionMaps


def one_more_zero(
    maps: PartitionMaps,
    numbers: np.ndarray,
    weight: int,
    level: int,
    parts: int,
    lowered: Callable[[int], int],
    divided: bool = False,
) -> np.ndarray:
    """The numbers with one more zero, for the partitions of `weight + 1` into at most `parts` parts.

    Args:
        maps: partition maps of a level that covers them.
        numbers: an array over the partitions of `weight`, of at least `parts` parts if there are such.
        weight: 3g - 3 + z.
        level: 2g - 2 + z.
        parts: how many parts are wanted.
        lowered: the factor of lowering a degree d by one; for d = 2 with that of removing the 1, without its level.
        divided: whether the numbers are divided by the factorials of the multiplicities.
    """
    wanted = maps.count(weight + 1, parts)
    total = np.zeros((wanted, *numbers.shape[1:]), numbers.dtype)
    for e in range(1, weight + 2):
        rest = weight + 1 - e
        size = maps.count(rest, parts - 1)
        if not size:
            continue
        target = maps.insert(e, rest, parts - 1)
        if e == 1:
            factor = np.empty(size, np.int64)
            for k, block in maps.blocks(rest, parts - 1):
                factor[block] = lowered(2) * (level + k)
            if not divided:
                factor *= maps.multiplicity(1, rest, parts - 1).astype(np.int64) + 1
            source = numbers[:size]
        else:
            changed = e - 1 if divided else e
            factor = (maps.multiplicity(changed, rest, parts - 1).astype(np.int64) + 1) * lowered(e + 1)
            source = numbers.take(maps.insert(e - 1, rest, parts - 1), axis=0)
        if total.dtype != object:
            factor = factor.astype(total.dtype)
        if numbers.ndim == 1:
            total[target] += source * factor
        else:
            add_rows(total, target, source * factor[:, None])
    return total


def airy_factor(degree: int) -> int:
    """2d + 1, for numbers multiplied by prod (2d_i + 1)!!; a degree 2 goes on to 1 and away: 5 times 3."""
    return 15 if degree == 2 else 2 * degree + 1


def plain_factor(degree: int) -> int:
    """1, for plain numbers."""
    return 1
