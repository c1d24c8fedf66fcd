"""`compare`: several models on one series, in the sample and on hold-outs, beside baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from popmath._text import Summary, html_table, number, text_table
from popmath._types import ArrayLike
from popmath.inference.bands import BandName
from popmath.inference.fitting import fit_problem
from popmath.inference.holdout import Holdout, model_holdout, no_holdout, rule_holdout
from popmath.inference.losses import Loss, SquaredError
from popmath.inference.priors import Prior
from popmath.inference.problem import FitSettings, FittableModel, Problem
from popmath.inference.result import FitResult
from popmath.inference.statistics import mean_of_last_five, persistence
from popmath.series import Series

if TYPE_CHECKING:
    import pandas

BASELINES = {"persistence": persistence, "mean of last five": mean_of_last_five}


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A model in a comparison with settings of its own.

    Attributes:
        model: template.
        name: for the tables; None for that of the model.
        fixed: as in `fit`.
        priors: as in `fit`.
    """

    model: FittableModel
    name: str | None = None
    fixed: Mapping[str, ArrayLike | float] = dataclasses.field(default_factory=dict)
    priors: Mapping[str, Prior] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class ComparisonRow:
    """One model (or baseline) in a comparison.

    Attributes:
        name: the model.
        fit: to the whole series; None for a baseline.
        holdouts: one for each time in `Comparison.holdout_after`.
    """

    name: str
    fit: FitResult | None
    holdouts: tuple[Holdout, ...]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Models on one series, in the order given, the baselines first.

    Attributes:
        series: the whole series.
        holdout_after: last times that the hold-out forecasts have seen.
        confidence_level: nominal coverage of the bands.
        rows: one per model.
        seed: of the fits.
    """

    series: Series
    holdout_after: tuple[float, ...]
    confidence_level: float
    rows: tuple[ComparisonRow, ...]
    seed: int

    def row(self, name: str) -> ComparisonRow:
        """The row of one model."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}; there are {[row.name for row in self.rows]}.")

    def recommended(self, after: float | None = None) -> ComparisonRow:
        """The model to forecast with, chosen on what comes before the hold-out after `after` (default: the first).

        The first, in the order given to `compare`, whose AICc there is within 2 of the lowest: AICc does not tell such
        models apart, so that the order says what is preferred. Models that did not converge are passed over. No
        hold-out is seen.
        """
        k = 0 if after is None else self.holdout_after.index(float(after))
        fits = [(row.holdouts[k].fit, row) for row in self.rows]
        usable = [
            (part.aicc, row) for part, row in fits if part is not None and part.converged and np.isfinite(part.aicc)
        ]
        if not usable:
            raise ValueError("no model converged before the hold-out: there is nothing to recommend.")
        least = min(aicc for aicc, _ in usable)
        return next(row for aicc, row in usable if aicc <= least + 2.0)

    def summary(self) -> Summary:
        """The tables as text: in the sample, then each hold-out."""
        parts = [self._caption(), "", text_table(self._header(), self._cells())]
        for k in range(len(self.holdout_after)):
            parts += ["", self._holdout_caption(k), "", text_table(self._holdout_header(), self._holdout_cells(k))]
        return Summary("\n".join([*parts, *self._notes()]))

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per model, numbers unrounded."""
        import pandas as pd

        return pd.DataFrame([self.record(row) for row in self.rows]).set_index("model")

    def record(self, row: ComparisonRow) -> dict[str, float | int | str | bool | None]:
        """The numbers of one row, by name; those of a hold-out end in `_after_` and its time."""
        species = self.series.species
        result: dict[str, float | int | str | bool | None] = {"model": row.name}
        if row.fit is not None:
            result |= {
                "free_numbers": row.fit.num_free,
                "converged": row.fit.converged,
                "share_of_starts": row.fit.share_of_starts,
                "sum_of_squares": row.fit.sum_of_squares,
                "aicc": row.fit.aicc,
            }
            result |= {f"r2_{s}": float(x) for s, x in zip(species, row.fit.r_squared, strict=True)}
        for out in row.holdouts:
            end = f"after_{out.after:g}"
            if out.fit is not None:
                result[f"aicc_{end}"] = out.fit.aicc
            for name, values in (("rmse", out.rmse), ("crps", out.crps), ("band_width", out.width)):
                result |= {f"{name}_{s}_{end}": float(x) for s, x in zip(species, values, strict=True)}
            result[f"band_coverage_{end}"] = out.coverage
        return result

    def __repr__(self) -> str:
        """One line."""
        after = ", ".join(f"{time:g}" for time in self.holdout_after)
        return f"Comparison({len(self.rows)} rows on {self.series.name!r}, hold-out after {after})"

    def _repr_html_(self) -> str:
        tables = html_table(self._header(), self._cells(), self._caption())
        for k in range(len(self.holdout_after)):
            tables += html_table(self._holdout_header(), self._holdout_cells(k), self._holdout_caption(k))
        return tables + "".join(f"<p>{note}</p>" for note in self._notes() if note)

    def _caption(self) -> str:
        s = self.series
        return f"{s.name}: {' / '.join(s.species)}, {s.value_unit}; seed {self.seed}."

    def _holdout_caption(self, k: int) -> str:
        s, after = self.series, self.holdout_after[k]
        return (
            f"Hold-out: fitted up to {after:g} {s.time_unit}, predicted from there to {s.times[-1]:g}; "
            f"{100 * self.confidence_level:g}% bands."
        )

    def _header(self) -> list[str]:
        return ["model", "free", "SS", "R2", "AICc"]

    def _cells(self) -> list[list[str]]:
        rows = []
        for row in self.rows:
            if row.fit is not None:
                f = row.fit
                star = "" if f.converged else "*"
                r2 = " / ".join(f"{x:.3f}" for x in f.r_squared)
                rows.append([row.name, str(f.num_free), f"{f.sum_of_squares:.4f}{star}", r2, f"{f.aicc:.1f}"])
        return rows

    def _holdout_header(self) -> list[str]:
        return ["model", "AICc before", "RMSE", "CRPS", "coverage", "mean width"]

    def _holdout_cells(self, k: int) -> list[list[str]]:
        def of(values: np.ndarray) -> str:
            return "-" if np.isnan(values).all() else " / ".join(number(x, 3) for x in values)

        rows = []
        for row in self.rows:
            out = row.holdouts[k]
            aicc = "-" if out.fit is None else f"{out.fit.aicc:.1f}" + ("" if out.fit.converged else "*")
            coverage = "-" if np.isnan(out.coverage) else f"{out.coverage:.0%}"
            rows.append([row.name, aicc, of(out.rmse), of(out.crps), coverage, of(out.width)])
        return rows

    def _notes(self) -> list[str]:
        notes = [
            f"{row.name}, after {out.after:g}: {out.note}" for row in self.rows for out in row.holdouts if out.note
        ]
        fits = [f for row in self.rows for f in (row.fit, *(out.fit for out in row.holdouts)) if f is not None]
        if any(not f.converged for f in fits):
            notes.append("* not converged")
        return ["", *notes] if notes else []


def compare(
    models: Iterable[FittableModel | Candidate],
    series: Series,
    *,
    holdout_after: float | Sequence[float],
    confidence_level: float = 0.9,
    loss: Loss | None = None,
    band: BandName = "blocks",
    num_starts: int = 32,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Fit several models to a series and forecast hold-outs with each, beside two baselines.

    Every model is fitted to the whole series (SS, R2, AICc) and to its beginning up to each time of `holdout_after`,
    from which the rest is forecast with a conformal band. The baselines keep the last value, and the mean of the last
    five; they are calibrated the same way.

    Args:
        models: templates, with the species of the series; a `Candidate` has fixed values or priors of its own.
        series: the series.
        holdout_after: the last time the forecasts may see, or several; some observations must come after each.
        confidence_level: of the bands.
        loss: as in `fit`.
        band: as in `FitResult.forecast`.
        num_starts: random starts of each fit.
        seed: of the starts.
        progress: called with the name of each model when it is done.

    Raises:
        ValueError: if nothing comes after `holdout_after`, or whatever `fit` refuses.
    """
    after = tuple(float(time) for time in np.atleast_1d(np.asarray(holdout_after, float)))
    for time in after:
        if not series.observed[series.times > time].any():
            raise ValueError(
                f"holdout_after={time:g} leaves nothing to forecast: the last observation is at {series.times[-1]:g}."
            )
    before = [series.until(time) for time in after]
    baselines = [
        ComparisonRow(name, None, tuple(rule_holdout(name, rule, part, series, confidence_level) for part in before))
        for name, rule in BASELINES.items()
    ]

    def one(model: FittableModel | Candidate) -> ComparisonRow:
        asked = model if isinstance(model, Candidate) else Candidate(model)
        settings = FitSettings(loss or SquaredError(), fixed=asked.fixed, priors=asked.priors)
        whole = fit_problem(Problem(asked.model, series, settings), num_starts, seed, throw=False)
        name = asked.name or whole.name

        def holdout(time: float) -> Holdout:
            try:
                part = whole.problem.before(time)
            except ValueError as error:
                return no_holdout(time, len(series.species), str(error))
            fitted = fit_problem(part, num_starts, seed, throw=False)
            return model_holdout(fitted, series, confidence_level, band)

        holdouts = tuple(holdout(time) for time in after)
        if progress is not None:
            progress(name)
        return ComparisonRow(name, whole, holdouts)

    return Comparison(series, after, confidence_level, (*baselines, *map(one, models)), seed)
