"""Calibration for points that lie beyond the calibration points: weights by distance, and a level that adapts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from popmath.conformal.split import check_confidence_level, finite_vector, positive_scale


@dataclasses.dataclass(frozen=True, eq=False)
class WeightedBand:
    """A band whose calibration points count the less the farther off they are; made by `calibrate_weighted`.

    Attributes:
        confidence_level: nominal coverage.
        half_distance: distance at which a calibration point counts half.
        places: of the calibration points, shape `(scores,)`.
        scores: absolute errors over their scales, ascending, shape `(scores,)`.
    """

    confidence_level: float
    half_distance: float
    places: np.ndarray
    scores: np.ndarray

    def predict_interval(
        self, predictions: np.ndarray, places: np.ndarray, scale: np.ndarray | float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Prediction -+ the weighted quantile at its place times its scale.

        Raises:
            ValueError: for what is not finite, or a place so far that too little weight is left for the level.
        """
        centre, where = finite_vector("predictions", predictions), finite_vector("places", places)
        spread = positive_scale(scale, centre.shape)
        if centre.shape != where.shape:
            raise ValueError(f"one place for each prediction is needed; got {where.shape} for {centre.shape}.")
        distinct, back = np.unique(where, return_inverse=True)
        return (centre - (half := np.array([self._quantile(p) for p in distinct])[back] * spread), centre + half)

    def _quantile(self, place: float) -> float:
        apart = np.abs(self.places - place)
        weights = 0.5 ** ((apart - apart.min()) / self.half_distance)
        share = np.cumsum(weights) / (weights.sum() + weights.max())  # the point itself weighs as much as the nearest
        position = int(np.searchsorted(share, self.confidence_level - 1e-12))
        if position == len(share):
            raise ValueError(
                f"at place {place:g} the calibration points nearby are too few for confidence_level "
                f"{self.confidence_level:g}: only {share[-1]:.3g} of the weight is theirs. Lower the level, or raise "
                f"half_distance (now {self.half_distance:g})."
            )
        return float(self.scores[position])


def calibrate_weighted(
    predictions: np.ndarray,
    truth: np.ndarray,
    *,
    places: np.ndarray,
    half_distance: float,
    scale: np.ndarray | float = 1.0,
    confidence_level: float = 0.9,
) -> WeightedBand:
    r"""Calibrate with weights $2^{-|p - p_i| / h}$, $p$ the place of the new point: nearer ones count more.

    The quantile is the smallest score below which $1-\alpha$ of the weight lies, that of the new point itself (as much
    as the nearest calibration point has) counted as infinite. Weights that do not depend on the data lose at most the
    sum over $i$ of the normalised weights times the total variation distance that swapping the new point with point
    $i$ makes: coverage is nearly kept where near points are nearly exchangeable. Beyond the last place it promises
    nothing more than calibrating on the last places does.

    MAPIE has no weighted calibration; with all places equal the band is that of `calibrate_split` (tested).

    Args:
        predictions: shape `(points,)`.
        truth: same shape.
        places: of each, such as its genus.
        half_distance: $h > 0$.
        scale: expected size of each error.
        confidence_level: $1 - \alpha$.

    Raises:
        TypeError, ValueError: for a level or distance out of range, what is not finite, or no points.

    Example:
        >>> places = np.repeat([1.0, 2.0], 50)
        >>> band = calibrate_weighted(np.zeros(100), places, places=places, half_distance=0.1)
        >>> band.predict_interval(np.zeros(2), np.array([1.0, 2.0]))[1]
        array([1., 2.])

    References:
        Barber, R. F., Candes, E. J., Ramdas, A. & Tibshirani, R. J. (2023), Annals of Statistics 51(2), 816-845.
    """
    check_confidence_level(confidence_level)
    centre, target = finite_vector("predictions", predictions), finite_vector("truth", truth)
    where = finite_vector("places", places)
    if not centre.shape == target.shape == where.shape or not centre.size:
        raise ValueError(
            f"predictions, truth and places must have one shape and at least one point; got {centre.shape}, "
            f"{target.shape} and {where.shape}."
        )
    if not half_distance > 0:
        raise ValueError(f"half_distance must be above 0; got {half_distance}.")
    scores = np.abs(target - centre) / positive_scale(scale, centre.shape)
    order = np.argsort(scores, kind="stable")
    return WeightedBand(float(confidence_level), float(half_distance), where[order], scores[order])


class AdaptedLevel(NamedTuple):
    """What `adapt_level` found.

    Attributes:
        places: from the second on, ascending.
        covered: share of the truth inside the band at each.
        levels: the level asked for at each.
        final: the level to ask for beyond the last.
    """

    places: np.ndarray
    covered: np.ndarray
    levels: np.ndarray
    final: float


def adapt_level(
    scores: np.ndarray, places: Iterable[float], *, confidence_level: float = 0.9, gamma: float = 0.5
) -> AdaptedLevel:
    r"""Adaptive conformal inference from place to place: which level to ask for beyond the last one.

    At each place, ascending, a band is calibrated on all places before it and asked whether it covers there; then
    $\alpha \leftarrow \alpha + \gamma (\alpha_0 - \text{share missed})$. Errors that grow from place to place lower
    $\alpha$, and so widen the band beyond.

    Args:
        scores: absolute errors over their scales, shape `(points,)`.
        places: of each, such as its genus; at least two different ones.
        confidence_level: $1 - \alpha_0$.
        gamma: step, above 0 and at most 1.

    Returns:
        The levels; asked for a level of 1 or more, a band uses the largest score.

    Raises:
        TypeError, ValueError: for a level or step out of range, what is not finite, or a single place.

    Example:
        >>> places = np.repeat(np.arange(5.0), 40)
        >>> growing = np.tile(np.arange(1.0, 41.0), 5) * (1 + 0.1 * places)
        >>> adapt_level(growing, places).final > 0.9
        True

    References:
        Gibbs, I. & Candes, E. (2021), Adaptive conformal inference under distribution shift, NeurIPS.
    """
    check_confidence_level(confidence_level)
    size, where = np.abs(finite_vector("scores", scores)), finite_vector("places", np.asarray(list(places), float))
    distinct = np.unique(where)
    if size.shape != where.shape:
        raise ValueError(f"one place for each score is needed; got {where.shape} for {size.shape}.")
    if len(distinct) < 2:
        raise ValueError(f"scores at two different places at least are needed; got {len(distinct)}.")
    if not 0.0 < gamma <= 1.0:
        raise ValueError(f"gamma must be above 0 and at most 1; got {gamma}.")
    miss, covered, levels = 1.0 - confidence_level, [], []
    for place in distinct[1:]:
        before = np.sort(size[where < place])
        rank = int(np.ceil(round((len(before) + 1) * (1.0 - miss), 9)))
        reach = before[min(max(rank, 1), len(before)) - 1]
        inside = float(np.mean(size[where == place] <= reach))
        covered.append(inside)
        levels.append(1.0 - miss)
        miss += gamma * (1.0 - confidence_level - (1.0 - inside))
    return AdaptedLevel(distinct[1:], np.array(covered), np.array(levels), 1.0 - miss)
