"""Theorem B: who stands of several species under one common regulation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from popmath._types import ArrayLike
from popmath.populations.eigen import structure_of
from popmath.populations.matrix_population import Matrix, read_one
from popmath.populations.model import as_species
from popmath.populations.standing_guilds import dominant_pair
from popmath.populations.standing_record import LastSpeciesStanding, check_share, check_start, listed

_TIE = 1e-9  # relative difference of growth rates that cannot be told from 0
_SETTLED = 1e-13  # change of a class structure in an interval, below which it is its limit
_MOST = 20_000  # intervals after which to give up on a class structure


def common_regulation(
    matrices: Sequence[Matrix], initials: Sequence[ArrayLike], species: Sequence[str], *, share: float = 0.99
) -> LastSpeciesStanding:
    r"""Who stands of several species under one common regulation (theorem B).

    $$x_i(t+1) = \phi_t\,L_i\,x_i(t),\qquad \phi_t > 0$$

    whatever $\phi_t$ depends on: it cancels in the shares. The species with the largest $\rho(L_i)$ takes the
    whole share, the others' falling as $(\rho_j/\rho_1)^t$. Equal growth rates coexist with shares
    $w_i^\top x_{i0} |v_i| / (w_i^\top v_i)$ ($v_i$, $w_i$ right and left vectors). $\rho_i$ is that of the classes
    which the start ever reaches.

    Args:
        matrices: $L_i$, one model or matrix per species; numbers of classes may differ.
        initials: abundance of the classes of each species, at least 0; not all species 0. A species at 0 is absent.
        species: names.
        share: of the total, that `time` is for; between 0 and 1.

    Returns:
        The record; for ties `winner` is None and `shares` holds the shares.

    Raises:
        ValueError: for lengths or shapes that disagree, entries negative or not finite, or all species 0.

    Example:
        >>> record = common_regulation([[[2.0]], [[1.0]]], [[1.0], [9.0]], ("a", "b"))
        >>> record.winner, record.rate, record.time  # 2^t / (2^t + 9) is 0.99 between 9 and 10
        ('a', 0.5, 10.0)

    References:
        Theorem B; which of the two theorems is the one of Gilman, S. et al. (2024), arXiv:2412.19831, is unknown.
    """
    names = as_species(species)
    check_share(share)
    tables = [np.asarray(read_one(matrix, f"matrices[{i}]")) for i, matrix in enumerate(matrices)]
    starts = [np.asarray(initial, np.float64) for initial in initials]
    if not len(tables) == len(starts) == len(names):
        raise ValueError(
            f"one matrix and one start per species are needed; got {len(tables)} matrices, {len(starts)} starts and "
            f"{len(names)} names {names}."
        )
    for name, table, start in zip(names, tables, starts, strict=True):
        if start.shape != table.shape[:1]:
            raise ValueError(f"initial of {name} must have shape ({len(table)},), one per class; got {start.shape}.")
    whole = np.concatenate(starts)
    check_start(whole)
    found = {i: _growth_from(tables[i], start) for i, start in enumerate(starts) if start.any()}
    order = sorted(found, key=lambda i: -found[i][0])
    top = found[order[0]][0]
    second = found[order[1]][0] if len(order) > 1 else 0.0
    record = LastSpeciesStanding(
        theorem="B", species=names, guilds=tuple((name,) for name in names), winner=None, decided_by=None,
        applies=False, margin=_log_ratio(top, second), relative_margin=(top - second) / (top + second) if top else 0.0,
        growth_rate=top, rate=second / top if top else None, threshold=share, time=math.inf, shares={}, verdict="",
        mode="linear", matrix=_block_diagonal(tables), sizes=tuple(len(table) for table in tables), initial=whole,
        signs=None, right=np.empty(0), left=np.empty(0),
    )  # fmt: skip
    absent = [name for i, name in enumerate(names) if i not in found]
    note = f" Absent: {listed(absent)} (at 0)." if absent else ""
    if top == 0:
        return dataclasses.replace(record, verdict=f"Theorem B names nobody: every species dies out.{note}")
    tied = [i for i in order if found[i][0] >= top * (1 - _TIE)]
    if len(tied) > 1:
        return _tie(record, sorted(tied), {i: (tables[i], starts[i], found[i][1]) for i in tied}, note)
    best = names[order[0]]
    time = _time_to_share([(tables[i], starts[i], found[i][0]) for i in order], share)
    verdict = f"{best} stands (theorem B): growth rate {top:.6g} before regulation, " + (
        f"next {names[order[1]]} with {second:.6g}." if len(order) > 1 else "and there is no other."
    )
    if math.isnan(time):
        verdict += " The time to the share was not found: a class structure does not settle."
    return dataclasses.replace(
        record, winner=best, decided_by="theorem", applies=True, time=time, verdict=verdict + note,
        shares={name: float(name == best) for name in names},
    )  # fmt: skip


def _tie(record: LastSpeciesStanding, tied: list[int], cases: dict, note: str) -> LastSpeciesStanding:
    """The record of species that grow alike, with their shares."""
    equal = listed([record.species[i] for i in tied])
    sizes: dict[int, float] = {}
    for i in tied:
        table, start, classes = cases[i]
        core = table[np.ix_(classes, classes)]
        structure = structure_of(core)
        if structure.num_dominant > 1 or structure.period > 1:
            why = f"{equal} tie, and {record.species[i]} has no settled structure to share by"
            return dataclasses.replace(record, verdict=f"Theorem B does not apply: {why}.{note}")
        sizes[i] = float(dominant_pair(core).left @ start[classes])  # the right vector sums to 1
    total = sum(sizes.values())
    shares = {name: sizes.get(i, 0.0) / total for i, name in enumerate(record.species)}
    verdict = f"Nobody stands alone (theorem B): {equal} tie with growth rate {record.growth_rate:.6g}.{note}"
    return dataclasses.replace(record, decided_by="theorem", applies=True, shares=shares, verdict=verdict)


def _growth_from(matrix: np.ndarray, initial: np.ndarray) -> tuple[float, np.ndarray]:
    """Growth rate of a population that starts from `initial`, and the classes that it ever reaches."""
    reached = initial > 0
    for _ in range(len(matrix)):
        reached = reached | (matrix[:, reached] > 0).any(axis=1)
    classes = np.flatnonzero(reached)
    core = matrix[np.ix_(classes, classes)]
    if not np.linalg.matrix_power(core > 0, len(core)).any():
        return 0.0, classes  # no loop: all die out, and a computed eigenvalue would be the rounding of 0
    return float(np.max(np.abs(np.linalg.eigvals(core)))), classes


def _log_ratio(top: float, second: float) -> float:
    if top == 0:
        return 0.0
    return math.log(top / second) if second > 0 else math.inf


def _block_diagonal(tables: list[np.ndarray]) -> np.ndarray:
    whole = np.zeros((sum(map(len, tables)),) * 2)
    at = 0
    for table in tables:
        whole[at : at + len(table), at : at + len(table)] = table
        at += len(table)
    return whole


def _time_to_share(cases: list[tuple[np.ndarray, np.ndarray, float]], share: float) -> float:
    """The interval from which on the first species has `share`: projected until structures settle, then in closed form.

    With settled structures the logarithms of all totals are straight lines, and the share of the first only rises.
    """
    states = [start / start.sum() for _, start, _ in cases]
    logs = np.array([math.log(start.sum()) for _, start, _ in cases])
    shares = [_first_share(logs)]
    growth = np.zeros(len(cases))
    for _ in range(_MOST):
        change = 0.0
        for i, (table, _, _) in enumerate(cases):
            after = table @ states[i]
            growth[i] = after.sum()
            if growth[i] > 0:
                change = max(change, float(np.abs(after / growth[i] - states[i]).max()))
                states[i] = after / growth[i]
            else:
                states[i] = np.zeros_like(after)
        with np.errstate(divide="ignore"):
            logs = logs + np.log(growth)
        shares.append(_first_share(logs))
        if change < _SETTLED:
            break
    else:
        return math.nan
    if shares[-1] >= share:
        below = np.flatnonzero(np.array(shares) < share)
        return float(below[-1] + 1) if below.size else 0.0
    with np.errstate(divide="ignore"):
        slopes = np.log(np.array([rate if size > 0 else 0.0 for (_, _, rate), size in zip(cases, growth, strict=True)]))
    high = 1
    while _first_share(logs + high * slopes) < share:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _first_share(logs + middle * slopes) >= share else (middle, high)
    return float(len(shares) - 1 + high)


def _first_share(logs: np.ndarray) -> float:
    return float(1 / np.exp(logs - logs[0]).sum())
