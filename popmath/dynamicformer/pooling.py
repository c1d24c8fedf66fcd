"""Principal neighbourhood aggregation of a set of tokens."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Float

from popmath._types import Array


@final
class PrincipalPool(eqx.Module):
    r"""Sum, maximum, mean and standard deviation of the tokens, each times 1, s and 1/s.

    $s = \log(n+1)/\log(\bar n+1)$ with $n$ the number of tokens and $\bar n$ learned (as its logarithm).

    References:
        Corso, G. et al. (2020), Principal neighbourhood aggregation for graph nets, NeurIPS.
    """

    log_usual: Float[Array, ""]

    def __call__(self, tokens: Array, times: Array, lengths: Array, usual_sums: bool = True) -> Array:
        r"""Shape `(batch, 12 * width)`; each token counts `times` times. `lengths` is n of each set.

        With `usual_sums` the sum is over $\bar n$: of the size of the others, and as steep as they are.
        """
        weight = times[..., None]
        number = jnp.sum(weight, axis=1)
        total = jnp.sum(weight * tokens, axis=1)
        mean = total / number
        spread = jnp.sum(weight * (tokens - mean[:, None]) ** 2, axis=1) / number
        most = jnp.max(jnp.where(weight > 0, tokens, -1e9), axis=1)
        usual = jnp.exp(self.log_usual)
        summed = total / usual if usual_sums else total
        found = jnp.concatenate([summed, most, mean, jnp.sqrt(spread + 1e-6)], axis=1)
        scale = (jnp.log1p(lengths) / jnp.log1p(usual))[:, None]
        return jnp.concatenate([found, found * scale, found / scale], axis=1)
