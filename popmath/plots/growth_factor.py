"""Figures of the growth factor of predator-prey models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.patches import Patch

from popmath.plots.series import COLOURS, axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from popmath.populations.growth_maps import GrowthCurve, GrowthMap


def plot_growth_factor(curve: GrowthCurve, ax: Axes | None = None) -> Axes:
    """Moduli of all eigenvalues over the scale of predation: the growth factor thick, the expansion, the threshold.

    Args:
        curve: from `growth_curve(model, scales)`.
        ax: where to draw; a new figure by default.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations.growth_maps import growth_curve
        >>> from popmath.populations.predator_prey import LesliePredatorPrey
        >>> hunt = LesliePredatorPrey([[1.2]], [[0.8]], predation=[[0.5]], conversion=[[0.125]])
        >>> ax = plot_growth_factor(growth_curve(hunt, [0.0, 0.5, 1.0, 1.5]))
        >>> [text.get_text() for text in ax.get_legend().get_texts()][1:4]
        ['growth factor', 'oscillating', 'expansion']
        >>> plt.close(ax.figure)
    """
    ax = axes_for(ax)
    others = np.sort(np.abs(curve.eigenvalues), axis=1)[:, :-1]
    for i in range(others.shape[1]):
        label = "other eigenvalues" if i == 0 else "_"
        ax.plot(curve.scales, others[:, i], color="0.72", lw=0.9, label=label, zorder=1)
    turning = np.isfinite(curve.period)
    steady, oscillating = (np.where(part, curve.growth_factor, np.nan) for part in (~turning, turning))
    joint = np.flatnonzero(turning[1:] != turning[:-1])
    steady[joint + 1] = curve.growth_factor[joint + 1]  # the two meet
    for values, shade, label in ((steady, COLOURS[0], "growth factor"), (oscillating, COLOURS[1], "oscillating")):
        if np.isfinite(values).any():
            ax.plot(curve.scales, values, color=shade, lw=2.2, label=label, zorder=2)
    if np.isfinite(curve.perturbative).any():
        ax.plot(curve.scales, curve.perturbative, color="0.1", lw=1.1, ls="--", label="expansion", zorder=3)
    ax.axhline(1.0, color="0.5", lw=0.8, ls=":", zorder=0)
    threshold = curve.threshold
    if threshold is not None and threshold.scale is not None and 0 < threshold.scale <= curve.scales[-1]:
        ax.axvline(
            threshold.scale,
            color=COLOURS[2],
            lw=1.0,
            ls="-.",
            zorder=1,
            label=f"{threshold.kind}, s = {threshold.scale:.4g}",
        )
    ax.set(xlabel="scale of predation", ylabel="modulus per interval", xlim=(curve.scales[0], curve.scales[-1]))
    ax.set_title("Growth factor against predation", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_growth_map(growth: GrowthMap, ax: Axes | None = None) -> Axes:
    """Growth factor as colour, a line where it is 1, oscillation hatched.

    Args:
        growth: from `growth_map(build, x_values, y_values)`, at least two values each.
        ax: where to draw; a new figure by default.

    Raises:
        ValueError: for a map of a single row or column.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations.growth_maps import growth_map
        >>> ax = plot_growth_map(growth_map(lambda a, s: [[a, -s], [s, 0.5]], [0.5, 1.0, 1.5], [0.0, 0.2, 0.4]))
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['growth factor 1', 'oscillation']
        >>> plt.close(ax.figure)
    """
    if min(growth.modulus.shape) < 2:
        raise ValueError(f"a map needs at least two values of x and of y; got {growth.modulus.shape[::-1]}.")
    ax = axes_for(ax)
    x, y, size = growth.x_values, growth.y_values, growth.modulus
    low, high = float(size.min()), float(size.max())
    margin = 0.02 * max(high - low, 1e-9)
    norm = TwoSlopeNorm(1.0, min(low, 1.0) - margin, max(high, 1.0) + margin)
    image = ax.pcolormesh(x, y, size, cmap="RdBu_r", norm=norm, shading="nearest", rasterized=True)
    handles = []
    if low < 1 < high:
        ax.contour(x, y, size, levels=[1.0], colors="black", linewidths=1.6)
        handles.append(plt.Line2D([], [], color="black", lw=1.6, label="growth factor 1"))
    turning = growth.oscillates.astype(float)
    if turning.any():
        with plt.rc_context({"hatch.linewidth": 0.5}):
            hatched = ax.contourf(x, y, turning, levels=[0.5, 1.5], colors="none", hatches=["////"])
        hatched.set_edgecolor("0.35")
        hatched.set_linewidth(0)
        if not turning.all():
            ax.contour(x, y, turning, levels=[0.5], colors="0.2", linewidths=1.0, linestyles="--")
        handles.append(Patch(facecolor="none", edgecolor="0.35", hatch="////", label="oscillation"))
    ax.set(xlabel=growth.x_label, ylabel=growth.y_label)
    ax.set_title("Growth factor per interval", loc="left", fontsize=10)
    ax.figure.colorbar(image, ax=ax)
    if handles:
        ax.legend(handles=handles, frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, -0.32), ncols=2)
    return ax
