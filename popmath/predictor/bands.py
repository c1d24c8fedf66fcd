"""Calibrated bands: of one method, or of the closest that has a say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from popmath.conformal import LearnedScale, WindowBand, calibrate_window, learn_scale
from popmath.dynamicformer.encoding import Requests
from popmath.predictor.methods import METHODS, Said, features, said_by

CLOSEST = "closest"
SMALLEST, SHARE, WEIGHTS = 60, 0.03, (1.0, 2.0, 1.0)  # of the window; of the positions in its distances
_LEVEL = 0.9  # at which sizes and drifts are measured
_APART = 100_000
_FEWEST = 100  # numbers in each half that a drift is measured on


class Expected(NamedTuple):
    """What is expected of some requests without ones before anything is calibrated.

    Attributes:
        log_value: of the first method that has a say, shape `(requests,)`.
        size: its expected error, at about nine in ten; infinite where no method has a say.
        which: the method, as a position.
        sizes: of every method, shape `(methods, requests)`.
    """

    log_value: np.ndarray
    size: np.ndarray
    which: np.ndarray
    sizes: np.ndarray


class Band(NamedTuple):
    """A band on some requests.

    Attributes:
        expected: its centre, and the method.
        half: half-width of log F, infinite where no method has a say.
        num_scores: calibration numbers in the window.
        num_joined: neighbouring numbers of points that were joined.
        growth: factor by which it is widened beyond the calibrated genera.
        genera: lowest and highest genus calibrated for so many points, shape `(requests, 2)`.
    """

    expected: Expected
    half: np.ndarray
    num_scores: np.ndarray
    num_joined: np.ndarray
    growth: np.ndarray
    genera: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class MethodBand:
    r"""The calibrated band of some methods, of which each request takes the first that has a say.

    The score of a number is $|\log F - \hat y| / s$, $s$ the size that the method expects of its error times a learned
    factor, beside rounding. Which method has a say does not depend on the number, so that the scores of what was taken
    are calibrated like those of a single method. Numbers with one method and equally many points besides ones are a
    group; in it a sliding window over predicted value, genus and zeros.

    Calibration reaches a genus and a level $2g-2+m$, $m$ the number of points besides ones. Beyond either the learned
    factor is never below what it is at the last genus within both, and the band grows like $(x/x_0)^\kappa$: $\kappa
    \ge 0$ from how the 90 % quantile of the method's scores grew from the lower to the upper half of its groups'
    genera, $x = 2g - 3 + m$ and $x_0$ its geometric mean in the upper half of the group.

    Attributes:
        scales: the learned factor of each method.
        band: of the scores, at any level.
        drift: for each group, $\kappa$ and $x_0$.
        max_genus: highest calibrated genus.
        max_level: highest calibrated level.
    """

    scales: Mapping[str, LearnedScale]
    band: WindowBand
    drift: Mapping[int, tuple[float, float]]
    max_genus: int
    max_level: int

    @property
    def max_points(self) -> int:
        """Most points besides ones among the calibration numbers."""
        return int((self.band.groups % _APART).max())

    def on(self, requests: Requests, said: Mapping[str, Said], confidence_level: float) -> Band:
        """The band on requests without ones, of which each method said something."""
        edge = last_genus(requests, self.max_genus, self.max_level)
        expected = expected_errors(requests, said, self.scales, edge)
        total = len(expected.size)
        half, growth = np.full(total, np.inf), np.ones(total)
        num, joined, genera = np.zeros(total, int), np.zeros(total, int), np.zeros((total, 2), int)
        rows = np.flatnonzero(np.isfinite(expected.size))
        if len(rows):
            some, groups = requests.take(rows), groups_of(requests, expected.which)[rows]
            growth[rows] = np.where(some.genus <= edge[rows], 1.0, self._growth(some, groups))
            found = self.band.at_level(confidence_level).predict_interval(
                np.zeros(len(rows)), positions_of(some, expected.log_value[rows]), groups
            )
            half[rows] = found.upper * expected.size[rows] * growth[rows]
            num[rows], joined[rows] = found.num_scores, found.num_joined
            genera[rows] = self._genera(groups, found.num_joined)
        return Band(expected, half, num, joined, growth, genera)

    def _genera(self, groups: np.ndarray, joined: np.ndarray) -> np.ndarray:
        """Lowest and highest genus of the group, neighbours included."""
        pairs, back = np.unique(np.stack([groups, joined], axis=1), axis=0, return_inverse=True)
        known = self.band.positions[:, 1]
        inside = [known[np.abs(self.band.groups - group) <= far] for group, far in pairs.tolist()]
        return np.array([[each.min(), each.max()] for each in inside], int)[back.ravel()]

    def _growth(self, requests: Requests, groups: np.ndarray) -> np.ndarray:
        known = np.array(list(self.drift))
        nearest = known[np.argmin(np.abs(known[:, None] - groups), axis=0)]
        power, start = np.array([self.drift[group] for group in nearest.tolist()]).T
        return np.maximum(1.0, (requests.level - 1.0) / start) ** power


def last_genus(requests: Requests, max_genus: int, max_level: int) -> np.ndarray:
    """The highest genus within both limits at the number of points of each request, at least 0."""
    return np.clip((max_level + 2 - requests.num_points.astype(int)) // 2, 0, max_genus)


def expected_errors(
    requests: Requests, said: Mapping[str, Said], scales: Mapping[str, LearnedScale], edge: np.ndarray
) -> Expected:
    """The expected error of every method, and the first that has a say; beyond `edge`, a genus, no factor falls."""
    here, there = features(requests), features(requests, edge)
    beyond = requests.genus > edge
    sizes = np.full((len(scales), len(requests.genus)), np.inf)
    for number, (name, scale) in enumerate(scales.items()):
        factor = np.where(beyond, np.maximum(scale(here), scale(there)), scale(here))
        size = said[name].size * factor + said[name].rounding
        sizes[number] = np.where(said[name].size > 0, size, np.inf)
    which = np.argmax(np.isfinite(sizes), axis=0)
    rows = np.arange(len(which))
    return Expected(np.stack([said[name].log_value for name in scales])[which, rows], sizes[which, rows], which, sizes)


def positions_of(requests: Requests, log_value: np.ndarray) -> np.ndarray:
    """Where numbers stand in their group: predicted value, genus, and how many zeros."""
    return np.column_stack([log_value, requests.genus.astype(float), requests.times(0).astype(float)])


def groups_of(requests: Requests, which: np.ndarray) -> np.ndarray:
    """Groups as integers: neighbours differ by one point; different methods are far apart."""
    return which.astype(int) * _APART + requests.num_points


def learned_scale(method: str, requests: Requests, log_values: np.ndarray) -> LearnedScale:
    """The factor between what a method expects of its errors and the size that nine in ten do not exceed.

    Raises:
        ValueError: for another method, or too few numbers.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    said = said_by(method, requests)
    rows = np.flatnonzero(said.size > 0)
    ratio = np.abs(log_values[rows] - said.log_value[rows]) / said.size[rows]
    table = features(requests.take(rows))
    scale = learn_scale(table, ratio)
    typical = np.quantile(ratio / scale(table), _LEVEL)
    return LearnedScale(np.concatenate([[scale.weights[0] + np.log(typical)], scale.weights[1:]]))


def calibrate_band(
    scales: Mapping[str, LearnedScale],
    requests: Requests,
    log_values: np.ndarray,
    smallest: int = SMALLEST,
    share: float = SHARE,
) -> MethodBand:
    """Calibrate on numbers that neither methods nor scales have seen.

    Args:
        scales: of the methods, the one to be preferred first.
        requests: without ones.
        log_values: logarithms of their plain numbers.
        smallest: of the window.
        share: of the window.

    Raises:
        ValueError: for too few numbers.
    """
    highest, level = int(requests.genus.max()), int(requests.level.max())
    edge = last_genus(requests, highest, level)
    said = {name: said_by(name, requests) for name in scales}
    found = expected_errors(requests, said, scales, edge)
    rows = np.flatnonzero(np.isfinite(found.size))
    some, value, size = requests.take(rows), found.log_value[rows], found.size[rows]
    errors, groups = log_values[rows] - value, groups_of(some, found.which[rows])
    band = calibrate_window(
        np.zeros(len(rows)),
        errors,
        positions=positions_of(some, value),
        groups=groups,
        scale=size,
        confidence_level=_LEVEL,
        smallest=smallest,
        share=share,
        max_joined=_APART // 2,
        weights=WEIGHTS,
    )
    return MethodBand(dict(scales), band, _drift(some, groups, np.abs(errors) / size), highest, level)


def _drift(requests: Requests, groups: np.ndarray, scores: np.ndarray) -> dict[int, tuple[float, float]]:
    """For each group, the power of x by which scores grow, one for all groups of a method, and its start."""
    log_x = np.log(np.maximum(requests.level - 1.0, 1.0))
    upper = np.zeros(len(groups), bool)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        upper[rows] = requests.genus[rows] >= np.median(requests.genus[rows])
    found: dict[int, tuple[float, float]] = {}
    for method in np.unique(groups // _APART):
        own = groups // _APART == method
        power = 0.0
        if min(np.sum(own & upper), np.sum(own & ~upper)) >= _FEWEST:
            ratio = np.quantile(scores[own & upper], _LEVEL) / np.quantile(scores[own & ~upper], _LEVEL)
            apart = np.mean(log_x[own & upper]) - np.mean(log_x[own & ~upper])
            power = max(0.0, float(np.log(ratio) / apart))
        for group in np.unique(groups[own]).tolist():
            found[group] = (power, float(np.exp(np.mean(log_x[(groups == group) & upper]))))
    return found
