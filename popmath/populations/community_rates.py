"""The rates of a community put together by name: block matrices, and what depends on the abundances of now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.functional_response import mass_action
from popmath.populations.interactions import Interaction, LinearEffect, MassAction, Regulation
from popmath.populations.matrix_population import MatrixPopulation, as_entries, compute


class Rates(NamedTuple):
    """A community as arrays over all its classes, species after species.

    Attributes:
        survival: survival and growth of all species, block diagonal, shape `(*years, states, states)`.
        births: reproduction of both kinds, the same.
        taken: what linear effects take, shape `(states, states)`, at least 0.
        added: what they add, the same.
        migration: added after each interval, shape `(states,)`.
    """

    survival: Float[Array, "*years states states"]
    births: Float[Array, "*years states states"]
    taken: Float[Array, "states states"]
    added: Float[Array, "states states"]
    migration: Float[Array, " states"]


class Flows(NamedTuple):
    """What depends on the abundances at the start of an interval, each of shape `(states,)`.

    Attributes:
        survival_factor: what survival is multiplied by.
        fertility_factor: what births are multiplied by.
        loss: individuals taken by other species.
        gain: individuals that come from what other species take or give.
    """

    survival_factor: Float[Array, " states"]
    fertility_factor: Float[Array, " states"]
    loss: Float[Array, " states"]
    gain: Float[Array, " states"]


def species_slices(species: Sequence[str], populations: Sequence[MatrixPopulation]) -> dict[str, slice]:
    """Where the classes of each species stand in a state."""
    ends = np.cumsum([population.num_classes for population in populations]).tolist()
    starts = [0, *ends[:-1]]
    return {name: slice(a, b) for name, a, b in zip(species, starts, ends, strict=True)}


def assemble(
    slices: Mapping[str, slice],
    populations: Sequence[MatrixPopulation],
    interactions: Sequence[Interaction],
    migration: Mapping[str, Array],
) -> Rates:
    """All blocks in their places."""
    size = max(where.stop for where in slices.values())
    taken, added = jnp.zeros((size, size)), jnp.zeros((size, size))
    for effect in interactions:
        if isinstance(effect, LinearEffect):
            where = (slices[effect.on], slices[effect.of])
            if effect.sign < 0:
                taken = taken.at[where].add(effect.block)
            else:
                added = added.at[where].add(effect.block)
    moved = jnp.zeros(size)
    for name, numbers in migration.items():
        moved = moved.at[slices[name]].add(numbers)
    survival = _block_diagonal([population.U for population in populations])
    births = _block_diagonal([population.reproduction for population in populations])
    return Rates(survival, births, taken, added, moved)


def _block_diagonal(blocks: Sequence[Array]) -> jax.Array:
    years = max(blocks, key=np.ndim).shape[:-2]
    size = sum(block.shape[-1] for block in blocks)
    whole, at = jnp.zeros((*years, size, size)), 0
    for block in blocks:
        end = at + block.shape[-1]
        whole = whole.at[..., at:end, at:end].set(jnp.broadcast_to(jnp.asarray(block), (*years, *block.shape[-2:])))
        at = end
    return whole


def density_weights(regulation: Regulation, slices: Mapping[str, slice]) -> jax.Array:
    """The weight of every class of the community in one regulation, shape `(states,)`."""
    weights = jnp.zeros(max(where.stop for where in slices.values()))
    for name, values in regulation.weights.items():
        weights = weights.at[slices[name]].set(values)
    return weights


def flows(
    state: Float[Array, " states"], rates: Rates, interactions: Sequence[Interaction], slices: Mapping[str, slice]
) -> Flows:
    """Regulation, losses and gains at the abundances of now."""
    survival, fertility = jnp.ones_like(state), jnp.ones_like(state)
    loss, gain = jnp.dot(rates.taken, state), jnp.dot(rates.added, state)
    for item in interactions:
        if isinstance(item, Regulation):
            factor = item.factor(jnp.dot(density_weights(item, slices), state))
            if item.acts_on != "fertility":
                survival = survival.at[slices[item.on]].multiply(factor)
            if item.acts_on != "survival":
                fertility = fertility.at[slices[item.on]].multiply(factor)
        elif isinstance(item, MassAction):
            prey, predator = slices[item.prey], slices[item.predator]
            handling = jnp.broadcast_to(jnp.asarray(item.handling_time), (predator.stop - predator.start,))
            eaten, gained = mass_action(
                state[prey], state[predator], item.attack, item.conversion, handling, item.response
            )
            if item.offspring_class is not None:
                gained = jnp.zeros_like(gained).at[item.offspring_class].set(jnp.sum(gained))
            loss, gain = loss.at[prey].add(eaten), gain.at[predator].add(gained)
    return Flows(survival, fertility, loss, gain)


def harvest_left(
    state: Float[Array, " states"],
    harvest: Mapping[str, Array],
    quota: Mapping[str, Array],
    slices: Mapping[str, slice],
) -> Float[Array, " states"]:
    """The share of each class that harvest leaves: proportions first, then quotas in proportion to abundance."""
    left = jnp.ones_like(state)
    for name, share in harvest.items():
        left = left.at[slices[name]].multiply(1.0 - share)
    for name, number in quota.items():
        where = slices[name]
        there = jnp.sum(left[where] * state[where])
        left = left.at[where].multiply(1.0 - jnp.minimum(1.0, number / jnp.where(there > 0, there, 1.0)))
    return left


def year_product(matrix: Array, state: Array, year: Array | None) -> Array:
    """The matrix of a year times the state."""
    product = jnp.dot(matrix, state)
    return product if year is None or product.ndim == 1 else jnp.dot(year, product)


def as_population(
    name: str, given: MatrixPopulation | ArrayLike | float, interval: float, unit: str
) -> MatrixPopulation:
    """What was given, or a species of one class that grows by a factor."""
    if isinstance(given, MatrixPopulation):
        return given
    factor = as_entries(given)
    if np.ndim(factor):
        raise ValueError(
            f"{name!r} must be a MatrixPopulation (it says what is survival and what birth) or one number, the growth "
            f"factor of a species without classes; got shape {np.shape(factor)}."
        )
    zero = np.zeros((1, 1))
    return MatrixPopulation(zero, zero + factor, names=("all",), interval=interval, unit=unit)


def mean_year(population: MatrixPopulation, odds: Array) -> MatrixPopulation:
    """The mean of the matrices over the years."""
    if np.ndim(population.U) == 2:
        return population
    parts = [
        compute(lambda o, part: jnp.tensordot(o, part, 1), odds, p) for p in (population.U, population.reproduction)
    ]
    return MatrixPopulation(*parts, names=population.names, interval=population.interval, unit=population.unit)
