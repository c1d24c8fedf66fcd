"""Figures of an ensemble: fan charts, and the shares of replicates in which a species has died out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from popmath.plots.series import axes_for, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from popmath.populations.ensemble import Ensemble

MOST_COLUMNS = 3


def plot_fan(ensemble: Ensemble, species: str, ax: Axes | None = None) -> Axes:
    """The mean of one species over time as a line, in bands between pairs of quantiles.

    Args:
        ensemble: what `simulate(..., num_replicates=...)` found.
        species: name of the species.
        ax: where to draw; a new figure by default.

    Raises:
        ValueError: if the ensemble has no such species.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> import popmath as pm
        >>> model = pm.LeslieGower("a", [2.0], [[0.01]])
        >>> ensemble = pm.simulate(model, [[10.0], [200.0]], 20, num_replicates=2)
        >>> ax = plot_fan(ensemble, "a")
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['0.025 to 0.975', '0.25 to 0.75', 'median', 'mean']
        >>> plt.close(ax.figure)
    """
    if species not in ensemble.species:
        raise ValueError(f"species must be one of {ensemble.species}; got {species!r}.")
    ax = axes_for(ax)
    i = ensemble.species.index(species)
    found, times = ensemble.statistics, ensemble.times
    levels, many = found.levels, len(found.levels)
    for k in range(many // 2):
        label = f"{levels[k]:g} to {levels[many - 1 - k]:g}"
        low, high = found.quantiles[k, :, i], found.quantiles[many - 1 - k, :, i]
        ax.fill_between(times, low, high, color=colour(i), alpha=0.18 + 0.17 * k, lw=0, label=label)
    if many % 2:
        label = "median" if levels[many // 2] == 0.5 else f"quantile {levels[many // 2]:g}"
        ax.plot(times, found.quantiles[many // 2, :, i], color=colour(i), lw=1.6, label=label)
    ax.plot(times, found.mean[:, i], color="0.15", lw=1.1, ls=(0, (4, 2)), label="mean")
    ax.set(xlabel="projection interval", ylabel="abundance", xlim=(0, max(times[-1], 1)))
    ax.set_title(species, loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=7)
    return ax


def plot_extinction(ensemble: Ensemble, ax: Axes | None = None) -> Axes:
    """Shares of the replicates in which each species has died out by each time, and is extinct at it where they differ.

    Args:
        ensemble: what `simulate(..., num_replicates=...)` found.
        ax: where to draw; a new figure by default.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> import popmath as pm
        >>> model = pm.LeslieGower("a", [0.5], [[0.01]])
        >>> ensemble = pm.simulate(model, [[10.0], [200.0]], 20, num_replicates=2, extinct_below=1.0)
        >>> ax = plot_extinction(ensemble)
        >>> ax.lines[0].get_ydata()[[0, 4, 20]].tolist()
        [0.0, 0.5, 1.0]
        >>> plt.close(ax.figure)
    """
    ax = axes_for(ax)
    found = ensemble.statistics
    for i, name in enumerate(ensemble.species):
        ever, now = found.ever_extinct[:, i], found.extinct[:, i]
        ax.step(ensemble.times, ever, where="post", color=colour(i), lw=1.6, label=name)
        if not np.array_equal(ever, now):
            ax.step(ensemble.times, now, where="post", color=colour(i), lw=1, ls=":", label=f"{name}, at the time")
    top = float(found.ever_extinct.max())
    ax.set(xlabel="projection interval", ylabel="share of the replicates", xlim=(0, max(ensemble.times[-1], 1)))
    ax.set_ylim(-0.02 * (top or 1), 1.08 * (top or 1))
    ax.set_title(_threshold(found.extinct_below), loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=7)
    return ax


def plot_ensemble(ensemble: Ensemble) -> Figure:
    """A fan chart for each species, and the shares of replicates in which it has died out.

    Args:
        ensemble: what `simulate(..., num_replicates=...)` found.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> import popmath as pm
        >>> model = pm.LeslieGower(("a", "b"), [2.0, 2.0], [[0.01, 0.0], [0.0, 0.02]])
        >>> figure = plot_ensemble(pm.simulate(model, [[10.0, 5.0], [200.0, 9.0]], 20, num_replicates=2))
        >>> [ax.get_title(loc="left") for ax in figure.axes]
        ['a', 'b', 'Died out']
        >>> plt.close(figure)
    """
    panels = len(ensemble.species) + 1
    columns = 2 if panels == 4 else min(panels, MOST_COLUMNS)
    rows = -(-panels // columns)
    size = (3.7 * columns, 3.1 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    places = list(axes.ravel())
    for name, ax in zip(ensemble.species, places, strict=False):
        plot_fan(ensemble, name, ax)
    plot_extinction(ensemble, places[panels - 1])
    for ax in places[panels:]:
        ax.remove()
    return figure


def _threshold(below: np.ndarray) -> str:
    if not below.any():
        return "Died out"
    numbers = sorted(set(below.tolist()))
    return "Fallen below " + (f"{numbers[0]:g}" if len(numbers) == 1 else "the threshold of the species")
