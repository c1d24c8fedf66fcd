"""How well the data determine the fitted numbers: intervals and correlations from the curvature, and the verdict."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.stats

from popmath.inference.problem import Problem

_STRONG_CORRELATION = 0.95
_STEEPEST = 1e100  # derivatives of a curve that is about to overflow
_FLAT = 1e-7  # singular value, relative to the largest, below which a direction is not determined


class Estimate(NamedTuple):
    """One fitted number with its 95 % interval (from the curvature at the optimum; NaN if it is flat there)."""

    label: str
    value: float
    low: float
    high: float

    @property
    def determined(self) -> bool:
        """Whether the data say anything of it: a finite interval within a factor of a million."""
        return bool(np.isfinite(self.high)) and (self.low <= 0.0 or self.high / self.low < 1e6)


class Estimates(NamedTuple):
    """All fitted numbers, and their errors on the unconstrained scale.

    Attributes:
        numbers: with intervals.
        correlation: of the errors, shape `(free, free)`.
        error: standard error on the unconstrained scale, shape `(free,)`; inf where it is flat.
    """

    numbers: tuple[Estimate, ...]
    correlation: np.ndarray
    error: np.ndarray


def information_root(problem: Problem, vector: np.ndarray) -> tuple[np.ndarray, float]:
    r"""A root $R$ of the observed information, $R^T R$ = its inverse covariance, and degrees of freedom of the errors.

    For least squares $R$ is the Jacobian of the scaled errors over their deviation, with the degrees of freedom that
    are left; for likelihoods and priors it is the root of the Hessian, with infinitely many.
    """
    data = problem.data()
    if problem.settings.loss.is_squared and not problem.space.has_priors:
        jacobian = np.clip(np.nan_to_num(problem.curves.jacobian(vector, data)), -_STEEPEST, _STEEPEST)
        freedom = float(problem.num_observed - problem.space.size)
        variance = problem.sum_of_squares(problem.curve(vector)) / freedom
        return jacobian / np.sqrt(max(variance, np.finfo(float).tiny)), freedom
    hessian = np.nan_to_num(problem.curves.hessian(vector, data)).clip(-_STEEPEST, _STEEPEST)
    values, vectors = np.linalg.eigh(hessian)
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T, np.inf


def estimate_from_curvature(problem: Problem, vector: np.ndarray, root: np.ndarray, freedom: float) -> Estimates:
    """Each number with its 95 % interval, from the curvature on the unconstrained scale.

    Args:
        problem: what was fitted.
        vector: the optimum.
        root: of the information, shape `(anything, free)`; see `information_root`.
        freedom: degrees of freedom of the errors' deviation.
    """
    _, singular, right = np.linalg.svd(root, full_matrices=False)
    flat = singular <= singular[0] * _FLAT
    undetermined = (right[flat] ** 2 > 1e-6).any(axis=0)
    covariance = (right[~flat].T / singular[~flat] ** 2) @ right[~flat]
    error = np.sqrt(np.diagonal(covariance))
    with np.errstate(invalid="ignore"):  # NaN for a number that changes nothing at all
        correlation = covariance / np.outer(error, error)
    half = np.minimum(scipy.stats.t.ppf(0.975, freedom) * error, 600.0)
    low, value, high = (problem.space.numbers(vector + sign * half) for sign in (-1.0, 0.0, 1.0))
    low, high = np.where(undetermined, np.nan, low), np.where(undetermined, np.nan, high)
    labels = problem.space.labels(problem.template.species)
    numbers = tuple(Estimate(*row) for row in zip(labels, value.tolist(), low.tolist(), high.tolist(), strict=True))
    return Estimates(numbers, correlation, np.where(undetermined, np.inf, error))


def verdict(converged: bool, share: float, num_starts: int, found: Estimates) -> tuple[str, ...]:
    """What to know before using the numbers."""
    estimates, correlation, _ = found
    said = []
    if converged:
        said.append(f"converged; {round(share * num_starts)} of {num_starts} starts reached this optimum")
        if share * num_starts < 2 <= num_starts:
            said.append("no second start found the same optimum: try more starts")
    else:
        said.append("NOT converged: these numbers are where the optimiser stopped, not an optimum")
    loose = [e.label for e in estimates if not e.determined]
    if loose:
        said.append(f"the data do not determine {len(loose)} of {len(estimates)} numbers: {some(loose)}")
    upper = np.abs(np.triu(np.nan_to_num(correlation), 1))
    pairs = sorted(np.argwhere(upper > _STRONG_CORRELATION), key=lambda pair: -upper[tuple(pair)])
    if pairs:
        named = [f"{estimates[i].label} with {estimates[j].label} ({correlation[i, j]:+.2f})" for i, j in pairs]
        said.append(f"strongly correlated: {some(named)}")
    return tuple(said)


def some(items: list[str]) -> str:
    """The first three, and how many more there are."""
    rest = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return ", ".join(items[:3]) + rest
