r"""The Virasoro constraints as residuals of any function of genus and degrees: exact, approximate or learned.

For $m \ge -1$ the constraint $L_m$ at degrees $d = (d_1, \ldots, d_n)$ with $\sum d_i + m + 1 = 3g - 2 + n$ is

$$(2m+3)!!\,\langle\tau_{m+1}\tau_d\rangle_g =
  \sum_j \frac{(2d_j+2m+1)!!}{(2d_j-1)!!} \langle\cdots\tau_{d_j+m}\cdots\rangle_g
  + \tfrac12 \sum_{a+b=m-1} (2a+1)!!\,(2b+1)!!\,\Bigl[\langle\tau_a\tau_b\tau_d\rangle_{g-1}
  + \sum_{h,\,I \sqcup J} \langle\tau_a\tau_I\rangle_h \langle\tau_b\tau_J\rangle_{g-h}\Bigr] + c,$$

with $c = 1$ for $\langle\tau_0^3\rangle_0$, $c = 1/8$ for $3 \langle\tau_1\rangle_1$ and 0 otherwise. $L_{-1}$ is the
string equation and $L_0$ the dilaton equation in its homogeneous form.

References:
    Dijkgraaf, R., Verlinde, H. & Verlinde, E. (1991), Nuclear Physics B 348, 435-456. Kontsevich, M. (1992),
    Communications in Mathematical Physics 147, 1-23.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.recursion import odd_double_factorial, runs, splittings

Degrees = tuple[int, ...]


class Term(NamedTuple):
    """A coefficient times one number, or times the product of two."""

    coefficient: Fraction
    factors: tuple[tuple[int, Degrees], ...]


class Constraint(NamedTuple):
    """One Virasoro constraint: `coefficient` times the number `left` is the sum of `terms` and `constant`."""

    coefficient: int
    left: tuple[int, Degrees]
    terms: tuple[Term, ...]
    constant: Fraction


def virasoro_constraint(index: int, genus: int, degrees: Iterable[int]) -> Constraint:
    """The constraint L_index at one genus and list of degrees; see the module for the equation.

    Args:
        index: m >= -1.
        genus: g >= 0.
        degrees: d_1 .. d_n in any order, of sum 3g - 3 + n - m.

    Raises:
        TypeError, ValueError: for what is not an integer, an index below -1, a wrong sum, or an unstable type.

    Example:
        >>> virasoro_constraint(-1, 1, (2,)).terms
        (Term(coefficient=Fraction(1, 1), factors=((1, (1,)),)),)
    """
    m, genus, ascending = as_count("index + 1", index + 1) - 1, as_count("genus", genus), as_degrees(degrees)
    n = len(ascending)
    check_stable(genus, n + 1)
    if sum(ascending) != 3 * genus - 3 + n - m:
        raise ValueError(
            f"degrees {ascending} sum to {sum(ascending)}; the constraint of index {m} at genus {genus} with {n} "
            f"degrees is about those that sum to 3g - 3 + n - index = {3 * genus - 3 + n - m}."
        )
    terms = _merged(m, genus, ascending) + _split(m, genus, ascending)
    constant = {(-1, 0, (0, 0)): Fraction(1), (0, 1, ()): Fraction(1, 8)}.get((m, genus, ascending), Fraction(0))
    left = (genus, tuple(sorted((m + 1, *ascending))))
    return Constraint(odd_double_factorial(m + 1), left, tuple(terms), constant)


def virasoro_defect(
    number: Callable[[int, Degrees], Fraction | float], index: int, genus: int, degrees: Iterable[int]
) -> Fraction | float:
    """Left side minus right side of the constraint, divided by its coefficient; exactly 0 for the exact numbers.

    Args:
        number: `number(genus, degrees)` in the plain normalisation, degrees ascending: a Fraction or a float.
        index: m >= -1; -1 is the string equation.
        genus: g >= 0.
        degrees: d_1 .. d_n, of sum 3g - 3 + n - m.

    Raises:
        TypeError, ValueError: as `virasoro_constraint`.

    Example:
        >>> from popmath.intersections import correlator
        >>> virasoro_defect(correlator, 2, 3, (3, 3))
        Fraction(0, 1)
    """
    constraint = virasoro_constraint(index, genus, degrees)
    right: Fraction | float = constraint.constant
    for term in constraint.terms:
        right = right + term.coefficient * math.prod(number(g, d) for g, d in term.factors)
    return number(*constraint.left) - right / constraint.coefficient


def virasoro_log_defect(
    log_number: Callable[[int, Degrees], float], index: int, genus: int, degrees: Iterable[int]
) -> float:
    """Logarithm of the left side over the right side, for functions that give logarithms: 0 if the constraint holds.

    Every term is positive, so nothing cancels and nothing overflows.

    Args:
        log_number: `log_number(genus, degrees)`, natural logarithm of the plain number, degrees ascending.
        index: m >= -1.
        genus: g >= 0.
        degrees: d_1 .. d_n, of sum 3g - 3 + n - m.

    Raises:
        TypeError, ValueError: as `virasoro_constraint`.

    Example:
        >>> from popmath.intersections import log_correlator
        >>> abs(virasoro_log_defect(log_correlator, -1, 40, (30, 40, 51))) < 1e-12
        True
    """
    constraint = virasoro_constraint(index, genus, degrees)
    logs = [math.log(t.coefficient) + math.fsum(log_number(g, d) for g, d in t.factors) for t in constraint.terms]
    if constraint.constant:
        logs.append(math.log(constraint.constant))
    largest = max(logs)
    right = largest + math.log(math.fsum(math.exp(x - largest) for x in logs))
    return math.log(constraint.coefficient) + log_number(*constraint.left) - right


def _merged(m: int, genus: int, degrees: Degrees) -> list[Term]:
    """The terms in which a degree d becomes d + m."""
    terms: list[Term] = []
    for d, times, first in runs(degrees):
        if d + m < 0:
            continue
        ratio = math.prod(range(2 * d + 1, 2 * d + 2 * m + 2, 2)) if m >= 0 else Fraction(1)
        raised = tuple(sorted((*degrees[:first], *degrees[first + 1 :], d + m)))
        terms.append(Term(Fraction(times * ratio), ((genus, raised),)))
    return terms


def _split(m: int, genus: int, degrees: Degrees) -> list[Term]:
    """The terms with two new degrees a + b = m - 1, on one curve of genus g - 1 or on two."""
    terms = []
    for a in range(m):
        b = m - 1 - a
        weight = Fraction(odd_double_factorial(a) * odd_double_factorial(b), 2)
        if genus >= 1:
            terms.append(Term(weight, ((genus - 1, tuple(sorted((a, b, *degrees)))),)))
        for left, right, _, ways in splittings(degrees, sum(degrees)):
            one, two = tuple(sorted((a, *left))), tuple(sorted((b, *right)))
            h, remainder = divmod(sum(one) - len(one) + 3, 3)  # the degrees on a curve of genus h sum to 3h - 3 + n
            if remainder == 0 and 0 <= h <= genus and _stable(h, one) and _stable(genus - h, two):
                terms.append(Term(weight * ways, ((h, one), (genus - h, two))))
    return terms


def _stable(genus: int, degrees: Degrees) -> bool:
    return 2 * genus - 2 + len(degrees) > 0
