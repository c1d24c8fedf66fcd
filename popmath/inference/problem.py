"""One model on one series as a least-squares problem, with any part of the series left out by its weights."""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, Parameter
from popmath.inference.domains import ParameterSpace
from popmath.inference.least_squares import LeastSquares, Optima
from popmath.inference.statistics import species_scale
from popmath.series import Series

INITIAL = "initial"
BATCH_SIZE = 8


@runtime_checkable
class FittableModel(Protocol):
    """What a fit needs of a model; every `popmath.populations` model has it."""

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species."""
        ...

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domain and starting range of each parameter."""
        ...

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """The same for the state at time 0."""
        ...

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """States at times from 0 on."""
        ...

    def totals(self, states: Array) -> Array:
        """Abundance of each species."""
        ...


class Curves:
    """The curves of one model at the times of one series, and the solver of its least-squares problems, compiled once.

    Args:
        template: the model; parameter values it may have are ignored.
        space: its free parameters and the initial state.
        times: increasing, from 0.
    """

    def __init__(self, template: FittableModel, space: ParameterSpace, times: np.ndarray) -> None:
        """Compile nothing yet."""
        self.template, self.space, self.times = template, space, times
        self.solver = LeastSquares(self._residuals, BATCH_SIZE)
        self._jacobian = jax.jit(jax.jacfwd(lambda vector: self.abundances(vector, times)))

    def abundances(self, vector: Array, times: np.ndarray) -> Array:
        """Abundances of every species at `times`, shape `(times, species)`."""
        values = self.space.values(vector)
        state = values.pop(INITIAL)
        model = dataclasses.replace(self.template, **values)  # ty: ignore
        return model.totals(model.states_at(state, times))

    def jacobian(self, vector: np.ndarray) -> np.ndarray:
        """Derivatives of the abundances at the own times, shape `(times, species, free)`; compiled at first."""
        with jax.enable_x64(True):
            return np.asarray(self._jacobian(jnp.asarray(vector)))

    def _residuals(self, vector: Array, truth_and_weights: tuple[Array, Array]) -> tuple[Array, Array]:
        truth, weights = truth_and_weights
        curve = self.abundances(vector, self.times)
        error = jnp.where(weights > 0, (curve - truth) * weights, 0.0)  # what is left out may be infinite there
        return jnp.ravel(error), curve


class Problem:
    """Residuals, starts and solutions of one model on one series, or on its beginning."""

    def __init__(self, template: FittableModel, series: Series, curves: Curves | None = None) -> None:
        """Check that model and series belong together and that there is enough to fit."""
        if tuple(template.species) != series.species:
            raise ValueError(
                f"the model's species are {template.species}, those of series {series.name!r} are {series.species}: "
                f"they have to be the same, in the same order. Try {type(template).__name__}(species=series.species)."
            )
        self.template, self.series = template, series
        self.scale = species_scale(series)
        largest = np.nanmax(np.where(series.observed, series.values, 0.0), axis=0)
        largest = np.where(largest > 0, largest, self.scale)
        first = np.array([column[np.isfinite(column)][0] for column in series.values.T])
        self.space = ParameterSpace({**template.parameters(largest), INITIAL: template.initial(largest, first)})
        self.num_observed = int(series.observed.sum())
        if self.num_observed <= self.space.size:
            raise ValueError(
                f"series {series.name!r} has {self.num_observed} observations, {type(template).__name__} has "
                f"{self.space.size} free numbers (initial values included): there must be more "
                f"observations. Take a longer series or a smaller model."
            )
        self.curves = curves or Curves(template, self.space, series.times - series.times[0])

    def before(self, time: float) -> Problem:
        """The problem of the series' beginning up to `time`, on the curves already compiled."""
        return Problem(self.template, self.series.until(time), self.curves)

    def weights(self, kept: np.ndarray | None = None) -> np.ndarray:
        """1/scale for observed entries at the times that are kept (all if None), 0 for others, on the curves' times."""
        used = self.series.observed if kept is None else self.series.observed & kept[:, None]
        return self._on_curves(np.where(used, 1.0 / self.scale, 0.0))

    def solve(self, num_starts: int, seed: int, kept: np.ndarray | None = None) -> Optima:
        """Fit from random starts, to the times that are kept."""
        starts = self.space.starts(num_starts, np.random.default_rng(seed))
        truth = self._on_curves(np.where(self.series.observed, self.series.values, 0.0))
        with jax.enable_x64(True):
            return self.curves.solver.solve(starts, (truth, self.weights(kept)))

    def refit(self, kept: np.ndarray, seed: int) -> np.ndarray:
        """Fit to the times that are kept and predict all times of the series, shape `(times, species)`."""
        return self.solve(BATCH_SIZE, seed, kept).curves[0][: len(self.series)]

    def _on_curves(self, values: np.ndarray) -> np.ndarray:
        padded = np.zeros((self.curves.times.size, values.shape[1]))
        padded[: len(values)] = values
        return padded

    def predict(self, vector: np.ndarray, curve: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Abundances at absolute times, shape `(times, species)`; read off the `curve` where it has them."""
        since = times - self.series.times[0]
        known = np.searchsorted(self.curves.times, since)
        if (np.take(self.curves.times, known, mode="clip") == since).all():
            return curve[known]
        with jax.enable_x64(True):
            return np.asarray(jax.jit(lambda v: self.curves.abundances(v, since))(jnp.asarray(vector)))

    def named_values(self, vector: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The parameters by name, and the initial state."""
        with jax.enable_x64(True):
            values = {name: np.asarray(value) for name, value in self.space.values(jnp.asarray(vector)).items()}
        return values, values.pop(INITIAL)
