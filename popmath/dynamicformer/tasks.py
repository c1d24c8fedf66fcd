"""What a run trains: batches, a loss, and a score on validation data. One task for each kind of network."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array
from popmath.dynamicformer.additive import AdditivePart, least_squares
from popmath.dynamicformer.batches import Batches, as_int32
from popmath.dynamicformer.features import features
from popmath.dynamicformer.joint import JointNetwork
from popmath.dynamicformer.joint_task import JointTask, joint_data
from popmath.dynamicformer.network import IntersectionNetwork
from popmath.dynamicformer.optimising import rounded_off
from popmath.dynamicformer.prediction import mean_error
from popmath.dynamicformer.published import PublishedNetwork
from popmath.dynamicformer.published_batches import HeldTensors, TypeBatches
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.settings import TrainingSettings
from popmath.dynamicformer.theories import TheorySamples

_FIRST = 20_000  # numbers that least squares is fitted to


@runtime_checkable
class Task(Protocol):
    """What a run needs to know."""

    @property
    def num_train(self) -> int:
        """How many numbers there are to train on."""
        ...

    def begin(self, network: Any) -> Any:
        """Weights to begin with, from random ones."""
        ...

    def hold(self, network: Any) -> None:
        """Note what of the weights the run begins or goes on with stays as it is."""
        ...

    def draw(self, step: int) -> Any:
        """Arrays of one batch, a function of the step and of what is held alone."""
        ...

    def loss(self, network: Any, batch: Any) -> Array:
        """What is made small."""
        ...

    def score(self, network: Any) -> float:
        """Mean absolute error on validation data, of log F or of what is learned in its place."""
        ...


def new_network(settings: TrainingSettings, key: Array) -> IntersectionNetwork | PublishedNetwork | JointNetwork:
    """Random weights of the network that the settings describe."""
    if settings.preset == "joint":
        return JointNetwork.random(settings.network, key)
    if settings.preset == "published":
        return PublishedNetwork.random(settings.published, key)
    return IntersectionNetwork.random(settings.network, key)


def data_of(settings: TrainingSettings) -> Samples | TheorySamples:
    """The numbers that the settings describe, from the exact engine."""
    if settings.preset == "joint":
        return joint_data(settings)
    return exact_samples(settings.data.max_level, range(settings.split.max_train_genus + 1))


def task_of(settings: TrainingSettings, samples: Samples | TheorySamples) -> Task:
    """The task that the settings describe.

    Raises:
        TypeError: if the samples are of one theory and the settings of several, or the other way round.
        ValueError: for samples beyond `max_level`.
    """
    if isinstance(samples, TheorySamples) != (settings.preset == "joint"):
        raise TypeError(f"preset={settings.preset!r} does not go with {type(samples).__name__}.")
    if isinstance(samples, TheorySamples):
        return JointTask(settings, samples)
    level = samples.requests.level.max()
    if level > settings.data.max_level:
        raise ValueError(f"samples go up to level {level}, max_level is {settings.data.max_level}.")
    kind = PublishedTask if settings.preset == "published" else IntersectionTask
    return kind(settings, samples)


class IntersectionTask:
    """Train an `IntersectionNetwork`."""

    def __init__(self, settings: TrainingSettings, samples: Samples) -> None:
        """Split the data."""
        data, self.settings = settings.data, settings
        make = (settings.target, data.max_level, data.keep_ones, data.group_power, data.shuffled)
        train, validation = (
            Batches(samples.take(settings.split.rows(samples.requests, name)), *make)
            for name in ("train", "validation")
        )
        self.train, self.held = train, validation.draw(settings.validation_size, settings.seed, 0)

    @property
    def num_train(self) -> int:
        """How many families."""
        return len(self.train.target)

    def begin(self, network: IntersectionNetwork) -> IntersectionNetwork:
        """An additive part by least squares on a first draw."""
        if network.additive is None:
            return network
        batch = self.train.draw(_FIRST, self.settings.seed + 2, 0)
        weights = least_squares(as_int32(batch.requests), batch.target, several=False)
        return dataclasses.replace(network, additive=AdditivePart.through(np.zeros((1, 0)), [weights]))

    def hold(self, network: IntersectionNetwork) -> None:
        """Nothing."""

    def draw(self, step: int) -> Any:
        """Requests and targets."""
        batch = self.train.draw(self.settings.batch_size, self.settings.seed + 1, step)
        return as_int32(batch.requests), batch.target.astype(np.float32)

    def loss(self, network: IntersectionNetwork, batch: Any) -> Array:
        """Absolute errors, rounded off near 0; relative ones are over the size of the expansion's first term."""
        requests, target = batch
        error = network(requests) - target
        if self.settings.loss == "relative":
            shape = self.settings.network
            error = error / (shape.scale * features(*requests).small ** shape.first_order)
        return jnp.mean(rounded_off(error))

    def score(self, network: IntersectionNetwork) -> float:
        """Mean absolute error, types weighed as in training."""
        return mean_error(network, self.held)


class PublishedTask:
    """Train a `PublishedNetwork` on log F itself, ones and all."""

    def __init__(self, settings: TrainingSettings, samples: Samples) -> None:
        """Split the data."""
        self.settings = settings
        parts = [samples.take(settings.split.rows(samples.requests, name)) for name in ("train", "validation")]
        most = None if settings.hold_tensor else settings.published.most_entries
        data = settings.data
        make = (data.max_level, settings.types_per_batch, data.group_power, most, data.degree_power)
        self.train, self.validation = (TypeBatches(part, *make) for part in parts)
        self._tensors: HeldTensors | None = None
        self._held: list[Any] = []
        self._value = jax.jit(lambda network, batch, target, *tensors: network(batch, *tensors)[0] - target)

    @property
    def num_train(self) -> int:
        """How many families."""
        return self.train.num_families

    def begin(self, network: PublishedNetwork) -> PublishedNetwork:
        """As they are."""
        return network

    def hold(self, network: PublishedNetwork) -> None:
        """With `hold_tensor` its encoder of B."""
        size, seed = self.settings.batch_size, self.settings.seed
        self._tensors = HeldTensors(network) if self.settings.hold_tensor else None
        batches = range(-(-self.settings.validation_size // size))
        self._held = [self._with_tensors(self.validation.draw(size, seed, step)) for step in batches]

    def draw(self, step: int) -> Any:
        """Partitions of a few types, targets, and what is held of B."""
        return self._with_tensors(self.train.draw(self.settings.batch_size, self.settings.seed + 1, step))

    def _with_tensors(self, batch: Any) -> Any:
        return batch if self._tensors is None else (*batch, self._tensors.of(batch[0].type_))

    def loss(self, network: PublishedNetwork, batch: Any) -> Array:
        """As published."""
        return network.loss(*batch)

    def score(self, network: PublishedNetwork) -> float:
        """Mean absolute error of numbers drawn as in training."""
        errors = [np.asarray(self._value(network, *batch)) for batch in self._held]
        return float(np.mean(np.abs(np.concatenate(errors))))
