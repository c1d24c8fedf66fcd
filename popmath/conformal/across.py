"""Split conformal across replicate cultures: one band that holds a whole course at once."""

from __future__ import annotations

import dataclasses

import numpy as np

from popmath.conformal.horizon import count_scale
from popmath.conformal.split import calibrate_split, scores_needed


@dataclasses.dataclass(frozen=True, eq=False)
class CultureBand:
    """A simultaneous band for a further culture, made by `split_across`.

    Attributes:
        confidence_level: nominal probability that the whole course lies inside.
        quantile: conformal quantile of the largest standardised error of a culture.
        scores: largest standardised error of each calibration culture, shape `(cultures,)`.
        floor: forecasts count as at least this in the default scale.
    """

    confidence_level: float
    quantile: float
    scores: np.ndarray
    floor: float

    def predict_interval(
        self, predictions: np.ndarray, *, scale: np.ndarray | float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end, both at least 0, of the shape of `predictions`.

        Args:
            predictions: forecast of the further culture, shape `(times, species)`, at the times calibrated on.
            scale: as in `split_across`; to broadcast to `predictions`.
        """
        centre = np.asarray(predictions, dtype=float)
        if not np.isfinite(centre).all():
            raise ValueError("predictions must be finite.")
        half = self.quantile * _scale(scale, centre, self.floor)
        return np.maximum(centre - half, 0.0), np.maximum(centre + half, 0.0)


def split_across(
    forecasts: np.ndarray,
    truth: np.ndarray,
    *,
    confidence_level: float = 0.9,
    scale: np.ndarray | float | None = None,
    floor: float = 1.0,
) -> CultureBand:
    r"""Calibrate on whole cultures: the score of one is its largest standardised error over times and species.

    $R_c = \max_{t, i} |y_{cti} - f_{cti}| / s_{cti}$, and the band is $f$ -+ the $\lceil (m + 1)(1 - \alpha) \rceil$-th
    smallest of the $m$ scores, times $s$, cut at 0. If the cultures and the further one are exchangeable (replicates,
    none of which the model was fitted on, or each forecast in the same way from its own start), the whole course lies
    inside with probability at least $1 - \alpha$. What counts is the number of cultures: `scores_needed`, 10 at 90 per
    cent and 20 at 95, however many days each has.

    Args:
        forecasts: shape `(cultures, times, species)`.
        truth: same shape; NaN where nothing was observed. Exchangeability includes which observations are missing.
        confidence_level: of the whole course at once.
        scale: expected size of the errors, positive, to broadcast to `forecasts`; the root of the forecast if None.
        floor: forecasts count as at least this in the default scale.

    Raises:
        ValueError: if shapes disagree, a culture has no observation, or there are too few cultures for the level.

    Example:
        >>> counts = np.repeat(100.0 + np.arange(10.0), 3).reshape(10, 3, 1)
        >>> band = split_across(np.full((10, 3, 1), 100.0), counts)
        >>> band.quantile
        0.9
        >>> band.predict_interval(np.full((1, 1), 400.0))
        (array([[382.]]), array([[418.]]))

    References:
        Diquigiovanni, J., Fontana, M. & Vantini, S. (2022), Journal of Multivariate Analysis 189, 104879. Calibrated by
        MAPIE's `SplitConformalRegressor`.
    """
    needed = scores_needed(confidence_level)
    centre, target = np.asarray(forecasts, dtype=float), np.asarray(truth, dtype=float)
    if centre.ndim != 3 or centre.shape != target.shape:
        raise ValueError(
            f"forecasts and truth must be of one shape (cultures, times, species); got {centre.shape}, {target.shape}."
        )
    if len(centre) < needed:
        raise ValueError(
            f"confidence_level {confidence_level:g} needs at least {needed} cultures; there are {len(centre)}. Days of "
            f"the same culture do not count as more: lower the level, or add cultures."
        )
    if not np.isfinite(centre[np.isfinite(target)]).all():
        raise ValueError("a forecast of an observed entry is not finite.")
    standardised = np.abs(target - centre) / _scale(scale, centre, floor)
    empty = np.flatnonzero(~np.isfinite(target).any(axis=(1, 2)))
    if empty.size:
        raise ValueError(f"culture {empty[0]} has no observation; leave it out.")
    scores = np.nanmax(standardised, axis=(1, 2))
    split = calibrate_split(np.zeros(len(scores)), scores, confidence_level=confidence_level)
    return CultureBand(float(confidence_level), split.quantiles["all"], scores, floor)


def _scale(scale: np.ndarray | float | None, centre: np.ndarray, floor: float) -> np.ndarray:
    if scale is None:
        return count_scale(centre, floor)
    array = np.broadcast_to(np.asarray(scale, dtype=float), centre.shape)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ValueError("scale must be positive and finite.")
    return array
