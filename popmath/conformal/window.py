"""Bands from the nearest calibration points of the same group: the dynamic sliding window."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from popmath.conformal.split import check_confidence_level, finite_vector, positive_scale, scores_needed

_LARGER = 100
_ROWS = 2048  # requests whose windows are looked up at a time
_TIES = 1e-9  # by which calibration points are moved, so that which of equals is nearest is drawn


class WindowInterval(NamedTuple):
    """A band with what it rests on.

    Attributes:
        lower: shape `(points,)`.
        upper: same shape.
        num_scores: calibration points in the window of each.
        num_joined: neighbouring groups on either side that were joined; 0 where its own points sufficed.
    """

    lower: np.ndarray
    upper: np.ndarray
    num_scores: np.ndarray
    num_joined: np.ndarray


class _Group(NamedTuple):
    tree: KDTree
    unit: np.ndarray
    scores: np.ndarray
    joined: int
    window: int


@dataclasses.dataclass(frozen=True, eq=False)
class WindowBand:
    """A calibrated band, made by `calibrate_window`.

    Attributes:
        confidence_level: nominal coverage.
        smallest: least number of points in a window.
        share: of the group's points in a window.
        max_joined: how far apart in number groups may be to be joined; None for any distance.
        weights: of the coordinates in distances, shape `(coordinates,)`.
        positions: of the calibration points, shape `(scores, coordinates)`.
        scores: absolute errors over their scales, shape `(scores,)`.
        groups: of the calibration points, integers, shape `(scores,)`.
    """

    confidence_level: float
    smallest: int
    share: float
    max_joined: int | None
    weights: np.ndarray
    positions: np.ndarray
    scores: np.ndarray
    groups: np.ndarray
    _known: dict[tuple[int, int], _Group] = dataclasses.field(default_factory=dict, repr=False)

    def at_level(self, confidence_level: float) -> WindowBand:
        """The same calibration at another level.

        Raises:
            TypeError, ValueError: for what is no level, or one that needs more calibration points than there are.
        """
        _check_number(len(self.scores), confidence_level)
        return dataclasses.replace(self, confidence_level=float(confidence_level))

    def predict_interval(
        self,
        predictions: np.ndarray,
        positions: np.ndarray,
        groups: Iterable[int],
        scale: np.ndarray | float = 1.0,
    ) -> WindowInterval:
        """Prediction -+ the conformal quantile of its window times its scale.

        Args:
            predictions: shape `(points,)`.
            positions: where each stands, shape `(points, coordinates)`.
            groups: the group of each, integers.
            scale: expected size of the error of each, in the sense of the calibration.

        Raises:
            ValueError: for what is not finite, shapes that do not go together, or a group that cannot be joined to
                enough others for the level.
        """
        centre = finite_vector("predictions", predictions)
        spread = positive_scale(scale, centre.shape)
        places, labels = _places(positions, centre.size), _labels(groups, centre.size)
        if places.shape[1] != self.positions.shape[1]:
            raise ValueError(
                f"positions must have the {self.positions.shape[1]} coordinates of the calibration; got "
                f"{places.shape[1]}."
            )
        half, window, joined = np.empty(centre.size), np.empty(centre.size, int), np.empty(centre.size, int)
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            half[rows], group = self._quantiles(int(label), places[rows])
            window[rows], joined[rows] = group.window, group.joined
        return WindowInterval(centre - half * spread, centre + half * spread, window, joined)

    def _quantiles(self, label: int, places: np.ndarray) -> tuple[np.ndarray, _Group]:
        """Scores that are not exceeded at the level, and the group they come from.

        Windows grow to 100, and then double, until they carry the level. A larger one may reach calmer points: the
        largest score of each smaller one is therefore a lower limit, so that a higher level is never narrower.
        """
        needed, size = scores_needed(self.confidence_level), self.smallest
        least, group = np.zeros(len(places)), self._group(label, self.smallest)
        while group.window < needed:
            least = np.maximum(least, self._ranked(group, places, group.window))
            size = _LARGER if size < _LARGER else 2 * size
            if size > 2 * max(needed, len(self.scores)):
                raise ValueError(
                    f"confidence_level {self.confidence_level} needs at least {needed} calibration points; group "
                    f"{label} and what it may be joined to have {group.window}. Lower the level, or add points."
                )
            group = self._group(label, size)
        rank = math.ceil(round((group.window + 1) * self.confidence_level, 9))
        return np.maximum(least, self._ranked(group, places, rank)), group

    def _ranked(self, group: _Group, places: np.ndarray, rank: int) -> np.ndarray:
        found = np.empty(len(places))
        for begin in range(0, len(places), _ROWS):
            some = slice(begin, begin + _ROWS)
            _, near = group.tree.query(places[some] / group.unit, k=range(1, group.window + 1))
            found[some] = np.partition(group.scores[near], rank - 1, axis=1)[:, rank - 1]
        return found

    def _group(self, label: int, size: int) -> _Group:
        """The points of a group, with neighbours on both sides until there are as many as this, if there may be."""
        key = (label, size)
        if key not in self._known:
            apart = np.abs(self.groups - label)
            joined = int(np.sort(apart)[min(size, len(apart)) - 1])
            if self.max_joined is not None:
                joined = min(joined, self.max_joined)
            rows = np.flatnonzero(apart <= joined)
            if not len(rows):
                raise ValueError(f"group {label} has no calibration points within {joined} of it in number.")
            unit = np.std(self.positions[rows], axis=0)
            unit = np.where(unit > 0, unit, 1.0) / self.weights
            at = self.positions[rows] / unit
            at = at + _TIES * np.random.default_rng(0).standard_normal(at.shape)
            window = min(len(rows), max(size, math.ceil(self.share * len(rows))))
            self._known[key] = _Group(KDTree(at), unit, self.scores[rows], joined, window)
        return self._known[key]


def calibrate_window(
    predictions: np.ndarray,
    truth: np.ndarray,
    *,
    positions: np.ndarray,
    groups: Iterable[int],
    scale: np.ndarray | float = 1.0,
    confidence_level: float = 0.9,
    smallest: int = 200,
    share: float = 0.25,
    max_joined: int | None = None,
    weights: Iterable[float] | None = None,
) -> WindowBand:
    r"""Calibrate a band whose width follows where a point stands inside its group.

    The score is $|y - \hat y| / s$. In a group with $N$ calibration points a new point is given the $w =
    \max(w_{\min}, \lceil \rho N \rceil)$ of them that stand nearest, coordinates over their standard deviation in the
    group, and the band's half-width is $s$ times the $\lceil (w+1)(1-\alpha) \rceil$-th smallest of their scores. Where
    $N$ is below $w_{\min}$ or that rank, groups of neighbouring number are joined until it is not, and the band says
    how many. Coverage is exact in each group for $w = N$ and exchangeable points, and approximate with a window.

    The quantile is the one MAPIE's `SplitConformalRegressor` would give each window (tested); asked itself for every
    request, it takes milliseconds for each.

    Args:
        predictions: shape `(points,)`.
        truth: shape `(points,)`.
        positions: where each point stands, shape `(points, coordinates)`: the predicted value and genus, say.
        groups: an integer for each; neighbours in number are neighbours in kind.
        scale: expected size of each error, positive, a number or shape `(points,)`.
        confidence_level: $1 - \alpha$, between 0 and 1.
        smallest: $w_{\min}$.
        share: $\rho$, above 0 and at most 1; 1 for bands by group without a window.
        max_joined: groups farther apart in number are not joined; None for any distance.
        weights: of the coordinates in distances, positive; None for all alike. Large windows cover too little where
            points are sparse and errors large: their nearest points stand where errors are smaller.

    Raises:
        TypeError, ValueError: for a level or share out of range, what is not finite, or too few points.

    Example:
        >>> errors = np.r_[np.full(50, 1.0), np.full(50, 9.0)]
        >>> band = calibrate_window(
        ...     np.zeros(100), errors, positions=np.arange(100.0)[:, None], groups=np.zeros(100, int), smallest=20
        ... )
        >>> band.predict_interval(np.zeros(2), np.array([[0.0], [99.0]]), [0, 0]).upper
        array([1., 9.])
    """
    centre, target = finite_vector("predictions", predictions), finite_vector("truth", truth)
    if centre.shape != target.shape:
        raise ValueError(f"predictions and truth must have one shape; got {centre.shape} and {target.shape}.")
    if not isinstance(smallest, int | np.integer) or smallest < 1 or not 0.0 < share <= 1.0:
        raise ValueError(
            f"smallest must be an integer of at least 1 and share above 0 and at most 1; got {smallest} and {share}."
        )
    _check_number(centre.size, confidence_level)
    scores = np.abs(target - centre) / positive_scale(scale, centre.shape)
    places, labels = _places(positions, centre.size), _labels(groups, centre.size)
    factors = np.ones(places.shape[1]) if weights is None else np.asarray(list(weights), dtype=float)
    if factors.shape != (places.shape[1],) or not ((factors > 0) & np.isfinite(factors)).all():
        raise ValueError(f"weights must be {places.shape[1]} positive numbers, one for each coordinate; got {factors}.")
    return WindowBand(float(confidence_level), int(smallest), float(share), max_joined, factors, places, scores, labels)


def _check_number(count: int, confidence_level: float) -> None:
    check_confidence_level(confidence_level)
    needed = scores_needed(confidence_level)
    if count < needed:
        raise ValueError(
            f"confidence_level {confidence_level} needs at least {needed} calibration points; there are {count}. "
            "Lower the level, or add points."
        )


def _places(positions: np.ndarray, size: int) -> np.ndarray:
    found = np.asarray(positions, dtype=float)
    if found.ndim != 2 or len(found) != size:
        raise ValueError(f"positions must have the shape ({size}, coordinates); got {found.shape}.")
    if not np.isfinite(found).all():
        raise ValueError("positions must be finite.")
    return found


def _labels(groups: Iterable[int], size: int) -> np.ndarray:
    found = np.asarray(list(groups))
    if found.shape != (size,) or (size and not np.issubdtype(found.dtype, np.integer)):
        raise ValueError(f"groups must be {size} integers; got {found.dtype} of shape {found.shape}.")
    return found.astype(int)
