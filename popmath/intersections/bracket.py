r"""The best value of the large-genus bracket that is known, to judge a truncated series by.

The bracket $Q$ is $\prod_i (2d_i + 1)!!\,\langle\tau_d\rangle_g$ over its leading term (`asymptotics`). Three things
make it more accurate than the plain series:

* Zeros are removed by the string equation, which on the bracket is a mean with positive weights,
  $Q(0, d) = \sum_j \frac{2d_j + 1}{3x}\, Q(\ldots, d_j - 1, \ldots)$ with $x = 2g - 3 + n$; ones change nothing.
* Without zeros, $\alpha_k$ is known to a higher order, and the series is summed in powers of $1/(x - 3)$: there its
  terms grow like $k!/(\pi x)^k$, far below the $k!/(x(x-1)\cdots(x-k+1))$ of the falling factorials. It stops where the
  larger of two neighbouring terms is smallest (one alone may vanish by accident). The uncertainty is the size of the
  last five terms, each carried on to the end at twice the growth above.
* What is cheap is exact: one and two points by their closed forms, and up to genus 9, where there are at most 1575
  numbers without zeros and ones, every number.
"""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from functools import cache, lru_cache

from popmath.intersections.alpha_polynomials import ACTION, coefficient, max_order, max_primitive_order
from popmath.intersections.correlators import log_fraction
from popmath.intersections.methods import exact_number
from popmath.intersections.partitions import multiplicities
from popmath.intersections.recursion import runs

EXACT_GENUS, TWO_POINTS_GENUS = 9, 50  # beyond the second the series is as good as float64
CENTRE = 3  # of the powers; 1 to 3 differ little, see the development grid of fits/alpha_polynomials
MOST_REDUCED = 5000  # numbers met while zeros are removed; beyond that the zeros stay


@dataclasses.dataclass(frozen=True)
class Bracket:
    """A value of the bracket and the size to expect of its error, both relative to the leading term."""

    value: float
    uncertainty: float


def best_bracket(genus: int, kept: tuple[int, ...]) -> Bracket:
    """The bracket of a stable type of genus >= 1; degrees ascending, without ones (or `(1,)` in genus 1).

    Example:
        >>> round(best_bracket(2, (2, 3)).value, 6), best_bracket(2, (2, 3)).uncertainty
        (0.820143, 0.0)
    """
    weights = _without_zeros(genus, kept) if kept[0] == 0 else {kept: 1.0}
    if weights is None:
        return _from_series(2 * genus - 3 + len(kept), kept, max_order())
    parts = [(weight, _zero_free(genus, degrees)) for degrees, weight in weights.items()]
    return Bracket(
        math.fsum(weight * part.value for weight, part in parts),
        math.fsum(weight * part.uncertainty for weight, part in parts),
    )


def log_leading(level: int, num_points: int) -> float:
    """Logarithm of 2^n Gamma(level) / (4 pi A^level), the leading term at level 2g - 2 + n."""
    return num_points * math.log(2.0) - math.log(4.0 * math.pi) + math.lgamma(level) + level * math.log(1.5)


def log_odd_double_factorial(d: int) -> float:
    """Logarithm of (2d + 1)!! = 2^(d+1) Gamma(d + 3/2) / sqrt(pi)."""
    return (d + 1) * math.log(2.0) + math.lgamma(d + 1.5) - 0.5 * math.log(math.pi)


def _without_zeros(genus: int, kept: tuple[int, ...]) -> dict[tuple[int, ...], float] | None:
    """The zero-free degrees the string equation leads to, with their weights; None if it meets too many."""
    pending, found, met = {kept: 1.0}, {}, 0
    for points in range(len(kept), 0, -1):  # every step loses at least one point
        x = 2 * genus - 3 + points
        for degrees in [d for d in pending if len(d) == points]:
            weight, rest = pending.pop(degrees), degrees[1:]
            if degrees[0] > 0:
                found[degrees] = weight
                continue
            met += 1
            if met > MOST_REDUCED:
                return None
            for d, times, first in runs(rest):
                if d:
                    lowered = sorted((*rest[:first], d - 1, *rest[first + 1 :]))
                    reached = tuple(e for e in lowered if e != 1) or (1,)
                    pending[reached] = pending.get(reached, 0.0) + weight * times * (2 * d + 1) / (3 * x)
    return found


def _zero_free(genus: int, degrees: tuple[int, ...]) -> Bracket:
    cheap = genus <= EXACT_GENUS or len(degrees) == 1 or (len(degrees) == 2 and genus <= TWO_POINTS_GENUS)
    if not cheap:
        return _from_series(2 * genus - 3 + len(degrees), degrees, max_primitive_order())
    log_number = (
        -genus * math.log(24.0) - math.lgamma(genus + 1.0)
        if len(degrees) == 1
        else log_fraction(exact_number(genus, degrees))
    )
    log_bracket = math.fsum(
        (
            log_number,
            math.fsum(map(log_odd_double_factorial, degrees)),
            -log_leading(2 * genus - 2 + len(degrees), len(degrees)),
        )
    )
    return Bracket(math.exp(log_bracket), 0.0)


def _from_series(x: int, degrees: tuple[int, ...], order: int) -> Bracket:
    """The series in 1/(x - CENTRE), stopped at its smallest pair of neighbouring terms."""
    if x <= CENTRE:
        return Bracket(1.0, 1.0)
    counts = tuple((d, count) for d, count in sorted(multiplicities(degrees).items()) if 2 * d + 2 <= 3 * order)
    step = 1.0 / (x - CENTRE)
    terms = [value * step**j for j, value in enumerate(_powers(counts, order))]
    pairs = [max(abs(a), abs(b)) for a, b in zip(terms, terms[1:], strict=False)]
    stop = 1 + min(range(len(pairs)), key=pairs.__getitem__)
    uncertainty, growth = 0.0, 1.0
    for k in range(stop, max(-1, stop - 5), -1):
        uncertainty += growth * abs(terms[k])
        growth *= min(1.0, 2.0 * k * step / math.pi)
    return Bracket(math.fsum(terms[: stop + 1]), uncertainty)


@lru_cache(maxsize=10_000)
def _powers(counts: tuple[tuple[int, int], ...], order: int) -> tuple[float, ...]:
    """Coefficients of the bracket in powers of 1/(x - CENTRE)."""
    out = [Fraction(1)] + [Fraction(0)] * order
    for k in range(1, order + 1):
        value = ACTION**k * coefficient(k, dict(counts))
        for j, number in enumerate(_falling_in_powers(k, order), start=k):
            out[j] += value * number
    return tuple(map(float, out))


@cache
def _falling_in_powers(k: int, order: int) -> tuple[int, ...]:
    """1/(x (x-1) ... (x-k+1)) in powers k, k + 1, ..., order of 1/(x - CENTRE)."""
    out = [1] + [0] * (order - k)
    for root in range(-CENTRE, k - CENTRE):
        for i in range(1, len(out)):
            out[i] += root * out[i - 1]
    return tuple(out)
