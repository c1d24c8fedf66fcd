"""What the fits to real series share: a comparison as `config.toml` says, its result and its figure.

python fits/paramecium_table3/run.py        # one study
python fits/run_all.py                      # all of them, and the table in README.md
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
from popmath.conformal import coverage_and_width, crps_from_samples
from popmath.inference import Candidate, Comparison, FitResult, HalfNormal, Holdout, compare, sample_posterior
from popmath.populations import linear_predator_prey, structured_predator_prey
from popmath.series import Series

PACKAGES = ("popmath", "jax", "numpy", "scipy", "mapie", "numpyro", "arviz")


def candidate(key: str, species: tuple[str, ...]) -> Candidate:
    """A model by its name in `config.toml`."""
    half = HalfNormal(0.1)
    if key == "DensityDependentLeslie":
        fixed = {"fertility": [[0.0, np.nan]] * len(species)}  # the young do not reproduce
        return Candidate(
            pm.DensityDependentLeslie(species, num_classes=2), "density-dependent Leslie, 2 classes", fixed
        )
    if key.startswith("LearnedRegulation"):
        activation = key.split()[1]
        model = pm.LearnedRegulation(species, hidden=2, activation=activation)
        return Candidate(model, f"learned regulation ({activation})", priors={"output_weight": half})
    if key == "linear predator-prey":
        return Candidate(linear_predator_prey(1, 1, species), key)
    if key == "crowded prey, sated predators":
        return Candidate(structured_predator_prey(1, 1, species), key)
    return Candidate(getattr(pm, key)(species))


def load(name: str) -> tuple[dict[str, Series], str]:
    """Cultures by name, and the hash of their file."""
    read = {"mites": pm.datasets.load_mites, "lynx_hare": pm.datasets.load_lynx_hare}
    cultures = read[name]() if name in read else pm.datasets.load_gause(name)
    return dict(cultures.series), cultures.sha256


def run_study(folder: Path) -> None:
    """Compare, sample the posteriors that are asked for, and write `result.json` and `figure.png`."""
    begun, config = time.perf_counter(), tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    cultures, digest = load(config["data"])
    record: dict[str, Any] = {"command": f"python fits/{folder.name}/run.py", "settings": config, "data_sha256": digest}
    record |= {"versions": provenance(PACKAGES), "cultures": {}}
    for name in config["cultures"]:
        series = cultures[name]
        keys = [key for key in config["models"] if len(series.species) > 1 or key != "LinearLeslieCompetition"]
        comparison = compare(
            [candidate(key, series.species) for key in keys],
            series,
            holdout_after=config["holdout_after"],
            confidence_level=config["confidence_level"],
            num_starts=config["num_starts"],
            seed=config["seed"],
            progress=lambda model, name=name: print(f"{name}: {model}", flush=True),
        )
        print(comparison.summary(), flush=True)
        rows = [comparison.record(row) for row in comparison.rows]
        for key, row in zip(keys, comparison.rows[-len(keys) :], strict=True):
            if key in config.get("posterior", []) and row.fit is not None and row.fit.converged:
                rows[comparison.rows.index(row)]["posterior"] = posterior_record(row.fit, row.holdouts, series, config)
        chosen = {f"{after:g}": comparison.recommended(after).name for after in comparison.holdout_after}
        record["cultures"][name] = {"rows": rows, "recommended_after": chosen}
        draw(comparison, folder / ("figure.png" if name == config["cultures"][0] else f"figure_{name}.png"))
    record["seconds"] = round(time.perf_counter() - begun)
    print(f"wrote {write_json(folder / 'result.json', record)} in {record['seconds']} s", flush=True)


def posterior_record(
    whole: FitResult, holdouts: tuple[Holdout, ...], series: Series, config: dict[str, Any]
) -> dict[str, Any]:
    """LOO of the whole series, and posterior predictive bands of the hold-outs beside the conformal ones."""
    settings = config["posterior_settings"]
    found = sample_posterior(whole, **settings)
    loo = found.loo()
    out: dict[str, Any] = {"loo": loo._asdict(), "waic": found.waic()._asdict(), "seconds": round(found.seconds, 1)}
    out |= {"divergences": found.num_divergences, "max_r_hat": float(np.max(found.r_hat)), "verdict": found.verdict}
    checks = found.predictive_check()
    out["predictive_checks"] = [check._asdict() for check in checks]
    for held in holdouts:
        if held.fit is None or not held.fit.converged or held.forecast is None:
            continue
        later = series.times > held.after
        truth = np.where(series.observed[later], series.values[later], np.nan)
        part = sample_posterior(held.fit, **settings)
        band = part.predict(series.times[later], config["confidence_level"])
        draws = part.predictive_draws(series.times[later])
        covered, _ = coverage_and_width(band.lower, band.upper, truth)
        out[f"after_{held.after:g}"] = {
            "coverage": covered,
            "width": (band.upper - band.lower).mean(axis=0),
            "at_the_conformal_coverage": at_coverage(draws, truth, held.coverage),
            "conformal_coverage": held.coverage,
            "conformal_width": held.width,
            "crps": np.nanmean(crps_from_samples(draws, truth), axis=0),
            "conformal_crps": held.crps,
            "divergences": part.num_divergences,
            "max_r_hat": float(np.max(part.r_hat)),
        }
        print(f"{whole.name} after {held.after:g}: posterior {part.seconds:.0f} s", flush=True)
    return out


def at_coverage(draws: np.ndarray, truth: np.ndarray, wanted: float | None) -> dict[str, Any] | None:
    """The narrowest central band of these draws that covers as much as another band did; None if none does.

    Bands of a model that is sure of itself and wrong must be made wider before their width can be compared.
    """
    if wanted is None:
        return None
    for level in np.linspace(0.5, 0.998, 250):
        lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        covered, _ = coverage_and_width(lower, upper, truth)
        if covered >= wanted:
            return {"level": float(level), "coverage": covered, "width": (upper - lower).mean(axis=0)}
    return None


def draw(comparison: Comparison, path: Path) -> None:
    """The hold-out forecasts of the comparison."""
    matplotlib.use("Agg")
    from popmath.plots import plot_comparison

    plot_comparison(comparison).savefig(path, dpi=110)
