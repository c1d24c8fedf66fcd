"""How large the error of a prediction should be: noise of the counts, and what the data leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from popmath.inference.domains import unconstrain

if TYPE_CHECKING:
    from popmath.inference.curves import Data
    from popmath.inference.problem import Problem

_FLOOR = 0.01  # of a species' mean: below this the variance of a count does not shrink any further
_STEEPEST = 1e100  # slopes of a curve that is about to overflow


class Refitted(NamedTuple):
    """A fit to part of a series.

    Attributes:
        inside: predictions at the times of the series, shape `(times, species)`.
        inside_error: their expected errors, same shape, positive.
        ahead: predictions at new times, or None.
        ahead_error: their expected errors, or None.
    """

    inside: np.ndarray
    inside_error: np.ndarray
    ahead: np.ndarray | None
    ahead_error: np.ndarray | None


class ExpectedError:
    r"""Standard deviation of a count around its prediction.

    $$s^2 = \phi_i f + \nabla f^T C\, \nabla f, \qquad C = (J^T J/\sigma^2 + P)^{-1}$$

    with $\phi_i$ the mean of squared errors over predictions, $J$ the derivatives of the scaled errors and $\sigma^2$
    their variance, and $P$ a weak precision of the unconstrained numbers (half the range of the starts is one standard
    deviation), which keeps directions finite that the data do not determine. It need not be right: bands are calibrated
    on errors divided by it.

    Args:
        problem: what was fitted.
        vector: the fit.
        number: of the culture.
        data: with the weights that were used.
    """

    def __init__(self, problem: Problem, vector: np.ndarray, number: int, data: Data) -> None:
        """Estimate noise and covariance."""
        self.problem, self.vector, self.number = problem, vector, number
        series = problem.cultures[number].series
        freedom = max(float((data.weights > 0).sum()) - vector.size, 1.0)
        jacobian = np.nan_to_num(problem.curves.jacobian(vector, data))
        curve = problem.curve(vector)
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(data.weights > 0, (curve - data.counts) / data.scale, 0.0)
        variance = max(float((error**2).sum()) / freedom, np.finfo(float).tiny)
        root = np.vstack([jacobian / np.sqrt(variance), np.diag(1.0 / _spreads(problem))])
        _, singular, right = np.linalg.svd(np.clip(root, -_STEEPEST, _STEEPEST), full_matrices=False)
        self.covariance = (right.T / singular**2) @ right
        predicted = problem.of_culture(curve, number)
        self.floor = _FLOOR * np.nanmean(series.values, axis=0)
        squared = np.where(series.observed, series.values - predicted, 0.0) ** 2
        share = squared / np.maximum(predicted, self.floor)
        used = (data.weights[problem.rows[number]] > 0).any(axis=1, keepdims=True)
        seen = used & series.observed
        total, count = np.where(seen, share, 0.0).sum(axis=0), seen.sum(axis=0)
        inflate = float((data.weights > 0).sum()) / freedom
        self.noise = np.maximum(inflate * total / np.maximum(count, 1), 1e-12)

    def at(self, times: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Expected errors of predictions at absolute times, shape `(times, species)`."""
        problem, number = self.problem, self.number
        since = times - problem.cultures[number].series.times[0]
        slopes = np.nan_to_num(problem.curves.slopes(self.vector, number, since))
        by_species = slopes.reshape(len(times), len(problem.template.species), -1, slopes.shape[-1]).sum(axis=2)
        by_species = np.moveaxis(problem.of_species(np.moveaxis(by_species, 1, -1), number), -1, 1)
        open_part = np.einsum("tsi,ij,tsj->ts", by_species, self.covariance, by_species)
        return np.sqrt(self.noise * np.maximum(predicted, self.floor) + np.maximum(open_part, 0.0))


def _spreads(problem: Problem) -> np.ndarray:
    """Half the range of the starts of every free number, on the unconstrained scale."""
    halves = []
    for block in problem.space.blocks:
        low, high = (unconstrain(block.parameter.domain, end[block.free]) for end in block.parameter[1:3])
        halves.append(0.5 * np.abs(np.ravel(high) - np.ravel(low)))
    return np.maximum(np.concatenate(halves), 1e-3)
