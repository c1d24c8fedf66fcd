"""Models for the tests of ensembles."""

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import popmath as pm
from popmath.populations.model import PopulationModel
from popmath.populations.random_counts import poisson

KEY = jax.random.key(20)
LEVELS = np.array([0.0, 0.025, 0.25, 0.5, 0.75, 0.975, 1.0])
PAIR = pm.LeslieGower(("a", "b"), [2.0, 1.8], [[0.01, 0.003], [0.002, 0.01]])


@final
class Growth(PopulationModel):
    """Growth by `rate`, with noise of one kind; with `crowding`, the chaos of Ricker's model."""

    species: tuple[str, ...] = eqx.field(static=True)
    noise: str = eqx.field(static=True)
    rate: np.ndarray
    crowding: float = 0.0

    @property
    def state_shape(self):
        return (len(self.species),)

    def step(self, state, t, key):
        mean = self.rate * state * jnp.exp(-self.crowding * state)
        if self.noise == "environment":
            mean = mean * jnp.exp(0.2 * jax.random.normal(key, mean.shape, jnp.float64))
        if self.noise == "poisson":
            mean = poisson(key, mean)
        return mean, {}

    def totals(self, states):
        return states


@final
class Structured(PopulationModel):
    """Two species of three classes in one row, fertilities with log-normal noise."""

    species: tuple[str, ...] = eqx.field(static=True)
    matrices: np.ndarray

    @property
    def state_shape(self):
        return (6,)

    def step(self, state, t, key):
        after = jnp.einsum("sij,sj->si", self.matrices, state.reshape(2, 3))
        good = jnp.exp(0.1 * jax.random.normal(key, (2,), jnp.float64))
        crowded = 1 + 0.001 * jnp.sum(state)
        return jnp.concatenate([after[:, :1] * (good / crowded)[:, None], after[:, 1:]], axis=1).reshape(6), {}

    def totals(self, states):
        return jnp.sum(states.reshape(*states.shape[:-1], 2, 3), axis=-1)


CHAOS = Growth(("a", "b"), "environment", np.array([20.0, 15.0]), 0.01)
BRANCHING = Growth(("a", "b"), "poisson", np.array([0.9, 1.02]))
LESLIE = np.array(
    [[[0.0, 1.5, 2.5], [0.6, 0.0, 0.0], [0.0, 0.8, 0.3]], [[0.0, 1.2, 2.0], [0.5, 0.0, 0.0], [0, 0.7, 0.5]]]
)


def assert_same(one, other):
    """The same numbers, to the last bit."""
    for name in ("abundances", "states"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None) and (mine is None or np.array_equal(mine, theirs)), name
    for name in ("mean", "variance", "minimum", "maximum", "quantiles", "extinct", "ever_extinct"):
        assert np.array_equal(getattr(one.statistics, name), getattr(other.statistics, name)), name
