"""`ProcessNoiseFit`: a model fitted with noise in its steps and its counts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from popmath._text import Summary, html_table, number, text_table
from popmath.conformal.split import check_confidence_level
from popmath.inference.forecast import Forecast
from popmath.inference.posterior_checks import draw_counts
from popmath.inference.problem import FittableModel
from popmath.inference.result import check_times
from popmath.inference.state_space import SCALED_SD, StateSpace, make_grid
from popmath.series import Series

if TYPE_CHECKING:
    import pandas

_NONE = 1e-3  # a process noise below this makes no difference


class States(NamedTuple):
    """Log-abundances at the times of the series given the counts, shape `(times, species)` each but the last.

    Attributes:
        filtered: mean given the counts up to each time.
        filtered_sd: its deviation.
        smoothed: mean given all counts.
        smoothed_sd: its deviation.
        last_root: root of the covariance at the last time, shape `(species, species)`.
    """

    filtered: np.ndarray
    filtered_sd: np.ndarray
    smoothed: np.ndarray
    smoothed_sd: np.ndarray
    last_root: np.ndarray


@final
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ProcessNoiseFit:
    """A fitted model with process noise and observation noise.

    Attributes:
        space: model, series and filters.
        vector: the optimum on the unconstrained scale.
        log_likelihood: of the counts, by the extended Kalman filter.
        aicc: AICc; both noises count among the free numbers.
        num_observed: entries that counted.
        converged: whether the best start met the optimiser's tolerance.
        share_of_starts: share of the starts that reached the best optimum.
        num_starts: number of starts.
        seed: of the starts.
        seconds: wall time, compilation included.
    """

    space: StateSpace
    vector: np.ndarray
    log_likelihood: float
    aicc: float
    num_observed: int
    converged: bool
    share_of_starts: float
    num_starts: int
    seed: int
    seconds: float

    @property
    def series(self) -> Series:
        """What it was fitted to."""
        return self.space.problem.series

    @property
    def model(self) -> FittableModel:
        """The model with its fitted parameters."""
        return self._parts[0]

    @property
    def initial(self) -> np.ndarray:
        """Abundances at the first time, shape `(species,)`, species in the order of the model."""
        return self._parts[1]

    @property
    def process_sd(self) -> np.ndarray:
        """Deviation of log-abundances over one unit of time, shape `(species,)`."""
        return self._parts[2]

    @property
    def observation_sd(self) -> np.ndarray:
        """Deviation of the logarithm of a count at each species' mean, shape `(species,)`."""
        with jax.enable_x64(True):
            _, sd = self.space.observe(jnp.asarray(np.log(self.space.scale)), self.noise)
        return np.asarray(sd)

    @property
    def noise(self) -> dict[str, Any]:
        """Numbers of the observation noise by name, as the loss has them (`scaled_sd` for squared errors)."""
        return self._parts[3]

    @property
    def num_free(self) -> int:
        """Free numbers, initial values and noises included."""
        return self.vector.size

    @property
    def smoothed(self) -> np.ndarray:
        """Abundances given all counts (medians), shape `(times, species)`, species in the order of the series."""
        return np.exp(self.states.smoothed)[:, self._order]

    def smoothed_band(self, confidence_level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends for the abundances themselves, given all counts, shape `(times, species)` each."""
        check_confidence_level(confidence_level)
        half = scipy.stats.norm.ppf((1 + confidence_level) / 2) * self.states.smoothed_sd
        lower, upper = np.exp(self.states.smoothed - half), np.exp(self.states.smoothed + half)
        return lower[:, self._order], upper[:, self._order]

    @functools.cached_property
    def states(self) -> States:
        """Filtered and smoothed log-abundances, species in the order of the model."""
        import cuthbert
        from cuthbert.gaussian import moments

        rows = self.space.grid.rows

        def run(vector):
            _, states, dynamics = self.space.kalman(vector)
            smoothed = cuthbert.smoother(moments.build_smoother(dynamics), states)
            return states.mean, states.chol_cov, smoothed.mean, smoothed.chol_cov

        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            mean, root, later, later_root = (np.asarray(x) for x in jax.jit(run)(jnp.asarray(self.vector)))
        sd, later_sd = (np.sqrt((r**2).sum(axis=-1)) for r in (root, later_root))
        return States(mean[rows], sd[rows], later[rows], later_sd[rows], root[-1])

    def particle_log_likelihood(self, num_particles: int = 2000, *, seed: int = 0) -> float:
        """Log-likelihood of the counts at the fit by the bootstrap particle filter, to check that of the Kalman filter.

        It takes the loss as it is, without logarithms of counts or linear steps, and has Monte Carlo error.

        References:
            Gordon, N. J., Salmond, D. J. & Smith, A. F. M. (1993), IEE Proceedings F 140, 107-113.
        """
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            run = jax.jit(lambda v, key: self.space.particles(v, key, num_particles))
            return float(run(jnp.asarray(self.vector), jax.random.key(seed)))

    def forecast(
        self, times: Iterable[float], confidence_level: float = 0.9, *, num_paths: int = 2000, seed: int = 0
    ) -> Forecast:
        """Medians and quantiles of paths from the last state, with process and observation noise; never below 0.

        The parameters are taken as known, so that the band is too narrow where the data leave them open.

        Args:
            times: after the last time of the series, increasing.
            confidence_level: between 0 and 1.
            num_paths: simulated.
            seed: of the noise.

        Raises:
            ValueError: for times inside the series, or a level out of range.
        """
        check_confidence_level(confidence_level)
        series, level = self.series, float(confidence_level)
        after = check_times(times, series.times[0])
        if after[0] <= series.times[-1]:
            raise ValueError(
                f"times must come after the last time of the series, {series.times[-1]:g}; got {after[0]:g}."
            )
        counts = self._paths(after, num_paths, seed)[:, :, self._order]
        ends = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
        middle, lower, upper = np.quantile(counts, ends, axis=0)
        text = f"band from {num_paths} simulated paths with process and observation noise, parameters taken as known"
        return Forecast(series, self._name, after, middle, lower, upper, level, text, (), self.smoothed)

    def _paths(self, after: np.ndarray, num_paths: int, seed: int) -> np.ndarray:
        """Counts along simulated paths, shape `(paths, times, species)`."""
        space, last = self.space, self.series.times[-1]
        unit = getattr(self.model, "interval", None) or float(np.min(space.grid.lengths))
        grid = make_grid(np.concatenate([[0.0], after - last]), unit)
        spread = np.outer(np.sqrt(grid.lengths), self.process_sd)
        rng = np.random.default_rng([self.seed, seed])
        normal = rng.normal(size=(len(grid.which), num_paths, space.num_species))
        begin = self.states.filtered[-1] + rng.normal(size=(num_paths, space.num_species)) @ self.states.last_root.T

        def run(vector, begin, noise, which):
            model = space.unpack(vector)[0]

            def one(x, inputs):
                k, shock = inputs
                x = jax.vmap(lambda one: space.step(model, one, k, grid.lengths))(x) + shock
                return x, x

            return jax.lax.scan(one, begin, (which, noise))[1]

        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            noise = jnp.asarray(normal * spread[grid.which][:, None])
            found = jax.jit(run)(jnp.asarray(self.vector), jnp.asarray(begin), noise, jnp.asarray(grid.which))
        mean = np.exp(np.moveaxis(np.asarray(found)[grid.rows[1:] - 1], 0, 1))
        given = {"sd": self.noise[SCALED_SD]} if SCALED_SD in self.noise else self.noise
        return draw_counts(space.loss, mean, space.scale, given, rng)

    @property
    def verdict(self) -> tuple[str, ...]:
        """What to know before using the numbers."""
        said = []
        if self.converged:
            said.append(f"converged; {round(self.share_of_starts * self.num_starts)} of {self.num_starts} starts here")
        else:
            said.append("NOT converged: these numbers are where the optimiser stopped, not an optimum")
        for name, process, observed in zip(
            self.space.problem.template.species, self.process_sd, self.observation_sd, strict=True
        ):
            if process < _NONE:
                said.append(f"no process noise found in {name}: its counts follow the curve")
            if observed < _NONE:
                said.append(f"no observation noise found in {name}: the counts are taken as exact")
        return tuple(said)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per free number with its value."""
        import pandas as pd

        return pd.DataFrame({"label": self._labels, "value": self.space.space.numbers(self.vector)}).set_index("label")

    def summary(self) -> Summary:
        """Verdict, statistics and numbers as text."""
        lines = [f"{self._caption()} ({self.num_observed} observations, {self.num_free} free numbers)"]
        lines += [f"  * {line}" for line in self.verdict]
        lines += ["", f"{self.space.loss.name}: log-likelihood {self.log_likelihood:.2f}   AICc {self.aicc:.1f}", ""]
        return Summary("\n".join([*lines, text_table(("number", "value"), self._rows())]))

    def __repr__(self) -> str:
        """One line."""
        state = "converged" if self.converged else "NOT converged"
        return f"ProcessNoiseFit({self._caption()}: log-likelihood {self.log_likelihood:.2f}, {state})"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{line}</li>" for line in self.verdict)
        return html_table(("number", "value"), self._rows(), self._caption()) + f"<ul>{notes}</ul>"

    @property
    def _name(self) -> str:
        return f"{self.space.problem.name} with process noise"

    def _caption(self) -> str:
        return f"{self._name} on {self.series.name!r}"

    def _rows(self) -> list[list[str]]:
        values = self.space.space.numbers(self.vector).tolist()
        return [[label, number(value)] for label, value in zip(self._labels, values, strict=True)]

    @property
    def _labels(self) -> list[str]:
        return self.space.space.labels(self.space.problem.template.species)

    @property
    def _order(self) -> list[int]:
        return [self.space.problem.template.species.index(name) for name in self.series.species]

    @functools.cached_property
    def _parts(self) -> tuple[Any, Any, Any, dict[str, Any]]:
        with jax.enable_x64(True):
            values = {n: np.asarray(v) for n, v in self.space.space.values(jnp.asarray(self.vector)).items()}
            return self.space.named_parts(values)
