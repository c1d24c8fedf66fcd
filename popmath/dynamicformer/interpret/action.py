r"""The action A of the large-genus expansion, estimated from what something predicts; three ways.

With $L = 2g-2+n$ and $z = \log\prod(2d_i+1)!!\,\hat F - n\log 2 - \log\Gamma(L)$ the expansion says

$$z = -\log 4\pi - L \log A + \log\Bigl[1 + \sum_k \frac{A^k\alpha_k}{(L-1)\cdots(L-k)}\Bigr].$$

A linear probe of $L \log A$ is no fourth way: see `popmath.dynamicformer.interpret.scale_probe`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln
from scipy.stats import chi2

from popmath._errors import UnableError
from popmath.dynamicformer.baselines import expansion_features, monomials
from popmath.dynamicformer.encoding import Requests, log_double_factorials
from popmath.dynamicformer.targets import alphas

LogNumber = Callable[[Requests], np.ndarray]
_TOGETHER, _FEWEST = 3, 5  # levels in a block, and blocks
_FALLS = 3  # by how much the largest degree falls when the genus falls by one


class ActionEstimate(NamedTuple):
    """An estimate of A.

    Attributes:
        value: the estimate.
        low: lower end of its 95 % interval.
        high: upper end.
        num_numbers: numbers it is from.
        num_blocks: blocks of three neighbouring 2g - 2 + n it is from. They are resampled as wholes: the errors of a
            network are smooth in the level, and numbers of one block err together.
    """

    value: float
    low: float
    high: float
    num_numbers: int
    num_blocks: int


def reduced_logarithms(requests: Requests, log_value: np.ndarray) -> np.ndarray:
    """The numbers z of the module, from logarithms of plain numbers; shape `(requests,)`."""
    scaled = np.asarray(log_value, float) + log_double_factorials(requests)
    return scaled - requests.num_points * math.log(2.0) - gammaln(requests.level)


def slope_action(
    requests: Requests, log_value: np.ndarray, order: int = 2, resamples: int = 400, seed: int = 0
) -> ActionEstimate:
    r"""A from the slope of $z$ in $2g-2+n$: no coefficient of the expansion is given.

    Least squares of z on 1, L and the monomials $p^m/((L-1)\cdots(L-k))$, $k \le$ `order`, that occur where there are
    no zeros and ones; $A = e^{-\text{slope}}$. The interval is that of a bootstrap over
    blocks of levels.

    Args:
        requests: without degrees 0 and 1.
        log_value: logarithms of the plain numbers, shape `(requests,)`.
        order: how many powers of 1/L are fitted beside the slope; 0 for the bare straight line.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: for zeros or ones, unequal lengths, values that are not finite.
        UnableError: for fewer than 5 blocks of levels.

    Example:
        >>> from popmath.dynamicformer import exact_samples
        >>> samples = exact_samples(34, range(9, 14), max_points=8)
        >>> few = samples.take((samples.requests.times(0) == 0).nonzero()[0])
        >>> found = slope_action(few.requests, few.log_scaled - log_double_factorials(few.requests))
        >>> abs(found.value - 2 / 3) < 1e-4
        True
    """
    _check(requests, log_value)
    if (requests.times(0) + requests.times(1)).any():
        raise ValueError("slope_action needs requests without degrees 0 and 1: leave them out.")
    terms = monomials(order) if order else [(0, ())]
    columns = np.column_stack([requests.level, expansion_features(requests, terms)])
    z = reduced_logarithms(requests, log_value)
    kind, count = _blocks(requests)
    slopes = _clustered_least_squares(columns, z, kind, count, resamples, seed)[:, 0]
    with np.errstate(over="ignore"):  # of what knows no A an end may be infinite
        value, high, low = np.exp(-np.array([slopes[0], *np.quantile(slopes[1:], [0.025, 0.975])]))
    return ActionEstimate(float(value), float(low), float(high), len(z), count)


class ActionLikelihood(NamedTuple):
    """How well the closed form fits with each candidate in the place of A.

    Attributes:
        candidates: distinct rationals, ascending: equal rationals are one hypothesis.
        log_likelihood: of each, with the size of the errors free; blocks of levels count, not numbers.
        estimate: the best real number, with the interval of a likelihood ratio test.
    """

    candidates: list[Fraction]
    log_likelihood: np.ndarray
    estimate: ActionEstimate

    @property
    def best(self) -> Fraction:
        """The candidate of highest likelihood."""
        return self.candidates[int(np.argmax(self.log_likelihood))]


def likelihood_action(
    requests: Requests, log_value: np.ndarray, candidates: Sequence[Fraction], order: int = 3
) -> ActionLikelihood:
    r"""Likelihood of the closed form with its $\alpha_k$ and $4\pi$ fixed and A free.

    $\ell(A) = -\tfrac T2 \log \sum_t \overline{(z - \hat z_A)^2}_t$ with T blocks of levels and the mean over each.

    Args:
        requests: without degrees 1.
        log_value: logarithms of the plain numbers, shape `(requests,)`.
        candidates: rationals, in any form; 4/6 is 2/3.
        order: of the closed form.

    Raises:
        ValueError: for ones, unequal lengths, values that are not finite, no candidate, or one that is not positive.
        UnableError: for fewer than 5 blocks of levels.

    Example:
        >>> from popmath.dynamicformer import exact_samples
        >>> samples = exact_samples(30, range(9, 12), max_points=8)
        >>> exact = samples.log_scaled - log_double_factorials(samples.requests)
        >>> likelihood_action(samples.requests, exact, [Fraction(2, 3), Fraction(4, 6), Fraction(3, 4)]).best
        Fraction(2, 3)
    """
    _check(requests, log_value)
    if requests.num_ones.any():
        raise ValueError("likelihood_action needs requests without degrees 1: remove them by the dilaton equation.")
    distinct = sorted(set(map(Fraction, candidates)))
    if not distinct or distinct[0] <= 0:
        raise ValueError(f"candidates must be positive rationals, at least one; got {list(candidates)}.")
    kind, count = _blocks(requests)
    z, level = reduced_logarithms(requests, log_value), requests.level.astype(float)
    known = alphas(requests, order)
    falling = np.cumprod([np.maximum(level - k, 1) for k in range(1, order + 1)], axis=0)
    size = np.bincount(kind, minlength=count)

    def log_likelihood(action: float) -> float:
        bracket = 1 + sum((action**k * a / f for k, (a, f) in enumerate(zip(known, falling, strict=True), 1)), 0 * z)
        error = z + math.log(4 * math.pi) + level * math.log(action) - np.log(np.maximum(bracket, 1e-3))
        return -0.5 * count * math.log(np.sum(np.bincount(kind, error**2, minlength=count) / size))

    best, low, high = _profile(log_likelihood, math.exp(-np.polyfit(level, z + math.log(4 * math.pi), 1)[0]))
    found = np.array([log_likelihood(float(c)) for c in distinct])
    return ActionLikelihood(distinct, found, ActionEstimate(best, low, high, len(z), count))


def gradient_action(log_number: LogNumber, requests: Requests, resamples: int = 400, seed: int = 0) -> ActionEstimate:
    r"""A from the derivative in the genus at fixed small degrees: $\hat A = \exp(\psi(L) - \tfrac12 \partial_g l)$.

    $l = z + \log\Gamma(L)$. The genus is whole, so the derivative is a central difference, in which the largest degree
    takes 3 for each step, and $\psi(L)$ that of $\log\Gamma$:
    $-\log\hat A = [l(g+1) - l(g-1) - \log\Gamma(L+2) + \log\Gamma(L-2)]/4$, averaged. It neglects what the
    $\alpha_k$ do, $O(1/L^2)$: give it exact numbers too.

    Args:
        log_number: logarithms of plain numbers of requests; it is asked at g - 1 and g + 1.
        requests: of genus 2 and above, whose largest degree occurs once and is 6 or more.
        resamples: of the bootstrap over blocks of levels.
        seed: of the bootstrap.

    Raises:
        ValueError: for requests of another kind.
        UnableError: for fewer than 5 blocks of levels.

    Example:
        >>> from popmath.dynamicformer import encode, load_pretrained
        >>> network = load_pretrained("psi-raw")
        >>> requests = encode([9] * 15, [(2,) * n + (25 - n,) for n in range(15)])
        >>> found = gradient_action(lambda r: network.predict_requests(r).log_value, requests)
        >>> abs(found.value - 2 / 3) < 0.02
        True
    """
    last = requests.degrees.argmax(axis=1)[:, None]
    largest, times = (
        np.take_along_axis(each, last, axis=1)[:, 0] for each in (requests.degrees, requests.multiplicity)
    )
    if not ((requests.genus >= 2) & (largest >= 2 * _FALLS) & (times == 1)).all():
        raise ValueError("gradient_action needs requests of genus 2 and above whose largest degree, 6 or more, is one.")
    kind, count = _blocks(requests)

    def moved(step: int) -> Requests:
        degrees = requests.degrees.copy()
        np.put_along_axis(degrees, last, (largest + _FALLS * step)[:, None].astype(degrees.dtype), axis=1)
        return requests._replace(genus=requests.genus + step, degrees=degrees)

    up, down = moved(1), moved(-1)
    apart = [reduced_logarithms(each, np.asarray(log_number(each), float)) for each in (up, down)]
    found = -(apart[0] - apart[1]) / 4
    means = np.bincount(kind, found, minlength=count) / np.bincount(kind, minlength=count)
    rng = np.random.default_rng(seed)
    drawn = np.quantile(means[rng.integers(count, size=(resamples, count))].mean(axis=1), [0.025, 0.975])
    value, low, high = np.exp([means.mean(), *drawn])
    return ActionEstimate(float(value), float(low), float(high), len(found), count)


def _check(requests: Requests, log_value: np.ndarray) -> None:
    value = np.asarray(log_value)
    if value.shape != requests.genus.shape or not np.isfinite(value).all():
        raise ValueError(
            f"one finite logarithm for each of {len(requests.genus)} requests is needed; got {value.shape}."
        )


def _blocks(requests: Requests) -> tuple[np.ndarray, int]:
    """Number of the block of levels of each request, and how many there are."""
    found, kind = np.unique(requests.level // _TOGETHER, return_inverse=True)
    if len(found) < _FEWEST:
        raise UnableError(
            f"requests of {len(found)} blocks of {_TOGETHER} neighbouring 2g - 2 + n; at least {_FEWEST} are needed. "
            "Widen the window of genera, or take more numbers of points."
        )
    return kind.ravel(), len(found)


def _clustered_least_squares(
    columns: np.ndarray, z: np.ndarray, kind: np.ndarray, count: int, resamples: int, seed: int
) -> np.ndarray:
    """Weights of all data, then of bootstrap samples of whole blocks; every block has the same weight."""
    weight = 1 / np.sqrt(np.bincount(kind, minlength=count)[kind])
    scale = np.abs(columns).max(axis=0)
    a, b = columns / scale * weight[:, None], z * weight
    basis, upper = np.linalg.qr(a)
    squares, products = np.zeros((count, *upper.shape)), np.zeros((count, len(upper)))
    np.add.at(squares, kind, basis[:, :, None] * basis[:, None, :])
    np.add.at(products, kind, basis * b[:, None])
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    times = np.concatenate([np.ones((1, count)), draws])
    inner = [np.linalg.lstsq(*pair, rcond=1e-9)[0] for pair in zip(
        np.einsum("rt,tij->rij", times, squares), times @ products, strict=True
    )]  # fmt: skip
    return np.linalg.solve(upper, np.array(inner).T).T / scale


def _profile(log_likelihood: Callable[[float], float], start: float) -> tuple[float, float, float]:
    """The maximum near a start, and where the likelihood ratio test at 95 % ends."""
    width, best = 0.2, start
    for _ in range(12):
        grid = best * np.exp(np.linspace(-width, width, 41))
        found = np.array([log_likelihood(float(a)) for a in grid])
        best, width = float(grid[int(np.argmax(found))]), width / 5
    level = log_likelihood(best) - chi2.ppf(0.95, 1) / 2

    def end(sign: float) -> float:
        inside, outside = 0.0, 1e-9
        while log_likelihood(best * math.exp(sign * outside)) > level and outside < 1:
            inside, outside = outside, 2 * outside
        for _ in range(40):
            middle = 0.5 * (inside + outside)
            is_in = log_likelihood(best * math.exp(sign * middle)) > level
            inside, outside = (middle, outside) if is_in else (inside, middle)
        return best * math.exp(sign * inside)

    return best, end(-1.0), end(1.0)
