"""`fit`: a population model to a series, by multi-start least squares."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from popmath._errors import ConvergenceError
from popmath.inference.problem import FittableModel, Problem
from popmath.inference.result import FitResult
from popmath.inference.statistics import corrected_aic, r_squared, rmse, sum_of_squares
from popmath.series import Series

_SAME_OPTIMUM = 1e-4  # relative difference of sums of squares up to which two starts count as having met


def fit(model: FittableModel, series: Series, *, num_starts: int = 32, seed: int = 0, throw: bool = True) -> FitResult:
    r"""Fit a model to a series by least squares from many random starts.

    Minimises, over the model's parameters and the state at the first time,

    $$SS = \sum_i \sum_t \Bigl(\frac{\hat N_i(t) - N_i(t)}{\bar N_i}\Bigr)^2$$

    with $\bar N_i$ the mean of species $i$ over the series. Missing entries and an inoculum row are left out of the
    errors. Positive parameters are searched as logarithms and probabilities as logits, by Levenberg-Marquardt
    (optimistix) from all starts at once. Everything runs in float64.

    Args:
        model: a template such as `LeslieGower(species=series.species)`; parameter values it may have are ignored.
        series: what was counted; at least one observation more than free numbers.
        num_starts: random starts, at least 1.
        seed: of the random starts; the same seed gives the same fit.
        throw: raise if no start converged; with False the result says so in `verdict`.

    Returns:
        The fitted model with its statistics and a verdict.

    Raises:
        ValueError: if species differ, the series is too short for the model, or a species is never seen.
        ConvergenceError: if no start converged and `throw` is True.

    Example:
        >>> import popmath as pm
        >>> mixture = pm.datasets.load_gause("table3").culture("mixture")
        >>> result = fit(pm.LeslieGower(species=mixture.species), mixture, seed=0)
        >>> result.converged, round(result.sum_of_squares, 3)
        (True, 0.907)

    References:
        Gause, G. F. (1934), The Struggle for Existence. Moré, J. J. (1978), Lecture Notes in Mathematics 630, 105-116.
    """
    if isinstance(num_starts, bool) or not isinstance(num_starts, int | np.integer) or num_starts < 1:
        raise ValueError(f"num_starts must be a whole number, at least 1; got {num_starts!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number, at least 0; got {seed!r}.")
    return fit_problem(Problem(model, series), num_starts, seed, throw)


def fit_problem(problem: Problem, num_starts: int, seed: int, throw: bool) -> FitResult:
    """`fit`, for a problem that may share its compiled curves with another."""
    begun = time.perf_counter()
    model, series = problem.template, problem.series
    optima = problem.solve(num_starts, seed)
    best, converged = optima.vectors[0], bool(optima.converged[0])
    if throw and not converged:
        raise ConvergenceError(
            f"{type(model).__name__} did not converge on {series.name!r}: best sum of squares {optima.sums[0]:.4g} "
            f"after {int(optima.num_steps[0])} steps. Try more starts (num_starts={2 * num_starts}), another seed, or "
            f"throw=False to look at where it stopped."
        )
    share = float(np.mean(optima.sums <= optima.sums[0] * (1 + _SAME_OPTIMUM)))
    curve = optima.curves[0]
    predicted = curve[: len(series)]
    values, initial = problem.named_values(best)
    total = sum_of_squares(predicted, series, problem.scale)
    return FitResult(
        model=dataclasses.replace(model, **values),  # ty: ignore
        initial=initial,
        series=series,
        predicted=predicted,
        sum_of_squares=total,
        r_squared=r_squared(predicted, series),
        rmse=rmse(predicted, series),
        aicc=corrected_aic(total, problem.num_observed, problem.space.size),
        num_observed=problem.num_observed,
        converged=converged,
        share_of_starts=share,
        num_starts=num_starts,
        seed=seed,
        seconds=time.perf_counter() - begun,
        problem=problem,
        vector=best,
        curve=curve,
    )
