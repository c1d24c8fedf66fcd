"""`fit`: a population model to one or several series, from many starts."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import numpy as np

from popmath._errors import ConvergenceError
from popmath._types import ArrayLike, check_whole
from popmath.inference.losses import Loss, SquaredError
from popmath.inference.priors import Prior
from popmath.inference.problem import FitSettings, FittableModel, Optimiser, Problem
from popmath.inference.result import CultureFit, FitResult
from popmath.inference.search import Optima
from popmath.inference.statistics import aicc_of_likelihood, corrected_aic, r_squared, rmse
from popmath.series import Series


def fit(
    model: FittableModel,
    data: Series | Iterable[Series],
    *,
    loss: Loss | None = None,
    optimiser: Optimiser = "levenberg_marquardt",
    fixed: Mapping[str, ArrayLike | float] | None = None,
    separate: Collection[str] = (),
    priors: Mapping[str, Prior] | None = None,
    initial: Literal["free", "counted"] = "free",
    observe: Literal["totals", "stages"] = "totals",
    start: Mapping[str, ArrayLike | float] | None = None,
    num_starts: int = 32,
    seed: int = 0,
    throw: bool = True,
) -> FitResult:
    r"""Fit a model to one or several series from many random starts.

    Minimises, over the model's parameters and the state at the first time,

    $$SS = \sum_i \sum_t \Bigl(\frac{\hat N_i(t) - N_i(t)}{\bar N_i}\Bigr)^2$$

    with $\bar N_i$ the mean of species $i$ over the series; or, with another `loss`, minus the log-likelihood; less
    the log-density of the priors on the parameters' own scale (least squares then enters as $\frac n2 \log(SS/n)$).
    Missing entries and an inoculum row are left out of the errors. Positive parameters are searched as logarithms and
    probabilities as logits, from all starts at once. Everything runs in float64. Times may be irregular: discrete
    models are interpolated between their steps.

    Args:
        model: a template such as `LeslieGower(species=series.species)`; parameter values it may have are ignored.
        data: what was counted; at least one observation more than free numbers. Several series are fitted together with
            the same parameters and a state at the first time each; a species of the model that is not in a series was
            not put into that culture.
        loss: `SquaredError()` (None), `NegativeBinomial()`, `Poisson()` or `LogNormalError()`.
        optimiser: `"levenberg_marquardt"` (least squares; other losses and priors go on by BFGS from there), `"bfgs"`,
            or `"adam"`: gradient descent through the unrolled simulation, after a warm start on errors one step ahead.
        fixed: values to hold, by parameter, of its shape or to broadcast to it; NaN where the fit is free. `"initial"`
            is the state at the first time.
        separate: parameters with a value of their own in each series.
        priors: of the free entries, by parameter.
        initial: the state at the first time is `"free"`, or as `"counted"`.
        observe: the series count `"totals"` of each species, or `"stages"` (then by `stage_values`).
        start: values of the first start, by parameter; the other starts are random.
        num_starts: starts, at least 1.
        seed: of the random starts; the same seed gives the same fit.
        throw: raise if no start converged; with False the result says so in `verdict`.

    Returns:
        The fitted model with its statistics and a verdict.

    Raises:
        ValueError: if species differ, a series is too short for the model, a species is never seen, a start or a fixed
            value lies outside its domain, or a name is not the model's.
        ConvergenceError: if no start converged and `throw` is True.

    Example:
        >>> import popmath as pm
        >>> mixture = pm.datasets.load_gause("table3").culture("mixture")
        >>> result = fit(pm.LeslieGower(species=mixture.species), mixture, seed=0)
        >>> result.converged, round(result.sum_of_squares, 3)
        (True, 0.907)

    References:
        Gause, G. F. (1934), The Struggle for Existence. Moré, J. J. (1978), Lecture Notes in Mathematics 630, 105-116.
        Kingma, D. P. & Ba, J. (2015), Adam, ICLR.
    """
    check_whole("num_starts", num_starts, 1)
    check_whole("seed", seed, 0)
    settings = FitSettings(
        SquaredError() if loss is None else loss, optimiser, fixed or {}, separate, priors or {}, initial, observe
    )
    return fit_problem(Problem(model, data, settings), num_starts, seed, throw, start)


def fit_problem(
    problem: Problem,
    num_starts: int,
    seed: int,
    throw: bool,
    start: Mapping[str, ArrayLike | float] | None = None,
) -> FitResult:
    """`fit`, for a problem that may share its compiled curves with another."""
    begun = time.perf_counter()
    optima = problem.solve(num_starts, seed, start=start)
    vector, converged = optima.vectors[0], bool(optima.converged[0])
    if throw and not converged:
        raise ConvergenceError(_stopped(problem, optima, num_starts))
    curve = optima.curves[0]
    total, likelihood = problem.sum_of_squares(curve), problem.log_likelihood(vector, curve)
    squared = problem.settings.loss.is_squared
    number, free = problem.num_observed, problem.space.size
    return FitResult(
        cultures=tuple(_of_culture(problem, vector, curve, i) for i in range(len(problem.cultures))),
        name=problem.name,
        sum_of_squares=total,
        log_likelihood=likelihood,
        aicc=corrected_aic(total, number, free) if squared else aicc_of_likelihood(likelihood, number, free),
        num_observed=number,
        converged=converged,
        share_of_starts=float(np.mean(optima.reached)),
        num_starts=num_starts,
        seed=seed,
        seconds=time.perf_counter() - begun,
        problem=problem,
        vector=vector,
    )


def _of_culture(problem: Problem, vector: np.ndarray, curve: np.ndarray, number: int) -> CultureFit:
    series = problem.cultures[number].series
    predicted = problem.of_culture(curve, number)
    model, initial = problem.fitted(vector, number)
    return CultureFit(series, model, initial, predicted, r_squared(predicted, series), rmse(predicted, series))


def _stopped(problem: Problem, optima: Optima, num_starts: int) -> str:
    names = ", ".join(repr(culture.series.name) for culture in problem.cultures)
    if not np.isfinite(optima.sums[0]):
        return (
            f"{problem.name} has no finite errors on {names} from any of {num_starts} starts: the curves overflow. "
            "Give a start that does not (start={...}), fix parameters (fixed={...}), or take another seed."
        )
    what = "sum of squares" if problem.settings.loss.is_squared and not problem.space.has_priors else "objective"
    return (
        f"{problem.name} did not converge on {names}: best {what} {optima.sums[0]:.4g} after "
        f"{int(optima.num_steps[0])} steps. Try more starts (num_starts={2 * num_starts}), another seed or optimiser, "
        "or throw=False to look at where it stopped."
    )
