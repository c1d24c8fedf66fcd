"""The file in which calibrated bands travel: plain arrays and JSON, bound to the weights they were calibrated for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from popmath._errors import DataError
from popmath.conformal import LearnedScale, WindowBand
from popmath.predictor.bands import MethodBand
from popmath.predictor.methods import NETWORKS, network

SHIPPED = Path(__file__).parent / "bands.safetensors"
_LEVEL = 0.9  # until another is asked for


def write_bands(path: str | Path, bands: Mapping[str, MethodBand], about: dict[str, Any]) -> Path:
    """Write them with what is to be known about them.

    Args:
        path: ends in `.safetensors`.
        bands: by method.
        about: JSON: splits, counts, versions.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, each in bands.items():
        arrays[f"{name}|positions"] = each.band.positions.astype(np.float32)
        arrays[f"{name}|scores"] = each.band.scores.astype(np.float32)
        arrays[f"{name}|groups"] = each.band.groups.astype(np.int32)
        arrays[f"{name}|window"] = np.array(
            [each.band.smallest, each.band.share, each.band.max_joined or 0, *each.band.weights]
        )
        for method, scale in each.scales.items():
            arrays[f"{name}|scale|{method}"] = scale.weights
        arrays[f"{name}|drift"] = np.array([[group, *pair] for group, pair in each.drift.items()])
    methods = {name: list(each.scales) for name, each in bands.items()}
    digests = {name: weights_digest(name) for name in NETWORKS if any(name in each for each in methods.values())}
    limits = {name: [each.max_genus, each.max_level] for name, each in bands.items()}
    about = about | {"weights": digests, "methods": methods, "limits": limits}
    save_file(arrays, path, {"about": json.dumps(about)})
    return Path(path)


def read_bands(path: str | Path = SHIPPED) -> tuple[dict[str, MethodBand], dict[str, Any]]:
    """Bands by method, and what was said about them.

    Raises:
        DataError: if the file is not there or not one of these, or was calibrated for other weights.
    """
    path = Path(path)
    try:
        with safe_open(path, "numpy") as file:
            about = json.loads((file.metadata() or {})["about"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise DataError(f"there is no file {path.name}: calibrate with `python fits/psi_bands/calibrate.py`.") from None
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{path.name} is no file of calibrated bands: {error}.") from None
    for name, digest in about["weights"].items():
        if weights_digest(name) != digest:
            raise DataError(
                f"{path.name} was calibrated for other weights of {name}: its bands say nothing of these. Calibrate "
                "again with `python fits/psi_bands/calibrate.py`."
            )
    return {name: _band(name, arrays, about) for name in about["limits"]}, about


def _band(name: str, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> MethodBand:
    smallest, share, joined, *weights = arrays[f"{name}|window"].tolist()
    band = WindowBand(
        _LEVEL,
        int(smallest),
        share,
        int(joined) or None,
        np.array(weights),
        arrays[f"{name}|positions"].astype(float),
        arrays[f"{name}|scores"].astype(float),
        arrays[f"{name}|groups"].astype(int),
    )
    drift = {int(group): (power, start) for group, power, start in arrays[f"{name}|drift"].tolist()}
    scales = {method: LearnedScale(arrays[f"{name}|scale|{method}"]) for method in about["methods"][name]}
    return MethodBand(scales, band, drift, *about["limits"][name])


def weights_digest(name: str) -> str:
    """SHA-256 of a network's weights as they are in memory."""
    import jax

    found = hashlib.sha256()
    for leaf in jax.tree.leaves(network(name).network):
        if hasattr(leaf, "shape"):
            found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()
