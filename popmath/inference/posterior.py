"""`sample_posterior`: what a fit's parameters may be, by the no-U-turn sampler."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, check_whole
from popmath.inference.default_priors import ERROR_SD, log_jacobian, samples_by_name, with_priors
from popmath.inference.domains import ParameterSpace
from popmath.inference.nuts import Coordinates, run_chains
from popmath.inference.posterior_result import Posterior
from popmath.inference.priors import Prior
from popmath.inference.problem import Problem
from popmath.inference.result import FitResult


def sample_posterior(
    result: FitResult,
    *,
    num_samples: int = 1000,
    num_chains: int = 2,
    num_warmup: int = 600,
    priors: Mapping[str, Prior] | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Posterior:
    r"""Draw parameters from the posterior of a fit, by the no-U-turn sampler (NumPyro).

    $$p(\theta \mid N) \propto p(\theta) \prod_i \prod_t p(N_i(t) \mid \hat N_i(t; \theta))$$

    on the model, series and loss of the fit. Under least squares the scaled errors $(\hat N_i - N_i)/\bar N_i$ are
    normal, with one deviation that is a further free number, `error_sd`. Priors are, in this order, those given here,
    those of the fit, and for the other numbers a weak one: a normal distribution on the unconstrained scale (logarithms
    of positive numbers, logits of probabilities) with the parameter's starting range as its middle 68 % (`RangePrior`;
    of `error_sd`: 0.05 to 1). `Posterior.priors` has them. The chains start near the posterior's mode, found by
    Newton's method from the fit, with the curvature there as a first mass matrix. Everything runs in float64.

    Args:
        result: of `fit`.
        num_samples: draws of each chain, after the warm-up; at least 4.
        num_chains: chains, at least 1; each runs in its own thread. R-hat compares their halves.
        num_warmup: draws of each chain in which the sampler adapts, at least 1.
        priors: by parameter; `"initial"` is the state at the first time.
        seed: the same seed gives the same draws.
        progress: print a line for every twentieth of a chain.

    Returns:
        The draws with their diagnostics and a verdict.

    Raises:
        ValueError: for numbers out of range, or priors of names or domains that are not there.
        ImportError: without NumPyro; `pip install 'popmath[bayes]'`.

    Example:
        >>> import popmath as pm
        >>> yeast = pm.Series(range(6), [10.0, 19.0, 34.0, 55.0, 71.0, 85.0], ("yeast",))
        >>> result = pm.fit(pm.LeslieGower("yeast"), yeast, fixed={"growth_factor": 2.0}, num_starts=8)
        >>> posterior = sample_posterior(result, num_samples=20, num_chains=1, num_warmup=50)
        >>> posterior.samples["competition"].shape
        (1, 20, 1, 1)

    References:
        Hoffman, M. D. & Gelman, A. (2014), Journal of Machine Learning Research 15, 1593-1623. Phan, D., Pradhan, N. &
        Jankowiak, M. (2019), arXiv:1912.11554.
    """
    for name, value, least in (
        ("num_samples", num_samples, 4),
        ("num_chains", num_chains, 1),
        ("num_warmup", num_warmup, 1),
        ("seed", seed, 0),
    ):
        check_whole(name, value, least)
    try:
        from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
    except ImportError as error:
        raise ImportError("sample_posterior needs NumPyro: pip install 'popmath[bayes]'.") from error
    begun = time.perf_counter()
    problem = result.problem
    squared = problem.settings.loss.is_squared
    space = with_priors(problem.space, priors or {}, squared)
    centre = _centre(result, space.starts(64, np.random.default_rng(0)))
    with jax.enable_x64(True):
        coordinates = Coordinates(functools.partial(_potential, problem, space), centre, _bent(space, problem))
        chains = run_chains(
            coordinates,
            num_samples=int(num_samples),
            num_chains=int(num_chains),
            num_warmup=int(num_warmup),
            seed=int(seed),
            progress=_say if progress else None,
        )
    labels = space.labels(problem.template.species)
    if squared:
        labels[-1] = ERROR_SD
    columns = np.moveaxis(chains.vectors, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat = np.array([float(split_gelman_rubin(column)) for column in columns])
        effective = np.array([float(effective_sample_size(column)) for column in columns])
    return Posterior(
        result=result,
        space=space,
        vectors=chains.vectors,
        samples=samples_by_name(space, chains.vectors),
        labels=tuple(labels),
        diverging=chains.diverging,
        num_steps=chains.num_steps,
        r_hat=r_hat,
        effective_sample_size=effective,
        num_warmup=int(num_warmup),
        seed=int(seed),
        seconds=time.perf_counter() - begun,
    )


def _potential(problem: Problem, space: ParameterSpace, vector: Array) -> Array:
    """Minus the log-density of the unconstrained vector, which ends with that of `error_sd` for least squares."""
    own, sd = vector, None
    if problem.settings.loss.is_squared:
        own, sd = vector[:-1], jnp.exp(vector[-1])
    curves = problem.curves
    likelihood = curves.log_likelihoods(curves.all_abundances(own), own, problem.data(), sd)
    return -(jnp.sum(likelihood) + space.log_prior(vector) + log_jacobian(space, vector))


def _centre(result: FitResult, starts: np.ndarray) -> np.ndarray:
    """The fitted vector, drawn back to twice the starting ranges, where the priors are."""
    vector = result.vector
    if result.problem.settings.loss.is_squared:
        deviation = np.sqrt(max(result.sum_of_squares, 1e-12) / result.num_observed)
        vector = np.append(vector, np.log(deviation))
    low, high = starts.min(axis=0), starts.max(axis=0)
    return np.clip(vector, low - (high - low) / 2, high + (high - low) / 2)


def _bent(space: ParameterSpace, problem: Problem) -> np.ndarray:
    """Positive numbers of the model itself enter in sums; initial states and the noise in products."""
    own = problem.template.parameters(np.ones(len(problem.template.species)))
    return np.array(
        [b.name in own and b.parameter.domain == "positive" for b in space.blocks for _ in range(b.size)], bool
    )


def _say(chain: int, done: int) -> None:
    print(f"chain {chain + 1}: {done} draws, warm-up included", flush=True)  # noqa: T201
