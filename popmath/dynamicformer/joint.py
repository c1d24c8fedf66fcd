"""One network for several theories: what a theory's tensor B says is given to our network beside each request."""

from __future__ import annotations

from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from popmath._types import Array
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.features import equals
from popmath.dynamicformer.layers import Perceptron
from popmath.dynamicformer.network import IntersectionNetwork, NetworkSettings, Tap
from popmath.dynamicformer.theories import MOST_INDEX, tensor_of

_INDICES = np.arange(MOST_INDEX + 1)


class Tensors(NamedTuple):
    """The tensors B of some theories.

    Attributes:
        entries: (i, j, k, B[i, j, k]), padded, shape `(theories, entries, 4)`.
        mask: True where there is an entry.
    """

    entries: np.ndarray
    mask: np.ndarray


def tensors_of(names: tuple[str, ...], shown: bool = True) -> Tensors:
    """The tensors of theories; if they are not shown, all are empty."""
    found = [tensor_of(name) for name in names]
    longest = max(len(each) for each in found)
    entries = np.zeros((len(names), longest, 4), np.float32)
    mask = np.zeros((len(names), longest), bool)
    for row, each in enumerate(found):
        entries[row, : len(each)], mask[row, : len(each)] = each, shown
    return Tensors(entries, mask)


@final
class TensorBranch(eqx.Module):
    """A few numbers that describe a theory, from the non-zero entries of its tensor B as a set."""

    entry: Perceptron
    whole: Perceptron

    @classmethod
    def random(cls, settings: NetworkSettings, key: Array) -> TensorBranch:
        """Random weights."""
        keys, width, name = jax.random.split(key), settings.width, settings.activation
        features = 3 * len(_INDICES) + 1
        return cls(
            Perceptron.random((features, width, width), name, keys[0]),
            Perceptron.random((width, width, settings.context), name, keys[1]),
        )

    def __call__(self, tensors: Tensors) -> Float[Array, "theories context"]:
        """One row for each theory."""
        places = [equals(tensors.entries[..., axis], _INDICES) for axis in range(3)]
        size = jnp.log1p(100 * jnp.asarray(tensors.entries[..., 3:])) / 5
        read = self.entry(jnp.concatenate([*places, size], axis=-1))
        pooled = jnp.sum(jnp.where(tensors.mask[..., None], read, 0.0), axis=1) / 10
        return self.whole(pooled)


@final
class JointNetwork(eqx.Module):
    """Our network with a context that it makes of a theory's tensor B.

    Within one theory B says nothing that genus and degrees do not. Between theories it does: Weil-Petersson and
    Masur-Veech have numbers for the same genus and degrees.

    Attributes:
        tensor: encodes B, once for each theory.
        network: reads requests and context.
    """

    tensor: TensorBranch
    network: IntersectionNetwork

    @classmethod
    def random(cls, settings: NetworkSettings, key: Array) -> JointNetwork:
        """Random weights."""
        keys = jax.random.split(key)
        return cls(TensorBranch.random(settings, keys[0]), IntersectionNetwork.random(settings, keys[1]))

    def __call__(
        self, requests: Requests, kind: Int[Array, " batch"], tensors: Tensors, tap: Tap = lambda _, value: value
    ) -> Float[Array, " batch"]:
        """Predictions of a batch in single precision.

        Args:
            requests: arrays as `encode` makes them.
            kind: position of each request's theory.
            tensors: of the theories.
            tap: as for `IntersectionNetwork`; beside its names there is `context`, shape `(theories, context)`.
        """
        context = tap("context", self.tensor(tensors))
        return self.network(requests, tap, context[kind])

    def given(self, context: Float[Array, " context"]) -> OneTheory:
        """The network of one theory, or of any context."""
        return OneTheory(self.network, context)


@final
class OneTheory(eqx.Module):
    """A network with its context.

    Attributes:
        network: that takes one.
        context: the same for every request.
    """

    network: IntersectionNetwork
    context: Float[Array, " context"]

    def __call__(self, requests: Requests) -> Float[Array, " batch"]:
        """Predictions of a batch."""
        shape = (len(requests.genus), len(self.context))
        return self.network(requests, context=jnp.broadcast_to(self.context[None], shape))
