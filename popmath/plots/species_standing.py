"""Figures of the last species standing: shares over time, and the two basins with the line between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from popmath.plots.series import axes_for, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from popmath.populations.standing_record import LastSpeciesStanding

_ARROWS = 11  # per side of the direction field
_WAYS = 9  # trajectories drawn beside that of the start


def plot_standing(record: LastSpeciesStanding, ax: Axes | None = None) -> Axes:
    """Share of each species over time, with the share asked for and when the winner has it.

    Args:
        record: from `last_species_standing`.
        ax: where to draw; a new figure by default.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations.species_standing import last_species_standing
        >>> ax = plot_standing(last_species_standing([[[2.0]], [[1.0]]], [[1.0], [9.0]]))
        >>> ax.get_title(loc="left")
        'species 1 stands (theorem B, common regulation)'
        >>> plt.close(ax.figure)
    """
    ax = axes_for(ax)
    shares = record.project(record.shown_steps())
    for i, name in enumerate(record.species):
        ax.plot(np.arange(len(shares)), shares[:, i], color=colour(i), label=name)
    if np.isfinite(record.time):
        ax.axhline(record.threshold, color="0.6", lw=0.8, ls="--", zorder=0)
        ax.axvline(record.time, color="0.6", lw=0.8, ls=":", zorder=0)
        late = record.time > 0.6 * (len(shares) - 1)
        ax.annotate(
            f"{record.threshold:g} after {record.time:g}",
            (record.time, 0.5),
            xytext=(-4 if late else 4, 0),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=8,
            color="0.35",
        )
    ax.set(xlabel="projection interval", ylabel="share of the total", ylim=(-0.03, 1.03), xlim=(0, len(shares) - 1))
    ax.set_title(_title(record), loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_separatrix(record: LastSpeciesStanding, ax: Axes | None = None) -> Axes:
    r"""The two basins of theorem A, the line $c = 0$ between them, the start and its way, and others.

    The axes measure each guild by its reproductive value: $p^\top x / p^\top u$ times the sum of $u$ is the
    abundance that a guild at its stable structure needs for the same effect. So every start, whatever its structure,
    lies on the side where it belongs, and with one class per species the axes are the abundances themselves. Arrows
    show the direction of one interval for guilds at their stable structure. In a clipped projection of several classes
    the line is broken: it is that of the linear one.

    Args:
        record: from `last_species_standing` or `two_guilds`, with two guilds.
        ax: where to draw; a new figure by default.

    Raises:
        ValueError: if there are no two guilds, as for theorem B.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations.standing_theorems import two_guilds
        >>> ax = plot_separatrix(two_guilds([[1.2, -0.1], [-0.2, 1.1]], (1, 1), [10.0, 11.0], ("a", "b")))
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('a', 'b')
        >>> plt.close(ax.figure)
    """
    if record.signs is None or not record.right.size:
        raise ValueError(
            "a separatrix is drawn for two guilds that take from each other (theorem A). "
            + (record.verdict if record.theorem == "A" else "Theorem B has none: see plot() for the shares.")
        )
    ax = axes_for(ax)
    plane = _Plane(record)
    start = plane.place(record.initial)
    reach = 2.2 * max(start.max(), 1e-300)
    slope = plane.worth[0] / plane.worth[1]  # c = worth[0] x - worth[1] y
    corner = min(reach, reach / slope)
    edge = np.array([0, corner, reach])
    line = np.minimum(slope * edge, reach)
    names = [" + ".join(guild) for guild in record.guilds]
    ax.fill_between(edge, 0, line, color=colour(0), alpha=0.13, lw=0, label=f"{names[0]} ahead")
    ax.fill_between(edge, line, reach, color=colour(1), alpha=0.13, lw=0, label=f"{names[1]} ahead")
    sure = record.mode == "linear" or record.sizes == (1, 1) and record.applies
    label = "separatrix" if sure else "c = 0 (linear)"
    ax.plot([0, corner], [0, slope * corner], color="0.25", lw=1.4, ls="-" if sure else "--", label=label)
    _field(ax, plane, reach)
    for angle in (np.arange(_WAYS) + 0.5) / _WAYS * np.pi / 2:
        way = plane.way(plane.state(0.55 * reach * np.array([np.cos(angle), np.sin(angle)])), reach)
        ax.plot(*way.T, color="0.55", lw=0.8, zorder=1)
    way = plane.way(record.initial, reach)
    ax.plot(*way.T, "-o", ms=3, color="black", lw=1.4, label="way of the start")
    ax.plot(*start, "o", ms=8, mfc="white", mec="black", mew=1.4, ls="", label="start", zorder=5)
    ax.set(xlim=(0, reach), ylim=(0, reach))
    unit = "" if record.sizes == (1, 1) else ", by reproductive value"
    ax.set_xlabel(names[0] + unit)
    ax.set_ylabel(names[1] + unit)
    ax.set_title(_title(record), loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


class _Plane:
    """The plane of two guilds measured by reproductive value."""

    def __init__(self, record: LastSpeciesStanding) -> None:
        side = np.repeat(np.asarray(record.signs), record.sizes)
        self.masks = [side == 1, side == -1]
        self.shapes = [record.right * mask / (record.right @ mask) for mask in self.masks]
        self.left = record.left
        self.worth = np.array([self.left @ shape for shape in self.shapes])
        self.matrix, self.clipped = record.matrix, record.mode == "clipped"

    def place(self, state: np.ndarray) -> np.ndarray:
        return np.array([(self.left * mask) @ state for mask in self.masks]) / self.worth

    def state(self, place: np.ndarray) -> np.ndarray:
        return place[0] * self.shapes[0] + place[1] * self.shapes[1]

    def after(self, state: np.ndarray) -> np.ndarray:
        after = self.matrix @ state
        return np.maximum(after, 0) if self.clipped else after

    def way(self, state: np.ndarray, reach: float) -> np.ndarray:
        """Places over time until they leave the figure, or 200 intervals have passed."""
        places = [self.place(state)]
        for _ in range(200):
            state = self.after(state)
            places.append(self.place(state))
            if places[-1].max() > reach or places[-1].min() < 0:
                break
        return np.array(places)


def _field(ax: Axes, plane: _Plane, reach: float) -> None:
    """Directions of one interval, all arrows of one length."""
    grid = (np.arange(_ARROWS) + 0.5) / _ARROWS * reach
    places = np.array([(x, y) for x in grid for y in grid])
    moves = np.array([plane.place(plane.after(plane.state(place))) for place in places]) - places
    size = np.linalg.norm(moves, axis=1, keepdims=True)
    moves = moves / np.where(size > 0, size, 1)
    ax.quiver(*places.T, *moves.T, color="0.6", scale=34, width=0.0028, pivot="mid", zorder=0.5)


def _title(record: LastSpeciesStanding) -> str:
    how = {"theorem": f"theorem {record.theorem}", "projection": "by projection, not by theorem A", None: ""}
    mode = "common regulation" if record.theorem == "B" else record.mode
    if record.winner is None:
        what = "nobody stands alone" if record.theorem == "B" else "nobody stands"
        what = "undecided" if record.decided_by is None else what
        return f"{what} ({mode})"
    names = (record.winner,) if isinstance(record.winner, str) else record.winner
    return f"{' + '.join(names)} {'stands' if len(names) == 1 else 'stand'} ({how[record.decided_by]}, {mode})"
