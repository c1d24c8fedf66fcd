"""Chance in a community: good and bad intervals for whole populations, and the fate of each individual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.interactions import Interaction, LinearEffect, MassAction, check_choice, check_not_negative
from popmath.populations.matrix_population import MatrixPopulation, as_entries
from popmath.populations.random_counts import binomial, poisson


def as_deviations(values: object) -> dict[str, Array]:
    """One standard deviation by species."""
    if not isinstance(values, Mapping):
        raise ValueError(f"sd must map species to numbers, as in {{'hare': 0.2}}; got {values!r}.")
    return {name: as_entries(value) for name, value in values.items()}


@final
class EnvironmentalNoise(eqx.Module):
    r"""Good and bad intervals, the same for all individuals of a species: log-normal factors with mean 1.

    $$\epsilon_i(t) = \exp\bigl(\sigma_i Z_i(t) - \sigma_i^2/2\bigr),\qquad
      Z(t) \sim N(0, R)\ \text{independent over}\ t$$

    Args:
        sd: $\sigma_i$ by species, on the scale of logarithms, at least 0; other species have no noise.
        correlation: of the $Z_i$ in the order of `sd`: a matrix $R$, or one number for all pairs; None for none.
        acts_on: `"fertility"` (births of both kinds), or `"all"`: survival as well, which may then exceed 1 and is
            no probability.

    Raises:
        ValueError: for negative deviations, or a correlation that is not symmetric and positive semi-definite with 1
            on its diagonal.

    Example:
        >>> EnvironmentalNoise({"hare": 0.3, "lynx": 0.2}, correlation=0.5).root.round(3).tolist()
        [[1.0, 0.0], [0.5, 0.866]]

    References:
        Lande, R., Engen, S. & Saether, B.-E. (2003), Stochastic Population Dynamics in Ecology and Conservation,
        chapter 1.
    """

    sd: dict[str, Array] = eqx.field(converter=as_deviations)
    root: Float[Array, "species species"] = eqx.field(converter=as_entries)
    acts_on: Literal["fertility", "all"] = eqx.field(static=True)

    def __init__(self, sd, correlation=None, acts_on="fertility") -> None:
        """See the class."""
        self.sd, self.acts_on = as_deviations(sd), acts_on
        self.root = _correlation_root(len(self.sd), correlation)

    def __check_init__(self) -> None:
        """Check the deviations and what they act on."""
        check_choice("acts_on of environmental noise", self.acts_on, ("fertility", "all"))
        for name, value in self.sd.items():
            check_not_negative(f"the sd of {name!r}", value)
            if np.ndim(value):
                raise ValueError(f"the sd of {name!r} must be one number; got shape {np.shape(value)}.")

    def factors(self, key: Array) -> dict[str, jax.Array]:
        """One draw: the factor of each species named in `sd`."""
        sd = jnp.stack([jnp.asarray(value) for value in self.sd.values()])
        normal = jax.random.normal(key, sd.shape, sd.dtype)
        drawn = jnp.exp(sd * jnp.dot(jnp.asarray(self.root, sd.dtype), normal) - 0.5 * sd * sd)
        return {name: drawn[i] for i, name in enumerate(self.sd)}

    def by_class(self, key: Array, state: Array, slices: Mapping[str, slice]) -> jax.Array:
        """One draw: the factor of every class of a state, 1 for species without noise."""
        noise = jnp.ones_like(state)
        for name, factor in self.factors(key).items():
            noise = noise.at[slices[name]].set(factor)
        return noise


def draw_year(key: Array, odds: Float[Array, " years"]) -> Float[Array, " years"]:
    """1 for the year drawn and 0 for the others."""
    odds = jnp.asarray(odds)
    drawn = jnp.sum(jax.random.uniform(key, (), odds.dtype) >= jnp.cumsum(odds)[:-1])
    return (jnp.arange(odds.shape[0]) == drawn).astype(odds.dtype)


def _correlation_root(size: int, correlation: ArrayLike | float | None) -> np.ndarray:
    """Lower-triangular square root of a correlation matrix, which may be only semi-definite."""
    given = np.asarray(0.0 if correlation is None else correlation, np.float64)
    matrix = given if given.ndim else np.full((size, size), given) + (1 - given) * np.eye(size)
    if matrix.shape != (size, size):
        raise ValueError(f"correlation must be a number or have shape {(size, size)}, as sd; got {matrix.shape}.")
    right = np.isfinite(matrix).all() and np.allclose(matrix, matrix.T) and np.allclose(np.diagonal(matrix), 1)
    if not right or np.linalg.eigvalsh(matrix)[0] < -1e-12:
        raise ValueError(
            f"correlation must be symmetric and positive semi-definite, with 1 on its diagonal; got {matrix.tolist()}."
        )
    values, vectors = np.linalg.eigh(matrix)
    root = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0))).T)[1].T
    return root * np.where(np.diagonal(root) < 0, -1.0, 1.0)


class Pathways(NamedTuple):
    """Which draws an interval with demographic noise needs; static.

    Attributes:
        moves: rounds of moves between classes: the r-th holds the (to, from) of the r-th way out of each class.
        births: classes that births enter.
        losses: whether other species take individuals.
        gains: whether other species add individuals.
        migration: whether there is migration.
    """

    moves: tuple[tuple[tuple[int, int], ...], ...]
    births: tuple[int, ...]
    losses: bool
    gains: bool
    migration: bool


def pathways(populations: Sequence[MatrixPopulation], interactions: Sequence[Interaction], migration: bool) -> Pathways:
    """The draws that the non-zero entries of the matrices ask for; all entries where JAX is tracing them."""
    losses, gains = (
        any(isinstance(i, MassAction) or (isinstance(i, LinearEffect) and i.sign == sign) for i in interactions)
        for sign in (-1, 1)
    )
    rounds: list[list[tuple[int, int]]] = []
    births, at = [], 0
    for population in populations:
        moves, born = (_possible(part) for part in (population.U, population.reproduction))
        for column in range(population.num_classes):
            for r, row in enumerate(np.flatnonzero(moves[:, column]).tolist()):
                if r == len(rounds):
                    rounds.append([])
                rounds[r].append((at + row, at + column))
        births += [at + row for row in np.flatnonzero(born.any(axis=1)).tolist()]
        at += population.num_classes
    return Pathways(tuple(map(tuple, rounds)), tuple(births), losses, gains, migration)


def _possible(matrix: Array) -> np.ndarray:
    """True where an entry is not 0 in any of the years."""
    size = matrix.shape[-1]
    if isinstance(matrix, Tracer):
        return np.ones((size, size), bool)
    return np.any(np.asarray(matrix).reshape(-1, size, size) > 0, axis=0, keepdims=True)[0]


def random_flows(
    key: Array,
    state: Float[Array, " states"],
    ways: Pathways,
    probabilities: Float[Array, "states states"],
    births: Float[Array, " states"],
    loss: Float[Array, " states"],
    gain: Float[Array, " states"],
    migration: Float[Array, " states"],
) -> Float[Array, " states"]:
    """Whole numbers after one interval, before losses are limited to what is there.

    Moves are multinomial by class, births, losses, gains and migration Poisson with the given means.
    """
    first, second = jax.random.split(key)
    after = _moved(first, state, ways, probabilities) if ways.moves else jnp.zeros_like(state)
    every = np.arange(state.shape[0])
    parts = (
        (bool(ways.births), np.asarray(ways.births, int), births, jnp.ones_like(state)),
        (ways.losses, every, loss, -jnp.ones_like(state)),
        (ways.gains, every, gain, jnp.ones_like(state)),
        (ways.migration, every, jnp.abs(migration), jnp.sign(migration)),
    )
    used = [(classes, mean[classes], sign[classes]) for there, classes, mean, sign in parts if there]
    if not used:
        return after
    classes, means, signs = (list(group) for group in zip(*used, strict=True))
    drawn = poisson(second, jnp.concatenate(means))
    return after + jnp.dot(_places(np.concatenate(classes), state), jnp.concatenate(signs) * drawn)


def _moved(key: Array, state: Array, ways: Pathways, probabilities: Array) -> jax.Array:
    """Individuals by the class they enter: binomial numbers, one way out of every class after the other."""
    size, every = state.shape[0], np.arange(state.shape[0])
    rows, there = np.zeros((len(ways.moves), size), int), np.zeros((len(ways.moves), size), bool)
    for i, moves in enumerate(ways.moves):
        to, of = zip(*moves, strict=True)
        rows[i, list(of)], there[i, list(of)] = to, True
    shares = jnp.where(there, probabilities[rows, every], 0.0)
    enter = jnp.asarray(np.equal.outer(rows, every).swapaxes(1, 2), state.dtype)

    def one(carry, way):
        after, remaining, left = carry
        key, share, places = way
        moved = binomial(key, remaining, jnp.clip(share / jnp.maximum(left, 1e-300), 0.0, 1.0))
        return (after + jnp.dot(places, moved), remaining - moved, left - share), None

    start = (jnp.zeros_like(state), state, jnp.ones_like(state))
    ways_out = (jax.random.split(key, len(ways.moves)), shares, enter)
    return jax.lax.scan(one, start, ways_out)[0][0]  # a scan, so that the draw is compiled once


def _places(classes: np.ndarray, state: Array) -> jax.Array:
    """A matrix that puts numbers into their classes: a product is faster than a scatter inside a batch."""
    return jnp.asarray(np.equal.outer(np.arange(state.shape[0]), classes), state.dtype)
