"""Quasi-extinction: how likely a population in a random environment is to have fallen to a threshold by each time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jax.core import Tracer

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations.environments import (
    Environments,
    first_environments,
    next_environments,
    project_each,
    random_environments,
    replicate_blocks,
)
from popmath.populations.matrix_population import Matrices, class_numbers, compute
from popmath.populations.model import check_whole
from popmath.populations.stochastic_growth import starting_state

if TYPE_CHECKING:
    import pandas

_ROUNDING = 1e-12  # sums of logs: an abundance that equals the threshold has reached it


@dataclasses.dataclass(frozen=True, eq=False)
class QuasiExtinction:
    """Simulated probability to have reached the threshold by each time.

    Attributes:
        times: in projection intervals, shape `(num_steps + 1,)`, from 0.
        probability: fraction of replicates at or below the threshold at this time or before, shape of `times`.
        standard_error: binomial, `sqrt(p (1 - p) / replicates)`, shape of `times`.
        lower: lower end of the exact (Clopper-Pearson) interval for each time by itself, shape of `times`.
        upper: upper end of it.
        confidence_level: of that interval.
        threshold: what the weighted abundance was compared with.
        num_replicates: independent replicates.
        seed: of the random numbers.
    """

    times: np.ndarray
    probability: np.ndarray
    standard_error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    confidence_level: float
    threshold: float
    num_replicates: int
    seed: int

    def summary(self) -> str:
        """One line: the probability at the last time and its interval."""
        return (
            f"P(at or below {self.threshold:g} within {self.times[-1]} intervals) = {self.probability[-1]:.4g}, "
            f"{100 * self.confidence_level:g} % interval {self.lower[-1]:.4g} to {self.upper[-1]:.4g} "
            f"({self.num_replicates} replicates, seed {self.seed})"
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per time."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("probability", "standard_error", "lower", "upper")}
        return pd.DataFrame(columns, index=pd.Index(self.times, name="time"))


def quasi_extinction(
    matrices: Matrices,
    initial: ArrayLike,
    threshold: float,
    num_steps: int,
    *,
    probabilities: ArrayLike | None = None,
    transition: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    num_replicates: int = 10_000,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> QuasiExtinction:
    r"""Probability that a population in a random environment has fallen to a threshold, by time.

    $$P(t) = \Pr\bigl(\min_{0 \le s \le t} \textstyle\sum_i c_i n_i(s) \le N_e\bigr),\qquad n(s+1) = A_{e(s)} n(s)$$

    by simulation of independent replicates. The environments $e(s)$ are independent, or a Markov chain that starts in
    its long-run distribution. Abundances are real numbers: the chance of birth and death of single individuals is not
    in it (see `simulate_branching`).

    Args:
        matrices: one model or matrix per environment, as in `random_environments`: a list of them, or shape
            `(environments, classes, classes)`.
        initial: abundances at time 0, shape `(classes,)`.
        threshold: $N_e$, in the unit of `initial`, at least 0.
        num_steps: projection intervals, at least 1.
        probabilities: of the environments, shape `(environments,)`; equal by default.
        transition: `transition[j, i]` is the probability of environment j after i (columns sum to 1).
        weights: $c$, shape `(classes,)`, at least 0; 1 for every class by default. `[0, 1, 1]` leaves out class 0.
        num_replicates: independent replicates, at least 1.
        confidence_level: of the binomial interval.
        seed: of the random numbers; the same seed gives the same numbers.

    Returns:
        Probability by time with its binomial error.

    Raises:
        ValueError: for wrong shapes, entries below 0 or not finite, or settings outside their range.

    Example:
        >>> risk = quasi_extinction([[[0.5]]], [8.0], threshold=1.0, num_steps=4, num_replicates=10)
        >>> print(risk.probability)
        [0. 0. 0. 1. 1.]

    References:
        Morris, W. F. & Doak, D. F. (2002), Quantitative Conservation Biology, section 7.5. Caswell, H. (2001), Matrix
        Population Models, 2nd ed., section 14.5. Clopper, C. J. & Pearson, E. S. (1934), Biometrika 26, 404-413.
    """
    check_whole("num_steps", num_steps, 1)
    check_whole("num_replicates", num_replicates, 1)
    if not (np.isfinite(threshold) and threshold >= 0):
        raise ValueError(f"threshold must be finite and at least 0; got {threshold}.")
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must lie between 0 and 1; got {confidence_level}.")
    environments = random_environments(matrices, probabilities, transition)
    if np.ndim(environments.matrices) != 3:
        raise ValueError(
            f"matrices must have shape (environments, classes, classes); got {np.shape(environments.matrices)}: call "
            "quasi_extinction once for each model of a batch."
        )
    start = starting_state(environments, initial)
    worth = class_numbers("weights", np.ones(len(start)) if weights is None else weights, len(start))
    counts = compute(
        lambda *now: _fallen(*now, jax.random.key(seed), num_steps, num_replicates),
        environments,
        start,
        worth,
        _log(threshold),
    )
    if isinstance(counts, Tracer):
        raise UnableError("quasi_extinction makes a record of numbers with exact intervals: call it outside jax.jit.")
    probability = counts / num_replicates
    tail = (1 - confidence_level) / 2
    with np.errstate(invalid="ignore"):
        lower = np.where(counts > 0, scipy.stats.beta.ppf(tail, counts, num_replicates - counts + 1), 0.0)
        upper = np.where(counts < num_replicates, scipy.stats.beta.isf(tail, counts + 1, num_replicates - counts), 1.0)
    return QuasiExtinction(
        times=np.arange(num_steps + 1),
        probability=probability,
        standard_error=np.sqrt(probability * (1 - probability) / num_replicates),
        lower=lower,
        upper=upper,
        confidence_level=float(confidence_level),
        threshold=float(threshold),
        num_replicates=int(num_replicates),
        seed=int(seed),
    )


def _log(threshold: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(threshold), np.float64)


@eqx.filter_jit
def _fallen(
    environments: Environments,
    start: Array,
    weights: Array,
    log_threshold: Array,
    key: Array,
    num_steps: int,
    replicates: int,
):
    """How many replicates have been at or below the threshold by each time, shape `(num_steps + 1,)`.

    The state is kept as shares of a total whose log is carried along, so that nothing over- or underflows.
    """
    blocks, size = replicate_blocks(replicates)

    def below(states, logs):
        return logs + jnp.log(jnp.dot(weights, states)) <= log_threshold + _ROUNDING

    def one(carry, step_key):
        now, states, logs, fallen, counted = carry
        after = project_each(environments.matrices, now, states)
        total = jnp.sum(after, axis=0)
        after = after * jnp.where(total > 0, 1 / total, 1.0)[None, :]
        logs = logs + jnp.log(total)
        fallen = fallen | below(after, logs)
        after_all = (next_environments(environments, now, step_key), after, logs, fallen, counted)
        return after_all, jnp.sum(fallen & counted)

    def block(inputs):
        block_key, offset = inputs
        first, rest = jax.random.split(block_key)
        total = jnp.sum(start)
        states = jnp.tile((start / total)[:, None], (1, size))
        logs = jnp.tile(jnp.log(total), size)
        fallen, counted = below(states, logs), offset + jnp.arange(size) < replicates
        carry = (first_environments(environments, first, size), states, logs, fallen, counted)
        _, later = jax.lax.scan(one, carry, jax.random.split(rest, num_steps))
        return jnp.concatenate([jnp.sum(fallen & counted)[None], later])

    every = jax.lax.map(block, (jax.random.split(key, blocks), size * jnp.arange(blocks)))
    return jnp.sum(every, axis=0)
