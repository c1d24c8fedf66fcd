"""Bands from the nearest calibration points of the same group: the dynamic sliding window."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from popmath.conformal.split import check_confidence_level, finite_vector, positive_scale, scores_needed

_ROWS = 2048  # requests whose windows are looked up at a time


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


@dataclasses.dataclass(frozen=True, eq=False)
class WindowBand:
    """A calibrated band, made by `calibrate_window`.

    Attributes:
        confidence_level: nominal coverage.
        smallest: least number of points in a window.
        share: of the group's points in a window.
        weights: of the coordinates in distances, shape `(coordinates,)`.
        positions: of the calibration points, shape `(scores, coordinates)`.
        scores: absolute errors over their scales, shape `(scores,)`.
        groups: of the calibration points, integers, shape `(scores,)`.
    """

    confidence_level: float
    smallest: int
    share: float
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
            ValueError: for what is not finite, or shapes that do not go together.
        """
        centre = finite_vector("predictions", predictions)
        spread = positive_scale(scale, centre.shape)
        places, labels = _places(positions, centre.size), _labels(groups, centre.size)
        half, window, joined = np.empty(centre.size), np.empty(centre.size, int), np.empty(centre.size, int)
        for label in np.unique(labels):
            group = self._group(int(label))
            size = self._window(len(group.scores))
            rank = math.ceil(round((size + 1) * self.confidence_level, 9))
            rows = np.flatnonzero(labels == label)
            window[rows], joined[rows] = size, group.joined
            for begin in range(0, len(rows), _ROWS):
                some = rows[begin : begin + _ROWS]
                _, near = group.tree.query(places[some] / group.unit, k=range(1, size + 1))
                half[some] = np.partition(group.scores[near], rank - 1, axis=1)[:, rank - 1]
        return WindowInterval(centre - half * spread, centre + half * spread, window, joined)

    def _window(self, available: int) -> int:
        needed = scores_needed(self.confidence_level)
        return min(available, max(self.smallest, needed, math.ceil(self.share * available)))

    def _group(self, label: int) -> _Group:
        """The points of a group, with neighbours on both sides until there are enough for a window and the level."""
        needed = min(len(self.groups), max(self.smallest, scores_needed(self.confidence_level)))
        key = (label, needed)
        if key not in self._known:
            apart = np.abs(self.groups - label)
            joined = int(np.sort(apart)[needed - 1])
            rows = np.flatnonzero(apart <= joined)
            unit = np.std(self.positions[rows], axis=0)
            unit = np.where(unit > 0, unit, 1.0) / self.weights
            self._known[key] = _Group(KDTree(self.positions[rows] / unit), unit, self.scores[rows], joined)
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
    if smallest < 1 or not 0.0 < share <= 1.0:
        raise ValueError(f"smallest must be at least 1 and share above 0 and at most 1; got {smallest} and {share}.")
    _check_number(centre.size, confidence_level)
    scores = np.abs(target - centre) / positive_scale(scale, centre.shape)
    places, labels = _places(positions, centre.size), _labels(groups, centre.size)
    factors = np.ones(places.shape[1]) if weights is None else np.asarray(list(weights), dtype=float)
    if factors.shape != (places.shape[1],) or not (factors > 0).all():
        raise ValueError(f"weights must be {places.shape[1]} positive numbers, one for each coordinate; got {factors}.")
    return WindowBand(float(confidence_level), smallest, float(share), factors, places, scores, labels)


def _check_number(count: int, confidence_level: float) -> None:
    check_confidence_level(confidence_level)
    needed = scores_needed(confidence_level)
    if count < needed:
        raise ValueError(
            f"confidence_level {confidence_level:g} needs at least {needed} calibration points; there are {count}. "
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
