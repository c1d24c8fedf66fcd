r"""Exact polynomials in multiplicities from their values: a stated library of monomials, of which few remain.

The library holds every monomial $\prod_j p_j^{e_j}$ whose weight $\sum_j (j+1)\,e_j$ is within a bound. Least squares
gives each a coefficient and an error; the one that is least distinguishable from 0 is dropped and the rest is fitted
again, until all that remain are above their errors. What remains is made rational with one denominator, and has to give
every value within its error; there are more values than monomials, so that it need not.

References:
    Brunton, S. L., Proctor, J. L. & Kutz, J. N. (2016), PNAS 113, 3932-3937 (regression on a library, terms dropped).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.interpret.rationals import CHANCE, reconstruct_common

Exponents = tuple[int, ...]  # of p_0, p_1, ...; the last is not 0
_FLOOR = Fraction(1, 10**40)  # least error of a value: refinement is not carried on below it
_REFINEMENTS = 8
_UNIT = 2**200


@dataclasses.dataclass(frozen=True)
class RecoveredPolynomial:
    """One coefficient of the expansion, as a polynomial in the multiplicities.

    Attributes:
        order: k.
        estimates: (coefficient, error) of the monomials that remain, by the exponents of p_0, p_1, ...
        rational: their coefficients as rationals; None where these are no surprise or miss a value.
        denominator: common to all of them.
        chance: of finding such rationals by accident.
        library: how many monomials there were to choose from.
        equations: how many values there were.
        missed: how many values lie further from the polynomial than their error.
    """

    order: int
    estimates: dict[Exponents, tuple[float, float]]
    rational: dict[Exponents, Fraction] | None
    denominator: int
    chance: float
    library: int
    equations: int
    missed: int

    def value(self, exponents: Exponents) -> Fraction:
        """The polynomial at multiplicities of 0, 1, ...; of the estimates where there are no rationals."""
        terms = self.rational or {e: Fraction(c) for e, (c, _) in self.estimates.items()}
        return sum((c * monomial(e, exponents) for e, c in terms.items()), Fraction(0))


def monomials_up_to(weight: int) -> list[Exponents]:
    """Exponents of every monomial with sum of (j + 1) e_j up to a weight; these are partitions.

    Example:
        >>> monomials_up_to(3)
        [(), (1,), (2,), (3,), (1, 1), (0, 1), (0, 0, 1)]
    """

    def grown(exponents: Exponents, j: int, left: int) -> list[Exponents]:
        found = [exponents]
        for next_j in range(j, left):
            padded = exponents + (0,) * (next_j + 1 - len(exponents))
            found += grown((*padded[:next_j], padded[next_j] + 1), next_j, left - next_j - 1)
        return found

    return grown((), 0, weight)


def small_degrees(exponents: Exponents) -> tuple[int, ...]:
    """The degrees with these multiplicities, ascending.

    Example:
        >>> small_degrees((2, 0, 1))
        (0, 0, 2)
    """
    return tuple(j for j, e in enumerate(exponents) for _ in range(e))


def monomial(exponents: Exponents, at: Exponents) -> int:
    """The product of p_j to the e_j.

    Example:
        >>> monomial((2, 1), (3, 5))
        45
    """
    return math.prod((at[j] if j < len(at) else 0) ** e for j, e in enumerate(exponents) if e)


def fit_polynomial(
    order: int,
    values: Mapping[Exponents, tuple[Fraction, Fraction]],
    library: Sequence[Exponents],
    *,
    chance: float = CHANCE,
) -> RecoveredPolynomial:
    """The polynomial with these values, if there is one with few rational coefficients.

    Args:
        order: k, kept in the result.
        values: (value, error) at multiplicities of 0, 1, ...; more of them than monomials.
        library: the monomials to choose from.
        chance: the largest chance of an accident at which rationals count.

    Raises:
        ValueError: if there are not more values than monomials, or they cannot tell the monomials apart.

    Example:
        >>> at = monomials_up_to(4)
        >>> values = {e: (Fraction(1, 3) - monomial((2,), e), Fraction(1, 10**6)) for e in at}
        >>> fit_polynomial(1, values, monomials_up_to(3)).rational
        {(): Fraction(1, 3), (2,): Fraction(-1, 1)}
    """
    if len(values) <= len(library):
        raise ValueError(
            f"{len(library)} monomials need more than {len(library)} values; got {len(values)}. Give numbers for more "
            "choices of small degrees, or lower the order or the weight."
        )
    points = list(values)
    right = [values[e][0] for e in points]
    errors = [values[e][1] + _FLOOR for e in points]
    whole = np.array([[monomial(m, e) for m in library] for e in points], dtype=np.float64)
    if np.linalg.matrix_rank(whole) < len(library):
        raise ValueError("these choices of small degrees cannot tell the monomials apart: give numbers for others too.")
    kept = list(range(len(library)))
    coefficients, widths = _least_squares(whole, right, errors)
    while kept:
        sure = [abs(c) / w for c, w in zip(coefficients, widths, strict=True)]
        least = min(range(len(kept)), key=sure.__getitem__)
        if sure[least] > 1:
            break
        del kept[least]
        if kept:
            coefficients, widths = _least_squares(whole[:, kept], right, errors)
    terms = [library[column] for column in kept]
    if not terms:
        missed = sum(abs(v) > e for v, e in zip(right, errors, strict=True))
        accident = min(1.0, float(max(errors)))
        nothing = {} if accident <= chance and not missed else None  # the polynomial 0
        return RecoveredPolynomial(order, {}, nothing, 1, accident, len(library), len(points), missed)
    estimates = {e: (float(c), float(w)) for e, c, w in zip(terms, coefficients, widths, strict=True)}
    found = reconstruct_common(coefficients, widths, chance=chance)
    best = found.rationals or tuple(coefficients)
    fitted = [sum((c * monomial(m, e) for c, m in zip(best, terms, strict=True)), Fraction(0)) for e in points]
    missed = sum(abs(f - v) > e for f, v, e in zip(fitted, right, errors, strict=True))
    rational = None if found.rationals is None or missed else dict(zip(terms, found.rationals, strict=True))
    return RecoveredPolynomial(
        order, estimates, rational, found.denominator, found.chance, len(library), len(points), missed
    )


def _least_squares(
    matrix: np.ndarray, right: Sequence[Fraction], errors: Sequence[Fraction]
) -> tuple[list[Fraction], list[Fraction]]:
    """Coefficients to more digits than floats have, and bounds of their errors, misfit included."""
    inverse = np.linalg.pinv(matrix)
    exact = np.array([[int(each) for each in row] for row in matrix.tolist()], dtype=object)
    target = np.array([round(each * _UNIT) for each in right], dtype=object)
    found, left = np.zeros(matrix.shape[1], dtype=object), target
    for _ in range(_REFINEMENTS):  # in whole multiples of 1 / _UNIT, exactly; only the steps are floats
        step = inverse @ np.array([float(Fraction(int(each), _UNIT)) for each in left])
        found = found + np.array([round(Fraction(each) * _UNIT) for each in step.tolist()], dtype=object)
        left = target - exact @ found
        if np.abs(step).max() < float(_FLOOR):
            break
    misfit = np.array([float(max(Fraction(abs(int(one)), _UNIT), two)) for one, two in zip(left, errors, strict=True)])
    widths = np.abs(inverse) @ misfit
    return [Fraction(int(each), _UNIT) for each in found], [Fraction(each) for each in widths.tolist()]


def bracket_columns(requests: Requests, terms: int) -> tuple[list[tuple[int, Exponents]], np.ndarray]:
    r"""The monomials over falling factorials of a bracket, of those that are not 0 for all of the requests.

    Returns:
        (k, exponents) of each, and the columns $p^m / (x (x-1) \cdots (x-k+1))$, x = 2g - 3 + n, shape
        `(requests, columns)`.
    """
    x = requests.level.astype(np.float64) - 1
    counts = [requests.times(j).astype(np.float64) for j in range(2 * terms)]
    labels, columns, falling = [], [], np.ones_like(x)
    for k in range(1, terms + 1):
        falling = falling * (x - (k - 1))
        for exponents in monomials_up_to(2 * k):
            column = np.ones_like(x)
            for j, exponent in enumerate(exponents):
                column = column * counts[j] ** exponent
            if column.any():
                labels.append((k, exponents))
                columns.append(column / falling)
    return labels, np.stack(columns, axis=1) if columns else np.zeros((len(x), 0))
