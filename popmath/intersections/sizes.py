"""How many numbers a table holds, and what it will cost, before it is begun."""

from __future__ import annotations

import dataclasses
import math
import os
from functools import lru_cache
from itertools import islice

from popmath._errors import UnableError
from popmath.intersections._requests import as_count, as_type
from popmath.intersections.partitions import count_degree_tuples, counts_by_points

_LONG = 900.0  # seconds
_SECONDS_PER_PRIMITIVE_PAIR, _SECONDS_PER_NUMBER = 0.9e-9, 0.9e-6
_SECONDS_PER_ROW, _BYTES_PER_ROW = 6e-6, 5
_BYTES_PER_NUMBER, _BYTES_PER_PRIMITIVE = 85, 450


@dataclasses.dataclass(frozen=True)
class Cost:
    """A prediction, good to about a factor of two on an ordinary core.

    Attributes:
        numbers: how many numbers there are, exactly.
        seconds: predicted time.
        bytes: predicted memory, or space on disk.
        way: the fastest way: `"kdv"`, or a method of `correlator`.
    """

    numbers: int
    seconds: float
    bytes: float
    way: str = "kdv"
    where: str = "memory"

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.numbers:,} numbers, about {_time(self.seconds)}, about {_size(self.bytes)} of {self.where}"


def types_up_to(max_level: int) -> list[tuple[int, int]]:
    """The stable types (g, n) with n >= 1 and 2g - 2 + n <= max_level.

    Example:
        >>> types_up_to(2)
        [(0, 3), (0, 4), (1, 1), (1, 2)]
    """
    max_level = as_count("max_level", max_level)
    return [
        (g, n) for g in range((max_level + 1) // 2 + 1) for n in range(1, max_level + 3 - 2 * g) if 2 * g - 2 + n > 0
    ]


def requested_types(max_level: int | None, genus: int | None, num_points: int | None) -> list[tuple[int, int]]:
    """The types that either a level or a genus and a number of points ask for.

    Raises:
        TypeError, ValueError: if neither is asked for or both are, or for what is not a type.

    Example:
        >>> requested_types(None, 2, 3)
        [(2, 3)]
    """
    if max_level is not None and genus is None and num_points is None:
        level = as_count("max_level", max_level)
        if level == 0:
            raise ValueError("max_level must be at least 1: nothing is stable at level 0.")
        return types_up_to(level)
    if max_level is not None or genus is None or num_points is None:
        raise ValueError(
            f"give either max_level, or genus and num_points; got max_level={max_level}, genus={genus}, "
            f"num_points={num_points}."
        )
    return [as_type(genus, num_points)]


def count_numbers(max_level: int) -> int:
    """How many numbers `complete_table(max_level)` holds, without computing them.

    Example:
        >>> count_numbers(20)
        31703
    """
    types = types_up_to(max_level)
    counts = list(islice(counts_by_points(2 * max_level + 2), max_level + 3))
    return sum(counts[n][3 * g - 3 + n] for g, n in types)


def complete_table_cost(max_level: int, *, lazy: bool = False) -> Cost:
    """The predicted cost of `complete_table(max_level, lazy=lazy)`.

    Example:
        >>> complete_table_cost(40).numbers
        9422139
    """
    numbers = count_numbers(max_level)
    primitives, seconds = _flow_cost(max_level, (max_level + 1) // 2)
    kept = 0 if lazy else numbers
    return Cost(
        numbers,
        0.05 + seconds + kept * _SECONDS_PER_NUMBER,
        4e7 + primitives * _BYTES_PER_PRIMITIVE + kept * _BYTES_PER_NUMBER,
    )


def table_cost(genus: int, num_points: int) -> Cost:
    """The predicted cost of `table(genus, num_points)`.

    Example:
        >>> table_cost(20, 5).numbers
        8056
    """
    numbers = count_degree_tuples(3 * genus - 3 + num_points, num_points)
    primitives, seconds = _flow_cost(2 * genus - 2 + num_points, genus, num_points)
    flow = 0.005 + 6e-5 * genus**3 + seconds + numbers * _SECONDS_PER_NUMBER
    memory = 4e7 + primitives * _BYTES_PER_PRIMITIVE + numbers * _BYTES_PER_NUMBER
    # what the recursions meet on their way was measured, and grows like this
    met = numbers * (1 + (genus / num_points) ** 1.7)
    costs = [Cost(numbers, flow, memory), Cost(numbers, met * 2.2e-5, 4e7 + met * 3 * _BYTES_PER_NUMBER, "dvv")]
    if num_points in (3, 4):
        met = numbers * 1.6 * (genus + 1)
        costs.append(Cost(numbers, met * 1.1e-5, 4e7 + met * 3 * _BYTES_PER_NUMBER, "liu_xu"))
    if num_points <= 2:
        costs = [Cost(numbers, numbers * (genus + 5) ** 2 * 4e-7, 4e7 + numbers * genus * 10, "closed_form")]
    return min(costs, key=lambda cost: cost.seconds)


def saving_cost(max_level: int | None, genus: int | None = None, num_points: int | None = None) -> Cost:
    """The predicted cost of `save_table` on one core, with the size of the file; its pieces take several times that.

    Example:
        >>> saving_cost(40).numbers, saving_cost(40).where
        (9422139, 'disk')
    """
    types = requested_types(max_level, genus, num_points)
    cost = table_cost(*types[0]) if max_level is None else complete_table_cost(max_level)
    digits = math.log2(3 + max(2 * g - 2 + n for g, n in types))
    space = cost.numbers * digits * _BYTES_PER_ROW
    return Cost(cost.numbers, cost.seconds + cost.numbers * _SECONDS_PER_ROW, space, cost.way, "disk")


def refuse_if_too_large(what: str, cost: Cost, force: bool, room: float | None = None) -> None:
    """Raise UnableError if the cost is beyond `room` (default: the memory) or a quarter of an hour, unless forced."""
    room = _physical_memory() if room is None else room
    if force or (cost.seconds <= _LONG and cost.bytes <= 0.8 * room):
        return
    raise UnableError(
        f"{what} is too large to begin without asking: {cost}; there are {_size(room)} of {cost.where} here, and a "
        f"quarter of an hour is the limit. Ask for less, or give force=True (--force on the command line)."
    )


def _physical_memory() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 8 * 2.0**30  # not told by this system


@lru_cache(maxsize=256)
def _flow_cost(max_level: int, max_genus: int, max_points: int | None = None) -> tuple[int, float]:
    """(number of primitives, seconds of the KdV products for as many primes as the highest genus needs)."""
    most = max_level if max_points is None else max_points

    def kept(weight: int, genus: int) -> int:
        return count_degree_tuples(weight, min(weight, most, max(0, max_level + 2 - 2 * genus)))

    primitives = pairs = 0
    for genus in range(2, max_genus + 1):
        primitives += kept(3 * genus - 3, genus)
        pairs += sum(kept(3 * h - 1, genus) * kept(3 * (genus - h) - 1, genus) for h in range(1, genus // 2 + 1))
    return primitives, primitives * 1.2e-5 + pairs * _SECONDS_PER_PRIMITIVE_PAIR


def _time(seconds: float) -> str:
    if seconds < 120:
        return "0.1 s" if seconds < 0.1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.0f} h"


def _size(count: float) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}" if count < 100 * factor else f"{count / factor:,.0f} {unit}"
    return f"{count / 1024:.0f} KiB"
