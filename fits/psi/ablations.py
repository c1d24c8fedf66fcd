"""The same small budget for every activation and for less data, three seeds each: what does DRA bring?

    python fits/psi/ablations.py            # half an hour on 2 cores; goes on where it was; writes ablations.json
    python fits/psi/ablations.py --figure   # draws ablations.png from ablations.json

Every run is psi-residual's network and settings with fewer steps. Scored on the test part, genus 0 to 13, and on every
family with n <= 9 of genus 14 to 17, each once; nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from popmath._provenance import provenance, write_json
from popmath.dynamicformer.activations import ACTIVATIONS
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.evaluation import summarise
from popmath.dynamicformer.pretrained import TrainedNetwork
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.settings import TrainingSettings, read_settings
from popmath.dynamicformer.training import train

FOLDER = Path(__file__).parent
RESULT = FOLDER / "ablations.json"
STEPS, SEEDS, SHARES = 3_000, (0, 1, 2), (0.001, 0.01, 0.1)
FORMS = ("dra:training", "dra:paper")  # beside the package's


def cases() -> dict[str, TrainingSettings]:
    """What is trained: activations on all data, and DRA on shares of it."""
    base = read_settings(FOLDER / "psi-residual.toml")
    found = {}
    for seed in SEEDS:
        short = dataclasses.replace(base, num_steps=STEPS, validate_every=STEPS // 3, seed=seed)
        for name in (*ACTIVATIONS, *FORMS):
            network = dataclasses.replace(base.network, activation=name)
            found[f"{name} {seed}"] = dataclasses.replace(short, name=f"{name} {seed}", network=network)
        for share in SHARES:
            found[f"share {share} {seed}"] = dataclasses.replace(short, name=f"share {share} {seed}")
    return found


def shown(name: str, whole: Samples) -> Samples:
    """All of the data, or a share of the families drawn at random; the same for all seeds."""
    if not name.startswith("share"):
        return whole
    rows = np.random.default_rng(0).random(len(whole.log_scaled)) < float(name.split()[1])
    return whole.take(np.flatnonzero(rows))


def errors(network: TrainedNetwork, part: Samples) -> dict[str, float]:
    """Median, 95th percentile and largest |error of log F|."""
    says = network.predict_requests(part.requests).log_value + log_double_factorials(part.requests)
    row = summarise(says, part.log_scaled)
    return {"median": row.median, "percentile_95": row.percentile_95, "maximum": row.maximum}


def draw(runs: dict[str, Any]) -> None:
    """Medians beyond the training range by activation and by share of the data; one dot for each seed."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), width_ratios=(2, 1), layout="constrained")
    labels = {"by activation": [*ACTIVATIONS, *FORMS], "dra by share of the families": [*SHARES, 1.0]}
    for axis, (title, names) in zip(axes, labels.items(), strict=True):
        for place, name in enumerate(names):
            key = name if isinstance(name, str) else (f"share {name}" if name < 1 else "dra")
            for part, colour, shift in (("test", "C0", -0.12), ("genus 14 to 17", "C1", 0.12)):
                dots = [runs[f"{key} {seed}"][part]["median"] for seed in SEEDS]
                axis.semilogy([place + shift] * len(dots), dots, "o", color=colour, label=None if place else part)
        axis.set_xticks(range(len(names)), [str(name) for name in names], rotation=30)
        axis.set(title=title)
    axes[0].set_ylabel(f"median |error of log F| after {STEPS:,} steps")
    axes[0].legend(frameon=False)
    figure.savefig(FOLDER / "ablations.png", dpi=110)


def main() -> None:
    """Train, score, write after every run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", action="store_true", help="only draw")
    if parser.parse_args().figure:
        if not RESULT.exists():
            parser.error(f"there is no {RESULT.name} yet: run this without --figure first.")
        draw(json.loads(RESULT.read_text(encoding="utf-8"))["runs"])
        return
    whole, wide = exact_samples(35, range(14)), exact_samples(2 * 18 - 4 + 9, range(18), 9)
    runs: dict[str, Any] = {}
    for name, settings in cases().items():
        data = shown(name, whole)
        result = train(settings, FOLDER / "runs" / "ablations" / name.replace(":", "-"), samples=data)
        assert result is not None
        network = TrainedNetwork(result.network, result.settings, result.record)
        test = whole.take(settings.split.rows(whole.requests, "test"))
        beyond = wide.take(np.flatnonzero(wide.requests.genus >= 14))
        runs[name] = {"test": errors(network, test), "genus 14 to 17": errors(network, beyond)}
        runs[name] |= {"families": result.record["num_train"], "validation": result.record["validation"]}
        cells = [f"{runs[name][part]['median']:.1e}" for part in ("test", "genus 14 to 17")]
        print(f"{name:18} median {cells[0]} (test), {cells[1]} (genus 14 to 17)", flush=True)
        result_of = {"command": "python fits/psi/ablations.py", "versions": provenance(), "steps": STEPS, "runs": runs}
        write_json(RESULT, result_of)
    draw(runs)


if __name__ == "__main__":
    main()
