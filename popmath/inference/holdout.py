"""One hold-out of a comparison: a forecast of what comes after a time, its band, and how both did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from popmath._errors import UnableError
from popmath.conformal import coverage_and_width, crps_from_samples
from popmath.inference.bands import Band, BandName, rule_band
from popmath.inference.forecast import Forecast, make_forecast
from popmath.inference.result import FitResult
from popmath.inference.statistics import rmse
from popmath.series import Series

Rule = Callable[[Series, np.ndarray], np.ndarray]  # series, new times: forecast of shape (times, species)


@dataclasses.dataclass(frozen=True, eq=False)
class Holdout:
    """A forecast beside what was counted later.

    Attributes:
        after: last time that the forecast has seen.
        fit: to what comes before; None for a baseline.
        forecast: with its band; None if no band could be made.
        rmse: of each species, shape `(species,)`.
        crps: continuous ranked probability score of each species, from the errors that the band is calibrated on; NaN
            without a band.
        coverage: share of entries inside the band; NaN without a band.
        width: mean width of the band of each species; NaN without a band.
        note: why something is missing.
    """

    after: float
    fit: FitResult | None
    forecast: Forecast | None
    rmse: np.ndarray
    crps: np.ndarray
    coverage: float
    width: np.ndarray
    note: str = ""


def model_holdout(part: FitResult, series: Series, confidence_level: float, band: BandName) -> Holdout:
    """Judge a model fitted to the beginning of a series on the rest."""
    before = part.series
    later = series.times > before.times[-1]
    predicted = part.predict(series.times[later])
    try:
        made = part.band(series.times[later], confidence_level, band=band)
        return _judge(part, part.name, before, series, made.centre if made.centre is not None else predicted, made)
    except (UnableError, ValueError) as error:  # too little is left, or too few errors for the level
        without = no_holdout(before.times[-1], len(series.species), str(error))
        return dataclasses.replace(without, fit=part, rmse=_rmse(predicted, series, later))


def no_holdout(after: float, num_species: int, note: str) -> Holdout:
    """A hold-out without a forecast, and why."""
    nothing = np.full(num_species, np.nan)
    return Holdout(float(after), None, None, nothing, nothing, np.nan, nothing, note)


def rule_holdout(name: str, rule: Rule, before: Series, series: Series, confidence_level: float) -> Holdout:
    """Judge a rule that needs no fit, such as persistence."""
    after = series.times[series.times > before.times[-1]]
    predicted = rule(before, after)
    try:
        made = rule_band(before, rule, after, confidence_level)
    except (UnableError, ValueError) as error:
        without = no_holdout(before.times[-1], len(series.species), str(error))
        return dataclasses.replace(without, rmse=_rmse(predicted, series, series.times > before.times[-1]))
    return _judge(None, name, before, series, predicted, made)


def _judge(
    part: FitResult | None, name: str, before: Series, series: Series, predicted: np.ndarray, band: Band
) -> Holdout:
    later = series.times > before.times[-1]
    truth = np.where(series.observed[later], series.values[later], np.nan)
    fitted = None if part is None else part.predicted
    forecast = make_forecast(before, name, series.times[later], predicted, band, fitted)
    coverage, _ = coverage_and_width(forecast.lower, forecast.upper, truth)
    width = np.mean(forecast.upper - forecast.lower, axis=0)
    scores = crps_from_samples(band.samples(predicted), truth)
    return Holdout(
        float(before.times[-1]), part, forecast, _rmse(predicted, series, later), np.nanmean(scores, axis=0), coverage,
        width,
    )  # fmt: skip


def _rmse(predicted: np.ndarray, series: Series, later: np.ndarray) -> np.ndarray:
    whole = np.full(series.values.shape, np.nan)
    whole[later] = predicted
    return rmse(whole, dataclasses.replace(series, mask=series.observed & later[:, None], starts_with_inoculum=False))
