r"""What a network learns: the logarithm itself, or what a closed form leaves of it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests, log_double_factorials
from popmath.intersections.alpha_polynomials import ACTION, coefficient

Target = Literal["raw", "growth", "residual", "corrected"]
CORRECTED_ORDER = 6
_NEW_DEGREE = 2e3  # about a quarter of what each degree 8 adds to alpha_7, seen in the training part


class Baseline(NamedTuple):
    """What is known before a network has said anything: log prod (2d + 1)!! F is `log` + `unit` times its value.

    Attributes:
        log: float64, shape `(requests,)`.
        unit: same shape; 0 where the network has no say.
    """

    log: np.ndarray
    unit: np.ndarray


def baseline(requests: Requests, target: Target) -> Baseline:
    r"""What is added to a network's value, and what that is multiplied by, in float64.

    Args:
        requests: of genus and degrees; for `"corrected"` without ones.
        target: `"raw"`: the double factorials, so that the network's value is the logarithm of the plain number;
            `"growth"`: $\frac{2^n}{4\pi}\,\Gamma(2g-2+n)$, which all theories have in common; `"residual"`: the leading
            term of the psi classes, that times $(2/3)^{-(2g-2+n)}$; `"corrected"`: their closed form of order 6, of
            lower order where that has broken down, and the unit is how large what it leaves may be.

    Example:
        >>> from popmath.dynamicformer.encoding import encode
        >>> number = encode([2], [(4,)])  # <tau_4> = 1/1152, times 9!! = 945
        >>> [round(math.log(945 / 1152) - float(baseline(number, t).log[0]), 3) for t in ("raw", "residual")]
        [-7.049, -0.27]
    """
    ones = np.ones(len(requests.genus))
    if target == "raw":
        return Baseline(log_double_factorials(requests), ones)
    if target == "growth":
        return Baseline(log_leading(requests.level, requests.num_points, action=1.0), ones)
    leading = log_leading(requests.level, requests.num_points)
    if target == "residual":
        return Baseline(leading, ones)
    terms = bracket_terms(requests, CORRECTED_ORDER)
    return Baseline(leading + _log_sum(requests, terms), _unit_of(requests, terms))


def log_leading(level: np.ndarray, num_points: np.ndarray, action: float = float(ACTION)) -> np.ndarray:
    """Log L_R, or the same with another action."""
    return num_points * math.log(2.0) - math.log(4 * math.pi) + gammaln(level) - level * math.log(action)


def log_bracket(requests: Requests, order: int) -> np.ndarray:
    """Logarithm of the bracket of the closed form, ones not allowed; of the highest order that has not broken down.

    An order has broken down where its falling factorial is 0 (2g - 3 + n below it), or where its last term is not below
    half of the bracket; if all have, order 0 is left, of which the logarithm is 0.
    """
    return _log_sum(requests, bracket_terms(requests, order))


def bracket_terms(requests: Requests, order: int) -> np.ndarray:
    """A^k alpha_k / (2g - 3 + n)_k for k up to an order, shape `(order, requests)`; factors of (x)_k at least 1."""
    found, falling = np.empty((order, len(requests.genus))), np.ones(len(requests.genus))
    for k, values in enumerate(alphas(requests, order), start=1):
        falling = falling * np.maximum(requests.level - k, 1)
        found[k - 1] = float(ACTION) ** k * values / falling
    return found


def _log_sum(requests: Requests, terms: np.ndarray) -> np.ndarray:
    found, total = np.zeros(terms.shape[1]), np.ones(terms.shape[1])
    for k, term in enumerate(terms, start=1):
        total = total + term
        good = (requests.level > k) & (np.abs(term) < 0.5 * total)
        found = np.where(good, np.log(np.where(good, total, 1.0)), found)
    return found


def _unit_of(requests: Requests, terms: np.ndarray) -> np.ndarray:
    r"""How large what order 6 leaves may be; 0 where its last term is above 1 % of the bracket.

    Four times the size of the last five terms, each carried on to order 7 by factors of $s = 1.5/L$, times
    $1 + p_0^2/6$; beside that what $p_8$, which no lower order contains, may add in $\alpha_7$.
    """
    order, step = len(terms), 1.5 / requests.level
    carried = [term * step ** (order - k) for k, term in enumerate(terms, start=1) if k > 1]
    zeros = requests.times(0)
    size = step * (1 + zeros**2 / 6) * np.sqrt(np.sum(np.square(carried), axis=0))
    falling = np.prod([np.maximum(requests.level - k, 1) for k in range(1, order + 2)], axis=0, dtype=float)
    new = _NEW_DEGREE * requests.times(order + 2) * float(ACTION) ** (order + 1) / falling
    small = (requests.level > order + 1) & (np.abs(terms[-1]) < 0.01 * (1 + terms.sum(axis=0)))
    return np.where(small, 4 * np.hypot(size, new), 0.0)


def alphas(requests: Requests, order: int) -> list[np.ndarray]:
    """alpha_1, ..., alpha_order of each request; each combination of multiplicities is evaluated once."""
    small = [requests.times(j) for j in range(order + 2)]
    unique, where = np.unique(np.stack(small, axis=1), axis=0, return_inverse=True)
    rows = [tuple(row) for row in unique.tolist()]
    return [np.array([_alpha(k, row) for row in rows])[where.ravel()] for k in range(1, order + 1)]


@lru_cache(maxsize=1 << 16)
def _alpha(k: int, multiplicities: tuple[int, ...]) -> float:
    return float(coefficient(k, dict(enumerate(multiplicities))))
