"""Tuljapurkar's small-noise approximation of the stochastic growth rate."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.eigen import scaled_vectors
from popmath.populations.environments import Environments, random_environments
from popmath.populations.matrix_population import Matrices, compute


def tuljapurkar_growth_rate(
    matrices: Matrices,
    probabilities: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    *,
    sample: bool = False,
) -> Float[Array, "*batch"]:
    r"""Tuljapurkar's small-noise approximation of the stochastic growth rate.

    $$\log\lambda_s \approx \log\lambda - \frac{\tau^2}{2\lambda^2} + \frac{\theta}{\lambda^2},\qquad
    \tau^2 = \sum \mathrm{Cov}(a_{ij}, a_{kl})\, s_{ij} s_{kl},\qquad
    \theta = \sum_{l \ge 1} v^T\, \mathrm{E}[C_{t+l} R_l C_t]\, w$$

    with $\lambda, w, v, s_{ij}$ those of the mean matrix $\bar A$ ($v^T w = 1$), $C_t = A_t - \bar A$ and
    $R_l = (\bar A/\lambda)^{l-1} - w v^T$. Independent years have $\theta = 0$; for a Markov chain the sum over all
    lags is one linear system, so nothing is cut off. Jits, vmaps and differentiates.

    Args:
        matrices: one model or matrix per environment, as in `random_environments`: a list of them, or shape
            `(*batch, environments, classes, classes)`.
        probabilities: of the environments, shape `(environments,)`; equal by default.
        transition: `transition[j, i]` is the probability of environment j after i (columns sum to 1).
        sample: False if these are all the environments there are; True if they are independent years drawn from more,
            each equally likely: the covariance is then the unbiased one, with divisor `environments - 1`.

    Returns:
        $\log \lambda_s$ per projection interval, shape `(*batch,)`.

    Raises:
        ValueError: for wrong shapes, entries below 0 or not finite, sums that are not 1, or a `sample` that is a
            single year or has probabilities or a transition.

    Example:
        >>> round(float(tuljapurkar_growth_rate([[[1.1]], [[0.9]]])), 6)
        -0.005

    References:
        Tuljapurkar, S. (1990), Population Dynamics in Variable Environments, chapter 12. Caswell, H. (2001), Matrix
        Population Models, 2nd ed., section 14.3.6.
    """
    environments = random_environments(matrices, probabilities, transition)
    if sample and (probabilities is not None or transition is not None or environments.matrices.shape[-3] < 2):
        raise ValueError("sample=True needs 2 or more equally likely years: leave out probabilities and transition.")
    return compute(small_noise, environments, sample)


@eqx.filter_jit
def small_noise(environments: Environments, sample: bool) -> jax.Array:
    """Tuljapurkar's approximation for each model of the batch."""

    def one(matrices: jax.Array) -> jax.Array:
        return _one(matrices, environments, sample)

    return jnp.vectorize(one, signature="(e,n,n)->()")(environments.matrices)


def _one(matrices: jax.Array, environments: Environments, sample: bool) -> jax.Array:
    frequency, chain = environments.stationary, environments.transition
    mean = jnp.einsum("e,eij->ij", frequency, matrices)
    growth, right, left = scaled_vectors(mean)
    deviation = matrices - mean[None]
    first = jnp.einsum("i,eij,j->e", left, deviation, right) / growth
    count, classes = len(frequency), len(mean)
    value = jnp.log(growth) - jnp.sum(frequency * first**2) / 2 * (count / (count - 1) if sample else 1)
    if environments.independent:
        return value
    project = right[:, None] * left[None, :]
    source = jnp.einsum("e,eij,j->ei", frequency, deviation, right) / growth
    lags = jnp.eye(count * classes, dtype=mean.dtype) - jnp.kron(chain, mean / growth - project)
    total = jnp.linalg.solve(lags, source.reshape(-1)).reshape(count, classes)
    later = jnp.dot(jnp.dot(chain, total), (jnp.eye(classes, dtype=mean.dtype) - project).T)
    return value + jnp.einsum("i,eij,ej->", left, deviation, later) / growth
