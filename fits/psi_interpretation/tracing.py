"""Causal tracing: which inputs and sites carry what distinguishes two requests, and two theories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numbers_shown import Shown

from popmath.dynamicformer import Requests, TrainedNetwork
from popmath.dynamicformer.interpret import causal_trace
from popmath.dynamicformer.theories import theory_samples

INPUTS = ("g", "n", "distinct parts", "multiplicities")
SITES = {
    "ours": ("pooled", "pooled.whole", "fused", "fused.whole", "trunk.1", "coefficients", "tail", "powers", "additive"),
    "joint": ("B", "pooled", "fused", "coefficients", "tail", "additive"),
    "published": ("B", "partition.memory", "pooled", "type", "fused", "head.0"),
}
PAIRS = 300


def tracing(networks: dict[str, TrainedNetwork], shown: Shown) -> dict[str, Any]:
    """Pairs of unlike types, and pairs of one type, of each network."""
    samples = shown.window("3 to 13", 40_000, seed=5)
    whole = samples.requests.take(np.flatnonzero(samples.requests.num_ones == 0))
    found: dict[str, Any] = {}
    for name, trained in networks.items():
        count = PAIRS if trained.settings.preset != "published" else PAIRS // 3
        sites = INPUTS + tuple(s for s in SITES[trained.settings.preset] if s != "additive" or _adds(trained))
        found[name] = {
            pairs: [e._asdict() for e in causal_trace(trained, *_pairs(whole, count, pairs), sites)]
            for pairs in ("any two", "of one type")
        }
    return found


def theories(trained: TrainedNetwork) -> dict[str, Any]:
    """The same requests of Weil-Petersson and of Masur-Veech: what restoring B, or what is made of it, does."""
    found: dict[str, Any] = {}
    for pair in (("Weil-Petersson", "Masur-Veech"), ("Masur-Veech", "Weil-Petersson")):
        requests = theory_samples("Masur-Veech", 11, 5).requests
        degrees = requests.total_degree
        both = np.flatnonzero((degrees <= 3 * requests.genus - 3 + requests.num_points) & (requests.genus >= 1))
        some = requests.take(np.random.default_rng(0).permutation(both)[:PAIRS])
        effects = causal_trace(trained, some, some, SITES["joint"], pair)
        found[f"{pair[0]} restored in {pair[1]}"] = [effect._asdict() for effect in effects]
    return found


def _adds(trained: TrainedNetwork) -> bool:
    return trained.settings.preset == "joint" or trained.settings.network.additive


def _pairs(requests: Requests, count: int, kind: str) -> tuple[Requests, Requests]:
    """So many pairs; of one type they differ in their degrees alone."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(requests.genus))
    if kind == "of one type":
        type_ = requests.genus.astype(np.int64) * 10_000 + requests.num_points
        order = order[np.argsort(type_[order], kind="stable")]
        same = np.flatnonzero(type_[order][1:] == type_[order][:-1])
        first = rng.permutation(same)[:count]
        return requests.take(order[first]), requests.take(order[first + 1])
    return requests.take(order[:count]), requests.take(order[count : 2 * count])
