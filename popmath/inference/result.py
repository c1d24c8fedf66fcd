"""`FitResult`: a fitted model with its statistics, its verdict and its forecasts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from popmath._text import Summary, html_table, number, text_table
from popmath.inference.forecast import Forecast, calibrate, make_forecast
from popmath.inference.problem import FittableModel, Problem
from popmath.inference.uncertainty import Estimate, Estimates, estimate_from_curvature, verdict
from popmath.series import Series

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FitResult:
    """A fitted model.

    Attributes:
        model: the model with its fitted parameters.
        initial: the fitted state at the first time of the series.
        series: what it was fitted to.
        predicted: abundances at the series' times, shape `(times, species)`.
        sum_of_squares: over species of squared errors, each divided by its species' mean.
        r_squared: of each species.
        rmse: root mean squared error of each species, in the unit of the series.
        aicc: AICc, with the error variance counted as a parameter.
        num_observed: entries that counted.
        converged: whether the best start met the optimiser's tolerance.
        share_of_starts: share of the starts that reached the best optimum.
        num_starts: number of starts.
        seed: of the starts.
        seconds: wall time of the fit, compilation included.
        problem: the least-squares problem, for refits.
        vector: the optimum on the unconstrained scale.
        curve: abundances at the times of the problem's curves.
    """

    model: FittableModel
    initial: np.ndarray
    series: Series
    predicted: np.ndarray
    sum_of_squares: float
    r_squared: np.ndarray
    rmse: np.ndarray
    aicc: float
    num_observed: int
    converged: bool
    share_of_starts: float
    num_starts: int
    seed: int
    seconds: float
    problem: Problem
    vector: np.ndarray
    curve: np.ndarray

    @property
    def name(self) -> str:
        """Name of the model."""
        return type(self.model).__name__

    @property
    def num_free(self) -> int:
        """Free numbers, initial values included."""
        return self.vector.size

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Every free number with its 95 % interval."""
        return self._found.numbers

    @property
    def correlation(self) -> np.ndarray:
        """Correlation of the estimates' errors on the unconstrained scale, shape `(free, free)`."""
        return self._found.correlation

    @property
    def verdict(self) -> tuple[str, ...]:
        """What to know before using the numbers."""
        return verdict(self.converged, self.share_of_starts, self.num_starts, self._found)

    @functools.cached_property
    def _found(self) -> Estimates:
        jacobian = self.problem.curves.jacobian(self.vector) * self.problem.weights()[..., None]
        return estimate_from_curvature(
            self.problem, self.vector, np.nan_to_num(jacobian.reshape(-1, self.num_free)), self.sum_of_squares
        )

    def predict(self, times: Iterable[float]) -> np.ndarray:
        """The fitted curve at `times`, in the time of the series, shape `(times, species)`.

        Raises:
            ValueError: if `times` is empty, not increasing, or starts before the series.
        """
        return self.problem.predict(self.vector, self.curve, check_times(times, self.series.times[0]))

    def forecast(self, times: Iterable[float], confidence_level: float = 0.9) -> Forecast:
        """The fitted curve beyond the series, with a conformal band (through MAPIE).

        The band is calibrated by leaving out two neighbouring times after the other, fitting the model again and taking
        its errors there, divided by the square root of what was predicted, as conformity scores (cross-conformal). The
        errors of one series are not exchangeable and a forecast reaches beyond them, so the coverage is approximate.

        Args:
            times: after the last time of the series, increasing.
            confidence_level: between 0 and 1.

        Raises:
            ValueError: for times inside the series, or a confidence level out of range or too high for the number of
                errors.
            UnableError: if the series is too short to leave anything out.
        """
        after, last = check_times(times, self.series.times[0]), self.series.times[-1]
        if after[0] <= last:
            raise ValueError(
                f"times must come after the last time of the series, {last:g}; got {after[0]:g}. Use predict for times "
                f"inside the series."
            )
        band = calibrate(self.series, self._refit, self.problem.space.size + 1, confidence_level)
        return make_forecast(self.series, self.name, after, self.predict(after), band, self.predicted)

    def _refit(self, kept: np.ndarray) -> np.ndarray:
        return self.problem.refit(kept, self.seed)

    def summary(self) -> Summary:
        """Verdict, statistics and estimates as text."""
        s = self.series
        lines = [f"{self.name} fitted to {s.name!r} ({self.num_observed} observations, {self.num_free} free numbers)"]
        lines += [f"  * {line}" for line in self.verdict]
        lines += [
            "",
            f"SS {self.sum_of_squares:.4f}   AICc {self.aicc:.1f}   seed {self.seed}   {self.seconds:.1f} s",
            "",
        ]
        lines += [text_table(("species", "R2", f"RMSE ({s.value_unit})"), self._species_rows()), ""]
        lines += [text_table(("number", "value", "95 % from", "to"), self._estimate_rows())]
        return Summary("\n".join(lines))

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """The counts and the fitted curve."""
        from popmath.plots.series import plot_fit

        return plot_fit(self, ax)

    def to_dataframe(self) -> pandas.DataFrame:
        """Estimates, one row per free number: value and 95 % interval."""
        import pandas as pd

        return pd.DataFrame(self.estimates).set_index("label")

    def __repr__(self) -> str:
        """One line."""
        state = "converged" if self.converged else "NOT converged"
        return f"FitResult({self.name} on {self.series.name!r}: SS {self.sum_of_squares:.4f}, {state})"

    def _repr_html_(self) -> str:
        verdict = "".join(f"<li>{line}</li>" for line in self.verdict)
        caption = f"{self.name} on {self.series.name}: SS {self.sum_of_squares:.4f}, AICc {self.aicc:.1f}"
        return (
            html_table(("species", "R2", f"RMSE ({self.series.value_unit})"), self._species_rows(), caption)
            + f"<ul>{verdict}</ul>"
            + html_table(("number", "value", "95 % from", "to"), self._estimate_rows())
        )

    def _species_rows(self) -> list[tuple[str, str, str]]:
        columns = zip(self.series.species, self.r_squared, self.rmse, strict=True)
        return [(name, f"{r2:.3f}", number(error)) for name, r2, error in columns]

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
