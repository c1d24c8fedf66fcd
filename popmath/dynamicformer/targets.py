r"""What a network learns: the logarithm itself, or what a closed form leaves of it."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests, log_double_factorials
from popmath.intersections.alpha_polynomials import ACTION, coefficient

Target = Literal["raw", "residual", "corrected"]
CORRECTED_ORDER = 6


def log_baseline(requests: Requests, target: Target) -> np.ndarray:
    r"""What is added to the network's value to give $\log \prod_i (2d_i+1)!!\,\langle\tau_d\rangle_g$, in float64.

    Args:
        requests: of genus and degrees; for `"corrected"` without ones.
        target: `"residual"`: the leading term, $L_R = \frac{2^n}{4\pi}\,\Gamma(2g-2+n)\,(2/3)^{-(2g-2+n)}$;
            `"corrected"`: the closed form of order 6, of lower order where that has broken down; `"raw"`: the double
            factorials, so that the network's value is the logarithm of the plain number.

    Example:
        >>> from popmath.dynamicformer.encoding import encode
        >>> number = encode([2], [(4,)])  # <tau_4> = 1/1152, times 9!! = 945
        >>> [round(math.log(945 / 1152) - float(log_baseline(number, t)[0]), 3) for t in ("raw", "residual")]
        [-7.049, -0.27]
    """
    if target == "raw":
        return log_double_factorials(requests)
    leading = log_leading(requests.level, requests.num_points)
    return leading if target == "residual" else leading + log_bracket(requests, CORRECTED_ORDER)


def log_leading(level: np.ndarray, num_points: np.ndarray) -> np.ndarray:
    """Log L_R."""
    return num_points * math.log(2.0) - math.log(4 * math.pi) + gammaln(level) - level * math.log(ACTION)


def log_bracket(requests: Requests, order: int) -> np.ndarray:
    """Logarithm of the bracket of the closed form, ones not allowed; of the highest order that has not broken down.

    An order has broken down where its falling factorial is 0 (2g - 3 + n below it), or where its last term is not below
    half of the bracket; if all have, order 0 is left, of which the logarithm is 0.
    """
    total, falling = np.ones(len(requests.genus)), np.ones(len(requests.genus))
    found = np.zeros(len(requests.genus))
    for k, alphas in enumerate(_alphas(requests, order), start=1):
        room = requests.level - k
        falling = falling * np.maximum(room, 1)
        term = float(ACTION) ** k * alphas / falling
        total = total + term
        good = (room > 0) & (np.abs(term) < 0.5 * total)
        found = np.where(good, np.log(np.where(good, total, 1.0)), found)
    return found


def _alphas(requests: Requests, order: int) -> list[np.ndarray]:
    """alpha_1, ..., alpha_order of each request; each combination of multiplicities is evaluated once."""
    small = [requests.times(j) for j in range(order + 2)]
    unique, where = np.unique(np.stack(small, axis=1), axis=0, return_inverse=True)
    rows = [dict(enumerate(row)) for row in unique.tolist()]
    return [np.array([float(coefficient(k, row)) for row in rows])[where.ravel()] for k in range(1, order + 1)]
