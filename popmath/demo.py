"""The main job on real data: `popmath demo`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from popmath._provenance import provenance, write_json
from popmath._text import text_table
from popmath.datasets import load_gause
from popmath.inference import Comparison, compare
from popmath.intersections import correlator, log_fraction
from popmath.populations import LeslieGower, LinearLeslieCompetition, LotkaVolterraCompetition, Ricker
from popmath.predictor import AsymptoticPredictor, draw_degrees

HOLDOUT_AFTER = (17.0, 12.0)
NUMBERS_SHOWN = ((5, (4, 5, 6)), (10, (0, 6, 24)), (15, (1, 20, 24)), (17, (2, 3, 5, 7, 11, 26)))
CHECKED_GENERA = range(8, 18)
CHECKED_PER_TYPE = 6

Progress = Callable[[str], AbstractContextManager[None]]


def run_demo(out: Path, *, seed: int, confidence_level: float, say: Callable[[str], None], progress: Progress) -> None:
    """Run both halves, print the tables and write figures and numbers to the folder `out`."""
    begun = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    comparison, figure = _populations(out, seed, confidence_level, say, progress)
    numbers = _intersections(seed, confidence_level, say, progress)
    record = {
        "command": f"popmath demo --seed {seed} --confidence {confidence_level}",
        "seed": seed,
        "data": {"table": "table3", "culture": "mixture", "sha256": load_gause("table3").sha256},
        "holdout_after": HOLDOUT_AFTER,
        "populations": [comparison.record(row) for row in comparison.rows],
        "intersections": numbers,
        "versions": provenance(),
    }
    result = write_json(out / "demo.json", record)
    say(f"\nwrote {figure} (figure) and {result} (every number above), in {time.perf_counter() - begun:.0f} s")


def _populations(
    out: Path, seed: int, confidence_level: float, say: Callable[[str], None], progress: Progress
) -> tuple[Comparison, Path]:
    table = load_gause("table3")
    mixture = table.culture("mixture")
    say(f"1. {table.title}, {mixture.name}: {mixture.source}\n")
    models = (LotkaVolterraCompetition, LeslieGower, Ricker, LinearLeslieCompetition)
    with progress("fitting four models, three times each, and calibrating their bands"):
        comparison = compare(
            [model(species=mixture.species) for model in models],
            mixture,
            holdout_after=HOLDOUT_AFTER,
            confidence_level=confidence_level,
            seed=seed,
        )
    say(comparison.summary())
    import matplotlib

    matplotlib.use("Agg")
    from popmath.plots import plot_comparison

    path = out / "paramecium.png"
    plot_comparison(comparison).savefig(path, dpi=150)
    return comparison, path


def _intersections(seed: int, confidence_level: float, say: Callable[[str], None], progress: Progress) -> dict:
    say(
        "\n2. psi-class intersection numbers three ways: exact, closed large-genus form (order 6) with its band, "
        "and the check\n"
    )
    with progress("calibrating the band on exact numbers"):
        predictor = AsymptoticPredictor.calibrate(confidence_level=confidence_level, seed=seed)
    rows, records = [], []
    for genus, degrees in NUMBERS_SHOWN:
        number, prediction = correlator(genus, degrees), predictor.predict(genus, degrees)
        covered = prediction.covers(log_fraction(number))
        half = 0.5 * (prediction.log_upper - prediction.log_lower)
        name = f"<{' '.join(f'tau_{d}' for d in degrees)}>_{genus}"
        error = log_fraction(number) - prediction.log_value
        rows.append(
            [name, _short(str(number)), prediction.value, f"{half:.1e}", f"{error:+.1e}", "yes" if covered else "NO"]
        )
        records.append(
            {
                "genus": genus,
                "degrees": degrees,
                "exact": str(number),
                "log_error": error,
                "log_half_width": half,
                "covered": covered,
            }
        )
    say(text_table(["number", "exact", "closed form", "band on log, +-", "error of log", "covered"], rows))
    with progress("checking the band on numbers it has not seen"):
        coverage = _coverage(predictor, seed + 1)
    low, high = predictor.genera
    inside = [hit for genus, hits in coverage.items() if low <= genus <= high for hit in hits]
    outside = [hit for genus, hits in coverage.items() if genus > high for hit in hits]
    say(
        f"\nThe {100 * confidence_level:g}% band, calibrated at genus {low} to {high}, covers {sum(inside)} of "
        f"{len(inside)} other exact numbers there,\nand {sum(outside)} of {len(outside)} at genus {high + 1} to "
        f"{max(coverage)}, where nothing guarantees it."
    )
    return {
        "numbers": records,
        "calibrated_genera": predictor.genera,
        "coverage_by_genus": {genus: sum(hits) / len(hits) for genus, hits in coverage.items()},
        "checked_by_genus": {genus: len(hits) for genus, hits in coverage.items()},
    }


def _coverage(predictor: AsymptoticPredictor, seed: int) -> dict[int, list[bool]]:
    rng = random.Random(seed)
    return {
        genus: [
            predictor.predict(genus, degrees).covers(log_fraction(correlator(genus, degrees)))
            for n in range(2, predictor.max_points + 1)
            for degrees in draw_degrees(genus, n, CHECKED_PER_TYPE, rng)
            if (genus, degrees) not in predictor.calibration
        ]
        for genus in CHECKED_GENERA
    }


def _short(text: str) -> str:
    return text if len(text) <= 25 else f"{text[:11]}...{text[-11:]}"
