"""`compare`: several models on one series, in the sample and on a hold-out, beside the persistence baseline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from popmath._errors import UnableError
from popmath._text import Summary, html_table, number, text_table
from popmath.conformal import coverage_and_width
from popmath.inference.fitting import fit, fit_problem
from popmath.inference.forecast import Forecast, calibrate, make_forecast
from popmath.inference.problem import FittableModel
from popmath.inference.result import FitResult
from popmath.inference.statistics import persistence, persistence_inside, rmse
from popmath.series import Series

if TYPE_CHECKING:
    import pandas

PERSISTENCE = "persistence"


@dataclasses.dataclass(frozen=True, eq=False)
class ComparisonRow:
    """One model (or the baseline) in a comparison.

    Attributes:
        name: the model.
        fit: fitted to the whole series; None for the baseline.
        holdout_fit: fitted to what comes before the hold-out; None for the baseline.
        forecast: of the hold-out, fitted to what came before it, with its band; None if no band could be made.
        holdout_rmse: of each species on the hold-out.
        coverage: share of hold-out entries inside the band; NaN without a band.
        width: mean width of the band of each species; NaN without a band.
        note: why something is missing.
    """

    name: str
    fit: FitResult | None
    holdout_fit: FitResult | None
    forecast: Forecast | None
    holdout_rmse: np.ndarray
    coverage: float
    width: np.ndarray
    note: str = ""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Models on one series, in the order given, the baseline first.

    Attributes:
        series: the whole series.
        holdout_after: last time that the hold-out forecasts have seen.
        confidence_level: nominal coverage of the bands.
        rows: one per model.
        seed: of the fits.
    """

    series: Series
    holdout_after: float
    confidence_level: float
    rows: tuple[ComparisonRow, ...]
    seed: int

    def row(self, name: str) -> ComparisonRow:
        """The row of one model."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}; there are {[row.name for row in self.rows]}.")

    def summary(self) -> Summary:
        """The table as text."""
        return Summary("\n".join([*self._caption(), "", text_table(self._header(), self._cells()), *self._notes()]))

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per model, numbers unrounded."""
        import pandas as pd

        return pd.DataFrame([self.record(row) for row in self.rows]).set_index("model")

    def record(self, row: ComparisonRow) -> dict[str, float | int | str | bool | None]:
        """The numbers of one row, by name."""
        result: dict[str, float | int | str | bool | None] = {"model": row.name}
        if row.fit is not None:
            result |= {
                "free_numbers": row.fit.num_free,
                "converged": row.fit.converged,
                "sum_of_squares": row.fit.sum_of_squares,
                "aicc": row.fit.aicc,
            }
            result |= {f"r2_{s}": float(x) for s, x in zip(self.series.species, row.fit.r_squared, strict=True)}
        for name, values in (("holdout_rmse", row.holdout_rmse), ("band_width", row.width)):
            result |= {f"{name}_{s}": float(x) for s, x in zip(self.series.species, values, strict=True)}
        return result | {"band_coverage": row.coverage}

    def __repr__(self) -> str:
        """One line."""
        return f"Comparison({len(self.rows)} rows on {self.series.name!r}, hold-out after {self.holdout_after:g})"

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{note}</p>" for note in self._notes())
        return html_table(self._header(), self._cells(), " ".join(self._caption())) + notes

    def _caption(self) -> list[str]:
        s = self.series
        return [
            f"{s.name}: {' / '.join(s.species)}, {s.value_unit}; seed {self.seed}.",
            f"Hold-out: fitted up to {self.holdout_after:g} {s.time_unit}, predicted from there to {s.times[-1]:g}; "
            f"{100 * self.confidence_level:g}% bands.",
        ]

    def _header(self) -> list[str]:
        return ["model", "free", "SS", "R2", "AICc", "hold-out RMSE", "coverage", "mean width"]

    def _cells(self) -> list[list[str]]:
        rows = []
        for row in self.rows:
            f = row.fit
            sample = ["-"] * 4
            if f is not None:
                star = "" if f.converged else "*"
                r2 = " / ".join(f"{x:.3f}" for x in f.r_squared)
                sample = [str(f.num_free), f"{f.sum_of_squares:.4f}{star}", r2, f"{f.aicc:.1f}"]
            error, width = (" / ".join(number(x, 3) for x in values) for values in (row.holdout_rmse, row.width))
            coverage = "-" if np.isnan(row.coverage) else f"{row.coverage:.0%}"
            rows.append([row.name, *sample, error, coverage, "-" if np.isnan(row.width).all() else width])
        return rows

    def _notes(self) -> list[str]:
        notes = [f"{row.name}: {row.note}" for row in self.rows if row.note]
        if any(row.fit is not None and not row.fit.converged for row in self.rows):
            notes.append("* not converged")
        return ["", *notes] if notes else []


def compare(
    models: Iterable[FittableModel],
    series: Series,
    *,
    holdout_after: float,
    confidence_level: float = 0.9,
    num_starts: int = 32,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Fit several models to a series and forecast a hold-out with each, beside the persistence baseline.

    Every model is fitted twice: to the whole series (SS, R2, AICc) and to its beginning up to `holdout_after`, from
    which the rest is forecast with a conformal band. The baseline keeps the last value and is calibrated the same way.

    Args:
        models: templates, with the species of the series.
        series: the series.
        holdout_after: the last time the forecasts may see; some observations must come after it.
        confidence_level: of the bands.
        num_starts: random starts of each fit.
        seed: of the starts.
        progress: called with the name of each model when it is done.

    Raises:
        ValueError: if nothing comes after `holdout_after`, or whatever `fit` refuses.
    """
    before = series.until(holdout_after)
    later = series.times > holdout_after
    if not series.observed[later].any():
        raise ValueError(
            f"holdout_after={holdout_after:g} leaves nothing to forecast: the last observation is at "
            f"{series.times[-1]:g}."
        )
    baseline = _persistence_row(series, before, later, confidence_level)

    def one(model: FittableModel) -> ComparisonRow:
        whole = fit(model, series, num_starts=num_starts, seed=seed, throw=False)
        part = fit_problem(whole.problem.before(holdout_after), num_starts, seed, throw=False)
        row = _model_row(whole, part, series, later, confidence_level)
        if progress is not None:
            progress(row.name)
        return row

    return Comparison(series, float(holdout_after), confidence_level, (baseline, *map(one, models)), seed)


def _model_row(
    whole: FitResult, part: FitResult, series: Series, later: np.ndarray, confidence_level: float
) -> ComparisonRow:
    predicted = part.predict(series.times[later])
    try:
        forecast = part.forecast(series.times[later], confidence_level)
    except UnableError as error:
        nothing = np.full(len(series.species), np.nan)
        return ComparisonRow(
            whole.name, whole, part, None, _holdout_rmse(predicted, series, later), np.nan, nothing, str(error)
        )
    coverage, width = _band(forecast, series, later)
    return ComparisonRow(whole.name, whole, part, forecast, _holdout_rmse(predicted, series, later), coverage, width)


def _persistence_row(series: Series, before: Series, later: np.ndarray, confidence_level: float) -> ComparisonRow:
    predicted = persistence(before, series.times[later])
    band = calibrate(before, lambda kept: persistence_inside(before, kept), 1, confidence_level)
    forecast = make_forecast(before, PERSISTENCE, series.times[later], predicted, band)
    coverage, width = _band(forecast, series, later)
    return ComparisonRow(PERSISTENCE, None, None, forecast, _holdout_rmse(predicted, series, later), coverage, width)


def _holdout_rmse(predicted: np.ndarray, series: Series, later: np.ndarray) -> np.ndarray:
    whole = np.full(series.values.shape, np.nan)
    whole[later] = predicted
    held = dataclasses.replace(series, mask=series.observed & later[:, None], starts_with_inoculum=False)
    return rmse(whole, held)


def _band(forecast: Forecast, series: Series, later: np.ndarray) -> tuple[float, np.ndarray]:
    truth = np.where(series.observed[later], series.values[later], np.nan)
    coverage, _ = coverage_and_width(forecast.lower, forecast.upper, truth)
    return coverage, np.mean(forecast.upper - forecast.lower, axis=0)
