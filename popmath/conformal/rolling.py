"""Rolling origins: forecast from ever later times of one series, and keep what each forecast missed by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from popmath._errors import UnableError


@dataclasses.dataclass(frozen=True, eq=False)
class RollingErrors:
    """Forecasts of one series from several origins, beside the truth; made by `rolling_errors`.

    Attributes:
        times: times of the series, shape `(times,)`.
        truth: what was counted, shape `(times, species)`; NaN where nothing was.
        origins: index of the last time that each forecast had seen, shape `(origins,)`.
        forecasts: shape `(origins, times, species)`; NaN up to the origin, and where there is no forecast.
    """

    times: np.ndarray
    truth: np.ndarray
    origins: np.ndarray
    forecasts: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Truth minus forecast, shape `(origins, times, species)`; NaN where either is missing."""
        return self.truth[None] - self.forecasts

    @property
    def times_ahead(self) -> np.ndarray:
        """Time from the origin, shape `(origins, times)`; at most 0 up to the origin."""
        return self.times[None, :] - self.times[self.origins][:, None]

    @property
    def times_seen(self) -> np.ndarray:
        """Time from the start of the series to each origin, shape `(origins,)`."""
        return self.times[self.origins] - self.times[0]

    @property
    def num_errors(self) -> int:
        """Errors that can be scored: forecast and truth are both there."""
        return int(np.isfinite(self.errors).sum())

    def columns(self) -> dict[str, np.ndarray]:
        """One entry per error that can be scored: `origin`, `time`, `ahead`, `seen`, `species`, `forecast`, `truth`."""
        k, t, i = np.nonzero(np.isfinite(self.errors))
        return {
            "origin": self.origins[k],
            "time": self.times[t],
            "ahead": self.times_ahead[k, t],
            "seen": self.times_seen[k],
            "species": i,
            "forecast": self.forecasts[k, t, i],
            "truth": self.truth[t, i],
        }


def rolling_origins(
    times: np.ndarray, observed: np.ndarray, *, min_observed: int, step: int = 1, min_ahead: int = 1
) -> tuple[int, ...]:
    """Origins to forecast one series from: the index of the last time seen, in rising order.

    An origin is a time with an observation; it has at least `min_observed` observations up to and with itself, and at
    least `min_ahead` observed times after it. Of these every `step`-th is taken, counted back from the latest, which is
    the most like the forecast to come. Nothing is drawn by chance.

    Args:
        times: shape `(times,)`, strictly rising.
        observed: True where there is a count, shape `(times,)` or `(times, species)`.
        min_observed: observations, all species together, that a forecast needs. Twice the number of parameters of the
            model has proved right (benchmarks/bands.py): errors of barely determined fits make the band too wide.
        step: distance between origins, in observed times.
        min_ahead: observed times that must follow.

    Raises:
        ValueError: if shapes disagree, times do not rise, or a number is not at least 1.
        UnableError: if no origin is left.

    Example:
        >>> rolling_origins(np.arange(6.0), np.ones((6, 2), bool), min_observed=6)
        (2, 3, 4)
        >>> rolling_origins(np.arange(6.0), np.ones((6, 2), bool), min_observed=6, step=2)
        (2, 4)

    References:
        Tashman, L. J. (2000), International Journal of Forecasting 16(4), 437-450.
    """
    clock, seen = _clock(times), np.asarray(observed, dtype=bool)
    if seen.ndim not in (1, 2) or len(seen) != len(clock):
        raise ValueError(
            f"observed must have shape (times,) or (times, species); got {seen.shape}, {len(clock)} times."
        )
    for name, value in (("min_observed", min_observed), ("step", step), ("min_ahead", min_ahead)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}.")
    counts = seen.reshape(len(clock), -1)
    rows = np.flatnonzero(counts.any(axis=1))
    before = counts.sum(axis=1).cumsum()
    possible = [int(i) for k, i in enumerate(rows) if before[i] >= min_observed and rows.size - 1 - k >= min_ahead]
    if not possible:
        raise UnableError(
            f"no origin: the series has {before[-1]} observations at {rows.size} times, and a forecast needs "
            f"{min_observed} before it and {min_ahead} observed times after it. Take a longer series or a "
            f"smaller model."
        )
    return tuple(possible[::-1][::step][::-1])


def rolling_errors(
    times: np.ndarray,
    values: np.ndarray,
    origins: Sequence[int],
    forecast_from: Callable[[int], np.ndarray],
) -> RollingErrors:
    """Forecast from each origin and put the forecasts beside the truth.

    Args:
        times: shape `(times,)`, strictly rising.
        values: counts, shape `(times, species)`; NaN where nothing was observed.
        origins: from `rolling_origins`.
        forecast_from: given an origin `i`, predicts all times, shape `(times, species)`, from the rows up to and with
            `i` alone; rows up to `i` of its answer are not used. NaN where it has no forecast.

    Raises:
        ValueError: if shapes disagree, an origin is not a row with rows after it, or a forecast is infinite.

    Example:
        >>> counts = np.array([[2.0], [4.0], [7.0], [9.0]])
        >>> made = rolling_errors(np.arange(4.0), counts, (1, 2), lambda i: np.full((4, 1), counts[i, 0]))
        >>> made.errors[:, :, 0]
        array([[nan, nan,  3.,  5.],
               [nan, nan, nan,  2.]])
    """
    clock, truth = _clock(times), np.array(values, dtype=float)
    if truth.ndim != 2 or len(truth) != len(clock):
        raise ValueError(f"values must have shape (times, species); got {truth.shape} for {len(clock)} times.")
    if np.isinf(truth).any():
        raise ValueError("values has an infinite entry; mark what is missing by NaN.")
    if not origins:
        raise ValueError("origins is empty: there is nothing to forecast from.")
    forecasts = np.full((len(origins), *truth.shape), np.nan)
    for k, origin in enumerate(origins):
        if not 0 <= origin < len(clock) - 1:
            raise ValueError(f"origin {origin} must be a row from 0 to {len(clock) - 2}, with rows after it.")
        predicted = np.asarray(forecast_from(origin), dtype=float)
        if predicted.shape != truth.shape:
            raise ValueError(f"the forecast from {origin} must have shape {truth.shape}; got {predicted.shape}.")
        if np.isinf(predicted[origin + 1 :]).any():
            raise ValueError(f"the forecast from origin {origin} is infinite; return NaN where there is none.")
        forecasts[k, origin + 1 :] = predicted[origin + 1 :]
    return RollingErrors(clock, truth, np.array(origins, dtype=int), forecasts)


def _clock(times: np.ndarray) -> np.ndarray:
    clock = np.array(times, dtype=float)
    if clock.ndim != 1 or clock.size < 2 or not (np.isfinite(clock).all() and (np.diff(clock) > 0).all()):
        raise ValueError("times must be at least two finite numbers, each above the one before.")
    return clock
