"""Dominant eigenvalue and vectors of a non-negative matrix, and reading matrices in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.eigen import perron_vectors


def as_floats(values: ArrayLike | float) -> jax.Array:
    """`values` as they are when JAX is tracing them, else in float64 (call it under `jax.enable_x64(True)`)."""
    if isinstance(values, Tracer):
        return values
    if isinstance(values, list | tuple) and any(isinstance(value, Tracer) for value in values):
        return jnp.stack([jnp.asarray(value) for value in values])
    return jnp.asarray(np.asarray(values, np.float64))


def finished(values: Array) -> Array:
    """A result as NumPy, safe to use whatever JAX's precision is outside; what JAX is tracing stays as it is."""
    return values if isinstance(values, Tracer) else np.asarray(values)


def check_entries(name: str, values: Array, ndim: int) -> None:
    """Refuse what is not a square non-negative matrix (`ndim` 2) or a stack of them (`ndim` 3)."""
    shape = np.shape(values)
    if len(shape) != ndim or shape[-1] != shape[-2] or 0 in shape:
        want = "(classes, classes)" if ndim == 2 else "(matrices, classes, classes)"
        raise ValueError(f"{name} must have shape {want}, square and not empty; got {shape}.")
    if isinstance(values, Tracer):
        return
    numbers = np.asarray(values)
    wrong = np.argwhere(~(np.isfinite(numbers) & (numbers >= 0)))
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        raise ValueError(
            f"{name} must be finite and at least 0: entry {list(index)} is {float(numbers[index])} (row: class "
            f"entered, column: class left, both from 0)."
        )


@jax.jit
def perron(matrix: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Dominant eigenvalue, right vector (sums to 1) and left vector (scaled to `left @ right` = 1) of one matrix.

    Differentiable to every order (see `eigen.perron_vectors`).
    """
    value, right, left = perron_vectors(matrix)
    return value, right, left / jnp.dot(left, right)


def entry_sensitivity(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Dominant eigenvalue, and its derivative in each entry, `left[i] * right[j]`."""
    value, right, left = perron(matrix)
    return value, left[:, None] * right[None, :]
