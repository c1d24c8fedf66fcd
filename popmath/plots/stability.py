"""Figures of stability: attractor and leading multiplier over a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from popmath.plots.series import colour

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from popmath.populations.bifurcation import BifurcationSweep


def plot_bifurcation(sweep: BifurcationSweep) -> Figure:
    """Bifurcation diagram above, modulus of the leading multiplier below.

    Dots are states after the transient. The fixed point is a full line where it is stable and a broken one where it is
    not. Vertical lines stand at the critical values; grey is where runs grew beyond all numbers.

    Args:
        sweep: from `bifurcation_sweep`.

    Example:
        >>> from popmath.populations.bifurcation import bifurcation_sweep
        >>> sweep = bifurcation_sweep(lambda r: lambda x: r * x * (1 - x), np.linspace(2.5, 3.2, 15), [0.3])
        >>> figure = plot_bifurcation(sweep)
        >>> figure.axes[1].get_ylabel()
        'leading modulus'
        >>> plt.close(figure)
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(7.5, 6.4), sharex=True, layout="constrained", height_ratios=(2, 1)
    )
    values, modulus = sweep.values, sweep.leading_modulus
    stable = modulus < 1
    for i, name in enumerate(sweep.names):
        states = sweep.samples[:, :, i]
        above.plot(np.repeat(values, states.shape[1]), states.ravel(), ",", color=colour(i), alpha=0.5, rasterized=True)
        point = sweep.fixed_points[:, i]
        above.plot(values, np.where(stable, point, np.nan), "-", color=colour(i), lw=1.6, label=name)
        above.plot(values, np.where(stable, np.nan, point), "--", color=colour(i), lw=1.2)
    below.plot(values, modulus, color="0.2", lw=1.4)
    below.axhline(1, color="0.6", lw=0.8, ls="--")
    for k, critical in enumerate(sweep.critical):
        for ax in (above, below):
            ax.axvline(critical.value, color="0.45", lw=0.9, ls=":")
        below.annotate(
            f"{critical.kind} at {critical.value:.6g}", (critical.value, 0.08 + 0.14 * (k % 3)),
            xycoords=("data", "axes fraction"), xytext=(5, 0), textcoords="offset points", fontsize=8,
        )  # fmt: skip
    _shade(sweep, above)
    above.set(ylabel="state", xlim=(values[0], values[-1]))
    below.set(xlabel=sweep.parameter, ylabel="leading modulus")
    count = len(sweep.critical)
    above.set_title(f"Attractor; {count} critical value{'' if count == 1 else 's'}", loc="left", fontsize=10)
    above.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _shade(sweep: BifurcationSweep, ax) -> None:
    """Grey where a run grew beyond all numbers."""
    middle = (sweep.values[1:] + sweep.values[:-1]) / 2
    edges = np.concatenate([sweep.values[:1], middle, sweep.values[-1:]])
    label = "no bounded run"
    for low, high, gone in zip(edges[:-1], edges[1:], sweep.escaped, strict=True):
        if gone:
            ax.axvspan(low, high, color="0.88", lw=0, label=label, zorder=0)
            label = "_"
