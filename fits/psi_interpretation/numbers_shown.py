"""What the networks are asked about: exact numbers in windows of genera, and a form that every predictor has."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from popmath.dynamicformer import Requests, Samples, TrainedNetwork
from popmath.dynamicformer.baselines import LinearFit, log_closed_form
from popmath.dynamicformer.encoding import log_double_factorials, without_degree
from popmath.dynamicformer.interpret.predictor import LogNumber
from popmath.dynamicformer.samples import exact_samples
from popmath.intersections import log_correlator

WINDOWS = {"3 to 13": range(3, 14), "7 to 13": range(7, 14), "14 to 17": range(14, 18), "18 to 25": range(18, 26)}
MOST_POINTS = 9


class Shown(NamedTuple):
    """Exact numbers.

    Attributes:
        training: every family of genus 0 to 13 with 2g - 2 + n up to 35.
        beyond: of genus 14 to 25 with at most 9 points.
    """

    training: Samples
    beyond: Samples

    @classmethod
    def exact(cls) -> Shown:
        """From the exact engine: a few seconds, and 40 for those beyond."""
        whole = exact_samples(2 * 26 - 4 + MOST_POINTS, range(26), MOST_POINTS)
        return cls(exact_samples(35, range(14)), whole.take(np.flatnonzero(whole.requests.genus >= 14)))

    def window(self, name: str, most: int, zeros: bool = True, seed: int = 0) -> Samples:
        """At most so many numbers of a window, drawn at random."""
        genera = WINDOWS[name]
        samples = self.training if genera.start < 14 else self.beyond
        rows = np.isin(samples.requests.genus, list(genera))
        if not zeros:
            rows &= (samples.requests.times(0) == 0) & (samples.requests.num_ones == 0)
        found = np.flatnonzero(rows)
        return samples.take(np.sort(np.random.default_rng(seed).permutation(found)[:most]))


def plain(samples: Samples) -> np.ndarray:
    """Logarithms of the plain numbers."""
    return samples.log_scaled - log_double_factorials(samples.requests)


def exact_logs(requests: Requests) -> np.ndarray:
    """Exact numbers, one by one."""
    rows = zip(requests.genus, requests.degrees, requests.multiplicity, strict=True)
    return np.array([log_correlator(int(g), np.repeat(d, m).tolist()) for g, d, m in rows])


def said_by_network(trained: TrainedNetwork) -> LogNumber:
    """What a network says."""
    return lambda requests: trained.predict_requests(requests).log_value


def said_by_closed_form(order: int) -> LogNumber:
    """The closed form of an order, ones removed before."""
    return lambda requests: _without_ones(requests, lambda kept: log_closed_form(kept, order))


def said_by_least_squares(shown: Shown) -> LogNumber:
    """39 features, fitted to the training range from genus 7 on without zeros: these are beyond it.

    Where 2g - 3 + n is 6 or less the features are not defined, and the leading term is left.
    """
    samples = shown.training
    rows = (samples.requests.genus >= 7) & (samples.requests.times(0) == 0)
    fit = LinearFit.to(samples.take(np.flatnonzero(rows)), 6)

    def log_scaled(kept: Requests) -> np.ndarray:
        defined = kept.level > 7
        found = log_closed_form(kept, 0)
        found[defined] = fit.log_value(kept.take(defined))
        return found

    return lambda requests: _without_ones(requests, log_scaled)


def _without_ones(requests: Requests, log_scaled: LogNumber) -> np.ndarray:
    kept, log_factor = without_degree(requests, 1)
    return log_scaled(kept) - log_double_factorials(kept) + log_factor
