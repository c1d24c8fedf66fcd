"""One step of training: the loss, Adam with its schedule, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from popmath._types import Array
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.features import features
from popmath.dynamicformer.network import IntersectionNetwork
from popmath.dynamicformer.settings import TrainingSettings

_SOFT = 1e-4  # errors below it count by their squares


class State(NamedTuple):
    """What a run is at one step."""

    network: IntersectionNetwork
    average: IntersectionNetwork
    best: IntersectionNetwork
    optimiser: Any


def schedule(settings: TrainingSettings) -> optax.Schedule:
    """Learning rate by step: up in a line, down as a half cosine to a thousandth."""
    return optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, min(settings.warmup_steps, settings.num_steps // 2), settings.num_steps,
        1e-3 * settings.learning_rate,
    )  # fmt: skip


def adam(settings: TrainingSettings) -> optax.GradientTransformation:
    """Adam of clipped gradients."""
    return optax.chain(optax.clip_by_global_norm(settings.clip), optax.adam(schedule(settings), b2=0.99))


def compiled_update(settings: TrainingSettings, optimiser: optax.GradientTransformation) -> Callable[..., Any]:
    """One step of Adam and of the moving average, compiled."""
    shape = settings.network

    def loss(network: IntersectionNetwork, requests: Requests, target: Array) -> Array:
        error = network(requests) - target
        if settings.loss == "relative":
            error = error / (shape.scale * features(*requests).small ** shape.first_order)
        return jnp.mean(jnp.sqrt(error**2 + _SOFT**2))

    @eqx.filter_jit
    def update(state: State, batch: tuple[Requests, Array], step: Array):
        value, gradient = eqx.filter_value_and_grad(loss)(state.network, *batch)
        with jax.numpy_dtype_promotion("standard"):
            change, memory = optimiser.update(gradient, state.optimiser)
        network = eqx.apply_updates(state.network, change)
        done = jnp.asarray(step, jnp.float32)
        past = jnp.minimum(settings.average, (1.0 + done) / (10.0 + done))
        average = jax.tree.map(
            lambda old, new: past * old + (1 - past) * new if eqx.is_array(new) else new, state.average, network
        )
        return network, average, memory, value

    return update
