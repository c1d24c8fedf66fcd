"""Arrays and settings in one safetensors file: named, hashed, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from popmath._errors import DataError

FORMAT, _KEY = "popmath-1", "popmath"
Tree = TypeVar("Tree")


def write_checkpoint(path: str | Path, tree: Any, record: dict[str, Any]) -> Path:
    """Write the arrays of a tree under their names in it, with a JSON record; a reader never sees half of it."""
    from safetensors.numpy import save

    path = Path(path)
    arrays = {name: np.asarray(value, order="C") for name, value in _named(tree).items()}
    about = {"format": FORMAT, "sha256": _digest(arrays, record), "record": record}
    metadata = {_KEY: json.dumps(about, sort_keys=True)}  # one key: the order of several would differ from run to run
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(save(arrays, metadata))
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    return path


def read_record(path: str | Path) -> dict[str, Any]:
    """The JSON record of a checkpoint.

    Raises:
        DataError: if it is not there, truncated, or of another kind.
    """
    return _read(Path(path))[1]["record"]


def read_checkpoint(path: str | Path, template: Tree) -> Tree:
    """A tree like `template` with the arrays of a checkpoint.

    Raises:
        DataError: if the file is not there, truncated, altered, or of a tree with other names or shapes.
    """
    path = Path(path)
    arrays, metadata = _read(path)
    wanted = _named(template)
    if set(wanted) != set(arrays):
        odd = sorted(set(wanted) ^ set(arrays))
        raise DataError(
            f"{path.name} (SHA-256 {metadata['sha256'][:12]}...) is of another network or optimiser: {len(odd)} "
            f"arrays are in only one of the two, such as {odd[0]!r}. Give the settings it was written with."
        )
    for name, value in wanted.items():
        if value.shape != arrays[name].shape:
            raise DataError(f"{path.name}: {name} has shape {arrays[name].shape}, {value.shape} was needed.")
    dynamic, static = eqx.partition(template, eqx.is_array)
    paths, structure = jax.tree_util.tree_flatten_with_path(dynamic)
    leaves = [jnp.asarray(arrays[jax.tree_util.keystr(where)], value.dtype) for where, value in paths]
    return eqx.combine(jax.tree_util.tree_unflatten(structure, leaves), static)


def _named(tree: Any) -> dict[str, np.ndarray]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_array))
    return {jax.tree_util.keystr(where): np.asarray(value) for where, value in leaves}


def _digest(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> str:
    found = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in sorted(arrays):
        found.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode())
        found.update(arrays[name].tobytes())
    return found.hexdigest()


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"there is no checkpoint {path.name}.")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, ValueError) as error:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        raise DataError(
            f"{path.name} (SHA-256 {digest[:12]}...) cannot be read: {error}. It is truncated or not a checkpoint; "
            "take another copy, or an earlier one."
        ) from None
    about = _about(metadata)
    if about.get("format") != FORMAT:
        raise DataError(f"{path.name} is a safetensors file, but not one that popmath wrote as {FORMAT!r}.")
    digest = _digest(arrays, about["record"])
    if digest != about["sha256"]:
        raise DataError(
            f"{path.name} is corrupt: what it holds has SHA-256 {digest[:12]}..., and {about['sha256'][:12]}... was "
            "written. Take another copy, or an earlier checkpoint."
        )
    return arrays, about


def _about(metadata: dict[str, str]) -> dict[str, Any]:
    try:
        return json.loads(metadata.get(_KEY, "{}"))
    except ValueError:
        return {}
