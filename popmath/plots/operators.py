"""Figures of the operators of structured populations: spectra, and distributions of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle, Patch
from matplotlib.ticker import FixedLocator, FuncFormatter

from popmath.plots.series import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from popmath.populations.count_distribution import CountDistribution
    from popmath.populations.hamiltonian import LeslieHamiltonian

_UNLIKELY = 1e-4  # counts less likely than this, at both ends, are not drawn


def plot_spectrum(hamiltonian: LeslieHamiltonian) -> Figure:
    r"""Eigenvalues of the projection matrix in the complex plane, beside the energies of its Hamiltonian.

    Left: $\lambda_k$, with the circle of radius $\lambda_1$ and the unit circle. Right: $E_k$; up is growth, and the
    distance from the vertical axis is how fast the mode turns, in radians per projection interval. A mode has the same
    number and colour in both; the shaded strip is the principal branch.

    Args:
        hamiltonian: from `leslie_hamiltonian`.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from popmath.populations.hamiltonian import leslie_hamiltonian
        >>> figure = plot_spectrum(leslie_hamiltonian([[0.5, 2.0], [0.5, 0.0]]))
        >>> print(figure.axes[1].get_ylabel())
        growth rate Im E (per interval)
        >>> plt.close(figure)
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    values, energies = hamiltonian.multipliers, hamiltonian.energies
    largest = abs(values[0])
    for radius, style in ((largest, "-"), (1.0, ":")):
        left.add_patch(Circle((0, 0), float(radius), fill=False, ec="0.6", ls=style, lw=0.9))
    for ax in (left, right):
        ax.axhline(0, color="0.85", lw=0.8, zorder=0)
        ax.axvline(0, color="0.85", lw=0.8, zorder=0)
    reach = 1.15 * max(float(largest), 1.0)
    left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    left.set(xlabel="Re $\\lambda$", ylabel="Im $\\lambda$")
    left.set_title("Eigenvalues of L (circles: $\\lambda_1$ solid, 1 dotted)", loc="left", fontsize=10)
    right.axvspan(-np.pi, np.pi, color="0.95", lw=0, zorder=-1)
    right.set(xlabel="Re E (radians per interval)", ylabel="growth rate Im E (per interval)")
    right.set_title("Energies of H = i log L (shaded: principal branch)", loc="left", fontsize=10)
    _turns(right, energies.real)
    _room(right, energies.imag)
    for ax, points in ((left, values), (right, energies)):
        for k, point in enumerate(points):
            ax.plot(point.real, point.imag, "o", ms=7, color=colour(k), zorder=3)
            beside = (6, -13 if values[k].imag < 0 else 5)  # the two of a pair may lie close together
            ax.annotate(
                str(k + 1), (point.real, point.imag), beside, textcoords="offset points", fontsize=9, color=colour(k)
            )
    return figure


def plot_counts(distribution: CountDistribution) -> Figure:
    r"""Mean counts over time with their spread, beside the distribution of totals at the last time.

    Left: the mean of each class with a band of one standard deviation; broken lines are $e^{Gt} n_0$, where the means
    obey it (without predation). Right: the probability of each total of each species at the last time, with 0 an open
    bar: nothing is left.

    Args:
        distribution: from `DoiPeliti.evolve`, at two times or more.

    Raises:
        ValueError: for a single time.
    """
    if len(distribution.times) < 2:
        raise ValueError("a plot over time needs two times or more: pass them to evolve, as np.linspace(0, 10, 50).")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    times, means = distribution.times, distribution.means
    spread = np.sqrt(np.maximum(distribution.variances, 0))
    for k, name in enumerate(distribution.type_names):
        low, high = np.maximum(means[:, k] - spread[:, k], 0), means[:, k] + spread[:, k]
        left.fill_between(times, low, high, color=colour(k), alpha=0.15, lw=0)
        left.plot(times, means[:, k], color=colour(k), lw=2, label=name)
        if distribution.expected is not None:
            label = "exp(Gt) n(0)" if k == len(distribution.type_names) - 1 else "_"
            left.plot(times, distribution.expected[:, k], color="0.1", lw=1, ls=(0, (4, 4)), label=label)
    left.set(xlabel="time (unit of the rates)", ylabel="count: mean ± 1 sd", ylim=(0, None), xlim=times[[0, -1]])
    left.set_title("Means", loc="left", fontsize=10)
    left.legend(frameon=False, fontsize=8)
    several, firsts, bars = len(distribution.species), np.cumsum([0, *distribution.space.num_types]), []
    for i, name in enumerate(distribution.species):
        chances = distribution.totals(name)[-1]
        last = int(np.flatnonzero(chances > _UNLIKELY)[-1]) if (chances > _UNLIKELY).any() else 0
        places = np.arange(last + 1) + (i - (several - 1) / 2) * 0.8 / several
        tone = colour(int(firsts[i])) if several > 1 else "0.5"  # of its first class
        bars.append(right.bar(places, chances[: last + 1], 0.8 / several, color=tone, ec=tone, lw=0.8))
        bars[-1][0].set_facecolor("white")
    right.set(xlabel="individuals of the species", ylabel=f"probability at time {times[-1]:g}")
    lost = f"lost by the truncation: {distribution.lost[-1]:.1e}"
    right.set_title(f"Distribution of totals ({lost})", loc="left", fontsize=10)
    if several > 1:
        tones = [Patch(color=bar[0].get_edgecolor()) for bar in bars]
        right.legend(tones, distribution.species, frameon=False, fontsize=8)
    return figure


def _turns(ax: Axes, values: np.ndarray) -> None:
    """Limits and ticks of an axis of angles, in halves of pi (in whole turns where there are many)."""
    reach = max(np.pi, float(np.abs(values).max()))
    step = np.pi / 2 if reach < 1.5 * np.pi else np.pi * np.ceil(reach / (4 * np.pi))
    number = int(reach / step + 1e-9)
    ax.xaxis.set_major_locator(FixedLocator((step * np.arange(-number, number + 1)).tolist()))
    ax.xaxis.set_major_formatter(FuncFormatter(_as_pi))
    ax.set_xlim(-1.12 * reach, 1.12 * reach)


def _as_pi(value: float, _: int | None) -> str:
    """`π/2`, `-3π`, ..."""
    halves = round(2 * value / np.pi)
    if halves == 0:
        return "0"
    number, sign = abs(halves), "−" if halves < 0 else ""
    whole = "" if number in (1, 2) else str(number // 2 if number % 2 == 0 else number)
    return f"{sign}{whole}π" + ("" if number % 2 == 0 else "/2")


def _room(ax: Axes, values: np.ndarray) -> None:
    """Limits of the growth axis with 0 inside and room at both ends."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    margin = 0.15 * max(high - low, 0.1)
    ax.set_ylim(low - margin, high + margin)
