r"""Hodge integrals: Chern classes of the bundle of holomorphic differentials with psi classes.

By Mumford's formula, with $X$ any product of Chern characters of the Hodge bundle $\mathbb E$,

$$\langle \mathrm{ch}_{2l-1} X\,\tau_d\rangle_g = \frac{B_{2l}}{(2l)!} \Bigl[ \langle X\,\tau_{2l}\tau_d\rangle_g
  - \sum_j \langle X \cdots\tau_{d_j+2l-1}\cdots\rangle_g + \tfrac12 \sum_{i+j=2l-2} (-1)^i \Bigl(
  \langle X\,\tau_i\tau_j\tau_d\rangle_{g-1}
  + \sum \langle X_1\tau_i\tau_I\rangle_h \langle X_2\tau_j\tau_J\rangle_{g-h} \Bigr)\Bigr],$$

where the last sum is over $h$ and all ways to hand out the factors of X and the points, because Chern characters add up
on the boundary. Even Chern characters vanish, and $\sum \lambda_k = \exp \sum_{l} (2l-2)!\,\mathrm{ch}_{2l-1}$.

References:
    Mumford, D. (1983), in: Arithmetic and Geometry II, 271-328. Faber, C. (1999), in: New Trends in Algebraic Geometry,
    93-109. Faber, C. & Pandharipande, R. (2000), Inventiones Mathematicae 139, 173-199.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from math import factorial

from popmath._errors import UnableError
from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.bernoulli import even_bernoulli
from popmath.intersections.lambda_closed_forms import lambda_closed_form
from popmath.intersections.methods import exact_number
from popmath.intersections.recursion import runs, splittings

Degrees = tuple[int, ...]


def hodge_integral(genus: int, lambdas: Iterable[int], degrees: Iterable[int] = ()) -> Fraction:
    r"""The integral of a product of lambda classes and psi classes, exactly.

    $$\int_{\overline{\mathcal M}_{g,n}} \lambda_{a_1}\cdots\lambda_{a_m}\,\psi_1^{d_1}\cdots\psi_n^{d_n}, \qquad
      \lambda_a = c_a(\mathbb E)$$

    The closed forms of `popmath.intersections.lambda_closed_forms` are used where they apply, elsewhere Mumford's
    formula (top of the module).

    Args:
        genus: $g \ge 0$.
        lambdas: $a_1, \ldots, a_m \ge 0$ in any order, repeated as often as the class occurs; $\lambda_0 = 1$.
        degrees: $d_1, \ldots, d_n \ge 0$ in any order, with $2g - 2 + n > 0$; may be empty from genus 2 on.

    Returns:
        The number as a reduced fraction; exactly 0 if lambdas and degrees do not sum to $3g - 3 + n$, or if a lambda is
        above the genus, the rank of the bundle.

    Raises:
        TypeError: if the genus, a lambda or a degree is not an integer.
        ValueError: if one of them is negative, or there are no stable curves of type $(g, n)$.
        UnableError: if the recursion would be too deep for Python's stack.

    Example:
        >>> hodge_integral(2, (1, 1, 1))
        Fraction(1, 2880)
        >>> hodge_integral(3, (3,), (4,))
        Fraction(31, 967680)

    References:
        Faber, C. (1999), in: New Trends in Algebraic Geometry, 93-109 (the algorithm).
    """
    genus, ascending, classes = as_count("genus", genus), as_degrees(degrees), as_degrees(lambdas, "lambdas")
    n = len(ascending)
    check_stable(genus, n)
    if sum(classes) + sum(ascending) != 3 * genus - 3 + n or (classes and classes[-1] > genus):
        return Fraction(0)
    classes = classes[classes.count(0) :]
    if not classes:
        return exact_number(genus, ascending)
    if classes.count(genus) > 1:
        return Fraction(0)  # Mumford's relation c(E) c(E dual) = 1
    known = lambda_closed_form(genus, classes, ascending)
    return by_mumford(genus, classes, ascending) if known is None else known


def by_mumford(genus: int, lambdas: Degrees, degrees: Degrees) -> Fraction:
    """The same by Mumford's formula alone: lambdas and degrees ascending, of sum 3g - 3 + n, lambdas positive.

    Raises:
        UnableError: if the recursion would be too deep for Python's stack.

    Example:
        >>> by_mumford(2, (1, 2), ())
        Fraction(1, 5760)
    """
    polynomial: dict[Degrees, Fraction] = {(): Fraction(1)}
    for a in lambdas:
        grown: dict[Degrees, Fraction] = {}
        for first, x in polynomial.items():
            for second, y in chern_characters(a, 2 * genus - 1).items():
                key = tuple(sorted((*first, *second)))
                grown[key] = grown.get(key, Fraction(0)) + x * y
        polynomial = grown
    try:
        return sum((x * chern_number(genus, key, degrees) for key, x in polynomial.items()), Fraction(0))
    except RecursionError:
        raise UnableError(f"genus {genus} is too deep for the recursion and Python's stack; lower it.") from None


@cache
def chern_characters(a: int, largest: int) -> dict[Degrees, Fraction]:
    """lambda_a as a polynomial in odd Chern characters up to `largest`: ascending indices and coefficients.

    Example:
        >>> chern_characters(3, 5)
        {(1, 1, 1): Fraction(1, 6), (3,): Fraction(2, 1)}
    """
    found: dict[Degrees, Fraction] = {}

    def add(key: Degrees, left: int, least: int, coefficient: Fraction) -> None:
        if left == 0:
            found[key] = coefficient
        for k in range(least, min(left, largest) + 1, 2):
            for times in range(1, left // k + 1):
                more = Fraction(factorial(k - 1) ** times, factorial(times))
                add(key + (k,) * times, left - times * k, k + 2, coefficient * more)

    add((), a, 1, Fraction(1))
    return dict(sorted(found.items()))


@cache
def chern_number(genus: int, characters: Degrees, degrees: Degrees) -> Fraction:
    """<ch_characters tau_degrees>_genus of a stable type with the right sum, all ascending."""
    if not characters:
        return exact_number(genus, degrees)
    if genus == 0 or characters[-1] > 2 * genus - 1:
        return Fraction(0)
    n = len(degrees)
    if n and degrees[0] <= 1 and 2 * genus - 3 + n > 0:  # characters are pulled back: string and dilaton equations hold
        if degrees[0] == 1:
            return (2 * genus - 3 + n) * chern_number(genus, characters, degrees[1:])
        return _sum_of_lowered(genus, characters, degrees[1:])
    k, others = characters[-1], characters[:-1]
    total = chern_number(genus, others, tuple(sorted((*degrees, k + 1))))
    for d, times, first in runs(degrees):
        raised = tuple(sorted((*degrees[:first], *degrees[first + 1 :], d + k)))
        total -= times * chern_number(genus, others, raised)
    total += _boundary(genus, k - 1, others, degrees) / 2
    return even_bernoulli((k + 1) // 2) / factorial(k + 1) * total


def _sum_of_lowered(genus: int, characters: Degrees, rest: Degrees) -> Fraction:
    total = Fraction(0)
    for d, times, first in runs(rest):
        if d:
            lowered = tuple(sorted((*rest[:first], *rest[first + 1 :], d - 1)))
            total += times * chern_number(genus, characters, lowered)
    return total


def _boundary(genus: int, power: int, others: Degrees, degrees: Degrees) -> Fraction:
    """The sum over i + j = power of the terms on the boundary."""
    total = Fraction(0)
    for i in range(power + 1):
        total += (-1) ** i * chern_number(genus - 1, others, tuple(sorted((i, power - i, *degrees))))
    for one, two, _, ways_others in splittings(others, sum(others)):
        for left, right, _, ways in splittings(degrees, sum(degrees)):
            used = sum(one) + sum(left) - len(left) + 2
            for i in range(-used % 3, power + 1, 3):  # the genus h has 3h - 3 + n = the sum of all degrees
                h = (used + i) // 3
                if not 0 <= h <= genus or not _stable(h, left) or not _stable(genus - h, right):
                    continue
                factor = chern_number(h, one, tuple(sorted((i, *left))))
                if factor:
                    other = chern_number(genus - h, two, tuple(sorted((power - i, *right))))
                    total += (-1) ** i * ways * ways_others * factor * other
    return total


def _stable(genus: int, others: Degrees) -> bool:
    return 2 * genus - 1 + len(others) > 0


def _as_lambdas(lambdas: Iterable[object]) -> Degrees:
    try:
        return as_degrees(lambdas)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("degrees", "lambdas")) from None
