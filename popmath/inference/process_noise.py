"""`fit_with_process_noise`: a model whose steps are noisy as well as the counts of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from popmath._errors import ConvergenceError
from popmath._types import Array, ArrayLike, check_whole
from popmath.inference.bfgs import BfgsSearch
from popmath.inference.losses import LogNormalError, Loss
from popmath.inference.problem import FitSettings, FittableModel, Problem
from popmath.inference.process_noise_result import ProcessNoiseFit
from popmath.inference.search import LeastSquaresSearch
from popmath.inference.state_space import StateSpace, check_loss
from popmath.inference.statistics import aicc_of_likelihood
from popmath.series import Series

_BATCH = 4


def fit_with_process_noise(
    model: FittableModel,
    series: Series,
    *,
    loss: Loss | None = None,
    offset: float | None = None,
    fixed: Mapping[str, ArrayLike | float] | None = None,
    num_starts: int = 8,
    seed: int = 0,
    throw: bool = True,
) -> ProcessNoiseFit:
    r"""Fit a model whose steps are noisy, as well as the counts, by the extended Kalman filter on log-abundances.

    $$\log N_i(t + h) = \log f_i(N(t)) + \sigma_{p,i} \sqrt h\, \varepsilon_i(t), \qquad
    \log(\text{count}_i + o) = \log(N_i + o) + s_i(N)\, \eta_i$$

    with $\varepsilon, \eta$ standard normal, $f$ the model's map over a step $h$, and $s_i$ the deviation of a
    logarithm: `log_sd` under `LogNormalError`, and for counts to first order the deviation of a count over $N_i + o$,
    with the variance $N_i$ (Poisson), $(1 + \phi_i) N_i$ (negative binomial) or $(\bar N_i\, \text{scaled\_sd}_i)^2$
    (squared errors). The offset $o$ lets counts of 0 have a logarithm. Steps are a projection interval long, or the
    shortest gap between two times; a gap that is no whole number of them is one step. Over a step the noise's variance
    grows with its length. The state at the first time is a free number, around which it has the noise of one unit of
    time if it is counted (none if the row is an inoculum). Missing counts are left out.

    The likelihood is that of the counts (not of their logarithms), to the order of the filter: exact under
    `LogNormalError` for a model that is linear in logarithms. `ProcessNoiseFit.particle_log_likelihood` checks it.
    With few times, or a model that returns to its equilibrium within a step, the two noises are hard to tell apart, and
    maximum likelihood puts one of them too low or at 0.

    Args:
        model: a template whose state is one abundance per species.
        series: the counts; at least one more than free numbers.
        loss: `LogNormalError` (None), `NegativeBinomial()`, `Poisson()` or `SquaredError()`.
        offset: $o$, in the unit of the counts; None for that of the loss, or 0, or if there are counts of 0 half the
            smallest other count.
        fixed: values to hold, by parameter, as in `fit`.
        num_starts: random starts, at least 1; the first is followed from a fit of one-step-ahead errors.
        seed: of the starts.
        throw: raise if no start converged; with False the result says so in `verdict`.

    Returns:
        Parameters, noises, smoothed states and forecasts.

    Raises:
        ValueError: whatever `fit` refuses, or an offset out of range.
        UnableError: for a structured state or a loss of one's own.
        ConvergenceError: if no start converged and `throw` is True.
        ImportError: without cuthbert; `pip install 'popmath[bayes]'`.

    Example:
        >>> import popmath as pm
        >>> counts = [10.0, 21.0, 30.0, 52.0, 80.0, 77.0, 101.0, 88.0, 105.0, 92.0, 110.0, 97.0]
        >>> yeast = pm.Series(range(12), counts, ("yeast",))
        >>> found = fit_with_process_noise(pm.Ricker("yeast"), yeast, num_starts=4)
        >>> found.converged, found.smoothed.shape
        (True, (12, 1))

    References:
        De Valpine, P. & Hastings, A. (2002), Ecological Monographs 72, 57-76. Dennis, B., Ponciano, J. M., Lele, S. R.,
        Taper, M. L. & Staples, D. F. (2006), Ecological Monographs 76, 323-341. Särkkä, S. (2013), Bayesian Filtering
        and Smoothing, section 5.2.
    """
    for name, value, least in (("num_starts", num_starts, 1), ("seed", seed, 0)):
        check_whole(name, value, least)
    try:
        import cuthbert  # noqa: F401
    except ImportError as error:
        raise ImportError("fit_with_process_noise needs cuthbert: pip install 'popmath[bayes]'.") from error
    begun = time.perf_counter()
    shift = _offset(series, loss, offset)
    loss = LogNormalError(shift) if loss is None or isinstance(loss, LogNormalError) else loss
    check_loss(loss)
    problem = Problem(model, series, FitSettings(loss, fixed=fixed or {}))
    space = StateSpace(problem, shift)
    if problem.num_observed <= space.space.size:
        raise ValueError(
            f"series {series.name!r} has {problem.num_observed} observations, {problem.name} with its noises has "
            f"{space.space.size} free numbers: there must be more observations. Hold some (fixed=...)."
        )
    starts = space.space.starts(int(num_starts), np.random.default_rng(seed))

    def objective(vector: Array, data: Any) -> tuple[Array, Array]:
        value = -space.kalman(vector)[0]
        return value, value

    def ahead(vector: Array, data: Any) -> tuple[Array, Array]:
        errors = space.errors_ahead(vector)
        return errors, errors

    search = BfgsSearch(objective, LeastSquaresSearch(ahead, min(_BATCH, int(num_starts))))
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        optima = search.solve(starts, jnp.zeros(()))
    vector, converged = optima.vectors[0], bool(optima.converged[0])
    if throw and not converged:
        raise ConvergenceError(
            f"{problem.name} with process noise did not converge on {series.name!r}: best log-likelihood "
            f"{-optima.sums[0]:.4g}. Try more starts (num_starts={2 * num_starts}), another seed, or throw=False to "
            "look at where it stopped."
        )
    likelihood = -float(optima.sums[0])
    return ProcessNoiseFit(
        space=space,
        vector=vector,
        log_likelihood=likelihood,
        aicc=aicc_of_likelihood(likelihood, problem.num_observed, space.space.size),
        num_observed=problem.num_observed,
        converged=converged,
        share_of_starts=float(np.mean(optima.reached)),
        num_starts=int(num_starts),
        seed=int(seed),
        seconds=time.perf_counter() - begun,
    )


def _offset(series: Series, loss: Loss | None, offset: float | None) -> float:
    """What is added before logarithms are taken."""
    if offset is not None:
        if not 0 <= offset < np.inf:
            raise ValueError(f"offset must be finite and at least 0; got {offset}.")
        return float(offset)
    if isinstance(loss, LogNormalError) and loss.offset > 0:
        return float(loss.offset)
    counts = series.values[series.observed]
    return 0.5 * float(counts[counts > 0].min()) if (counts == 0).any() and (counts > 0).any() else 0.0
