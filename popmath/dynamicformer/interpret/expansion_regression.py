r"""The large-genus expansion from rough numbers, such as the predictions of a network, by regression with error bars.

Rough numbers bear no extrapolation order by order. All is fitted at once, by least squares in the logarithm,

$$\log\Bigl[\prod_i (2d_i+1)!!\,F\Bigr] - \log\Gamma(x + 1) = \log C + n \log c - (x + 1) \log A
  + \log\Bigl[1 + \sum_{k=1}^{M} \sum_m \frac{\beta_{k,m}\,p^m}{x (x-1) \cdots (x-k+1)}\Bigr], \qquad x = 2g-3+n,$$

with every monomial $p^m$ of weight $\sum_j (j+1)\,m_j \le 2k$ in the library. $\alpha_k$ has the coefficients
$\beta_{k,m} / A^k$; those below their errors are dropped.

Errors. Predictions of one type (g, n) err together, so that types are drawn with replacement, not numbers. To twice the
standard deviation over such draws comes twice what the result moves from $M - 1$ to $M$ terms (or a quarter of what it
moved at the term before, if that is more), as more terms are left out. The law and each of the orders are taken at the
M that makes their errors smallest. A coefficient is called determined where those with errors as small or smaller have
rationals with one denominator that are a surprise together.

References:
    Efron, B. & Tibshirani, R. J. (1993), An Introduction to the Bootstrap, chapter 9. Cameron, A. C. & Miller, D. L.
    (2015), Journal of Human Resources 50, 317-372 (errors that occur in clusters).
"""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests, log_double_factorials
from popmath.dynamicformer.interpret.predictor import LogNumber
from popmath.dynamicformer.interpret.rationals import (
    CHANCE,
    Reconstruction,
    reconstruct,
    reconstruct_common,
    reconstruct_with_pi,
)
from popmath.dynamicformer.interpret.sparse_polynomials import (
    Exponents,
    RecoveredPolynomial,
    bracket_columns,
    monomials_up_to,
)

_LAW = 3  # the first columns: log C, log c, -log A
_STEPS = 12
_SMALLEST_STEP = 0.02
_CAUTION = 2  # times the difference made by the last term
_PER_COEFFICIENT = 10  # requests needed for each coefficient
_ZERO = 0.1  # largest error of a coefficient that is 0, in units of 1 / (common denominator)
_LOST = 0.3  # rms of what is left of the logarithm above which there is no law


@dataclasses.dataclass(frozen=True)
class RegressedExpansion:
    """What rough numbers say of the expansion.

    Attributes:
        action: A.
        per_point: c.
        constant: C; its rational is that of C / pi^`pi_power`.
        pi_power: the power of pi; None where no rational counts.
        polynomials: alpha_1, alpha_2, ...; none where the numbers follow no such law. Estimates without rationals where
            not all of these are determined.
        determined: the coefficients of each that are, as rationals, with the chance of an accident.
        terms: M of the law.
        residual: root mean square of what M terms leave of the logarithms.
        requests: how many numbers were used.
        types: of how many types (g, n).
    """

    action: Reconstruction
    per_point: Reconstruction
    constant: Reconstruction
    pi_power: int | None
    polynomials: tuple[RecoveredPolynomial, ...]
    determined: tuple[tuple[dict[Exponents, Fraction], float], ...]
    terms: int
    residual: float
    requests: int
    types: int


@dataclasses.dataclass(frozen=True)
class _Fit:
    """With M terms: coefficients and standard deviations by label, dropped ones 0, and the rms of what is left."""

    values: dict[tuple[int, Exponents], tuple[float, float]]
    law: np.ndarray
    law_deviation: np.ndarray
    residual: float


def recover_by_regression(
    requests: Requests,
    log_number: np.ndarray | LogNumber,
    order: int,
    *,
    max_terms: int | None = None,
    resamples: int = 200,
    seed: int = 0,
    chance: float = CHANCE,
) -> RegressedExpansion:
    """Law and polynomials from logarithms of plain numbers.

    Args:
        requests: of many types; of large genus with few small degrees, where the expansion holds.
        log_number: natural logarithm of the plain number of each, shape `(requests,)`, or a function that gives them,
            such as `lambda requests: network.predict_requests(requests).log_value`.
        order: how many polynomials to seek.
        max_terms: the largest M; `order` + 2 by default.
        resamples: draws of the bootstrap.
        seed: of the draws.
        chance: the largest chance of an accident at which a rational counts.

    Raises:
        ValueError: for unequal lengths, logarithms that are not finite (numbers that are not positive), too few
            requests or types for the order, or requests that cannot tell the monomials apart.

    Example:
        >>> from popmath.dynamicformer.samples import exact_samples
        >>> samples = exact_samples(25, range(7, 11), 7)
        >>> numbers = samples.log_scaled - log_double_factorials(samples.requests)
        >>> found = recover_by_regression(samples.requests, numbers, 1, resamples=50)
        >>> abs(found.action.value - 2 / 3) < found.action.error < 1e-3
        True
    """
    given = log_number(requests) if callable(log_number) else log_number
    logs = np.asarray(given, dtype=np.float64)
    max_terms = order + 2 if max_terms is None else max_terms
    _check(requests, logs, order, max_terms)
    left = logs + log_double_factorials(requests) - gammaln(requests.level.astype(np.float64))
    _, cluster = np.unique(np.stack([requests.genus, requests.num_points], axis=1), axis=0, return_inverse=True)
    cluster = cluster.ravel()
    draws = np.random.default_rng(seed).integers(0, cluster.max() + 1, (resamples, cluster.max() + 1))
    weights = np.stack([np.bincount(row, minlength=cluster.max() + 1) for row in draws])
    fits = [_fit(requests, left, cluster, weights, terms) for terms in range(max_terms + 1)]

    laws = [fit.law for fit in fits]
    errors_at = {m: 2 * fits[m].law_deviation + _left_out(laws[: m + 1]) for m in range(2, max_terms + 1)}
    best = min(errors_at, key=lambda m: errors_at[m][2])
    fit, errors = fits[best], errors_at[best]
    estimates = [
        (math.exp(v), math.exp(v) * math.expm1(min(e, 700.0)))
        for v, e in zip(fit.law * (1, 1, -1), errors, strict=True)
    ]
    constant, pi_power = reconstruct_with_pi(*estimates[0], chance=chance)
    action = reconstruct(*estimates[2], chance=chance)
    sought = range(1, order + 1) if fit.residual < _LOST else ()
    sharpest = [_polynomial(k, fits, action, len(left)) for k in sought]
    polynomials = tuple(polynomial for polynomial, _ in sharpest)
    determined = tuple(_determined(polynomial.estimates, chance) for polynomial in polynomials)
    polynomials = tuple(
        dataclasses.replace(polynomial, rational=rationals, chance=accident, denominator=_common(rationals))
        if _complete(polynomial, rationals, dropped)
        else polynomial
        for (polynomial, dropped), (rationals, accident) in zip(sharpest, determined, strict=True)
    )
    return RegressedExpansion(
        action,
        reconstruct(*estimates[1], chance=chance),
        constant,
        pi_power,
        polynomials,
        determined,
        best,
        fit.residual,
        len(left),
        int(cluster.max()) + 1,
    )


def _check(requests: Requests, logs: np.ndarray, order: int, max_terms: int) -> None:
    if order < 1 or max_terms < max(2, order + 1):
        raise ValueError(f"order must be 1 or more and max_terms above it; got {order} and {max_terms}.")
    if logs.shape != requests.genus.shape:
        raise ValueError(f"there must be one number per request; got {logs.shape} for {requests.genus.shape}.")
    if not np.isfinite(logs).all():
        raise ValueError(f"{int(np.sum(~np.isfinite(logs)))} logarithms are not finite: numbers must be positive.")
    if len(logs) and int(requests.level.min()) <= max_terms:
        raise ValueError(f"2g - 2 + n must be above {max_terms} for so many terms: leave out the requests below.")
    columns = _LAW + sum(len(monomials_up_to(2 * k)) for k in range(1, max_terms + 1))
    types = len(np.unique(np.stack([requests.genus, requests.num_points], axis=1), axis=0))
    if len(logs) < _PER_COEFFICIENT * columns or types < 2 * (max_terms + _LAW):
        raise ValueError(
            f"{max_terms} terms have up to {columns} coefficients and need {_PER_COEFFICIENT * columns} requests of "
            f"{2 * (max_terms + _LAW)} types (g, n); got {len(logs)} of {types}. Give more, or lower max_terms."
        )


def _fit(requests: Requests, left: np.ndarray, cluster: np.ndarray, weights: np.ndarray, terms: int) -> _Fit:
    """Gauss-Newton steps, halved where the bracket would not be positive or the squares would grow; then dropping."""
    labels, bracket = bracket_columns(requests, terms)
    ones = np.ones(len(left))
    law = np.stack([ones, requests.num_points.astype(np.float64), requests.level.astype(np.float64)], axis=1)
    found = np.zeros(_LAW + len(labels))
    found[:_LAW] = np.linalg.lstsq(law, left, rcond=None)[0]

    def misfit(at: np.ndarray) -> np.ndarray | None:
        inside = 1 + bracket @ at[_LAW:]
        return left - law @ at[:_LAW] - np.log(inside) if inside.min() > 0.01 else None

    residual = misfit(found)
    assert residual is not None  # the bracket is 1 at first
    for _ in range(_STEPS):
        slopes = np.concatenate([law, bracket / (1 + bracket @ found[_LAW:])[:, None]], axis=1)
        scale = np.sqrt(np.mean(slopes**2, axis=0))
        step, _, rank, _ = np.linalg.lstsq(slopes / scale, residual, rcond=1e-12)
        if rank < len(found):
            raise ValueError(
                f"these requests cannot tell the monomials of {terms} terms apart: give some with more zeros and other "
                "small degrees, or lower order or max_terms."
            )
        step, before, size = step / scale, float(np.sum(residual**2)), 1.0
        while size > _SMALLEST_STEP:
            after = misfit(found + size * step)
            if after is not None and float(np.sum(after**2)) < before:
                break
            size /= 2
        else:
            break
        found, residual = found + size * step, after
        if before - float(np.sum(residual**2)) < 1e-9 * before:
            break
    slopes = np.concatenate([law, bracket / (1 + bracket @ found[_LAW:])[:, None]], axis=1)
    deviations = _deviations(slopes, residual, cluster, weights)
    by_label = {label: (found[_LAW + i], deviations[_LAW + i]) for i, label in enumerate(labels)}
    return _Fit(by_label, found[:_LAW], deviations[:_LAW], float(np.sqrt(np.mean(residual**2))))


def _deviations(slopes: np.ndarray, residual: np.ndarray, cluster: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard deviations over drawn types, linear around what was found."""
    scale = np.sqrt(np.mean(slopes**2, axis=0))
    scaled = slopes / scale
    rows = [np.flatnonzero(cluster == each) for each in range(weights.shape[1])]
    squares = np.stack([scaled[row].T @ scaled[row] for row in rows])
    products = np.stack([scaled[row].T @ residual[row] for row in rows])
    drawn = [np.linalg.lstsq(np.tensordot(w, squares, 1), w @ products, rcond=1e-13)[0] for w in weights]
    return np.std(drawn, axis=0) / scale


def _left_out(values: list[np.ndarray]) -> np.ndarray:
    """What more terms would change, by what the last one did, and the one before as that may be small by accident."""
    last = np.abs(values[-1] - values[-2])
    return _CAUTION * (last if len(values) < 3 else np.maximum(last, np.abs(values[-2] - values[-3]) / 8))


def _complete(polynomial: RecoveredPolynomial, rationals: dict[Exponents, Fraction], dropped: list[float]) -> bool:
    """Whether every coefficient that was kept is a rational, and every one that was dropped is 0 beside them."""
    return (
        bool(rationals)
        and len(rationals) == len(polynomial.estimates)
        and max(dropped, default=0.0) * _common(rationals) < _ZERO
    )


def _polynomial(
    k: int, fits: list[_Fit], action: Reconstruction, requests: int
) -> tuple[RecoveredPolynomial, list[float]]:
    """alpha_k at the number of terms that makes the sum of its errors smallest, and the errors of what is dropped."""
    found: list[dict[Exponents, tuple[float, float]]] = []
    a = float(action.value if action.rational is None else action.rational)
    relative = action.error / action.value if action.rational is None else 0.0
    for last in range(k + 1, len(fits)):
        estimates = {}
        for (order, exponents), (value, deviation) in fits[last].values.items():
            if order == k:
                before = [np.array(fit.values[order, exponents][0]) for fit in fits[k : last + 1]]
                error = 2 * deviation + float(_left_out(before)) + k * relative * abs(value)
                estimates[exponents] = float(value / a**k), float(error / a**k)
        found.append(estimates)
    best = min(found, key=lambda estimates: sum(error for _, error in estimates.values()))
    kept = {e: (value, error) for e, (value, error) in best.items() if abs(value) > error}
    dropped = [error for exponents, (_, error) in best.items() if exponents not in kept]
    return RecoveredPolynomial(k, kept, None, 1, 1.0, len(best), requests, 0), dropped


def _determined(
    estimates: dict[Exponents, tuple[float, float]], chance: float
) -> tuple[dict[Exponents, Fraction], float]:
    """As many of the sharpest coefficients as have rationals with one denominator."""
    by_error = sorted(estimates, key=lambda e: estimates[e][1])
    for count in range(len(by_error), 0, -1):
        values, errors = zip(*(estimates[e] for e in by_error[:count]), strict=True)
        found = reconstruct_common(values, errors, chance=chance / len(by_error))
        if found.rationals is not None:
            return dict(zip(by_error, found.rationals, strict=False)), found.chance
    return {}, 1.0


def _common(rationals: dict[Exponents, Fraction]) -> int:
    return math.lcm(*(each.denominator for each in rationals.values()))
