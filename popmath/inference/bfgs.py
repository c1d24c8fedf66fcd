"""Search for the mode of any log-posterior: BFGS (optimistix) from where least squares of square roots ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from popmath._types import Array
from popmath.inference.search import REACHED, LeastSquaresSearch, Optima, in_batches, in_order

_TOLERANCE = 1e-8
_MOST_STEPS = 400
_SAME = 1e-6  # difference of objectives up to which two starts are at one optimum
_FLAT = 1e-4  # largest derivative of the objective that still counts as an optimum


class BfgsSearch:
    """Minimise an objective, such as minus a log-posterior density.

    Args:
        objective: `objective(vector, data)` gives a number and the curve it comes from.
        pilot: least squares whose optima are the starts.
    """

    def __init__(self, objective: Callable[[Array, Any], tuple[Array, Array]], pilot: LeastSquaresSearch) -> None:
        """Compile nothing yet."""
        self.pilot = pilot
        solver = optx.BFGS(rtol=_TOLERANCE, atol=_TOLERANCE)

        def solve(start: Array, data: Any):
            solution = optx.minimise(
                objective,  # ty: ignore
                solver,
                start,
                args=data,
                max_steps=_MOST_STEPS,
                throw=False,
                has_aux=True,
                options={"autodiff_mode": "fwd"},
            )
            slope = jax.jacfwd(lambda vector: objective(vector, data)[0])(solution.value)
            value, curve = objective(solution.value, data)
            flat = jnp.max(jnp.abs(slope)) < _FLAT * (1 + jnp.abs(value))
            return solution.value, value, curve, flat, solution.stats["num_steps"]

        self._solve = jax.jit(jax.vmap(solve, in_axes=(0, None)))

    def solve(self, starts: np.ndarray, data: Any) -> Optima:
        """Least squares from every start, then BFGS from where it ended."""
        begun = self.pilot.solve(starts, data)
        vectors, values, curves, flat, steps = in_batches(self._solve, begun.vectors, data, self.pilot.batch_size)
        values = np.where(np.isfinite(values), values, np.inf)
        tied = values <= values.min() + _SAME
        return in_order(
            Optima(vectors, values, curves, values <= values.min() + REACHED, flat & np.isfinite(values), steps), tied
        )
