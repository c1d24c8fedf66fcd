"""Whether higher levels help the network as published beyond its genera, without a look at genus 14 to 17.

    python fits/psi/levels.py       # both, ten minutes for each on one core; writes levels.json
    python fits/psi/levels.py 36    # train one of the two, beside the other on another core; then as above

Two networks are trained on genus up to 10, from the same weights: the encoder of B of `published.safetensors`, held,
and random ones for the rest. They differ in the levels they are trained on. 36 is to genus 10 what 45 is to genus 13,
and 44 what 55 is. Both are asked for numbers of at most 9 points of genus 9, within what they have seen, and 11 to 13.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from evaluate import MOST_POINTS, with_members
from run import RUNS, say

from popmath._provenance import provenance, write_json
from popmath.dynamicformer.checkpoint import write_checkpoint
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.evaluation import summarise
from popmath.dynamicformer.pretrained import TrainedNetwork
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.settings import TrainingSettings, read_settings
from popmath.dynamicformer.splits import Split
from popmath.dynamicformer.tasks import new_network
from popmath.dynamicformer.training import WEIGHTS, load_network, train

FOLDER = Path(__file__).parent
LEVELS, LAST_GENUS, ASKED, NUMBERS = (36, 44), 10, (9, 11, 12, 13), 5_000
START = "levels-start.safetensors"


def settings_of(level: int) -> TrainingSettings:
    """Those of the published network's last part, for fewer and smaller steps from random weights."""
    last = read_settings(FOLDER / "published.toml")
    return dataclasses.replace(
        last, name=f"levels-{level}", num_steps=3_000, batch_size=256, types_per_batch=32, learning_rate=5e-4,
        validate_every=500, validation_size=2_048, seed=0, data=dataclasses.replace(last.data, max_level=level),
        split=Split(max_train_genus=LAST_GENUS),
    )  # fmt: skip


def write_start() -> Path:
    """The published network's encoder of B, and random weights for the rest; the same whenever it is written."""
    settings = settings_of(LEVELS[0])
    known, _, record = load_network(FOLDER / "published.safetensors")
    network = new_network(settings, jax.random.key(settings.seed))
    network = eqx.tree_at(lambda net: (net.tensor, net.pools[1]), network, (known.tensor, known.pools[1]))
    RUNS.mkdir(exist_ok=True)
    return write_checkpoint(RUNS / START, network, {"settings": settings.to_dict(), "encoder": record["data_sha256"]})


def asked() -> dict[int, Samples]:
    """Some numbers of each genus that is asked for."""
    genera = range(max(ASKED) + 1)
    every, parts = exact_samples(2 * max(ASKED) - 2 + MOST_POINTS, genera, MOST_POINTS), {}
    for genus in ASKED:
        families = every.take(np.flatnonzero(every.requests.genus == genus))
        whole = with_members(families, np.full(len(families.log_scaled), MOST_POINTS))
        parts[genus] = whole.take(np.random.default_rng(genus).permutation(len(whole.log_scaled))[:NUMBERS])
    return parts


def errors(path: Path, parts: dict[int, Samples]) -> dict[str, Any]:
    """Errors of log F by genus."""
    network, found = TrainedNetwork.read(path), {}
    for genus, part in parts.items():
        truth = part.log_scaled - log_double_factorials(part.requests)
        said = network.predict_requests(part.requests).log_value
        found[f"genus {genus}"] = summarise(said, truth)._asdict() | {"mean_error": float(np.mean(said - truth))}
    return found


def main() -> None:
    """Train those asked for; with nothing asked for both, and the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("levels", nargs="*", type=int, choices=[[], *LEVELS], metavar="LEVEL", help="36 or 44")
    levels = parser.parse_args().levels
    start = write_start()
    for level in levels or LEVELS:
        train(settings_of(level), RUNS / f"levels-{level}", progress=say, start=start)
    if levels:
        return
    parts, runs = asked(), {}
    for level in LEVELS:
        path = RUNS / f"levels-{level}" / WEIGHTS
        runs[f"level {level}"] = {"record": TrainedNetwork.read(path).record, "errors": errors(path, parts)}
        rows = runs[f"level {level}"]["errors"].items()
        print(f"levels up to {level}: R2", ", ".join(f"{row['r_squared']:.4f} at {name}" for name, row in rows))
    write_json(FOLDER / "levels.json", {"command": "python fits/psi/levels.py", "versions": provenance(), "runs": runs})


if __name__ == "__main__":
    main()
