"""`correlator` and its logarithm: single psi-class intersection numbers, exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.methods import exact_number


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
    return log_ratio(number.numerator, number.denominator)


def log_ratio(top: int, bottom: int) -> float:
    """Natural logarithm of the quotient of two positive integers of any size; they may have common factors."""
    shift = top.bit_length() - bottom.bit_length()
    if abs(shift) <= 1:  # near 1: the logarithm of a rounded quotient would cancel
        return math.log1p((top - bottom) / bottom)
    quotient = top / (bottom << shift) if shift > 0 else (top << -shift) / bottom  # between 1/2 and 2
    return math.log(quotient) + shift * math.log(2.0)
