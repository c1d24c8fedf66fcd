"""`CorrelatorTable` and `table`: every psi-class number of one type, exactly."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from popmath.intersections._requests import as_type
from popmath.intersections.correlators import log_ratio
from popmath.intersections.methods import exact_number
from popmath.intersections.partitions import degree_tuples, position
from popmath.intersections.recursion import integer_scale
from popmath.intersections.sizes import refuse_if_too_large, table_cost

if TYPE_CHECKING:
    import pandas


class CorrelatorTable(Mapping[tuple[int, ...], Fraction]):
    r"""All psi-class numbers of one type (genus, num_points): a mapping from ascending degrees to fractions.

    Looking up degrees in any order works; a wrong sum or number of degrees is a KeyError. The numbers are held in the
    integer form; fractions are made when they are read.

    Attributes:
        genus: genus.
        num_points: number of points.
        integers: Python ints in the order of iteration: $2^{4g-1}\prod_i (2d_i + 1)!!$ times the numbers (without the
            power of 2 at genus 0).
    """

    def __init__(
        self, genus: int, num_points: int, integers: np.ndarray, scales: Callable[[], np.ndarray] | None = None
    ) -> None:
        """Hold the numbers of one type; use `table` or `complete_table` to compute them."""
        self.genus, self.num_points, self.integers = genus, num_points, integers
        self._scales = scales or self._scales_of_degrees

    def __getitem__(self, degrees: tuple[int, ...]) -> Fraction:
        """The number at these degrees."""
        ascending = tuple(sorted(degrees))
        right = len(ascending) == self.num_points and sum(ascending) == self._total and ascending[0] >= 0
        if not right:
            raise KeyError(degrees)
        return Fraction(self.integers[position(ascending)], integer_scale(self.genus, ascending))

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """The ascending degree tuples, in lexicographic order."""
        return degree_tuples(self._total, self.num_points)

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(self.integers)

    def __repr__(self) -> str:
        """One line."""
        return f"CorrelatorTable(genus={self.genus}, num_points={self.num_points}: {len(self)} numbers)"

    def items(self) -> ItemsView[tuple[int, ...], Fraction]:
        """Degrees with their numbers, in order."""
        return _Items(self)

    def values(self) -> ValuesView[Fraction]:
        """The numbers, in order."""
        return _Values(self)

    def log_values(self) -> np.ndarray:
        """Natural logarithms of all numbers in order, exact to the last float64 digits."""
        scales = self._scales()
        try:
            logs = np.log(self.integers.astype(np.float64) / scales.astype(np.float64))
        except OverflowError:  # beyond 1e308
            return np.array([log_ratio(h, s) for h, s in zip(self.integers, scales, strict=True)])
        for i in np.flatnonzero(np.abs(logs) < 1.0):  # near 1 the logarithm of a rounded quotient would cancel
            logs[i] = log_ratio(self.integers[i], scales[i])
        return logs

    def to_pandas(self) -> pandas.DataFrame:
        """One row per number: genus, num_points, degrees, numerator, denominator (Python ints) and log_value."""
        import pandas as pd

        rows = [
            (self.genus, self.num_points, d, v.numerator, v.denominator, log)
            for (d, v), log in zip(self.items(), self.log_values(), strict=True)
        ]
        columns = ["genus", "num_points", "degrees", "numerator", "denominator", "log_value"]
        return pd.DataFrame(rows, columns=columns).astype({"numerator": object, "denominator": object})

    def fractions(self) -> Iterator[Fraction]:
        """The numbers, in order."""
        return map(Fraction, self.integers.tolist(), self._scales().tolist())

    @property
    def _total(self) -> int:
        return 3 * self.genus - 3 + self.num_points

    def _scales_of_degrees(self) -> np.ndarray:
        scales = np.empty(len(self), object)
        scales[:] = [integer_scale(self.genus, d) for d in self]
        return scales


class _Items(ItemsView):
    def __iter__(self) -> Iterator[tuple[tuple[int, ...], Fraction]]:
        return zip(self._mapping, self._mapping.fractions(), strict=True)


class _Values(ValuesView):
    def __iter__(self) -> Iterator[Fraction]:
        return self._mapping.fractions()


def table(genus: int, num_points: int, *, force: bool = False) -> CorrelatorTable:
    r"""Every psi-class number of one type: one per partition of $3g - 3 + n$ into at most $n$ parts.

    Args:
        genus: $g \ge 0$.
        num_points: $n \ge 1$, with $2g - 2 + n > 0$.
        force: compute also what is predicted to take very long or more memory than there is.

    Raises:
        TypeError, ValueError: for arguments that are not integers, negative, or not a stable type.
        UnableError: if the table is too large, with the predicted size and time.

    Example:
        >>> dict(table(genus=1, num_points=2))
        {(0, 2): Fraction(1, 24), (1, 1): Fraction(1, 24)}
    """
    genus, num_points = as_type(genus, num_points)
    cost = table_cost(genus, num_points)
    refuse_if_too_large(f"the table of genus {genus} with {num_points} points", cost, force)
    if cost.way == "kdv":
        from popmath.intersections.expansion import Expansion

        expansion = Expansion.up_to(2 * genus - 2 + num_points, genus, num_points)
        integers = expansion.integers(genus, num_points)
        return CorrelatorTable(genus, num_points, integers, lambda: expansion.scales(genus, num_points))
    integers = np.empty(cost.numbers, object)
    integers[:] = [
        int(integer_scale(genus, d) * exact_number(genus, d, cost.way))
        for d in degree_tuples(3 * genus - 3 + num_points, num_points)
    ]
    return CorrelatorTable(genus, num_points, integers)
