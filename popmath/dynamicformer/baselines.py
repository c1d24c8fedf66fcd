"""What a learned model is printed beside: closed forms, and least squares on a few features."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.samples import Samples
from popmath.dynamicformer.targets import log_bracket, log_leading
from popmath.intersections.alpha_polynomials import ACTION, primitive_monomials

Powers = tuple[tuple[int, int], ...]  # (j, exponent of p_j)


def log_closed_form(requests: Requests, order: int) -> np.ndarray:
    """Log of prod (2d + 1)!! F by the closed form of an order (a lower one where that has broken down); no ones."""
    return log_leading(requests.level, requests.num_points) + log_bracket(requests, order)


def log_aggarwal(requests: Requests) -> np.ndarray:
    """The same by Aggarwal's leading term (6g - 5 + 2n)!! / (24^g g!); exact for one point."""
    odd = 6 * requests.genus.astype(np.int64) - 5 + 2 * requests.num_points
    most = int(odd.max(initial=1))
    double = np.zeros(most + 1)
    double[1::2] = np.cumsum(np.log(np.arange(1, most + 1, 2)))
    return double[np.maximum(odd, 0)] - requests.genus * math.log(24.0) - gammaln(requests.genus + 1.0)


class LinearFit(NamedTuple):
    """Least squares on a constant and the features A^k p^m / (x)_k of numbers without zeros and ones.

    Attributes:
        terms: order k and exponents of p_j of each feature.
        weights: one for each.
    """

    terms: list[tuple[int, Powers]]
    weights: np.ndarray

    @classmethod
    def to(cls, samples: Samples, order: int) -> LinearFit:
        """Fitted to the bracket F / L_R of samples without zeros and ones."""
        requests = samples.requests
        terms = monomials(order)
        bracket = np.exp(samples.log_scaled - log_leading(requests.level, requests.num_points))
        weights, *_ = np.linalg.lstsq(expansion_features(requests, terms), bracket, rcond=None)
        return cls(terms, weights)

    def log_value(self, requests: Requests) -> np.ndarray:
        """Predictions, as those of a closed form."""
        bracket = expansion_features(requests, self.terms) @ self.weights
        return log_leading(requests.level, requests.num_points) + np.log(bracket)


def monomials(order: int) -> list[tuple[int, Powers]]:
    r"""A constant, and (k, m) for every monomial $p^m$ that occurs in $\alpha_k$ up to an order.

    It is known which monomials occur, not with what coefficients.

    Example:
        >>> len(monomials(4)), len(monomials(6))
        (13, 39)
    """
    found: list[tuple[int, Powers]] = [(0, ())]
    for k in range(1, order + 1):
        found += [(k, tuple(powers)) for powers in primitive_monomials(k)]
    return found


def expansion_features(requests: Requests, terms: list[tuple[int, Powers]]) -> np.ndarray:
    """A^k p^m / (x)_k of each term, x = 2g - 3 + n, shape `(requests, terms)`."""
    largest = max((j for _, powers in terms for j, _ in powers), default=0)
    counts = [requests.times(j) for j in range(largest + 1)]
    x = requests.level.astype(np.float64) - 1
    out = np.ones((len(x), len(terms)))
    for column, (k, powers) in enumerate(terms):
        for i in range(k):
            out[:, column] *= float(ACTION) / (x - i)
        for j, exponent in powers:
            out[:, column] *= counts[j].astype(np.float64) ** exponent
    return out
