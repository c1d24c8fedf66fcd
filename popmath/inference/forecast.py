"""`Forecast`: what a model says of later times, with its band."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from popmath._text import Summary, html_table, number, text_table
from popmath.inference.bands import Band
from popmath.series import Series

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas


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


def make_forecast(
    series: Series,
    model_name: str,
    times: np.ndarray,
    predicted: np.ndarray,
    band: Band,
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
    level, text = band.confidence_level, band.description
    return Forecast(series, model_name, times, predicted, lower, upper, level, text, tuple(warnings), fitted)
