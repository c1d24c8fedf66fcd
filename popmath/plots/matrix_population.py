"""Figures of the demography of a matrix population."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from popmath.plots.series import COLOURS, axes_for, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from popmath.populations import Demography, TransientProjection

MOST_NUMBERED = 8  # classes up to which the elasticities are written into the heat map
LINE_STYLES = ("-", "--", ":", "-.")


def plot_projection(projection: TransientProjection, ax: Axes | None = None) -> Axes:
    """Densities relative to long-run growth on a logarithmic axis, in the shaded envelope of all starts.

    1 is a population at its stable distribution. Broken lines are the inertia bounds, the smallest and largest
    density in the long run; where one is 0 there is no line for it.

    Args:
        projection: from `transient_projection(model, initial, num_steps)` or `demography(model).projection()`.
        ax: where to draw; a new figure by default.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations import transient_projection
        >>> ax = plot_projection(transient_projection([[0.0, 2.0], [0.5, 0.5]], [1.0, 1.0], num_steps=20))
        >>> print(ax.get_yscale(), len(ax.lines[0].get_ydata()))
        log 21
        >>> plt.close(ax.figure)

    References:
        Stott, I., Townley, S. & Hodgson, D. J. (2011), Ecol. Lett. 14, 959-970, figure 1.
    """
    ax = axes_for(ax)
    envelope = projection.envelope
    times = envelope.times * projection.interval
    for i, (name, density) in enumerate(zip(projection.names, np.asarray(projection.densities), strict=True)):
        style = LINE_STYLES[i // len(COLOURS) % len(LINE_STYLES)]
        ax.plot(times, np.where(density > 0, density, np.nan), color=colour(i), ls=style, lw=1.4, label=name)
    bottom, top = _density_limits(projection)
    ax.fill_between(
        times, np.maximum(envelope.lower, bottom / 10), envelope.upper, color="0.88", lw=0, zorder=0, label="all starts"
    )
    label = "inertia bounds"
    for bound in (projection.inertia_upper, projection.inertia_lower):
        if bottom < bound < top:
            ax.axhline(float(bound), color="0.45", lw=0.9, ls=(0, (5, 3)), zorder=1, label=label)
            label = "_"
    ax.set(yscale="log", xlim=(times[0], max(times[-1], times[0] + projection.interval)), ylim=(bottom, top))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    unit = "projection interval" if projection.unit == "intervals" else f"time ({projection.unit})"
    ax.set(xlabel=unit, ylabel="density relative to $\\lambda^t$")
    ax.set_title(f"Projection, $\\lambda$ = {float(projection.growth_rate):.4g} per interval", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_stable_structure(result: Demography, ax: Axes | None = None) -> Axes:
    """Bars for the stable distribution (left axis) and the reproductive value (right axis) of each class."""
    ax = axes_for(ax)
    names = result.population.class_names
    _one(result)
    places = np.arange(len(names))
    ax.bar(places - 0.2, np.asarray(result.stable_distribution), 0.4, color=COLOURS[0], label="stable distribution")
    ax.set_ylabel("stable distribution (share)", color=COLOURS[0])
    ax.set_xticks(places, names)
    _turn_names(ax, names)
    other = ax.twinx()
    other.bar(places + 0.2, np.asarray(result.reproductive_value), 0.4, color=COLOURS[1], label="reproductive value")
    other.set_ylabel(f"reproductive value ({names[0]} = 1)", color=COLOURS[1])
    other.axhline(0, color="0.2", lw=0.8)
    ax.set_title("Stable structure", loc="left", fontsize=10)
    _say_why(ax, result, "stable_distribution")
    return ax


def plot_elasticity(result: Demography, ax: Axes | None = None) -> Axes:
    """Heat map of the elasticities, with numbers up to 8 classes; what is 0 stays white."""
    ax = axes_for(ax)
    _one(result)
    names = result.population.class_names
    values = np.asarray(result.elasticity)
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    colours = plt.get_cmap("YlGnBu").with_extremes(bad="white")
    shown = values > 1e-12 * top  # what is smaller is the rounding of 0
    image = ax.imshow(np.ma.masked_where(~shown, values), cmap=colours, vmin=0, vmax=top)
    for row, column in np.argwhere(shown) if len(names) <= MOST_NUMBERED else ():
        value = values[row, column]
        shade = "white" if value > 0.55 * top else "black"
        text = f"{value:.2f}" if value >= 0.005 else "<.01"
        ax.text(column, row, text, ha="center", va="center", color=shade, fontsize=7)
    places = np.arange(len(names))
    ax.set_xticks(places, names)
    ax.set_yticks(places, names, fontsize=8)
    _turn_names(ax, names)
    ax.set(xlabel="from", ylabel="to")
    ax.set_title("Elasticity of the growth rate", loc="left", fontsize=10)
    ax.figure.colorbar(image, cax=ax.inset_axes((1.03, 0.0, 0.045, 1.0))).ax.tick_params(labelsize=7)
    _say_why(ax, result, "elasticity")
    return ax


def plot_eigenvalues(result: Demography, ax: Axes | None = None) -> Axes:
    r"""All eigenvalues in the complex plane, the growth rate filled, on the circle of radius $\lambda$.

    The closer the second to the circle, the slower is the approach to the stable distribution.
    """
    ax = axes_for(ax)
    _one(result)
    values, rate = np.asarray(result.eigenvalues), float(result.growth_rate)
    turn = np.linspace(0, 2 * np.pi, 361)
    ax.plot(rate * np.cos(turn), rate * np.sin(turn), color="0.6", lw=0.9, ls="--", label="radius $\\lambda$")
    ax.axhline(0, color="0.85", lw=0.8, zorder=0)
    ax.axvline(0, color="0.85", lw=0.8, zorder=0)
    ax.plot(values[1:].real, values[1:].imag, "o", ms=6, mfc="white", color=COLOURS[0], ls="", label="others")
    label = f"$\\lambda$ = {rate:.4g}"
    ax.plot([values[0].real], [values[0].imag], "o", ms=8, color=COLOURS[1], ls="", label=label)
    reach = 1.18 * max(rate, 1e-3)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="real part", ylabel="imaginary part")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_title(f"Eigenvalues, damping ratio {float(result.damping_ratio):.4g}", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def plot_demography(result: Demography) -> Figure:
    r"""Four panels: projection in its envelope, stable structure, elasticities, eigenvalues.

    Args:
        result: what `demography` found for one population.

    Raises:
        ValueError: for a batch.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations import MatrixPopulation, demography
        >>> figure = plot_demography(demography(MatrixPopulation([[0, 0], [0.5, 0.75]], [[0, 1], [0, 0]])))
        >>> [ax.get_title(loc="left") for ax in figure.axes[:3]]
        ['Projection, $\\lambda$ = 1.175 per interval', 'Stable structure', 'Elasticity of the growth rate']
        >>> plt.close(figure)
    """
    _one(result)
    figure, axes = plt.subplots(2, 2, figsize=(11, 8.4), layout="constrained")
    if result.growth_rate > 0:
        plot_projection(result.projection(), axes[0, 0])
    else:
        axes[0, 0].set_title("Projection", loc="left", fontsize=10)
        axes[0, 0].set_axis_off()
        _say_why(axes[0, 0], result, "reactivity")
    plot_stable_structure(result, axes[0, 1])
    plot_elasticity(result, axes[1, 0])
    plot_eigenvalues(result, axes[1, 1])
    return figure


def _one(result: Demography) -> None:
    if np.ndim(result.growth_rate):
        raise ValueError(
            f"a figure shows one population; this is a batch of shape {np.shape(result.growth_rate)}. Call demography "
            "on one of its models."
        )


def _density_limits(projection: TransientProjection) -> tuple[float, float]:
    """Limits of the density axis: what is drawn with a margin, no further down than 1e-6 of the top."""
    drawn = np.concatenate([np.ravel(projection.densities), projection.envelope.lower, projection.envelope.upper])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    top = float(drawn.max())
    return max(float(drawn.min()), 1e-6 * top) / 1.4, 1.4 * top


def _turn_names(ax: Axes, names: tuple[str, ...]) -> None:
    """Class names below the axis, slanted where they would run into each other."""
    long = sum(len(name) for name in names) > 28
    ax.tick_params(axis="x", labelsize=8, labelrotation=30 if long else 0)
    for label in ax.get_xticklabels() if long else ():
        label.set(ha="right", rotation_mode="anchor")


def _say_why(ax: Axes, result: Demography, field: str) -> None:
    """The note on what cannot be drawn."""
    if field in result.notes:
        ax.text(0.5, 0.5, result.notes[field], transform=ax.transAxes, ha="center", va="center", wrap=True, fontsize=8)
