"""Fixed points of small smooth systems, by Newton's method from many starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np

from popmath._errors import ConvergenceError
from popmath._types import ArrayLike
from popmath.populations.model import check_whole
from popmath.populations.stability import Kind, System, check_returned, field_of

_NEWTON = 100  # steps
_SAME = 1e-6  # relative distance below which two points are one


class FixedPoints(NamedTuple):
    """Fixed points found by `fixed_points`.

    Attributes:
        points: in rising order of the first coordinate, shape `(points, states)`.
        residuals: largest entry of `f(x)`, for a map of `f(x) - x`, shape `(points,)`.
        reached_from: number of starts that ended at each, shape `(points,)`.
    """

    points: np.ndarray
    residuals: np.ndarray
    reached_from: np.ndarray


def fixed_points(
    system: System,
    starts: ArrayLike | None = None,
    *,
    box: ArrayLike | None = None,
    kind: Kind = "flow",
    num_starts: int = 100,
    seed: int = 0,
    tolerance: float = 1e-10,
) -> FixedPoints:
    r"""Fixed points of $\dot x = f(x)$ or $x(t+1) = f(x(t))$, by Newton's method from many starts.

    Args:
        system: a JAX function of a state, shape `(states,)`, that returns the same shape; or a model: its `rate` for a
            flow, its `step` for a map.
        starts: where to begin, shape `(starts, states)` or `(states,)`.
        box: in place of `starts`: lower and upper corner, shape `(2, states)`. `num_starts` random starts in it, and
            only the fixed points inside it are given.
        kind: `"flow"` or `"map"`.
        num_starts: number of random starts in the box, at least 1.
        seed: of the random starts.
        tolerance: largest residual, relative to the larger of 1 and the point.

    Returns:
        Every point found once, with residual and number of starts. Others may exist where no start led.

    Raises:
        ValueError: unless exactly one of `starts` and `box` is given, or for shapes that do not fit.
        TypeError: for a flow of a model without `rate`.
        ConvergenceError: if no start led to a fixed point.

    Example:
        >>> found = fixed_points(lambda x: x * (1 - x) * (x - 0.25), box=[[-0.5], [2.0]])
        >>> (found.points.ravel() + 0.0).round(12).tolist()
        [0.0, 0.25, 1.0]
    """
    check_whole("num_starts", num_starts, 1)
    begin, corners = _starts(starts, box, num_starts, seed)
    with jax.enable_x64(True):
        field = field_of(system, kind)
        check_returned(field, begin[0])
        value = eqx.filter_jit(jax.vmap(lambda x: field(x) - x if kind == "map" else field(x)))
        slope = eqx.filter_jit(jax.vmap(jax.jacfwd(lambda x: field(x) - x if kind == "map" else field(x))))
        points = newton(lambda x: np.asarray(value(x)), lambda x: np.asarray(slope(x)), begin)
        residuals = np.abs(np.asarray(value(points))).max(axis=1)
    size = np.maximum(1.0, np.abs(points).max(axis=1))
    good = np.isfinite(points).all(axis=1) & (residuals <= tolerance * size)
    if corners is not None:
        slack = _SAME * (corners[1] - corners[0])
        good &= ((points >= corners[0] - slack) & (points <= corners[1] + slack)).all(axis=1)
    if not good.any():
        where = "inside the box" if corners is not None else "from these starts"
        raise ConvergenceError(
            f"Newton's method found no fixed point {where} ({len(begin)} starts). Try other starts or a larger box; a "
            "system may have none."
        )
    return _distinct(points[good], residuals[good])


def _starts(
    starts: ArrayLike | None, box: ArrayLike | None, num_starts: int, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    if (starts is None) == (box is None):
        raise ValueError("pass exactly one of starts, shape (starts, states), and box, shape (2, states).")
    if starts is not None:
        begin = np.atleast_2d(np.asarray(starts, np.float64))
        if begin.ndim != 2 or not begin.size or not np.isfinite(begin).all():
            raise ValueError(f"starts must be finite, of shape (starts, states); got shape {np.shape(starts)}.")
        return begin, None
    corners = np.asarray(box, np.float64)
    if corners.ndim != 2 or len(corners) != 2 or not np.isfinite(corners).all() or not (corners[0] < corners[1]).all():
        raise ValueError(f"box must be a lower and an upper corner, shape (2, states); got {corners.tolist()}.")
    drawn = np.random.default_rng(seed).uniform(corners[0], corners[1], (num_starts, corners.shape[1]))
    return drawn, corners


def newton(value: Callable, slope: Callable, points: np.ndarray) -> np.ndarray:
    """Newton's method for many starts at once, each step halved until the residual falls."""
    points = points.copy()
    now = value(points)
    for _ in range(_NEWTON):
        slopes = slope(points)
        usable = np.isfinite(slopes).all(axis=(1, 2)) & np.isfinite(now).all(axis=1)
        move = np.zeros_like(points)
        move[usable] = -(np.linalg.pinv(slopes[usable], rcond=1e-14) @ now[usable][:, :, None])[:, :, 0]
        size = np.linalg.norm(now, axis=1)
        share = np.ones(len(points))
        for _ in range(12):
            trial = points + share[:, None] * move
            after = value(trial)
            better = np.linalg.norm(after, axis=1) < size
            if (better | ~usable).all():
                break
            share = np.where(better, share, share / 2)
        points, now = np.where(better[:, None], trial, points), np.where(better[:, None], after, now)
        if not better.any():
            break
    return points


def _distinct(points: np.ndarray, residuals: np.ndarray) -> FixedPoints:
    """Every point once: of those that are the same, the one with the smallest residual."""
    kept: list[int] = []
    count: list[int] = []
    for i in np.argsort(residuals, kind="stable"):
        near = [
            k for k, j in enumerate(kept)
            if np.abs(points[i] - points[j]).max() <= _SAME * max(1.0, float(np.abs(points[j]).max()))
        ]  # fmt: skip
        if near:
            count[near[0]] += 1
        else:
            kept.append(int(i))
            count.append(1)
    order = np.lexsort(points[kept].T[::-1])
    chosen = np.array(kept)[order]
    return FixedPoints(points[chosen], residuals[chosen], np.array(count)[order])
