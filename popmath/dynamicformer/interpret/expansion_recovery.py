r"""The large-genus expansion of a theory from its numbers alone.

The law of growth comes first (`expansion_law`). Then, order by order: what the orders before it leave of

$$Q = \frac{W A^{2g-2+n}}{C\,c^n\,\Gamma(2g-2+n)} = 1 + \sum_{k \ge 1} \frac{A^k \alpha_k}{(2g-3+n) \cdots (2g-2-k+n)}$$

gives $\alpha_k$ at each choice of small degrees (`leading_coefficient`), and these values the polynomial
(`sparse_polynomials`). An order is sought only when the one before was found exactly. Told are the form of the
expansion, the factors $(2d+1)!!$ in $W$ and a bound for the weight of the monomials; neither A, nor constants, nor
which monomials occur.

References:
    Eynard, B., Garcia-Failde, E., Giacchetto, A., Gregori, P. & Lewanski, D. (2023), arXiv:2309.03143.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from popmath.dynamicformer.interpret.expansion_law import GrowthLaw, Numbers, Series, recover_law, series_of
from popmath.dynamicformer.interpret.extrapolation import leading_coefficient
from popmath.dynamicformer.interpret.rationals import CHANCE
from popmath.dynamicformer.interpret.sparse_polynomials import (
    Exponents,
    RecoveredPolynomial,
    fit_polynomial,
    monomials_up_to,
    small_degrees,
)


@dataclasses.dataclass(frozen=True)
class RecoveredExpansion:
    """What was found, and what it says of other numbers.

    Attributes:
        law: of growth.
        polynomials: alpha_1, alpha_2, ... as far as they were sought: all but the last are exact.
        numbers: how many numbers were used.
        genera: the smallest and the largest of them.
    """

    law: GrowthLaw
    polynomials: tuple[RecoveredPolynomial, ...]
    numbers: int
    genera: tuple[int, int]

    @property
    def exact_orders(self) -> int:
        """How many of the polynomials were found as rationals."""
        return sum(polynomial.rational is not None for polynomial in self.polynomials)

    def value(self, genus: int, degrees: tuple[int, ...], order: int) -> Fraction:
        """The plain number by the expansion up to an order, pi to 104 digits.

        Raises:
            ValueError: if there is no law, or the order was not found exactly.
        """
        found = self.law.exact()
        if found is None or not 0 <= order <= self.exact_orders:
            raise ValueError(f"order must be 0 to {self.exact_orders} and there must be a law; got {order}.")
        a, shift, c, constant = found
        n, x = len(degrees), 2 * genus - 3 + len(degrees)
        at = multiplicities(degrees)
        bracket = Fraction(1)
        for k, polynomial in enumerate(self.polynomials[:order], start=1):
            bracket += a**k * polynomial.value(at) / math.perm(x, k)
        scale = math.prod(math.prod(range(1, 2 * d + 2, 2)) for d in degrees)
        return constant * c**n * math.factorial(x + shift) / a ** (x + 1) * bracket / scale

    def summary(self) -> str:
        """The law, and a line for each order."""
        lines = [self.law.summary()]
        for p in self.polynomials:
            what = f"{len(p.estimates)} of {p.library} monomials, {p.equations} values"
            if p.rational is None:
                lines.append(f"alpha_{p.order}: not determined ({what}, {p.missed} missed)")
                continue
            terms = " ".join(f"{int(c * p.denominator):+}{_named(e)}" for e, c in p.rational.items()) or "0"
            lines.append(f"alpha_{p.order} = ({terms}) / {p.denominator}   ({what})")
        return "\n".join(lines)


def multiplicities(degrees: tuple[int, ...]) -> Exponents:
    """How often 0, 1, ... occur.

    Example:
        >>> multiplicities((0, 0, 2))
        (2, 0, 1)
    """
    return tuple(degrees.count(j) for j in range(max(degrees, default=-1) + 1))


def numbers_needed(
    order: int, genera: range, total_degree: Callable[[int, int], int], *, max_weight: int | None = None
) -> list[tuple[int, tuple[int, ...]]]:
    r"""(genus, ascending degrees) of the numbers that `recover_expansion` takes for an order.

    Small degrees of every weight $\sum (d + 1)$ up to 2 above that of the library, one large degree, each at every
    genus: there are equations to spare.

    Args:
        order: k.
        genera: consecutive.
        total_degree: the sum of the degrees for (g, n).
        max_weight: of the library, instead of 2 k + 2.

    Raises:
        ValueError: if the order is not positive, or a genus too small for the large degree to be the largest.

    Example:
        >>> len(numbers_needed(1, range(12, 20), lambda g, n: 3 * g - 3 + n))
        240
    """
    if order < 1:
        raise ValueError(f"order must be 1 or more; got {order}.")
    found = []
    for exponents in monomials_up_to(library_weight(order, max_weight) + 2):
        small = small_degrees(exponents)
        for genus in genera:
            large = total_degree(genus, len(small) + 1) - sum(small)
            if large <= max(small, default=0):
                raise ValueError(f"genus {genus} is too small for a degree above {small}: start at a larger one.")
            found.append((genus, (*small, large)))
    return found


def library_weight(order: int, max_weight: int | None = None) -> int:
    """The bound for the sum of (j + 1) e_j of the monomials that alpha_k may have: 2 k + 2, or less if told."""
    return 2 * order + 2 if max_weight is None else min(2 * order + 2, max_weight)


def recover_expansion(
    numbers: Numbers, order: int, *, digits: int | None = None, max_weight: int | None = None, chance: float = CHANCE
) -> RecoveredExpansion:
    """Law and polynomials from numbers.

    Args:
        numbers: the plain number of each (genus, ascending degrees), for instance of `numbers_needed`.
        order: how many polynomials to seek.
        digits: how many digits of each number are right, 15 for floats; all of them by default.
        max_weight: of the library, instead of 2 k + 2.
        chance: the largest chance of an accident at which a rational counts.

    Returns:
        What was found. Without a law there are no polynomials.

    Raises:
        ValueError: for numbers that are not positive or too few for the order (see `series_of`, `fit_polynomial`).
        UnableError: for numbers that grow like another factorial.

    Example:
        >>> from popmath.intersections import correlator
        >>> needed = numbers_needed(1, range(14, 28), lambda g, n: 3 * g - 3 + n)
        >>> found = recover_expansion({(g, d): correlator(g, d) for g, d in needed}, 1)
        >>> print(found.summary())
        1/4 pi^-1 2^n Gamma(2g - 2 + n) (2/3)^-(2g - 2 + n)
        alpha_1 = (-17 +15 p0 -3 p0^2) / 12   (3 of 12 monomials, 30 values)
    """
    if order < 1:
        raise ValueError(f"order must be 1 or more; got {order}.")
    series = series_of(numbers, digits)
    sought = [monomials_up_to(library_weight(k, max_weight)) for k in range(1, order + 1)]
    if len(series) <= len(sought[-1]):
        raise ValueError(
            f"order {order} has a library of {len(sought[-1])} monomials and needs numbers for more choices of small "
            f"degrees than that; got {len(series)}. Take those of numbers_needed({order}, ...), or lower the order."
        )
    law = recover_law(series, chance=chance)
    genera = [genus for genus, _ in numbers]
    polynomials: list[RecoveredPolynomial] = []
    exact = law.exact()
    if exact is not None:
        a, shift, c, constant = exact
        brackets = {s: one.normalised(a, shift, constant * c ** (len(s) + 1)) for s, one in series.items()}
        errors = {s: one.errors(brackets[s]) for s, one in series.items()}
        for library in sought:
            polynomials.append(_next_order(series, brackets, errors, a, polynomials, library, chance))
            if polynomials[-1].rational is None:
                break
    return RecoveredExpansion(law, tuple(polynomials), len(numbers), (min(genera), max(genera)))


def _next_order(
    series: dict[tuple[int, ...], Series],
    brackets: dict[tuple[int, ...], list[Fraction]],
    errors: dict[tuple[int, ...], list[Fraction]],
    a: Fraction,
    before: Sequence[RecoveredPolynomial],
    library: list[Exponents],
    chance: float,
) -> RecoveredPolynomial:
    order, values = len(before) + 1, {}
    for small, one in series.items():
        at = multiplicities(small)
        known = [Fraction(1)] + [a**k * p.value(at) for k, p in enumerate(before, start=1)]
        left = [
            q - sum((term / math.perm(x, k) for k, term in enumerate(known)), Fraction(0))
            for x, q in zip(one.x, brackets[small], strict=True)
        ]
        value, error = leading_coefficient(one.x, left, errors[small], order)
        values[at] = value / a**order, error / a**order
    return fit_polynomial(order, values, library, chance=chance)


def _named(exponents: Exponents) -> str:
    powers = [f"p{j}" + (f"^{e}" if e > 1 else "") for j, e in enumerate(exponents) if e]
    return "".join(" " + each for each in powers)
