"""The life-cycle graph of a matrix population: circles and arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path

from popmath.plots.series import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from popmath.populations import MatrixPopulation

# lengths in inches
RADIUS, SPACING = 0.36, 1.45
LANE = 0.36  # between arcs that pass over each other
CLEAR = 0.78  # room for the loops between a circle and the arcs that pass it
LABEL = (0.07, 0.15)  # width of a character and height of a label at 8 points
KINDS = (
    ("U", "survival and growth", COLOURS[0], "-"),
    ("F", "fertility", COLOURS[1], (0, (5, 2))),
    ("C", "clonal reproduction", COLOURS[2], (0, (1.2, 1.2))),
)


class _Arrow(NamedTuple):
    kind: int  # of KINDS
    start: int
    end: int
    rate: float
    path: np.ndarray  # control points of a line (2) or a cubic curve (4)

    def at(self, where: float | np.ndarray) -> np.ndarray:
        """Points of the path, `where` from 0 to 1."""
        s = np.atleast_1d(where)[:, None]
        if len(self.path) == 2:
            return (1 - s) * self.path[0] + s * self.path[1]
        a, b, c, d = self.path
        return (1 - s) ** 3 * a + 3 * s * (1 - s) ** 2 * b + 3 * s**2 * (1 - s) * c + s**3 * d


def plot_life_cycle(population: MatrixPopulation, ax: Axes | None = None) -> Axes:
    """Classes as circles in a row, an arrow for every entry of `U`, `F` and `C` that is not 0, its rate beside it.

    Growth into the next class is a straight arrow; staying is a loop, and every other survival (back, or past a class)
    an arc below; fertility and clonal reproduction are arcs above. The scale is one to one when a new figure is made;
    `ax` shrinks the drawing to its size.

    Args:
        population: one model (no batch).
        ax: where to draw; by default a new figure as wide as the classes need.

    Raises:
        ValueError: for a batch.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations import MatrixPopulation
        >>> ax = plot_life_cycle(MatrixPopulation([[0, 0], [0.5, 0.8]], [[0, 2], [0, 0]], names=("young", "adult")))
        >>> sorted(text.get_text() for text in ax.texts)
        ['0.5', '0.8', '2', 'adult', 'young']
        >>> plt.close(ax.figure)

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 4.1 (the graph and its matrix).
    """
    if np.ndim(population.U) != 2:
        raise ValueError(
            f"a life-cycle graph shows one model; this is a batch of shape {np.shape(population.U)[:-2]}. Take one of "
            "its models."
        )
    arrows = _arrows(population)
    labels = _place_labels(arrows, population.num_classes)
    drawn = np.concatenate([*(arrow.at(np.linspace(0, 1, 20)) for arrow in arrows), *labels, [[0.0, 0.0]]])
    left, right = -RADIUS - 0.15, (population.num_classes - 1) * SPACING + RADIUS + 0.15
    low, high = min(drawn[:, 1].min(), -RADIUS) - 0.5, max(drawn[:, 1].max(), RADIUS) + 0.2
    if ax is None:
        size = (max(right - left, 4.5), high - low)
        figure = plt.figure(figsize=size)
        ax = figure.add_axes((0, 0, 1, 1))
    box = ax.get_window_extent()
    scale = min(box.width / (right - left), box.height / (high - low)) / ax.figure.dpi
    ax.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    ax.set_axis_off()
    shrink = min(scale, 1.0)
    font, width = 8 * shrink, 1.3 * shrink
    for arrow, (label,) in zip(arrows, labels, strict=True):
        _, _, hue, style = KINDS[arrow.kind]
        codes = [Path.MOVETO, *[Path.LINETO if len(arrow.path) == 2 else Path.CURVE4] * (len(arrow.path) - 1)]
        line = Path(arrow.path, codes)
        ax.add_patch(
            FancyArrowPatch(path=line, arrowstyle="-", color=hue, lw=width, ls=style, capstyle="butt", zorder=1)
        )
        tip = arrow.at(np.array([0.97, 1.0])) if len(arrow.path) == 4 else arrow.at(np.array([0.7, 1.0]))
        ax.add_patch(
            FancyArrowPatch(
                tip[0], tip[1], arrowstyle="-|>", color=hue, mutation_scale=13 * shrink, lw=0, shrinkA=0, shrinkB=0
            )
        )
        back = {"facecolor": "white", "edgecolor": "none", "pad": 0.8 * shrink}
        ax.text(
            label[0],
            label[1],
            _rate(arrow.rate),
            color=hue,
            fontsize=font,
            ha="center",
            va="center",
            bbox=back,
            zorder=3,
        )
    for i, name in enumerate(population.class_names):
        ax.add_patch(Circle((i * SPACING, 0), RADIUS, facecolor="0.96", edgecolor="0.2", lw=width, zorder=2))
        lines = name.replace(" ", "\n")
        longest = max(len(line) for line in lines.split("\n"))
        fit = min(1.15, 1.7 * RADIUS / (LABEL[0] * longest))
        ax.text(i * SPACING, 0, lines, fontsize=font * fit, ha="center", va="center", zorder=4)
    used = sorted({arrow.kind for arrow in arrows})
    handles = [Line2D([], [], color=KINDS[k][2], ls=KINDS[k][3], lw=width, label=KINDS[k][1]) for k in used]
    ax.legend(handles=handles, loc="lower center", ncols=3, frameon=False, fontsize=font, handlelength=2.6)
    return ax


def _rate(value: float) -> str:
    return f"{value:.3g}"


def _arrows(population: MatrixPopulation) -> list[_Arrow]:
    """Every entry that is not 0 with its path; arcs are stacked so that longer ones pass outside shorter ones."""
    entries = []
    for kind, (part, *_) in enumerate(KINDS):
        values = getattr(population, part)
        if values is not None:
            entries += [(kind, int(j), int(i), float(values[i, j])) for i, j in np.argwhere(np.asarray(values) > 0)]
    found = []
    for side in (1, -1):  # above: reproduction; below: survival other than growth into the next class
        here = [e for e in entries if (e[0] == 0) == (side == -1)]
        loops = [e for e in here if e[1] == e[2]]
        most = max((sum(other[1] == e[1] for other in loops) for e in loops), default=0)
        seen: dict[int, int] = {}
        for entry in loops:
            found.append(_Arrow(*entry, _loop(entry[1], side, seen.get(entry[1], 0))))
            seen[entry[1]] = seen.get(entry[1], 0) + 1
        arcs = [e for e in here if e[1] != e[2] and not (side == -1 and e[2] == e[1] + 1)]
        lanes: list[tuple[int, int, float]] = []
        ends = [(e[k], np.sign(e[3 - k] - e[k])) for e in arcs for k in (1, 2)]  # circle, and side of it to leave by
        ports = {end: list(np.linspace(64, 64 - min(36, 12 * (ends.count(end) - 1)), ends.count(end))) for end in ends}
        for entry in sorted(arcs, key=lambda e: (abs(e[2] - e[1]), min(e[1], e[2]), e[0], e[1])):
            first, last = sorted(entry[1:3])
            base = RADIUS + (0.12 if last - first == 1 else CLEAR * max(most, 0.6))
            below = [height for a, b, height in lanes if a < last and first < b]
            height = max([base, *(height + LANE for height in below)])
            lanes.append((first, last, height))
            found.append(_Arrow(*entry, _arc(entry[1], entry[2], side * height, ports)))
    straight = [e for e in entries if e[0] == 0 and e[2] == e[1] + 1]
    return found + [
        _Arrow(*e, np.array([[e[1] * SPACING + RADIUS, 0.0], [e[2] * SPACING - RADIUS, 0.0]])) for e in straight
    ]


def _loop(place: int, side: int, number: int) -> np.ndarray:
    """A loop at a circle, above or below; the second one of a circle reaches further."""
    centre, angle = np.array([place * SPACING, 0.0]), np.deg2rad(20 + 6 * number)
    ends = [np.array([sign * np.sin(angle), side * np.cos(angle)]) for sign in (-1, 1)]
    reach = RADIUS + 0.56 + 0.5 * number
    handles = [np.array([sign * 0.42, side * reach]) for sign in (-1, 1)]
    return centre + np.array([RADIUS * ends[0], handles[0], handles[1], RADIUS * ends[1]])


def _arc(start: int, end: int, height: float, ports: dict[tuple[int, int], list[float]]) -> np.ndarray:
    """A curve from circle to circle with its top at `height`; `ports` are the angles still free on the circles."""
    side, toward = np.sign(height), 1 if end > start else -1
    ends = []
    for place, direction in ((start, toward), (end, -toward)):
        angle = np.deg2rad(ports[place, direction].pop(0))
        ends.append(np.array([place * SPACING + direction * RADIUS * np.sin(angle), side * RADIUS * np.cos(angle)]))
    lift = (height - (ends[0][1] + ends[1][1]) / 8) / 0.75
    lean = 0.1 * abs(end - start) * SPACING * toward
    handles = [np.array([ends[0][0] + lean, lift]), np.array([ends[1][0] - lean, lift])]
    return np.array([ends[0], *handles, ends[1]])


def _place_labels(arrows: list[_Arrow], num_classes: int) -> list[np.ndarray]:
    """A point for each rate: on its arc where it is farthest from other arrows, labels and circles."""
    curves = [arrow.at(np.linspace(0, 1, 40)) for arrow in arrows]
    circles = np.array([[i * SPACING, 0.0] for i in range(num_classes)])
    placed: list[tuple[np.ndarray, np.ndarray]] = []
    points = []
    for i, arrow in enumerate(arrows):
        box = np.array([LABEL[0] * len(_rate(arrow.rate)) + 0.06, LABEL[1]]) / 2
        if arrow.start == arrow.end:
            tip = arrow.at(0.5)[0]
            choices = tip[None] + np.array([[0.0, np.sign(tip[1]) * 0.11]])
        elif len(arrow.path) == 2:
            choices = arrow.at(0.46) + np.array([[0.0, 0.11]])
        else:
            choices = arrow.at(np.array([0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74, 0.2, 0.8]))
        others = [curve for j, curve in enumerate(curves) if j != i]
        costs = []
        for rank, point in enumerate(choices):
            cost = 0.02 * rank
            cost += sum(bool((np.abs(curve - point) < box + 0.02).all(axis=1).any()) for curve in others)
            cost += 10 * sum(bool((np.abs(point - at) < box + size).all()) for at, size in placed)
            cost += 10 * bool((np.hypot(*(circles - point).T) < RADIUS + box[1]).any())
            costs.append(cost)
        best = choices[int(np.argmin(costs))]
        placed.append((best, box))
        points.append(best[None])
    return points
