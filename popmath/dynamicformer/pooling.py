"""Principal neighbourhood aggregation of a set of tokens."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Float

from popmath._types import Array


@final
class PrincipalPool(eqx.Module):
    r"""Sum (over the usual number), maximum, mean and standard deviation of the tokens, each times 1, s and 1/s.

    $s = \log(n+1)/\log(\bar n+1)$ with $n$ the number of tokens and $\bar n$ learned (as its logarithm).

    References:
        Corso, G. et al. (2020), Principal neighbourhood aggregation for graph nets, NeurIPS.
    """

    log_usual: Float[Array, ""]

    def __call__(self, tokens: Array, mask: Array, lengths: Array) -> Array:
        """Shape `(batch, 12 * width)`; only tokens of the mask count. `lengths` is n of each set."""
        there = mask[..., None]
        number = jnp.sum(jnp.asarray(there, tokens.dtype), axis=1)
        total = jnp.sum(jnp.where(there, tokens, 0.0), axis=1)
        mean = total / number
        spread = jnp.sum(jnp.where(there, (tokens - mean[:, None]) ** 2, 0.0), axis=1) / number
        most = jnp.max(jnp.where(there, tokens, -1e9), axis=1)
        usual = jnp.exp(self.log_usual)
        found = jnp.concatenate([total / usual, most, mean, jnp.sqrt(spread + 1e-6)], axis=1)
        scale = (jnp.log1p(lengths) / jnp.log1p(usual))[:, None]
        return jnp.concatenate([found, found * scale, found / scale], axis=1)
