"""Bands of forecasts: which recipe covers what it says, and how wide it is; on simulated series only.

    python benchmarks/bands.py            # 200 series a case: two to four minutes
    python benchmarks/bands.py --quick    # 30 series a case: does it all run?

The series are 26 daily counts of two competitors from about 2 individuals each, half of them Leslie-Gower and half
Ricker, that would reach 100 to 400 alone, with competition coefficients of 0.2 to 1.1, without or with process noise
(10 per cent a day, log-normal). Counts are negative binomial with 1.5 times the variance of a Poisson count. The
forecaster is none of the models that made them: a logistic or a Gompertz curve for each species by itself (three
parameters), least squares on the square roots with a weak prior, so that the forecasts are wrong in the way that
forecasts are. One more case has a right forecaster: logistic curves for Leslie-Gower species that do not compete. 12
days are seen and 13 forecast, or 17 and 8, at a nominal 90 per cent.

For each recipe the table has coverage, mean width and mean interval score (width plus 20 times what is missed; lower is
better), means over the series, and the extremes of the coverage over all cases. Days of a series depend on each other:
the standard error over 200 series is 1 to 1.5 points of coverage, and over 30 about 3.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from popmath.conformal import (
    calibrate_rolling,
    calibrate_split,
    count_scale,
    coverage_and_width,
    enbpi_band,
    interval_score,
    rolling_errors,
    rolling_origins,
)

DAYS, PARAMETERS, LEVEL, MEMBERS, DISPERSION = 26, 3, 0.9, 20, 1.5
HOLD_OUTS = ((12, 13), (17, 8))
FIRST_ORIGIN = 4  # days seen at the earliest origin that a recipe uses
SEED = 20261125  # the default was chosen on two other seeds
Bands = tuple[np.ndarray, np.ndarray]


class Case(NamedTuple):
    curve: str
    noise: float
    competing: bool

    @property
    def title(self) -> str:
        return f"{self.curve}, noise {self.noise:g}" if self.competing else f"{self.curve}, right"


CASES = (
    *(Case(name, noise, True) for name in ("logistic", "Gompertz") for noise in (0.0, 0.1)),
    Case("logistic", 0.0, False),
)


def simulate(num_series: int, case: Case, rng: np.random.Generator) -> np.ndarray:
    """Counts, shape `(series, species, days)`."""
    shape = (num_series, 2)
    growth, capacity = rng.uniform(1.4, 2.6, shape), rng.uniform(100.0, 400.0, shape)
    competition, ricker = rng.uniform(0.2, 1.1, shape), rng.random((num_series, 1)) < 0.5
    state, states = 2.0 * rng.uniform(0.7, 1.5, shape), []
    if not case.competing:
        competition, ricker = np.zeros(shape), np.zeros((num_series, 1), dtype=bool)
    for _ in range(DAYS):
        states.append(state)
        load = (state + competition * state[:, ::-1]) / capacity
        step = np.where(ricker, np.exp(np.log(growth) * (1.0 - load)), growth / (1.0 + (growth - 1.0) * load))
        state = state * step * np.exp(case.noise * rng.normal(size=shape))
    mean = np.stack(states, axis=-1)
    return rng.negative_binomial(mean / (DISPERSION - 1.0), 1.0 / DISPERSION).astype(float)


def logistic(theta: np.ndarray) -> np.ndarray:
    start, rate, top = np.moveaxis(np.exp(theta), -1, 0)
    return top[..., None] / (1.0 + (top / start - 1.0)[..., None] * np.exp(-rate[..., None] * np.arange(DAYS)))


def gompertz(theta: np.ndarray) -> np.ndarray:
    start, rate, top = np.moveaxis(theta, -1, 0)
    return np.exp(top[..., None] + (start - top)[..., None] * np.exp(-np.exp(rate)[..., None] * np.arange(DAYS)))


CURVES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "logistic": (logistic, 0.5),
    "Gompertz": (gompertz, 0.15),
}


def forecast(name: str, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Curves fitted to `counts`, shape `(series, species, days)`, by Levenberg-Marquardt, all series side by side.

    `weights` of the days, shape `(days,)`, are how often each day is in the sample. Returns `(series, days, species)`.
    """
    curve, usual_rate = CURVES[name]
    top = np.maximum(np.where(weights > 0, counts, 0.0).max(axis=-1), 5.0)
    centre = np.stack([np.full_like(top, np.log(2.0)), np.full_like(top, np.log(usual_rate)), np.log(1.5 * top)], -1)
    prior = np.array([1.0, 0.7, 1.0]) / 0.6  # standard deviations over that of a root count
    lowest, highest = np.log([0.1, 0.01, 1.0]), np.log([40.0, 3.0, 2e4])

    def residuals(theta: np.ndarray) -> np.ndarray:
        missed = (np.sqrt(np.clip(curve(theta), 1e-9, 1e9)) - np.sqrt(counts)) * np.sqrt(weights)
        return np.concatenate([missed, (theta - centre) / prior], axis=-1)

    theta, now = centre, residuals(centre)
    damping = np.full(top.shape, 1e-2)
    for _ in range(40):
        slopes = np.stack([(residuals(theta + 1e-5 * np.eye(3)[i]) - now) / 1e-5 for i in range(3)], axis=-1)
        normal, gradient = slopes.swapaxes(-1, -2) @ slopes, (slopes.swapaxes(-1, -2) @ now[..., None])
        diagonal = np.einsum("...ii->...i", normal)[..., None] * np.eye(3)
        step = np.linalg.solve(normal + damping[..., None, None] * diagonal, -gradient)[..., 0]
        new = np.clip(theta + np.clip(step, -1.0, 1.0), lowest, highest)
        tried = residuals(new)
        better = (tried**2).sum(-1) < (now**2).sum(-1)
        theta, now = np.where(better[..., None], new, theta), np.where(better[..., None], tried, now)
        damping = np.clip(np.where(better, damping / 4.0, damping * 4.0), 1e-8, 1e8)
    return np.minimum(curve(theta), 1e5).swapaxes(-1, -2)


def forecasts_of(name: str, counts: np.ndarray, rng: np.random.Generator) -> dict[Any, Any]:
    """All that the recipes use: from every origin, with blocks left out, and from block bootstraps of each hold-out."""
    days = np.arange(DAYS)
    found: dict[Any, Any] = {"counts": counts.swapaxes(1, 2)}
    found["from"] = {n: forecast(name, counts, days < n) for n in range(FIRST_ORIGIN, HOLD_OUTS[-1][0] + 1)}
    for seen, _ in HOLD_OUTS:
        blocks = [np.arange(i, min(i + 2, seen)) for i in range(0, seen, 2)]
        left_out = [forecast(name, counts, (days < seen) & ~np.isin(days, block)) for block in blocks]
        found["blocks", seen] = np.concatenate([f[:, b] for f, b in zip(left_out, blocks, strict=True)], axis=1)
        starts = rng.integers(0, seen - 2, size=(MEMBERS, seen // 3 + 1))
        rows = (starts[:, :, None] + np.arange(3)).reshape(MEMBERS, -1)[:, :seen]
        weights = np.array([np.bincount(r, minlength=DAYS) for r in rows])
        found["inclusion", seen] = weights[:, :seen] > 0
        found["members", seen] = np.stack([forecast(name, counts, w) for w in weights])
    return found


def blocks(found: dict[Any, Any], s: int, seen: int, ahead: int) -> Bands:
    counts, inside = found["counts"][s, :seen], found["blocks", seen][s]
    floor = 0.01 * counts.mean(axis=0)
    band = calibrate_split(
        inside.ravel(), counts.ravel(), scale=count_scale(inside, floor).ravel(), confidence_level=LEVEL
    )
    new = found["from"][seen][s, seen : seen + ahead]
    low, high = band.predict_interval(new.ravel(), scale=count_scale(new, floor).ravel())
    return np.maximum(low, 0.0).reshape(new.shape), high.reshape(new.shape)


def enbpi(found: dict[Any, Any], s: int, seen: int, ahead: int, *, spread: bool) -> Bands:
    members = found["members", seen][:, s]
    inside, new = members[:, :seen], members[:, seen : seen + ahead]
    variances = [np.maximum(f.mean(axis=0), 1.0) + (f.var(axis=0, ddof=1) if spread else 0.0) for f in (inside, new)]
    scale, new_scale = map(np.sqrt, variances)
    band = enbpi_band(
        inside, found["counts"][s, :seen], found["inclusion", seen], new, scale=scale, new_scale=new_scale,
        confidence_level=LEVEL,
    )  # fmt: skip
    return band.lower, band.upper


def rolling(
    found: dict[Any, Any], s: int, seen: int, ahead: int, *, per_parameter: float = 2.0, **options: Any
) -> Bands:
    counts, days = found["counts"][s, :seen], np.arange(seen)
    least = round(per_parameter * PARAMETERS * 2)
    origins = rolling_origins(days, np.isfinite(counts), min_observed=least)
    errors = rolling_errors(days, counts, origins, lambda i: found["from"][i + 1][s, :seen])
    band = calibrate_rolling(errors, confidence_level=LEVEL, **options)
    new = found["from"][seen][s, seen : seen + ahead]
    return band.predict_interval(new, times_ahead=np.arange(1.0, ahead + 1), time_seen=seen - 1)


RECIPES: dict[str, tuple[Callable[..., Bands], dict[str, Any]]] = {
    "blocks left out": (blocks, {}),
    "EnbPI": (enbpi, {"spread": False}),
    "EnbPI, spread of members": (enbpi, {"spread": True}),
    "rolling, no growth": (rolling, {"growth": "none"}),
    "rolling, root of days": (rolling, {"relative": False}),
    "rolling, power of days": (rolling, {"relative": False, "growth": "power"}),
    "rolling, isotonic in days": (rolling, {"relative": False, "growth": "isotonic"}),
    "rolling, root of relative": (rolling, {"growth": "root"}),
    "rolling, power of relative (default)": (rolling, {}),
    "rolling, isotonic in relative": (rolling, {"growth": "isotonic"}),
    "default, asymmetric": (rolling, {"symmetric": False}),
    "default, log scores": (rolling, {"scores": "log"}),
    "default, 1.67 seen per parameter": (rolling, {"per_parameter": 5 / 3}),
    "default, 2.33 seen per parameter": (rolling, {"per_parameter": 7 / 3}),
}


def judge(found: dict[Any, Any], recipe: str, seen: int, ahead: int) -> np.ndarray:
    """Coverage, width and interval score, means over the series."""
    make, options = RECIPES[recipe]
    rows = []
    for s in range(len(found["counts"])):
        truth = found["counts"][s, seen : seen + ahead]
        low, high = make(found, s, seen, ahead, **options)
        rows.append((*coverage_and_width(low, high, truth), interval_score(low, high, truth, LEVEL).mean()))
    return np.mean(rows, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="30 series a case")
    num_series, begun = 30 if parser.parse_args().quick else 200, time.perf_counter()
    streams = np.random.default_rng(SEED).spawn(len(CASES))
    found = [
        forecasts_of(case.curve, simulate(num_series, case, rng), rng) for case, rng in zip(CASES, streams, strict=True)
    ]
    for seen, ahead in HOLD_OUTS:
        print(f"\n{ahead} days ahead after {seen}: coverage, mean width, interval score; {num_series} series a case\n")
        titles = "".join(f"{case.title:>22}" for case in CASES)
        print(f"{'':38}{titles}   coverage")
        for recipe in RECIPES:
            rows = [judge(f, recipe, seen, ahead) for f in found]
            cells = "".join(f"     {100 * c:5.1f} {w:5.0f} {score:5.0f}" for c, w, score in rows)
            shares = [100 * row[0] for row in rows]
            print(f"{recipe:38}{cells}   {min(shares):.0f} to {max(shares):.0f}", flush=True)
    print(f"\n{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
