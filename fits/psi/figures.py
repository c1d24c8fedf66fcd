"""Figures of the trained networks, from result.json, the metrics of the runs and the weights.

    python fits/psi/figures.py            # after evaluate.py and several_theories.py

error_by_genus.png  median and 95th percentile of |error of log F| against the genus, for every method
parity.png          predicted against exact residual, in and beyond the training range
activations.png     the DRA curves that were learned
training.png        loss and validation error of each run; the published network's parts one after the other
several_theories.png  the network of four theories beside those of one, and without its tensors B
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from run import EARLIER, metrics

from popmath.dynamicformer.activations import DynamicRangeActivator
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.layers import Perceptron
from popmath.dynamicformer.pretrained import TrainedNetwork, load_pretrained, pretrained_names
from popmath.dynamicformer.samples import exact_samples
from popmath.dynamicformer.targets import log_leading

matplotlib.use("Agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).parent
SHOWN = ("closed form, order 0", "closed form, order 2", "closed form, order 4", "closed form, order 6")


def error_by_genus(result: dict[str, Any]) -> None:
    """Two panels: all numbers, and those without zeros and ones, where least squares has a value too."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), sharey=True, layout="constrained")
    parts = [name for name in result if name.startswith("genus") and "," not in name]
    genera = [int(name.split()[1]) for name in parts]
    for axis, suffix, title in zip(axes, ("", ", no zeros or ones"), ("all numbers", "no zeros or ones"), strict=True):
        rows = [result[name + suffix] for name in parts]
        names = [n for n in rows[0] if n.startswith("psi") or n in SHOWN or n.endswith("features") or n == "Aggarwal"]
        for name in names:
            style = {"linewidth": 2.2} if name.startswith("psi") else {"linewidth": 1, "linestyle": "--"}
            (line,) = axis.semilogy(genera, [row[name]["median"] for row in rows], label=name, **style)
            if name.startswith("psi"):
                high = [row[name]["percentile_95"] for row in rows]
                axis.fill_between(
                    genera, [row[name]["median"] for row in rows], high, alpha=0.15, color=line.get_color()
                )
        axis.set(title=title, xlabel="genus", xticks=genera[::2])
        axis.legend(frameon=False, fontsize=7, ncol=4, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    axes[0].set_ylabel("|error of log F|: median (shaded: to 95 %)")
    figure.savefig(FOLDER / "error_by_genus.png", dpi=110)


def parity(network: TrainedNetwork) -> None:
    """Predicted against exact logarithm of F / L_R."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), layout="constrained")
    inside, beyond = exact_samples(35, range(14)), exact_samples(43, range(18), 9)
    chosen = network.settings.split.rows(inside.requests, "test")
    cases = {"test, genus 0 to 13": inside.take(chosen)}
    cases["genus 14 to 17, n up to 9"] = beyond.take(np.flatnonzero(beyond.requests.genus >= 14))
    for axis, (title, part) in zip(axes, cases.items(), strict=True):
        leading = log_leading(part.requests.level, part.requests.num_points)
        found = network.predict_requests(part.requests).log_value + log_double_factorials(part.requests)
        x, y = part.log_scaled - leading, found - leading
        axis.plot(x, y, ".", markersize=1.5, alpha=0.3, rasterized=True)
        axis.plot([x.min(), x.max()], [x.min(), x.max()], "k-", linewidth=0.6)
        axis.locator_params(nbins=6)
        axis.set(title=title, xlabel="exact log(F / L_R)", ylabel=network.settings.name)
    figure.savefig(FOLDER / "parity.png", dpi=110)


def activations(network: TrainedNetwork) -> None:
    """Every DRA of the network, part by part."""
    net, x = network.network, np.linspace(-4, 4, 400, dtype=np.float32)
    parts: dict[str, Perceptron] = {"token": net.token, "trunk": net.trunk, "tail": net.tail}
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    for axis, (name, part) in zip(axes, parts.items(), strict=True):
        for number, activation in enumerate(part.activations):
            if isinstance(activation, DynamicRangeActivator):
                a, b, c, d = (float(v) for v in activation.parameters)
                axis.plot(x, activation(x), label=f"layer {number + 1}: {a:.2f}, {b:.2f}, {c:.2f}, {d:.2f}")
        axis.plot(x, x, "k:", linewidth=0.7)
        axis.set(title=name, xlabel="x")
        axis.legend(frameon=False, fontsize=7, title="a, b, c, d", title_fontsize=7)
    figure.savefig(FOLDER / "activations.png", dpi=110)


def training() -> None:
    """Loss and validation error by step: of the shipped networks, and of the published one, part after part."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for number, name in enumerate(pretrained_names()):
        draw_run(axes[0], metrics(name), 0, f"C{number}", name)
    begin = 0
    for number, name in enumerate((*EARLIER, "published")):
        rows = metrics(name)
        draw_run(axes[1], rows, begin, f"C{number}", name)
        begin += rows[-1]["num_steps"]
    for axis, title in zip(axes, ("shipped networks", "the network as published"), strict=True):
        axis.set(xlabel="step", title=title)
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("mean error of what is learned on validation\n(dotted: loss)")
    figure.savefig(FOLDER / "training.png", dpi=110)


def draw_run(axis: Any, rows: list[dict[str, Any]], begin: int, color: str, label: str) -> None:
    """A run that begins at a step; a balanced loss, a mean of logarithms, is left out."""
    steps = [begin + row["step"] for row in rows]
    axis.semilogy(steps, [row["validation"] for row in rows], color=color, label=label)
    if min(row["loss"] for row in rows) > 0:
        axis.semilogy(steps, [row["loss"] for row in rows], ":", color=color)


def several_theories(errors: dict[str, Any]) -> None:
    """Median error of every method on each theory's test part, and beyond its genera."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for axis, part in zip(axes, ("test", "beyond in genus"), strict=True):
        names = list(next(iter(errors.values()))[part])
        for place, theory in enumerate(errors):
            for number, name in enumerate(names):
                if name in errors[theory][part]:
                    label = name if place == 0 else None
                    height = errors[theory][part][name]["median"]
                    axis.bar(place + 0.12 * (number - 3), height, 0.1, color=f"C{number}", label=label)
        axis.set_xticks(range(len(errors)), list(errors))
        axis.set(yscale="log", title=part)
    axes[0].set_ylabel("median |error of log F|")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncol=4, frameon=False, fontsize=8)
    figure.savefig(FOLDER / "several_theories.png", dpi=110)


def main() -> None:
    """All five."""
    several_theories(json.loads((FOLDER / "several_theories.json").read_text(encoding="utf-8"))["errors"])
    error_by_genus(json.loads((FOLDER / "result.json").read_text(encoding="utf-8")))
    network = load_pretrained("psi-residual")
    parity(network)
    activations(network)
    training()


if __name__ == "__main__":
    main()
