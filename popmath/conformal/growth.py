"""How the size of an error grows with the time ahead: fixed or estimated, never decreasing."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import numpy as np

GrowthName = Literal["root", "power", "isotonic", "none"]
_TOP_EXPONENT = 2.0
_LOWEST_SHARE = 0.3  # an isotonic curve does not fall below this share of the root mean square score
_TINY = 1e-3  # of the mean score: keeps the logarithm of an exact hit finite


@dataclasses.dataclass(frozen=True, eq=False)
class HorizonGrowth:
    """A never decreasing curve of expected error size against horizon; made by `fit_growth`.

    Attributes:
        name: `"root"`, `"power"`, `"isotonic"` or `"none"`.
        exponent: of the horizon, for `"root"`, `"power"` and `"none"`.
        knots: horizons of an isotonic curve, rising; empty otherwise.
        heights: its values there; beyond the last knot it grows with the root of the horizon.
    """

    name: GrowthName
    exponent: float
    knots: np.ndarray
    heights: np.ndarray

    def at(self, horizon: np.ndarray) -> np.ndarray:
        """The curve at horizons of any shape, all above 0."""
        if self.name != "isotonic":
            return np.asarray(horizon, dtype=float) ** self.exponent
        beyond = np.sqrt(np.maximum(horizon / self.knots[-1], 1.0))
        return np.interp(horizon, self.knots, self.heights) * beyond


def fit_growth(name: GrowthName, horizon: np.ndarray, scores: np.ndarray) -> HorizonGrowth:
    r"""Estimate how standardised errors grow with horizon.

    * `"root"`: $g(h) = \sqrt h$, as a random walk's error; nothing is estimated.
    * `"power"`: $g(h) = h^p$, with $p$ the least-squares slope of $\log |z|$ against $\log h$, kept in $[0, 2]$.
    * `"isotonic"`: $g(h)^2$ is the least-squares never decreasing curve through $z^2$.
    * `"none"`: $g(h) = 1$.

    Args:
        name: which.
        horizon: shape `(scores,)`, above 0.
        scores: errors divided by their scale at horizon 1, shape `(scores,)`; the sign does not count.

    Raises:
        ValueError: for another name, or a horizon that is not above 0.

    Example:
        >>> fit_growth("power", np.array([1.0, 4.0, 16.0]), np.array([1.0, 2.0, 4.0])).exponent.__round__(2)
        0.5

    References:
        Barlow, R. E. et al. (1972), Statistical Inference under Order Restrictions, chapter 1 (pooling of neighbours).
    """
    if name not in get_args(GrowthName):
        raise ValueError(f"growth must be one of {list(get_args(GrowthName))}; got {name!r}.")
    ahead, size = np.asarray(horizon, dtype=float), np.abs(np.asarray(scores, dtype=float))
    if ahead.size == 0 or not (np.isfinite(ahead) & (ahead > 0)).all():
        raise ValueError("horizon must be finite and above 0, and there must be one.")
    nothing = np.empty(0)
    if name == "power":
        return HorizonGrowth(name, _slope(ahead, size), nothing, nothing)
    if name == "isotonic":
        knots, which = np.unique(ahead, return_inverse=True)
        weights = np.bincount(which).astype(float)
        heights = np.sqrt(never_decreasing(np.bincount(which, size**2) / weights, weights))
        floor = _LOWEST_SHARE * np.sqrt(np.mean(size**2)) or 1.0
        return HorizonGrowth(name, 0.0, knots, np.maximum(heights, floor))
    return HorizonGrowth(name, 0.5 if name == "root" else 0.0, nothing, nothing)


def never_decreasing(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted least-squares never decreasing sequence, by pooling neighbours that fall.

    Example:
        >>> never_decreasing(np.array([1.0, 3.0, 2.0, 5.0]), np.ones(4))
        array([1. , 2.5, 2.5, 5. ])
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append((float(value), float(weight), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (b, wb, nb), (a, wa, na) = pools.pop(), pools.pop()
            pools.append(((a * wa + b * wb) / (wa + wb), wa + wb, na + nb))
    return np.concatenate([np.full(n, value) for value, _, n in pools])


def _slope(ahead: np.ndarray, size: np.ndarray) -> float:
    mean = size.mean()
    if mean == 0.0:
        return 0.0
    x, y = np.log(ahead), np.log(np.maximum(size, _TINY * mean))
    centred = x - x.mean()
    spread = float(centred @ centred)
    return 0.0 if spread < 1e-12 else float(np.clip(centred @ y / spread, 0.0, _TOP_EXPONENT))
