"""Train the networks that travel with popmath; what was begun goes on, what is finished is kept.

    python fits/psi/run.py                    # all of them: hours on 2 cores
    python fits/psi/run.py psi-residual       # one
    popmath train fits/psi/psi-residual.toml  # the same for a configuration of your own

The run is in fits/psi/runs/NAME (not kept in the repository); the weights go to popmath/dynamicformer/weights, those of
the published network, 7 MB and no use but to be compared, stay in fits/psi. That one is trained in eight parts, each
from the weights of the one before: published-first, -second, -third, -fourth, -fifth, -sixth, -seventh, and published.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from popmath.dynamicformer.settings import read_settings
from popmath.dynamicformer.training import METRICS, WEIGHTS, Report, train

FOLDER = Path(__file__).parent
RUNS = FOLDER / "runs"
EARLIER = tuple(f"published-{part}" for part in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh"))
SHIPPED = FOLDER.parent.parent / "popmath" / "dynamicformer" / "weights"


def say(report: Report) -> None:
    """One line for each validation."""
    print(
        f"step {report.step:,} of {report.num_steps:,}: loss {report.loss:.2e}, validation {report.validation:.2e} "
        f"(best {report.best:.2e}), {report.samples_per_second:,.0f} samples/s, "
        f"{report.seconds_left / 60:.0f} min left",
        flush=True,
    )


def trained(name: str, start: Path | None) -> Path:
    """Train one, keep its weights and its metrics, and say where its weights are."""
    result = train(read_settings(FOLDER / f"{name}.toml"), RUNS / name, progress=say, start=start)
    assert result is not None
    if name not in EARLIER:
        kept = FOLDER if name == "published" else SHIPPED
        shutil.copyfile(RUNS / name / WEIGHTS, kept / f"{name}.safetensors")
    (FOLDER / "metrics").mkdir(exist_ok=True)
    shutil.copyfile(RUNS / name / METRICS, FOLDER / "metrics" / f"{name}.jsonl")
    print(f"{name}: mean absolute error {result.record['validation']:.2e} on validation", flush=True)
    return RUNS / name / WEIGHTS


def metrics(name: str) -> list[dict[str, Any]]:
    """What a run reported at each validation."""
    text = (FOLDER / "metrics" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def main() -> None:
    """Train what is asked for."""
    names = sorted(path.stem for path in FOLDER.glob("*.toml"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--start", type=Path, help="weights to begin with, in place of the parts before")
    asked = parser.parse_args()
    for name in asked.names or [name for name in names if name not in EARLIER]:
        start = asked.start
        if name == "published" and start is None:
            for part in EARLIER:
                start = trained(part, start)
        trained(name, start)


if __name__ == "__main__":
    main()
