r"""Our network: a set of distinct degrees, and an expansion in 1/(2g - 2 + n) whose coefficients are learned."""

from __future__ import annotations

import dataclasses
from typing import Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array
from popmath.dynamicformer.additive import AdditivePart
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.features import Features, features, num_features, with_context
from popmath.dynamicformer.layers import Linear, MonoidPool, Perceptron, SetAttention, Tap, untapped


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    r"""The shape of an `IntersectionNetwork`.

    Attributes:
        width: of tokens.
        hidden: width of the perceptrons that read the pooled set.
        order: number K of coefficients of the expansion.
        first_order: exponent q of its first term: 1, or 0 where the target is of the order of 1 at every genus.
        scale: what the expansion is multiplied by, so that coefficients are of the order of 1.
        activation: of every layer; see `make_activation`.
        blocks: attention blocks between tokens and pooling; 0 is a deep set.
        steps: how often the blocks are run through, with the same weights (a recurrent depth).
        halting: weigh the steps of each request by how likely the network is to stop there.
        heads: of attention.
        pooling: `"sum"`, or `"monoid"`, learned.
        additive: add an `AdditivePart`, which a target that grows with the genus needs.
        reach: largest degree that the coefficients see; 0 for no limit. No degree above k+1 occurs in $\alpha_k$.
        context: numbers that are given with each request beside it; see `JointNetwork`.
    """

    width: int = 64
    hidden: int = 128
    order: int = 3
    first_order: int = 1
    scale: float = 4.0
    activation: str = "dra"
    blocks: int = 0
    steps: int = 1
    halting: bool = False
    heads: int = 4
    pooling: Literal["sum", "monoid"] = "sum"
    additive: bool = False
    reach: int = 0
    context: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("width", "hidden", "order", "first_order", "blocks", "steps", "heads", "reach", "context"):
            least = 0 if name in ("blocks", "first_order", "reach", "context") else 1
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}; got {getattr(self, name)}.")
        if self.blocks and self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; got {self.width} and {self.heads}.")
        if self.pooling not in ("sum", "monoid"):
            raise ValueError(f"pooling must be 'sum' or 'monoid'; got {self.pooling!r}.")
        if self.halting and not self.blocks:
            raise ValueError("halting weighs the steps of attention blocks: set blocks to at least 1.")


@final
class IntersectionNetwork(eqx.Module):
    r"""A function of genus, number of points and the multiset of degrees.

    The distinct degrees with their multiplicities are tokens; a perceptron, and attention blocks if there are any,
    make a vector of each. $e$ is their sum weighed by `influence`, $E$ their sum. With the multiplicities $p$ of small
    degrees, features $\ell$ of the level and $s = w/(1+w)$, $w = \tfrac32 (1 + p_0^2/6)/(2g-2+n)$,

    $$y = c\,s^q \Bigl[\sum_{k=0}^{K-1} s^k f_k(e, p) + 5\,s^K f(e, E, p, \ell)\Bigr]
      \;[\, + \text{additive part}\,].$$

    Without a context $c$ is the setting `scale`, and $f_k$ do not see $g$ or $n$: they take the place of the
    coefficients of an expansion in 1/L, so that whatever the last $f$ does is small at genera above those that were
    trained on. $s$ and not $1/L$ keeps every term bounded where there are many zeros. With a context $c$ is that times
    the exponential of an affine function of it: a theory that needs no more than the additive part is rid of the rest.
    It is invariant to the order of the points by construction.

    Attributes:
        settings: its shape.
    """

    token: Perceptron
    blocks: list[SetAttention]
    halt: Linear | None
    pool: MonoidPool | None
    trunk: Perceptron
    tail: Perceptron
    additive: AdditivePart | None
    gain: Linear | None
    settings: NetworkSettings = eqx.field(static=True)

    @classmethod
    def random(cls, settings: NetworkSettings, key: Array) -> IntersectionNetwork:
        """Random weights."""
        per_token, per_count, per_level = num_features(settings.context)
        keys = jax.random.split(key, 7 + settings.blocks)
        width, hidden, name = settings.width, settings.hidden, settings.activation
        blocks = [SetAttention.random(width, settings.heads, name, k) for k in keys[7:]]
        halt = Linear.random(width, 1, keys[5]) if settings.halting else None
        pool = MonoidPool.random(width, name, keys[6]) if settings.pooling == "monoid" else None
        seen = width + per_count
        trunk = Perceptron.random((seen, hidden, hidden, settings.order), name, keys[1], scale=0.1)
        tail = Perceptron.random((seen + width + per_level, hidden, hidden, 1), name, keys[2], scale=0.1)
        additive = AdditivePart.random(settings.context, keys[3]) if settings.additive else None
        gain = Linear.random(settings.context, 1, keys[4], scale=0.0) if settings.context else None
        token = Perceptron.random((per_token, width, width), name, keys[0])
        return cls(token, blocks, halt, pool, trunk, tail, additive, gain, settings)

    def __call__(self, requests: Requests, tap: Tap = untapped, context: Array | None = None) -> Float[Array, " batch"]:
        """Predictions of a batch in single precision.

        Args:
            requests: arrays as `encode` makes them.
            tap: called with the name and value of every intermediate; what it returns is used in its place. Names:
                `tokens`, `attention.<block>.<step>`, `tokens.<step>`, `pooled` ($e$), `pooled.whole` ($E$), `fused`
                and `fused.whole` (what the perceptrons of coefficients and tail read), `trunk.0`, `trunk.1`,
                `coefficients`, `tail.0`, `tail.1`, `tail`, `powers` (what these two are multiplied by), `gain` (what
                their sum is, with a context), `additive`.
            context: shape `(batch, context)`, for a network that is to be given some.
        """
        given = jnp.zeros((len(requests.genus), 0)) if context is None else context
        if given.shape[1] != self.settings.context:
            raise ValueError(f"context must have {self.settings.context} numbers a request; got {given.shape[1]}.")
        read = features(*requests)
        if self.settings.context:
            read = with_context(read, given, requests)
        if self.settings.reach:
            seen = jnp.asarray(requests.degrees) <= self.settings.reach
            read = read._replace(influence=jnp.where(seen, read.influence, 0.0))
        trunk, tail = self.inputs(read, tap)
        coefficients = tap("coefficients", self.trunk(trunk, tap, "trunk"))
        rest = tap("tail", _bounded(self.tail(tail, tap, "tail")[:, 0]))
        powers = tap("powers", self._powers(read.small))
        value = jnp.sum(powers[:, :-1] * coefficients, axis=1) + powers[:, -1] * rest
        if self.gain is not None:
            value = value * tap("gain", jnp.exp(_GAIN * self.gain(given)[:, 0]))
        return value if self.additive is None else value + tap("additive", self.additive(requests, given))

    def with_gain(self, contexts: Array, sizes: np.ndarray) -> IntersectionNetwork:
        """The same with a gain of so much, or of the nearest there is, at each of these contexts, in rows."""
        return dataclasses.replace(self, gain=Linear.through(contexts, np.log(sizes)[:, None] / _GAIN))

    def inputs(self, read: Features, tap: Tap = untapped) -> tuple[Array, Array]:
        """What the two perceptrons on top are given."""
        tokens = self._tokens(read, tap)
        small = tap("pooled", self._pool(tokens * read.influence[..., None]))
        whole = tap("pooled.whole", self._pool(tokens))
        seen = tap("fused", jnp.concatenate([small, read.counts], axis=1))
        return seen, tap("fused.whole", jnp.concatenate([seen, whole, read.level], axis=1))

    def _powers(self, small: Array) -> Array:
        """What each coefficient and the tail are multiplied by, shape `(batch, order + 1)`."""
        powers = [self.settings.scale * small ** (self.settings.first_order + k) for k in range(self.settings.order)]
        return jnp.stack([*powers, 5.0 * powers[-1] * small], axis=1)

    def _tokens(self, read: Features, tap: Tap) -> Array:
        """A vector of each token, after every step, weighed by where the network halts."""
        tokens = tap("tokens", jnp.where(read.mask[..., None], self.token(read.tokens), 0.0))
        if not self.blocks:
            return tokens
        total, left = jnp.zeros_like(tokens), jnp.ones((len(tokens), 1, 1))
        for step in range(self.settings.steps):
            for number, block in enumerate(self.blocks):
                attention = tap(f"attention.{number}.{step}", block.attention(tokens, read.mask))
                tokens = block(tokens, read.mask, attention)
            tokens = tap(f"tokens.{step}", tokens)
            if self.halt is None:
                total = tokens
            else:
                is_last = step == self.settings.steps - 1
                stop = jnp.ones_like(left) if is_last else jax.nn.sigmoid(self.halt(self._pool(tokens)))[:, None]
                total, left = total + left * stop * tokens, left * (1 - stop)
        return total

    def _pool(self, tokens: Array) -> Array:
        return self.pool(tokens) if self.pool is not None else jnp.sum(tokens, axis=1) / 3


def _bounded(x: Array) -> Array:
    """X where it is small, and between -2 and 2."""
    return _MOST * jnp.tanh(x / _MOST)


_MOST = 2.0
_GAIN = 3.0  # so that it moves faster than other weights
