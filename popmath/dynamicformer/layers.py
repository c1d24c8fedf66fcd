"""Perceptrons and attention over sets of tokens, each with an activation of choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array
from popmath.dynamicformer.activations import Activation, affine, make_activation

Tap = Callable[[str, Array], Array]


def untapped(name: str, value: Array) -> Array:
    """A tap that changes nothing."""
    return value


@final
class Linear(eqx.Module):
    """x W + v on the last axis."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    @classmethod
    def random(cls, inputs: int, outputs: int, key: Array, scale: float = 1.0) -> Linear:
        """Weights from N(0, scale^2 / inputs), no bias."""
        return cls(scale / np.sqrt(inputs) * jax.random.normal(key, (inputs, outputs)), jnp.zeros(outputs))

    @classmethod
    def through(cls, inputs: Array, outputs: np.ndarray) -> Linear:
        """The smallest weights with these outputs, or the nearest there are, at these inputs; both in rows."""
        given = np.concatenate([np.ones((len(inputs), 1)), np.asarray(inputs, float)], axis=1)
        found = jnp.asarray(np.linalg.lstsq(given, outputs, rcond=1e-6)[0], jnp.float32)
        return cls(found[1:], found[0])

    def __call__(self, x: Array) -> Array:
        """Apply to every vector along the last axis."""
        return affine(x, self.weight, self.bias)


@final
class Perceptron(eqx.Module):
    """Linear layers with an activation, of its own numbers, after each but the last."""

    linears: list[Linear]
    activations: list[Activation]

    @classmethod
    def random(cls, sizes: Sequence[int], activation: str, key: Array, scale: float = 1.0) -> Perceptron:
        """Layers of these sizes; `scale` is that of the last layer's weights."""
        keys = jax.random.split(key, 2 * len(sizes))
        last = len(sizes) - 2
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        return cls(
            [Linear.random(a, b, keys[2 * i], scale if i == last else 1.0) for i, (a, b) in enumerate(pairs)],
            [make_activation(activation, b, keys[2 * i + 1]) for i, (_, b) in enumerate(pairs[:-1])],
        )

    def __call__(self, x: Array, tap: Tap = untapped, name: str = "") -> Array:
        """Apply to every vector along the last axis; hidden vectors are tapped as `<name>.0`, `<name>.1`, ..."""
        for number, (linear, activation) in enumerate(zip(self.linears[:-1], self.activations, strict=True)):
            x = tap(f"{name}.{number}", activation(linear(x)))
        return self.linears[-1](x)


@final
class SetAttention(eqx.Module):
    """Multi-head self-attention over the tokens of a set, then a perceptron; both added to the tokens (pre-norm)."""

    queries: Linear
    keys: Linear
    values: Linear
    out: Linear
    forward: Perceptron
    heads: int = eqx.field(static=True)

    @classmethod
    def random(cls, width: int, heads: int, activation: str, key: Array) -> SetAttention:
        """Random weights; the last ones small, so that the block begins near the identity."""
        q, k, v, o, f = jax.random.split(key, 5)
        parts = [Linear.random(width, width, each) for each in (q, k, v)]
        forward = Perceptron.random((width, 2 * width, width), activation, f, scale=0.1)
        return cls(*parts, Linear.random(width, width, o, scale=0.1), forward, heads)

    def attention(self, tokens: Array, mask: Array) -> Array:
        """Who looks at whom, shape `(batch, heads, tokens, tokens)`; rows sum to 1 over the tokens that are there."""
        q, k = (self._split(linear(normalised(tokens))) for linear in (self.queries, self.keys))
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
        return jax.nn.softmax(jnp.where(mask[:, None, None, :], scores, -1e9), axis=-1)

    def __call__(self, tokens: Array, mask: Array, attention: Array) -> Array:
        """Tokens after one block, given its attention."""
        values = self._split(self.values(normalised(tokens)))
        mixed = jnp.einsum("bhqk,bkhd->bqhd", attention, values)
        tokens = tokens + self.out(jnp.reshape(mixed, tokens.shape))
        return jnp.where(mask[..., None], tokens + self.forward(normalised(tokens)), 0.0)

    def _split(self, x: Array) -> Array:
        return jnp.reshape(x, (*x.shape[:-1], self.heads, -1))


def normalised(x: Array) -> Array:
    """Divided by the root mean square over the last axis (RMSNorm without gains)."""
    return x * jax.lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)


@final
class MonoidPool(eqx.Module):
    """Learnable commutative pooling: a symmetric operation of two vectors, along a balanced tree of the tokens.

    The operation is f(x, y) + f(y, x) added to x + y, so that it is the sum where f is 0. It need not be associative:
    as the tokens stand in the order of their degrees, the result still does not depend on the order of the points.

    References:
        Ong, E. & Velickovic, P. (2022), Learnable commutative monoids for graph neural networks, arXiv:2212.08541.
    """

    operation: Perceptron

    @classmethod
    def random(cls, width: int, activation: str, key: Array) -> MonoidPool:
        """Near the sum."""
        return cls(Perceptron.random((2 * width, width, width), activation, key, scale=0.1))

    def __call__(self, tokens: Array) -> Array:
        """One vector for each set, shape `(batch, width)`; tokens that are not there must be 0."""
        while tokens.shape[1] > 1:
            if tokens.shape[1] % 2:
                tokens = jnp.pad(tokens, ((0, 0), (0, 1), (0, 0)))
            x, y = tokens[:, ::2], tokens[:, 1::2]
            there = jnp.any(x != 0, axis=-1, keepdims=True) & jnp.any(y != 0, axis=-1, keepdims=True)
            both = self.operation(jnp.concatenate([x, y], -1)) + self.operation(jnp.concatenate([y, x], -1))
            tokens = x + y + jnp.where(there, both, 0.0)
        return tokens[:, 0]
