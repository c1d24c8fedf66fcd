"""What a single exact number will cost, before it is begun."""

from __future__ import annotations

from collections.abc import Iterable

from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.methods import fastest_method, npoint_seconds
from popmath.intersections.sizes import Cost

_BYTES_PER_SECOND = 2e7  # of recursion, which remembers what it meets


def correlator_cost(genus: int, degrees: Iterable[int]) -> Cost:
    """The predicted cost of `correlator(genus, degrees)` when nothing like it was computed before.

    Seldom too low by more than a factor of three; often too high by as much, as what the recursion meets on its way
    depends on the degrees.

    Raises:
        TypeError, ValueError: as `correlator`.

    Example:
        >>> correlator_cost(2, (2, 3)).way, correlator_cost(13, (3, 3, 9, 10, 19)).way
        ('closed_form', 'dvv')
    """
    genus, ascending = as_count("genus", genus), as_degrees(degrees)
    check_stable(genus, len(ascending))
    kept = tuple(d for d in ascending if d != 1) or (1,)
    if genus == 1 and kept == (1,):  # nothing but ones: the closed form is asked as it stands
        kept = ascending
    return single_cost(genus, kept)


def single_cost(genus: int, kept: tuple[int, ...]) -> Cost:
    """The same of degrees that are ascending and without ones."""
    way = "closed_form" if genus <= 1 else fastest_method(genus, kept)
    if way == "closed_form":
        points = len(kept)
        two, many = (points == 2) * 0.2 * (genus / 1000) ** 2.8, (genus <= 1) * 0.1 * (points / 1000) ** 2.5
        return Cost(1, 2e-5 + 1e-9 * genus**1.6 + two + many, 1e4 + 100 * (genus + points), way)
    if way == "npoint":
        seconds = 0.01 + npoint_seconds(genus, kept)
        return Cost(1, seconds, 1e6 + 1e7 * seconds, way)
    seconds = 1e-4 + 3e-3 * (genus / 10) ** 3.3 * (len(kept) / 3) ** 2
    return Cost(1, seconds, 1e5 + _BYTES_PER_SECOND * seconds, way)
