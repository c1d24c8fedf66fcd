"""Batches of training data, drawn by type: a function of seed and step alone, so that a run can go on anywhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import EMPTY, Requests, fit_width
from popmath.dynamicformer.samples import Samples
from popmath.dynamicformer.targets import Target, baseline


class Batch(NamedTuple):
    """What one step sees.

    Attributes:
        requests: the input.
        target: what is to be learned, float64, shape `(batch,)`.
    """

    requests: Requests
    target: np.ndarray


class Batches:
    """Samples of a part of the data, drawn with weights by type.

    Args:
        samples: families, without ones.
        target: what is learned.
        max_level: how far ones may be added.
        keep_ones: whether to add them, as many as the level allows, each number of them equally often.
        group_power: see `DataSettings`.
        shuffled: give the targets of a batch to its requests at random.
    """

    def __init__(
        self,
        samples: Samples,
        target: Target,
        max_level: int,
        keep_ones: bool = False,
        group_power: float = 0.5,
        shuffled: bool = False,
    ) -> None:
        """Compute the targets of the families once."""
        known = baseline(samples.requests, target)
        rows = np.flatnonzero(known.unit > 0)
        if len(rows) == 0:
            raise ValueError("this part of the data is empty: there is nothing to draw. Widen the split or max_level.")
        self.samples, self.max_level, self.keep_ones = samples.take(rows), max_level, keep_ones
        self.shuffled = shuffled
        requests = self.samples.requests
        self.target = (self.samples.log_scaled - known.log[rows]) / known.unit[rows]
        key = requests.genus.astype(np.int64) * 10_000 + requests.num_points
        _, group, counts = np.unique(key, return_inverse=True, return_counts=True)
        self.weights = counts[group] ** (group_power - 1.0)
        self._cumulative = np.cumsum(self.weights / self.weights.sum())

    def draw(self, size: int, seed: int, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([seed, step])
        rows = np.minimum(np.searchsorted(self._cumulative, rng.random(size)), len(self._cumulative) - 1)
        batch = self.members(rows, rng.random(size))
        return batch._replace(target=rng.permutation(batch.target)) if self.shuffled else batch

    def members(self, rows: np.ndarray, share: np.ndarray) -> Batch:
        """Members of these families: `share` in [0, 1) says how many of the possible ones are added."""
        requests, target = self.samples.requests.take(rows), self.target[rows]
        if not self.keep_ones:
            return Batch(requests, target)
        ones = (share * (self.max_level - requests.level + 1)).astype(np.int64)
        return Batch(with_ones(requests, ones), target + log_of_ones(requests, ones))


def with_ones(requests: Requests, ones: np.ndarray) -> Requests:
    """The requests with so many degrees 1 added to each."""
    width = requests.degrees.shape[1] + 1
    wide = fit_width(requests, width)
    degrees, times = wide.degrees.copy(), wide.multiplicity.copy()
    degrees[:, -1], times[:, -1] = np.where(ones > 0, 1, EMPTY), ones
    order = np.argsort(np.where(degrees == EMPTY, 1 << 14, degrees), axis=1, kind="stable")
    points = (requests.num_points + ones).astype(requests.num_points.dtype)
    sorted_degrees, sorted_times = (np.take_along_axis(each, order, axis=1) for each in (degrees, times))
    return Requests(requests.genus, points, sorted_degrees, sorted_times)


def log_of_ones(requests: Requests, ones: np.ndarray) -> np.ndarray:
    """Logarithm of what the plain number grows by when ones are added (dilaton equation)."""
    return gammaln(requests.level + ones) - gammaln(requests.level)


def as_int32(requests: Requests) -> Requests:
    """Columns that every batch has alike, for compiled code."""
    return Requests(*(np.asarray(column, np.int32) for column in requests))
