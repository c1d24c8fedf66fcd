"""The action by the likelihood of the closed form with everything fixed but A."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.interpret.action import ActionEstimate, blocks_of, reduced_logarithms
from popmath.dynamicformer.interpret.predictor import check_logs
from popmath.dynamicformer.targets import alphas

_RANGE = (0.01, 100.0)  # where A is looked for


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
        >>> from popmath.dynamicformer.encoding import log_double_factorials
        >>> samples = exact_samples(30, range(9, 12), max_points=8)
        >>> exact = samples.log_scaled - log_double_factorials(samples.requests)
        >>> likelihood_action(samples.requests, exact, [Fraction(2, 3), Fraction(4, 6), Fraction(3, 4)]).best
        Fraction(2, 3)
    """
    check_logs(requests, log_value)
    if requests.num_ones.any():
        raise ValueError("likelihood_action needs requests without degrees 1: remove them by the dilaton equation.")
    distinct = sorted(set(map(Fraction, candidates)))
    if not distinct or distinct[0] <= 0:
        raise ValueError(f"candidates must be positive rationals, at least one; got {list(candidates)}.")
    kind, count = blocks_of(requests)
    z, level = reduced_logarithms(requests, log_value), requests.level.astype(float)
    known = alphas(requests, order)
    falling = np.cumprod([np.maximum(level - k, 1) for k in range(1, order + 1)], axis=0)
    size = np.bincount(kind, minlength=count)

    def log_likelihood(action: float) -> float:
        bracket = 1 + sum((action**k * a / f for k, (a, f) in enumerate(zip(known, falling, strict=True), 1)), 0 * z)
        error = z + math.log(4 * math.pi) + level * math.log(action) - np.log(np.maximum(bracket, 1e-3))
        return -0.5 * count * math.log(np.sum(np.bincount(kind, error**2, minlength=count) / size))

    best, low, high = _profile(log_likelihood, [float(c) for c in distinct])
    found = np.array([log_likelihood(float(c)) for c in distinct])
    return ActionLikelihood(distinct, found, ActionEstimate(best, low, high, len(z), count))


def _profile(log_likelihood: Callable[[float], float], candidates: list[float]) -> tuple[float, float, float]:
    """The maximum, and where the likelihood ratio test at 95 % ends: 0 or infinity where it does not."""
    grid = np.sort(np.concatenate([np.geomspace(*_RANGE, 400), candidates]))
    for _ in range(40):
        found = np.array([log_likelihood(float(a)) for a in grid])
        at = int(np.argmax(found))
        best = float(grid[at])
        around = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
        if around[1] / around[0] < 1 + 1e-13:
            break
        grid = np.unique(np.concatenate([np.geomspace(*around, 15), [best]]))
    level = log_likelihood(best) - chi2.ppf(0.95, 1) / 2

    def end(sign: float, limit: float) -> float:
        inside, outside, last = 0.0, 1e-12, abs(math.log(limit / best))
        while log_likelihood(best * math.exp(sign * outside)) > level:
            inside, outside = outside, 1.5 * outside
            if outside > last:
                return 0.0 if sign < 0 else math.inf
        for _ in range(60):
            middle = 0.5 * (inside + outside)
            is_in = log_likelihood(best * math.exp(sign * middle)) > level
            inside, outside = (middle, outside) if is_in else (inside, middle)
        return best * math.exp(sign * inside)

    return best, end(-1.0, _RANGE[0]), end(1.0, _RANGE[1])
