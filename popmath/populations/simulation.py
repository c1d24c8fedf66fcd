"""`simulate`: a model run forward, by `lax.scan`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.ensemble import (
    QUANTILES,
    Ensemble,
    EnsembleRequest,
    Keep,
    Progress,
    as_threefry,
    check_request,
)
from popmath.populations.ensemble_run import run_ensemble
from popmath.populations.model import PopulationModel, check_whole, check_whole_numbers

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


@overload
def simulate(
    model: PopulationModel,
    initial: ArrayLike,
    num_steps: int,
    *,
    key: Array | None = None,
    num_replicates: None = None,
    keep: Keep = "abundances",
    quantiles: ArrayLike = QUANTILES,
    chunk_size: int | None = None,
    extinct_below: ArrayLike | float = 0.0,
    progress: Progress | None = None,
) -> Simulation: ...


@overload
def simulate(
    model: PopulationModel,
    initial: ArrayLike,
    num_steps: int,
    *,
    key: Array | None = None,
    num_replicates: int,
    keep: Keep = "abundances",
    quantiles: ArrayLike = QUANTILES,
    chunk_size: int | None = None,
    extinct_below: ArrayLike | float = 0.0,
    progress: Progress | None = None,
) -> Ensemble: ...


def simulate(
    model: PopulationModel,
    initial: ArrayLike,
    num_steps: int,
    *,
    key: Array | None = None,
    num_replicates: int | None = None,
    keep: Keep = "abundances",
    quantiles: ArrayLike = QUANTILES,
    chunk_size: int | None = None,
    extinct_below: ArrayLike | float = 0.0,
    progress: Progress | None = None,
) -> Simulation | Ensemble:
    r"""Project a population through `num_steps` projection intervals, once or in many replicates.

    Iterates $n(t+1) = f(n(t), t)$ with `model.step` under `jax.lax.scan`, in float64 whatever the global JAX
    setting is. Without replicates it jits, vmaps and differentiates with respect to `initial` and the model's
    parameters: in forward mode (`jax.jacfwd`, `jax.jvp`) for every model; in reverse mode (`jax.grad`) for the
    discrete-time models, best inside `jax.enable_x64(True)`, as JAX runs the backward pass in the precision set
    outside.

    With `num_replicates` the result is an `Ensemble`. Replicate r has the key `jax.random.fold_in(key, r)`: its numbers
    depend on the key, the model and `num_replicates` alone, to the last bit, and not on `chunk_size`, on the number of
    cores or (of one kind) devices. Replicates are run in blocks of at most 2,048, a block on each core, or on each
    device if there are several (sharded over the mesh axis `"replicates"`), and hand over at most 1 MiB at a time, so
    that with `keep="summary"` memory does not grow with `num_replicates`. An interrupt ends the run within a moment,
    without a result.

    Args:
        model: a model whose parameters are all set.
        initial: state at time 0, of the shape `model.state_shape`: `(species,)`, or `(species, classes)` or `(states,)`
            for a structured model, at least 0. For an ensemble, the same for all replicates, or one per replicate with
            shape `(num_replicates, *model.state_shape)`.
        num_steps: number of intervals, at least 0; static under `jax.jit`.
        key: a `jax.random.key` for models with noise; deterministic models ignore it.
        num_replicates: how many replicates; None for a single run. The arguments below are for ensembles.
        keep: `"abundances"` of all replicates, `"states"` (and abundances), or `"summary"` for nothing but statistics.
        quantiles: levels from 0 to 1 of the quantiles over replicates; exact where abundances are kept, else from a
            histogram, with a relative error of at most 1/128.
        chunk_size: most replicates under way at the same time, rounded up to whole blocks (one on each device at
            least); a block on each core by default. Decides on memory and speed, not on the numbers.
        extinct_below: a species is extinct while its total is below this, or 0 or less; one number, or one per species.
        progress: called with the numbers of replicates done and wanted, after each block.

    Returns:
        The states and abundances at times 0 to `num_steps`; row 0 is `initial` itself. With replicates, an `Ensemble`.

    Raises:
        ValueError: if a parameter is missing, the shape is wrong, `initial` is negative or not finite, a model with
            noise has no key, all replicates would be the same, or what is to be kept does not fit into memory.
        UnableError: if the abundances of a replicate, or their variance, are not finite.

    Example:
        >>> import popmath as pm
        >>> model = pm.LeslieGower(species=("a", "b"), growth_factor=[2.0, 2.0], competition=[[0.01, 0.0], [0.0, 0.02]])
        >>> simulate(model, [10.0, 10.0], num_steps=50).abundances[-1].round(3).tolist()
        [100.0, 50.0]
        >>> several = simulate(model, [[10.0, 10.0], [300.0, 0.0]], num_steps=50, num_replicates=2)
        >>> several.abundances[:, -1].round(3).tolist()
        [[100.0, 50.0], [100.0, 0.0]]
        >>> several.statistics.extinct[-1].tolist()
        [0.0, 0.5]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., chapters 2, 14 and 15.
    """
    check_whole("num_steps", num_steps, 0)
    if num_replicates is not None:
        request = check_request(model, num_replicates, keep, quantiles, extinct_below, chunk_size, progress)
        return _simulate_ensemble(model, initial, int(num_steps), key, request)
    with jax.enable_x64(True):
        state = check_state(model, initial)
        model = jax.tree.map(lambda number: jnp.asarray(number, jnp.float64), model)
        try:
            keys = None if key is None else jax.random.split(key, num_steps)
            states, info = _run(model, state, keys, int(num_steps))
        except Exception:
            check_key(model, key)
            raise
        return Simulation(model.species, np.arange(num_steps + 1), states, model.totals(states), info)


def _simulate_ensemble(
    model: PopulationModel, initial: ArrayLike, num_steps: int, key: Array | None, request: EnsembleRequest
) -> Ensemble:
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((model, initial, key))):
        raise TypeError(
            "an ensemble cannot be simulated inside jax.jit, jax.vmap or jax.grad: there, use jax.vmap over simulate "
            "without num_replicates, with keys jax.vmap(lambda r: jax.random.fold_in(key, r))(jnp.arange(replicates))."
        )
    states = np.asarray(initial, np.float64)
    wanted = (request.num_replicates, *model.state_shape)
    if states.shape not in (model.state_shape, wanted):
        raise ValueError(
            f"initial must have shape {model.state_shape} for species {model.species}, or {wanted} for one state per "
            f"replicate; got {states.shape}."
        )
    _check_numbers(states)
    check_whole_numbers(model, states)
    with jax.enable_x64(True):
        model = jax.tree.map(lambda number: jnp.asarray(number, jnp.float64), model)
        check_key(model, key)
        key = None if key is None else as_threefry(key)
    if key is None and request.num_replicates > 1 and states.shape == model.state_shape:
        raise ValueError(
            f"without a key and from one initial state, all {request.num_replicates:,} replicates would be the same: "
            f"pass key=jax.random.key(0) for a model with noise, or one initial state per replicate, shape {wanted}."
        )
    return run_ensemble(model, states, num_steps, key, request)


def check_key(model: PopulationModel, key: Array | None) -> None:
    """Refuse what is not a key, and the lack of a key where the step of the model draws random numbers."""
    if key is not None:
        if not hasattr(key, "dtype") or not (
            jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key)
            and key.shape == ()
            or key.dtype == jnp.uint32
            and key.ndim == 1
        ):
            raise ValueError(f"key must be one random key, such as jax.random.key(0); got {key!r}.")
        return
    state, t = jax.ShapeDtypeStruct(model.state_shape, jnp.float64), jax.ShapeDtypeStruct((), jnp.int64)
    try:
        jax.eval_shape(lambda now, time: model.step(now, time, None), state, t)
    except Exception as error:
        try:
            jax.eval_shape(lambda now, time: model.step(now, time, jax.random.key(0)), state, t)
        except Exception:
            return  # the step fails with a key as well: what it says is better said when it is run
        raise ValueError(
            f"{type(model).__name__} draws random numbers in its step, and there is no key: pass "
            "key=jax.random.key(0); the same key gives the same numbers."
        ) from error


def check_state(model: PopulationModel, initial: ArrayLike) -> jax.Array:
    """`initial` as a float64 array of the model's state shape, or a ValueError."""
    shape = model.state_shape
    state = initial if isinstance(initial, Tracer) else jnp.asarray(np.asarray(initial, np.float64))
    if state.shape != shape:
        raise ValueError(f"initial must have shape {shape} for species {model.species}; got {state.shape}.")
    if not isinstance(state, Tracer):
        _check_numbers(np.asarray(state))
        check_whole_numbers(model, state)
    return state.astype(jnp.float64)


def _check_numbers(states: np.ndarray) -> None:
    wrong = np.argwhere(~(np.isfinite(states) & (states >= 0)))
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        raise ValueError(f"initial must be finite and at least 0; initial{list(index)} is {float(states[index])}.")


@eqx.filter_jit
def _run(model: PopulationModel, state: jax.Array, keys: jax.Array | None, num_steps: int):
    def one(carry, inputs):
        t, key = inputs
        after, info = model.step(carry, t, key)
        return after, (after, info)

    _, (later, info) = jax.lax.scan(one, state, (jnp.arange(num_steps), keys), length=num_steps)
    return jnp.concatenate([state[None], later]), info
