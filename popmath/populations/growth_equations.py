"""Integration of growth equations, dN_i/dt = N_i g_i(N), as logarithms, so that abundances stay positive."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from diffrax import Tsit5

from popmath._types import Array

_SMALLEST = 1e-300  # logarithms need a positive number; 0 stays 0 to within this
_MOST_STEPS, _STEPS_PER_TIME = 4_096, 64
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0  # of the step size that the error allows, and how much it changes at most
_LEAST = 1e-13  # of an interval: a smaller step changes nothing, the rates are not finite
_FIRST = 0.01  # share of its size that the state may change by in the first step


class _Progress(NamedTuple):
    """Where an integration stands: time since the last output, log-abundances, their derivatives, the next step."""

    time: Array
    value: Array
    slope: Array
    size: Array
    num_steps: Array


def integrate_growth(rates: Callable[[Array], Array], state: Array, times: np.ndarray, tolerance: float) -> Array:
    """Abundances at `times` from 0 on, by Tsitouras' 5(4) method, shape `(times, species)`.

    NaN from where it needs more steps than 64 per time or 4,096 in all, or where rates overflow. Differentiable in
    forward mode, with the sizes of the steps held fixed. The coefficients are diffrax's; its general solver, with which
    this agrees (tested), takes 1.3 seconds longer to compile inside a fit.

    Args:
        rates: growth rate of each species, given the abundances.
        state: abundances at time 0.
        times: increasing, known before tracing.
        tolerance: relative and absolute, of the logarithms.
    """
    if times[-1] == 0.0:
        return jnp.asarray(state)[None]
    start = jnp.log(jnp.maximum(state, _SMALLEST))
    slope = rates(jnp.exp(start))
    most = max(_MOST_STEPS, _STEPS_PER_TIME * len(times))

    def to_next(progress: _Progress, gap: Array) -> tuple[_Progress, Array]:
        """Up to the next time of the output."""

        def unfinished(now: _Progress) -> Array:
            return (now.time < gap) & (now.num_steps < most) & (now.size > _LEAST * gap)

        def step(now: _Progress) -> _Progress:
            return _step(rates, now, gap, tolerance)

        after = jax.lax.while_loop(unfinished, step, progress._replace(time=jnp.zeros_like(gap)))
        return after, jnp.where(after.time < gap, jnp.nan, after.value)

    size = _FIRST * jnp.max(1 + jnp.abs(start)) / jnp.maximum(jnp.max(jnp.abs(slope)), _FIRST)
    begun = _Progress(jnp.zeros_like(size), start, slope, jax.lax.stop_gradient(size), jnp.asarray(0))
    gaps = jnp.asarray(np.diff(times, prepend=0.0), start.dtype)
    return jnp.exp(jax.lax.scan(to_next, begun, gaps)[1])


def _step(rates: Callable[[Array], Array], now: _Progress, gap: Array, tolerance: float) -> _Progress:
    """One step, kept only if its error is within the tolerance (root mean square over species)."""
    lower, weights, errors = _tableau()
    left = gap - now.time
    size = jnp.minimum(now.size, left)
    slopes = jnp.zeros((len(weights), *now.value.shape), now.value.dtype).at[0].set(now.slope)

    def stage(i: Array, slopes: jax.Array) -> jax.Array:
        inner = now.value + size * jnp.dot(jnp.asarray(lower, size.dtype)[i], slopes)
        return slopes.at[i].set(rates(jnp.exp(inner)))

    slopes = jax.lax.fori_loop(1, len(weights), stage, slopes)
    value = now.value + size * jnp.dot(jnp.asarray(weights, size.dtype), slopes)
    error = size * jnp.dot(jnp.asarray(errors, size.dtype), slopes)
    allowed = tolerance * (1 + jnp.maximum(jnp.abs(now.value), jnp.abs(value)))
    error = jax.lax.stop_gradient(jnp.sqrt(jnp.mean((error / allowed) ** 2)))
    good = error <= 1  # not if it is not a number
    change = jnp.where(jnp.isfinite(error), jnp.clip(_SAFETY * error**-0.2, _SHRINK, _GROW), _SHRINK)
    is_last = now.size >= left  # cut off by the end, so that its error says little about the next
    return _Progress(
        time=jnp.where(good, jnp.where(is_last, gap, now.time + size), now.time),
        value=jnp.where(good, value, now.value),
        slope=jnp.where(good, slopes[-1], now.slope),
        size=jnp.where(good & is_last, jnp.maximum(now.size, size * change), size * change),
        num_steps=now.num_steps + 1,
    )


def _tableau() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients of the stages, shape `(stages, stages)`, of the solution and of the estimate of its error."""
    tableau = Tsit5.tableau
    lower = np.zeros((len(tableau.b_sol), len(tableau.b_sol)))
    for number, row in enumerate(tableau.a_lower, start=1):
        lower[number, : len(row)] = row
    return lower, np.asarray(tableau.b_sol), np.asarray(tableau.b_error)
