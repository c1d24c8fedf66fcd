"""Search from many starts: nonlinear least squares by Levenberg-Marquardt (optimistix), all starts in vmapped calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from popmath._types import Array

_TOLERANCE = 1e-9
_SAME = 1e-8  # relative difference of sums of squares up to which two starts are at one optimum
_REACHED = 1e-4  # the same, up to which a start counts as having reached the optimum
REACHED = 2e-3  # difference of minus log-densities that makes no difference
_STALLED = 1e-7  # relative fall of the sum of squares over a round below which it counts as no longer falling


class Optima(NamedTuple):
    """Where each start ended, best first.

    Attributes:
        vectors: shape `(starts, parameters)`.
        sums: sum of squares (or objective) at each, inf where it is not finite.
        curves: the curve at each, shape `(starts, ...)`.
        reached: whether it is the best optimum, to within what makes no difference.
        converged: whether the optimiser met its tolerance there, or a whole round no longer lowered the sum (as when a
            parameter runs to the edge of its domain).
        num_steps: steps taken in all.
    """

    vectors: np.ndarray
    sums: np.ndarray
    curves: np.ndarray
    reached: np.ndarray
    converged: np.ndarray
    num_steps: np.ndarray


@runtime_checkable
class Search(Protocol):
    """A way to an optimum, compiled once for problems that differ in their data."""

    def solve(self, starts: np.ndarray, data: Any) -> Optima:
        """Where each start, shape `(starts, parameters)`, ends."""
        ...


class LeastSquaresSearch:
    """A family of problems with the same residuals on different data, compiled once.

    Args:
        residuals: `residuals(vector, data)` gives the residuals, shape `(observations,)`, and the curve they come from.
        batch_size: starts per compiled call.
        steps_per_round: Levenberg-Marquardt steps of one call.
    """

    def __init__(
        self, residuals: Callable[[Array, Any], tuple[Array, Array]], batch_size: int, steps_per_round: int = 60
    ) -> None:
        """Compile nothing yet."""
        self.batch_size = batch_size
        solver = optx.LevenbergMarquardt(rtol=_TOLERANCE, atol=_TOLERANCE)

        def with_sum(vector: Array, data: Any) -> tuple[Array, tuple[Array, Array]]:
            error, slopes, curve = _with_slopes(residuals, jax.lax.stop_gradient(vector), data)
            linear = error + jnp.dot(vector - jax.lax.stop_gradient(vector), slopes)  # what the solver differentiates
            return linear, (jnp.sum(error**2), curve)

        def solve(start: Array, data: Any):
            solution = optx.least_squares(
                with_sum,
                solver,
                start,
                args=data,
                max_steps=steps_per_round,
                throw=False,
                has_aux=True,
                options={"jac": "fwd"},
            )
            # a start whose residuals are not finite may come back unchanged and unmarked: its sum tells
            met = solution.result == optx.RESULTS.successful
            total, curve = solution.aux
            return solution.value, total, curve, met, solution.stats["num_steps"]

        self._solve = jax.jit(jax.vmap(solve, in_axes=(0, None)))

    def solve(self, starts: np.ndarray, data: Any, max_rounds: int = 8) -> Optima:
        """Run from every start, `batch_size` at a time; go on with a batch until its best start has converged."""
        parts = [
            self._solve_batch(starts[i : i + self.batch_size], data, max_rounds)
            for i in range(0, len(starts), self.batch_size)
        ]
        vectors, sums, curves, converged, steps = (np.concatenate(column) for column in zip(*parts, strict=True))
        with np.errstate(over="ignore"):
            tied, reached = (sums <= sums.min() * (1 + near) for near in (_SAME, _REACHED))
        return in_order(Optima(vectors, sums, curves, reached, converged, steps), tied)

    def _solve_batch(self, starts: np.ndarray, data: Any, max_rounds: int) -> tuple[np.ndarray, ...]:
        keep = len(starts)
        vectors = np.resize(starts, (self.batch_size, starts.shape[1]))
        steps = np.zeros(self.batch_size, int)
        previous = np.full(self.batch_size, np.inf)
        for _ in range(max_rounds):
            vectors, sums, curves, met, taken = map(np.asarray, self._solve(vectors, data))
            sums = np.where(np.isfinite(sums), sums, np.inf)
            with np.errstate(invalid="ignore"):
                converged = (met | (previous - sums <= _STALLED * sums)) & np.isfinite(sums)
            steps, previous = steps + taken, sums
            least = sums[:keep].min()
            if not np.isfinite(least) or converged[:keep][sums[:keep] <= least * (1 + _SAME)].any():
                break
            vectors = np.where(np.isfinite(sums)[:, None], vectors, vectors[np.argmin(sums)])
        return vectors[:keep], sums[:keep], curves[:keep], converged[:keep], steps[:keep]


def _with_slopes(
    residuals: Callable[[Array, Any], tuple[Array, Array]], vector: Array, data: Any
) -> tuple[Array, Array, Array]:
    """Residuals, their derivatives, shape `(parameters, observations)`, and the curve, from one pass of the model."""

    def along(direction: Array):
        return jax.jvp(lambda v: residuals(v, data), (vector,), (direction,))

    both = jax.vmap(along, out_axes=((None, None), (0, 0)))
    (error, curve), (slopes, _) = both(jnp.eye(len(vector), dtype=vector.dtype))
    return error, slopes, curve


def in_batches(
    solve: Callable[[np.ndarray, Any], tuple[Any, ...]], starts: np.ndarray, data: Any, size: int
) -> tuple[np.ndarray, ...]:
    """Columns of a compiled `solve` for all starts, `size` at a time; the last batch is filled up and cut."""
    parts = []
    for i in range(0, len(starts), size):
        batch = starts[i : i + size]
        found = solve(np.resize(batch, (size, starts.shape[1])), data)
        parts.append([np.asarray(column)[: len(batch)] for column in found])
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def in_order(found: Optima, tied: np.ndarray) -> Optima:
    """Best first; of those that are tied for the best, the converged ones first."""
    order = np.lexsort((found.sums, ~(tied & found.converged)))
    return Optima(*(column[order] for column in found))
