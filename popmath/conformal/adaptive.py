"""Adaptive conformal inference: one-step bands whose level is corrected as the truth arrives, by MAPIE."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np

from popmath.conformal._adapters import ColumnRegressor
from popmath.conformal.split import check_confidence_level, scores_needed


@dataclasses.dataclass(frozen=True, eq=False)
class AdaptiveBand:
    """One-step bands in the order of time, made by `adaptive_band`.

    Attributes:
        lower: shape `(points,)`; NaN for the first points, which only calibrate.
        upper: shape `(points,)`; infinite where the corrected level asks for more than the scores can give.
        miscoverage: the corrected level that each band was made with, shape `(points,)`; NaN likewise.
        covered: whether the truth lay inside; False where there was no band or no truth.
        num_start: points that only calibrate.
        num_infinite: bands without an upper end.
        confidence_level: nominal long-run coverage.
    """

    lower: np.ndarray
    upper: np.ndarray
    miscoverage: np.ndarray
    covered: np.ndarray
    num_start: int
    num_infinite: int
    confidence_level: float


def adaptive_band(
    predictions: np.ndarray,
    truth: np.ndarray,
    *,
    confidence_level: float = 0.9,
    scale: np.ndarray | float = 1.0,
    gamma: float = 0.02,
    num_start: int | None = None,
    nonnegative: bool = True,
) -> AdaptiveBand:
    r"""Bands for one-step forecasts of one series, where each truth is known before the next forecast is made.

    The first `num_start` points give the first window of scores $|y - \hat y|/s$. Then at each point: predict at level
    $1 - \alpha_t$; when the truth arrives, $\alpha_{t+1} = \alpha_t + \gamma (\alpha - 1[y_t \text{ outside}])$, and
    the oldest score of the window gives way to the newest. The share of misses over $T$ points differs from $\alpha$ by
    at most $(\max(\alpha, 1 - \alpha) + \gamma) / (\gamma T)$, whatever the data, as long as MAPIE does not have to cut
    $\alpha_t$ at 0 or 1.

    Args:
        predictions: shape `(points,)`, in the order of time.
        truth: shape `(points,)`; NaN where it never arrived, after which nothing is corrected.
        confidence_level: long-run coverage wanted; of at most two decimals, as MAPIE keys levels so.
        scale: expected size of each error, positive, a number or shape `(points,)`.
        gamma: step of the correction, above 0 and below 1; larger follows faster and jumps more.
        num_start: points that only calibrate, and length of the window; None waits for twice as many finite ones as a
            band needs, as with fewer a single miss asks for an infinite band.
        nonnegative: cut the band at 0.

    Raises:
        ValueError: for a level with more than two decimals, non-finite predictions, or too few points.

    Example:
        >>> band = adaptive_band(np.zeros(12), np.arange(12.0), num_start=10)
        >>> band.upper[10:], band.miscoverage[10:].round(3)
        (array([ 9., inf]), array([0.1  , 0.082]))

    References:
        Gibbs, I. & Candes, E. (2021), Adaptive conformal inference under distribution shift, NeurIPS, proposition 4.1.
        MAPIE's `TimeSeriesRegressor(method="aci")`, with its symmetric score; where $\alpha_t$ is too low for the
        number of scores, MAPIE 1.6 raises, and the infinite band and its correction are made here.
    """
    from mapie.conformity_scores import AbsoluteConformityScore
    from mapie.regression import TimeSeriesRegressor

    check_confidence_level(confidence_level)
    if abs(round(confidence_level, 2) - confidence_level) > 1e-12:
        raise ValueError(
            f"confidence_level must have at most two decimals, as MAPIE rounds it; got {confidence_level}."
        )
    if not 0.0 < gamma < 1.0:
        raise ValueError(f"gamma must lie between 0 and 1; got {gamma}.")
    centre, target = np.asarray(predictions, dtype=float), np.asarray(truth, dtype=float)
    if centre.ndim != 1 or centre.shape != target.shape:
        raise ValueError(f"predictions and truth must be of one shape (points,); got {centre.shape}, {target.shape}.")
    spread = np.broadcast_to(np.asarray(scale, dtype=float), centre.shape)
    if not (np.isfinite(centre).all() and np.isfinite(spread).all() and (spread > 0).all()):
        raise ValueError("predictions must be finite, and scale positive and finite.")
    needed = scores_needed(confidence_level)
    start = _start(target, needed, num_start)
    x, y = (centre / spread)[:, None], target / spread
    seen = np.isfinite(y[:start])
    regressor: Any = ColumnRegressor()
    prefit: Any = "prefit"
    mapie = TimeSeriesRegressor(regressor, method="aci", cv=prefit, conformity_score=AbsoluteConformityScore(sym=True))
    mapie.fit(x[:start][seen], y[:start][seen])
    nominal = round(1.0 - confidence_level, 2)
    mapie.current_alpha = {nominal: nominal}
    lower, upper, used = (np.full(centre.size, np.nan) for _ in range(3))
    covered = np.zeros(centre.size, dtype=bool)
    num_scores = int(seen.sum())
    for t in range(start, centre.size):
        used[t] = alpha = float(mapie.current_alpha[nominal])
        infinite = math.ceil(round((1.0 - alpha) * (num_scores + 1), 9)) > num_scores
        if infinite:
            lower[t], upper[t] = -np.inf, np.inf
        else:
            _, ends = mapie.predict(x[t : t + 1], confidence_level=confidence_level, allow_infinite_bounds=True)
            lower[t], upper[t] = ends[0, :, 0] * spread[t]
        if not np.isfinite(y[t]):
            continue
        covered[t] = infinite or lower[t] < target[t] < upper[t]
        if infinite:
            mapie.current_alpha[nominal] = min(alpha + gamma * nominal, 1.0)
        else:
            mapie.adapt_conformal_inference(x[t : t + 1], y[t : t + 1], gamma=gamma, confidence_level=confidence_level)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `update` always warns that its unused arguments have changed
            mapie.update(x[t : t + 1], y[t : t + 1])
    bottom = 0.0 if nonnegative else -np.inf
    return AdaptiveBand(
        np.maximum(lower, bottom),
        np.maximum(upper, bottom),
        used,
        covered,
        start,
        int(np.isposinf(upper).sum()),
        float(confidence_level),
    )


def _start(target: np.ndarray, needed: int, num_start: int | None) -> int:
    finite = np.isfinite(target).cumsum()
    if num_start is None:
        num_start = int(np.searchsorted(finite, 2 * needed)) + 1
    if num_start >= target.size or finite[num_start - 1] < needed or num_start < 1:
        raise ValueError(
            f"a band at this level starts after {needed} points with known truth, and needs a point after them; "
            f"got {target.size} points and num_start {num_start}."
        )
    return num_start
