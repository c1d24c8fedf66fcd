"""The models of `ensembles.py` as popmath runs them."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from ensembles_work import BIRTH, COMPETITION, CROWDING, DEATH, GROWTH, SD, START, TAU, leslie_rows

from popmath.populations.leslie_gower import LeslieGower
from popmath.populations.model import PopulationModel
from popmath.populations.random_counts import poisson


@final
class NoisyLeslieGower(PopulationModel):
    """Leslie-Gower competition with log-normal environmental, or Poisson demographic, noise."""

    species: tuple[str, ...] = eqx.field(static=True)
    noise: str = eqx.field(static=True)
    growth: np.ndarray
    competition: np.ndarray

    @property
    def state_shape(self):
        return (len(self.species),)

    def step(self, state, t, key):
        mean = self.growth * state / (1 + jnp.dot(self.competition, state))
        if self.noise == "poisson":
            return poisson(key, mean), {}
        return mean * jnp.exp(SD * jax.random.normal(key, mean.shape, jnp.float64)), {}

    def totals(self, states):
        return states


@final
class StructuredCompetition(PopulationModel):
    """Two Leslie models in one row of classes; births fall with competition and vary with log-normal noise."""

    species: tuple[str, ...] = eqx.field(static=True)
    fertility: np.ndarray
    survival: np.ndarray

    @property
    def state_shape(self):
        return (self.fertility.size,)

    def step(self, state, t, key):
        now = state.reshape(self.fertility.shape)
        good = jnp.exp(SD * jax.random.normal(key, (2,), jnp.float64))
        crowded = 1 + 0.1 * jnp.dot(jnp.asarray(COMPETITION), jnp.sum(now, axis=1))
        born = jnp.sum(self.fertility * now, axis=1) * good / crowded
        return jnp.concatenate([born[:, None], self.survival * now[:, :-1]], axis=1).reshape(-1), {}

    def totals(self, states):
        return jnp.sum(states.reshape(*states.shape[:-1], *self.fertility.shape), axis=-1)


@final
class BirthDeath(PopulationModel):
    """Births and density-dependent deaths, by tau-leaping with a fixed step."""

    species: tuple[str, ...] = eqx.field(static=True)

    @property
    def state_shape(self):
        return (1,)

    def step(self, state, t, key):
        means = TAU * jnp.concatenate([BIRTH * state, (DEATH + CROWDING * state) * state])
        born, died = poisson(key, means)
        return jnp.maximum(state + born - died, 0.0), {}

    def totals(self, states):
        return states


def model_for(task: str, classes: int) -> tuple[PopulationModel, np.ndarray]:
    """The model of a task, and the state in which all replicates start."""
    names = ("a", "b")
    if task == "fixed":
        return LeslieGower(names, GROWTH, COMPETITION), np.full(2, START)
    if task == "structured":
        return StructuredCompetition(names, *leslie_rows(classes)), np.full(2 * classes, START)
    if task == "birth-death":
        return BirthDeath(("n",)), np.full(1, START)
    return NoisyLeslieGower(names, task, GROWTH, COMPETITION), np.full(2, START)


def key(seed: int) -> jax.Array:
    return jax.random.key(seed)
