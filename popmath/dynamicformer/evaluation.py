"""Errors of log F and of F, summarised: the same numbers for a network and for what it is printed beside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ErrorSummary(NamedTuple):
    """Errors on some numbers.

    Attributes:
        num_points: how many numbers.
        r_squared: share of the variance of log F that is explained; NaN of a single number.
        mean: mean absolute error of log F.
        median: median of it.
        percentile_95: its 95th percentile.
        maximum: its largest.
        relative_median: median of the relative error of F, without its sign.
        relative_maximum: its largest.
    """

    num_points: int
    r_squared: float
    mean: float
    median: float
    percentile_95: float
    maximum: float
    relative_median: float
    relative_maximum: float


def summarise(predicted: np.ndarray, truth: np.ndarray) -> ErrorSummary:
    """Errors of logarithms.

    Raises:
        ValueError: for no numbers, unequal lengths, or a prediction that is not finite.

    Example:
        >>> round(summarise(np.array([1.0, 2.1]), np.array([1.0, 2.0])).maximum, 3)
        0.1
    """
    if predicted.shape != truth.shape or truth.size == 0:
        raise ValueError(
            f"one prediction for each number is needed, and at least one; got {predicted.shape} for {truth.shape}."
        )
    if not np.isfinite(predicted).all():
        raise ValueError(f"{int(np.sum(~np.isfinite(predicted)))} of {predicted.size} predictions are not finite.")
    error = predicted - truth
    size, relative = np.abs(error), np.abs(np.expm1(error))
    return ErrorSummary(
        truth.size,
        r_squared(predicted, truth),
        float(size.mean()),
        float(np.median(size)),
        float(np.quantile(size, 0.95)),
        float(size.max()),
        float(np.median(relative)),
        float(relative.max()),
    )


def r_squared(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Share of the variance that is explained; NaN where there is none.

    Example:
        >>> r_squared(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
        0.5
    """
    spread = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((predicted - truth) ** 2) / spread) if spread > 0 else float("nan")
