"""Degrees as multisets: enumerating them and their counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count, islice

from popmath.intersections._requests import as_count


def degree_tuples(total: int, num_points: int) -> Iterator[tuple[int, ...]]:
    """Every ascending tuple of `num_points` non-negative integers with sum `total`, in lexicographic order.

    Raises:
        TypeError, ValueError: for arguments that are not integers or are negative.

    Example:
        >>> list(degree_tuples(4, 2))
        [(0, 4), (1, 3), (2, 2)]
    """
    return _ascending(as_count("total", total), as_count("num_points", num_points))


def _ascending(total: int, num_points: int) -> Iterator[tuple[int, ...]]:
    if num_points < 2:
        if num_points == 1 or total == 0:
            yield (total,) * num_points
        return
    head, left = [0] * (num_points - 2), total  # all but the last two degrees, and the sum of those two
    while True:
        least = head[-1] if head else 0
        for d in range(least, left // 2 + 1):
            yield (*head, d, left - d)
        for i in reversed(range(len(head))):  # raise the rightmost degree of the head that can be raised
            left += head[i]
            d = head[i] + 1
            if d * (num_points - i) <= left:
                head[i:] = [d] * (len(head) - i)
                left -= sum(head[i:])
                break
        else:
            return


def count_degree_tuples(total: int, num_points: int) -> int:
    """How many tuples `degree_tuples(total, num_points)` yields: partitions of `total` into at most `num_points` parts.

    Raises:
        TypeError, ValueError: for arguments that are not integers or are negative.

    Example:
        >>> count_degree_tuples(4, 2)
        3
    """
    total, num_points = as_count("total", total), as_count("num_points", num_points)
    return next(islice(counts_by_points(total), min(total, num_points), None))[total]


def counts_by_points(largest: int) -> Iterator[tuple[int, ...]]:
    """For 0, 1, 2, ... points in turn, how many degree tuples each total 0..`largest` has.

    A partition into at most n parts is, conjugated, one into parts of at most n; so each step admits one part more.

    Example:
        >>> [counts[4] for counts, _ in zip(counts_by_points(4), range(4))]
        [0, 1, 3, 4]
    """
    counts = [1] + [0] * largest
    for part in count(1):
        yield tuple(counts)
        for total in range(part, largest + 1):
            counts[total] += counts[total - part]


def position(degrees: tuple[int, ...]) -> int:
    """Where an ascending tuple stands among all `degree_tuples` of its sum and length, from 0.

    Example:
        >>> [position(d) for d in degree_tuples(4, 2)]
        [0, 1, 2]
    """
    counts = _count_table(sum(degrees), len(degrees))
    before, least, left = 0, 0, sum(degrees)
    for i, d in enumerate(degrees[:-1]):
        after = len(degrees) - i - 1
        before += sum(counts[after][left - v * (after + 1)] for v in range(least, d))
        least, left = d, left - d
    return before


@lru_cache(maxsize=64)
def _count_table(largest: int, num_points: int) -> list[tuple[int, ...]]:
    return list(islice(counts_by_points(largest), num_points + 1))


def multiplicities(degrees: tuple[int, ...]) -> dict[int, int]:
    """How often each degree occurs, keys ascending if `degrees` is.

    Example:
        >>> multiplicities((0, 2, 2, 5))
        {0: 1, 2: 2, 5: 1}
    """
    counts: dict[int, int] = {}
    for d in degrees:
        counts[d] = counts.get(d, 0) + 1
    return counts
