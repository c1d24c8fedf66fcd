"""Life histories: how long individuals live, when they mature and what they leave, from survival and reproduction."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Float

from popmath._types import Array
from popmath.populations.eigen import dominant_value, perron_vectors
from popmath.populations.matrix_population import MatrixPopulation, class_index, compute

MOST_INTERVALS = 100_000


def fundamental_matrix(population: MatrixPopulation) -> Float[Array, "*batch classes classes"]:
    r"""$N = (I - U)^{-1}$: the intervals an individual now in class $j$ will spend in class $i$, this one included.

    Args:
        population: the model; leading axes of its matrices are a batch.

    Returns:
        Shape `(*batch, classes, classes)`, in projection intervals. Not finite where a class never loses anyone.

    Example:
        >>> print(fundamental_matrix(MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 2], [0, 0]])))
        [[1. 0.]
         [2. 4.]]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 5.3.1.
    """
    return compute(_fundamental, population.U)


def net_reproductive_rate(population: MatrixPopulation) -> Float[Array, "*batch"]:
    r"""$R_0$, the spectral radius of $(F + C) N$: growth of the population per generation.

    Both kinds of reproduction count; without clonal offspring it is that of $F N$. $R_0 > 1$ exactly if the growth
    rate is above 1.

    Example:
        >>> print(net_reproductive_rate(MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 2], [0, 0]])).round(12))
        4.0

    References:
        Cushing, J. M. & Yicang, Z. (1994), Nat. Resour. Model. 8, 297-333. Caswell, H. (2001), section 5.3.4.
    """
    return compute(_net_rate, population.U, population.reproduction)


def generation_time(population: MatrixPopulation) -> Float[Array, "*batch"]:
    r"""$\log R_0 / \log\lambda$, the intervals in which the population grows by $R_0$; NaN where $\lambda = 1$.

    References:
        Caswell, H. (2001), section 5.3.5.
    """
    return compute(_generation_time, population.U, population.reproduction)


def generation_time_cohort(
    population: MatrixPopulation, *, start: int | str = 0, until_survival: float = 0.01
) -> Float[Array, "*batch"]:
    r"""Mean age of the parents of a cohort's offspring, $\sum_x x\,l_x m_x / \sum_x l_x m_x$, in intervals.

    Ages count from 0 for individuals in class `start`; $l_x m_x = 1^\top (F + C) U^x e_{start}$.

    Args:
        population: the model.
        start: class in which the cohort begins, by number (from 0) or name.
        until_survival: the sums end with the first age at which fewer than this share survive, as is the custom for
            life tables (0.01 is also what Rage takes); 0 for the whole life, which is longer, often by much.

    Example:
        >>> whelk = MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 2], [0, 0]])
        >>> print(generation_time_cohort(whelk, until_survival=0).round(12))
        4.0

    References:
        Caswell, H. (2001), section 5.3.5.
    """
    _check_share(until_survival)
    return compute(
        _cohort, population.U, population.reproduction, class_index(population, start), float(until_survival)
    )


def generation_time_parents(population: MatrixPopulation) -> Float[Array, "*batch"]:
    r"""Mean age difference of parents and offspring at the stable distribution, $\lambda v^\top w / v^\top (F + C) w$.

    References:
        Bienvenu, F. & Legendre, S. (2015), Am. Nat. 185, 834-843.
    """
    return compute(_parents, population.U, population.reproduction)


def life_expectancy(population: MatrixPopulation) -> Float[Array, "*batch classes"]:
    """Mean intervals to live from each class, the present one included: column sums of the fundamental matrix.

    Example:
        >>> print(life_expectancy(MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 2], [0, 0]])))
        [3. 4.]

    References:
        Caswell, H. (2001), section 5.3.1.
    """
    return compute(_life_mean, population.U)


def life_expectancy_variance(population: MatrixPopulation) -> Float[Array, "*batch classes"]:
    r"""Variance of the intervals to live from each class, $1^\top(2N^2 - N) - (1^\top N)^2$ (Caswell 2001, 5.3.1)."""
    return compute(_life_variance, population.U)


def longevity(population: MatrixPopulation, *, start: int | str = 0, survivors: float = 0.01) -> Float[Array, "*batch"]:
    """First age, in intervals from class `start`, at which less than a share `survivors` of a cohort lives.

    Infinite if that is not reached within 100,000 intervals.

    Example:
        >>> print(longevity(MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 2], [0, 0]])))
        15.0
    """
    _check_share(survivors)
    return compute(_longevity, population.U, class_index(population, start), float(survivors))


def maturity_probability(population: MatrixPopulation, *, start: int | str = 0) -> Float[Array, "*batch"]:
    """Probability to reach a class that reproduces, from class `start` (Caswell 2001, section 5.3.3)."""
    return compute(_maturity, population.U, population.reproduction, class_index(population, start))[0]


def age_at_maturity(population: MatrixPopulation, *, start: int | str = 0) -> Float[Array, "*batch"]:
    """Mean age on entering a class that reproduces, of those that do, in intervals.

    Counted from 1: an individual in class `start` is in its first interval, so that one which may reproduce at once
    matures at 1 (Rage counts the same way). NaN if no class that reproduces can be reached.

    References:
        Caswell, H. (2001), section 5.3.3.
    """
    return compute(_maturity, population.U, population.reproduction, class_index(population, start))[1]


def survivorship(
    population: MatrixPopulation, num_intervals: int, *, start: int | str = 0
) -> Float[Array, "*batch intervals"]:
    """Share $l_x$ of a cohort of class `start` alive at ages 0 to `num_intervals`, shape `(*batch, num_intervals + 1)`.

    Example:
        >>> print(survivorship(MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 2], [0, 0]]), 2))
        [1.    0.5   0.375]
    """
    if num_intervals < 0:
        raise ValueError(f"num_intervals must be at least 0; got {num_intervals}.")
    return compute(_survivorship, population.U, class_index(population, start), num_intervals)


def _check_share(share: float) -> None:
    if not 0 <= share < 1:
        raise ValueError(f"the share of survivors must be from 0 to below 1; got {share}.")


def _inverse(survival: jax.Array) -> jax.Array:
    return jnp.linalg.inv(jnp.eye(survival.shape[-1], dtype=survival.dtype) - survival)


def _parents_one(survival: jax.Array, births: jax.Array) -> jax.Array:
    value, right, left = perron_vectors(survival + births)
    return value * jnp.dot(left, right) / jnp.dot(left, jnp.dot(births, right))


def _generation_one(survival: jax.Array, births: jax.Array) -> jax.Array:
    rate = jnp.log(dominant_value(survival + births))
    still = jnp.abs(rate) < 100 * jnp.finfo(rate.dtype).eps
    return jnp.log(dominant_value(jnp.dot(births, _inverse(survival)))) / jnp.where(still, jnp.nan, rate)


def _variance_one(survival: jax.Array) -> jax.Array:
    inverse = _inverse(survival)
    mean = jnp.sum(inverse, axis=0)
    return 2 * jnp.dot(mean, inverse) - mean - mean**2


def _longevity_one(survival: jax.Array, start: int, survivors: float) -> jax.Array:
    cohort = jnp.zeros(survival.shape[0], survival.dtype).at[start].set(1.0)
    survival = jax.lax.stop_gradient(survival)

    def lives(state: tuple[jax.Array | int, jax.Array]) -> jax.Array:
        share = jnp.sum(state[1])
        return (share >= survivors) & (share > 0) & (state[0] < MOST_INTERVALS)

    age, _ = jax.lax.while_loop(lives, lambda state: (state[0] + 1, jnp.dot(survival, state[1])), (0, cohort))
    return jnp.where(age < MOST_INTERVALS, jnp.asarray(age, survival.dtype), jnp.inf)


def _cohort_one(survival: jax.Array, births: jax.Array, start: int, until: float) -> jax.Array:
    """Closed forms of the sums of `U**x` and `x U**x` over the ages 0 to `terms - 1`."""
    inverse = _inverse(survival)
    ones = jnp.ones(survival.shape[0], survival.dtype)
    here = jnp.zeros_like(ones).at[start].set(1.0)
    first, plain = jnp.dot(survival, here), here
    if until > 0:
        terms = _longevity_one(survival, start, until) + 1
        rest = matrix_power(survival, jnp.where(jnp.isfinite(terms), terms, MOST_INTERVALS).astype(jnp.int32))
        ended = jnp.dot(rest, here)
        last = jnp.where(jnp.isfinite(terms), terms, MOST_INTERVALS)
        first = first - last * ended + (last - 1) * jnp.dot(survival, ended)
        plain = here - ended
    yields = jnp.dot(jnp.dot(ones, births), inverse)
    return jnp.dot(yields, jnp.dot(inverse, first)) / jnp.dot(yields, plain)


def matrix_power(matrix: jax.Array, count: jax.Array, bits: int = 17) -> jax.Array:
    """`matrix**count` for a traced whole number below 2**bits, by squaring; differentiable in `matrix`."""

    def square(bit, state):
        power, base = state
        power = jnp.where((count >> bit) & 1 == 1, jnp.dot(power, base), power)
        return power, jnp.where(count >> bit > 1, jnp.dot(base, base), base)  # no square beyond the last one needed

    return jax.lax.fori_loop(0, bits, square, (jnp.eye(matrix.shape[0], dtype=matrix.dtype), matrix))[0]


def _maturity_one(survival: jax.Array, births: jax.Array, start: int) -> tuple[jax.Array, jax.Array]:
    mature = jnp.sum(births, axis=0) > 0
    young = jnp.where(mature, 0.0, 1.0).astype(survival.dtype)
    leave = survival * young[None, :]  # nobody leaves a class that reproduces
    stays = _inverse(leave * young[:, None])
    reach = jnp.dot(jnp.dot(1 - young, leave), stays) + (1 - young)
    waited = jnp.sum(young * reach * stays[:, start]) / reach[start]
    return reach[start], jnp.where(reach[start] > 0, jnp.where(mature[start], 0.0, waited) + 1, jnp.nan)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _survivorship(survival: jax.Array, start: int, num_intervals: int) -> jax.Array:
    cohort = jnp.zeros(survival.shape[:-1], survival.dtype).at[..., start].set(1.0)

    def step(alive: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        return jnp.einsum("...ij,...j->...i", survival, alive), jnp.sum(alive, axis=-1)

    return jnp.moveaxis(jax.lax.scan(step, cohort, length=num_intervals + 1)[1], 0, -1)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _longevity(survival: jax.Array, start: int, survivors: float) -> jax.Array:
    return jnp.vectorize(lambda u: _longevity_one(u, start, survivors), signature="(n,n)->()")(survival)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _cohort(survival: jax.Array, births: jax.Array, start: int, until: float) -> jax.Array:
    one = jnp.vectorize(lambda u, f: _cohort_one(u, f, start, until), signature="(n,n),(n,n)->()")
    return one(survival, births)


@functools.partial(jax.jit, static_argnums=2)
def _maturity(survival: jax.Array, births: jax.Array, start: int) -> tuple[jax.Array, jax.Array]:
    one = jnp.vectorize(lambda u, f: _maturity_one(u, f, start), signature="(n,n),(n,n)->(),()")
    return one(survival, births)


_fundamental = jax.jit(jnp.vectorize(_inverse, signature="(n,n)->(n,n)"))
_life_mean = jax.jit(jnp.vectorize(lambda u: jnp.sum(_inverse(u), axis=0), signature="(n,n)->(n)"))
_life_variance = jax.jit(jnp.vectorize(_variance_one, signature="(n,n)->(n)"))
_parents = jax.jit(jnp.vectorize(_parents_one, signature="(n,n),(n,n)->()"))
_generation_time = jax.jit(jnp.vectorize(_generation_one, signature="(n,n),(n,n)->()"))
_net_rate = jax.jit(jnp.vectorize(lambda u, f: dominant_value(jnp.dot(f, _inverse(u))), signature="(n,n),(n,n)->()"))
