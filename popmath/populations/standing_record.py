"""`LastSpeciesStanding`: who stands, by which theorem, with what margin, and whether the theorem applies."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from popmath.populations.model import check_whole
from popmath.populations.standing_projection import run_until_decided, shares_over_time

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas

Mode = Literal["linear", "clipped"]


@dataclasses.dataclass(frozen=True, eq=False)
class StandingCheck:
    """Who stands in a projection, whatever the theorem says.

    Attributes:
        standing: the species left, none if all are gone; None if it was not decided within `steps`.
        agrees: whether that is what the record said; None if one of the two is undecided.
        shares: share of each species at the end.
        steps: intervals projected.
    """

    standing: tuple[str, ...] | None
    agrees: bool | None
    shares: dict[str, float]
    steps: int


@dataclasses.dataclass(frozen=True, eq=False)
class LastSpeciesStanding:
    r"""Which species, or guild, is left of several that compete.

    Attributes:
        theorem: `"A"` for two guilds that take from each other linearly, `"B"` for species under one common regulation.
        species: names.
        guilds: for theorem A, the species that do not harm each other, first the guild of the first species; for
            theorem B each species alone; empty if there are no two guilds.
        winner: the species that stands, or the names of its guild if it has several; None on the separatrix, where it
            was not decided, for ties, and where all are gone.
        decided_by: `"theorem"`; `"projection"` where only the projection of this start decided; None if nothing did.
        applies: whether a theorem answers for this system, start and mode; `verdict` says why not.
        margin: A: $c = p^\top x_0 - q^\top y_0$: in the long run the abundances, signs left out, sum to
            $\lambda^t |c|$. B: $\log\rho_1 - \log\rho_2$ per interval. None if there are no two guilds.
        relative_margin: without scale, in [-1, 1]: A: $c / (p^\top x_0 + q^\top y_0)$. B:
            $(\rho_1 - \rho_2)/(\rho_1 + \rho_2)$, at least 0.
        growth_rate: A: $\lambda$ of the linear projection. B: $\rho_1$, before regulation.
        rate: factor per interval by which what does not belong to the outcome shrinks beside what does: A:
            $|\lambda_2|/\lambda$ of the linear projection; the outcome shows after about
            `log(|relative_margin|) / log(rate)` intervals. B: $\rho_2/\rho_1$, the losers' share beside the winner's.
        threshold: the share that `time` is for.
        time: intervals until the winner has at least that share and keeps it; inf if there is no winner, nan if it
            is more than the projection covers (`verdict` says so).
        shares: long-run share of each species; empty if unknown.
        verdict: all of this in words.
        mode: `"linear"` or `"clipped"` at 0.
        matrix: of all classes of all species, shape `(states, states)`; block diagonal for theorem B.
        sizes: number of classes of each species.
        initial: shape `(states,)`.
        signs: guild of each species, 1 or -1; None if there are no two guilds and for theorem B.
        right: A: $(u, v)$, which sums to 1; empty if unknown.
        left: A: $(p, q)$, with $p^\top u + q^\top v = 1$; empty if unknown.
    """

    theorem: Literal["A", "B"]
    species: tuple[str, ...]
    guilds: tuple[tuple[str, ...], ...]
    winner: str | tuple[str, ...] | None
    decided_by: Literal["theorem", "projection"] | None
    applies: bool
    margin: float | None
    relative_margin: float | None
    growth_rate: float | None
    rate: float | None
    threshold: float
    time: float
    shares: dict[str, float]
    verdict: str
    mode: Mode
    matrix: np.ndarray
    sizes: tuple[int, ...]
    initial: np.ndarray
    signs: tuple[int, ...] | None
    right: np.ndarray
    left: np.ndarray

    def summary(self) -> str:
        """Verdict, margin, rate, time and shares, one to a line."""
        lines = [self.verdict]
        if self.margin is not None:
            lines.append(f"margin {self.margin:.6g}, relative {self.relative_margin:.4g}")
        if self.rate is not None:
            lines.append(f"growth rate {self.growth_rate:.6g}, exclusion by {self.rate:.4g} per interval")
        if math.isfinite(self.time):
            lines.append(f"share of {self.threshold:g} after {self.time:g} intervals")
        if self.shares:
            lines.append("long-run shares: " + ", ".join(f"{name} {share:.4g}" for name, share in self.shares.items()))
        return "\n".join(lines)

    def project(self, num_steps: int) -> np.ndarray:
        """Share of each species at times 0 to `num_steps`, shape `(num_steps + 1, species)`; below 0 counts as 0."""
        check_whole("num_steps", num_steps, 0)
        return shares_over_time(self.matrix, self.sizes, self.initial, num_steps, clipped=self.mode == "clipped")

    def verify(self, num_steps: int = 20_000) -> StandingCheck:
        """Project this start, and say who stands in the projection.

        For theorem B a species stands once its share is above 1 - 1e-9; ties are projected to the end.

        Args:
            num_steps: intervals after which to give up, at least 1.
        """
        check_whole("num_steps", num_steps, 1)
        if self.theorem == "B":
            shares = self.project(num_steps)
            alone = np.flatnonzero(shares.max(axis=1) > 1 - 1e-9)
            steps = int(alone[0]) if alone.size else num_steps
            gone = not shares[-1].any()
            standing = () if gone else (int(shares[steps].argmax()),) if alone.size else None
            end = shares[steps]
        else:
            clipped = self.mode == "clipped"
            run = run_until_decided(self.matrix, self.sizes, self.initial, self.signs, clipped=clipped, most=num_steps)
            standing, end, steps = run.standing, run.shares[-1], run.steps
        names = None if standing is None else tuple(self.species[i] for i in standing)
        said = (self.winner,) if isinstance(self.winner, str) else self.winner
        agrees = None if names is None or said is None else names == said
        return StandingCheck(names, agrees, dict(zip(self.species, end.tolist(), strict=True)), steps)

    def to_dataframe(self, num_steps: int | None = None) -> pandas.DataFrame:
        """Shares over time, one row per interval and one column per species."""
        import pandas as pd

        shares = self.project(self.shown_steps() if num_steps is None else num_steps)
        return pd.DataFrame(shares, index=pd.RangeIndex(len(shares), name="time"), columns=list(self.species))

    def shown_steps(self) -> int:
        """Intervals worth showing: half as many again as the winner needs, from 10 to 1000."""
        return int(min(max(10, math.ceil(1.5 * self.time)), 1000)) if math.isfinite(self.time) else 60

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Shares over time."""
        from popmath.plots.species_standing import plot_standing

        return plot_standing(self, ax)

    def plot_separatrix(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """For theorem A: the two basins, the line between them, the start and its way."""
        from popmath.plots.species_standing import plot_separatrix

        return plot_separatrix(self, ax)


def check_start(numbers: np.ndarray) -> None:
    """Refuse abundances that are negative, not finite, or all 0."""
    if not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise ValueError(f"initial must be finite and at least 0; got {numbers.tolist()}.")
    if not numbers.any():
        raise ValueError("initial is 0 for every species: nobody can stand. Give at least one species individuals.")


def check_share(share: float) -> None:
    """Refuse a share that is not between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, as 0.99; got {share}.")


def listed(names: Sequence[str]) -> str:
    """`"a, b and c"`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
