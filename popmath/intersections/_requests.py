"""Checks of what a user asks for: genus, number of points, degrees."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Set
from typing import Any


def as_count(name: str, value: Any) -> int:
    """`value` as a non-negative Python int, or a TypeError / ValueError that names the argument."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer; got the truth value {value}.")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r} of type {type(value).__name__}.") from None
    if number < 0:
        raise ValueError(f"{name} must be at least 0; got {number}.")
    return number


def as_degrees(degrees: Iterable[object], name: str = "degrees") -> tuple[int, ...]:
    """`degrees` as an ascending tuple of non-negative ints. A set is refused: it has lost its repeated degrees."""
    if isinstance(degrees, str | bytes | Set | Mapping) or not isinstance(degrees, Iterable):
        raise TypeError(f"{name} must be a sequence of integers such as (2, 3); got {degrees!r}.")
    return tuple(sorted(as_count(f"{name}[{i}]", d) for i, d in enumerate(degrees)))


def check_stable(genus: int, num_points: int) -> None:
    """Refuse (genus, num_points) without a moduli space of stable curves."""
    if 2 * genus - 2 + num_points <= 0:
        raise ValueError(
            f"there are no stable curves of genus {genus} with {num_points} marked points: 2g - 2 + n must be "
            f"positive, here it is {2 * genus - 2 + num_points}."
        )


def as_type(genus: Any, num_points: Any) -> tuple[int, int]:
    """A stable type (g, n) with at least one point, as ints."""
    genus, num_points = as_count("genus", genus), as_count("num_points", num_points)
    check_stable(genus, num_points)
    if num_points == 0:
        raise ValueError("num_points must be at least 1: without points there is no psi class to integrate.")
    return genus, num_points
