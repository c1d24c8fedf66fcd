"""Conformalised quantile regression: quantiles predicted elsewhere, moved until they cover, by MAPIE."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from popmath.conformal._adapters import ColumnRegressor
from popmath.conformal.split import finite_vector, scores_needed


@dataclasses.dataclass(frozen=True)
class QuantileBand:
    """A calibrated band, made by `calibrate_quantiles`.

    Attributes:
        confidence_level: nominal coverage.
        shift: what is taken off the lower quantile and added to the upper; below 0 where they were too far apart.
        num_scores: calibration points.
    """

    confidence_level: float
    shift: float
    num_scores: int

    def predict_interval(self, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The predicted quantiles, moved apart by the shift (together, to their mean at most).

        Raises:
            ValueError: for what is not finite, or an upper quantile below the lower.
        """
        low, high = _ordered(lower, upper)
        shift = np.maximum(self.shift, -0.5 * (high - low))
        return low - shift, high + shift


def calibrate_quantiles(
    lower: np.ndarray, upper: np.ndarray, truth: np.ndarray, *, confidence_level: float = 0.9
) -> QuantileBand:
    r"""Calibrate predicted quantiles on points whose truth is known.

    The score is $\max(\hat q_{lo} - y,\ y - \hat q_{hi})$, and the shift its $\lceil (m+1)(1-\alpha) \rceil$-th
    smallest value.

    Args:
        lower: predicted $\alpha/2$ quantiles, shape `(points,)`.
        upper: predicted $1 - \alpha/2$ quantiles, nowhere below.
        truth: same shape.
        confidence_level: $1 - \alpha$, between 0 and 1.

    Raises:
        TypeError, ValueError: for a level out of range, what is not finite, crossed quantiles, or too few points.

    Example:
        >>> band = calibrate_quantiles(np.zeros(19), np.ones(19), np.arange(19.0) / 10, confidence_level=0.9)
        >>> band.predict_interval(np.array([5.0]), np.array([7.0]))
        (array([4.3]), array([7.7]))

    References:
        Romano, Y., Patterson, E. & Candes, E. (2019), Conformalized quantile regression, NeurIPS. Calibrated by
        MAPIE's `ConformalizedQuantileRegressor`, one-sided scores joined (its symmetric correction).
    """
    from mapie.regression import ConformalizedQuantileRegressor

    needed = scores_needed(confidence_level)
    low, high = _ordered(lower, upper)
    target = finite_vector("truth", truth)
    if target.shape != low.shape:
        raise ValueError(f"one truth for each quantile is needed; got {target.shape} for {low.shape}.")
    if target.size < needed:
        raise ValueError(
            f"confidence_level {confidence_level:g} needs at least {needed} calibration points; there are "
            f"{target.size}. Lower the level, or add points."
        )
    middle = 0.5 * (low + high)
    estimators: list[Any] = [_Column(0), _Column(1), _Column(2)]
    mapie = ConformalizedQuantileRegressor(estimators, confidence_level=confidence_level, prefit=True)
    mapie.conformalize(np.column_stack([low, high, middle]), target)
    _, interval = mapie.predict_interval(np.zeros((1, 3)), symmetric_correction=True)
    return QuantileBand(float(confidence_level), float(interval[0, 1, 0]), target.size)


class _Column(ColumnRegressor):
    """Predicts one column of its input."""

    def __init__(self, column: int) -> None:
        self.column = column

    def predict(self, x: np.ndarray) -> np.ndarray:
        """That column."""
        return np.asarray(x)[:, self.column]


def _ordered(lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = finite_vector("lower", lower), finite_vector("upper", upper)
    if low.shape != high.shape or (high < low).any():
        raise ValueError(
            f"lower and upper must have one shape, and upper lie nowhere below lower; got {low.shape} and "
            f"{high.shape}, crossed at {int((high < low).sum()) if low.shape == high.shape else 'some'} points."
        )
    return low, high
