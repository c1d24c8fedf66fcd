"""Density-dependent matrix models: the equilibrium of n -> A(n) n, and its stability."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from popmath._errors import ConvergenceError
from popmath._types import ArrayLike
from popmath.populations.fixed_point import (
    positive_fixed_point,
    relative_change,
    sorted_eigenvalues,
    stability_in_words,
)
from popmath.populations.matrix_population import read_one
from popmath.populations.vital_rates import built_matrix

DensityBuilder = Callable[[Any], Any]
_WARM_UP = 2000  # projection intervals before Newton's method
_GONE = 1e-9  # of the start: a population that has fallen so far is taken for extinct


@dataclasses.dataclass(frozen=True, eq=False)
class DensityEquilibrium:
    r"""A fixed point $n^* = A(n^*)\,n^*$, after harvest if there is one.

    Attributes:
        abundance: $n^*$, shape `(classes,)`; all 0 if the population dies out.
        matrix: $A(n^*)$, without the harvest, shape `(classes, classes)`.
        jacobian: of one interval at $n^*$, with the harvest, shape `(classes, classes)`.
        eigenvalues: of the Jacobian, complex, by falling modulus, shape `(classes,)`.
        residual: largest change in one interval over the largest class.
    """

    abundance: np.ndarray
    matrix: np.ndarray
    jacobian: np.ndarray
    eigenvalues: np.ndarray
    residual: float

    @property
    def spectral_radius(self) -> float:
        """Largest modulus of the eigenvalues: how a small deviation grows in an interval."""
        return float(np.abs(self.eigenvalues[0]))

    @property
    def stable(self) -> bool:
        """Whether small deviations die away: spectral radius below 1."""
        return self.spectral_radius < 1

    @property
    def extinct(self) -> bool:
        """Whether nothing is left."""
        return not self.abundance.any()

    def summary(self) -> str:
        """One line: abundance, stability and how a deviation behaves."""
        return f"equilibrium {np.array2string(self.abundance, precision=5)}: {stability_in_words(self.eigenvalues)}"


def density_equilibrium(build: DensityBuilder, initial: ArrayLike) -> DensityEquilibrium:
    r"""Equilibrium of a matrix model whose rates depend on density, and its stability.

    $$n(t+1) = A(n(t))\,n(t),\qquad n^* = A(n^*)\,n^*,\qquad J = \frac{\partial (A(n)\,n)}{\partial n}\Big|_{n^*}$$

    The model is run from `initial`, then Newton's method goes on from where it ends, and from its mean over the last
    thousand intervals: so that the unstable equilibrium inside a cycle is found as well. With several equilibria, the
    one found depends on `initial`.

    Args:
        build: takes the abundances, shape `(classes,)`, and returns the projection matrix at that density: a JAX
            array, a list of rows or a `MatrixPopulation`; at least 0, and defined at abundance 0.
        initial: where to begin, shape `(classes,)`, at least 0.

    Returns:
        The equilibrium; all zeros if the population dies out from `initial`.

    Raises:
        ValueError: if `initial` is negative or all 0, or `build` does not return a matrix of its size.
        TypeError: if `build` uses NumPy or `float`, which derivatives do not pass.
        ConvergenceError: if no equilibrium was found.

    Example:
        >>> logistic = density_equilibrium(lambda n: [[2.0 / (1 + 0.01 * n[0])]], [5.0])
        >>> print(logistic.abundance.round(6), logistic.jacobian.round(6), logistic.stable)
        [100.] [[0.5]] True

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., sections 16.2 and 16.4.
    """
    with jax.enable_x64(True):
        model = DensityModel(build, initial, np.zeros(np.size(initial)))
        return model.equilibrium(0.0)


class DensityModel:
    """One density-dependent model with a proportional harvest, compiled once for all harvest rates.

    A proportion `rate * selectivity[i]` of class i is taken at the end of each interval, after reproduction.
    """

    def __init__(self, build: DensityBuilder, initial: ArrayLike, selectivity: np.ndarray) -> None:
        """Check the start and the builder, and compile the step."""
        start = np.asarray(initial, np.float64)
        if start.ndim != 1 or not start.size:
            raise ValueError(f"initial must have shape (classes,); got {start.shape}.")
        if not (np.isfinite(start) & (start >= 0)).all() or not start.any():
            raise ValueError(f"initial must be finite, at least 0 and not all 0; got {start.tolist()}.")
        self.start, self.size = start, start.size
        share = jnp.asarray(selectivity)

        def matrix(state):
            return built_matrix(build, state)

        def step(state, rate):
            return (1 - rate * share) * jnp.dot(matrix(state), state)

        def run(state, rate):
            def one(now, _):
                after = step(now, rate)
                return after, after

            last, path = jax.lax.scan(one, state, length=_WARM_UP)
            return last, jnp.mean(path[_WARM_UP // 2 :], axis=0)

        self.matrix, self.step, self.run = eqx.filter_jit(matrix), eqx.filter_jit(step), eqx.filter_jit(run)
        self.slopes = eqx.filter_jit(jax.jacfwd(step))
        for state in (start, np.zeros_like(start)):
            found = np.asarray(self.matrix(jnp.asarray(state)))
            read_one(found, f"build({state.tolist()})")
            if len(found) != start.size:
                raise ValueError(f"build returns {len(found)} classes, but initial has {start.size}.")

    def equilibrium(self, rate: float) -> DensityEquilibrium:
        """The equilibrium under harvest at `rate` (call it under `jax.enable_x64(True)`)."""
        number = jnp.asarray(rate, jnp.float64)
        last, mean = (np.asarray(state) for state in self.run(jnp.asarray(self.start), number))
        if np.isfinite(last).all() and last.sum() < _GONE * self.start.sum():
            return self._record(np.zeros(self.size), number)
        for start in (last, mean, self.start):
            if not np.isfinite(start).all():
                continue
            state = positive_fixed_point(self._step(number), self._slopes(number), start)
            if state is not None and state.sum() > _GONE * self.start.sum():
                return self._record(state, number)
        if last.sum() < mean.sum():  # a slow decline, as at the very rate that the population no longer bears
            gone = self._record(np.zeros(self.size), number)
            if gone.spectral_radius <= 1 + 1e-9:
                return gone
        raise ConvergenceError(
            f"no equilibrium was found from initial {self.start.tolist()}: after {_WARM_UP} intervals the abundances "
            f"are {last.tolist()}. If they grow without bound, the builder does not limit them; else try another start."
        )

    def _step(self, rate: jax.Array) -> Callable[[np.ndarray], np.ndarray]:
        return lambda state: np.asarray(self.step(jnp.asarray(state), rate))

    def _slopes(self, rate: jax.Array) -> Callable[[np.ndarray], np.ndarray]:
        return lambda state: np.asarray(self.slopes(jnp.asarray(state), rate))

    def _record(self, state: np.ndarray, rate: jax.Array) -> DensityEquilibrium:
        jacobian, matrix = self._slopes(rate)(state), np.asarray(self.matrix(jnp.asarray(state)))
        change = relative_change(self._step(rate), state)
        return DensityEquilibrium(state, matrix, jacobian, sorted_eigenvalues(jacobian), change)
