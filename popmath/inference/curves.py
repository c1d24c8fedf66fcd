"""The curves of one model at the times of its series, and what is searched on them, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array
from popmath.inference.adam import AdamSearch
from popmath.inference.bfgs import BfgsSearch
from popmath.inference.culture import Culture
from popmath.inference.domains import ParameterSpace
from popmath.inference.search import LeastSquaresSearch, Search

if TYPE_CHECKING:
    from popmath.inference.problem import FitSettings, FittableModel

INITIAL = "initial"
BATCH_SIZE = 8


class Data(NamedTuple):
    """Counts on the rows of all curves, one culture below the other, shape `(rows, columns)` each.

    Attributes:
        counts: 0 where there is none.
        weights: how often each count is used: 0 where there is none.
        scale: what errors are divided by.
    """

    counts: np.ndarray
    weights: np.ndarray
    scale: np.ndarray


class Curves:
    """Curves of a model on several cultures at fixed times.

    Args:
        template: the model.
        space: its free numbers.
        cultures: whose times the curves have.
        settings: the loss and what is observed.
    """

    batch_size = BATCH_SIZE

    def __init__(
        self, template: FittableModel, space: ParameterSpace, cultures: Sequence[Culture], settings: FitSettings
    ) -> None:
        """Compile nothing yet."""
        self.template, self.space, self.settings = template, space, settings
        self.times = [culture.times for culture in cultures]
        self.num_columns = cultures[0].counts.shape[1]
        self.num_rows = sum(len(times) for times in self.times)
        self._searches: dict[str, Search] = {}
        self._jacobian = jax.jit(lambda vector, data: jax.jacfwd(lambda v: self.residuals(v, data)[0])(vector))
        self._hessian = jax.jit(lambda vector, data: _hessian(lambda v: self.objective(v, data)[0], vector))
        self._rows = jax.jit(self.all_abundances)
        self._slopes = jax.jit(jax.jacfwd(self.all_abundances))
        self._terms = jax.jit(self._log_likelihood_terms)
        self._at: dict[tuple[int, bytes, str], Callable[[Array], Array]] = {}

    def rows_of(self, cultures: Sequence[Culture]) -> list[np.ndarray]:
        """Rows of the curves that belong to the times of each culture, which may be the beginning of a longer one."""
        starts = np.cumsum([0, *(len(times) for times in self.times)])
        return [np.arange(start, start + len(culture.times)) for start, culture in zip(starts, cultures, strict=False)]

    def model_of(self, values: Mapping[str, Array]) -> tuple[Any, Array]:
        """The model and the state at the first time from values by name, without those of the noise."""
        noise = self.settings.loss.nuisance(1)
        own = {name: v for name, v in values.items() if name not in noise and name != INITIAL}
        return self.template.with_values(own), values[INITIAL]

    def abundances(self, vector: Array, number: int, times: np.ndarray) -> Array:
        """Abundances of one culture at `times`, by species or by stage, shape `(times, columns)`."""
        model, state = self.model_of(self.space.values(vector, number))
        states = model.states_at(state, times)
        if self.settings.observe == "totals":
            return model.totals(states)
        return jnp.reshape(states, (len(times), self.num_columns))

    def all_abundances(self, vector: Array) -> Array:
        """Abundances of all cultures at their times, one below the other."""
        return jnp.concatenate([self.abundances(vector, i, times) for i, times in enumerate(self.times)])

    def at(self, vector: np.ndarray, number: int, times: np.ndarray) -> np.ndarray:
        """Abundances of one culture at any times; compiled once for each set of times that the curves do not have."""
        rows = self._own_rows(number, times)
        if rows is not None:
            return self.rows_at(vector)[rows]
        key = (number, times.tobytes(), "curve")
        if key not in self._at:
            self._at[key] = jax.jit(lambda v: self.abundances(v, number, times))
        with jax.enable_x64(True):
            return np.asarray(self._at[key](jnp.asarray(vector)))

    def _own_rows(self, number: int, times: np.ndarray) -> np.ndarray | None:
        """Rows of the curves at these times of a culture; None if they do not have them all."""
        own = self.times[number]
        where = np.searchsorted(own, times)
        if where.max() >= len(own) or not np.array_equal(own[where], times):
            return None
        return sum(len(before) for before in self.times[:number]) + where

    def rows_at(self, vector: np.ndarray) -> np.ndarray:
        """`all_abundances`, compiled once."""
        with jax.enable_x64(True):
            return np.asarray(self._rows(jnp.asarray(vector)))

    def slopes(self, vector: np.ndarray, number: int, times: np.ndarray) -> np.ndarray:
        """Derivatives of `at`, shape `(times, columns, free)`; compiled once for times that the curves have."""
        rows = self._own_rows(number, times)
        with jax.enable_x64(True):
            if rows is not None:
                return np.asarray(self._slopes(jnp.asarray(vector)))[rows]
            key = (number, times.tobytes(), "slopes")
            if key not in self._at:
                self._at[key] = jax.jit(jax.jacfwd(lambda v: self.abundances(v, number, times)))
            return np.asarray(self._at[key](jnp.asarray(vector)))

    def log_likelihoods(self, curve: Array, vector: Array, data: Data, sd: Array | None = None) -> Array:
        """Log-likelihood of every entry, 0 where there is no count; `sd` of scaled errors for least squares."""
        loss = self.settings.loss
        noise = {name: v for name, v in self.space.values(vector).items() if name in loss.nuisance(1)}
        noise = {"sd": sd} if sd is not None else noise
        noise = {name: jnp.broadcast_to(v, curve.shape) for name, v in noise.items()}
        used = data.weights > 0
        counts, mean = jnp.where(used, data.counts, data.scale), jnp.where(used, curve, data.scale)
        return jnp.where(used, data.weights * loss.log_likelihood(mean, counts, jnp.asarray(data.scale), noise), 0.0)

    def log_likelihood_terms(self, vector: np.ndarray, curve: np.ndarray, data: Data) -> np.ndarray:
        """Log-likelihood of every entry, given the curve at `vector`; of least squares with its best variance."""
        with jax.enable_x64(True):
            return np.asarray(self._terms(jnp.asarray(vector), jnp.asarray(curve), data))

    def _log_likelihood_terms(self, vector: Array, curve: Array, data: Data) -> Array:
        sd = None
        if self.settings.loss.is_squared:
            error = jnp.where(data.weights > 0, (curve - data.counts) / data.scale, 0.0)
            sd = jnp.sqrt(jnp.sum(data.weights * error**2) / jnp.sum(data.weights))
        return self.log_likelihoods(curve, vector, data, sd)

    def objective(self, vector: Array, data: Data) -> tuple[Array, Array]:
        """Minus the log-posterior density (of least squares with its best variance), and the curve."""
        if self.settings.loss.is_squared:
            residuals, curve = self.residuals(vector, data)
            number = jnp.sum(data.weights)
            fit = 0.5 * number * jnp.log(jnp.sum(residuals**2) / number)
        else:
            curve = self.all_abundances(vector)
            fit = -jnp.sum(self.log_likelihoods(curve, vector, data))
        return fit - self.space.log_prior(vector), curve

    def jacobian(self, vector: np.ndarray, data: Data) -> np.ndarray:
        """Derivatives of the scaled errors, shape `(rows * columns, free)`; compiled at first."""
        with jax.enable_x64(True):
            return np.asarray(self._jacobian(jnp.asarray(vector), data))

    def hessian(self, vector: np.ndarray, data: Data) -> np.ndarray:
        """Second derivatives of the objective, shape `(free, free)`; compiled at first."""
        with jax.enable_x64(True):
            return np.asarray(self._hessian(jnp.asarray(vector), data))

    def search(self, optimiser: str) -> Search:
        """The search for the optimum: made once."""
        squared = self.settings.loss.is_squared and not self.space.has_priors
        kind = "bfgs" if optimiser == "levenberg_marquardt" and not squared else optimiser
        if kind not in self._searches:
            if kind == "levenberg_marquardt":
                self._searches[kind] = LeastSquaresSearch(self.residuals, BATCH_SIZE)
            elif kind == "bfgs":
                self._searches[kind] = BfgsSearch(self.objective, LeastSquaresSearch(self.pilot, BATCH_SIZE))
            else:
                self._searches[kind] = AdamSearch(self.objective, BATCH_SIZE, self._one_step_ahead())
        return self._searches[kind]

    def _one_step_ahead(self) -> Callable[[Array, Data], Array] | None:
        """Squared errors of every count predicted from the one before; None where counts are not whole states."""
        if self.space.blocks[-1].fixed.size != self.num_columns:  # the last block is an initial state
            return None

        def warm(vector: Array, data: Data) -> Array:
            total, start = jnp.zeros((), vector.dtype), 0
            for number, times in enumerate(self.times):
                rows = slice(start, start + len(times))
                counts, weights, scale = (column[rows] for column in data)
                start += len(times)
                model, own = self.model_of(self.space.values(vector, number))
                gaps = np.round(np.diff(times), 9)
                for gap in np.unique(gaps):
                    at = np.flatnonzero(gaps == gap)

                    def ahead(state, model=model, gap=gap, shape=own.shape):
                        states = model.states_at(jnp.reshape(state, shape), np.array([0.0, gap]))
                        return jnp.ravel(states[1])

                    found = jax.vmap(ahead)(counts[at])
                    used = jnp.all(weights[at] > 0, axis=1, keepdims=True) & (weights[at + 1] > 0)
                    error = jnp.where(used, (found - counts[at + 1]) / scale[at + 1], 0.0)
                    total = total + jnp.sum(error**2)
                first = jnp.where(weights[0] > 0, (jnp.ravel(own) - counts[0]) / scale[0], 0.0)
                total = total + jnp.sum(first**2)
            return total

        return warm

    def residuals(self, vector: Array, data: Data) -> tuple[Array, Array]:
        """Scaled errors of every entry, 0 where there is no count, and the curve."""
        curve = self.all_abundances(vector)
        error = jnp.where(data.weights > 0, (curve - data.counts) / data.scale, 0.0)  # the rest may be infinite
        return jnp.ravel(jnp.sqrt(data.weights) * error), curve

    def pilot(self, vector: Array, data: Data) -> tuple[Array, Array]:
        """Errors of square roots, whose size depends little on the mean: a first step towards any likelihood."""
        if self.settings.loss.is_squared:
            return self.residuals(vector, data)
        curve = self.all_abundances(vector)
        used = data.weights > 0
        mean = jnp.maximum(jnp.where(used, curve, data.scale), 1e-12 * data.scale)
        error = jnp.where(used, jnp.sqrt(mean / data.scale) - jnp.sqrt(data.counts / data.scale), 0.0)
        return jnp.ravel(jnp.sqrt(data.weights) * error), curve


def _hessian(function: Callable[[Array], Array], vector: Array) -> Array:
    """Second derivatives in forward mode, which every model allows."""
    return jax.jacfwd(jax.jacfwd(function))(vector)
