"""Search by gradient descent through the unrolled simulation: Adam (optax), after a warm start one step ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from popmath._types import Array
from popmath.inference.search import Optima, in_batches, in_order

_WARM_STEPS = 300
_STEPS = 3000
_RATE = 0.05  # largest step of the unconstrained numbers, falling to a thousandth of it on a cosine
_LONGEST = 10.0  # gradient norm beyond which it is clipped
_SETTLED = 0.02  # fall of the objective (a log-density) over the last tenth of the steps that counts as none
_NEAR = 0.1  # difference of objectives up to which two starts are at one optimum: Adam does not come much closer


class AdamSearch:
    """Minimise an objective by Adam, from all starts at once.

    Args:
        objective: `objective(vector, data)` gives a number and the curve it comes from.
        batch_size: starts per compiled call.
        warm: an objective for the first steps: errors one step ahead, which are smooth where whole curves are not;
            None to begin with the objective itself.
    """

    def __init__(
        self,
        objective: Callable[[Array, Any], tuple[Array, Array]],
        batch_size: int,
        warm: Callable[[Array, Any], Array] | None,
    ) -> None:
        """Compile nothing yet."""
        self.batch_size = batch_size

        def descend(vector: Array, value: Callable[[Array], Array], num_steps: int) -> tuple[Array, Array]:
            schedule = optax.cosine_decay_schedule(_RATE, num_steps, alpha=1e-3)
            descent = optax.chain(optax.clip_by_global_norm(_LONGEST), optax.adam(schedule))

            def one(carry, _):
                vector, state, best, least = carry
                now, slope = value(vector), jax.jacfwd(value)(vector)
                usable = jnp.isfinite(now) & jnp.isfinite(slope).all()
                better = usable & (now < least)
                best, least = jnp.where(better, vector, best), jnp.where(better, now, least)
                update, state = descent.update(jnp.where(usable, slope, 0.0), state, vector)
                return (jnp.where(usable, vector + update, 0.9 * vector + 0.1 * best), state, best, least), least

            start = (vector, descent.init(vector), vector, jnp.asarray(jnp.inf, vector.dtype))
            (_, _, best, _), path = jax.lax.scan(one, start, length=num_steps)
            return best, path

        def solve(start: Array, data: Any):
            if warm is not None:
                start, _ = descend(start, lambda vector: warm(vector, data), _WARM_STEPS)
            best, path = descend(start, lambda vector: objective(vector, data)[0], _STEPS)
            value, curve = objective(best, data)
            settled = path[-_STEPS // 10] - path[-1] <= _SETTLED
            return best, value, curve, settled & jnp.isfinite(value), jnp.asarray(_STEPS)

        def with_usual_promotion(starts: Array, data: Any):
            with jax.numpy_dtype_promotion("standard"):  # the schedules of optax multiply floats by counts
                return jax.vmap(solve, in_axes=(0, None))(starts, data)

        self._solve = jax.jit(with_usual_promotion)

    def solve(self, starts: np.ndarray, data: Any) -> Optima:
        """Run from every start, `batch_size` at a time."""
        vectors, values, curves, settled, steps = in_batches(self._solve, starts, data, self.batch_size)
        values = np.where(np.isfinite(values), values, np.inf)
        reached = values <= values.min() + _NEAR
        return in_order(Optima(vectors, values, curves, reached, settled, steps), values <= values.min() + 1e-6)
