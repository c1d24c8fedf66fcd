r"""DynamicFormer as it was published: two encoders, of the partition and of the tensor B, and a fused head.

What the published code does wrong is a setting here, with the right way as the default; see `PublishedSettings`.

References:
    Hashemi, B., Corominas, R. G. & Giacchetto, A. (2024), arXiv:2408.14915.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array
from popmath.dynamicformer.activations import DynamicRangeActivator, Form
from popmath.dynamicformer.layers import Linear, Perceptron, Tap, normalised, untapped
from popmath.dynamicformer.pooling import PrincipalPool


@dataclasses.dataclass(frozen=True)
class PublishedSettings:
    r"""The shape of a `PublishedNetwork`.

    Attributes:
        width: of tokens and pooled vectors.
        heads: of attention.
        embedding: size of the embedding of (g, n); with `width` it is what the head reads.
        hidden: of the head.
        masked_pooling: pool over the tokens that are there; the published code pools over padding too.
        true_lengths: scale the pool by the number of tokens that are there, not by the padded length.
        padding_id: degree of a padding token. In the published code it is 0, a degree that occurs; the default cannot.
        form: of the Dynamic Range Activator.
        redundancy: weight of the cross-correlation of the two memory tokens in the loss.
        usual_sums: divide the sums in the pools by the usual number of tokens; as published they are not, and with
            up to 1,500 tokens training blew up.
        head_scale: of the last layer's random weights; 1 as published.
        most_entries: of B that are encoded; 1,500 as published, which cuts the tensors of $3g-3+n \ge 53$.
    """

    width: int = 256
    heads: int = 4
    embedding: int = 576
    hidden: int = 256
    masked_pooling: bool = True
    true_lengths: bool = True
    padding_id: int = -1
    form: Form = "package"
    redundancy: float = 0.1
    usual_sums: bool = True
    head_scale: float = 0.1
    most_entries: int = 1_500

    def __post_init__(self) -> None:
        """Check what cannot work."""
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; got {self.width} and {self.heads}.")
        if self.padding_id > 0:
            raise ValueError(f"padding_id must be -1 (none), or 0 as published; got {self.padding_id}.")
        if self.most_entries < 1:
            raise ValueError(f"most_entries must be at least 1; got {self.most_entries}.")


class Partitions(NamedTuple):
    """Some requests of the types in one batch, and the tensor of each type.

    Attributes:
        kind: position of its type, shape `(batch,)`.
        degrees: the distinct degrees of each, shape `(batch, tokens)`.
        times: how many points have each, 0 where a request has no more, same shape.
        length: number of points up to which each is padded, shape `()`.
        type_: (g, n) of each type, shape `(types, 2)`.
        entries: (i, j, k, log(1 + 100 B[i, j, k])) of the non-zero entries of B, shape `(types, entries, 4)`.
        entry_mask: True where there is an entry, shape `(types, entries)`.
    """

    kind: np.ndarray
    degrees: np.ndarray
    times: np.ndarray
    length: np.ndarray
    type_: np.ndarray
    entries: np.ndarray
    entry_mask: np.ndarray


class EncodedTensors(NamedTuple):
    """What the network makes of the tensors of some types.

    Attributes:
        pooled: shape `(types, 12 * width)`.
        memory: shape `(types, width)`.
    """

    pooled: Array
    memory: Array


@final
class Encoder(eqx.Module):
    """One transformer block (RMSNorm, normalised queries and keys, DRA) with a memory token before the others."""

    inputs: Linear
    memory: Float[Array, " width"]
    attention: list[Linear]
    scale: Float[Array, " heads"]
    gains: list[Float[Array, " width"]]
    forward: list[Linear]
    activation: DynamicRangeActivator
    position: Perceptron | None

    @classmethod
    def random(cls, features: int, settings: PublishedSettings, positions: bool, key: Array) -> Encoder:
        """Random weights; with `positions` a learned bias of how far apart two tokens stand."""
        width, keys = settings.width, jax.random.split(key, 10)
        return cls(
            Linear.random(features, width, keys[0]),
            0.02 * jax.random.normal(keys[1], (width,)),
            [Linear.random(width, width, k) for k in keys[2:6]],
            jnp.full(settings.heads, 10.0),
            [jnp.ones(width), jnp.ones(width)],
            [Linear.random(width, width, keys[6]), Linear.random(width, width, keys[7], 0.1)],
            DynamicRangeActivator.random(keys[8], settings.form),
            Perceptron.random((1, width // 4, settings.heads), "swish", keys[9]) if positions else None,
        )

    def __call__(self, tokens: Array, times: Array, tap: Tap = untapped, name: str = "") -> tuple[Array, Array]:
        """Memory token, shape `(batch, width)`, and the others, shape `(batch, tokens, width)`.

        Tapped as `<name>.attention`, shape `(batch, heads, 1 + tokens, 1 + tokens)`, `<name>.memory`, `<name>.tokens`.
        A token that stands `times` times is what as many equal tokens are, exactly: without positions their values are
        equal, and in attention their weights add.
        """
        memory = jnp.broadcast_to(self.memory, (len(tokens), 1, len(self.memory)))
        x = jnp.concatenate([memory, self.inputs(tokens)], axis=1)
        weight = jnp.concatenate([jnp.ones((len(times), 1)), times], axis=1)
        normal = _rms(x, self.gains[0])
        x = x + self._mixed(normal, tap(f"{name}.attention", self._weights(normal, weight)))
        x = x + self.forward[1](self.activation(self.forward[0](_rms(x, self.gains[1]))))
        return tap(f"{name}.memory", x[:, 0]), tap(f"{name}.tokens", x[:, 1:])

    def _weights(self, x: Array, times: Array) -> Array:
        q, k = (self._split(linear(x)) for linear in self.attention[:2])
        scores = jnp.einsum("bqhd,bkhd->bhqk", _unit(q), _unit(k)) * self.scale[None, :, None, None]
        if self.position is not None:
            scores = scores + self._bias(x.shape[1])[None]
        counted = jnp.where(times > 0, jnp.log(jnp.maximum(times, 1.0)), -1e9)
        return jax.nn.softmax(scores + counted[:, None, None, :], axis=-1)

    def _mixed(self, x: Array, weights: Array) -> Array:
        mixed = jnp.einsum("bhqk,bkhd->bqhd", weights, self._split(self.attention[2](x)))
        return self.attention[3](jnp.reshape(mixed, x.shape))

    def _split(self, x: Array) -> Array:
        return jnp.reshape(x, (*x.shape[:2], len(self.scale), -1))

    def _bias(self, count: int) -> Array:
        """Dynamic position bias, shape `(heads, count, count)`."""
        assert self.position is not None
        apart = jnp.arange(count, dtype=jnp.float32)
        of_distance = self.position(jnp.log1p(apart)[:, None])
        return of_distance[jnp.abs(jnp.arange(count)[:, None] - jnp.arange(count)[None, :])].transpose(2, 0, 1)


@final
class PublishedNetwork(eqx.Module):
    r"""log F from (g, n), the partition, one token for each point, and the tensor B, one token for each entry.

    Two encoders; principal neighbourhood aggregation of each; DRA of the sum of the two; beside an embedding of (g, n)
    a ReLU head. B depends on $3g-3+n$ alone: within one theory it says nothing that (g, n) does not.

    Attributes:
        settings: its shape.
    """

    partition: Encoder
    tensor: Encoder
    pools: list[PrincipalPool]
    project: Linear
    fuse: DynamicRangeActivator
    embed: Linear
    head: Perceptron
    settings: PublishedSettings = eqx.field(static=True)

    @classmethod
    def random(cls, settings: PublishedSettings, key: Array) -> PublishedNetwork:
        """Random weights; about 1.8 million in the published size."""
        keys, sizes = jax.random.split(key, 7), (settings.width + settings.embedding, settings.hidden, 1)
        return cls(
            Encoder.random(1, settings, False, keys[0]),
            Encoder.random(4, settings, True, keys[1]),
            [PrincipalPool(jnp.asarray(2.0)), PrincipalPool(jnp.asarray(6.0))],
            Linear.random(12 * settings.width, settings.width, keys[2]),
            DynamicRangeActivator.random(keys[3], settings.form),
            Linear.random(2, settings.embedding, keys[4]),
            Perceptron.random(sizes, "relu", keys[5], settings.head_scale),
            settings,
        )

    def encoded(self, entries: Array, there: Array, tap: Tap = untapped) -> EncodedTensors:
        """The tensors of some types: entries as in `Partitions`, and True where there is one."""
        counted = jnp.asarray(there, jnp.float32)
        memory, tokens = self.tensor(_scaled(entries), counted, tap, "tensor")
        return EncodedTensors(self._pool(1, tokens, counted, jnp.ones_like(counted)), memory)

    def __call__(
        self, batch: Partitions, tensors: EncodedTensors | None = None, tap: Tap = untapped
    ) -> tuple[Float[Array, " batch"], Array, Array]:
        """Predictions of log F, and the memory tokens of partition and tensor, shape `(batch, width)` each.

        Args:
            batch: requests and their types.
            tensors: as `encoded` makes them; otherwise B is encoded here, once for each type of the batch.
            tap: called with the name and value of every intermediate, as in `IntersectionNetwork`. Names:
                `partition.attention`, `partition.memory`, `partition.tokens`, the same of `tensor` if B is encoded
                here; `tensor.pooled` (by type), `pooled` (of the partition), `fused`, `type`, `head.0`.
        """
        settings = self.settings
        of_types = self.encoded(batch.entries, batch.entry_mask, tap) if tensors is None else tensors
        times = jnp.asarray(batch.times, jnp.float32)
        points = jnp.sum(times, axis=1, keepdims=True)
        padding = jnp.full((len(times), 1), settings.padding_id, jnp.float32)
        degrees = jnp.concatenate([jnp.asarray(batch.degrees, jnp.float32), padding], axis=1)
        missing = jnp.asarray(batch.length, jnp.float32) - points
        real = jnp.concatenate([times, jnp.zeros_like(missing)], axis=1)
        filled = jnp.concatenate([times, missing], axis=1)
        memory, tokens = self.partition(
            degrees[..., None] / 10, real if settings.padding_id < 0 else filled, tap, "partition"
        )
        of_tensor = self.project(tap("tensor.pooled", of_types.pooled))
        pooled = self.project(tap("pooled", self._pool(0, tokens, real, filled)))
        fused = tap("fused", self.fuse(pooled + of_tensor[batch.kind]))
        kinds = tap("type", self.embed(jnp.asarray(batch.type_, jnp.float32) / 10)[batch.kind])
        value = self.head(jnp.concatenate([fused, kinds], axis=1), tap, "head")[:, 0]
        return 40.0 * value, memory, of_types.memory[batch.kind]

    def _pool(self, number: int, tokens: Array, real: Array, filled: Array) -> Array:
        times = real if self.settings.masked_pooling else filled
        lengths = real if self.settings.true_lengths else filled
        return self.pools[number](tokens, times, jnp.sum(lengths, axis=1), self.settings.usual_sums)

    def loss(self, batch: Partitions, target: Array, tensors: EncodedTensors | None = None) -> Array:
        """Mean absolute error and the redundancy of the two memory tokens (Barlow twins).

        The tensor's memory takes as many values as there are types in the batch: with one type its variance is 0, its
        normalised value 0 and the second term a constant. Draw several types for each batch.
        """
        value, memory, tensor_memory = self(batch, tensors)
        correlation = jnp.matmul(_standardised(memory).T, _standardised(tensor_memory)) / len(target)
        diagonal = jnp.diagonal(correlation)
        apart = jnp.sum(correlation**2) - jnp.sum(diagonal**2)
        twins = jnp.sum((diagonal - 1) ** 2) + 0.5 * apart
        return jnp.mean(jnp.abs(value - target)) + self.settings.redundancy * twins / memory.shape[1]


def _scaled(entries: Array) -> Array:
    """Indices over 10."""
    return jnp.asarray(entries, jnp.float32) / jnp.array([10.0, 10.0, 10.0, 1.0])[None, None]


def _rms(x: Array, gain: Array) -> Array:
    return normalised(x) * jnp.broadcast_to(gain, x.shape)


def _unit(x: Array) -> Array:
    return x * jax.lax.rsqrt(jnp.sum(x**2, axis=-1, keepdims=True) + 1e-6)


def _standardised(x: Array) -> Array:
    """Over the batch (batch normalisation without gains)."""
    centred = x - jnp.mean(x, axis=0, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, axis=0, keepdims=True) + 1e-5)
