"""Profile likelihoods: how far each fitted number can move while all others make up for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from popmath._types import Array
from popmath.conformal.split import check_confidence_level
from popmath.inference.bfgs import BfgsSearch
from popmath.inference.curves import Curves
from popmath.inference.result import FitResult
from popmath.inference.search import LeastSquaresSearch, Search

if TYPE_CHECKING:
    import matplotlib.axes

_MOST_STEPS = 24
_FARTHEST = np.log(1e6)  # from the optimum, on the unconstrained scale: beyond, the number is not bounded on that side
_SMALLEST_ERROR, _LARGEST_ERROR = 1e-3, 2.0  # of the curvature, as a first guess of a step


@dataclasses.dataclass(frozen=True, eq=False)
class Profile:
    r"""The profile of one fitted number.

    Attributes:
        label: of the number.
        value: at the optimum.
        low: lower end of the interval; NaN if the data do not bound it below (within a factor of a million).
        high: upper end; NaN likewise.
        values: where the profile was computed, increasing, in the number's domain.
        deviance: twice the loss of log-density against the optimum at `values`; for least squares
            $n \log(SS/SS_{min})$.
        threshold: of the deviance, at the ends of the interval.
        confidence_level: of the interval.
    """

    label: str
    value: float
    low: float
    high: float
    values: np.ndarray
    deviance: np.ndarray
    threshold: float
    confidence_level: float

    @property
    def kind(self) -> str:
        """`"determined"`, `"bounded below"`, `"bounded above"` or `"not determined"`."""
        below, above = np.isfinite(self.low), np.isfinite(self.high)
        if below and above:
            return "determined"
        return "bounded below" if below else "bounded above" if above else "not determined"

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Deviance against the number, with the threshold."""
        from popmath.plots.series import axes_for, colour

        ax = axes_for(ax)
        ax.plot(self.values, self.deviance, "o-", ms=3, color=colour(0))
        ax.axhline(self.threshold, color="0.5", lw=0.8, ls=":")
        if self.values.min() > 0 and self.values.max() > 20 * self.values.min():
            ax.set_xscale("log")
        ax.set(xlabel=self.label, ylabel="deviance", ylim=(0, 2.5 * self.threshold))
        return ax


def profile(
    result: FitResult, labels: Collection[str] | None = None, confidence_level: float = 0.95
) -> tuple[Profile, ...]:
    r"""Profile likelihoods of fitted numbers, and the intervals they give.

    Each number is moved away from its optimum in steps, all other free numbers are fitted again, and the interval ends
    where the deviance $2(\ell_{max} - \ell(x))$ passes the quantile of $\chi^2_1$; for least squares
    $n\log(SS/SS_{min})$ passes $n\log(1 + F/\nu)$, with $F$ the quantile of $F_{1,\nu}$, which is
    exact for linear models. Unlike intervals from the curvature these may be lopsided, or open where the data do not
    bound a number.

    Args:
        result: a converged fit.
        labels: which numbers, as in `result.estimates`; all by default.
        confidence_level: of the intervals.

    Returns:
        One `Profile` per number, in the order of `result.estimates`.

    Raises:
        ValueError: for labels that are not there, or a level out of range.

    Example:
        >>> import popmath as pm
        >>> counts = pm.Series(range(10), 100 / (1 + 9 * 0.5 ** np.arange(10.0)) + np.resize([1.0, -1.0], 10), "yeast")
        >>> found = profile(pm.fit(pm.LeslieGower("yeast"), counts, num_starts=8), ["growth_factor[yeast]"])[0]
        >>> found.kind, bool(found.low < 2.0 < found.high)
        ('determined', True)

    References:
        Bates, D. M. & Watts, D. G. (1988), Nonlinear Regression Analysis and Its Applications, chapter 6. Raue, A. et
        al. (2009), Bioinformatics 25, 1923-1929.
    """
    check_confidence_level(confidence_level)
    known = [estimate.label for estimate in result.estimates]
    wanted = known if labels is None else list(labels)
    unknown = [label for label in wanted if label not in known]
    if unknown:
        raise ValueError(f"there is no number {unknown[0]!r}; the fit has {', '.join(known)}.")
    numbers = [i for i, label in enumerate(known) if label in wanted]
    walks = _Walks(result, numbers, _threshold(result, confidence_level))
    return tuple(
        Profile(known[j], result.estimates[j].value, *walks.ends(k), *walks.curve(k), walks.threshold, confidence_level)
        for k, j in enumerate(numbers)
    )


def _threshold(result: FitResult, level: float) -> float:
    problem = result.problem
    if problem.settings.loss.is_squared and not problem.space.has_priors:
        freedom = problem.num_observed - problem.space.size
        return float(problem.num_observed * np.log1p(scipy.stats.f.ppf(level, 1, freedom) / freedom))
    return float(scipy.stats.chi2.ppf(level, 1))


class _Walks:
    """Walks away from the optimum, two for each number, all at once."""

    def __init__(self, result: FitResult, numbers: list[int], threshold: float) -> None:
        problem = result.problem
        self.space, self.threshold = problem.space, threshold
        self.index = np.repeat(numbers, 2)
        self.sign = np.tile([-1.0, 1.0], len(numbers))
        self.search, self.data = _pinned_search(problem.curves), problem.data()
        self.squared = isinstance(self.search, LeastSquaresSearch)
        self.count = problem.num_observed
        self.optimum = result.vector
        self.least = self._deviances(np.tile(self.optimum, (1, 1)), np.array([numbers[0]]))[0][0]
        error = np.clip(result.found.error[self.index], _SMALLEST_ERROR, _LARGEST_ERROR)
        self._walk(error)

    def _walk(self, step: np.ndarray) -> None:
        size = len(self.index)
        self.places: list[list[float]] = [[0.0] for _ in range(size)]
        self.deviances: list[list[float]] = [[0.0] for _ in range(size)]
        vectors, away, step = np.tile(self.optimum, (size, 1)), np.zeros(size), step.copy()
        walking = np.ones(size, bool)
        for _ in range(_MOST_STEPS):
            rows = np.flatnonzero(walking)
            if not rows.size:
                break
            away[rows] = np.minimum(away[rows] + step[rows], _FARTHEST)
            start = vectors[rows].copy()
            start[np.arange(rows.size), self.index[rows]] = (
                self.optimum[self.index[rows]] + self.sign[rows] * away[rows]
            )
            found, ends = self._deviances(start, self.index[rows])
            for row, height, vector in zip(rows, found - self.least, ends, strict=True):
                self.places[row].append(float(away[row]))
                self.deviances[row].append(max(float(height), 0.0))
                rise = self.deviances[row][-1] - self.deviances[row][-2]
                if height > self.threshold or away[row] >= _FARTHEST:
                    walking[row] = False
                elif rise < 0.25 * self.threshold:
                    step[row] *= 1.6  # flat: longer steps
                if np.isfinite(height):
                    vectors[row] = vector

    def _deviances(self, starts: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Deviance (to within a constant) of each start after its other numbers were fitted, and where they ended."""
        values, vectors = [], []
        at = starts[np.arange(len(starts)), index]
        long = np.column_stack([starts, index.astype(float), at])
        with jax.enable_x64(True):
            for row in long:  # each on its own: the best of a batch decides when least squares stops
                found = self.search.solve(row[None], self.data)
                values.append(found.sums[0])
                vectors.append(found.vectors[0, :-2])
        height = np.array(values)
        with np.errstate(divide="ignore"):
            return self.count * np.log(height) if self.squared else 2 * height, np.array(vectors)

    def ends(self, k: int) -> tuple[float, float]:
        """Both ends of an interval in the number's domain; NaN where a walk never passed the threshold."""
        out = []
        for row in (2 * k, 2 * k + 1):
            place, root = np.array(self.places[row]), np.sqrt(np.array(self.deviances[row]))
            edge = np.sqrt(self.threshold)
            if root[-1] <= edge:
                out.append(np.nan)
                continue
            where = place[-1] if not np.isfinite(root[-1]) else np.interp(edge, root[-2:], place[-2:])
            out.append(self._value(row, where))
        return out[0], out[1]

    def curve(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Values in the number's domain, increasing, and the deviance there."""
        below, above = 2 * k, 2 * k + 1
        values = [self._value(below, p) for p in self.places[below][:0:-1]] + [
            self._value(above, p) for p in self.places[above]
        ]
        return np.array(values), np.array(self.deviances[below][:0:-1] + self.deviances[above])

    def _value(self, row: int, away: float) -> float:
        vector = self.optimum.copy()
        vector[self.index[row]] += self.sign[row] * away
        return float(self.space.numbers(vector)[self.index[row]])


def _pinned_search(curves: Curves) -> Search:
    """A search on vectors with two entries more: which number is held, and where; they do not move."""

    def unpin(long: Array) -> Array:
        held = jax.lax.stop_gradient(long[-2:])
        return jnp.asarray(long[:-2]).at[held[0].astype(int)].set(held[1])

    def residuals(long: Array, data: Any) -> tuple[Array, Array]:
        return curves.residuals(unpin(long), data)

    if curves.settings.loss.is_squared and not curves.space.has_priors:
        return LeastSquaresSearch(residuals, 1)

    def objective(long: Array, data: Any) -> tuple[Array, Array]:
        return curves.objective(unpin(long), data)

    def pilot(long: Array, data: Any) -> tuple[Array, Array]:
        return curves.pilot(unpin(long), data)

    return BfgsSearch(objective, LeastSquaresSearch(pilot, 1, steps_per_round=1))
