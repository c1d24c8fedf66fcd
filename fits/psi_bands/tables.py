"""Write the tables of docs/bands.md from result.json.

python fits/psi_bands/tables.py
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "bands.md"
LEVELS = ("0.8", "0.9", "0.95", "0.99")
GENERA = (14, 17, 20, 25)
FEWEST = 200  # families in a cell that is named
METHODS = (
    "predictor", "psi-corrected", "psi-residual", "closed form, order 6", "closed form, order 3", "Aggarwal, by points",
    "Aggarwal, split",
)  # fmt: skip
RECIPES = (
    "predictor", "by points, scaled", "crepes, by points, scaled", "by points", "plain split", "quantile regression",
    "weighted by genus", "highest genera", "adaptive level",
)  # fmt: skip


def cell(row: dict[str, Any], name: str) -> str:
    """Coverage and median width at 90 %."""
    if name not in row:
        return "-"
    found = row[name]["0.9"]
    return f"{100 * found['coverage']:.1f} % / {found['width']:.1e}"


def by_genus(result: dict[str, Any], names: tuple[str, ...], key: str = "beyond") -> str:
    """One row for each name, one column for each genus."""
    inside = key == "beyond"
    rows = {row["genus"]: row for row in result[key]}
    head = ["", *(["genus 1-13"] if inside else []), *(f"genus {genus}" for genus in GENERA)]
    lines = [head, ["---"] * len(head)]
    for name in names:
        first = [cell(result["inside"]["families"], name)] if inside else []
        lines.append([name, *first, *(cell(rows[genus], name) for genus in GENERA)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_points(result: dict[str, Any]) -> str:
    """Coverage of the predictor at all levels, every third number of points."""
    lines = ["| n | numbers | 80 % | 90 % | 95 % | 99 % |", "|---|---|---|---|---|---|"]
    for row in result["inside"]["by_points"][::3]:
        shares = [f"{100 * row['predictor'][level]['coverage']:.1f} %" for level in LEVELS]
        lines.append(f"| {row['points']} | {row['num']:,} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def by_ones_and_zeros(result: dict[str, Any]) -> str:
    """Coverage of the predictor at 90 % by how many degrees are 0, and how many are 1."""
    lines = ["| | " + " | ".join(_range(row) for row in result["inside"]["by_zeros"]) + " |"]
    lines.append("|---" * (len(result["inside"]["by_zeros"]) + 1) + "|")
    for name, title in (("by_zeros", "degrees 0"), ("by_ones", "degrees 1")):
        cells = [f"{100 * row['predictor']['0.9']['coverage']:.1f} %" for row in result["inside"][name]]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_level(result: dict[str, Any]) -> str:
    """Coverage of the predictor beyond the calibrated genera at every level, and its worst cell."""
    lines = ["| level | " + " | ".join(f"genus {genus}" for genus in GENERA) + " | lowest genus | lowest (g, n) |"]
    lines.append("|---" * (len(GENERA) + 3) + "|")
    rows = {row["genus"]: row for row in result["beyond"]}
    for level in LEVELS:
        shares = [f"{100 * rows[genus]['predictor'][level]['coverage']:.1f} %" for genus in GENERA]
        lowest = min((row["predictor"][level]["coverage"], row["genus"]) for row in rows.values())
        cells = [
            (each[level]["coverage"], row["genus"], each["points"])
            for row in rows.values()
            for each in row["by_points"]
            if each["num_families"] >= FEWEST
        ]
        share, genus, points = min(cells)
        shares += [f"{100 * lowest[0]:.1f} % ({lowest[1]})", f"{100 * share:.1f} % ({genus}, {points})"]
        lines.append(f"| {100 * float(level):g} % | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def many_points(result: dict[str, Any]) -> str:
    """Coverage at 90 % with many points, and with many zeros."""
    lines = ["| genus | points | zeros at least | covered at 90 % | median width |", "|---|---|---|---|---|"]
    for row in result["stretched"]:
        cells = (row["genus"], row["points"], row["zeros"], f"{100 * row['coverage']:.0f} %", f"{row['width']:.1e}")
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _range(row: dict[str, Any]) -> str:
    low, high = row["from"], row["to"]
    return f"{low}" if low == high else f"{low} or more" if high == 99 else f"{low}-{high}"


def in_words(result: dict[str, Any]) -> str:
    """What must hold, and whether it does."""
    rows = result["inside"]["by_points"]
    held = sum(row[f"within_{level}"] for row in rows for level in LEVELS)
    lowest = min(result["beyond"], key=lambda row: row["predictor"]["0.9"]["coverage"])
    ratio = min(
        row["Aggarwal, by points"]["0.9"]["width"] / row["predictor"]["0.9"]["width"] for row in result["beyond"]
    )
    shared = result["inside"]["where_every_method_has_a_say"]
    widths = {name: shared[name]["0.9"]["width_at_level"] for name in METHODS[:5]}
    best = min((width, name) for name, width in widths.items() if name != "predictor")
    lines = [
        f"In distribution, {held} of {4 * len(rows)} shares (numbers of points with at least 200 test numbers, times",
        "four levels) lie inside their 99 % binomial interval. For genus 14 to 25 the lowest share at 90 % is",
        f"{100 * lowest['predictor']['0.9']['coverage']:.1f} % (genus {lowest['genus']}), and bands are at least",
        f"{ratio:,.0f} times narrower than conformal bands around Aggarwal's form by number of points. Where every",
        "method has a say in distribution, and stretched to hold exactly 90 %, the predictor's median width is",
        f"{widths['predictor']:.2e}, that of the best single method ({best[1]}) {best[0]:.2e}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Fill in what stands between the markers."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    result = json.loads((FOLDER / "result.json").read_text(encoding="utf-8"))
    parts = {
        "words": in_words(result),
        "points": by_points(result),
        "multiplicities": by_ones_and_zeros(result),
        "levels": by_level(result),
        "many": many_points(result),
        "methods": by_genus(result, METHODS),
        "bare": by_genus(result, (*METHODS[:2], "39 features"), "beyond_without_zeros_and_ones"),
        "recipes": by_genus(result, RECIPES),
    }
    text = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text, count = re.subn(pattern, lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text, flags=re.DOTALL)
        assert count == 1, f"{PAGE.name} has no place for {name}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
