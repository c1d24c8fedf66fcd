"""One network for several theories: what a theory's tensor B says is given to our network beside each request."""

from __future__ import annotations

import dataclasses
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from popmath._types import Array
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.layers import Linear, Perceptron, Tap, untapped
from popmath.dynamicformer.network import IntersectionNetwork, NetworkSettings
from popmath.dynamicformer.theories import MOST_INDEX, tensor_of

_GRID = 256.0


def tensors_of(names: tuple[str, ...], shown: bool = True) -> np.ndarray:
    """The logarithms log(1 + 100 B[i, j, k]) of theories for indices up to 6, in rows; if they are not shown, zeros."""
    found = np.zeros((len(names), *(MOST_INDEX + 1,) * 3), np.float32)
    for row, name in enumerate(names):
        i, j, k, value = tensor_of(name).T
        found[row, i.astype(int), j.astype(int), k.astype(int)] = np.log1p(100 * value) * shown
    return found.reshape(len(names), -1)


@final
class TensorBranch(eqx.Module):
    """A few numbers that describe a theory, from its tensor B.

    Attributes:
        layers: make numbers between -1 and 1 of it.
        spread: a linear map of these, see `spread_out`.
    """

    layers: Perceptron
    spread: Linear

    @classmethod
    def random(cls, settings: NetworkSettings, key: Array) -> TensorBranch:
        """Random weights."""
        sizes = ((MOST_INDEX + 1) ** 3, settings.width, settings.context)
        spread = Linear(jnp.eye(settings.context), jnp.zeros(settings.context))
        return cls(Perceptron.random(sizes, settings.activation, key), spread)

    def __call__(self, tensors: Float[Array, "theories entries"]) -> Float[Array, "theories context"]:
        """One row for each theory, rounded to multiples of 1/256.

        Else they would differ from one compiled program to another in their last digits, by about 1e-6, which is more
        than the additive part of a theory can bear. As near a half multiple as that, one would still.
        """
        exact = self.exactly(tensors)
        return exact + jax.lax.stop_gradient(jnp.round(_GRID * exact) / _GRID - exact)

    def exactly(self, tensors: Float[Array, "theories entries"]) -> Float[Array, "theories context"]:
        """The same before they are rounded."""
        return self.spread(jnp.tanh(self.layers(jnp.asarray(tensors))))

    def spread_out(self, tensors: Float[Array, "theories entries"]) -> TensorBranch:
        """The same with the mean context of these theories at 0, and each pair of them equally far apart.

        Theories with tensors that are alike would else have contexts that are hard to tell apart. If they are the same
        (a single theory, or tensors that are not shown) they stay so.
        """
        context = np.asarray(self.exactly(tensors), float)
        mean = context.mean(axis=0)
        _, size, directions = np.linalg.svd(context - mean, full_matrices=False)
        differ = size > 1e-3
        factor = np.where(differ, np.sqrt(len(context)) / np.where(differ, size, 1.0), 1.0)
        matrix = np.eye(len(mean)) + (directions.T * (factor - 1)) @ directions
        weight, bias = np.asarray(self.spread.weight, float) @ matrix, (self.spread.bias - mean) @ matrix
        spread = Linear(jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32))
        return dataclasses.replace(self, spread=spread)


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
        self,
        requests: Requests,
        kind: Int[Array, " batch"],
        tensors: Float[Array, "theories entries"],
        tap: Tap = untapped,
    ) -> Float[Array, " batch"]:
        """Predictions of a batch in single precision.

        Args:
            requests: arrays as `encode` makes them.
            kind: position of each request's theory.
            tensors: of the theories, as from `tensors_of`.
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
