"""The action from the slope of what something predicts in 2g - 2 + n."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from popmath.dynamicformer.baselines import expansion_features, monomials
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.interpret.action import ActionEstimate, blocks_of, reduced_logarithms
from popmath.dynamicformer.interpret.predictor import check_logs

_ORDERS = range(4)


def slope_action(
    requests: Requests, log_value: np.ndarray, order: int | None = None, resamples: int = 400, seed: int = 0
) -> ActionEstimate:
    r"""A from the slope of $z$ in $L = 2g-2+n$: no coefficient of the expansion is given.

    Least squares of z on 1, L and the monomials $p^m/((L-1)\cdots(L-k))$, $k \le$ `order`, that occur where there are
    no zeros and ones; $A = e^{-\text{slope}}$. The order is the one that predicts blocks of levels best that were left
    out, one after the other. The interval is that of a bootstrap over blocks at this order.

    Args:
        requests: without degrees 0 and 1.
        log_value: logarithms of the plain numbers, shape `(requests,)`.
        order: how many powers of 1/L are fitted beside the slope; 0 for the bare straight line. By default 0 to 3, by
            the blocks left out.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: for zeros or ones, unequal lengths, values that are not finite, a negative order.
        UnableError: for fewer than 5 blocks of levels.

    Example:
        >>> from popmath.dynamicformer import exact_samples
        >>> from popmath.dynamicformer.encoding import log_double_factorials
        >>> samples = exact_samples(34, range(9, 14), max_points=8)
        >>> few = samples.take((samples.requests.times(0) == 0).nonzero()[0])
        >>> found = slope_action(few.requests, few.log_scaled - log_double_factorials(few.requests))
        >>> abs(found.value - 2 / 3) < 1e-4
        True
    """
    check_logs(requests, log_value)
    if (requests.times(0) + requests.times(1)).any():
        raise ValueError("slope_action needs requests without degrees 0 and 1: leave them out.")
    if order is not None and order < 0:
        raise ValueError(f"order must be at least 0; got {order}.")
    z = reduced_logarithms(requests, log_value)
    kind, count = blocks_of(requests)
    asked = {k: _Blocks.of(_columns(requests, k), z, kind, count) for k in (_ORDERS if order is None else (order,))}
    best = min(asked, key=lambda k: asked[k].left_out()) if order is None else order
    rng = np.random.default_rng(seed)
    times = rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    slopes = asked[best].slopes(np.concatenate([np.ones((1, count)), times]))
    with np.errstate(over="ignore"):  # of what knows no A an end may be infinite
        value, high, low = np.exp(-np.array([slopes[0], *np.quantile(slopes[1:], [0.025, 0.975])]))
    return ActionEstimate(float(value), float(low), float(high), len(z), count, best)


def _columns(requests: Requests, order: int) -> np.ndarray:
    """L, 1 and the monomials that are not 0 for all of the requests."""
    terms = monomials(order) if order else [(0, ())]
    found = np.column_stack([requests.level, expansion_features(requests, terms)])
    return found[:, np.any(found != 0, axis=0)]


class _Blocks(NamedTuple):
    """Normal equations of each block, in an orthonormal basis; every block has the same weight.

    Attributes:
        basis: shape `(requests, columns)`.
        target: shape `(requests,)`.
        kind: block of each request.
        upper: from the basis back to the columns.
        squares: shape `(blocks, columns, columns)`.
        products: shape `(blocks, columns)`.
    """

    basis: np.ndarray
    target: np.ndarray
    kind: np.ndarray
    upper: np.ndarray
    squares: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray, z: np.ndarray, kind: np.ndarray, count: int) -> _Blocks:
        weight = 1 / np.sqrt(np.bincount(kind, minlength=count)[kind])
        scale = np.abs(columns).max(axis=0)
        basis, upper = np.linalg.qr(columns / scale * weight[:, None])
        target = z * weight
        squares, products = np.zeros((count, *upper.shape)), np.zeros((count, len(upper)))
        np.add.at(squares, kind, basis[:, :, None] * basis[:, None, :])
        np.add.at(products, kind, basis * target[:, None])
        return cls(basis, target, kind, upper * scale, squares, products)

    def left_out(self) -> float:
        """Mean squared error of each block by the others."""
        every, error = np.ones(len(self.squares)), 0.0
        for block in range(len(self.squares)):
            others = every - (np.arange(len(every)) == block)
            weights = self._weights(others)
            rows = self.kind == block
            error += float(np.sum((self.target[rows] - self.basis[rows] @ weights) ** 2))
        return error / len(self.squares)

    def slopes(self, times: np.ndarray) -> np.ndarray:
        """Weight of the first column, with each block counted so many times, shape `(resamples, blocks)`."""
        inner = np.array([self._weights(row) for row in times])
        return np.linalg.solve(self.upper, inner.T)[0]

    def _weights(self, times: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(np.tensordot(times, self.squares, 1), times @ self.products, rcond=1e-9)[0]
