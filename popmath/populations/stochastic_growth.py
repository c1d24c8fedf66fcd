"""Stochastic growth rate: Tuljapurkar's approximation, and simulation with its standard error."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations._perron import finished, perron
from popmath.populations.environments import (
    Environments,
    first_environments,
    next_environments,
    project_each,
    random_environments,
    replicate_blocks,
)


@dataclasses.dataclass(frozen=True)
class StochasticGrowth:
    r"""The long-run growth rate of log abundance in a random environment.

    Attributes:
        value: $\log \lambda_s$, per projection interval.
        standard_error: of `value` over replicates; NaN for the approximation, whose error is not a random one.
        method: `"tuljapurkar"` or `"simulation"`.
        num_steps: projection intervals per replicate that were counted; 0 for the approximation.
        num_replicates: independent replicates; 0 for the approximation.
        burn_in: intervals before counting began.
        seed: of the random numbers; None for the approximation.
    """

    value: float
    standard_error: float
    method: str
    num_steps: int
    num_replicates: int
    burn_in: int
    seed: int | None

    def summary(self) -> str:
        """One line: the rate, its error and how they were found."""
        if self.method == "tuljapurkar":
            return f"log lambda_s = {self.value:.6g} per interval (Tuljapurkar's small-noise approximation)"
        return (
            f"log lambda_s = {self.value:.6g} +- {self.standard_error:.2g} per interval (standard error; "
            f"{self.num_replicates} replicates of {self.num_steps} intervals, seed {self.seed})"
        )


def tuljapurkar_growth_rate(
    matrices: ArrayLike,
    probabilities: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    *,
    sample: bool = False,
) -> Float[Array, ""]:
    r"""Tuljapurkar's small-noise approximation of the stochastic growth rate.

    $$\log\lambda_s \approx \log\lambda - \frac{\tau^2}{2\lambda^2} + \frac{\theta}{\lambda^2},\qquad
    \tau^2 = \sum \mathrm{Cov}(a_{ij}, a_{kl})\, s_{ij} s_{kl},\qquad
    \theta = \sum_{l \ge 1} v^T\, \mathrm{E}[C_{t+l} R_l C_t]\, w$$

    with $\lambda, w, v, s_{ij}$ those of the mean matrix $\bar A$ ($v^T w = 1$), $C_t = A_t - \bar A$ and
    $R_l = (\bar A/\lambda)^{l-1} - w v^T$. Independent years have $\theta = 0$; for a Markov chain the sum over all
    lags is one linear system, so nothing is cut off. Jits, vmaps and differentiates.

    Args:
        matrices: one per environment, shape `(environments, classes, classes)`, at least 0.
        probabilities: of the environments, shape `(environments,)`; equal by default.
        transition: `transition[j, i]` is the probability of environment j after i (columns sum to 1).
        sample: False if these are all the environments there are; True if they are independent years drawn from more,
            each equally likely: the covariance is then the unbiased one, with divisor `environments - 1`.

    Returns:
        $\log \lambda_s$ per projection interval.

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
    if sample and (probabilities is not None or transition is not None or np.shape(matrices)[0] < 2):
        raise ValueError("sample=True needs 2 or more equally likely years: leave out probabilities and transition.")
    with jax.enable_x64(True):
        return finished(_tuljapurkar(random_environments(matrices, probabilities, transition), sample))


def stochastic_growth_rate(
    matrices: ArrayLike,
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
    of their mean; it is valid for independent and for Markov environments.

    Args:
        matrices: one per environment, shape `(environments, classes, classes)`, at least 0.
        probabilities: of the environments, shape `(environments,)`; equal by default.
        transition: `transition[j, i]` is the probability of environment j after i (columns sum to 1).
        method: `"simulation"`, or `"tuljapurkar"` for the approximation (see `tuljapurkar_growth_rate`).
        num_steps: intervals counted in each replicate, at least 1.
        num_replicates: independent replicates, at least 2.
        burn_in: intervals before counting starts, at least 0.
        initial: abundances at time 0, shape `(classes,)`; by default the stable distribution of the mean matrix.
        seed: of the random numbers; the same seed gives the same numbers.

    Returns:
        The rate, its standard error, and how they were found.

    Raises:
        ValueError: for wrong shapes, entries below 0 or not finite, sums that are not 1, or too few steps.
        UnableError: if a replicate dies out (a product of the matrices is zero): its log abundance has no rate.

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
    with jax.enable_x64(True):
        environments = random_environments(matrices, probabilities, transition)
        if isinstance(environments.matrices, Tracer):
            raise UnableError(
                "stochastic_growth_rate makes a record of numbers: under jit use tuljapurkar_growth_rate."
            )
        if method == "tuljapurkar":
            return StochasticGrowth(float(_tuljapurkar(environments, False)), float("nan"), method, 0, 0, 0, None)
        start = starting_state(environments, initial)
        rates = np.asarray(_rates(environments, start, jax.random.key(seed), burn_in, num_steps, num_replicates))
    if not np.isfinite(rates).all():
        raise UnableError(
            f"{int((~np.isfinite(rates)).sum())} of {num_replicates} replicates died out: some product of the "
            f"matrices takes the population to zero, so log lambda_s is minus infinity. "
            f"For its probability use quasi_extinction."
        )
    error = float(rates.std(ddof=1) / np.sqrt(num_replicates))
    return StochasticGrowth(float(rates.mean()), error, method, num_steps, num_replicates, burn_in, seed)


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse a setting that is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}.")


def starting_state(environments: Environments, initial: ArrayLike | None) -> jax.Array:
    """`initial` in float64 and checked, or the stable distribution of the mean matrix."""
    classes = environments.matrices.shape[-1]
    if initial is None:
        _, stable, _ = perron(jnp.einsum("e,eij->ij", environments.stationary, environments.matrices))
        return jnp.maximum(stable, 0.0)
    return class_numbers("initial", initial, classes)


def class_numbers(name: str, values: ArrayLike, classes: int) -> jax.Array:
    """`values` in float64: one number per class, at least 0 and not all 0."""
    numbers = np.asarray(values, np.float64)
    if numbers.shape != (classes,):
        raise ValueError(f"{name} must have shape ({classes},), one number per class; got {numbers.shape}.")
    if not (np.isfinite(numbers) & (numbers >= 0)).all() or not numbers.any():
        raise ValueError(f"{name} must be finite, at least 0 and not all 0; got {numbers.tolist()}.")
    return jnp.asarray(numbers)


@eqx.filter_jit
def _tuljapurkar(environments: Environments, sample: bool) -> jax.Array:
    matrices, frequency, chain = environments.matrices, environments.stationary, environments.transition
    mean = jnp.einsum("e,eij->ij", frequency, matrices)
    growth, right, left = perron(mean)
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


@eqx.filter_jit
def _rates(environments: Environments, start: Array, key: Array, burn_in: int, num_steps: int, replicates: int):
    """Growth rate of log total abundance in each replicate, shape `(replicates,)`."""
    blocks, size = replicate_blocks(replicates)

    def block(block_key):
        first, rest = jax.random.split(block_key)
        keys = jax.random.split(rest, burn_in + num_steps)
        states = jnp.tile((start / jnp.sum(start))[:, None], (1, size))
        zeros = jnp.zeros(size, states.dtype)
        carry = (first_environments(environments, first, size), states, zeros)
        (now, states, lost), _ = jax.lax.scan(one, carry, keys[:burn_in])
        (_, _, logs), _ = jax.lax.scan(one, (now, states, zeros), keys[burn_in:])
        return jnp.where(jnp.isfinite(lost), logs, -jnp.inf) / num_steps

    def one(carry, step_key):
        now, states, logs = carry
        after = project_each(environments.matrices, now, states)
        total = jnp.sum(after, axis=0)
        after = after * jnp.where(total > 0, 1 / total, 1.0)[None, :]
        return (next_environments(environments, now, step_key), after, logs + jnp.log(total)), None

    return jax.lax.map(block, jax.random.split(key, blocks)).reshape(-1)[:replicates]
