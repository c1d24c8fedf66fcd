"""`complete_table`: every psi-class number up to a level, in full or on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from popmath.intersections._requests import as_count
from popmath.intersections.expansion import Expansion
from popmath.intersections.sizes import complete_table_cost, count_numbers, refuse_if_too_large, types_up_to
from popmath.intersections.tables import CorrelatorTable


class CompleteTable(Mapping[tuple[int, int], CorrelatorTable]):
    """Every psi-class number with 2g - 2 + n at most `max_level`: a mapping from types (g, n) to tables.

    Attributes:
        max_level: the highest level.
        lazy: whether only the primitives are held, and a type is expanded each time it is read.
    """

    def __init__(self, max_level: int, lazy: bool) -> None:
        """Compute the primitives and, unless lazy, everything else; see `complete_table`."""
        self.max_level, self.lazy = max_level, lazy
        self._types = dict.fromkeys(types_up_to(max_level))
        self._expansion = Expansion.up_to(max_level, (max_level + 1) // 2)
        self._held: dict[tuple[int, int], CorrelatorTable] = {}
        if not lazy:
            for genus in range((max_level + 1) // 2 + 1):
                self._fill(genus)

    def __getitem__(self, genus_and_points: tuple[int, int]) -> CorrelatorTable:
        """The numbers of one type; made anew at each reading of a lazy table."""
        if genus_and_points not in self._types:
            raise KeyError(genus_and_points)
        held = self._held.get(genus_and_points)
        return held or self._table(*genus_and_points, None)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The types, by genus and number of points."""
        return iter(self._types)

    def __len__(self) -> int:
        """How many types there are."""
        return len(self._types)

    def __repr__(self) -> str:
        """One line."""
        held = "made when read" if self.lazy else "all held"
        return f"CompleteTable(max_level={self.max_level}: {count_numbers(self.max_level):,} numbers, {held})"

    def _fill(self, genus: int) -> None:
        most = self.max_level + 2 - 2 * genus
        without_ones = dict(self._expansion.without_ones(genus, most))
        for num_points in range(1, most + 1):
            if (genus, num_points) in self._types:
                self._held[genus, num_points] = self._table(genus, num_points, without_ones)

    def _table(self, genus: int, num_points: int, without_ones) -> CorrelatorTable:
        integers = self._expansion.integers(genus, num_points, without_ones)
        return CorrelatorTable(genus, num_points, integers, lambda: self._expansion.scales(genus, num_points))


def complete_table(max_level: int, *, lazy: bool = False, force: bool = False) -> CompleteTable:
    r"""Every psi-class number with level $2g - 2 + n$ at most `max_level`, by type $(g, n)$, as exact integers.

    Args:
        max_level: at least 0; nothing is stable below 1. Level 20 has 31,703 numbers, level 40 has 9,422,139, level 50
            has 93,988,384.
        lazy: hold only the primitives (162,141 at level 40, 1,297,597 at level 50) and make the numbers of a type when
            they are read.
        force: compute also what is predicted to take very long or more memory than there is.

    Returns:
        A mapping from (g, n) to `CorrelatorTable`, which gives fractions, integers and logarithms.

    Raises:
        TypeError, ValueError: if `max_level` is not an integer, or negative.
        UnableError: if the table is too large, with the predicted size and time.

    Example:
        >>> tables = complete_table(5)
        >>> sum(len(t) for t in tables.values()), tables[2, 1][(4,)]
        (42, Fraction(1, 1152))
    """
    max_level = as_count("max_level", max_level)
    cost = complete_table_cost(max_level, lazy=lazy)
    refuse_if_too_large(f"the {'lazy ' if lazy else ''}complete table up to level {max_level}", cost, force)
    return CompleteTable(max_level, lazy)
