"""`correlator`, `table` and `complete_table`: exact psi-class intersection numbers as fractions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.methods import exact_number, npoint_memo, recursions, recursive_number
from popmath.intersections.partitions import counts_by_points, degree_tuples

if TYPE_CHECKING:
    import pandas


def clear_cache() -> None:
    """Forget every number computed so far in this process (they are kept to speed up later requests)."""
    for recursion in recursions.values():
        recursion.memo.clear()
    npoint_memo.clear()


def correlator(genus: int, degrees: Iterable[int], *, method: str = "auto") -> Fraction:
    r"""The psi-class intersection number of one genus and one list of degrees, exactly.

    $$\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g = \int_{\overline{\mathcal M}_{g,n}} \psi_1^{d_1}\cdots\psi_n^{d_n}$$

    in the plain normalisation: no double factorials, no automorphisms, so $\langle\tau_0^3\rangle_0 = 1$ and
    $\langle\tau_1\rangle_1 = 1/24$. The number is symmetric in the degrees.

    Args:
        genus: $g \ge 0$.
        degrees: $d_1, \ldots, d_n \ge 0$ in any order, with $2g - 2 + n > 0$.
        method: `"auto"` chooses by genus and number of points; `"closed_form"` (genus 0 and 1, one and two points),
            `"dvv"` (recursion on the smallest degree, remembers what it has met), `"liu_xu"` (recursion that keeps the
            number of points), `"npoint"` (trace formula, for few points and large genus) force one.

    Returns:
        The number as a reduced fraction. If the degrees do not sum to $3g - 3 + n$ the integral vanishes for
        reasons of dimension, and the exact number 0 is returned.

    Raises:
        TypeError: if the genus or a degree is not an integer.
        ValueError: if one of them is negative, or there are no stable curves of type $(g, n)$.
        UnableError: if the method does not cover the type, or the recursion would be too deep for Python's stack.

    Example:
        >>> correlator(genus=2, degrees=(2, 3))
        Fraction(29, 5760)
        >>> correlator(genus=2, degrees=(2, 2))
        Fraction(0, 1)

    References:
        Witten, E. (1991), Surveys in Differential Geometry 1, 243-310. Each algorithm's own reference stands in
        `popmath.intersections.closed_forms`, `recursion`, `liu_xu` and `npoint`.
    """
    genus, ascending = as_count("genus", genus), as_degrees(degrees)
    check_stable(genus, len(ascending))
    if sum(ascending) != 3 * genus - 3 + len(ascending):
        return Fraction(0)
    return exact_number(genus, ascending, method)


def log_correlator(genus: int, degrees: Iterable[int]) -> float:
    r"""Natural logarithm of `correlator`, exact to the last float64 digits at any size.

    The fraction itself leaves the range of floats near genus 90; its logarithm never does.

    Args:
        genus: $g \ge 0$.
        degrees: as for `correlator`.

    Returns:
        $\log\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$; $-\infty$ where the number is 0 (wrong sum of degrees).

    Raises:
        TypeError, ValueError, UnableError: as for `correlator`.

    Example:
        >>> round(log_correlator(genus=2, degrees=(2, 3)), 12)
        -5.291396923703
    """
    return log_fraction(correlator(genus, degrees))


def log_fraction(number: Fraction) -> float:
    """Natural logarithm of a non-negative fraction of any size, without overflow or cancellation.

    Raises:
        ValueError: if the number is negative.

    Example:
        >>> log_fraction(Fraction(10**400 + 1, 10**400)) == 0.0
        True
        >>> log_fraction(1 + Fraction(1, 10**12))
        9.999999999995e-13
    """
    if number == 0:
        return -math.inf
    if number < 0:
        raise ValueError("number must be at least 0 to have a real logarithm; got a negative fraction.")
    top, bottom = number.numerator, number.denominator
    shift = top.bit_length() - bottom.bit_length()
    if abs(shift) <= 1:  # near 1: the logarithm of a rounded quotient would cancel
        return math.log1p((top - bottom) / bottom)
    quotient = top / (bottom << shift) if shift > 0 else (top << -shift) / bottom  # between 1/2 and 2
    return math.log(quotient) + shift * math.log(2.0)


class CorrelatorTable(Mapping[tuple[int, ...], Fraction]):
    """All psi-class numbers of one type (genus, num_points): a mapping from ascending degrees to fractions.

    Looking up degrees in any order works; a wrong sum or number of degrees is a KeyError.
    """

    def __init__(self, genus: int, num_points: int, numbers: dict[tuple[int, ...], Fraction]) -> None:
        """Hold the numbers of one type; use `table` to compute them."""
        self.genus, self.num_points, self._numbers = genus, num_points, numbers

    def __getitem__(self, degrees: tuple[int, ...]) -> Fraction:
        """The number at these degrees."""
        return self._numbers[tuple(sorted(degrees))]

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """The ascending degree tuples, in lexicographic order."""
        return iter(self._numbers)

    def __len__(self) -> int:
        """How many numbers there are."""
        return len(self._numbers)

    def __repr__(self) -> str:
        """One line."""
        return f"CorrelatorTable(genus={self.genus}, num_points={self.num_points}: {len(self)} numbers)"

    def to_pandas(self) -> pandas.DataFrame:
        """One row per number: genus, num_points, degrees, numerator, denominator (Python ints) and log_value."""
        import pandas as pd

        rows = [
            (self.genus, self.num_points, d, v.numerator, v.denominator, log_fraction(v))
            for d, v in self._numbers.items()
        ]
        columns = ["genus", "num_points", "degrees", "numerator", "denominator", "log_value"]
        return pd.DataFrame(rows, columns=columns).astype({"numerator": object, "denominator": object})


def table(genus: int, num_points: int) -> CorrelatorTable:
    r"""Every psi-class number of one type: one per partition of $3g - 3 + n$ into at most $n$ parts.

    Args:
        genus: $g \ge 0$.
        num_points: $n \ge 1$, with $2g - 2 + n > 0$.

    Raises:
        TypeError, ValueError: for arguments that are not integers, negative, or not a stable type.

    Example:
        >>> dict(table(genus=1, num_points=2))
        {(0, 2): Fraction(1, 24), (1, 1): Fraction(1, 24)}
    """
    genus, num_points = as_count("genus", genus), as_count("num_points", num_points)
    check_stable(genus, num_points)
    if num_points == 0:
        raise ValueError("num_points must be at least 1: without points there is no psi class to integrate.")
    dvv = recursions["dvv"]
    numbers = {d: recursive_number(genus, d, dvv) for d in degree_tuples(3 * genus - 3 + num_points, num_points)}
    return CorrelatorTable(genus, num_points, numbers)


def complete_table(max_level: int) -> dict[tuple[int, int], CorrelatorTable]:
    r"""Every psi-class number with level $2g - 2 + n$ at most `max_level`, by type $(g, n)$.

    Args:
        max_level: at least 0; nothing is stable below 1. Level 20 has 31703 numbers, level 30 has 693941.

    Raises:
        TypeError, ValueError: if `max_level` is not an integer, or negative.

    Example:
        >>> tables = complete_table(5)
        >>> sum(len(t) for t in tables.values()), tables[2, 1][(4,)]
        (42, Fraction(1, 1152))
    """
    return {(g, n): table(g, n) for g, n in types_up_to(max_level)}


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


def count_numbers(max_level: int) -> int:
    """How many numbers `complete_table(max_level)` holds, without computing them.

    Example:
        >>> count_numbers(20)
        31703
    """
    types = types_up_to(max_level)
    counts = list(islice(counts_by_points(2 * max_level + 2), max_level + 3))
    return sum(counts[n][3 * g - 3 + n] for g, n in types)
