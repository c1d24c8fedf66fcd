"""The no-U-turn sampler (NumPyro) in coordinates in which the density is nearly a standard normal one."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array

_LEAST_CURVATURE = 0.05  # of a direction in which the density is flat or not concave at the mode
_JITTER = 0.5  # of the starts, in standard deviations
_ACCEPT = 0.9
_MOST_DOUBLINGS = 8
_LOG_2 = float(np.log(2.0))


class Chains(NamedTuple):
    """What the sampler gives.

    Attributes:
        vectors: shape `(chains, draws, numbers)`.
        diverging: whether the step to a draw diverged, shape `(chains, draws)`.
        num_steps: gradients taken for each draw, same shape.
    """

    vectors: np.ndarray
    diverging: np.ndarray
    num_steps: np.ndarray


class Coordinates:
    r"""Vectors as functions of standard ones: $\theta = b(y)$, $y = y_0 + Lz$.

    $b$ is the identity, but for numbers that are logarithms of things that enter the model in sums: of those it is
    $c + \log(\mathrm{softplus}(y)/\log 2)$, so that $y$ is a logarithm below the centre $c$ and grows in proportion
    above it. $L L^T$ is the inverse curvature at the mode $y_0$.

    Args:
        potential: minus the log-density of the vector.
        centre: a vector near the mode, shape `(numbers,)`.
        bent: which numbers are bent, same shape.
    """

    def __init__(self, potential: Callable[[Array], Array], centre: np.ndarray, bent: np.ndarray) -> None:
        """Find the mode."""
        self.centre, self.bent, self._density = centre, bent, potential
        self.mode, self.root = _mode(self.bent_potential, np.zeros(centre.size))

    def unbend(self, y: Array) -> tuple[Array, Array]:
        """The vector, and the logarithm of its derivative by `y`."""
        bent = jnp.asarray(self.bent)
        inner = jnp.where(bent, y, 0.0)
        soft = jax.nn.softplus(inner)
        vector = self.centre + jnp.where(bent, jnp.log(soft / _LOG_2), y)
        return vector, jnp.sum(jnp.where(bent, jax.nn.log_sigmoid(inner) - jnp.log(soft), 0.0))

    def bent_potential(self, y: Array) -> Array:
        """Minus the log-density of `y`."""
        vector, log_slope = self.unbend(y)
        return self._density(vector) - log_slope

    def potential(self, z: Array) -> Array:
        """Minus the log-density of `z`, less a constant."""
        return self.bent_potential(jnp.asarray(self.mode) + jnp.dot(jnp.asarray(self.root), z))

    def vectors(self, z: np.ndarray) -> np.ndarray:
        """Vectors of the draws, shape `(chains, draws, numbers)`."""
        y = jnp.asarray(self.mode + z @ self.root.T)
        return np.asarray(jax.vmap(jax.vmap(lambda one: self.unbend(one)[0]))(y))


def _mode(potential: Callable[[Array], Array], y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method with halved steps; the mode, and a root of the inverse curvature there."""
    slope = jax.jacfwd(potential)
    local = jax.jit(lambda at: (potential(at), slope(at), jax.jacfwd(slope)(at)))
    for _ in range(50):
        value, gradient, hessian = (np.nan_to_num(np.asarray(x)) for x in local(jnp.asarray(y)))
        curvature, axes = np.linalg.eigh(hessian)
        curvature = np.maximum(np.abs(curvature), _LEAST_CURVATURE)
        step = -axes @ ((axes.T @ gradient) / curvature)
        size, fall = 1.0, float(gradient @ step)
        while size > 1e-6 and not float(local(jnp.asarray(y + size * step))[0]) <= value + 1e-4 * size * fall:
            size /= 2
        if abs(fall) < 1e-6 or size <= 1e-6:
            break
        y = y + size * step
    return y, axes / np.sqrt(curvature)


def run_chains(
    coordinates: Coordinates,
    *,
    num_samples: int,
    num_chains: int,
    num_warmup: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Chains:
    """Run the chains, each in a thread of its own; call within `jax.enable_x64(True)`.

    The gradient is taken in reverse mode where the model allows it, in forward mode otherwise. The mass matrix is dense
    and adapted in the warm-up.
    """
    from numpyro.infer.hmc import hmc

    size = coordinates.centre.size
    total = num_warmup + num_samples
    start, step = hmc(potential_fn=coordinates.potential, algo="NUTS")
    forward = not _allows_reverse_mode(coordinates.potential, size)

    def begin(key: Array, z: Array):
        return start(
            z,
            num_warmup,
            target_accept_prob=_ACCEPT,
            dense_mass=True,
            max_tree_depth=_MOST_DOUBLINGS,
            forward_mode_differentiation=forward,
            rng_key=key,
        )

    def advance(carry, first: Array, last: Array):
        def one(i, carry):
            state, z, diverging, steps = carry
            state = step(state)
            row = jnp.maximum(i - num_warmup, 0)  # those of the warm-up are overwritten
            return (
                state,
                z.at[row].set(state.z),
                diverging.at[row].set(state.diverging),
                steps.at[row].set(jnp.asarray(state.num_steps, steps.dtype)),
            )

        return jax.lax.fori_loop(first, last, one, carry)

    keys = jax.random.split(jax.random.key(seed), num_chains)
    z0 = _JITTER * np.random.default_rng(seed).normal(size=(num_chains, size))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # as NumPyro needs it
        began = [jax.jit(begin)(key, jnp.asarray(z)) for key, z in zip(keys, z0, strict=True)]
        carries = [
            (
                state,
                jnp.zeros((num_samples, size)),
                jnp.zeros(num_samples, bool),
                jnp.zeros(num_samples, jnp.int64),
            )
            for state in began
        ]
        compiled = jax.jit(advance).lower(carries[0], jnp.asarray(0), jnp.asarray(0)).compile()
    pieces = np.unique(np.linspace(0, total, 21 if progress else 2).astype(int)).tolist()

    def chain(number: int) -> list[np.ndarray]:
        with jax.enable_x64(True):
            carry = carries[number]
            for first, last in zip(pieces[:-1], pieces[1:], strict=True):
                carry = jax.block_until_ready(compiled(carry, jnp.asarray(first), jnp.asarray(last)))
                if progress is not None:
                    progress(number, last)
            return [np.asarray(column) for column in carry[1:]]

    with ThreadPoolExecutor(max(1, min(num_chains, os.cpu_count() or 1))) as pool:
        z, diverging, steps = (np.stack(column) for column in zip(*pool.map(chain, range(num_chains)), strict=True))
    return Chains(coordinates.vectors(z), diverging, steps)


def _allows_reverse_mode(potential: Callable[[Array], Array], size: int) -> bool:
    try:
        jax.eval_shape(jax.grad(potential), jnp.zeros(size))
    except (ValueError, TypeError, NotImplementedError, RuntimeError):  # diffrax says so in several ways
        return False
    return True
