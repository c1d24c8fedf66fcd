"""Two guilds in a signed matrix, and what Perron and Frobenius say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg

from popmath.populations.eigen import structure_of

_ALONE = 1e-9  # relative distance of the dominant eigenvalue to the next, below which the two count as equal


class GuildSignature(NamedTuple):
    """The two guilds of a community, if it has two.

    Attributes:
        signs: 1 or -1 for each species, the first 1; None if there are no two guilds.
        reason: why not, or an empty text.
    """

    signs: tuple[int, ...] | None
    reason: str


class DominantPair(NamedTuple):
    """Dominant eigenvalue of a matrix that is at least 0, with what the long run needs to know.

    Attributes:
        value: the eigenvalue.
        right: right vector, sums to 1.
        left: left vector, with `left @ right` = 1.
        second: modulus of the next eigenvalue.
        reason: why not every start ends in the direction of `right`, or an empty text.
    """

    value: float
    right: np.ndarray
    left: np.ndarray
    second: float
    reason: str


def guild_signature(matrix: np.ndarray, sizes: Sequence[int], names: Sequence[str]) -> GuildSignature:
    r"""Find signs $s_i = \pm 1$ of the species with $S M S \ge 0$: no harm within a guild, no help between the two.

    The species are the nodes of a graph, an effect of one on the other its edge, with the sign of the entries; there
    are signs if and only if every cycle has an even number of negative edges (structural balance).

    Args:
        matrix: $M$, rows the class entered, columns the class left, shape `(states, states)`.
        sizes: number of classes of each species.
        names: of the species, for the reason.

    Returns:
        The signs, or why there are none: a species that takes from itself, effects of both signs of one species on
        another, predation, an odd cycle as in three pairwise competitors, species without competition, or species
        that no chain of effects connects.

    Example:
        >>> guild_signature(np.array([[2.0, 0.1, -0.3], [0.2, 1.0, 0.0], [0.0, -0.1, 3.0]]), (1, 1, 1), "abc").signs
        (1, 1, -1)
        >>> guild_signature(np.eye(3) * 1.1 - 0.1, (1, 1, 1), "abc").reason
        'a, b and c cannot be split into two guilds without harm inside: a cycle of effects has an odd number of harms'

    References:
        Harary, F. (1953), Michigan Math. J. 2, 143-146. Smith, H. L. (1988), SIAM Review 30, 87-113.
    """
    effects, reason = _effects(matrix, sizes, names)
    if reason:
        return GuildSignature(None, reason)
    count = len(sizes)
    signs = np.zeros(count, int)
    signs[0], queue = 1, [0]
    while queue:
        here = queue.pop()
        for other in np.flatnonzero(effects[here] | effects[:, here]):
            sign = signs[here] * (effects[here, other] or effects[other, here])
            if signs[other] == 0:
                signs[other] = sign
                queue.append(int(other))
            elif signs[other] != sign:
                listed = ", ".join(names[:-1]) + f" and {names[-1]}"
                return GuildSignature(
                    None,
                    f"{listed} cannot be split into two guilds without harm inside: a cycle of effects has an odd "
                    "number of harms",
                )
    if (signs == 0).any():
        apart = names[int(np.argmin(np.abs(signs)))]
        return GuildSignature(
            None,
            f"no chain of effects connects {apart} and {names[0]}: use common_regulation (theorem B), or one community "
            "at a time",
        )
    if (signs == 1).all():
        return GuildSignature(None, "no species takes from another: there is one guild, and nothing to decide")
    return GuildSignature(tuple(int(sign) for sign in signs), "")


def _effects(matrix: np.ndarray, sizes: Sequence[int], names: Sequence[str]) -> tuple[np.ndarray, str]:
    """Sign of the effect of species j on i at `[i, j]`, 0 on the diagonal, or why it has none."""
    ends = np.cumsum(sizes)
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    effects = np.zeros((len(sizes), len(sizes)), int)
    for i, row in enumerate(parts):
        for j, column in enumerate(parts):
            block = matrix[row, column]
            harms, helps = bool((block < 0).any()), bool((block > 0).any())
            if i == j:
                if harms:
                    return effects, f"{names[i]} takes from itself (a negative entry in its own block)"
                continue
            if harms and helps:
                return effects, f"{names[j]} both helps and harms classes of {names[i]}"
            effects[i, j] = int(helps) - int(harms)
    for i, j in np.argwhere(effects * effects.T < 0):
        if effects[i, j] > 0:
            return effects, f"{names[i]} gains from {names[j]} and harms it: this is predation, not competition"
    return effects, ""


def dominant_pair(matrix: np.ndarray) -> DominantPair:
    r"""Dominant eigenvalue and vectors of $N \ge 0$, and whether $N^t z / \lambda^t$ tends to a positive vector.

    It does for a primitive matrix, and for a reducible one whose dominant classes are one group, reach every class and
    have no period: a class past reproduction is no obstacle.

    Args:
        matrix: $N$, shape `(states, states)`.

    Example:
        >>> pair = dominant_pair(np.array([[2.0, 1.0], [1.0, 2.0]]))
        >>> round(pair.value, 12), pair.right.round(12).tolist(), pair.left.round(12).tolist(), round(pair.second, 12)
        (3.0, [0.5, 0.5], [1.0, 1.0], 1.0)
        >>> dominant_pair(np.array([[0.0, 2.0], [0.5, 0.0]])).reason
        'it is imprimitive and cycles for ever with period 2'
    """
    values, lefts, rights = scipy.linalg.eig(matrix, left=True, right=True)
    first = int(np.argmax(values.real))
    value = float(max(values[first].real, 0.0))
    right, left = np.abs(rights[:, first].real), np.abs(lefts[:, first].real)
    right = right / right.sum()
    scale = left @ right
    second = float(np.max(np.abs(np.delete(values, first)), initial=0.0))
    structure = structure_of(matrix)
    reason = ""
    if value == 0 or structure.num_dominant > 1 or not scale > 0:
        reason = "its dominant eigenvalue is not simple (groups of classes that grow alike)"
    elif structure.period > 1:
        reason = f"it is imprimitive and cycles for ever with period {structure.period}"
    elif second >= value * (1 - _ALONE):
        reason = "its second eigenvalue is as large as the first, to rounding"
    elif not _reached(matrix, structure.dominant_classes[0]).all():
        reason = "it is reducible, and its dominant classes do not reach all others"
    return DominantPair(value, right, left / scale if scale > 0 else left, second, reason)


def _reached(matrix: np.ndarray, start: int) -> np.ndarray:
    """The classes that class `start` contributes to, in any number of intervals."""
    reached = np.arange(len(matrix)) == start
    for _ in range(len(matrix)):
        reached = reached | (matrix[:, reached] > 0).any(axis=1)
    return reached


def guaranteed_margin(matrix: np.ndarray, guild: np.ndarray, initial: np.ndarray) -> float | None:
    r"""Relative margin of a guild that stands even if nothing is taken from the other.

    With $\mu = \rho(L_1) > \rho(L_2)$, $\hat p^\top L_1 = \mu\hat p^\top$ and
    $\hat q^\top = \hat p^\top C_1 (\mu I - L_2)^{-1}$,

    $$\hat c = \hat p^\top x_0 - \hat q^\top y_0 > 0 \;\Rightarrow\; \hat p^\top x_t \ge \mu^t\hat c,\qquad
    y_t \le L_2^t y_0$$

    in every clipped projection: clipping only raises $x$, and $y$ is never above what it is alone.

    Args:
        matrix: $N \ge 0$, signs left out, shape `(states, states)`.
        guild: True for the classes of the guild.
        initial: shape `(states,)`.

    Returns:
        $\hat c / (\hat p^\top x_0 + \hat q^\top y_0)$; None if the guild does not grow faster alone, where
        there is no such margin.

    Example:
        >>> n = np.array([[2.0, 0.5], [0.1, 1.0]])  # p = 1, q = 0.5 / (2 - 1)
        >>> guaranteed_margin(n, np.array([True, False]), np.array([3.0, 2.0]))
        0.5
    """
    own, other = matrix[np.ix_(guild, guild)], matrix[np.ix_(~guild, ~guild)]
    values, lefts = scipy.linalg.eig(own, left=True, right=False)
    first = int(np.argmax(values.real))
    rate = values[first].real
    if not rate > np.max(np.abs(np.linalg.eigvals(other))) * (1 + _ALONE):
        return None
    worth = np.abs(lefts[:, first].real)
    cost = np.linalg.solve((rate * np.eye(len(other)) - other).T, matrix[np.ix_(guild, ~guild)].T @ worth)
    gain, loss = worth @ initial[guild], np.maximum(cost, 0.0) @ initial[~guild]
    return float((gain - loss) / (gain + loss)) if gain + loss > 0 else 0.0
