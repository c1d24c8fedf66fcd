"""Stochastic growth rate by simulation, with its standard error."""

from __future__ import annotations

import dataclasses
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations.eigen import perron_vectors
from popmath.populations.environments import (
    Environments,
    first_environments,
    next_environments,
    project_each,
    random_environments,
    replicate_blocks,
)
from popmath.populations.matrix_population import Matrices, class_numbers, compute
from popmath.populations.model import check_whole
from popmath.populations.tuljapurkar import small_noise


@final
class StochasticGrowth(eqx.Module):
    r"""The long-run growth rate of log abundance in a random environment; leading axes are those of the batch.

    Attributes:
        value: $\log \lambda_s$, per projection interval.
        standard_error: of `value` over replicates; NaN for the approximation, whose error is not a random one.
        method: `"tuljapurkar"` or `"simulation"`.
        num_steps: projection intervals per replicate that were counted; 0 for the approximation.
        num_replicates: independent replicates; 0 for the approximation.
        burn_in: intervals before counting began.
        seed: of the random numbers; None for the approximation.
    """

    value: Float[Array, "*batch"]
    standard_error: Float[Array, "*batch"]
    method: str = eqx.field(static=True)
    num_steps: int = eqx.field(static=True)
    num_replicates: int = eqx.field(static=True)
    burn_in: int = eqx.field(static=True)
    seed: int | None = eqx.field(static=True)

    def summary(self) -> str:
        """One line: the rate, its error and how they were found.

        Raises:
            ValueError: for a batch; `value` and `standard_error` are its arrays.
        """
        if np.ndim(self.value):
            raise ValueError(f"summary describes one rate; this is a batch of shape {np.shape(self.value)}.")
        if self.method == "tuljapurkar":
            return f"log lambda_s = {self.value:.6g} per interval (Tuljapurkar's small-noise approximation)"
        return (
            f"log lambda_s = {self.value:.6g} +- {self.standard_error:.2g} per interval (standard error; "
            f"{self.num_replicates} replicates of {self.num_steps} intervals, seed {self.seed})"
        )


def stochastic_growth_rate(
    matrices: Matrices,
    probabilities: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    *,
    method: str = "simulation",
    num_steps: int = 500,
    num_replicates: int = 1000,
    burn_in: int = 100,
    initial: ArrayLike | None = None,
    seed: int = 0,
) -> StochasticGrowth:
    r"""Long-run growth rate of log abundance when each interval has the matrix of a random environment.

    $$\log\lambda_s = \lim_{T\to\infty} \tfrac1T \log \lVert A_{T} \cdots A_1 n(0) \rVert$$

    The simulation runs independent replicates, each rescaled every interval (nothing overflows), and counts growth
    after `burn_in`. Replicates start in the long-run distribution of the environments, and the standard error is that
    of their mean; it is valid for independent and for Markov environments. The models of a batch are run one after the
    other, with the same random numbers, so that differences between them are less noisy than the rates. Jits and vmaps.

    Args:
        matrices: one model or matrix per environment, as in `random_environments`: a list of them, or shape
            `(*batch, environments, classes, classes)`.
        probabilities: of the environments, shape `(environments,)`; equal by default.
        transition: `transition[j, i]` is the probability of environment j after i (columns sum to 1).
        method: `"simulation"`, or `"tuljapurkar"` for the approximation (see `tuljapurkar_growth_rate`).
        num_steps: intervals counted in each replicate, at least 1.
        num_replicates: independent replicates, at least 2.
        burn_in: intervals before counting starts, at least 0.
        initial: abundances at time 0, shape `(*batch, classes)`; by default the stable distribution of the mean matrix.
        seed: of the random numbers; the same seed gives the same numbers.

    Returns:
        The rate, its standard error, and how they were found.

    Raises:
        ValueError: for wrong shapes, entries below 0 or not finite, sums that are not 1, or too few steps.
        UnableError: if a replicate dies out (a product of the matrices is zero): its log abundance has no rate. Under
            `jax.jit` the rate is minus infinity instead.

    Example:
        >>> growth = stochastic_growth_rate([[[1.2]], [[0.8]]], seed=1)
        >>> bool(abs(growth.value - np.log(1.2 * 0.8) / 2) < 4 * growth.standard_error)
        True

    References:
        Tuljapurkar, S. (1990), Population Dynamics in Variable Environments. Caswell, H. (2001), Matrix Population
        Models, 2nd ed., section 14.3. Morris, W. F. & Doak, D. F. (2002), Quantitative Conservation Biology, chapter 7.
    """
    if method not in ("tuljapurkar", "simulation"):
        raise ValueError(f"method must be 'tuljapurkar' or 'simulation'; got {method!r}.")
    for name, number, least in (
        ("num_steps", num_steps, 1),
        ("num_replicates", num_replicates, 2),
        ("burn_in", burn_in, 0),
    ):
        check_whole(name, number, least)
    environments = random_environments(matrices, probabilities, transition)
    if method == "tuljapurkar":
        value = compute(small_noise, environments, False)
        return StochasticGrowth(value, np.full(np.shape(value), np.nan), method, 0, 0, 0, None)
    start = starting_state(environments, initial)
    between = _steps_between(environments.matrices)
    value, error, dead = compute(
        lambda *now: _simulated(*now, jax.random.key(seed), burn_in, num_steps, num_replicates, between),
        environments,
        start,
    )
    if not isinstance(dead, Tracer) and dead.any():
        raise UnableError(
            f"{dead.sum()} of {dead.size * num_replicates} replicates died out: some product of the matrices takes the "
            "population to zero, so log lambda_s is minus infinity. For its probability use quasi_extinction."
        )
    return StochasticGrowth(value, error, method, num_steps, num_replicates, burn_in, seed)


def starting_state(environments: Environments, initial: ArrayLike | None) -> Array:
    """`initial`, checked, or the stable distribution of the mean matrix, shape `(*batch, classes)`."""
    shape = environments.matrices.shape
    if initial is None:
        return compute(_mean_structure, environments)
    start = class_numbers("initial", initial, shape[-1])
    wanted = (*shape[:-3], shape[-1])
    if start.ndim > 1 and start.shape != wanted:
        raise ValueError(f"initial must have shape ({shape[-1]},) or {wanted}, as the matrices; got {start.shape}.")
    return compute(lambda now: jnp.broadcast_to(now, wanted), start)


@eqx.filter_jit
def _mean_structure(environments: Environments) -> jax.Array:
    means = jnp.einsum("e,...eij->...ij", environments.stationary, environments.matrices)
    return jnp.vectorize(lambda mean: perron_vectors(mean)[1], signature="(n,n)->(n)")(means)


@eqx.filter_jit
def _simulated(
    environments: Environments, start: Array, key: Array, burn_in: int, num_steps: int, replicates: int, between: int
) -> tuple[jax.Array, ...]:
    """Mean over replicates, its standard error and how many died out, each of shape `(*batch,)`."""

    def one(inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        matrices, begin = inputs
        rates = _rates(
            dataclasses.replace(environments, matrices=matrices), begin, key, burn_in, num_steps, replicates, between
        )
        error = jnp.std(rates, ddof=1) / np.sqrt(replicates)
        return jnp.mean(rates), error, jnp.sum(~jnp.isfinite(rates))

    batch = environments.matrices.shape[:-3]
    flat = [jnp.reshape(values, (-1, *values.shape[len(batch) :])) for values in (environments.matrices, start)]
    return tuple(jnp.reshape(found, batch) for found in jax.lax.map(one, tuple(flat)))


def _rates(
    environments: Environments, start: Array, key: Array, burn_in: int, num_steps: int, replicates: int, between: int
) -> jax.Array:
    """Growth rate of log total abundance in each replicate, rescaled every `between` steps, shape `(replicates,)`."""
    blocks, size = replicate_blocks(replicates)

    def block(block_key):
        first, rest = jax.random.split(block_key)
        keys = jax.random.split(rest, burn_in + num_steps)
        states = jnp.tile((start / jnp.sum(start))[:, None], (1, size))
        zeros = jnp.zeros(size, states.dtype)
        carry = (first_environments(environments, first, size), states, zeros)
        now, states, lost = run_steps(carry, keys[:burn_in])
        _, _, logs = run_steps((now, states, zeros), keys[burn_in:])
        return jnp.where(jnp.isfinite(lost), logs, -jnp.inf) / num_steps

    def run_steps(carry, keys):
        whole = len(keys) // between * between
        carry, _ = jax.lax.scan(group, carry, keys[:whole].reshape(-1, between))
        return group(carry, keys[whole:])[0] if whole < len(keys) else carry

    def group(carry, keys):
        now, states, logs = carry
        (now, states), _ = jax.lax.scan(one, (now, states), keys)
        total = jnp.sum(states, axis=0)
        states = states * jnp.where(total > 0, 1 / total, 1.0)[None, :]
        return (now, states, logs + jnp.log(total)), None

    def one(carry, step_key):
        now, states = carry
        after = project_each(environments.matrices, now, states)
        return (next_environments(environments, now, step_key), after), None

    return jax.lax.map(block, jax.random.split(key, blocks)).reshape(-1)[:replicates]


def _steps_between(matrices: Array) -> int:
    """Steps in which no total can grow or fall by more than a factor of 1e100; 1 where JAX is tracing the matrices."""
    if isinstance(matrices, Tracer) or not np.any(matrices):
        return 1
    largest, smallest = np.sum(matrices, axis=-2).max(), np.min(matrices, where=matrices > 0, initial=np.inf)
    spread = max(abs(np.log10(largest)), abs(np.log10(smallest)), 1e-300)
    return int(np.clip(100 / spread, 1, 16))
