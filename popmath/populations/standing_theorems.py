"""Theorem A: who stands of two guilds that take from each other linearly."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from popmath._types import ArrayLike
from popmath.populations.model import as_species, check_whole
from popmath.populations.standing_guilds import dominant_pair, guaranteed_margin, guild_signature
from popmath.populations.standing_projection import StandingRun, run_until_decided, time_to_share
from popmath.populations.standing_record import LastSpeciesStanding, Mode, check_share, check_start, listed

_ROUNDING = 1e-12  # relative margin that cannot be told from 0


def two_guilds(
    matrix: ArrayLike,
    sizes: Sequence[int],
    initial: ArrayLike,
    species: Sequence[str],
    *,
    share: float = 0.99,
    mode: Mode = "linear",
) -> LastSpeciesStanding:
    r"""Who stands of two guilds that take from each other linearly (theorem A).

    With signs $S$ such that $N = S M S \ge 0$ is primitive, $\lambda = \rho(N)$, $N (u, v) = \lambda (u, v)$,
    $(p, q) N = \lambda (p, q)$, $p^\top u + q^\top v = 1$ and $c = p^\top x_0 - q^\top y_0$:

    $$(x_t, y_t) = \lambda^t c\,(u, -v) + o(\lambda^t)$$

    The first guild stands if $c > 0$, the second if $c < 0$; $c = 0$ is the separatrix. `N` may be reducible if its
    dominant classes reach all others and have no period. What holds if negative numbers are set to 0
    (`mode="clipped"`) is told in `last_species_standing`.

    Args:
        matrix: $M$, all classes of all species, rows entered and columns left, shape `(states, states)`.
        sizes: number of classes of each species; they sum to `states`.
        initial: all classes of all species, shape `(states,)`, at least 0, not all 0.
        species: names.
        share: of the total, that `time` is for; between 0 and 1.
        mode: `"linear"`, or `"clipped"`: negative entries are set to 0 in every interval.

    Returns:
        The record; `applies` is False, and `verdict` says why, where the theorem does not decide. Then `winner` is
        who is left in the projection of this start, if that is decided (`decided_by`).

    Raises:
        ValueError: for shapes that disagree, entries that are not finite, or initial numbers negative or all 0.

    Example:
        >>> record = two_guilds([[1.2, -0.1], [-0.2, 1.1]], (1, 1), [10.0, 11.0], ("a", "b"))
        >>> record.winner, round(record.relative_margin, 4), round(record.rate, 4), record.time
        ('a', 0.2903, 0.7692, 6.0)

    References:
        Theorem A; the model is a reconstruction of Gilman, S. et al. (2024), arXiv:2412.19831. Smith, H. L. (1988),
        SIAM Review 30, 87-113 (competitive systems and their cones).
    """
    names, parts = as_species(species), tuple(sizes)
    signed, start = np.asarray(matrix, np.float64), np.asarray(initial, np.float64)
    _check_community(names, parts, signed, start)
    check_start(start)
    check_share(share)
    if mode not in ("linear", "clipped"):
        raise ValueError(f"mode must be 'linear' or 'clipped'; got {mode!r}.")
    signs, why = guild_signature(signed, parts, names)
    record = LastSpeciesStanding(
        theorem="A", species=names, guilds=(), winner=None, decided_by=None, applies=False, margin=None,
        relative_margin=None, growth_rate=None, rate=None, threshold=share, time=math.inf, shares={}, verdict="",
        mode=mode, matrix=signed, sizes=parts, initial=start, signs=signs, right=np.empty(0), left=np.empty(0),
    )  # fmt: skip
    run = None
    if signs is not None or (mode == "clipped" and (signed < 0).any()):
        run = run_until_decided(signed, parts, start, signs, clipped=mode == "clipped")
    if signs is None:
        verdict = f"Theorem A does not apply: {why}."
    else:
        record, verdict = _theorem_a(record)
    absent = [name for name, part in zip(names, np.split(start, np.cumsum(parts)[:-1]), strict=True) if not part.any()]
    if absent:
        verdict += f" At 0 from the start: {listed(absent)}."
    return _with_projection(record, verdict, run)


def _check_community(names: tuple[str, ...], sizes: tuple[int, ...], matrix: np.ndarray, start: np.ndarray) -> None:
    for i, size in enumerate(sizes):
        check_whole(f"sizes[{i}]", size, 1)
    states = sum(sizes)
    if len(sizes) != len(names):
        raise ValueError(f"sizes must be one number of classes per species {names}; got {sizes}.")
    if matrix.shape != (states, states):
        raise ValueError(f"matrix must have shape {(states, states)} for sizes {sizes}; got {matrix.shape}.")
    if start.shape != (states,):
        raise ValueError(f"initial must have shape ({states},), all classes in a row; got {start.shape}.")
    if not np.isfinite(matrix).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(matrix))[0]]
        raise ValueError(f"matrix must be finite; matrix{place} is {matrix[tuple(place)]}.")


def _theorem_a(record: LastSpeciesStanding) -> tuple[LastSpeciesStanding, str]:
    """The record with what theorem A says, and its verdict."""
    signs = np.asarray(record.signs)
    guilds = tuple(tuple(name for name, sign in zip(record.species, signs, strict=True) if sign == s) for s in (1, -1))
    positive, side = np.abs(record.matrix), np.repeat(signs, record.sizes)
    pair = dominant_pair(positive)
    worth = pair.left * record.initial
    margin = float(side @ worth)
    relative = margin / float(worth.sum()) if worth.any() else 0.0
    ahead = () if abs(relative) <= _ROUNDING else guilds[0] if relative > 0 else guilds[1]
    record = dataclasses.replace(
        record, guilds=guilds, margin=margin, relative_margin=relative, growth_rate=pair.value,
        rate=pair.second / pair.value if pair.value > 0 else None, right=pair.right, left=pair.left,
    )  # fmt: skip
    if record.mode == "clipped":
        for sign, guild in ((1, guilds[0]), (-1, guilds[1])):
            sure = guaranteed_margin(positive, side == sign, record.initial)
            if sure is not None and sure > _ROUNDING:
                other = listed(guilds[1] if sign > 0 else guilds[0])
                verdict = f"{_stands(guild)} (theorem A, clipped), faster alone and with a lead that is enough even if "
                verdict += f"nothing were taken from {other} (guaranteed relative margin {sure:.4g})."
                return dataclasses.replace(record, applies=True, decided_by="theorem", winner=_winner(guild)), verdict
    if pair.reason:
        return (
            record,
            f"Theorem A does not apply: the matrix without signs has no limit for every start, as {pair.reason}.",
        )
    if record.mode == "clipped":
        own, taken = positive[0, 0] * positive[-1, -1], positive[0, -1] * positive[-1, 0]
        if record.sizes != (1, 1) or own < taken:
            why = "with several classes, no margin below 1 is safe"
            if record.sizes == (1, 1):
                why = "with L1 L2 < C1 C2 both can fall to 0 in the same interval"
            points = f"c points to {listed(ahead)}, relative margin {relative:.4g}" if ahead else "c is 0"
            return record, f"Theorem A does not decide this clipped projection ({why}); {points}."
    verdict = "On the separatrix: c is 0 to rounding, and theorem A leaves nobody standing."
    if ahead:
        verdict = f"{_stands(ahead)} (theorem A, {record.mode}): relative margin {relative:.4g}."
    return dataclasses.replace(record, applies=True, decided_by="theorem", winner=_winner(ahead)), verdict


def _with_projection(record: LastSpeciesStanding, verdict: str, run: StandingRun | None) -> LastSpeciesStanding:
    """The record with its verdict, the time to the share, and who is left where the theorem does not say."""
    if run is None or (record.applies and record.winner is None):
        return dataclasses.replace(record, verdict=verdict)
    left = None if run.standing is None else tuple(record.species[i] for i in run.standing)
    if record.applies and left is not None and _winner(left) != record.winner:  # a margin near that of rounding
        verdict += " But the projection ends otherwise: rounding decides."
        record = dataclasses.replace(record, applies=False)
    if not record.applies:
        if left is None:
            verdict += f" Neither did {run.steps} intervals of projection decide."
            return dataclasses.replace(record, verdict=verdict, winner=None, decided_by=None)
        intervals = "1 interval" if run.steps == 1 else f"{run.steps} intervals"
        verdict += f" The projection of this start leaves {listed(left) or 'nobody'}, after {intervals}."
        record = dataclasses.replace(record, winner=_winner(left), decided_by="projection")
    if record.winner is None:
        return dataclasses.replace(record, verdict=verdict)
    members = (record.winner,) if isinstance(record.winner, str) else record.winner
    chosen = np.array([name in members for name in record.species])
    if left is None:
        verdict += f" The time to the share is beyond the {run.steps} intervals that are projected."
        time = math.nan
    else:
        time = float(time_to_share(run.shares[:, chosen].sum(axis=1), record.threshold))
    return dataclasses.replace(record, verdict=verdict, time=time, shares=_shares(record, chosen))


def _shares(record: LastSpeciesStanding, chosen: np.ndarray) -> dict[str, float]:
    """Long-run shares: of the common structure if linear, of the winner's own if the others are gone; empty if none."""
    classes = np.repeat(chosen, record.sizes)
    if chosen.sum() == 1:
        return {name: float(one) for name, one in zip(record.species, chosen, strict=True)}
    structure = record.right * classes
    if record.mode == "clipped":
        pair = dominant_pair(np.abs(record.matrix[np.ix_(classes, classes)]))
        if pair.reason:
            return {}
        structure = np.zeros(classes.size)
        structure[classes] = pair.right
    elif record.decided_by != "theorem":
        return {}
    owner = np.repeat(np.arange(len(record.sizes)), record.sizes)
    totals = np.bincount(owner, weights=structure)
    return dict(zip(record.species, (totals / totals.sum()).tolist(), strict=True))


def _stands(names: tuple[str, ...]) -> str:
    return f"{listed(names)} {'stands' if len(names) == 1 else 'stand'}"


def _winner(members: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return (members[0] if len(members) == 1 else members) if members else None
