r"""Exact numbers with a closed form: genus 0 and 1, one and two points.

$$\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_0 = \frac{(n-3)!}{\prod d_i!}, \qquad
  \langle\tau_{d_1}\cdots\tau_{d_n}\rangle_1 =
  \frac{1}{24 \prod d_i!}\Bigl[n! - \sum_{k=2}^{n} (n-k)!\,(k-2)!\,e_k(d)\Bigr],$$

$$\langle\tau_{3g-2}\rangle_g = \frac{1}{24^g g!}, \qquad
  \sum_{a,b} \langle\tau_a\tau_b\rangle x^a y^b =
  \frac{e^{(x^3+y^3)/24}}{x+y} \sum_{k\ge0} \frac{k!}{(2k+1)!} \Bigl(\frac{xy(x+y)}{2}\Bigr)^k,$$

with $e_k$ the elementary symmetric polynomials.

References:
    Witten, E. (1991), Surveys in Differential Geometry 1, 243-310. Dijkgraaf, R. (1993), in: New Symmetry Principles in
    Quantum Field Theory, 95-158 (two points).
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, prod


def has_closed_form(genus: int, degrees: tuple[int, ...]) -> bool:
    """Whether `closed_form` covers this type."""
    return genus <= 1 or len(degrees) <= 2


def closed_form(genus: int, degrees: tuple[int, ...]) -> Fraction:
    """The number of a stable type covered by a closed form; degrees ascending, of sum 3g - 3 + n.

    Example:
        >>> closed_form(2, (2, 3)), closed_form(1, (0, 2))
        (Fraction(29, 5760), Fraction(1, 24))
    """
    n = len(degrees)
    if genus == 0:
        return Fraction(factorial(n - 3), prod(map(factorial, degrees)))
    if n == 1:
        return Fraction(1, 24**genus * factorial(genus))
    return _genus_one(degrees) if genus == 1 else _two_points(genus, degrees[0])


def _genus_one(degrees: tuple[int, ...]) -> Fraction:
    n = len(degrees)
    symmetric = [1] + [0] * n
    for i, d in enumerate((d for d in degrees if d), start=1):
        for k in range(i, 0, -1):
            symmetric[k] += d * symmetric[k - 1]
    total = factorial(n) - sum(factorial(n - k) * factorial(k - 2) * symmetric[k] for k in range(2, n + 1))
    return Fraction(total, 24 * prod(map(factorial, degrees)))


def _two_points(genus: int, a: int) -> Fraction:
    """<tau_a tau_(3g-1-a)>_g from the terms k = 0..g of the generating function, over one common denominator."""
    row = _binomials(genus - 1)
    total = {0: 1, 1: -1, 2: 1}[a % 3] * row[a // 3] if a // 3 < len(row) else 0
    weight = factorial(2 * genus + 1) * 2**genus  # of the term k, times (2g+1)! 2^g 24^g g!
    total *= weight
    for k in range(1, genus + 1):
        # k!/(2k+1)! 2^-k 24^k g!/(g-k)! from the one before
        weight = weight * 24 * (genus - k + 1) * k // (2 * k * (2 * k + 1) * 2)
        left, right = _binomials(genus - k), _binomials(k - 1)
        first = max(0, -((2 * k - 1 - a) // 3))
        last = min(genus - k, (a - k) // 3)
        total += weight * sum(left[i] * right[a - k - 3 * i] for i in range(first, last + 1))
    return Fraction(total, factorial(2 * genus + 1) * 2**genus * 24**genus * factorial(genus))


def _binomials(n: int) -> list[int]:
    row, entry = [1], 1
    for m in range(n):
        entry = entry * (n - m) // (m + 1)
        row.append(entry)
    return row
