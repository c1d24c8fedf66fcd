"""Model cards of the shipped networks, from their records, metrics and results.

python fits/psi/cards.py            # writes docs/model_cards.md; after evaluate.py and several_theories.py
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from run import metrics

from popmath.dynamicformer.pretrained import TrainedNetwork, load_pretrained, pretrained_names

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "model_cards.md"
LEARNED = {
    "psi-residual": "log F minus the leading term L_R of the large-genus form; degrees 1 removed exactly. It was given "
    "no coefficient of the expansion.",
    "psi-corrected": "what the closed form of order 6 leaves of log F, in units of what it may leave; degrees 1 "
    "removed exactly. Where that form has broken down the network has no say. That it sees no degree above 8 was "
    "decided after a look at genera beyond 13 (page on networks).",
    "psi-raw": "log F itself of every partition as it is, ones and zeros too: no identity, no closed form.",
    "psi-multi": "log F of four theories, less the growth they have in common; it reads the tensor B of each. The "
    "degree with a dilaton equation is removed exactly.",
}
NOT_FOR = {
    "psi-residual": "values: the closed form and the exact engine are better. Families of more than 24 points.",
    "psi-corrected": "requests with many zeros at low genus, where it is the closed form and no better.",
    "psi-raw": "values: the closed form is better by orders of magnitude. It is there to be opened.",
    "psi-multi": "theories it was not trained on: four tensors are no sample of structures, so it tells them apart "
    "rather than reads them. Genera beyond its training range.",
}
INTRODUCTION = (
    "Written by `python fits/psi/cards.py` from `fits/psi/result.json`, `fits/psi/several_theories.json` and the "
    "records of the weights. The networks give no error bands; `IntersectionPredictor` puts calibrated ones around "
    "psi-residual and psi-corrected. Parts named by genus are every psi-class number "
    "of at most 9 points; `test` is the test part of genus 0 to 13, every partition included. Rows of psi-multi are "
    "families, each once, of the genera that are named."
)
PARTS = ("test", "genus 14", "genus 17", "genus 20", "genus 25", "out_in_points")


def cells(row: dict[str, Any]) -> str:
    """Median, 95th percentile, maximum and R2."""
    errors = " | ".join(f"{row[key]:.1e}" for key in ("median", "percentile_95", "maximum"))
    return f"{row['num_points']:,} | {errors} | {row['r_squared']:.6f}"


def table(rows: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """One line for each part."""
    head = ["| numbers | count | median | 95 % | largest | R2 |", "|---|---|---|---|---|---|"]
    return [*head, *(f"| {name} | {cells(row)} |" for name, row in rows)]


def trained_in(name: str) -> str:
    """Minutes at the median of the speeds that the run reported: it may have had to wait for other work."""
    rows = metrics(name)
    seconds = rows[-1]["step"] * load_pretrained(name).settings.batch_size
    seconds /= statistics.median(row["samples_per_second"] for row in rows)
    return f"{seconds / 60:.0f} minutes on at most 2 cores"


def card(name: str, network: TrainedNetwork, result: dict[str, Any], several: dict[str, Any]) -> list[str]:
    """One network."""
    settings, record = network.settings, network.record
    count = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network.network, eqx.is_array)))
    lines = [f"## `{name}`", "", f"**Learned:** {LEARNED[name]}", ""]
    lines += [
        f"**Data:** {record['num_train']:,} families or numbers, SHA-256 `{record['data_sha256'][:16]}`: "
        f"{network.range}. Validation and test parts at random by family, higher genera held out; chosen on the "
        "validation part.",
        "",
    ]
    lines += [
        f"**Training:** `python fits/psi/run.py {name}`, seed {settings.seed}, {record['steps']:,} steps of "
        f"{settings.batch_size}, {trained_in(name)}; {count:,} weights. Mean |error of what it learns| on validation: "
        f"{record['validation']:.2e}.",
        "",
    ]
    if name == "psi-multi":
        rows = [(f"{t}, {p}", e["psi-multi"]) for t, parts in several["errors"].items() for p, e in parts.items()]
    else:
        rows = [(part.replace("_", " "), result[part][name]) for part in PARTS]
    return [*lines, "**|error of log F|:**", "", *table(rows), "", f"**Not for:** {NOT_FOR[name]}", ""]


def main() -> None:
    """All of them."""
    files = ("result.json", "several_theories.json")
    read = [json.loads((FOLDER / name).read_text(encoding="utf-8")) for name in files]
    lines = ["# Cards of the trained networks", "", INTRODUCTION, ""]
    for name in pretrained_names():
        lines += card(name, load_pretrained(name), *read)
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    print(f"wrote {PAGE.name}: {', '.join(pretrained_names())}")


if __name__ == "__main__":
    main()
