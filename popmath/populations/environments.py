"""Random environments: a projection matrix for each, and how one environment follows another."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.matrix_population import Matrices, as_entries, compute, read_stack

_FEW = 16  # up to so many environments one product with all matrices is faster than copying a matrix per replicate

_BLOCK = 1000  # replicates that are run together: their states stay in the processor's cache


@final
class Environments(eqx.Module):
    """Matrices and the chain that chooses among them.

    Attributes:
        matrices: shape `(*batch, environments, classes, classes)`.
        stationary: how often each environment occurs in the long run, shape `(environments,)`.
        transition: `transition[j, i]` is the probability of environment j after i; columns sum to 1.
        independent: whether the environments of different years are independent.
    """

    matrices: Array
    stationary: Array
    transition: Array
    independent: bool = eqx.field(static=True)


def random_environments(
    matrices: Matrices, probabilities: ArrayLike | None = None, transition: ArrayLike | None = None
) -> Environments:
    r"""Read matrices with their probabilities, or with the Markov chain of the environments.

    Without a chain the environments of different years are independent, by default equally likely. With one, the
    long-run frequencies $\pi$ solve $T \pi = \pi$.

    Args:
        matrices: one model or projection matrix per environment: a list of `MatrixPopulation`, a batch of them, or an
            array of shape `(environments, classes, classes)`, at least 0; more leading axes are a batch.
        probabilities: of the environments, shape `(environments,)`, summing to 1.
        transition: shape `(environments, environments)`; `transition[j, i]` is the probability of environment j
            after i, so that columns sum to 1 (columns are left, rows entered, as in a projection matrix).

    Returns:
        The record, in float64 unless the matrices are being traced by JAX.

    Raises:
        ValueError: for wrong shapes, entries below 0 or not finite, sums that are not 1, both of `probabilities` and
            `transition`, or a chain with more than one long-run state.

    Example:
        >>> weather = random_environments([[[2.0]], [[0.5]]], transition=[[0.9, 0.2], [0.1, 0.8]])
        >>> print(weather.stationary.round(4))
        [0.6667 0.3333]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 14.1.
    """
    stack = read_stack(matrices)
    count = stack.shape[-3]
    if probabilities is not None and transition is not None:
        raise ValueError("give probabilities (independent years) or transition (a Markov chain), not both.")
    if transition is not None:
        chain = as_entries(transition)
        _check_distribution("transition", chain, (count, count))
        return Environments(stack, compute(_stationary, chain), chain, False)
    if probabilities is None:
        weights = np.full(count, 1.0 / count, stack.dtype)
    else:
        weights = as_entries(probabilities)
        _check_distribution("probabilities", weights, (count,))
    return Environments(stack, weights, weights[:, None] * np.ones((1, count), weights.dtype), True)


def replicate_blocks(replicates: int) -> tuple[int, int]:
    """Number of blocks in which to run the replicates, and their size; the last block may be longer than needed."""
    blocks = -(-replicates // _BLOCK)
    return blocks, -(-replicates // blocks)


def first_environments(environments: Environments, key: Array, replicates: int) -> Array:
    """Environments of the first interval, from the long-run frequencies, shape `(replicates,)`."""
    return _draw(jnp.cumsum(environments.stationary)[:, None], key, replicates)


def next_environments(environments: Environments, now: Array, key: Array) -> Array:
    """Environments of the next interval, shape `(replicates,)`, when those of this one are `now`."""
    if environments.independent:
        return first_environments(environments, key, now.shape[0])
    return _draw(jnp.cumsum(environments.transition, axis=0)[:, now], key, now.shape[0])


def project_each(matrices: Array, which: Array, states: Float[Array, "classes replicates"]) -> Array:
    """Each column of `states` one interval on, by the matrix that `which` names for it."""
    count, classes, _ = matrices.shape
    if count > _FEW:
        return jnp.einsum("rij,jr->ir", matrices[which], states)
    chosen = (which[None, :] == jnp.arange(count, dtype=which.dtype)[:, None]).astype(states.dtype)
    masked = (chosen[:, None, :] * states[None, :, :]).reshape(count * classes, -1)
    return jnp.dot(jnp.transpose(matrices, (1, 0, 2)).reshape(classes, count * classes), masked)


def _draw(cumulative: Array, key: Array, replicates: int) -> Array:
    """How many of the cumulative probabilities, the last left out, lie at or below a uniform number of 31 bits."""
    bits = jax.random.bits(key, (1, replicates), jnp.uint32) >> 1
    bounds = (jnp.minimum(cumulative[:-1], 1.0) * 2.0**31).astype(jnp.uint32)
    return jnp.sum(bits >= bounds, axis=0, dtype=jnp.int32)


def _check_distribution(name: str, values: Array, shape: tuple[int, ...]) -> None:
    if np.shape(values) != shape:
        raise ValueError(f"{name} must have shape {shape}, one per matrix; got {np.shape(values)}.")
    if isinstance(values, Tracer):
        return
    numbers = np.asarray(values)
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise ValueError(f"{name} must be finite and at least 0; got {numbers.tolist()}.")
    sums = np.atleast_1d(numbers.sum(axis=0))
    if (np.abs(sums - 1) > 1e-9).any():
        hint = ""
        if len(shape) == 2:
            hint = " Columns are the environment left, rows the one entered"
            hint += ": pass the transpose." if np.allclose(numbers.sum(axis=1), 1) else "."
        raise ValueError(f"{name} must sum to 1{' in each column' if len(shape) == 2 else ''}; got {sums}.{hint}")


def _stationary(chain: Array) -> jax.Array:
    """Long-run frequencies: the solution of (T - I) x = 0 with entries that sum to 1."""
    count = chain.shape[0]
    chain = jnp.asarray(chain)
    system = chain - jnp.eye(count, dtype=chain.dtype)
    if not isinstance(chain, Tracer) and np.linalg.matrix_rank(np.asarray(system)) < count - 1:
        raise ValueError(
            "transition has more than one closed set of environments, so that the long run depends on the first year: "
            "analyse each closed set by itself."
        )
    system = system.at[-1].set(1.0)
    return jnp.maximum(jnp.linalg.solve(system, jnp.zeros(count, chain.dtype).at[-1].set(1.0)), 0.0)
