"""Draw the figures of the page on interpretation from result.json, each claim beside its negative control.

python fits/psi_interpretation/figures.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

FOLDER = Path(__file__).parent
COLOURS = {
    "psi-residual": "C0",
    "psi-raw": "C1",
    "psi-corrected": "C2",
    "psi-multi": "C4",
    "published": "C5",
    "closed form, order 6": "k",
    "39 features": "0.5",
    "exact": "k",
}
TRUE, WINDOW = 2 / 3, "7 to 13"


def _style(name: str) -> dict[str, Any]:
    base, _, kind = name.partition(", ")
    if name in COLOURS or kind not in ("shuffled", "short", "untrained"):
        return {"color": COLOURS.get(name, "0.3"), "ls": "-"}
    return {"color": COLOURS[base], "ls": {"shuffled": ":", "short": "--", "untrained": "-."}[kind], "alpha": 0.8}


def defects(result: dict[str, Any], plt: Any) -> None:
    """Median defects by genus of every predictor."""
    shown = ("string", "dilaton", "DVV, m = 1", "DVV, m = 3")
    figure, axes = plt.subplots(1, 4, figsize=(14, 4.2), layout="constrained", sharey=True)
    for axis, equation in zip(axes, shown, strict=True):
        for name, row in result["defects"][equation].items():
            genera = sorted(map(int, row["by_genus"]))
            sizes = np.array([row["by_genus"][str(g)] for g in genera])
            if equation == "dilaton" and sizes.max() < 1e-9:
                continue  # ones are removed exactly: nothing was learned, nothing is shown
            axis.plot(genera, sizes, label=name, lw=1.3, **_style(name))
        axis.axvspan(13.5, 25.5, color="0.93", zorder=0)
        axis.set(title=equation, xlabel="genus (shaded: never seen)", yscale="log", ylim=(1e-9, 200))
    axes[0].set_ylabel("median |defect|")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right", frameon=False, fontsize=8)
    figure.savefig(FOLDER / "defects.png", dpi=110)


def action(result: dict[str, Any], plt: Any) -> None:
    """Three estimators by window, the likelihood of candidates, and the flawed probe."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    found_by = result["action"][WINDOW]
    names = [n for n in found_by if not n.startswith("closed")]
    marks = {"slope": "o", "likelihood": "s", "gradient": "^"}
    for row, name in enumerate(names):
        found = found_by[name]
        for shift, (kind, mark) in enumerate(marks.items()):
            if kind in found:
                each = found[kind]
                place = row + 0.22 * (shift - 1)
                value = np.clip([np.nan_to_num(each[k] or np.inf) for k in ("value", "low", "high")], 0.05, 5)
                axes[0].plot(value[1:], [place, place], color=_style(name)["color"], lw=1.5)
                axes[0].plot(value[0], place, mark, color=_style(name)["color"], ms=4, label=kind if row == 0 else None)
    axes[0].axvline(TRUE, color="0.6", lw=0.8)
    axes[0].set(yticks=range(len(names)), yticklabels=names, xlabel=f"A, genus {WINDOW}")
    axes[0].set(xlim=(0.6, 0.75), title="three estimators")
    axes[0].legend(frameon=False, fontsize=8)
    for name in names:
        curve = found_by[name]["likelihood"]["curve"]
        log_likelihood = np.array(curve["log_likelihood"])
        x = [_number(c) for c in curve["candidates"]]
        axes[1].plot(x, log_likelihood - log_likelihood.max(), marker="o", ms=2, lw=1, label=name, **_style(name))
    axes[1].axvline(TRUE, color="0.6", lw=0.8)
    axes[1].set(xlabel="candidate A", ylabel="log-likelihood below its maximum", title="fixed closed form")
    flawed = result["flawed_probe"]
    x = [_number(c) for c in flawed["candidates"]]
    for name, values in flawed.items():
        if name != "candidates":
            axes[2].plot(x, values, marker="o", ms=2, lw=1, label=name, **_style(name))
    axes[2].set(xlabel="candidate A", ylabel="R2 of a linear probe of (2g-2+n) log A", title="the published test: flat")
    labelled = {label: h for axis in axes[1:] for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(labelled.values(), labelled, loc="outside right", frameon=False, fontsize=8)
    figure.savefig(FOLDER / "action.png", dpi=110)


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    return int(above) / int(below or 1)


def polynomials(result: dict[str, Any], plt: Any) -> None:
    """R2 of probes of alpha_1 to alpha_4, and of their control tasks, on genera never seen."""
    found = result["polynomials"]
    sites = ("pooled", "trunk.1", "coefficients")
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.4), layout="constrained", sharey=True, sharex=True)
    for row, kind in enumerate(("linear", "kernel")):
        for axis, site in zip(axes[row], sites, strict=True):
            for name, each in found.items():
                orders = [k for k, r in enumerate(each[site][kind], 1) if "refused" not in r]
                scores = [each[site][kind][k - 1] for k in orders]
                line = [max(r["r_squared"], 0) for r in scores]
                axis.plot(orders, line, marker="o", ms=3, lw=1.3, label=name, **_style(name))
                control = [max(r["control"], 0) for r in scores]
                axis.plot(orders, control, "x", ms=5, color=_style(name)["color"], alpha=0.6)
            axis.set(title=f"{kind} probe of {site}", xticks=(1, 2, 3, 4), ylim=(-0.03, 1.03))
    for axis in axes[1]:
        axis.set_xlabel("k of alpha_k")
    for axis in axes[:, 0]:
        axis.set_ylabel("R2 (crosses: control task)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right", frameon=False, fontsize=8)
    figure.savefig(FOLDER / "polynomials.png", dpi=110)


def tracing(result: dict[str, Any], plt: Any) -> None:
    """Shares of the total effect by site, with intervals and controls."""
    shown = {
        name: result["tracing"][name]["any two"]
        for name in ("psi-residual", "psi-raw", "psi-raw, shuffled", "published")
    }
    shown |= {"psi-multi: " + name.replace("restored in", "in"): each for name, each in result["theories"].items()}
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    for axis, (name, effects) in zip(axes.ravel(), shown.items(), strict=True):
        place = np.arange(len(effects))[::-1]
        share, control = (np.clip([e[key] for e in effects], -1, 2) for key in ("share", "control"))
        ends = np.clip([[e["low"], e["high"]] for e in effects], -1, 2)
        axis.barh(place, share, height=0.55, color="C0", label="restored from the clean run")
        axis.hlines(place, ends[:, 0], ends[:, 1], color="k", lw=1.2)
        axis.plot(control, place, "x", color="C3", ms=5, label="control: from a third")
        axis.axvline(0, color="0.5", lw=0.8)
        axis.axvline(1, color="0.5", lw=0.8, ls=":")
        axis.set(yticks=place, yticklabels=[e["site"] for e in effects], title=name, xlabel="share of the total effect")
        axis.set_xlim(-1.05, 2.05)
        axis.tick_params(labelsize=8)
    axes[0, 0].legend(frameon=False, fontsize=7)
    figure.savefig(FOLDER / "tracing.png", dpi=110)


def latent(result: dict[str, Any], plt: Any) -> None:
    """Probes of log(2g-2+n), cosines, principal components, and heads."""
    found = {name: each for name, each in result["latent"].items() if not name.startswith("published")}
    figure, axes = plt.subplots(1, 5, figsize=(18, 3.9), layout="constrained")
    sites, width = ("pooled", "fused", "fused.whole", "tail.1"), 0.25
    for shift, (name, each) in enumerate(found.items()):
        place = np.arange(len(sites)) + width * (shift - 1)
        colour = ("C1", "C7", "0.75")[shift]
        probes = [each[site]["probes"]["kernel"] for site in sites]
        axes[0].bar(place, [max(p["r_squared"], 0) for p in probes], width, label=name, color=colour)
        axes[0].plot(place, [max(p["control"], 0) for p in probes], "kx", ms=5)
        cosines = [each[site]["cosines"] for site in sites]
        axes[1].bar(place, [c["added"] for c in cosines], width, color=colour)
        axes[1].plot(place, [c["random"] for c in cosines], "kx", ms=5)
    for axis in axes[:2]:
        axis.set_xticks(np.arange(len(sites)), sites)
    axes[0].set_title("log(2g-2+n) from e(d, 1) - e(d)\nR2, kernel probe (x: control task)", fontsize=9)
    axes[1].set_title("cosine of these differences\n(x: random pairs of one type)", fontsize=9)
    axes[0].legend(frameon=False, fontsize=7)
    raw = result["latent"]["psi-raw"]
    scores = np.array(raw["fused"]["components"]["scores"])
    for axis, name, label in ((axes[2], "n", "n"), (axes[3], "zeros", "degrees 0")):
        points = axis.scatter(scores[:, 0], scores[:, 1], c=raw[name], s=6, cmap="viridis")
        figure.colorbar(points, ax=axis, label=label)
        axis.set_title("psi-raw, fused: principal components", fontsize=9)
    heads = result["heads"]
    for name, each in heads.items():
        if "excess" in each:
            for line in each["excess"]:
                axes[4].plot(each["offsets"], line, marker="o", ms=3, lw=1, **_style(name))
    axes[4].axvline(-1, color="0.6", lw=0.8)
    axes[4].set_title(
        "published: log attention to degree d + o\nless that to others (dash-dotted: untrained)", fontsize=9
    )
    axes[4].set_xlabel("o; the string step is -1")
    figure.savefig(FOLDER / "latent.png", dpi=110)


def draw_all(result: dict[str, Any]) -> None:
    """Every figure whose parts are there."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    needed = {
        defects: {"defects"},
        action: {"action", "flawed_probe"},
        polynomials: {"polynomials"},
        tracing: {"tracing", "theories"},
        latent: {"latent", "heads"},
    }
    for draw, names in needed.items():
        if names <= set(result):
            draw(result, plt)
    plt.close("all")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    draw_all(json.loads((FOLDER / "result.json").read_text(encoding="utf-8")))
