"""Random whole numbers for demographic noise: Poisson, binomial and multinomial draws made for vmapped scans."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.matrix_population import compute
from popmath.populations.poisson_quantile import large_poisson, log1p_rest

_SEARCHED = 40.0  # Poisson means below: the cumulative probabilities are added up from 0
_SEARCHED_BINOMIAL = 256.0  # the same, for means of binomial numbers
_TERMS = 8  # of them at a time
_ROUNDING = 1e-13  # more than that of the sum of all probabilities


def poisson(key: jax.Array, mean: ArrayLike | float) -> Float[Array, "*shape"]:
    r"""Poisson numbers, by inversion: the smallest k with $P(X \le k) \ge u$ for one uniform number u each.

    For means below 40 the probabilities are added up from 0; above, $P(X \le k) = Q(k+1, \text{mean})$ is found by
    Temme's uniform expansion at a guess and its neighbours. No draw is rejected, so that all replicates of a vmapped
    scan take the same time. Exact but for rounding: the cumulative probabilities are right to 1e-13, and u is a
    multiple of 2**-53.

    Args:
        key: a `jax.random.key`.
        mean: at least 0, any shape.

    Returns:
        Whole numbers as float64, shape of `mean`; where JAX is tracing and `mean` is negative or not finite, NaN.

    Raises:
        ValueError: if a mean is negative or not finite (not where JAX is tracing).

    Example:
        >>> import jax
        >>> poisson(jax.random.key(1), [0.0, 3.0, 1000.0]).tolist()
        [0.0, 3.0, 1005.0]

    References:
        Temme, N. M. (1979), SIAM J. Math. Anal. 10, 757-766. Giles, M. B. (2016), ACM Trans. Math. Softw. 42,
        article 7.
    """
    _check("mean", mean, lambda values: np.isfinite(values) & (values >= 0), "finite and at least 0")
    return compute(_poisson, key, _numbers(mean))


def binomial(key: jax.Array, count: ArrayLike | float, probability: ArrayLike | float) -> Float[Array, "*shape"]:
    r"""Binomial numbers: how many of `count` there are, each with `probability` by itself.

    With $p = \min(\text{probability}, 1 - \text{probability})$: inversion of one uniform number where
    $\text{count}\,p < 256$, `jax.random.binomial` (transformed rejection) where it is more.

    Args:
        key: a `jax.random.key`.
        count: whole numbers, at least 0, any shape.
        probability: from 0 to 1; broadcast with `count`.

    Returns:
        Whole numbers as float64; where JAX is tracing and an argument is wrong, NaN.

    Raises:
        ValueError: if a count is not a whole number, or a probability not from 0 to 1 (not where JAX is tracing).

    Example:
        >>> import jax
        >>> binomial(jax.random.key(1), [0, 10, 10, 10], [0.5, 0.0, 0.5, 1.0]).tolist()
        [0.0, 0.0, 5.0, 10.0]

    References:
        Kachitvichyanukul, V. & Schmeiser, B. W. (1988), Commun. ACM 31, 216-222. Hormann, W. (1993), J. Stat. Comput.
        Simul. 46, 101-110.
    """
    _check("count", count, _whole, "a whole number, at least 0")
    _check("probability", probability, lambda values: (values >= 0) & (values <= 1), "from 0 to 1")
    return compute(_binomial, key, _numbers(count), _numbers(probability))


def multinomial(key: jax.Array, count: ArrayLike | float, probabilities: ArrayLike) -> Float[Array, "outcomes ..."]:
    r"""Where the individuals of each class go: one multinomial number per column, by conditional binomials.

    Of `count[j]` individuals, each takes outcome i with `probabilities[i, j]`, and none of them with what is missing
    from 1: for the survival part `U` of a matrix model, the dead. The new state is the sum over columns.

    Args:
        key: a `jax.random.key`.
        count: whole numbers, at least 0, shape `(*classes,)`.
        probabilities: shape `(outcomes, *classes)`, at least 0; no column sums to more than 1.

    Returns:
        Whole numbers as float64, shape `(outcomes, *classes)`; NaN for wrong arguments where JAX is tracing.

    Raises:
        ValueError: if a count is not a whole number, the shapes disagree, or a column is not made of probabilities
            (values are not looked at where JAX is tracing).

    Example:
        >>> import jax
        >>> moved = multinomial(jax.random.key(0), [100, 8], [[0.2, 0.0], [0.5, 1.0]])
        >>> print(moved[1, 1], moved[:, 0].sum() <= 100)
        8.0 True

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 15.1.
    """
    if np.shape(probabilities)[1:] != np.shape(count) or not np.ndim(probabilities):
        raise ValueError(
            f"probabilities must have shape (outcomes, *count.shape) with count.shape {np.shape(count)}; got "
            f"{np.shape(probabilities)}. Columns are the classes that are left."
        )
    _check("count", count, _whole, "a whole number, at least 0")
    _check("probabilities", probabilities, lambda values: (values >= 0) & (values <= 1), "from 0 to 1")
    if not isinstance(probabilities, Tracer) and (np.sum(np.asarray(probabilities), axis=0) > 1 + 1e-12).any():
        raise ValueError(
            f"no column of probabilities may sum to more than 1; got {np.asarray(probabilities).tolist()}."
        )
    return compute(_multinomial, key, _numbers(count), _numbers(probabilities))


def _flat(draw):
    """`draw`, elementwise on arrays of one shape, run on flat arrays under any number of `jax.vmap`.

    XLA computes a long row much faster than the transposed pairs and triples that a batch of small states is.
    """

    @jax.custom_batching.custom_vmap
    def flat(*inputs):
        return draw(*(jnp.ravel(values) for values in inputs)).reshape(inputs[0].shape)

    @flat.def_vmap
    def batched(size, which, *inputs):
        each = zip(which, inputs, strict=True)
        return flat(*(v if is_batch else jnp.broadcast_to(v, (size, *v.shape)) for is_batch, v in each)), True

    return flat


@jax.jit
def _poisson(key: jax.Array, mean: Array) -> jax.Array:
    mean = jax.lax.stop_gradient(jnp.asarray(mean))
    return _poisson_quantile(jax.random.uniform(key, mean.shape, mean.dtype), mean)


@_flat
def _poisson_quantile(u: jax.Array, mean: jax.Array) -> jax.Array:
    valid = (mean >= 0) & jnp.isfinite(mean)
    mean = jnp.where(valid, mean, 0.0)
    few = jnp.where(mean < _SEARCHED, mean, 0.0)
    counts = _search(u, jnp.exp(-few), lambda j, inverse: few * inverse)
    many = mean >= _SEARCHED
    counts = _where_needed(many, counts, large_poisson, u, jnp.where(many, mean, _SEARCHED))
    return jnp.where(valid, counts, jnp.nan)


def _where_needed(needed: jax.Array, counts: jax.Array, draw, *inputs: jax.Array) -> jax.Array:
    """`draw(*inputs)` where `needed`, else `counts`; costs nothing where none is needed, under `jax.vmap` as well."""

    def once(carry):
        _, counts, now = carry
        changed = tuple(values + 1 for values in now)  # or XLA would move the work out of the loop, and always do it
        return jnp.zeros((), bool), jnp.where(needed, draw(*now), counts), changed

    return jax.lax.while_loop(lambda carry: carry[0], once, (jnp.any(needed), counts, inputs))[1]


def _search(u: jax.Array, first: jax.Array, ratio) -> jax.Array:
    """Smallest k whose cumulative probability reaches `u`, with P(0) = `first` and P(j) = P(j - 1) ratio(j, 1 / j)."""
    u = jnp.minimum(u, 1 - _ROUNDING)  # what the sum of all probabilities is sure to reach

    def unfinished(carry):
        return jnp.any(carry[3] < u)

    def some_terms(carry):
        start, k, probability, below = carry
        for i in range(1, _TERMS + 1):
            j = start + i
            k = k + jnp.where(below < u, 1.0, 0.0).astype(u.dtype)
            probability = probability * ratio(j, 1.0 / j)
            below = below + probability
        return start + _TERMS, k, probability, below

    start = (jnp.zeros((), u.dtype), jnp.zeros_like(u), first, first)
    return jax.lax.while_loop(unfinished, some_terms, start)[1]


@jax.jit
def _binomial(key: jax.Array, count: Array, probability: Array) -> jax.Array:
    shape = np.broadcast_shapes(jnp.shape(count), jnp.shape(probability))
    n, given = (jax.lax.stop_gradient(jnp.broadcast_to(values, shape)) for values in (count, probability))
    valid = (n >= 0) & (n == jnp.floor(n)) & jnp.isfinite(n) & (given >= 0) & (given <= 1)
    n, given = jnp.where(valid, n, 0.0), jnp.where(valid, given, 0.0)
    p = jnp.minimum(given, 1 - given)
    many = n * p >= _SEARCHED_BINOMIAL
    few = jnp.where(many, 0.0, n)
    counts = _binomial_quantile(jax.random.uniform(key, shape, n.dtype), few, p)
    rest = (jnp.where(many, n, 0.0), jnp.where(many, p, 0.25))
    counts = _where_needed(many, counts, lambda n, p: jax.random.binomial(key, n, p, dtype=n.dtype), *rest)
    return jnp.where(valid, jnp.where(given > 0.5, n - counts, counts), jnp.nan)


@_flat
def _binomial_quantile(u: jax.Array, n: jax.Array, p: jax.Array) -> jax.Array:
    odds, none = p / (1 - p), jnp.exp(n * (log1p_rest(-p) - p))
    return jnp.minimum(_search(u, none, lambda j, inverse: (n - (j - 1)) * (odds * inverse)), n)


@jax.jit
def _multinomial(key: jax.Array, count: Array, probabilities: Array) -> jax.Array:
    def one(carry, inputs):
        left, remaining = carry
        own, probability = inputs
        share = jnp.where(remaining > 0, probability / jnp.where(remaining > 0, remaining, 1.0), 0.0)
        share = jnp.where((share > 1) & (probability < remaining + 1e-9), 1.0, share)  # rounding, where a column ends
        moved = _binomial(own, left, share)
        return (left - moved, remaining - probability), moved

    start = (jnp.asarray(count), jnp.ones_like(count))
    return jax.lax.scan(one, start, (jax.random.split(key, len(probabilities)), probabilities))[1]


def _numbers(values: ArrayLike | float) -> Array:
    return values if isinstance(values, Tracer) else np.asarray(values, np.float64)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.isfinite(values) & (values >= 0) & (values == np.floor(values)))


def _check(name: str, values: ArrayLike | float, right, wanted: str) -> None:
    """Refuse concrete numbers that are not as `wanted`."""
    if isinstance(values, Tracer):
        return
    numbers = np.asarray(values, np.float64)
    wrong = ~np.asarray(right(numbers))
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"{name} must be {wanted}; {name}{list(index) if index else ''} is {numbers[index]}.")
