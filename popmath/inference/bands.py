"""Conformal bands of a forecast, calibrated by fitting again to parts of the series; the calibrating is MAPIE's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from popmath._errors import UnableError
from popmath.conformal import (
    calibrate_rolling,
    calibrate_split,
    count_scale,
    enbpi_band,
    rolling_errors,
    rolling_origins,
    scores_needed,
)
from popmath.inference.expected_error import Refitted
from popmath.series import Series

BandName = Literal["blocks", "rolling", "enbpi"]

# given weights of the times, shape (times,), and new times or None: a fit to what has weight
Refit = Callable[[np.ndarray, np.ndarray | None], Refitted]

BLOCK = 2  # times left out together, so that a neighbour does not give the answer away
_SEEN_PER_NUMBER = 2.0  # observations per free number that an origin has seen (chosen in benchmarks/bands.py)
_MEMBERS = 20  # of the block bootstrap
_BOOTSTRAP_BLOCK = 3  # times that are drawn together


@dataclasses.dataclass(frozen=True, eq=False)
class Band:
    """A band at the times of a forecast.

    Attributes:
        interval: lower and upper end around a forecast of shape `(times, species)`, both at least 0.
        samples: equally likely counts around a forecast, shape `(samples, times, species)`, at least 0: the forecast
            plus each of the errors that the band is calibrated on, brought to its scale.
        description: one sentence for tables and figures.
        confidence_level: nominal coverage of each entry.
        centre: the forecast that the band belongs to, if it is not the fitted curve.
    """

    interval: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    samples: Callable[[np.ndarray], np.ndarray]
    description: str
    confidence_level: float
    centre: np.ndarray | None = None


def make_band(
    series: Series,
    refit: Refit,
    num_free: int,
    after: np.ndarray,
    confidence_level: float,
    name: BandName,
    seed: int,
) -> Band:
    """A band at the times `after` the series, for a model of `num_free` numbers."""
    if name not in get_args(BandName):
        raise ValueError(f"band must be one of {', '.join(map(repr, get_args(BandName)))}; got {name!r}.")
    scores_needed(confidence_level)  # refuses a wrong level before the refits
    if name == "enbpi":
        return bootstrap_band(series, refit, num_free, after, confidence_level, seed)
    if name == "rolling":
        return rolling_band(series, refit, num_free, after, confidence_level)
    return block_band(series, refit, num_free + 1, after, confidence_level)


def rolling_band(series: Series, refit: Refit, num_free: int, after: np.ndarray, confidence_level: float) -> Band:
    """Calibrate on forecasts from earlier origins of the series, errors divided by what was to be expected there."""
    origins = rolling_origins(series.times, series.observed, min_observed=_least(num_free))
    rows, scores = np.arange(len(series)), []
    for origin in origins:
        later = rows > origin
        scores.append(_standard_errors(series, refit((rows <= origin).astype(float), None), later))
    text = f"errors of forecasts from {len(origins)} earlier times"
    return _band(refit, series, np.concatenate(scores), after, confidence_level, text)


def block_band(series: Series, refit: Refit, min_observed: int, after: np.ndarray, confidence_level: float) -> Band:
    """Calibrate by leaving out blocks of the series' times, one after the other.

    Raises:
        UnableError: if fewer than `min_observed` observations are left when a block is taken out.
        ValueError: if there are too few errors for the level.
    """
    rows = np.flatnonzero(series.observed.any(axis=1))
    blocks = [rows[i : i + BLOCK] for i in range(0, rows.size, BLOCK)]
    scores = []
    for block in blocks:
        kept = np.ones(len(series))
        kept[block] = 0.0
        left = int(series.observed[kept > 0].sum())
        if left < min_observed:
            raise UnableError(
                f"no band: with {BLOCK} of its times left out, {series.name!r} has {left} observations, and the model "
                f"needs {min_observed}. Take a longer series or a smaller model."
            )
        scores.append(_standard_errors(series, refit(kept, None), kept == 0))
    text = f"errors at left-out observations ({len(blocks)} refits)"
    return _band(refit, series, np.concatenate(scores), after, confidence_level, text)


def _standard_errors(series: Series, fitted: Refitted, judged: np.ndarray) -> np.ndarray:
    """Errors at observations of the rows that are judged, divided by the expected ones; without those not finite."""
    if (fitted.inside[judged] < 0).any():
        raise UnableError("no band: fitted to parts of the series, the model forecasts negative abundances.")
    with np.errstate(invalid="ignore", over="ignore"):
        scores = ((series.values - fitted.inside) / fitted.inside_error)[judged]
    return scores[series.observed[judged] & np.isfinite(scores)]


def _band(
    refit: Refit, series: Series, scores: np.ndarray, after: np.ndarray, confidence_level: float, text: str
) -> Band:
    split = calibrate_split(np.zeros(scores.size), scores, confidence_level=confidence_level)
    fitted = refit(np.ones(len(series)), after)
    size = fitted.ahead_error
    assert size is not None

    def interval(predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = split.quantiles["all"] * size
        return np.maximum(predicted - half, 0.0), np.maximum(predicted + half, 0.0)

    def samples(predicted: np.ndarray) -> np.ndarray:
        return _around(predicted, scores, size)

    return Band(interval, samples, f"band calibrated on {scores.size} {text}", confidence_level)


def bootstrap_band(
    series: Series, refit: Refit, num_free: int, after: np.ndarray, confidence_level: float, seed: int
) -> Band:
    """EnbPI: errors of members of a block bootstrap where they were not fitted; the centre is the members' median."""
    rows = np.flatnonzero(series.observed.any(axis=1))
    rng = np.random.default_rng(seed)
    members: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for _ in range(_MEMBERS):
        starts = rng.integers(0, max(rows.size - _BOOTSTRAP_BLOCK + 1, 1), size=-(-rows.size // _BOOTSTRAP_BLOCK))
        drawn = (starts[:, None] + np.arange(_BOOTSTRAP_BLOCK)).ravel()[: rows.size]
        weight = np.zeros(len(series))
        weight[rows] = np.bincount(drawn, minlength=rows.size)[: rows.size]
        if series.observed[weight > 0].sum() <= num_free:
            continue
        fitted = refit(weight, after)
        assert fitted.ahead is not None
        if np.isfinite(fitted.inside).all() and np.isfinite(fitted.ahead).all():
            members.append((fitted.inside, fitted.ahead, weight > 0))
    if len(members) < _MEMBERS // 2:
        raise UnableError(
            f"no band: only {len(members)} of {_MEMBERS} bootstrap samples of {series.name!r} can be fitted. Take a "
            "longer series or a smaller model."
        )
    inside, new, used = (np.stack(column) for column in zip(*members, strict=True))
    spread, new_spread = (np.sqrt(count_scale(np.median(f, axis=0)) ** 2 + _scatter(f) ** 2) for f in (inside, new))
    truth = np.where(series.observed, series.values, np.nan)
    band = enbpi_band(inside, truth, used, new, scale=spread, new_scale=new_spread, confidence_level=confidence_level)
    text = f"EnbPI band on {band.residuals.size} errors outside the samples of {len(members)} bootstrap fits"
    return Band(
        lambda predicted: (band.lower, band.upper),
        lambda predicted: _around(predicted, band.residuals, new_spread),
        text,
        confidence_level,
        np.maximum(band.predicted, 0.0),
    )


def rule_band(
    series: Series,
    rule: Callable[[Series, np.ndarray], np.ndarray],
    after: np.ndarray,
    confidence_level: float,
) -> Band:
    """The band of a rule without parameters, such as persistence: rolling origins, errors that grow with time ahead."""
    origins = rolling_origins(series.times, series.observed, min_observed=2)
    values = np.where(series.observed, series.values, np.nan)
    seen = [series.observed[: i + 1].any(axis=0).all() and series.times[i] > series.times[0] for i in origins]
    origins = tuple(i for i, usable in zip(origins, seen, strict=True) if usable)

    def forecast_from(origin: int) -> np.ndarray:
        return rule(series.until(float(series.times[origin])), series.times)

    errors = rolling_errors(series.times, values, origins, forecast_from)
    band, last = calibrate_rolling(errors, confidence_level=confidence_level), series.times[-1]
    table, horizon = errors.columns(), (after - last) / (last - series.times[0])
    size = count_scale(table["forecast"]) * band.growth.at(table["ahead"] / table["seen"])
    standard = (table["truth"] - table["forecast"]) / size

    def interval(predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return band.predict_interval(predicted, times_ahead=after - last, time_seen=last - series.times[0])

    def samples(predicted: np.ndarray) -> np.ndarray:
        return _around(predicted, standard, count_scale(predicted) * band.growth.at(horizon)[:, None])

    text = f"band calibrated on {band.num_scores} errors of forecasts from {band.num_origins} earlier times"
    return Band(interval, samples, text, confidence_level)


def _scatter(members: np.ndarray) -> np.ndarray:
    """Standard deviation of the members by their median absolute deviation: one that runs away does not count."""
    return 1.4826 * np.median(np.abs(members - np.median(members, axis=0)), axis=0)


def _around(predicted: np.ndarray, standard: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.maximum(predicted + standard[:, None, None] * size, 0.0)


def _least(num_free: int) -> int:
    return max(int(np.ceil(_SEEN_PER_NUMBER * num_free)), 2)
