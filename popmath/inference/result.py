"""`FitResult`: a fitted model with its statistics, its verdict and its forecasts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from popmath._text import Summary, html_table, number, text_table
from popmath.inference.bands import Band, BandName, make_band
from popmath.inference.culture import only
from popmath.inference.expected_error import Refitted
from popmath.inference.forecast import Forecast, make_forecast
from popmath.inference.problem import FittableModel, Problem
from popmath.inference.uncertainty import Estimate, Estimates, estimate_from_curvature, information_root, verdict
from popmath.series import Series

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas


@dataclasses.dataclass(frozen=True, eq=False)
class CultureFit:
    """What a fit says of one series.

    Attributes:
        series: what was counted.
        model: with the parameters of this culture.
        initial: fitted state at the first time, of the shape of one state of the model.
        predicted: abundances at the series' times, shape `(times, species)`, species in the order of the series.
        r_squared: of each species.
        rmse: root mean squared error of each species, in the unit of the series.
    """

    series: Series
    model: FittableModel
    initial: np.ndarray
    predicted: np.ndarray
    r_squared: np.ndarray
    rmse: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FitResult:
    r"""A fitted model.

    `model`, `initial`, `series`, `predicted`, `r_squared` and `rmse` are those of the one series; where several were
    fitted together, `culture(name)` has them.

    Attributes:
        cultures: what it says of each series.
        name: of the model.
        sum_of_squares: over series and species, of errors each divided by its species' mean.
        log_likelihood: at the fit; of least squares with the variance at its best value.
        aicc: AICc, with the error variance of least squares counted as a parameter (there $n \log(SS/n) + \dots$,
            without its constant; compare models under one loss).
        num_observed: entries that counted.
        converged: whether the best start met the optimiser's tolerance.
        share_of_starts: share of the starts that reached the best optimum.
        num_starts: number of starts.
        seed: of the starts.
        seconds: wall time of the fit, compilation included.
        problem: what was fitted, for refits.
        vector: the optimum on the unconstrained scale.
    """

    cultures: tuple[CultureFit, ...]
    name: str
    sum_of_squares: float
    log_likelihood: float
    aicc: float
    num_observed: int
    converged: bool
    share_of_starts: float
    num_starts: int
    seed: int
    seconds: float
    problem: Problem
    vector: np.ndarray

    def culture(self, name: str | None = None) -> CultureFit:
        """One of the series by its name; the only one by default.

        Raises:
            KeyError: for a name that is not there.
            ValueError: for no name where there are several.
        """
        return self.cultures[self.number_of(name)]

    @property
    def model(self) -> FittableModel:
        """The model with its fitted parameters."""
        return only(self.cultures, "fit").model

    @property
    def initial(self) -> np.ndarray:
        """The fitted state at the first time of the series."""
        return only(self.cultures, "fit").initial

    @property
    def series(self) -> Series:
        """What it was fitted to."""
        return only(self.cultures, "fit").series

    @property
    def predicted(self) -> np.ndarray:
        """Abundances at the series' times, shape `(times, species)`."""
        return only(self.cultures, "fit").predicted

    @property
    def r_squared(self) -> np.ndarray:
        """Of each species."""
        return only(self.cultures, "fit").r_squared

    @property
    def rmse(self) -> np.ndarray:
        """Root mean squared error of each species, in the unit of the series."""
        return only(self.cultures, "fit").rmse

    @property
    def num_free(self) -> int:
        """Free numbers, initial values included."""
        return self.vector.size

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Every free number with its 95 % interval."""
        return self.found.numbers

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of the estimates' errors on the unconstrained scale, shape `(free, free)`."""
        return self.found.correlation

    @property
    def verdict(self) -> tuple[str, ...]:
        """What to know before using the numbers."""
        return verdict(self.converged, self.share_of_starts, self.num_starts, self.found)

    @functools.cached_property
    def found(self) -> Estimates:
        """Estimates and the correlation of their errors, from the curvature at the optimum."""
        root, freedom = information_root(self.problem, self.vector)
        return estimate_from_curvature(self.problem, self.vector, root, freedom)

    def predict(self, times: Iterable[float], culture: str | None = None) -> np.ndarray:
        """The fitted curve at `times`, in the time of the series, shape `(times, species)`.

        Raises:
            ValueError: if `times` is empty, not increasing, or starts before the series.
        """
        number = self.number_of(culture)
        series = self.cultures[number].series
        return self.problem.predict(self.vector, check_times(times, series.times[0]), number)

    def forecast(
        self,
        times: Iterable[float],
        confidence_level: float = 0.9,
        *,
        culture: str | None = None,
        band: BandName = "blocks",
    ) -> Forecast:
        r"""The fitted curve beyond the series, with a conformal band (through MAPIE), never below 0.

        Parts of the series are left out, the model is fitted again, and its errors there are divided by the errors to
        be expected, $s^2 = \phi f + \nabla f^T C\,\nabla f$: noise of counts around the forecast $f$, and what the data
        left open of the parameters ($C$ is their covariance). The conformal quantile of these scores, times $s$ at
        later times, is half the band; it widens where the forecast rests on what the data do not determine. `"blocks"`
        leaves out two neighbouring times after the other; `"rolling"` everything after a time, as long as twice as many
        observations as free numbers remain; `"enbpi"` fits a block bootstrap, takes errors of members where they were
        not fitted, and has their median as its centre: best for one step ahead.

        The errors of one series are not exchangeable, so the coverage is approximate: fits/simulated has it,
        beside that of `"rolling"`.

        Args:
            times: after the last time of the series, increasing.
            confidence_level: between 0 and 1.
            culture: name of the series, where several were fitted together.
            band: how it is calibrated.

        Raises:
            ValueError: for times inside the series, or a confidence level out of range or too high for the number of
                errors.
            UnableError: if the series is too short to leave anything out, or the model forecasts negative abundances.
        """
        number = self.number_of(culture)
        series = self.cultures[number].series
        after, last = check_times(times, series.times[0]), series.times[-1]
        if after[0] <= last:
            raise ValueError(
                f"times must come after the last time of the series, {last:g}; got {after[0]:g}. Use predict for times "
                f"inside the series."
            )
        made = self.band(after, confidence_level, culture, band)
        predicted = made.centre if made.centre is not None else self.problem.predict(self.vector, after, number)
        return make_forecast(series, self.name, after, predicted, made, self.cultures[number].predicted)

    def band(
        self, after: np.ndarray, confidence_level: float, culture: str | None = None, band: BandName = "blocks"
    ) -> Band:
        """The band of `forecast` at times after the series, without the forecast."""
        number = self.number_of(culture)

        def refit(weights: np.ndarray, new: np.ndarray | None) -> Refitted:
            if band != "enbpi" and weights.all():
                return self.problem.refitted(self.vector, number, None, new)
            return self.problem.refit(weights, self.seed, number, new)

        series, free = self.cultures[number].series, self.problem.free_of(number)
        return make_band(series, refit, free, after, confidence_level, band, self.seed)

    def number_of(self, name: str | None) -> int:
        """Number of a series by its name; of the only one by default."""
        if name is None:
            only(self.cultures, "fit")
            return 0
        names = [culture.series.name for culture in self.cultures]
        if name not in names:
            raise KeyError(f"no series {name!r} in this fit; there are {names}.")
        return names.index(name)

    def summary(self) -> Summary:
        """Verdict, statistics and estimates as text."""
        lines = [
            f"{self.name} fitted to {self._names()} ({self.num_observed} observations, {self.num_free} free numbers)"
        ]
        lines += [f"  * {line}" for line in self.verdict]
        lines += ["", self._statistics() + f"   seed {self.seed}   {self.seconds:.1f} s", ""]
        lines += [text_table(self._species_header(), self._species_rows()), ""]
        lines += [text_table(("number", "value", "95 % from", "to"), self._estimate_rows())]
        return Summary("\n".join(lines))

    def plot(self, ax: matplotlib.axes.Axes | None = None, culture: str | None = None) -> matplotlib.axes.Axes:
        """The counts and the fitted curve."""
        from popmath.plots.series import plot_fit

        return plot_fit(self, ax, culture)

    def to_dataframe(self) -> pandas.DataFrame:
        """Estimates, one row per free number: value and 95 % interval."""
        import pandas as pd

        return pd.DataFrame(self.estimates).set_index("label")

    def __repr__(self) -> str:
        """One line."""
        state = "converged" if self.converged else "NOT converged"
        return f"FitResult({self.name} on {self._names()}: SS {self.sum_of_squares:.4f}, {state})"

    def _repr_html_(self) -> str:
        verdict = "".join(f"<li>{line}</li>" for line in self.verdict)
        return (
            html_table(
                self._species_header(), self._species_rows(), f"{self.name} on {self._names()}: {self._statistics()}"
            )
            + f"<ul>{verdict}</ul>"
            + html_table(("number", "value", "95 % from", "to"), self._estimate_rows())
        )

    def _names(self) -> str:
        return ", ".join(repr(culture.series.name) for culture in self.cultures)

    def _statistics(self) -> str:
        loss = self.problem.settings.loss
        likelihood = "" if loss.is_squared else f"{loss.name}: log-likelihood {self.log_likelihood:.2f}   "
        return f"{likelihood}SS {self.sum_of_squares:.4f}   AICc {self.aicc:.1f}"

    def _species_header(self) -> tuple[str, str, str]:
        return "species", "R2", f"RMSE ({self.cultures[0].series.value_unit})"

    def _species_rows(self) -> list[tuple[str, str, str]]:
        rows = []
        for one in self.cultures:
            where = f" in {one.series.name}" if len(self.cultures) > 1 else ""
            for name, r2, error in zip(one.series.species, one.r_squared, one.rmse, strict=True):
                rows.append((name + where, f"{r2:.3f}", number(error)))
        return rows

    def _estimate_rows(self) -> list[tuple[str, str, str, str]]:
        return [(e.label, number(e.value), number(e.low), number(e.high)) for e in self.estimates]


def check_times(times: Iterable[float], earliest: float) -> np.ndarray:
    """`times` as an increasing float array that starts no earlier than `earliest`, or a ValueError."""
    array = np.asarray(list(times), dtype=float)
    if array.size == 0 or not np.isfinite(array).all() or (np.diff(array) <= 0).any():
        raise ValueError(f"times must be one or more increasing finite numbers; got {array.tolist()}.")
    if array[0] < earliest:
        raise ValueError(f"times must start no earlier than {earliest:g}; got {array[0]:g}.")
    return array
