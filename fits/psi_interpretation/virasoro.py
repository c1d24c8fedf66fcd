"""Virasoro: functional defects of every predictor beside the shuffled controls, and what the latent vectors show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numbers_shown import LogNumber, Shown

from popmath._errors import UnableError
from popmath.dynamicformer import TrainedNetwork
from popmath.dynamicformer.interpret import (
    added_point,
    cosine_structure,
    dilaton_defects,
    dilaton_probe,
    observe,
    principal_components,
    random_degrees,
    string_heads,
    virasoro_defects,
)

INSIDE = [(g, n) for g in range(2, 14) for n in range(1, 10) if 2 * g - 2 + n <= 33]
BEYOND = [(g, n) for g in range(14, 26) for n in (1, 2, 3, 5, 7)]
INDICES = {"string": -1, "DVV, m = 1": 1, "DVV, m = 2": 2, "DVV, m = 3": 3}
DRAWN = ("psi-raw", "fused")  # whose components are drawn
OFFSETS = (-3, -2, -1, 1, 2, 3)
SITES = {"psi-raw": ("pooled", "fused", "fused.whole", "tail.1"), "published": ("pooled", "fused", "head.0")}


def defects(predictors: dict[str, LogNumber], per_type: int = 6) -> dict[str, Any]:
    """Median and 95th percentile in range, and medians by genus, of each equation and predictor."""
    found: dict[str, Any] = {}
    for equation in ("dilaton", *INDICES):
        shift = 0 if equation == "dilaton" else -INDICES[equation]
        asked = {
            where: random_degrees(types, per_type, lambda g, n, shift=shift: 3 * g - 3 + n + shift, seed=1)
            for where, types in (("inside", INSIDE), ("beyond", BEYOND))
        }
        rows: dict[str, Any] = {}
        for name, log_number in predictors.items():
            parts = {
                where: dilaton_defects(log_number, *each)
                if equation == "dilaton"
                else virasoro_defects(log_number, INDICES[equation], *each)
                for where, each in asked.items()
            }
            size = np.abs(parts["inside"].defect)
            rows[name] = {
                "median": float(np.median(size)),
                "mean": float(size.mean()),
                "percentile_95": float(np.quantile(size, 0.95)),
                "num": len(size),
                "by_genus": parts["inside"].median_by_genus() | parts["beyond"].median_by_genus(),
            }
        found[equation] = rows
    return found


def latent(networks: dict[str, TrainedNetwork], shown: Shown) -> dict[str, Any]:
    """Difference probes, cosines and principal components of networks that are shown ones, beside untrained ones."""
    whole = shown.window("3 to 13", 3_000).requests
    requests = whole.take(np.flatnonzero(whole.num_ones == 0)[:1_500])
    found: dict[str, Any] = {}
    for name, trained in networks.items():
        sites = next(sites for start, sites in SITES.items() if name.startswith(start))
        sample = requests if trained.settings.preset == "ours" else requests.take(np.arange(0, len(requests.genus), 3))
        seen = observe(trained, trained.shown(sample)).sites
        found[name] = {}
        for site in sites:
            difference = added_point(trained, sample, site)
            cosines = cosine_structure(difference, seen[site], sample)
            components = principal_components(seen[site], sample)
            probes = {kind: dilaton_probe(difference, sample, kind) for kind in ("linear", "kernel")}
            found[name][site] = {
                "probes": {kind: result._asdict() for kind, result in probes.items()},
                "cosines": cosines._asdict(),
                "components": {
                    "share": components.share.tolist(),
                    "explained": dict(zip(components.properties, components.explained.tolist(), strict=True)),
                },
            }
            if (name, site) == DRAWN:
                found[name][site]["components"]["scores"] = np.round(components.scores[:400, :2], 3).tolist()
        found[name]["n"] = sample.num_points[:400].tolist()
        found[name]["zeros"] = sample.times(0)[:400].tolist()
    return found


def heads(networks: dict[str, TrainedNetwork], shown: Shown) -> dict[str, Any]:
    """How much more than others each head looks at the degree o above; a network without attention says so."""
    requests = shown.window("3 to 13", 600, seed=2).requests
    found: dict[str, Any] = {}
    for name, trained in networks.items():
        try:
            found[name] = {"offsets": OFFSETS, "excess": string_heads(trained, requests, OFFSETS).tolist()}
        except UnableError as error:
            found[name] = {"refused": str(error)}
    return found
