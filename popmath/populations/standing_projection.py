"""Several species projected together until one guild is left: what the theorems on who stands are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_VANISHING = 1e-200  # share of the largest class below which rounding to 0 could be taken for exclusion


class StandingRun(NamedTuple):
    """A projection of several species that stops when it is decided who stands.

    Attributes:
        shares: share of each species in the total, negative numbers counted as 0, shape `(steps + 1, species)`.
        standing: the species (from 0) that stand, none if all are gone; None if it was not decided.
        steps: intervals projected.
    """

    shares: np.ndarray
    standing: tuple[int, ...] | None
    steps: int


def run_until_decided(
    matrix: np.ndarray,
    sizes: Sequence[int],
    initial: np.ndarray,
    signs: Sequence[int] | None,
    *,
    clipped: bool,
    most: int = 20_000,
) -> StandingRun:
    """Project $z(t+1) = M z(t)$, with negative entries set to 0 if `clipped`, until nothing can change who stands.

    A linear projection of two guilds is decided once no class of one guild is negative and none of the other positive:
    both then stay so. A clipped one is decided once no species left takes from another. Both are once what is left
    of some species is below 1e-200 of the largest class, and the others do not harm each other. The state is rescaled
    in every interval, so that nothing overflows.

    Args:
        matrix: $M$, all classes of all species, shape `(states, states)`.
        sizes: number of classes of each species.
        initial: shape `(states,)`, at least 0.
        signs: guild of each species, 1 or -1; None where there are no two guilds.
        clipped: whether negative entries are set to 0.
        most: intervals after which to give up.

    Returns:
        The shares up to the decision, and who stands.

    Example:
        >>> run = run_until_decided(np.array([[1.2, -0.1], [-0.2, 1.1]]), (1, 1), np.ones(2), (1, -1), clipped=True)
        >>> run.standing, run.steps
        ((0,), 6)
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    side = None if signs is None else np.asarray(signs, float)[owner]
    peaceful: dict[bytes, bool] = {}
    state = initial / initial.max()
    shares = [_shares(state, starts)]
    for step in range(most + 1):
        standing = _survivors(state, matrix, owner, len(sizes), peaceful) if clipped else _signed(state, side, owner)
        if standing is not None:
            return StandingRun(np.array(shares), standing, step)
        size = np.maximum.reduceat(np.abs(state), starts)
        if step == most:
            break
        if (size[size > 0] < _VANISHING).any():
            large = (size >= _VANISHING)[owner]
            harmless = (matrix[np.ix_(large, large)] >= 0).all() and (state[large] >= 0).all()
            standing = tuple(int(i) for i in np.flatnonzero(size >= _VANISHING)) if harmless else None
            return StandingRun(np.array(shares), standing, step)
        state = _interval(state, matrix, clipped)
        shares.append(_shares(state, starts))
    return StandingRun(np.array(shares), None, most)


def shares_over_time(
    matrix: np.ndarray, sizes: Sequence[int], initial: np.ndarray, num_steps: int, *, clipped: bool
) -> np.ndarray:
    """Share of each species at times 0 to `num_steps`, shape `(num_steps + 1, species)`; negative numbers count as 0.

    Example:
        >>> shares_over_time(np.diag([2.0, 1.0]), (1, 1), np.ones(2), 2, clipped=False).round(3).tolist()
        [[0.5, 0.5], [0.667, 0.333], [0.8, 0.2]]
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    state = initial / initial.max()
    shares = [_shares(state, starts)]
    for _ in range(num_steps):
        state = _interval(state, matrix, clipped)
        shares.append(_shares(state, starts))
    return np.array(shares)


def time_to_share(shares: np.ndarray, threshold: float) -> int:
    """The interval from which on the share, given up to where it stays 1, is at least `threshold`.

    Example:
        >>> time_to_share(np.array([1.0, 0.4, 0.95, 1.0]), 0.9)
        2
    """
    below = np.flatnonzero(shares < threshold)
    return int(below[-1]) + 1 if below.size else 0


def _interval(state: np.ndarray, matrix: np.ndarray, clipped: bool) -> np.ndarray:
    after = matrix @ state
    if clipped:
        after = np.maximum(after, 0.0)
    top = np.abs(after).max()
    return after / top if top > 0 else after


def _shares(state: np.ndarray, starts: np.ndarray) -> np.ndarray:
    totals = np.maximum(np.add.reduceat(state, starts), 0.0)
    whole = totals.sum()
    return totals / whole if whole > 0 else totals


def _signed(state: np.ndarray, side: np.ndarray | None, owner: np.ndarray) -> tuple[int, ...] | None:
    """The guild that stands in a linear projection, once the signs of all classes say so."""
    if not state.any():
        return ()
    if side is None:
        return None
    for guild in (1.0, -1.0):
        if (guild * side * state >= 0).all():
            return tuple(int(i) for i in np.unique(owner[side == guild]))
    return None


def _survivors(
    state: np.ndarray, matrix: np.ndarray, owner: np.ndarray, species: int, peaceful: dict[bytes, bool]
) -> tuple[int, ...] | None:
    """The species left in a clipped projection, once none of them takes from another."""
    alive = np.bincount(owner, weights=state, minlength=species) > 0
    key = alive.tobytes()
    if key not in peaceful:
        classes = alive[owner]
        peaceful[key] = bool((matrix[np.ix_(classes, classes)] >= 0).all())
    return tuple(int(i) for i in np.flatnonzero(alive)) if peaceful[key] else None
