"""Bernoulli numbers and even values of the zeta function, exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import comb, factorial


@cache
def even_bernoulli(m: int) -> Fraction:
    """The Bernoulli number B_(2m) for m >= 0.

    Example:
        >>> [str(even_bernoulli(m)) for m in range(5)]
        ['1', '1/6', '-1/30', '1/42', '-1/30']
    """
    if m == 0:
        return Fraction(1)
    n = 2 * m
    known = sum((comb(n + 1, 2 * j) * even_bernoulli(j) for j in range(m)), Fraction(0))
    return (Fraction(n + 1, 2) - known) / (n + 1)  # B_1 = -1/2 stands in the first term


@cache
def even_zeta(m: int) -> Fraction:
    r"""$\zeta(2m) / \pi^{2m}$ for m >= 0, where $\zeta(0) = -1/2$.

    Example:
        >>> [str(even_zeta(m)) for m in range(4)]
        ['-1/2', '1/6', '1/90', '1/945']
    """
    return (-1) ** (m + 1) * even_bernoulli(m) * Fraction(4**m, 2 * factorial(2 * m))
