"""Run every study of this folder, one after the other, and write the table of README.md from their results.

python fits/run_all.py            # long: fits/simulated alone takes 5 minutes a model and more
python fits/run_all.py --table    # only the table, from the results that are there
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from popmath._text import text_table

FOLDER = Path(__file__).parent
README = FOLDER.parent / "README.md"
STUDIES = ("paramecium_table3", "paramecium_table4_one_loop", "paramecium_table4_half_loop", "lynx_hare", "mites")
BEGIN, END = "<!-- fits:begin -->", "<!-- fits:end -->"


def table(name: str, culture: str) -> str:
    """The rows of one culture: in the sample, then each hold-out with conformal and posterior bands."""
    result = json.loads((FOLDER / name / "result.json").read_text(encoding="utf-8"))
    rows, species = result["cultures"][culture]["rows"], species_of(result["cultures"][culture]["rows"])
    after = [f"{time:g}" for time in result["settings"]["holdout_after"]]
    header = ["model", "free", "SS", "AICc", "LOO"]
    inside = [
        [r["model"], str(r["free_numbers"]), f"{r['sum_of_squares']:.4f}" + ("" if r["converged"] else "*"),
         f"{r['aicc']:.1f}", loo(r)]
        for r in rows if "free_numbers" in r
    ]  # fmt: skip
    parts = [text_table(header, inside)]
    for time in after:
        cells = [holdout_cells(r, species, time) for r in rows]
        head = [f"after {time}", "RMSE", "CRPS", "coverage", "width", "posterior's", "width", "at the same coverage"]
        parts.append(text_table(head, cells))
    return "\n\n".join(parts)


def species_of(rows: list[dict[str, Any]]) -> list[str]:
    """Names of the species, from the keys of R2."""
    return [key[3:] for key in next(row for row in rows if "free_numbers" in row) if key.startswith("r2_")]


def loo(row: dict[str, Any]) -> str:
    """Expected log predictive density, with the number of observations it cannot be relied on for."""
    if "posterior" not in row:
        return "-"
    found = row["posterior"]["loo"]
    return f"{found['elpd']:.1f}" + (f" ({found['num_bad']} bad)" if found["num_bad"] else "")


def holdout_cells(row: dict[str, Any], species: list[str], time: str) -> list[str]:
    """One row of a hold-out."""

    def of(what: str) -> str:
        values = [row[f"{what}_{name}_after_{time}"] for name in species]
        return "-" if any(v is None for v in values) else " / ".join(short(v) for v in values)

    covered = row[f"band_coverage_after_{time}"]
    cells = [row["model"], of("rmse"), of("crps"), "-" if covered is None else f"{covered:.0%}", of("band_width")]
    posterior = row.get("posterior", {}).get(f"after_{time}")
    if posterior is None:
        return [*cells, "-", "-", "-"]
    same = posterior["at_the_conformal_coverage"]
    widths = [posterior["width"], same["width"] if same else []]
    cells.append(f"{posterior['coverage']:.0%}")
    return cells + [" / ".join(short(v) for v in width) or "never reached" for width in widths]


def short(value: float) -> str:
    """Three digits, without an exponent below a million."""
    return f"{value:.3g}" if value < 1000 or value >= 1e6 else f"{value:.0f}"


def write_table() -> None:
    """Put the table between the marks in README.md."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, later = rest.split(END)
    body = table("paramecium_table3", "mixture")
    README.write_text(f"{before}{BEGIN}\n```text\n{body}\n```\n{END}{later}", encoding="utf-8")


def main() -> None:
    """Run, then write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="only the table")
    if not parser.parse_args().table:
        for name in (*STUDIES, "simulated"):
            print(f"== {name}", flush=True)
            subprocess.run([sys.executable, str(FOLDER / name / "run.py")], check=True)
    write_table()


if __name__ == "__main__":
    main()
