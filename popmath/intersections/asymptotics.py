r"""The closed large-genus form of psi-class numbers.

With the action $A = 2/3$, $x = 2g - 3 + n$ and $p_j$ the number of degrees equal to $j$,

$$\prod_i (2d_i + 1)!!\,\langle\tau_d\rangle_g \approx \frac{2^n}{4\pi}\,\frac{\Gamma(2g-2+n)}{A^{2g-2+n}}
  \Bigl[1 + \sum_{k=1}^{K} \frac{A^k \alpha_k(p_0, p_1, \ldots)}{x(x-1)\cdots(x-k+1)}\Bigr].$$

The $\alpha_k$ are exact polynomials (`popmath.intersections.alpha_polynomials`). What has an exact closed form at
every genus uses it: degrees equal to 1 are removed first (dilaton), so they cost no accuracy, and what is left of one
point is $1/(24^g g!)$.

References:
    Eynard, B., Garcia-Failde, E., Giacchetto, A., Gregori, P. & Lewanski, D. (2023), arXiv:2309.03143.
    Aggarwal, A. (2021), Inventiones mathematicae 226, 897-1010 (the leading term).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property
from typing import Literal

from popmath._errors import UnableError
from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.alpha_polynomials import ACTION, coefficient, max_order
from popmath.intersections.alpha_polynomials import alpha as alpha
from popmath.intersections.bracket import best_bracket, log_leading, log_odd_double_factorial
from popmath.intersections.partitions import multiplicities


@dataclasses.dataclass(frozen=True)
class Asymptotic:
    """The closed form at one request.

    Attributes:
        genus: genus.
        degrees: degrees, ascending.
        order: the number K of corrections used; with `order="auto"` the one chosen.
        log_value: natural logarithm of the approximation to the plain number.
        corrections: the K correction terms of the bracket, relative to its leading 1; empty where one point is left
            without the ones, which is exact.
        last_term: size of the last correction relative to the whole bracket; infinite at order 0, where there is
            none. An indication of the error, not a bound; `error_estimate` is a better one, and for a calibrated
            band see `popmath.AsymptoticPredictor`.
    """

    genus: int
    degrees: tuple[int, ...]
    order: int
    log_value: float
    corrections: tuple[float, ...]
    last_term: float

    @cached_property
    def error_estimate(self) -> float:
        """Size to expect of the error of `log_value`: an estimate, not a bound.

        The distance to the best value of the bracket known without this order (`popmath.intersections.bracket`), plus
        that value's own uncertainty and rounding. How often it holds on a held grid is measured by
        `fits/alpha_polynomials/run.py` and stored in its `result.json`. Infinite only where the series has no
        positive sum. Computed when first asked for: it needs more orders than the value.

        Example:
            >>> approximate = asymptotic(genus=15, degrees=(5, 19, 21), order=3)
            >>> f"{approximate.error_estimate:.1e}"
            '2.9e-05'
        """
        rounding = 4e-15 * max(1.0, abs(self.log_value))
        kept = _without_ones(self.degrees)
        if len(kept) == 1:
            return rounding
        best = best_bracket(self.genus, kept)
        if best.value <= 0.0:
            return math.inf
        distance = abs(math.log(math.fsum((1.0, *self.corrections)) / best.value))
        return distance + best.uncertainty / best.value + rounding

    @property
    def value(self) -> str:
        """The approximation in decimal notation, with no limit on its exponent."""
        return decimal_from_log(self.log_value)


def asymptotic(genus: int, degrees: Iterable[int], order: int | Literal["auto"] = 6) -> Asymptotic:
    """The closed large-genus form of a psi-class number; see the module for the equation.

    Args:
        genus: g >= 1.
        degrees: degrees in any order, summing to 3g - 3 + n.
        order: number of corrections, 0 (leading term only) to `max_order()`. `"auto"` takes the order whose sum is
            nearest to the best value of the bracket known (`popmath.intersections.bracket`: more orders, zeros
            removed first, and up to genus 9 the exact number); it differs from the smallest term in that one term
            that nearly vanishes does not mislead it. It takes longer than a given order, most with many zeros.

    Returns:
        The logarithm of the approximation, its correction terms and the size of the last of them.

    Raises:
        TypeError, ValueError: for what `correlator` refuses, a wrong sum of degrees (the number is 0 and has
            no logarithm), genus 0, or an order out of range.
        UnableError: where the expansion does not exist (2g - 3 + n below the order, ones not counted) or has
            broken down: its last term is as large as the whole bracket (many zeros at small genus).

    Example:
        >>> from popmath.intersections import log_correlator
        >>> approximate = asymptotic(genus=15, degrees=(1, 20, 24), order=6)
        >>> abs(approximate.log_value - log_correlator(15, (1, 20, 24))) < 1e-6
        True
        >>> approximate.value
        '2.0484625e-20'
    """
    genus, ascending, wanted = as_count("genus", genus), as_degrees(degrees), _as_order(order)
    check_stable(genus, len(ascending))
    if sum(ascending) != 3 * genus - 3 + len(ascending):
        raise ValueError(
            f"degrees {ascending} sum to {sum(ascending)}, not to 3g - 3 + n = {3 * genus - 3 + len(ascending)}: the "
            f"number is exactly 0 and has no logarithm."
        )
    if genus == 0:
        raise ValueError("genus must be at least 1 for the large-genus form; genus 0 is exact: (n - 3)! / prod d_i!.")
    kept = _without_ones(ascending)
    level = 2 * genus - 2 + len(kept)
    rising = math.lgamma(level + len(ascending) - len(kept)) - math.lgamma(level)
    if len(kept) == 1:
        log_value = rising - genus * math.log(24.0) - math.lgamma(genus + 1.0)
        return Asymptotic(genus, ascending, max_order() if wanted is None else wanted, log_value, (), 0.0)
    if wanted is None:
        corrections = _nearest(_corrections(level, kept, min(max_order(), level - 1)), best_bracket(genus, kept).value)
    elif wanted < level:
        corrections = _corrections(level, kept, wanted)
    else:
        raise UnableError(
            f"order {wanted} needs 2g - 3 + n >= {wanted} without counting ones; here it is {level - 1}. Use a lower "
            f"order, or the exact number, which is cheap here: popmath.intersections.correlator({genus}, {ascending})."
        )
    bracket, last = _sum_and_last(corrections)
    if bracket <= last:
        raise UnableError(
            f"the expansion to order {wanted} has broken down at genus {genus} with {kept.count(0)} zeros: the "
            f"corrections to 1 are {', '.join(f'{c:.3g}' for c in corrections)}. Try another order or the exact number."
        )
    log_value = math.fsum(
        (
            log_leading(level, len(kept)),
            math.log(bracket),
            -math.fsum(log_odd_double_factorial(d) for d in kept),
            rising,
        )
    )
    last_term = last / bracket if corrections else math.inf
    return Asymptotic(genus, ascending, len(corrections), log_value, tuple(corrections), last_term)


def decimal_from_log(log_value: float, digits: int = 8) -> str:
    """exp(log_value) in decimal notation, also where it leaves the range of floats.

    Args:
        log_value: a natural logarithm; minus infinity gives `"0"`.
        digits: significant digits, at least 1. The logarithm is a float64: at 1e-1000 about 12 digits are right.

    Raises:
        ValueError: if `log_value` is NaN or plus infinity, or `digits` is below 1.

    Example:
        >>> decimal_from_log(-2302.585092994046, digits=5)
        '1.0000e-1000'
    """
    if log_value == -math.inf:
        return "0"
    if not math.isfinite(log_value):
        raise ValueError(f"log_value must be a finite number or minus infinity; got {log_value}.")
    if as_count("digits", digits) < 1:
        raise ValueError(f"digits must be at least 1; got {digits}.")
    exponent = math.floor(log_value / math.log(10.0))
    mantissa = math.exp(log_value - exponent * math.log(10.0))
    text = f"{mantissa:.{digits - 1}f}"
    if text.startswith("10"):
        text, exponent = f"{mantissa / 10:.{digits - 1}f}", exponent + 1
    return f"{text}e{exponent:+03d}"


def _as_order(order: int | str) -> int | None:
    """The order as a checked integer, None for "auto"."""
    if order == "auto":
        return None
    if isinstance(order, str):
        raise ValueError(f"order must be 'auto' or an integer from 0 to {max_order()}; got {order!r}.")
    order = as_count("order", order)
    if order > max_order():
        raise ValueError(f"order must be at most {max_order()}, the number of known corrections; got {order}.")
    return order


def _without_ones(degrees: tuple[int, ...]) -> tuple[int, ...]:
    """The degrees left after the dilaton equation; in genus 1 with ones only, one stays for a stable type."""
    return tuple(d for d in degrees if d != 1) or (1,)


def _corrections(level: int, kept: tuple[int, ...], order: int) -> list[float]:
    counts = multiplicities(kept)
    corrections, factor = [], Fraction(1)
    for k in range(1, order + 1):
        factor *= ACTION / (level - k)
        corrections.append(float(factor * coefficient(k, counts)))
    return corrections


def _sum_and_last(corrections: list[float]) -> tuple[float, float]:
    return math.fsum((1.0, *corrections)), abs(corrections[-1]) if corrections else 0.0


def _nearest(corrections: list[float], bracket: float) -> list[float]:
    """As many of the corrections as come nearest to this bracket, of the orders that have not broken down."""
    best, distance = 0, abs(1.0 - bracket)
    for k in range(1, len(corrections) + 1):
        total, last = _sum_and_last(corrections[:k])
        if total > last and abs(total - bracket) < distance:
            best, distance = k, abs(total - bracket)
    return corrections[:best]
