r"""The closed large-genus form of psi-class numbers.

With the action $A = 2/3$, $x = 2g - 3 + n$ and $p_j$ the number of degrees equal to $j$,

$$\prod_i (2d_i + 1)!!\,\langle\tau_d\rangle_g \approx \frac{2^n}{4\pi}\,\frac{\Gamma(2g-2+n)}{A^{2g-2+n}}
  \Bigl[1 + \sum_{k=1}^{K} \frac{A^k \alpha_k(p_0, p_1, \ldots)}{x(x-1)\cdots(x-k+1)}\Bigr].$$

The $\alpha_k$ are exact polynomials, kept in `alpha_polynomials.json`. What has an exact closed form at every genus
uses it: degrees equal to 1 are removed first (dilaton), so they cost no accuracy, and what is left of one point is
$1/(24^g g!)$.

References:
    Eynard, B., Garcia-Failde, E., Giacchetto, A., Gregori, P. & Lewanski, D. (2023), arXiv:2309.03143.
    Aggarwal, A. (2021), Inventiones mathematicae 226, 897-1010 (the leading term).
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from importlib import resources

from popmath._errors import UnableError
from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.partitions import multiplicities

ACTION = Fraction(2, 3)


@dataclasses.dataclass(frozen=True)
class Asymptotic:
    """The closed form at one request.

    Attributes:
        genus: genus.
        degrees: degrees, ascending.
        order: the number K of corrections used.
        log_value: natural logarithm of the approximation to the plain number.
        corrections: the K correction terms of the bracket, relative to its leading 1; empty where one point is left
            without the ones, which is exact.
        last_term: size of the last correction relative to the whole bracket; infinite at order 0, where there is
            none. An indication of the error, not a bound; for a calibrated band see `popmath.AsymptoticPredictor`.
    """

    genus: int
    degrees: tuple[int, ...]
    order: int
    log_value: float
    corrections: tuple[float, ...]
    last_term: float

    @property
    def value(self) -> str:
        """The approximation in decimal notation, with no limit on its exponent."""
        return decimal_from_log(self.log_value)


def asymptotic(genus: int, degrees: Iterable[int], order: int = 6) -> Asymptotic:
    """The closed large-genus form of a psi-class number; see the module for the equation.

    Args:
        genus: g >= 1.
        degrees: degrees in any order, summing to 3g - 3 + n.
        order: number of corrections, 0 (leading term only) to `max_order()`.

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
    genus, ascending, order = as_count("genus", genus), as_degrees(degrees), as_count("order", order)
    check_stable(genus, len(ascending))
    if order > max_order():
        raise ValueError(f"order must be at most {max_order()}, the number of known corrections; got {order}.")
    if sum(ascending) != 3 * genus - 3 + len(ascending):
        raise ValueError(
            f"degrees {ascending} sum to {sum(ascending)}, not to 3g - 3 + n = {3 * genus - 3 + len(ascending)}: the "
            f"number is exactly 0 and has no logarithm."
        )
    if genus == 0:
        raise ValueError("genus must be at least 1 for the large-genus form; genus 0 is exact: (n - 3)! / prod d_i!.")
    ones = ascending.count(1)
    kept = tuple(d for d in ascending if d != 1)
    if not kept:  # genus 1, ones only: keep one to have a stable type
        ones, kept = ones - 1, (1,)
    level = 2 * genus - 2 + len(kept)
    rising = math.lgamma(level + ones) - math.lgamma(level)
    if len(kept) == 1:
        return Asymptotic(genus, ascending, order, rising - genus * math.log(24.0) - math.lgamma(genus + 1.0), (), 0.0)
    if order > level - 1:
        raise UnableError(
            f"order {order} needs 2g - 3 + n >= {order} without counting ones; here it is {level - 1}. Use a lower "
            f"order, or the exact number, which is cheap here: popmath.intersections.correlator({genus}, {ascending})."
        )
    corrections = _corrections(level, kept, order)
    bracket = math.fsum((1.0, *corrections))
    last = abs(corrections[-1]) if corrections else 0.0
    if bracket <= last:
        raise UnableError(
            f"the expansion to order {order} has broken down at genus {genus} with {kept.count(0)} zeros: the "
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
    return Asymptotic(genus, ascending, order, log_value, tuple(corrections), last_term)


def log_leading(level: int, num_points: int) -> float:
    """Logarithm of 2^n Gamma(level) / (4 pi A^level), the leading term at level 2g - 2 + n."""
    return num_points * math.log(2.0) - math.log(4.0 * math.pi) + math.lgamma(level) + level * math.log(1.5)


def log_odd_double_factorial(d: int) -> float:
    """Logarithm of (2d + 1)!! = 2^(d+1) Gamma(d + 3/2) / sqrt(pi)."""
    return (d + 1) * math.log(2.0) + math.lgamma(d + 1.5) - 0.5 * math.log(math.pi)


def max_order() -> int:
    """The highest order K for which alpha_K is known."""
    return len(_alpha_polynomials())


def alpha(k: int, multiplicities: Mapping[int, int]) -> Fraction:
    """The k-th coefficient of the expansion, exactly.

    Args:
        k: 1 to `max_order()`.
        multiplicities: how often each degree occurs, e.g. `{0: 2, 3: 1}`; degrees not named occur 0 times.

    Raises:
        TypeError, ValueError: if `k` is not an integer or out of range, or a degree or how often it occurs is
            not an integer or negative.

    Example:
        >>> alpha(1, {}), alpha(2, {2: 1})
        (Fraction(-17, 12), Fraction(1045, 288))
    """
    k = as_count("k", k)
    if not 1 <= k <= max_order():
        raise ValueError(f"k must be 1 to {max_order()}; got {k}.")
    return _alpha(
        k,
        {as_count("a degree", d): as_count(f"multiplicities[{d}]", count) for d, count in multiplicities.items()},
    )


def _alpha(k: int, counts: Mapping[int, int]) -> Fraction:
    denominator, terms = _alpha_polynomials()[k - 1]
    total = 0
    for coefficient, powers in terms:
        term = coefficient
        for j, exponent in powers:
            term *= counts.get(j, 0) ** exponent
            if not term:
                break
        total += term
    return Fraction(total, denominator)


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


def _corrections(level: int, kept: tuple[int, ...], order: int) -> list[float]:
    counts = multiplicities(kept)
    corrections, factor = [], Fraction(1)
    for k in range(1, order + 1):
        factor *= ACTION / (level - k)
        corrections.append(float(factor * _alpha(k, counts)))
    return corrections


@lru_cache(maxsize=1)
def _alpha_polynomials() -> tuple[tuple[int, list[tuple[int, list[tuple[int, int]]]]], ...]:
    """For each k: the common denominator and (integer coefficient, [(j, exponent of p_j), ...]) of every term."""
    text = resources.files("popmath.intersections").joinpath("alpha_polynomials.json").read_text(encoding="utf-8")
    polynomials = json.loads(text)["alpha"]
    out = []
    for k in range(1, len(polynomials) + 1):
        fractions = {key: Fraction(value) for key, value in polynomials[str(k)].items()}
        denominator = math.lcm(*(f.denominator for f in fractions.values()))
        terms = [
            (int(f * denominator), [(j, e) for j, e in enumerate(map(int, key.split(","))) if e])
            for key, f in fractions.items()
        ]
        out.append((denominator, terms))
    return tuple(out)
