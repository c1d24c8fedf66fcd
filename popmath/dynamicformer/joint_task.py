"""Train a `JointNetwork`: batches in equal parts of every theory."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from popmath._types import Array
from popmath.dynamicformer.additive import AdditivePart, least_squares
from popmath.dynamicformer.batches import Batches, as_int32
from popmath.dynamicformer.encoding import Requests, fit_width, without_degree
from popmath.dynamicformer.joint import JointNetwork, tensors_of
from popmath.dynamicformer.optimising import rounded_off
from popmath.dynamicformer.prediction import mean_error
from popmath.dynamicformer.samples import Samples
from popmath.dynamicformer.settings import TrainingSettings
from popmath.dynamicformer.splits import Split
from popmath.dynamicformer.theories import TheorySamples, theory_of, theory_samples

_FIRST = 5_000  # numbers of each theory that least squares is fitted to
_SOFT = 1e-7  # some theories are learned to single precision


def split_of(settings: TrainingSettings, name: str) -> Split:
    """How a theory's numbers are divided."""
    genus = min(settings.split.max_train_genus, theory_of(name).max_train_genus)
    return dataclasses.replace(settings.split, max_train_genus=genus)


def rows_of(settings: TrainingSettings, name: str, requests: Requests, part: str) -> np.ndarray:
    """Which rows of a theory's requests belong to a part; a number is in the same part in every theory that has it."""
    families, _ = without_degree(requests, theory_of(name).family)
    return split_of(settings, name).rows(families, part)


def joint_data(settings: TrainingSettings) -> TheorySamples:
    """The numbers of every theory that may be trained on."""
    level = settings.data.max_level
    return TheorySamples(
        {name: theory_samples(name, level, split_of(settings, name).max_train_genus) for name in settings.data.theories}
    )


class JointTask:
    """Train a `JointNetwork`."""

    def __init__(self, settings: TrainingSettings, samples: TheorySamples) -> None:
        """Split the data of every theory."""
        if tuple(samples.by_theory) != settings.data.theories:
            raise ValueError(f"samples are of {list(samples.by_theory)}; settings name {list(settings.data.theories)}.")
        self.settings = settings
        self.names = settings.data.theories
        self.tensors = tensors_of(self.names, settings.data.show_tensors)
        self.width = max(each.requests.degrees.shape[1] for each in samples.by_theory.values())
        self.train, validation = (
            [self._part(name, each, part) for name, each in samples.by_theory.items()]
            for part in ("train", "validation")
        )
        share = settings.validation_size // len(self.names)
        self.held = [part.draw(share, settings.seed, 0) for part in validation]

    def _part(self, name: str, samples: Samples, part: str) -> Batches:
        data, rows = self.settings.data, rows_of(self.settings, name, samples.requests, part)
        return Batches(samples.take(rows), self.settings.target, data.max_level, group_power=data.group_power)

    @property
    def num_train(self) -> int:
        """How many numbers, of all theories."""
        return sum(len(part.target) for part in self.train)

    def begin(self, network: JointNetwork) -> JointNetwork:
        """Contexts that are far apart, at each that theory's least squares, and the size of its errors as gain."""
        network = dataclasses.replace(network, tensor=network.tensor.spread_out(self.tensors))
        inner = network.network
        if inner.additive is None:
            return network
        firsts = [part.draw(_FIRST, self.settings.seed + 2, 0) for part in self.train]
        weights = [least_squares(as_int32(first.requests), first.target, several=True) for first in firsts]
        contexts = network.tensor(self.tensors)
        additive = AdditivePart.through(contexts, weights)
        sizes = []
        for first, context in zip(firsts, contexts, strict=True):
            given = jnp.broadcast_to(context[None], (_FIRST, len(context)))
            error = np.asarray(additive(as_int32(first.requests), given), float) - first.target
            sizes.append(max(np.sqrt(np.mean(error**2)), _SOFT))
        inner = dataclasses.replace(inner, additive=additive).with_gain(contexts, np.array(sizes))
        return dataclasses.replace(network, network=inner)

    def hold(self, network: JointNetwork) -> None:
        """Nothing."""

    def draw(self, step: int) -> Any:
        """Requests, the position of each one's theory, and targets."""
        share, seed = self.settings.batch_size // len(self.names), self.settings.seed + 1
        found = [part.draw(share, seed + 1000 * number, step) for number, part in enumerate(self.train)]
        columns = zip(*(fit_width(each.requests, self.width) for each in found), strict=True)
        requests = Requests(*(np.concatenate(column) for column in columns))
        kind = np.repeat(np.arange(len(self.names), dtype=np.int32), share)
        return as_int32(requests), kind, np.concatenate([each.target for each in found]).astype(np.float32)

    def loss(self, network: JointNetwork, batch: Any) -> Array:
        """Mean absolute error, rounded off near 0; if balanced, the mean over theories of its logarithm."""
        requests, kind, target = batch
        error = network(requests, kind, self.tensors) - target
        if self.settings.loss == "absolute":
            return jnp.mean(rounded_off(error))
        error = rounded_off(error, _SOFT)
        return jnp.mean(jnp.log(jnp.mean(jnp.reshape(error, (len(self.names), -1)), axis=1)))

    def score(self, network: JointNetwork) -> float:
        """Mean absolute error, every theory alike."""
        contexts = network.tensor(self.tensors)
        return float(np.mean([mean_error(network.given(c), held) for c, held in zip(contexts, self.held, strict=True)]))
