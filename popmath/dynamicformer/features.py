r"""What the network reads of a request: numbers that stay inside their training range as the genus grows.

With $L = 2g-2+n$ every feature is $1/L$, a multiplicity, a ratio of the two, or a bounded function of a degree. Those
of tokens and multiplicities do not contain $g$ or $n$, but for several theories; those of the level do.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from popmath._types import Array
from popmath.dynamicformer.encoding import Requests

_ONE_HOT = np.arange(9)  # degrees that have a feature of their own
_COUNTED = np.array([0, 1, 2, 3, 4, 5, 6])  # degrees whose multiplicities are features of the whole request
_ZEROS = 6.0  # of the order of the number of zeros squared at which the first correction doubles
_LEVEL = 1.5


class Features(NamedTuple):
    """Features of a batch.

    Attributes:
        tokens: of each distinct degree with its multiplicity, shape `(batch, tokens, features)`, 0 where there is none.
        mask: True where there is a token.
        counts: of the multiplicities of small degrees, shape `(batch, features)`.
        level: with genus and number of points, shape `(batch, features)`.
        influence: of each token on the coefficients of the expansion, shape `(batch, tokens)`: 1 for degrees up to 2,
            falling as the square of larger ones, which matter only at high orders.
        small: the parameter of the expansion, in (0, 1), shape `(batch,)`; about 1.5 / L where there are no zeros.
    """

    tokens: Array
    mask: Array
    counts: Array
    level: Array
    influence: Array
    small: Array


def features(genus: Array, num_points: Array, degrees: Array, multiplicity: Array) -> Features:
    """Features of requests as `encode` makes them, in single precision."""
    mask = multiplicity > 0
    g, n, times = (jnp.asarray(each, jnp.float32) for each in (genus, num_points, multiplicity))
    d = jnp.asarray(jnp.maximum(degrees, 0), jnp.float32)
    one_hot = equals(degrees, _ONE_HOT)
    smooth = [
        1 / (d + 2),
        8 / (d + 2) ** 2,
        jnp.asarray(d > 8, jnp.float32),
        times / 8,
        jnp.log1p(times),
        1 / (1 + times),
    ]
    tokens = jnp.where(mask[..., None], jnp.concatenate([one_hot, jnp.stack(smooth, axis=-1)], axis=-1), 0.0)
    counted = jnp.sum(times[..., None] * equals(degrees, _COUNTED), axis=1)
    counts = jnp.concatenate([jnp.log1p(counted), 1 / (1 + counted), counted / 8], axis=-1)
    u = 1 / (2 * g - 2 + n)
    zeros = counted[:, 0]
    low_genus = equals(genus, np.arange(2))
    weight = _LEVEL * u * (1 + zeros**2 / _ZEROS)
    small = weight / (1 + weight)
    level = jnp.concatenate([jnp.stack([u, n * u, small], axis=-1), low_genus, counted * u[:, None]], axis=-1)
    influence = jnp.where(mask, 1 / (1 + (jnp.maximum(d - 2, 0) / 3) ** 2), 0.0)
    return Features(tokens, mask, counts, level, influence, small)


def with_context(read: Features, context: Array, requests: Requests) -> Features:
    """The same for several theories, with numbers of each request, shape `(batch, numbers)`, beside those it has.

    Theories differ in what the degrees may sum to, so their sum, and that of their squares, over the level, and what is
    left of 3g - 3 + n, are features of the whole request; and large degrees count as much as small ones.
    """
    shape = (*read.tokens.shape[:2], context.shape[1])
    of_tokens = jnp.where(read.mask[..., None], jnp.broadcast_to(context[:, None, :], shape), 0.0)
    tokens = jnp.concatenate([read.tokens, of_tokens], axis=-1)
    g, n, times = (jnp.asarray(each, jnp.float32) for each in (*requests[:2], requests.multiplicity))
    d = jnp.asarray(jnp.maximum(requests.degrees, 0), jnp.float32)
    share = d / (2 * g - 2 + n)[:, None]
    left = 3 * g - 3 + n - jnp.asarray(requests.total_degree, jnp.float32)
    sums = [jnp.sum(times * share, axis=1), jnp.sum(times * share**2, axis=1), 1 / (1 + left), jnp.log1p(left) / 2]
    counts = jnp.concatenate([read.counts, jnp.stack(sums, axis=1), context], axis=1)
    return read._replace(tokens=tokens, counts=counts, influence=jnp.asarray(read.mask, jnp.float32))


def equals(numbers: Array, values: np.ndarray) -> Array:
    """1.0 where a number is one of the values, on a new last axis."""
    column = jnp.asarray(numbers)[..., None]
    wide = jnp.broadcast_to(jnp.asarray(values, column.dtype), (*column.shape[:-1], len(values)))
    return jnp.asarray(column == wide, jnp.float32)


def num_features(context: int = 0) -> tuple[int, int, int]:
    """How many features tokens, multiplicities and levels have, with so many numbers of `with_context`."""
    more = context + 4 if context else 0
    return len(_ONE_HOT) + 6 + context, 3 * len(_COUNTED) + more, 5 + len(_COUNTED)
