"""The action and the polynomials: three estimators of A, the flawed one, and probes of alpha_1 to alpha_4."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numbers_shown import WINDOWS, LogNumber, Shown, exact_logs, plain

from popmath._errors import UnableError
from popmath.dynamicformer import TrainedNetwork
from popmath.dynamicformer.interpret import (
    ActionEstimate,
    gradient_action,
    likelihood_action,
    movable,
    observe,
    polynomial_probe,
    scale_probe,
    slope_action,
)

CANDIDATES = [Fraction(a, b) for b in range(2, 13) for a in range(1, b + 1) if 0.4 <= a / b <= 0.9]
NUMBERS, MOVED = 6_000, 600
LATENT = {"psi-raw": "trunk.1", "psi-residual": "trunk.1", "psi-corrected": "trunk.1", "published": "head.0"}
READS = ("pooled", "trunk.1", "coefficients")


def action(predictors: dict[str, LogNumber], shown: Shown, given: dict[str, str]) -> dict[str, Any]:
    """A by each estimator, predictor and window, from numbers without zeros and ones.

    Exact numbers are asked too, as every estimator has a bias of its own.
    """
    found: dict[str, Any] = {}
    for window, genera in WINDOWS.items():
        samples = shown.window(window, NUMBERS, zeros=False)
        requests = samples.requests
        rows_moved = np.flatnonzero(movable(requests))
        moved = requests.take(rows_moved[:: -(-len(rows_moved) // MOVED)])
        rows: dict[str, Any] = {}
        for name, log_number in ({"exact": exact_logs} | predictors).items():
            logs = plain(samples) if name == "exact" else log_number(requests)
            likelihood = likelihood_action(requests, logs, CANDIDATES)
            curve = {
                "candidates": [str(c) for c in likelihood.candidates],
                "log_likelihood": likelihood.log_likelihood.tolist(),
            }
            rows[name] = {
                "given": given.get(name, given.get(name.partition(",")[0], "nothing")),
                "slope": _row(slope_action(requests, logs)),
                "slope_by_order": {str(k): _row(slope_action(requests, logs, k)) for k in range(4)},
                "likelihood": _row(likelihood.estimate) | {"best": str(likelihood.best), "curve": curve},
            }
            if name != "exact" or genera.stop <= 14:  # beyond, the closed form of order 6 stands for exact numbers
                rows[name]["gradient"] = _row(gradient_action(log_number, moved))
        found[window] = rows
    return found


def _row(estimate: ActionEstimate) -> dict[str, Any]:
    contains = estimate.low <= 2 / 3 <= estimate.high
    return estimate._asdict() | {"error": estimate.value - 2 / 3, "interval_contains_2/3": bool(contains)}


def flawed_probe(networks: dict[str, TrainedNetwork], shown: Shown) -> dict[str, Any]:
    """R2 of the published linear probe for each candidate: flat."""
    requests = shown.window("3 to 13", 1_000).requests
    found: dict[str, Any] = {"candidates": [str(c) for c in sorted(set(CANDIDATES)) if c != 1]}
    for name, trained in networks.items():
        seen = trained.shown(requests)
        vectors = observe(trained, seen).sites[LATENT[name.partition(",")[0]]]
        found[name] = scale_probe(vectors, seen.level, [Fraction(c) for c in found["candidates"]]).tolist()
    return found


def polynomials(networks: dict[str, TrainedNetwork], shown: Shown) -> dict[str, Any]:
    """R2 and control of probes of alpha_1 to alpha_4 from sites of each network; requests with at most 4 zeros."""
    samples = shown.window("3 to 13", 40_000, seed=3)
    rows = np.flatnonzero((samples.requests.times(0) <= 4) & (samples.requests.num_ones == 0))[:6_000]
    requests = samples.requests.take(rows)
    found: dict[str, Any] = {}
    for name, trained in networks.items():
        sites = observe(trained, trained.shown(requests)).sites
        found[name] = {}
        for site in READS:
            found[name][site] = {
                kind: [_probed(sites[site], requests, order, kind) for order in (1, 2, 3, 4)]
                for kind in ("linear", "kernel")
            }
    return found


def _probed(vectors: np.ndarray, requests: Any, order: int, kind: Any) -> dict[str, Any]:
    try:
        result = polynomial_probe(vectors, requests, order, kind)
    except UnableError as error:
        return {"refused": str(error)}
    return result._asdict() | {"selectivity": result.selectivity}
