"""How the window was chosen: five folds of the calibration part alone, four windows and three ways to measure nearness.

    python fits/psi_bands/choose.py   # two minutes on 2 cores; writes choose.json

Each line: share covered at 80, 90, 95 and 99 %, in all, and the root mean square over numbers of points of how many
standard deviations (of as many independent numbers) coverage is off, numbers with ones counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from popmath._provenance import provenance, write_json
from popmath.conformal import calibrate_window
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.predictor.bands import CLOSEST, expected_errors, groups_of, last_genus, positions_of
from popmath.predictor.calibration import MAX_LEVEL, part_of, plain_logs
from popmath.predictor.methods import said_by
from popmath.predictor.storage import read_bands

FOLDER = Path(__file__).parent
LEVELS, FOLDS, FEWEST = (0.8, 0.9, 0.95, 0.99), 5, 200
WINDOWS = ((60, 1.0), (200, 0.25), (100, 0.1), (60, 0.03))  # least number of points, and share of the group
WEIGHTS = {"value": (1.0, 1e-3, 1e-3), "value, genus": (1.0, 2.0, 1e-3), "value, genus, zeros": (1.0, 2.0, 1.0)}


def covered(part: Samples, smallest: int, share: float, weights: tuple[float, ...]) -> dict[float, np.ndarray]:
    """Which numbers lie in bands calibrated on the other folds, by level."""
    own = read_bands()[0][CLOSEST]
    said = {name: said_by(name, part.requests) for name in own.scales}
    edge = last_genus(part.requests, own.max_genus, own.max_level)
    found = expected_errors(part.requests, said, own.scales, edge)
    errors, groups = plain_logs(part) - found.log_value, groups_of(part.requests, found.which)
    places, zero = positions_of(part.requests, found.log_value), np.zeros(len(groups))
    fold = np.random.default_rng(0).integers(0, FOLDS, len(groups))
    inside = {level: np.zeros(len(groups), bool) for level in LEVELS}
    for each in range(FOLDS):
        old, new = np.flatnonzero(fold != each), np.flatnonzero(fold == each)
        band = calibrate_window(
            zero[old],
            errors[old],
            positions=places[old],
            groups=groups[old],
            scale=found.size[old],
            smallest=smallest,
            share=share,
            max_joined=own.band.max_joined,
            weights=weights,
        )
        for level in LEVELS:
            half = band.at_level(level).predict_interval(zero[new], places[new], groups[new], found.size[new]).upper
            inside[level][new] = np.abs(errors[new]) <= half
    return inside


def off_by_points(part: Samples, inside: np.ndarray, level: float) -> float:
    """Root mean square over numbers of points, ones counted, of deviations in standard deviations."""
    points = part.requests.num_points.astype(int)
    most = MAX_LEVEL + 2 - 2 * part.requests.genus.astype(int)
    off = []
    for n in range(1, int(most.max()) + 1):
        chosen = (points <= n) & (n <= most)
        if chosen.sum() >= FEWEST:
            off.append((inside[chosen].mean() - level) / np.sqrt(level * (1 - level) / chosen.sum()))
    return float(np.sqrt(np.mean(np.square(off))))


def main() -> None:
    """Try all, write, print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    part = part_of(exact_samples(MAX_LEVEL, range(14)), "calibration")
    zeros, rows = part.requests.times(0), []
    tried = [(*window, "value, genus, zeros") for window in WINDOWS]
    tried += [(*WINDOWS[-1], name) for name in WEIGHTS if name != "value, genus, zeros"]
    for smallest, share, name in tried:
        inside = covered(part, smallest, share, WEIGHTS[name])
        row: dict[str, Any] = {"smallest": smallest, "share": share, "nearness": name}
        row["coverage"] = {f"{level:g}": float(inside[level].mean()) for level in LEVELS}
        row["off"] = {f"{level:g}": off_by_points(part, inside[level], level) for level in LEVELS}
        row["by_zeros"] = [float(inside[0.9][zeros == count].mean()) for count in range(6)]
        rows.append(row)
        shares = " ".join(f"{row['coverage'][f'{level:g}']:.3f}" for level in LEVELS)
        off = " ".join(f"{row['off'][f'{level:g}']:.2f}" for level in LEVELS)
        by_zeros = " ".join(f"{each:.3f}" for each in row["by_zeros"])
        print(f"{smallest:3} or {share:4.0%}, by {name:20} {shares} | off {off} | 0-5 zeros {by_zeros}", flush=True)
    record = {"command": "python fits/psi_bands/choose.py", "versions": provenance(), "folds": FOLDS, "tried": rows}
    write_json(FOLDER / "choose.json", record)


if __name__ == "__main__":
    main()
