r"""Norbury's Theta class with psi classes: the Brezin-Gross-Witten numbers.

$$(2k+1)!!\,\langle\Theta\,\tau_k \tau_d\rangle_g = \sum_j \frac{(2k+2d_j+1)!!}{(2d_j-1)!!}
  \langle\Theta\cdots\tau_{d_j+k}\cdots\rangle_g + \tfrac12 \sum_{a+b=k-1} (2a+1)!!\,(2b+1)!!\,\Bigl[
  \langle\Theta\,\tau_a\tau_b\tau_d\rangle_{g-1} + \sum_{h,\,I \sqcup J} \langle\Theta\,\tau_a\tau_I\rangle_h
  \langle\Theta\,\tau_b\tau_J\rangle_{g-h}\Bigr], \qquad \langle\Theta\,\tau_0\rangle_1 = \tfrac18 .$$

Zeros are removed in closed form, by $\langle\Theta\,\tau_0\tau_d\rangle_g = (2g-2+n)\langle\Theta\,\tau_d\rangle_g$.

References:
    Norbury, P. (2023), Geometry & Topology 27, 2695-2761. Chidambaram, N. K., Garcia-Failde, E. & Giacchetto, A.
    (2022), arXiv 2205.15621 (that the recursion holds).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from math import factorial, prod

from popmath._errors import UnableError
from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.recursion import odd_double_factorial, runs, splittings


def theta_correlator(genus: int, degrees: Iterable[int]) -> Fraction:
    r"""The integral of Norbury's Theta class with psi classes, exactly.

    $$\langle\Theta\,\tau_{d_1}\cdots\tau_{d_n}\rangle_g =
      \int_{\overline{\mathcal M}_{g,n}} \Theta_{g,n}\,\psi_1^{d_1}\cdots\psi_n^{d_n}$$

    $\Theta_{g,n}$ has degree 2g - 2 + n, so the degrees have to sum to g - 1; it vanishes at genus 0.

    Args:
        genus: $g \ge 0$.
        degrees: $d_1, \ldots, d_n \ge 0$ in any order, with $2g - 2 + n > 0$.

    Returns:
        The number as a reduced fraction; exactly 0 if the degrees do not sum to g - 1.

    Raises:
        TypeError: if the genus or a degree is not an integer.
        ValueError: if one of them is negative, or there are no stable curves of type $(g, n)$.
        UnableError: if the recursion would be too deep for Python's stack.

    Example:
        >>> theta_correlator(1, (0,)), theta_correlator(2, (1,)), theta_correlator(3, (1, 1))
        (Fraction(1, 8), Fraction(3, 128), Fraction(63, 512))

    References:
        Norbury, P. (2023), Geometry & Topology 27, 2695-2761.
    """
    genus, ascending = as_count("genus", genus), as_degrees(degrees)
    check_stable(genus, len(ascending))
    if genus == 0 or sum(ascending) != genus - 1:
        return Fraction(0)
    try:
        return _without_scale(genus, ascending) / prod(map(odd_double_factorial, ascending))
    except RecursionError:
        raise UnableError(f"genus {genus} is too deep for the recursion and Python's stack; lower it.") from None


def _without_scale(genus: int, degrees: tuple[int, ...]) -> Fraction:
    """The number times prod (2d + 1)!!, for degrees of sum genus - 1: what the recursion is simplest in."""
    zeros = degrees.count(0)
    kept = degrees[zeros:]
    if kept or genus > 1:
        level = 2 * genus - 2 + len(kept)
        return prod(range(level, level + zeros)) * without_zeros(kept)
    return Fraction(factorial(zeros - 1), 8)  # <Theta tau_0^n>_1


@cache
def without_zeros(degrees: tuple[int, ...]) -> Fraction:
    """The same for degrees that are all positive; the genus is their sum plus one, at least 2."""
    genus, k, rest = sum(degrees) + 1, degrees[0], degrees[1:]
    total = Fraction(0)
    for d, times, first in runs(rest):
        total += times * (2 * d + 1) * without_zeros(tuple(sorted((*rest[:first], *rest[first + 1 :], d + k))))
    split = Fraction(0)
    for a in range(k):
        split += _without_scale(genus - 1, tuple(sorted((a, k - 1 - a, *rest))))
    for left, right, _, ways in splittings(rest, sum(rest)):
        for a in range(k):
            one, two = tuple(sorted((a, *left))), tuple(sorted((k - 1 - a, *right)))
            split += ways * _without_scale(sum(one) + 1, one) * _without_scale(sum(two) + 1, two)
    return total + split / 2
