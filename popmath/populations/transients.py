"""Transient dynamics: how far a population can depart from its long-run growth before it settles."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array, ArrayLike
from popmath.populations.eigen import scaled_vectors
from popmath.populations.life_history import matrix_power
from popmath.populations.matrix_population import Matrix, as_entries, compute, read_matrix

MOST_STEPS = 20_000


class TransientBounds(NamedTuple):
    r"""Bounds over all starting structures of total 1, relative to growth at the rate $\lambda$; $\hat A = A/\lambda$.

    Attributes:
        reactivity: largest column sum of $\hat A$, growth in the first interval.
        first_step_attenuation: smallest column sum of $\hat A$.
        inertia_upper: largest density in the long run, $\max_j v_j$ with $v^\top w = 1$, $\sum w = 1$.
        inertia_lower: smallest density in the long run.
        max_amplification: supremum of the density over all starts and times.
        max_amplification_time: when it is reached; infinite if it is the limit, `inertia_upper`.
        max_attenuation: infimum of the density over all starts and times.
        max_attenuation_time: when it is reached; infinite if it is the limit, `inertia_lower`.
        kreiss_upper: $\sup_{r>1} (r - 1)$ times the largest column sum of $(rI - \hat A)^{-1}$.
        kreiss_lower: $\inf_{r>1} (r - 1)$ times the smallest column sum of $(rI - \hat A)^{-1}$.
    """

    reactivity: Float[Array, "*batch"]
    first_step_attenuation: Float[Array, "*batch"]
    inertia_upper: Float[Array, "*batch"]
    inertia_lower: Float[Array, "*batch"]
    max_amplification: Float[Array, "*batch"]
    max_amplification_time: Float[Array, "*batch"]
    max_attenuation: Float[Array, "*batch"]
    max_attenuation_time: Float[Array, "*batch"]
    kreiss_upper: Float[Array, "*batch"]
    kreiss_lower: Float[Array, "*batch"]


class TransientResponse(NamedTuple):
    r"""The same for one start, and how far that start is from the stable distribution.

    Attributes:
        reactivity: density after one interval.
        inertia: density in the long run.
        max_amplification: supremum of the density over all times, time 0 (density 1) included.
        max_amplification_time: when it is reached; infinite if in the limit.
        max_attenuation: infimum of the density.
        max_attenuation_time: when it is reached; infinite if in the limit.
        kreiss_upper: $\sup_{r>1} (r - 1)\,1^\top (rI - \hat A)^{-1} n_0 / 1^\top n_0$.
        kreiss_lower: the infimum of the same.
        keyfitz_distance: half the sum of absolute differences from the stable distribution.
        projection_distance: `inertia` - 1.
        cohen_distance: absolute differences from the eventual trajectory, summed over time before over classes.
        convergence_time: the interval from which on growth per interval stays within `accuracy` of the growth rate.
    """

    reactivity: Float[Array, "*batch"]
    inertia: Float[Array, "*batch"]
    max_amplification: Float[Array, "*batch"]
    max_amplification_time: Float[Array, "*batch"]
    max_attenuation: Float[Array, "*batch"]
    max_attenuation_time: Float[Array, "*batch"]
    kreiss_upper: Float[Array, "*batch"]
    kreiss_lower: Float[Array, "*batch"]
    keyfitz_distance: Float[Array, "*batch"]
    projection_distance: Float[Array, "*batch"]
    cohen_distance: Float[Array, "*batch"]
    convergence_time: Float[Array, "*batch"]


def transient_bounds(matrix: Matrix) -> TransientBounds:
    r"""Transient bounds of a matrix: exact suprema over all times, and Kreiss bounds from their critical points.

    Projection stops when the remaining deviation from the limit is below rounding (or after 20,000 intervals: an
    imprimitive matrix never settles). The Kreiss bounds are taken at every zero of the derivative in $r$, which are
    the eigenvalues of a matrix pencil, and at the ends; there is no line search.

    Args:
        matrix: a `MatrixPopulation`, or entries of shape `(*batch, classes, classes)`.

    Returns:
        Each field of shape `(*batch,)`; times in projection intervals.

    Raises:
        ValueError: if the matrix is not square or has negative or non-finite entries.

    Example:
        >>> found = transient_bounds([[0.0, 2.0], [0.5, 0.5]])
        >>> print(found.reactivity.round(6), found.max_amplification.round(6), found.max_amplification_time)
        1.951941 1.951941 1.0

    References:
        Stott, I., Townley, S. & Hodgson, D. J. (2011), Ecol. Lett. 14, 959-970. Townley, S. & Hodgson, D. J. (2008),
        J. Appl. Ecol. 45, 1836-1839. The pencil for the Kreiss bounds is derived in the code.
    """
    return TransientBounds(*compute(_bounds, read_matrix(matrix)))


def transient_response(matrix: Matrix, initial: ArrayLike, *, accuracy: float = 0.01) -> TransientResponse:
    """Transient indices of one starting population.

    Args:
        matrix: as in `transient_bounds`.
        initial: abundances at the start, shape `(*batch, classes)`, at least 0; only their proportions matter.
        accuracy: relative difference in growth that counts as converged.

    Returns:
        Each field of shape `(*batch,)`; times in projection intervals.

    Raises:
        ValueError: for a bad matrix, abundances that are negative, all zero or too few, or an accuracy out of (0, 1).

    Example:
        >>> print(transient_response([[0.0, 2.0], [0.5, 0.5]], [1, 1]).keyfitz_distance.round(6))
        0.109612

    References:
        Keyfitz, N. (1968), Introduction to the Mathematics of Population. Cohen, J. E. (1979), SIAM J. Appl. Math.
        36, 169-175. Haridas, C. V. & Tuljapurkar, S. (2007), Ecol. Lett. 10, 1143-1153. Stott et al. (2011).
    """
    values, start = read_matrix(matrix), as_entries(initial)
    if not np.ndim(start) or np.shape(start)[-1] != np.shape(values)[-1]:
        raise ValueError(
            f"initial must have one abundance per class, {np.shape(values)[-1]}; got shape {np.shape(start)}."
        )
    if not isinstance(start, Tracer) and not (np.isfinite(start).all() and np.all(np.asarray(start) >= 0)):
        raise ValueError(f"initial must be finite and at least 0; got {np.asarray(start).tolist()}.")
    if not isinstance(start, Tracer) and not np.all(np.sum(start, axis=-1) > 0):
        raise ValueError("initial is zero in every class: a population needs at least one individual to start with.")
    if not 0 < accuracy < 1:
        raise ValueError(f"accuracy must be between 0 and 1; got {accuracy}.")
    return TransientResponse(*compute(_response, values, start, float(accuracy)))


def _standard(matrix: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The matrix over its growth rate, without its dominant part, and the vectors `w` (sum 1) and `v` (`v @ w` = 1)."""
    value, right, left = scaled_vectors(matrix)
    scaled = matrix / value
    return scaled, scaled - right[:, None] * left[None, :], right, left


def _extremes(scaled: jax.Array, rest: jax.Array, left: jax.Array, start: jax.Array) -> tuple[jax.Array, ...]:
    """Supremum and infimum over times of the density of each column of `start`, with their times.

    The loop finds the times; the values are computed from the powers of the matrix, so that they have derivatives.
    """
    still_scaled, still_rest = jax.lax.stop_gradient((scaled, rest))
    begin = jax.lax.stop_gradient(start)
    limit = jnp.dot(left, start)
    eps = jnp.finfo(scaled.dtype).eps

    def unsettled(state):
        step, _, away, *_ = state
        return (jnp.max(jnp.abs(away)) > eps * jnp.max(limit)) & (step < MOST_STEPS)

    def project(state):
        step, now, away, top, top_time, low, low_time = state
        step, now, away = step + 1, jnp.dot(still_scaled, now), jnp.dot(still_rest, away)
        most, least = jnp.max(jnp.sum(now, axis=0)), jnp.min(jnp.sum(now, axis=0))
        top, top_time = jnp.maximum(top, most), jnp.where(most > top * (1 + 8 * eps), step, top_time)
        low, low_time = jnp.minimum(low, least), jnp.where(least < low * (1 - 8 * eps), step, low_time)
        return step, now, away, top, top_time, low, low_time

    one = jnp.max(jnp.sum(begin, axis=0))
    state = jax.lax.while_loop(unsettled, project, (0, begin, begin, one, 0, one, 0))

    def value(time: jax.Array | int, pick) -> tuple[jax.Array, jax.Array]:
        reached = pick(jnp.sum(jnp.dot(matrix_power(scaled, jnp.asarray(time, jnp.int32)), start), axis=0))
        beyond = pick(limit) - reached
        sign = 1.0 if pick is jnp.max else -1.0
        at_end = sign * beyond >= -1e4 * eps * jnp.abs(reached)
        return jnp.where(at_end, pick(limit), reached), jnp.where(at_end, jnp.inf, jnp.asarray(time, eps.dtype))

    top, low = value(state[4], jnp.max), value(state[6], jnp.min)
    return *top, *low


def _kreiss(rest: jax.Array, right: jax.Array, left: jax.Array, starts: jax.Array) -> tuple[jax.Array, jax.Array]:
    r"""Kreiss bounds over the columns `x` of `starts`: extremes over `0 < z = 1/r < 1` of `(1 - z) 1'(I - z Â)^{-1} x`.

    With `D = Â - w v'` and `Q = I - w v'`, that is `g = v'x + (1 - z) 1'(I - z D)^{-1} Q x` and
    `g' = 1'Q (I - z D)^{-1} (D - I) (I - z D)^{-1} Q x`. Its zeros are those `z` for which the matrix
    `[[I - z D, I - D, 0], [0, I - z D, -Q x], [1'Q, 0, 0]] = M - z N` is singular: `z = s + 1/mu`, with `mu` the
    eigenvalues of `(M - s N)^{-1} N`, for any `s` that is none of them.
    """
    n, kind = right.size, rest.dtype
    eye, ones = jnp.eye(n, dtype=kind), jnp.ones(n, kind)
    keep = eye - right[:, None] * left[None, :]
    shift = 0.4142 + 0.7321j

    def column(start: jax.Array) -> tuple[jax.Array, jax.Array]:
        still, here = jax.lax.stop_gradient((rest, keep))
        limit, begin = jnp.dot(left, start), jnp.dot(keep, start)
        zero, none = jnp.zeros((n, n), kind), jnp.zeros((n, 1), kind)
        full = jnp.block(
            [
                [eye, eye - still, none],
                [zero, eye, -jax.lax.stop_gradient(begin)[:, None]],
                [jnp.sum(here, axis=0)[None, :], none.T, jnp.zeros((1, 1), kind)],
            ]
        )
        slope = jnp.block([[still, zero, none], [zero, still, none], [none.T, none.T, jnp.zeros((1, 1), kind)]])
        wide = jnp.complex128 if kind == jnp.float64 else jnp.complex64
        inner = jnp.linalg.solve(full.astype(wide) - jnp.asarray(shift, wide) * slope.astype(wide), slope.astype(wide))
        roots = jnp.linalg.eigvals(jnp.where(jnp.isfinite(inner), inner, 0.0))
        points = (shift + 1 / jnp.where(roots == 0, 1e-30, roots)).real.astype(kind)
        points = jnp.where((points > 0) & (points < 1), points, 0.0)  # any other point is harmless: it is no bound

        def density(z: jax.Array) -> jax.Array:
            return limit + (1 - z) * jnp.dot(ones, jnp.linalg.solve(eye - z * rest, begin))

        found = jax.vmap(density)(jax.lax.stop_gradient(points))
        found = jnp.where(jnp.isfinite(found), found, limit)
        return jnp.maximum(jnp.max(found), limit), jnp.minimum(jnp.min(found), limit)

    upper, lower = jax.vmap(column)(starts.T)
    return jnp.maximum(jnp.max(upper), 1.0), jnp.minimum(jnp.min(lower), 1.0)


def _bounds_one(matrix: jax.Array) -> tuple[jax.Array, ...]:
    scaled, rest, right, left = _standard(matrix)
    first = jnp.sum(scaled, axis=0)
    every = jnp.eye(left.size, dtype=matrix.dtype)
    extremes = _extremes(scaled, rest, left, every)
    steps = jnp.max(first), jnp.min(first), jnp.max(left), jnp.min(left)
    return *steps, *extremes, *_kreiss(rest, right, left, every)


def _response_one(matrix: jax.Array, initial: jax.Array, accuracy: float) -> tuple[jax.Array, ...]:
    scaled, rest, right, left = _standard(matrix)
    start = initial / jnp.sum(initial)
    inertia = jnp.dot(left, start)
    extremes = _extremes(scaled, rest, left, start[:, None])
    dominant = right[:, None] * left[None, :]
    # the sum over time of the rest: (I - D)^-1 - w v'
    gone = jnp.linalg.solve(jnp.eye(left.size, dtype=matrix.dtype) - rest, start) - jnp.dot(dominant, start)
    distances = jnp.sum(jnp.abs(start - right)) / 2, inertia - 1, jnp.sum(jnp.abs(gone))
    still = jax.lax.stop_gradient((scaled, rest, start))
    kreiss = _kreiss(rest, right, left, start[:, None])
    return jnp.sum(jnp.dot(scaled, start)), inertia, *extremes, *kreiss, *distances, _settling(*still, accuracy)


def _settling(scaled: jax.Array, rest: jax.Array, start: jax.Array, accuracy: float) -> jax.Array:
    """The interval, counted from 1, from which growth stays within `accuracy`; infinite if not in 20,000."""

    def unsettled(state):
        step, now, away, _ = state
        return (jnp.sum(jnp.abs(away)) > 1e-3 * accuracy * jnp.sum(now)) & (step < MOST_STEPS)

    def project(state):
        step, now, away, last = state
        after = jnp.dot(scaled, now)
        off = jnp.abs(jnp.sum(after) / jnp.sum(now) - 1) >= accuracy
        return step + 1, after, jnp.dot(rest, away), jnp.where(off, step + 1, last)

    step, _, _, last = jax.lax.while_loop(unsettled, project, (0, start, start, 0))
    return jnp.where(step < MOST_STEPS, jnp.asarray(last + 1, scaled.dtype), jnp.inf)


_bounds = jax.jit(jnp.vectorize(_bounds_one, signature="(n,n)->" + ",".join(["()"] * 10)))


@functools.partial(jax.jit, static_argnums=2)
def _response(matrix: jax.Array, initial: jax.Array, accuracy: float) -> tuple[jax.Array, ...]:
    one = jnp.vectorize(lambda a, n: _response_one(a, n, accuracy), signature="(n,n),(n)->" + ",".join(["()"] * 12))
    batch, n = jnp.broadcast_shapes(matrix.shape[:-2], initial.shape[:-1]), matrix.shape[-1]
    return one(jnp.broadcast_to(matrix, (*batch, n, n)), jnp.broadcast_to(initial, (*batch, n)))
