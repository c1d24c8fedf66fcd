"""Index maps of partitions against partitions written out one by one."""

from math import factorial, prod

import numpy as np
import pytest

from popmath.intersections.expansion import Expansion
from popmath.intersections.partition_maps import PartitionMaps


def written_out(weight, parts):
    """The partitions of `weight` into at most `parts` parts, by number of parts, then as ascending tuples."""
    found = {(): 0} if weight == 0 else {}
    frontier = [((), 0, 1)]
    while frontier:
        head, used, least = frontier.pop()
        for part in range(least, weight - used + 1):
            longer = (*head, part)
            if used + part == weight:
                found[longer] = len(longer)
            elif len(longer) < parts:
                frontier.append((longer, used + part, part))
    return sorted((p for p in found if len(p) <= parts), key=lambda p: (len(p), p))


@pytest.fixture(scope="module", params=[1, 4, 9, 15])
def level(request):
    maps = PartitionMaps(request.param)
    weights = [w for w in range(3 * request.param // 2 + 2) if maps.most_parts(w) >= 0]
    return maps, {w: written_out(w, maps.most_parts(w)) for w in weights}


def test_counts_blocks_largest_parts_and_symmetries(level):
    maps, partitions = level
    for weight, expected in partitions.items():
        most = maps.most_parts(weight)
        assert maps.count(weight, most) == len(expected) and maps.count(weight, -1) == 0
        for parts, block in maps.blocks(weight, most):
            assert {len(p) for p in expected[block]} == {parts}
        assert maps.largest(weight, most).tolist() == [max(p, default=0) for p in expected]
        symmetries = [prod(factorial(p.count(e)) for e in set(p)) for p in expected]
        assert maps.symmetry(weight, most) == symmetries


def test_insertions_and_multiplicities(level):
    maps, partitions = level
    for weight, before in partitions.items():
        for part in range(1, max(partitions) - weight + 1):
            after = {p: i for i, p in enumerate(partitions[weight + part])}
            most = maps.most_parts(weight + part) - 1
            fitting = [p for p in before if len(p) <= most]
            landed = [after[tuple(sorted((*p, part)))] for p in fitting]
            assert maps.insert(part, weight, most).tolist() == landed
            assert maps.multiplicity(part, weight, most).tolist() == [p.count(part) for p in fitting]


@pytest.mark.parametrize(("level", "genus", "points"), [(25, 8, 5), (20, 10, 2), (31, 4, 9)])
def test_fewer_parts_give_the_same_numbers(level, genus, points):
    whole, cut = Expansion.up_to(level, genus), Expansion.up_to(level, genus, points)
    for g in range(genus + 1):
        for n in range(1, min(points, level + 2 - 2 * g) + 1):
            if 2 * g - 2 + n > 0:
                np.testing.assert_array_equal(cut.integers(g, n), whole.integers(g, n))
