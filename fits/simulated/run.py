"""Coverage of forecast bands and of intervals, and bias of the estimates, on series simulated from every model.

    python fits/simulated/run.py            # 5 minutes a model and more on 2 cores; finished models are kept
    python fits/simulated/run.py --quick    # 5 series a model: does it all run?

For each model and series: counts are drawn, the model is fitted to the first days and forecasts the rest with each
band; fitted to all days, by least squares and by the negative binomial likelihood, its 95 % intervals are compared with
the truth. Bias is the median of log(estimate / truth). Bands cover if the share of 200 series, one entry drawn from
each, lies in the 99 % binomial interval of 0.9.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from truths import SPECIES, curve, draw, fixed, observed_as, template

import popmath as pm
from popmath._provenance import provenance, write_json
from popmath.conformal import binomial_interval
from popmath.inference import NegativeBinomial, SquaredError
from popmath.inference.curves import Curves
from popmath.inference.fitting import fit_problem
from popmath.inference.problem import FitSettings, Problem

FOLDER = Path(__file__).parent
LOSSES = (SquaredError(), NegativeBinomial())


def one_series(name: str, rng: np.random.Generator, config: dict[str, Any], curves: dict[str, Curves]) -> dict | None:
    """Simulate, fit and judge; None if a species was never counted or nothing converged."""
    (values, start), observe = draw(name, rng, config["num_days"]), observed_as(name)
    days = np.arange(float(config["num_days"]))
    mean = np.maximum(curve(name, len(days))(values, start), 1e-6)
    counts = rng.negative_binomial(mean / config["dispersion"], 1 / (1 + config["dispersion"])).astype(float)
    picked = rng.random()
    early = counts[days <= config["holdout_after"]]
    if (early.sum(axis=0) == 0).any():
        return None
    series, counts = as_series(days, counts, observe)
    out: dict[str, dict] = {"bands": {}, "numbers": {}}
    light = name in config["light"]
    for loss in LOSSES[:1] if light else LOSSES:
        problem = Problem(
            template(name), series, FitSettings(loss, fixed=fixed(name), observe=observe), curves.get(loss.name)
        )
        curves[loss.name] = problem.curves
        result = fit_problem(problem, config["num_starts"], 0, throw=False)
        truth = problem.space.vector({**values, "initial": start}, result.vector)
        found, high_low = problem.space.numbers(truth), [(e.low, e.high) for e in result.estimates]
        out["numbers"][loss.name] = [
            (e.label, float(np.log(e.value / t)), bool(low <= t <= high), bool(np.isfinite(high)))
            for e, t, (low, high) in zip(result.estimates, found, high_low, strict=True)
            if "dispersion" not in e.label
        ]
        if loss.is_squared:
            out["bands"] = bands(problem, counts, days, config["bands"][: 1 if light else None], config, picked)
    return out


def as_series(days: np.ndarray, counts: np.ndarray, observe: str) -> tuple[pm.Series, np.ndarray]:
    """The series of what was counted, and totals, shape `(days, species)`."""
    if observe == "totals":
        return pm.Series(days, counts, SPECIES), counts
    stages = counts.reshape(len(days), len(SPECIES), -1)
    totals = stages.sum(axis=2)
    names = tuple(f"stage {i + 1}" for i in range(stages.shape[2]))
    return pm.Series(days, totals, SPECIES, stages=names, stage_values=stages), totals


def bands(
    problem: Problem, counts: np.ndarray, days: np.ndarray, names: list[str], config: dict[str, Any], picked: float
) -> dict:
    """Coverage and width of each band on the hold-out."""
    later = days > config["holdout_after"]
    part = fit_problem(problem.before(config["holdout_after"]), config["num_starts"], 0, throw=False)
    predicted, found = part.predict(days[later]), {}
    for band in names:
        try:
            lower, upper = part.band(days[later], config["confidence_level"], band=band).interval(predicted)
        except (pm.UnableError, ValueError) as error:
            found[band] = {"note": str(error)[:60]}
            continue
        inside = (lower <= counts[later]) & (counts[later] <= upper)
        one = bool(inside.ravel()[int(picked * inside.size)])
        found[band] = {"coverage": float(inside.mean()), "one": one, "width": float((upper - lower).mean())}
    return found


def summary(name: str, series: list[dict], config: dict[str, Any]) -> dict[str, Any]:
    """What all series of one model say."""
    out: dict[str, Any] = {"model": name, "num_series": len(series), "bands": {}, "numbers": {}}
    for band in config["bands"]:
        rows = [s["bands"][band] for s in series if "coverage" in s["bands"].get(band, {})]
        if rows:
            share = float(np.mean([row["one"] for row in rows]))
            low, high = binomial_interval(config["confidence_level"], len(rows))
            out["bands"][band] = {
                "num_series": len(rows),
                "mean_coverage": float(np.mean([row["coverage"] for row in rows])),
                "one_entry_coverage": share,
                "binomial_interval": (low, high),
                "inside": bool(low <= share <= high),
                "median_width": float(np.median([row["width"] for row in rows])),
            }
    for loss in LOSSES:
        table: dict[str, list[tuple[float, bool, bool]]] = {}
        for s in series:
            for label, bias, covered, determined in s["numbers"].get(loss.name, []):
                table.setdefault(label, []).append((bias, covered, determined))
        out["numbers"][loss.name] = {
            label: {
                "median_log_bias": float(np.median([row[0] for row in rows])),
                "log_spread": float(np.subtract(*np.percentile([row[0] for row in rows], [75, 25]))),
                "interval_coverage": float(np.mean([row[1] for row in rows])),
                "has_interval": float(np.mean([row[2] for row in rows])),
            }
            for label, rows in table.items()
        }
    return out


def same_settings(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether the models in a record may be kept: more may have been added at the end of the list."""
    rest = [{key: value for key, value in each.items() if key not in ("models", "light")} for each in (before, now)]
    lists = [each["models"] for each in (before, now)]
    return rest[0] == rest[1] and lists[1][: len(lists[0])] == lists[0] and set(before["light"]) <= set(now["light"])


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 series a model, nothing is kept")
    quick = parser.parse_args().quick
    config = tomllib.loads((FOLDER / "config.toml").read_text(encoding="utf-8"))
    config["num_series"] = 5 if quick else config["num_series"]
    path, record = FOLDER / "result.json", {}
    if path.exists() and not quick:
        record = json.loads(path.read_text(encoding="utf-8"))
        record = record if same_settings(record["settings"], config) else {}
    models = record.get("models", [])
    for name in config["models"]:
        if name in [row["model"] for row in models]:
            continue
        begun, curves, series = time.perf_counter(), {}, []
        for rng in np.random.default_rng([config["seed"], config["models"].index(name)]).spawn(config["num_series"]):
            found = one_series(name, rng, config, curves)
            if found is not None:
                series.append(found)
        row = summary(name, series, config) | {"seconds": round(time.perf_counter() - begun)}
        models.append(row)
        print(json.dumps({k: v for k, v in row.items() if k != "numbers"}), flush=True)
        if not quick:
            write_json(
                path,
                {"command": "python fits/simulated/run.py", "settings": config, "models": models}
                | {"versions": provenance()},
            )


if __name__ == "__main__":
    main()
