"""`simulate`: a model run forward, by `lax.scan`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.model import PopulationModel

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas


@dataclasses.dataclass(frozen=True, eq=False)
class Simulation:
    """A model run forward.

    Attributes:
        species: names.
        times: shape `(num_steps + 1,)`, in projection intervals.
        states: shape `(num_steps + 1, ...)`; one state is `(species,)`, or `(species, classes)`.
        abundances: total of each species, shape `(num_steps + 1, species)`.
        info: what the steps report, stacked over time, by name.
    """

    species: tuple[str, ...]
    times: np.ndarray
    states: Array
    abundances: Array
    info: dict[str, Array]

    def to_dataframe(self) -> pandas.DataFrame:
        """Abundances, one row per time and one column per species."""
        import pandas as pd

        return pd.DataFrame(
            np.asarray(self.abundances), index=pd.Index(self.times, name="time"), columns=list(self.species)
        )

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Abundances over time."""
        from popmath.plots.series import plot_simulation

        return plot_simulation(self, ax)


def simulate(model: PopulationModel, initial: ArrayLike, num_steps: int, *, key: Array | None = None) -> Simulation:
    r"""Project a population through `num_steps` projection intervals.

    Iterates $n(t+1) = f(n(t), t)$ with `model.step` under `jax.lax.scan`, in float64 whatever the global JAX
    setting is. Jits, vmaps and differentiates with respect to `initial` and the model's parameters: in forward mode
    (`jax.jacfwd`, `jax.jvp`) for every model; in reverse mode (`jax.grad`) for the discrete-time models, best inside
    `jax.enable_x64(True)`, as JAX runs the backward pass in the precision set outside.

    Args:
        model: a model whose parameters are all set.
        initial: state at time 0, shape `(species,)`, or `(species, classes)` for a structured model, at least 0.
        num_steps: number of intervals, at least 0; static under `jax.jit`.
        key: a `jax.random.key` for models with noise; deterministic models ignore it.

    Returns:
        The states and abundances at times 0 to `num_steps`; row 0 is `initial` itself.

    Raises:
        ValueError: if a parameter is missing, the shape is wrong, or `initial` is negative or not finite.

    Example:
        >>> import popmath as pm
        >>> model = pm.LeslieGower(species=("a", "b"), growth_factor=[2.0, 2.0], competition=[[0.01, 0.0], [0.0, 0.02]])
        >>> simulate(model, [10.0, 10.0], num_steps=50).abundances[-1].round(3).tolist()
        [100.0, 50.0]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., chapter 2.
    """
    if isinstance(num_steps, bool) or not isinstance(num_steps, int | np.integer) or num_steps < 0:
        raise ValueError(f"num_steps must be a whole number, at least 0; got {num_steps!r}.")
    with jax.enable_x64(True):
        state = check_state(model, initial)
        model = jax.tree.map(lambda number: jnp.asarray(number, jnp.float64), model)
        keys = None if key is None else jax.random.split(key, num_steps)
        states, info = _run(model, state, keys, int(num_steps))
        return Simulation(model.species, np.arange(num_steps + 1), states, model.totals(states), info)


def check_state(model: PopulationModel, initial: ArrayLike) -> jax.Array:
    """`initial` as a float64 array of the model's state shape, or a ValueError."""
    shape = model.state_shape
    state = initial if isinstance(initial, Tracer) else jnp.asarray(np.asarray(initial, np.float64))
    if state.shape != shape:
        raise ValueError(f"initial must have shape {shape} for species {model.species}; got {state.shape}.")
    if not isinstance(state, Tracer):
        wrong = np.argwhere(~(np.isfinite(state) & (np.asarray(state) >= 0)))
        if wrong.size:
            index = tuple(int(i) for i in wrong[0])
            raise ValueError(f"initial must be finite and at least 0; initial{list(index)} is {float(state[index])}.")
    return state.astype(jnp.float64)


@eqx.filter_jit
def _run(model: PopulationModel, state: jax.Array, keys: jax.Array | None, num_steps: int):
    def one(carry, inputs):
        t, key = inputs
        after, info = model.step(carry, t, key)
        return after, (after, info)

    _, (later, info) = jax.lax.scan(one, state, (jnp.arange(num_steps), keys), length=num_steps)
    return jnp.concatenate([state[None], later]), info


def states_at_whole_steps(model: PopulationModel, state: Array, times: np.ndarray, interval: float) -> Array:
    """The states of a discrete-time model at `times`, which have to be whole numbers of `interval`."""
    steps = whole_steps(model, times, interval)

    def one(carry, t):
        after, _ = model.step(carry, t, None)
        return after, carry

    _, states = jax.lax.scan(one, state, jnp.arange(int(steps[-1]) + 1))
    return states[steps]


def whole_steps(model: PopulationModel, times: np.ndarray, interval: float) -> np.ndarray:
    """How many projection intervals lie before each of `times`.

    Raises:
        ValueError: if it is not a whole number.
    """
    steps = np.rint(times / interval).astype(int)
    off = np.abs(steps * interval - times) > 1e-9 * np.maximum(1.0, np.abs(times))
    if off.any():
        raise ValueError(
            f"{type(model).__name__} projects in steps of {interval:g}, but time {times[np.argmax(off)]:g} is not a "
            f"whole number of steps. Pass interval=... that divides every time, or use LotkaVolterraCompetition."
        )
    return steps
