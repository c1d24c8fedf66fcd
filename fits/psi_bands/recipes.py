"""Other recipes for a band around psi-corrected, on the same points: what the report compares the predictor with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from popmath.conformal import (
    adapt_level,
    calibrate_quantiles,
    calibrate_split,
    calibrate_weighted,
    calibrate_window,
    scores_needed,
)

HIGHEST = 3  # genera that "highest genera" calibrates on


class Points(NamedTuple):
    """Numbers with what a band may know of them.

    Attributes:
        errors: of log F, signed; what the bands are asked to hold.
        size: of the error to expect, learned factor and all.
        points: besides ones.
        genus: of each.
        features: for quantile regression, shape `(points, features)`.
    """

    errors: np.ndarray
    size: np.ndarray
    points: np.ndarray
    genus: np.ndarray
    features: np.ndarray


Interval = tuple[np.ndarray, np.ndarray]


def plain_split(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """One absolute error for all."""
    return calibrate_split(np.zeros(len(held.errors)), held.errors, confidence_level=level).predict_interval(
        np.zeros(len(new.errors))
    )


def by_points(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """Mondrian: one absolute error for each number of points."""
    return _grouped(held, new, level, 1.0, 1.0)


def by_points_scaled(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """Mondrian with the learned scale, no window."""
    return _grouped(held, new, level, held.size, new.size)


def _grouped(held: Points, new: Points, level: float, old: np.ndarray | float, scale: np.ndarray | float) -> Interval:
    places = np.zeros((len(held.errors), 1))
    band = calibrate_window(
        np.zeros(len(held.errors)),
        held.errors,
        positions=places,
        groups=held.points,
        scale=old,
        confidence_level=level,
        share=1.0,
    )
    found = band.predict_interval(np.zeros(len(new.errors)), np.zeros((len(new.errors), 1)), new.points, scale)
    return found.lower, found.upper


def quantile_regression(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """CQR: quantiles of the signed score from boosted trees, conformalised."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    ends = []
    for quantile in ((1 - level) / 2, (1 + level) / 2):
        model = HistGradientBoostingRegressor(loss="quantile", quantile=quantile, max_iter=100, random_state=0)
        model.fit(learned.features, learned.errors / learned.size)
        ends.append([model.predict(part.features) for part in (held, new)])
    (low, low_new), (high, high_new) = ends
    low, high = np.minimum(low, high), np.maximum(low, high)
    band = calibrate_quantiles(low, high, held.errors / held.size, confidence_level=level)
    lower, upper = band.predict_interval(np.minimum(low_new, high_new), np.maximum(low_new, high_new))
    return lower * new.size, upper * new.size


def by_crepes(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """The library crepes: Mondrian by points with the same scale; numbers of points with too few joined to the next."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crepes import ConformalRegressor

    needed, label, pending, highest = scores_needed(level), {}, [], 0
    for points in range(1, int(max(held.points.max(), new.points.max())) + 1):
        pending.append(points)
        if np.isin(held.points, pending).sum() >= needed:
            highest = points
            label |= dict.fromkeys(pending, points)
            pending = []
    label |= dict.fromkeys(pending, highest)
    bins, bins_new = (np.array([label[int(m)] for m in part.points]) for part in (held, new))
    regressor = ConformalRegressor()
    regressor.fit(held.errors, sigmas=held.size, bins=bins)
    found = regressor.predict_int(np.zeros(len(new.errors)), sigmas=new.size, bins=bins_new, confidence=level)
    return found[:, 0], found[:, 1]


def weighted(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """Learned scale; a calibration number two genera away counts half as much as one that is one genus away."""
    band = calibrate_weighted(
        np.zeros(len(held.errors)),
        held.errors,
        places=held.genus.astype(float),
        half_distance=1.0,
        scale=held.size,
        confidence_level=level,
    )
    return band.predict_interval(np.zeros(len(new.errors)), new.genus.astype(float), new.size)


def highest_genera(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """Learned scale, calibrated on the highest genera alone."""
    rows = held.genus > held.genus.max() - HIGHEST
    band = calibrate_split(np.zeros(rows.sum()), held.errors[rows], scale=held.size[rows], confidence_level=level)
    return band.predict_interval(np.zeros(len(new.errors)), scale=new.size)


def adaptive(learned: Points, held: Points, new: Points, level: float) -> Interval:
    """Learned scale, at the level that adaptive conformal inference along genus arrives at."""
    found = adapt_level(held.errors / held.size, held.genus, confidence_level=level)
    asked = float(np.clip(found.final, 0.01, 1 - 1 / (len(held.errors) + 1)))
    band = calibrate_split(np.zeros(len(held.errors)), held.errors, scale=held.size, confidence_level=asked)
    return band.predict_interval(np.zeros(len(new.errors)), scale=new.size)


RECIPES: dict[str, Callable[[Points, Points, Points, float], Interval]] = {
    "plain split": plain_split,
    "by points": by_points,
    "by points, scaled": by_points_scaled,
    "quantile regression": quantile_regression,
    "crepes, by points, scaled": by_crepes,
    "weighted by genus": weighted,
    "highest genera": highest_genera,
    "adaptive level": adaptive,
}
