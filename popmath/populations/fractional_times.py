"""States of a discrete-time model at any times: between two steps they are interpolated geometrically."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array
from popmath.populations.model import PopulationModel


def states_by_steps(model: PopulationModel, state: Array, times: np.ndarray, interval: float) -> Array:
    r"""The states of a discrete-time model at `times` from 0 on, which may lie between its steps.

    At $t = (n + w)\,\Delta$ with $0 < w < 1$, each entry of the state is the geometric mean of the steps around it,

    $$x(t) = x_n^{1-w}\,x_{n+1}^{w},$$

    as if it grew at a constant rate within the interval; where one of the two is not positive there is no such rate,
    and it is $(1-w)\,x_n + w\,x_{n+1}$. A whole step is that step, to the last bit. Which times are whole is known
    before anything is traced: if all are, nothing is interpolated.

    Args:
        model: its `step` is called without a key.
        state: at time 0.
        times: at least 0, in the unit of `interval`, increasing.
        interval: $\Delta$, length of a projection interval.

    Returns:
        Shape `(times, *state_shape)`. No step is taken beyond the last time rounded up.
    """
    before, share = split_times(times, interval)
    num_steps = int(np.max(before + (share > 0), initial=0))

    def one(carry, t):
        after, _ = model.step(carry, t, None)
        return after, after

    start = jnp.asarray(state)
    _, later = jax.lax.scan(one, start, jnp.arange(num_steps))
    return interpolate(jnp.concatenate([start[None], later]), before, share)


def split_times(times: np.ndarray, interval: float) -> tuple[np.ndarray, np.ndarray]:
    """How many whole intervals lie before each time, and the share of the next that has passed, in [0, 1).

    A time within a relative 1e-9 of a whole number of intervals is that number.

    Raises:
        ValueError: for a time before 0.

    Example:
        >>> before, share = split_times(np.array([0.0, 0.3, 0.35]), 0.1)
        >>> before.tolist(), share.round(9).tolist()
        ([0, 3, 3], [0.0, 0.0, 0.5])
    """
    times = np.asarray(times, float)
    if (times < 0).any():
        raise ValueError(f"times must be at least 0, the time of the initial state; got {float(times.min()):g}.")
    whole = np.rint(times / interval)
    is_whole = np.abs(whole * interval - times) <= 1e-9 * np.maximum(1.0, np.abs(times))
    before = np.where(is_whole, whole, np.floor(times / interval))
    return before.astype(int), np.where(is_whole, 0.0, times / interval - before)


def interpolate(states: Array, before: np.ndarray, share: np.ndarray) -> Array:
    """Rows `before` of `states`, and where `share` is above 0 the geometric mean with the row after."""
    if not (share > 0).any():
        return states[before]
    low, high = states[before], states[before + (share > 0)]
    weight = np.reshape(share, (-1,) + (1,) * (states.ndim - 1)).astype(states.dtype)
    both = (low > 0) & (high > 0)
    ratio = jnp.where(both, high, 1.0) / jnp.where(both, low, 1.0)
    between = jnp.where(both, low * ratio**weight, low + weight * (high - low))
    return jnp.where(weight > 0, between, low)
