"""Figures of series, fits and forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from popmath.inference import Comparison, FitResult, Forecast
    from popmath.populations import Simulation
    from popmath.series import Series

# Wong (2011), Nature Methods 8, 441: distinguishable with colour-vision deficiency
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def plot_simulation(simulation: Simulation, ax: Axes | None = None) -> Axes:
    """Abundance of each species over time."""
    ax = axes_for(ax)
    for i, name in enumerate(simulation.species):
        ax.plot(simulation.times, np.asarray(simulation.abundances)[:, i], color=colour(i), label=name)
    ax.set(xlabel="projection interval", ylabel="abundance")
    ax.legend(frameon=False)
    return ax


def plot_fit(result: FitResult, ax: Axes | None = None, culture: str | None = None) -> Axes:
    """Counts as dots, the fitted curve as a line."""
    ax, one = axes_for(ax), result.culture(culture)
    _counts(one.series, ax)
    for i, name in enumerate(one.series.species):
        ax.plot(one.series.times, one.predicted[:, i], color=colour(i), label=f"{name}, fitted")
    ax.set_title(f"{result.name} on {one.series.name}", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax


def plot_forecast(forecast: Forecast, ax: Axes | None = None, later: Series | None = None) -> Axes:
    """Counts as dots, the forecast as a line in its band; what was counted later, if given, as open dots."""
    ax = axes_for(ax)
    _counts(forecast.series, ax)
    for i, name in enumerate(forecast.series.species):
        ax.fill_between(forecast.times, forecast.lower[:, i], forecast.upper[:, i], color=colour(i), alpha=0.2, lw=0)
        ax.plot(forecast.times, forecast.predicted[:, i], color=colour(i), label=f"{name}, forecast")
        if forecast.fitted is not None:
            ax.plot(forecast.series.times, forecast.fitted[:, i], color=colour(i), lw=1)
        if later is not None:
            ahead = later.times > forecast.series.times[-1]
            ax.plot(later.times[ahead], later.values[ahead, i], "o", ms=4, mfc="none", color=colour(i))
    ax.axvline(forecast.series.times[-1], color="0.6", lw=0.8, ls=":")
    ax.set_title(f"{forecast.model_name}: {100 * forecast.confidence_level:g}% band", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax


def plot_comparison(comparison: Comparison) -> Figure:
    """Hold-out forecasts with their bands beside what was counted: a row per hold-out, a column per model."""
    names = [row.name for row in comparison.rows if any(out.forecast is not None for out in row.holdouts)]
    shape = (len(comparison.holdout_after), len(names))
    figure, axes = plt.subplots(
        *shape, figsize=(3.2 * shape[1], 2.9 * shape[0]), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    top = 1.35 * float(np.nanmax(comparison.series.values))
    for j, name in enumerate(names):
        for ax, out in zip(axes[:, j], comparison.row(name).holdouts, strict=True):
            if out.forecast is None:
                ax.set_axis_off()
                ax.set_title(f"{name}\nno band", loc="left", fontsize=9)
                continue
            plot_forecast(out.forecast, ax, later=comparison.series)
            ax.get_legend().remove()
            covers = f"{100 * comparison.confidence_level:g}% band covers {out.coverage:.0%}"
            ax.set_title(f"{name}\n{covers}", loc="left", fontsize=9)
            ax.set_ylim(0, top)
            ax.label_outer()
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def axes_for(ax: Axes | None) -> Axes:
    """`ax`, or the axes of a new figure."""
    return plt.subplots(figsize=(6, 3.8), layout="constrained")[1] if ax is None else ax


def colour(i: int) -> str:
    """Colour of the i-th line."""
    return COLOURS[i % len(COLOURS)]


def _counts(series: Series, ax: Axes) -> None:
    for i, name in enumerate(series.species):
        ax.plot(series.times, series.values[:, i], "o", ms=4, color=colour(i), label=name)
    ax.set(xlabel=f"time ({series.time_unit})", ylabel=series.value_unit)
