"""Split conformal intervals, in groups if wanted, calibrated by MAPIE."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

_ALL = "all"


class _ZeroRegressor:
    """Predicts 0: MAPIE is given errors that already have the prediction taken off and their scale divided out."""

    is_fitted = True

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        raise RuntimeError("there is nothing to fit: predictions are made elsewhere.")

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


@dataclasses.dataclass(frozen=True)
class SplitBand:
    """A calibrated band, made by `calibrate_split`; nothing uncalibrated has a `predict_interval`.

    Attributes:
        confidence_level: nominal coverage.
        quantiles: for each group, the conformal quantile of the absolute error divided by its scale.
        num_scores_by_group: calibration points of each group.
    """

    confidence_level: float
    quantiles: Mapping[Hashable, float]
    num_scores_by_group: Mapping[Hashable, int]

    @property
    def num_scores(self) -> int:
        """Calibration points in all."""
        return sum(self.num_scores_by_group.values())

    def predict_interval(
        self, predictions: np.ndarray, *, scale: np.ndarray | float = 1.0, groups: Iterable[Hashable] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends: prediction -+ quantile of its group times scale.

        Args:
            predictions: shape `(points,)`.
            scale: expected size of the error of each, positive; in the sense it was calibrated with.
            groups: the group of each prediction, if it was calibrated with groups.

        Raises:
            ValueError: for predictions that are not finite, or a group that was not calibrated.
        """
        centre = finite_vector("predictions", predictions)
        spread = positive_scale(scale, centre.shape)
        labels = _labels(groups, centre.size)
        unknown = [label for label in dict.fromkeys(labels) if label not in self.quantiles]
        if unknown:
            raise ValueError(f"group {unknown[0]!r} was not calibrated; calibrated groups: {list(self.quantiles)}.")
        half = np.array([self.quantiles[label] for label in labels]) * spread
        return centre - half, centre + half


def scores_needed(confidence_level: float) -> int:
    """The fewest calibration points from which MAPIE makes a band at this level: 1 / (1 - level), and 1 / level.

    Example:
        >>> [scores_needed(level) for level in (0.8, 0.9, 0.95, 0.99)]
        [5, 10, 20, 100]
    """
    check_confidence_level(confidence_level)
    return math.ceil(round(max(1.0 / (1.0 - confidence_level), 1.0 / confidence_level), 9))


def check_confidence_level(confidence_level: float) -> None:
    """Refuse anything that is not a number strictly between 0 and 1."""
    if isinstance(confidence_level, bool) or not isinstance(confidence_level, int | float | np.floating):
        raise TypeError(f"confidence_level must be a number between 0 and 1; got {confidence_level!r}.")
    if not 0.0 < confidence_level < 1.0:
        raise ValueError(f"confidence_level must lie between 0 and 1, such as 0.9; got {confidence_level}.")


def calibrate_split(
    predictions: np.ndarray,
    truth: np.ndarray,
    *,
    scale: np.ndarray | float = 1.0,
    groups: Iterable[Hashable] | None = None,
    confidence_level: float = 0.9,
) -> SplitBand:
    r"""Calibrate a band on predictions whose truth is known and that were not used to make the predictor.

    The conformity score is $|y - \hat y| / s$; in each group the band's half-width is $s$ times the
    $\lceil (m+1)(1-\alpha) \rceil$-th smallest of its $m$ scores. Coverage is at least $1 - \alpha$ in every group if
    calibration and new points of the group are exchangeable.

    Args:
        predictions: shape `(points,)`.
        truth: shape `(points,)`.
        scale: expected size of each error, positive, a number or shape `(points,)`.
        groups: a label per point for coverage in every group (Mondrian); None for one band.
        confidence_level: $1 - \alpha$, between 0 and 1.

    Raises:
        ValueError: for a level out of range, non-finite numbers, or a group with too few points for the level.

    Example:
        >>> band = calibrate_split(np.zeros(19), np.arange(19.0), confidence_level=0.9)
        >>> band.predict_interval(np.array([100.0]))
        (array([83.]), array([117.]))

    References:
        Vovk, V., Gammerman, A. & Shafer, G. (2005), Algorithmic Learning in a Random World, chapter 4.
        Calibrated by MAPIE's `SplitConformalRegressor`, one per group.
    """
    needed = scores_needed(confidence_level)
    centre, target = finite_vector("predictions", predictions), finite_vector("truth", truth)
    if centre.shape != target.shape:
        raise ValueError(f"predictions and truth must have one shape; got {centre.shape} and {target.shape}.")
    standardised = (target - centre) / positive_scale(scale, centre.shape)
    labels = _labels(groups, centre.size)
    members: dict[Hashable, list[int]] = {}
    for i, label in enumerate(labels):
        members.setdefault(label, []).append(i)
    if not members:
        raise ValueError("predictions is empty: a band needs calibration points.")
    quantiles: dict[Hashable, float] = {}
    for label, rows in members.items():
        if len(rows) < needed:
            where = "" if groups is None else f" in group {label!r}"
            raise ValueError(
                f"confidence_level {confidence_level:g} needs at least {needed} calibration points{where}; there are "
                f"{len(rows)}. Lower the level, or add points{'' if groups is None else ' or join groups'}."
            )
        quantiles[label] = _mapie_quantile(standardised[rows], confidence_level)
    return SplitBand(float(confidence_level), quantiles, {label: len(rows) for label, rows in members.items()})


def coverage_and_width(lower: np.ndarray, upper: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Share of the truth inside the band, and the band's mean width; NaN entries of `truth` do not count.

    Example:
        >>> coverage_and_width(np.zeros(2), np.ones(2), np.array([0.5, 2.0]))
        (0.5, 1.0)
    """
    seen = np.isfinite(truth)
    if not seen.any():
        raise ValueError("truth has no finite entry: there is nothing to cover.")
    inside = (lower <= truth) & (truth <= upper)
    return float(np.mean(inside[seen])), float(np.mean((upper - lower)[seen]))


def _mapie_quantile(standardised: np.ndarray, confidence_level: float) -> float:
    from mapie.regression import SplitConformalRegressor

    regressor: Any = _ZeroRegressor()
    mapie = SplitConformalRegressor(regressor, confidence_level=confidence_level, prefit=True)
    mapie.conformalize(np.zeros((standardised.size, 1)), standardised)
    _, interval = mapie.predict_interval(np.zeros((1, 1)))
    quantile = float(interval[0, 1, 0])
    if not math.isfinite(quantile):
        raise ValueError(
            f"confidence_level {confidence_level:g} is too high for {standardised.size} calibration points."
        )
    return quantile


def finite_vector(name: str, values: np.ndarray) -> np.ndarray:
    """One-dimensional float64, or a ValueError with the first entry that is not finite."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional; got shape {array.shape}.")
    if not np.isfinite(array).all():
        i = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name}[{i}] is {array[i]}: a band needs finite numbers.")
    return array


def positive_scale(scale: np.ndarray | float, shape: tuple[int, ...]) -> np.ndarray:
    """The scale in this shape, or a ValueError if it is not positive and finite."""
    array = np.broadcast_to(np.asarray(scale, dtype=float), shape)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"scale must be positive and finite; its smallest entry is {array.min():g}.")
    return array


def _labels(groups: Iterable[Hashable] | None, size: int) -> list[Hashable]:
    labels: list[Hashable] = [_ALL] * size if groups is None else list(groups)
    if len(labels) != size:
        raise ValueError(f"groups must have one label per prediction ({size}); got {len(labels)}.")
    return labels
