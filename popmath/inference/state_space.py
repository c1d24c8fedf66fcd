"""A population model with noise in its steps and in its counts, on log-abundances; its filters are cuthbert's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from popmath._errors import UnableError
from popmath._types import Array, Parameter
from popmath.inference.curves import INITIAL
from popmath.inference.domains import Block, ParameterSpace
from popmath.inference.losses import LogNormalError, Loss, NegativeBinomial, Poisson, SquaredError
from popmath.inference.problem import Problem

PROCESS_SD = "process_sd"
SCALED_SD = "scaled_sd"
_SURE = 1e-5  # deviation of the log-abundances at time 0 around the initial state, and the least of a step
_SMALL = 1e-300


class Grid(NamedTuple):
    """Steps of the model from one time to the next.

    Attributes:
        times: from 0 on, shape `(steps + 1,)`; long gaps are divided into equal steps where that is possible.
        rows: of the times that were asked for, shape `(asked,)`.
        lengths: the different lengths of steps, shape `(lengths,)`.
        which: number of each step's length, shape `(steps,)`.
    """

    times: np.ndarray
    rows: np.ndarray
    lengths: np.ndarray
    which: np.ndarray


def make_grid(times: np.ndarray, step: float | None = None) -> Grid:
    """Steps that meet all of `times`, which start at 0: as long as the shortest gap (or `step`) where it divides a gap.

    Example:
        >>> make_grid(np.array([0.0, 2.0, 3.0])).times.tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    gaps = np.diff(times)
    unit = float(gaps.min()) if step is None else step
    numbers = np.maximum(np.rint(gaps / unit), 1).astype(int)
    numbers = np.where(np.abs(numbers * unit - gaps) < 1e-9 * unit, numbers, 1)
    rows = np.concatenate([[0], np.cumsum(numbers)])
    lengths = np.round(np.repeat(gaps / numbers, numbers), 9)
    different, which = np.unique(lengths, return_inverse=True)
    return Grid(np.interp(np.arange(rows[-1] + 1), rows, times), rows, different, which)


class _Mean(NamedTuple):
    """A state as the filters have it."""

    mean: Array


class StateSpace:
    r"""$x_i = \log N_i$ with $x(t + h) = \log f(e^{x(t)}) + \sigma\sqrt h\,\varepsilon$, and counts around $N$.

    The state at the first time, if it is counted, has the noise of one unit of time as well: were it without noise, it
    would meet its count and the likelihood had no upper bound.

    Args:
        problem: model, series and loss; one series, with one number per species as its state.
        offset: added to counts and abundances before logarithms are taken, in the unit of the counts.
    """

    def __init__(self, problem: Problem, offset: float) -> None:
        """Check that there is a log-abundance for every species."""
        culture, loss = problem.cultures[0], problem.settings.loss
        self.problem, self.loss, self.offset = problem, loss, offset
        self.num_species = len(problem.template.species)
        initial = problem.space.blocks[-1]
        if len(problem.cultures) > 1 or initial.fixed.shape != (self.num_species,) or (initial.fixed == 0).any():
            raise UnableError(
                f"process noise needs one series and a model whose state is one positive abundance for each species; "
                f"{problem.name} has a state of shape {initial.fixed.shape}."
            )
        low, high = np.full(self.num_species, 0.02), np.full(self.num_species, 0.5)
        noise = [Parameter("positive", low, high, "deviation of log-abundances per root of the time unit", "")]
        names = [PROCESS_SD]
        if isinstance(loss, SquaredError):
            noise.append(Parameter("positive", low, high, "deviation of counts over the species' mean", ""))
            names.append(SCALED_SD)
        extra = [Block(n, p, np.full(self.num_species, np.nan)) for n, p in zip(names, noise, strict=True)]
        self.space = ParameterSpace((*problem.space.blocks, *extra))
        self.scale = culture.scale
        self.grid = make_grid(culture.times, getattr(problem.template, "interval", None))
        self.counts = np.full((len(self.grid.times), self.num_species), np.nan)
        self.counts[self.grid.rows] = np.where(culture.observed, culture.counts, np.nan)
        self.logs = np.log(self.counts + offset)

    def unpack(self, vector: Array) -> tuple[Any, Array, Array, dict[str, Array]]:
        """The model, the log-abundances at time 0, the process noise, and the noise of the counts."""
        model, start, process, noise = self.named_parts(self.space.values(vector))
        return model, jnp.log(start), process, noise

    def named_parts(self, values: Mapping[str, Array]) -> tuple[Any, Array, Array, dict[str, Array]]:
        """The model, the abundances at time 0, the process noise, and the noise of the counts, from named values."""
        given = dict(values)
        start, process = given.pop(INITIAL), given.pop(PROCESS_SD)
        names = [*self.loss.nuisance(1), SCALED_SD]
        noise = {name: given.pop(name) for name in names if name in given}
        return self.problem.template.with_values(given), start, process, noise

    def step(self, model: Any, x: Array, which: Array, lengths: np.ndarray) -> Array:
        """Log-abundances after a step of one of the lengths, without noise."""

        def branch(length: float):
            def ahead(x: Array) -> Array:
                return jnp.log(jnp.maximum(model.states_at(jnp.exp(x), np.array([0.0, length]))[1], _SMALL))

            return ahead

        branches = [branch(float(length)) for length in lengths]
        return branches[0](x) if len(branches) == 1 else jax.lax.switch(which, branches, x)

    def observe(self, x: Array, noise: dict[str, Array]) -> tuple[Array, Array]:
        r"""Mean and deviation of $\log(\text{count} + \text{offset})$, to first order."""
        mean = jnp.exp(x)
        shifted = mean + self.offset
        if isinstance(self.loss, LogNormalError):
            return jnp.log(shifted), noise["log_sd"]
        if isinstance(self.loss, Poisson):
            variance = mean
        elif isinstance(self.loss, NegativeBinomial):
            variance = (1.0 + noise["dispersion"]) * mean
        else:
            variance = (self.scale * noise[SCALED_SD]) ** 2
        return jnp.log(shifted), jnp.sqrt(variance) / shifted

    def kalman(self, vector: Array) -> tuple[Array, Any, Any]:
        """Log-likelihood of the counts by the extended Kalman filter, its states, and the dynamics for a smoother."""
        import cuthbert
        from cuthbert.gaussian import moments
        from cuthbertlib.kalman import filtering
        from cuthbertlib.linearize import linearize_moments

        model, start, process, noise = self.unpack(vector)
        lengths = self.grid.lengths

        def dynamics(state: Any, inputs: Any):
            spread = jnp.diag(jnp.sqrt(process**2 * jnp.asarray(lengths)[inputs["which"]] + _SURE**2))
            return lambda x: (self.step(model, x, inputs["which"], lengths), spread), state.mean

        def observation(state: Any, inputs: Any):
            def of(x: Array) -> tuple[Array, Array]:
                mean, sd = self.observe(x, noise)
                return mean, jnp.diag(sd)

            return of, state.mean, inputs["logs"]

        seen = np.isfinite(self.logs)
        of, at, logs = observation(_Mean(start), {"logs": jnp.asarray(self.logs[0])})
        first_root = jnp.diag(jnp.where(seen[0], jnp.sqrt(process**2 + _SURE**2), _SURE))
        (begin, root), first = filtering.update(start, first_root, *linearize_moments(of, at), logs)
        build: Any = moments.build_filter
        kalman = build(begin, root, dynamics, observation)
        inputs = {"which": jnp.asarray(self.grid.which), "logs": jnp.asarray(self.logs[1:])}
        states = cuthbert.filter(kalman, inputs, kalman.init_prepare())
        slope = np.sum(np.where(seen, self.logs, 0.0))  # the densities are of counts, not of their logarithms
        return states.log_normalizing_constant[-1] + first - slope, states, dynamics

    def particles(self, vector: Array, key: Array, num_particles: int) -> Array:
        """Log-likelihood of the counts by the bootstrap particle filter, with the loss as it is."""
        import cuthbert
        from cuthbert.smc import particle_filter

        model, start, process, noise = self.unpack(vector)
        lengths = self.grid.lengths
        seen = np.isfinite(self.counts)
        counts = np.where(seen, self.counts, self.scale)

        def propagate(key: Array, x: Array, inputs: Any) -> Array:
            spread = process * jnp.sqrt(jnp.asarray(lengths)[inputs["which"]])
            return self.step(model, x, inputs["which"], lengths) + spread * jax.random.normal(key, x.shape)

        def weigh(x: Array, inputs: Any) -> Array:
            given = {"sd": noise[SCALED_SD]} if SCALED_SD in noise else noise
            terms = self.loss.log_likelihood(jnp.exp(x), inputs["counts"], jnp.asarray(self.scale), given)
            return jnp.sum(jnp.where(inputs["seen"], terms, 0.0))

        def begin(key: Array) -> Array:
            return start + jnp.where(seen[0], process, 0.0) * jax.random.normal(key, start.shape)

        build: Any = particle_filter.build_filter
        smc = build(begin, propagate, lambda _, x, inputs: weigh(x, inputs), num_particles, _systematic)
        inputs = {
            "which": jnp.asarray(self.grid.which),
            "counts": jnp.asarray(counts[1:]),
            "seen": jnp.asarray(seen[1:]),
        }
        before, onward = jax.random.split(key)
        made = smc.init_prepare(key=before)
        first = {"counts": jnp.asarray(counts[0]), "seen": jnp.asarray(seen[0])}
        weights = jax.vmap(lambda x: weigh(x, first))(made.particles)
        total = jax.nn.logsumexp(weights) - np.log(num_particles)
        made = made._replace(log_weights=weights, log_normalizing_constant=total)
        states = cuthbert.filter(smc, inputs, made, key=onward)
        return states.log_normalizing_constant[-1]

    def errors_ahead(self, vector: Array) -> Array:
        """Errors of logarithms one observation ahead, for a first search; 0 where either is missing."""
        model, start, _, _ = self.unpack(vector)
        rows, lengths = self.grid.rows, np.diff(self.grid.times[self.grid.rows])
        different, which = np.unique(np.round(lengths, 9), return_inverse=True)
        there = np.isfinite(self.logs[rows])
        counted = np.log(np.maximum(np.where(there, self.counts[rows], self.scale), 1e-3 * self.scale))
        before = jnp.concatenate([start[None], jnp.asarray(counted[1:-1])])
        ahead = jax.vmap(lambda x, k: self.step(model, x, k, different))(before, jnp.asarray(which))
        used = there[1:] & np.concatenate([[True], there[1:-1].all(axis=1)])[:, None]
        errors = jnp.where(used, ahead - counted[1:], 0.0)
        return jnp.concatenate([jnp.ravel(errors), jnp.where(there[0], start - counted[0], 0.0)])


def _systematic(key: Array, log_weights: Array, particles: Array, number: int) -> tuple[Array, Array, Array]:
    """Systematic resampling; that of cuthbert calls back to NumPy, outside `jax.enable_x64`."""
    levels = (jnp.arange(number) + jax.random.uniform(key)) / number
    which = jnp.searchsorted(jnp.cumsum(jax.nn.softmax(log_weights)), levels)
    which = jnp.minimum(which, number - 1).astype(jnp.int64)
    return which, jnp.zeros(number), particles[which]


def check_loss(loss: Loss) -> None:
    """Refuse a loss that has no variance on the log scale."""
    if not isinstance(loss, LogNormalError | Poisson | NegativeBinomial | SquaredError):
        raise UnableError(
            f"process noise beside {type(loss).__name__}: take SquaredError(), Poisson(), NegativeBinomial() or "
            "LogNormalError()."
        )
