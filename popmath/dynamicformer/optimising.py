"""One step of training: Adam with its schedule, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from popmath._types import Array
from popmath.dynamicformer.settings import TrainingSettings

_OF_TENSORS = (".tensor", ".pools[1]")


class State(NamedTuple):
    """What a run is at one step.

    Attributes:
        network: the weights.
        lag: by how much their moving average is above them. In single precision an average kept by itself stands still
            as soon as a thousandth of the distance is lost in rounding; its distance does not.
        best: the averaged weights of the best validation.
        optimiser: what Adam remembers.
    """

    network: Any
    lag: Any
    best: Any
    optimiser: Any

    @classmethod
    def first(cls, network: Any, optimiser: optax.GradientTransformation) -> State:
        """Before the first step."""
        arrays = eqx.filter(network, eqx.is_array)
        return cls(network, jax.tree.map(jnp.zeros_like, arrays), network, optimiser.init(arrays))

    @property
    def average(self) -> Any:
        """The moving average of the weights."""
        return eqx.apply_updates(self.network, self.lag)


def schedule(settings: TrainingSettings) -> optax.Schedule:
    """Learning rate by step: up in a line, down as a half cosine to a thousandth."""
    return optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, min(settings.warmup_steps, settings.num_steps // 2), settings.num_steps,
        1e-3 * settings.learning_rate,
    )  # fmt: skip


def adam(settings: TrainingSettings) -> optax.GradientTransformation:
    """Adam of clipped gradients, with decoupled weight decay if there is any."""
    rates = [(settings.tensor_rate, _is_of_tensors), (settings.additive_rate, _is_additive)]
    rates = rates if settings.preset == "joint" else []
    steps: list[optax.GradientTransformation] = []
    for rate, held in rates:
        if rate == 0:  # before the norm is taken: large slopes of what does not move would make all others small
            steps.append(optax.masked(optax.set_to_zero(), held))
    steps += [optax.clip_by_global_norm(settings.clip), optax.scale_by_adam(b2=0.99)]
    if settings.weight_decay:
        steps.append(optax.add_decayed_weights(settings.weight_decay))
    steps += [optax.masked(optax.scale(rate), slower) for rate, slower in rates]
    if settings.hold_tensor:
        steps.append(optax.masked(optax.set_to_zero(), _is_of_tensors))
    return optax.chain(*steps, optax.scale_by_learning_rate(schedule(settings)))


def _is_of_tensors(network: Any) -> Any:
    """True at the weights of what reads the tensors B, in a joint and in the published network."""
    return _begins_with(network, _OF_TENSORS)


def _is_additive(network: Any) -> Any:
    """True at the weights of a joint network's additive part."""
    return _begins_with(network, (".network.additive",))


def _begins_with(network: Any, names: tuple[str, ...]) -> Any:
    """True at the weights whose name begins with one of these."""
    name = jax.tree_util.keystr
    return jax.tree_util.tree_map_with_path(lambda path, _: name(path).startswith(names), network)


def compiled_update(
    settings: TrainingSettings, loss: Callable[[Any, Any], Array], optimiser: optax.GradientTransformation
) -> Callable[..., Any]:
    """One step of Adam and of the moving average, compiled: from state, batch and step to state and loss."""

    @eqx.filter_jit
    def update(state: State, batch: Any, step: Array):
        value, gradient = eqx.filter_value_and_grad(loss)(state.network, batch)
        with jax.numpy_dtype_promotion("standard"):
            change, memory = optimiser.update(gradient, state.optimiser, eqx.filter(state.network, eqx.is_array))
        network = eqx.apply_updates(state.network, change)
        done = jnp.asarray(step, jnp.float32)
        past = jnp.minimum(settings.average, (1.0 + done) / (10.0 + done))
        arrays = (eqx.filter(each, eqx.is_array) for each in (state.lag, state.network, network))
        lag = jax.tree.map(lambda lag, old, new: past * (lag + (old - new)), *arrays)
        return state._replace(network=network, lag=lag, optimiser=memory), value

    return update


def rounded_off(error: Array, soft: float = 1e-5) -> Array:
    """Absolute errors; those well below `soft` count by their squares."""
    return jnp.sqrt(error**2 + soft**2)


def finite(state: State) -> bool:
    """Whether every number of a state is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(state) if eqx.is_inexact_array(leaf)]
    return all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)
