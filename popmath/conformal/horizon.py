"""Multi-step bands calibrated on rolling-origin errors, wider the further ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np

from popmath.conformal._adapters import signed_quantiles
from popmath.conformal.growth import GrowthName, HorizonGrowth, fit_growth
from popmath.conformal.rolling import RollingErrors
from popmath.conformal.split import calibrate_split, scores_needed

ScoreName = Literal["count", "log"]


@dataclasses.dataclass(frozen=True, eq=False)
class HorizonBand:
    """A calibrated multi-step band, made by `calibrate_rolling`.

    Attributes:
        confidence_level: nominal coverage of each entry.
        scores: `"count"` or `"log"`.
        growth: the curve of error size against horizon.
        relative: whether horizons are time ahead over time seen, or time ahead.
        floor: forecasts count as at least this in the scale (`"count"`); what is added before the logarithm (`"log"`).
        quantiles: for each species, or for all as `"all"`: quantiles of the standardised error below and above, such as
            `(-2.1, 2.1)`.
        num_scores: calibration errors in all.
        num_origins: forecasts that they come from; errors of one forecast depend on each other.
    """

    confidence_level: float
    scores: ScoreName
    growth: HorizonGrowth
    relative: bool
    floor: float
    quantiles: Mapping[int | str, tuple[float, float]]
    num_scores: int
    num_origins: int

    def predict_interval(
        self, predictions: np.ndarray, *, times_ahead: np.ndarray, time_seen: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end, both at least 0, of the shape of `predictions`.

        Args:
            predictions: forecasts, shape `(times, species)`, not negative.
            times_ahead: time of each from the last time seen, shape `(times,)`, above 0.
            time_seen: time from the start of the series to the last time seen, above 0.

        Raises:
            ValueError: if shapes disagree, a forecast is negative or not finite, a time is not above 0, or there are
                species that were not calibrated.
        """
        centre, ahead = np.asarray(predictions, dtype=float), np.asarray(times_ahead, dtype=float)
        if centre.ndim != 2 or ahead.shape != centre.shape[:1]:
            raise ValueError(
                f"predictions {centre.shape} must be (times, species), times_ahead {ahead.shape} (times,)."
            )
        _check_forecasts(centre)
        if not ((ahead > 0).all() and np.isfinite(ahead).all() and 0 < time_seen < np.inf):
            raise ValueError("times_ahead and time_seen must be finite and above 0.")
        if "all" in self.quantiles:
            pairs = [self.quantiles["all"]] * centre.shape[1]
        else:
            if centre.shape[1] != len(self.quantiles):
                raise ValueError(f"{len(self.quantiles)} species were calibrated; predictions has {centre.shape[1]}.")
            pairs = [self.quantiles[i] for i in range(centre.shape[1])]
        below, above = np.array(pairs).T
        spread = self.growth.at(ahead / time_seen if self.relative else ahead)[:, None]
        if self.scores == "log":
            shifted = centre + self.floor
            ends = [shifted * np.exp(q * spread) - self.floor for q in (below, above)]
        else:
            ends = [centre + q * spread * count_scale(centre, self.floor) for q in (below, above)]
        return np.maximum(ends[0], 0.0), np.maximum(ends[1], 0.0)


def count_scale(forecast: np.ndarray, floor: float = 1.0) -> np.ndarray:
    """Square root of the forecast, at least that of `floor`: counts have a variance that grows with their mean.

    Example:
        >>> count_scale(np.array([0.0, 4.0, 100.0]))
        array([ 1.,  2., 10.])
    """
    return np.sqrt(np.maximum(forecast, floor))


def calibrate_rolling(
    errors: RollingErrors,
    *,
    confidence_level: float = 0.9,
    growth: GrowthName = "power",
    relative: bool = True,
    scores: ScoreName = "count",
    symmetric: bool = True,
    by_species: bool = False,
    floor: float = 1.0,
) -> HorizonBand:
    r"""Calibrate a multi-step band on the errors of forecasts from earlier origins of the same series.

    The score of count $y$ forecast as $f$, a time $h$ ahead after a time $t$ seen, is $|y - f| / (\sqrt{\max(f,
    \mathrm{floor})}\, g(h/t))$, with $g$ from `fit_growth`; the band is $f$ -+ the conformal quantile of the scores
    times the same scale, cut at 0. Measuring the horizon in units of the time seen, a forecast of 6 days after 6 days
    says what to expect of 12 days after 12: nothing is extrapolated. With `scores="log"` the score is $|\log((y + c)/(f
    + c))| / g(h/t)$, $c$ being the floor, and the band is multiplicative.

    The errors of one series are not exchangeable, so no coverage is guaranteed. On simulated competitors (26 daily
    counts, two kinds of curve fitted, with and without process noise; benchmarks/bands.py) the default covers 86 to 96
    per cent at 90, where origins have seen twice as many observations as there are parameters.

    Args:
        errors: from `rolling_errors`.
        confidence_level: nominal coverage of each entry.
        growth: how errors grow with horizon.
        relative: horizon as time ahead over time seen (True), or as time ahead.
        scores: `"count"` or `"log"`.
        symmetric: one quantile of absolute scores; False takes one below and one above, for which twice as many scores
            are needed.
        by_species: one quantile per species (Mondrian) in place of one for all.
        floor: positive.

    Raises:
        ValueError: for a wrong option, a negative forecast, no error that can be scored, or too few for the level.

    Example:
        >>> from popmath.conformal import rolling_errors
        >>> days, counts = np.arange(12.0), np.arange(1.0, 13.0)[:, None]
        >>> last = rolling_errors(days, counts, range(3, 11), lambda i: np.full((12, 1), counts[i, 0]))
        >>> band = calibrate_rolling(last)
        >>> band.num_scores, band.num_origins
        (36, 8)
        >>> band.predict_interval(np.array([[12.0]]), times_ahead=np.array([2.0]), time_seen=11.0)
        (array([[10.1191705]]), array([[13.8808295]]))

    References:
        Tashman, L. J. (2000), International Journal of Forecasting 16(4), 437-450 (rolling origins). Vovk, V.,
        Gammerman, A. & Shafer, G. (2005), chapter 4 (quantiles, Mondrian). The quantiles are those of MAPIE's
        `SplitConformalRegressor`.
    """
    needed = scores_needed(confidence_level) * (1 if symmetric else 2)
    if scores not in ("count", "log"):
        raise ValueError(f"scores must be 'count' or 'log'; got {scores!r}.")
    if not 0.0 < floor < np.inf:
        raise ValueError(f"floor must be positive and finite; got {floor}.")
    table = errors.columns()
    if table["truth"].size == 0:
        raise ValueError("no forecast meets an observation: there is no error to calibrate on.")
    _check_forecasts(table["forecast"])
    if relative and (table["seen"] <= 0).any():
        raise ValueError("an origin at the first time has seen no time; leave it out, or use relative=False.")
    horizon = table["ahead"] / table["seen"] if relative else table["ahead"]
    if scores == "log":
        if (table["truth"] < 0).any():
            raise ValueError("truth is negative: counts are not, and have no logarithm.")
        standardised = np.log((table["truth"] + floor) / (table["forecast"] + floor))
    else:
        standardised = (table["truth"] - table["forecast"]) / count_scale(table["forecast"], floor)
    curve = fit_growth(growth, horizon, standardised)
    standardised = standardised / curve.at(horizon)
    groups: dict[int | str, np.ndarray] = {"all": standardised}
    if by_species:
        groups = {i: standardised[table["species"] == i] for i in range(errors.truth.shape[1])}
    quantiles: dict[int | str, tuple[float, float]] = {}
    for label, members in groups.items():
        if members.size < needed:
            where = f" of species {label}" if by_species else ""
            raise ValueError(
                f"confidence_level {confidence_level:g} needs at least {needed} errors{where}; there are "
                f"{members.size} from {len(errors.origins)} origins. Lower the level, use more origins"
                f"{'' if symmetric else ', take symmetric=True'}{', or join the species' if by_species else ''}."
            )
        if symmetric:
            split = calibrate_split(np.zeros(members.size), members, confidence_level=confidence_level)
            quantiles[label] = (-split.quantiles["all"], split.quantiles["all"])
        else:
            quantiles[label] = signed_quantiles(members, confidence_level)
    return HorizonBand(
        float(confidence_level), scores, curve, relative, floor, quantiles, standardised.size, len(errors.origins)
    )


def _check_forecasts(forecasts: np.ndarray) -> None:
    if not (np.isfinite(forecasts) & (forecasts >= 0)).all():
        raise ValueError("a forecast is negative or not finite: this band is for counts.")
