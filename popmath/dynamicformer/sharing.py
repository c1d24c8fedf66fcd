"""Batches over all devices of all processes, and everything else on each of them."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


def on_all_devices(batch: Any) -> Any:
    """Arrays cut along their first axis over the devices; every process gives the whole batch.

    Raises:
        ValueError: if the batch cannot be cut evenly.
    """
    devices = jax.devices()
    if len(devices) == 1:
        return batch
    mesh = Mesh(np.array(devices), ("batch",))

    def cut(array: np.ndarray) -> jax.Array:
        sharding = NamedSharding(mesh, PartitionSpec("batch") if array.ndim else PartitionSpec())
        if array.ndim and len(array) % len(devices):
            what = "batch_size (and types_per_batch) must be a multiple"
            raise ValueError(f"{what} of the {len(devices)} devices; got {len(array)}.")
        return jax.make_array_from_callback(array.shape, sharding, lambda where: array[where])

    return jax.tree.map(cut, batch)


def replicated(tree: Any) -> Any:
    """The arrays of a tree, whole on every device."""
    devices = jax.devices()
    if len(devices) == 1:
        return tree
    sharding = NamedSharding(Mesh(np.array(devices), ("batch",)), PartitionSpec())

    def copy(leaf: Any) -> Any:
        if not eqx.is_array(leaf):
            return leaf
        whole = np.asarray(leaf)
        return jax.make_array_from_callback(whole.shape, sharding, lambda where: whole[where])

    return jax.tree.map(copy, tree)
