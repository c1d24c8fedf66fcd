"""Life table response experiments: which entries of the matrix make the growth rates differ."""

from __future__ import annotations

import functools
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.eigen import dominant_value, entry_sensitivity
from popmath.populations.matrix_population import (
    Matrices,
    Matrix,
    MatrixPopulation,
    as_entries,
    compute,
    read_matrix,
    read_one,
    read_stack,
)


@final
class FixedLTRE(eqx.Module):
    r"""Contributions of the entries to the differences in growth rate between treatments and a reference.

    Attributes:
        contributions: $(a^{(m)}_{ij} - a^{(r)}_{ij})\, s_{ij}$, shape `(classes, classes)`, or with the treatments in
            front if several were given.
        predicted: their sum, shape `()` or `(treatments,)`.
        difference: $\lambda^{(m)} - \lambda^{(r)}$ itself, same shape.
    """

    contributions: Array
    predicted: Array
    difference: Array

    @property
    def residual(self) -> Array:
        """What the first order leaves unexplained: `difference - predicted`."""
        return compute(lambda found, first: found - first, self.difference, self.predicted)


@final
class RandomLTRE(eqx.Module):
    r"""Contributions of the covariances of entries to the variance of the growth rate.

    Attributes:
        contributions: $\mathrm{Cov}(a_{ij}, a_{kl})\, s_{ij} s_{kl}$ at `[i, j, k, l]`, shape `(classes,) * 4`.
        by_entry: sums over the second entry, shape `(classes, classes)`; their sum is `predicted`.
        predicted: sum of all contributions, the first-order variance of $\lambda$.
        variance: variance of the growth rates of the matrices themselves.
        growth_rates: one per matrix, shape `(matrices,)`.
    """

    contributions: Array
    by_entry: Array
    predicted: Array
    variance: Array
    growth_rates: Array


def ltre_fixed(treatment: Matrix | Matrices, reference: Matrix) -> FixedLTRE:
    r"""Decompose differences in growth rate between treatments and a reference (fixed design).

    $$\lambda^{(m)} - \lambda^{(r)} \approx \sum_{ij} \bigl(a^{(m)}_{ij} - a^{(r)}_{ij}\bigr)\,
    \frac{\partial\lambda}{\partial a_{ij}}\Big|_{(A^{(m)} + A^{(r)})/2}$$

    Sensitivities at the midpoint make the error of third order in the difference.

    Args:
        treatment: a model or matrix, or several: a list of models, or shape `(treatments, classes, classes)`.
        reference: a model or matrix, shape `(classes, classes)`: the control, or the mean of all treatments.

    Returns:
        Contributions, their sum and the difference itself.

    Raises:
        ValueError: for shapes that disagree, entries below 0 or not finite.

    Example:
        >>> experiment = ltre_fixed([[0.5, 1.2], [0.6, 0.0]], [[0.5, 1.0], [0.5, 0.0]])
        >>> experiment.contributions.round(4).tolist()
        [[0.0, 0.0673], [0.0673, 0.0]]
        >>> round(float(experiment.residual), 6)
        -4.8e-05

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 10.1. Caswell, H. (1989), Ecol. Model. 46,
        221-237.
    """
    control = read_one(reference, "reference")
    several = isinstance(treatment, list | tuple) and isinstance(treatment[0], MatrixPopulation)
    treated = read_stack(treatment, "treatment") if several else read_matrix(treatment, "treatment")
    if treated.shape[-2:] != control.shape:
        raise ValueError(f"treatment and reference must agree in classes; got {treated.shape} and {control.shape}.")
    return FixedLTRE(*compute(_against, treated, control[(None,) * (np.ndim(treated) - 2)]))


def ltre_random(matrices: Matrices, probabilities: ArrayLike | None = None, *, sample: bool = False) -> RandomLTRE:
    r"""Decompose the variance of the growth rate among matrices into covariances of entries (random design).

    $$\mathrm{Var}(\lambda) \approx \sum_{ij}\sum_{kl} \mathrm{Cov}(a_{ij}, a_{kl})\, s_{ij}\, s_{kl}$$

    with sensitivities $s$ of the mean matrix.

    Args:
        matrices: at least 2: a list of models, a batch, or shape `(matrices, classes, classes)`, at least 0.
        probabilities: weight of each matrix, shape `(matrices,)`, summing to 1; equal by default.
        sample: True for the unbiased covariance of equally likely matrices, with divisor `matrices - 1`.

    Returns:
        Contributions, their sums, and the variance itself.

    Raises:
        ValueError: for wrong shapes, entries below 0 or not finite, weights that do not sum to 1, or `sample` with
            weights.

    Example:
        >>> years = ltre_random([[[0.5, 1.2], [0.6, 0.0]], [[0.5, 1.0], [0.5, 0.0]]])
        >>> years.by_entry.round(5).tolist()
        [[0.0, 0.00227], [0.00227, 0.0]]
        >>> round(float(years.predicted), 5), round(float(years.variance), 5)
        (0.00453, 0.00453)

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 10.2. Brault, S. & Caswell, H. (1993), Ecology
        74, 1444-1454.
    """
    stack = read_stack(matrices)
    if np.ndim(stack) != 3:
        raise ValueError(f"matrices must have shape (matrices, classes, classes); got {np.shape(stack)}.")
    count = stack.shape[0]
    if count < 2:
        raise ValueError("matrices must be at least 2: the variance among one is 0.")
    if sample and probabilities is not None:
        raise ValueError("sample=True needs equally likely matrices: leave out probabilities.")
    weights = as_entries([1 / count] * count if probabilities is None else probabilities)
    _check_weights(weights, count)
    return RandomLTRE(*compute(_decompose, stack, weights, count / (count - 1) if sample else 1.0))


@jax.jit
@functools.partial(jnp.vectorize, signature="(n,n),(n,n)->(n,n),(),()")
def _against(matrix: jax.Array, control: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Contributions, their sum and the difference itself."""
    parts = (matrix - control) * entry_sensitivity((matrix + control) / 2)
    return parts, jnp.sum(parts), dominant_value(matrix) - dominant_value(control)


@functools.partial(jax.jit, static_argnums=2)
def _decompose(stack: jax.Array, weights: jax.Array, factor: float) -> tuple[jax.Array, ...]:
    """Products of covariances and sensitivities of all pairs of entries, their sums, variance and growth rates."""
    mean = jnp.einsum("m,mij->ij", weights, stack)
    parts = ((stack - mean[None]) * entry_sensitivity(mean)[None]).reshape(len(stack), mean.size)
    table = factor * jnp.einsum("m,mp,mq->pq", weights, parts, parts)
    rates = jax.vmap(dominant_value)(stack)
    variance = factor * jnp.sum(weights * (rates - jnp.sum(weights * rates)) ** 2)
    by_entry = jnp.sum(table, axis=1).reshape(mean.shape)
    return table.reshape(mean.shape * 2), by_entry, jnp.sum(table), variance, rates


def _check_weights(weights: Array, count: int) -> None:
    if np.shape(weights) != (count,):
        raise ValueError(f"probabilities must have shape ({count},), one per matrix; got {np.shape(weights)}.")
    if isinstance(weights, Tracer):
        return
    numbers = np.asarray(weights)
    if not (numbers >= 0).all() or abs(numbers.sum() - 1) > 1e-9:
        raise ValueError(f"probabilities must be at least 0 and sum to 1; got {numbers.tolist()}.")
