"""Degrees as multisets: enumeration against brute force, counts against a different recurrence."""

from itertools import combinations_with_replacement

import pytest

from popmath.intersections import count_degree_tuples, count_numbers, degree_tuples, types_up_to
from popmath.intersections.partitions import multiplicities


@pytest.mark.parametrize("num_points", range(6))
@pytest.mark.parametrize("total", range(10))
def test_enumeration_is_every_ascending_tuple_in_lexicographic_order(total, num_points):
    expected = [d for d in combinations_with_replacement(range(total + 1), num_points) if sum(d) == total]
    assert list(degree_tuples(total, num_points)) == expected
    assert count_degree_tuples(total, num_points) == len(expected)


def test_long_tuples_need_no_deep_recursion():
    assert next(degree_tuples(3, 5000)) == (0,) * 4999 + (3,)
    assert len(list(degree_tuples(3, 5000))) == count_degree_tuples(3, 5000) == 3


def test_counts_obey_the_pentagonal_recurrence():
    """p(n) by Euler's pentagonal numbers, which shares nothing with the counting by largest part."""
    p = [1]
    for n in range(1, 200):
        pentagonal = [(k, k * (3 * k - 1) // 2) for k in (*range(1, 13), *range(-12, 0))]
        p.append(sum((-1) ** (k + 1) * p[n - w] for k, w in pentagonal if w <= n))
    assert [count_degree_tuples(n, n) for n in range(200)] == p
    assert count_degree_tuples(57, 57) == 614154  # all primitives of genus 20 (exact.md, section 0)


@pytest.mark.parametrize(("max_level", "expected"), [(0, 0), (10, 601), (12, 1481), (15, 5097), (20, 31703)])
def test_number_of_correlators(max_level, expected):
    assert count_numbers(max_level) == expected


def test_number_of_correlators_at_the_published_size():
    assert count_numbers(35) == 2678349
    assert count_numbers(200) > 10**15  # no recursion limit, no float


def test_types_are_stable_and_complete():
    types = types_up_to(7)
    assert types == [(g, n) for g in range(9) for n in range(1, 20) if 0 < 2 * g - 2 + n <= 7]
    assert types_up_to(0) == []


def test_multiplicities():
    assert multiplicities((0, 0, 3, 7, 7)) == {0: 2, 3: 1, 7: 2}
    assert multiplicities(()) == {}


@pytest.mark.parametrize("call", [degree_tuples, count_degree_tuples])
@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ((-1, 2), ValueError, "total"),
        ((2, -1), ValueError, "num_points"),
        ((2.0, 1), TypeError, "total"),
        ((2, "1"), TypeError, "num_points"),
        ((True, 1), TypeError, "total"),
    ],
)
def test_bad_sizes_are_refused_at_once(call, arguments, error, named):
    with pytest.raises(error, match=f"^{named} must be"):
        call(*arguments)


@pytest.mark.parametrize("call", [count_numbers, types_up_to])
@pytest.mark.parametrize(("level", "error"), [(-1, ValueError), (3.0, TypeError), ("3", TypeError), (True, TypeError)])
def test_bad_levels_are_refused(call, level, error):
    with pytest.raises(error, match="^max_level must be"):
        call(level)
