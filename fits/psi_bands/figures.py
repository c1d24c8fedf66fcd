"""Draw the figures of the coverage report.

python fits/psi_bands/figures.py   # from result.json: coverage.png, beyond.png, by_type.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from popmath.conformal import binomial_interval

FOLDER = Path(__file__).parent
LEVELS = ("0.8", "0.9", "0.95", "0.99")
SHOWN = (
    "predictor",
    "psi-corrected",
    "psi-residual",
    "closed form, order 6",
    "closed form, order 3",
    "Aggarwal, split",
)
OTHERS = (
    "predictor", "by points, scaled", "by points", "plain split", "quantile regression", "weighted by genus",
    "highest genera", "adaptive level",
)  # fmt: skip
COLOURS = {"predictor": "k", "Aggarwal, split": "0.6", "plain split": "0.6", "adaptive level": "C9"}


def inside(result: dict[str, Any], plt: Any) -> None:
    """Coverage by number of points at the four levels, with the binomial interval."""
    rows = result["inside"]["by_points"]
    points = np.array([row["points"] for row in rows])
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained", sharex=True)
    for axis, level in zip(axes, LEVELS, strict=True):
        ends = np.array([binomial_interval(float(level), row["num"]) for row in rows])
        axis.fill_between(points, ends[:, 0], ends[:, 1], color="0.9", lw=0, label="99 % of chance")
        axis.axhline(float(level), color="0.5", lw=1, ls="--")
        for name, colour in (("predictor", "k"), ("plain split", "C6")):
            share = [row[name][level]["coverage"] for row in rows]
            axis.plot(points, share, "o-", ms=3, lw=0.8, color=colour, label=name)
        low = min(min(row[n][level]["coverage"] for n in ("predictor", "plain split")) for row in rows)
        axis.set(
            title=f"level {float(level):.0%}", xlabel="points n, ones counted", ylim=(min(low, ends.min()) - 0.01, 1)
        )
    axes[0].set_ylabel("share covered, genus 1 to 13")
    axes[-1].legend(frameon=False, fontsize=8)
    figure.savefig(FOLDER / "coverage.png", dpi=110)


def beyond(result: dict[str, Any], plt: Any) -> None:
    """Coverage and width by genus: methods above, other recipes around psi-corrected below."""
    rows = result["beyond"]
    genera = [row["genus"] for row in rows]
    figure, axes = plt.subplots(2, 2, figsize=(10.5, 7), layout="constrained", sharex=True)
    for line, shown in zip(axes, (SHOWN, OTHERS), strict=True):
        for place, name in enumerate(shown):
            cells = [row[name]["0.9"] for row in rows]
            style = {"color": COLOURS.get(name, f"C{place}"), "label": name, "lw": 2 if name == "predictor" else 1}
            line[0].plot(genera, [cell["coverage"] for cell in cells], **style)
            line[1].semilogy(genera, [cell["width"] for cell in cells], **style)
        line[0].axhline(0.9, color="0.5", lw=1, ls="--")
        line[0].axhline(0.87, color="0.8", lw=1, ls=":")
        line[0].set(ylabel="share covered at 90 %", ylim=(0.4, 1.02))
        line[1].set(ylabel="median width of log F")
        line[1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axes[0, 0].set_title("methods, each with its own band (calibrated to genus 13)")
    axes[1, 0].set_title("recipes around psi-corrected")
    for axis in axes[1]:
        axis.set_xlabel("genus")
    figure.savefig(FOLDER / "beyond.png", dpi=110)


def by_type(result: dict[str, Any], plt: Any) -> None:
    """Coverage and width of the predictor for each genus and number of points."""
    known = [row for row in result["inside"]["by_type"] if row["num"] >= 20]
    for row in result["beyond"]:
        known += [each | {"genus": row["genus"], "num": each["num_families"]} for each in row["by_points"]]
    shape = (max(row["genus"] for row in known) + 1, max(row["points"] for row in known) + 1)
    share, width = np.full(shape, np.nan), np.full(shape, np.nan)
    for row in known:
        share[row["genus"], row["points"]] = row["0.9"]["coverage"]
        width[row["genus"], row["points"]] = np.log10(row["0.9"]["width"])
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, values, title, limits, colours in (
        (axes[0], share, "share covered at 90 %", (0.8, 1.0), "RdBu"),
        (axes[1], width, "median width of log F, power of ten", (None, None), "viridis"),
    ):
        image = axis.imshow(values, origin="lower", aspect="auto", vmin=limits[0], vmax=limits[1], cmap=colours)
        axis.axhline(13.5, color="k", lw=1)
        axis.set(title=title, xlabel="points n, ones counted", ylabel="genus", xlim=(0.5, shape[1] - 0.5))
        axis.set_ylim(0.5, shape[0] - 0.5)
        figure.colorbar(image, ax=axis)
    axes[0].text(shape[1] - 1, 14, "not calibrated above", ha="right", va="bottom", fontsize=8)
    figure.savefig(FOLDER / "by_type.png", dpi=110)


def main() -> None:
    """Draw all."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    result = json.loads((FOLDER / "result.json").read_text(encoding="utf-8"))
    for draw in (inside, beyond, by_type):
        draw(result, plt)


if __name__ == "__main__":
    main()
