"""Does age structure earn its keep? Mites, predator and prey, by stage and in totals, beside the same without stages.

    python fits/mites/run.py

Every model is fitted to the same cultures together. Beside R2 (against the mean) stands the skill against persistence
one count ahead, 1 - SS / SS of the last count: what a model must beat to be of use.
"""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

import popmath as pm
from popmath._provenance import provenance, write_json
from popmath._text import text_table
from popmath.inference import FitResult
from popmath.populations import linear_predator_prey, structured_predator_prey
from popmath.series import Series

FOLDER = Path(__file__).parent
FAMILIES = {"structured": structured_predator_prey, "linear": linear_predator_prey}


def main() -> None:
    """Fit all, print the table, write result and figure."""
    begun = time.perf_counter()
    config = tomllib.loads((FOLDER / "config.toml").read_text(encoding="utf-8"))
    data = pm.datasets.load_mites()
    cultures = [data.culture(name) for name in config["cultures"]]
    rows, results = [], []
    for asked in config["fits"]:
        result = pm.fit(
            FAMILIES[asked["model"]](*asked["classes"]),
            cultures,
            observe=asked["observe"],
            num_starts=config["num_starts"],
            seed=config["seed"],
            throw=False,
        )
        rows.append(record(asked["name"], result, cultures))
        results.append(result)
        print(f"{asked['name']}: {result.seconds:.0f} s", flush=True)
    header = ["model", "observed", "free", "SS", "AICc", "R2 prey / predator", "skill against persistence"]
    print(text_table(header, [cells(row) for row in rows]))
    out = {"command": "python fits/mites/run.py", "settings": config, "data_sha256": data.sha256, "fits": rows}
    out |= {"versions": provenance(), "seconds": round(time.perf_counter() - begun)}
    write_json(FOLDER / "result.json", out)
    draw(results[0], results[1], cultures, [row["model"] for row in rows])


def record(name: str, result: FitResult, cultures: list[Series]) -> dict[str, Any]:
    """The numbers of one fit; errors of totals in all cases."""
    error = np.zeros(2)
    last, spread = np.zeros(2), np.zeros(2)
    for one, series in zip(result.cultures, cultures, strict=True):
        counts = series.values
        error += ((one.predicted - counts) ** 2).sum(axis=0)
        spread += ((counts - counts.mean(axis=0)) ** 2).sum(axis=0)
        last += (np.diff(counts, axis=0) ** 2).sum(axis=0)
    return {
        "model": name,
        "num_observed": result.num_observed,
        "free_numbers": result.num_free,
        "converged": result.converged,
        "share_of_starts": result.share_of_starts,
        "sum_of_squares": result.sum_of_squares,
        "aicc": result.aicc,
        "r2": 1 - error / spread,
        "skill_against_persistence": 1 - error / last,
        "verdict": result.verdict,
    }


def cells(row: dict[str, Any]) -> list[str]:
    """One row of the table."""
    pair = " / ".join
    return [
        row["model"],
        str(row["num_observed"]),
        str(row["free_numbers"]),
        f"{row['sum_of_squares']:.2f}" + ("" if row["converged"] else "*"),
        f"{row['aicc']:.1f}",
        pair(f"{x:.2f}" for x in row["r2"]),
        pair(f"{x:.2f}" for x in row["skill_against_persistence"]),
    ]


def draw(plain: FitResult, staged: FitResult, cultures: list[Series], names: list[str]) -> None:
    """Counts and curves of the model without and with stages."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(cultures), figsize=(4.5 * len(cultures), 6), squeeze=False, layout="constrained")
    for row, (result, name) in enumerate(zip((plain, staged), names, strict=False)):
        for ax, series in zip(axes[row], cultures, strict=True):
            result.plot(ax, series.name)
            ax.set_title(f"{name}\nculture {series.name}", loc="left", fontsize=9)
    figure.savefig(FOLDER / "figure.png", dpi=110)


if __name__ == "__main__":
    main()
