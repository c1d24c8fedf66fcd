"""Forecasts with bands: calibrated by leaving out blocks of the series and refitting, conformal through MAPIE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from popmath._errors import UnableError
from popmath._text import Summary, html_table, number, text_table
from popmath.conformal import SplitBand, calibrate_split, scores_needed
from popmath.series import Series

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas

Refit = Callable[[np.ndarray], np.ndarray]
BLOCK = 2  # times left out together, so that a neighbour does not give the answer away
_FLOOR = 0.01  # of a species' mean: below this a forecast's expected error does not shrink any further


@dataclasses.dataclass(frozen=True)
class ForecastBand:
    """A calibrated band and what it was calibrated on."""

    split: SplitBand
    num_refits: int
    scale: np.ndarray

    def interval(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end at forecasts of shape `(times, species)`; never below 0."""
        spread = error_scale(predicted, self.scale)
        lower, upper = self.split.predict_interval(predicted.ravel(), scale=spread.ravel())
        return np.maximum(lower.reshape(predicted.shape), 0.0), np.maximum(upper.reshape(predicted.shape), 0.0)

    def describe(self) -> str:
        """One sentence for tables and figures."""
        return f"band calibrated on {self.split.num_scores} errors at left-out observations ({self.num_refits} refits)"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """A forecast with its band.

    Attributes:
        series: what it continues.
        model_name: what made it.
        times: shape `(times,)`.
        predicted: shape `(times, species)`.
        lower: lower end of the band, at least 0.
        upper: upper end of the band.
        confidence_level: nominal coverage of each entry.
        calibration: what the band is calibrated on.
        warnings: what to know before using it.
        fitted: the fitted curve at the times of the series, shape `(times, species)`; None for a forecast without one.
    """

    series: Series
    model_name: str
    times: np.ndarray
    predicted: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    confidence_level: float
    calibration: str
    warnings: tuple[str, ...]
    fitted: np.ndarray | None = None

    def summary(self) -> Summary:
        """Forecast and band as text."""
        lines = [f"{self.model_name}: forecast of {self.series.name!r} with a {100 * self.confidence_level:g}% band"]
        lines += [f"  * {self.calibration}", *(f"  * {w}" for w in self.warnings), ""]
        return Summary("\n".join([*lines, text_table(self._header(), self._rows())]))

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """The counts, the forecast and its band."""
        from popmath.plots.series import plot_forecast

        return plot_forecast(self, ax)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per time and species: predicted, lower, upper."""
        import pandas as pd

        rows = [
            (t, name, self.predicted[k, i], self.lower[k, i], self.upper[k, i])
            for k, t in enumerate(self.times)
            for i, name in enumerate(self.series.species)
        ]
        return pd.DataFrame(rows, columns=["time", "species", "predicted", "lower", "upper"])

    def __repr__(self) -> str:
        """One line."""
        span = f"{self.times[0]:g} to {self.times[-1]:g} {self.series.time_unit}"
        return f"Forecast({self.model_name} of {self.series.name!r}, {span}, {100 * self.confidence_level:g}% band)"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{line}</li>" for line in (self.calibration, *self.warnings))
        return html_table(self._header(), self._rows(), repr(self)) + f"<ul>{notes}</ul>"

    def _header(self) -> list[str]:
        return [self.series.time_unit, *(f"{s}{part}" for s in self.series.species for part in ("", " from", " to"))]

    def _rows(self) -> list[list[str]]:
        rows = []
        for k, t in enumerate(self.times):
            cells = zip(self.predicted[k], self.lower[k], self.upper[k], strict=True)
            rows.append([f"{t:g}", *(number(x, 3) for triple in cells for x in triple)])
        return rows


def error_scale(predicted: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What errors are divided by: the square root of the forecast, as counts have a variance that grows with it."""
    return np.sqrt(np.maximum(predicted, _FLOOR * scale))


def calibrate(series: Series, refit: Refit, min_observed: int, confidence_level: float) -> ForecastBand:
    """Calibrate a band by leaving out blocks of the series' times, one after the other.

    Args:
        series: the series.
        refit: given which times are kept, shape `(times,)`, predicts all times, shape `(times, species)`; NaN where it
            cannot.
        min_observed: observations that must be left for a refit.
        confidence_level: of the band.

    Raises:
        UnableError: if too little is left when a block is taken out.
        ValueError: if there are too few errors for the level.
    """
    scores_needed(confidence_level)  # refuses a wrong level before the refits
    scale = np.nanmean(series.values, axis=0)
    rows = np.flatnonzero(series.observed.any(axis=1))
    blocks = [rows[i : i + BLOCK] for i in range(0, rows.size, BLOCK)]
    predictions, truths, spreads = [], [], []
    for block in blocks:
        kept = np.ones(len(series), bool)
        kept[block] = False
        if series.observed[kept].sum() < min_observed:
            raise UnableError(
                f"no band: with {BLOCK} of its times left out, {series.name!r} has "
                f"{int(series.observed[kept].sum())} observations, and the model needs {min_observed}. "
                f"Take a longer series or a smaller model."
            )
        predicted = refit(kept)[block]
        seen = series.observed[block] & np.isfinite(predicted)
        predictions.append(predicted[seen])
        truths.append(series.values[block][seen])
        spreads.append(error_scale(predicted, scale)[seen])
    split = calibrate_split(
        np.concatenate(predictions),
        np.concatenate(truths),
        scale=np.concatenate(spreads),
        confidence_level=confidence_level,
    )
    return ForecastBand(split, len(blocks), scale)


def make_forecast(
    series: Series,
    model_name: str,
    times: np.ndarray,
    predicted: np.ndarray,
    band: ForecastBand,
    fitted: np.ndarray | None = None,
) -> Forecast:
    """Put the band around `predicted` and note what is to be known of it."""
    warnings = [
        f"forecast up to {times[-1] - series.times[-1]:g} {series.time_unit} ahead; the calibration errors lie inside "
        f"the series, so the coverage is not guaranteed"
    ]
    if (predicted < 0).any():
        warnings.append("the model forecasts negative abundances")
    lower, upper = band.interval(predicted)
    level = band.split.confidence_level
    return Forecast(series, model_name, times, predicted, lower, upper, level, band.describe(), tuple(warnings), fitted)
