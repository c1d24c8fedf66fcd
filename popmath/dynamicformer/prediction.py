"""What a network says of many requests, in batches of few sizes."""

from __future__ import annotations

import equinox as eqx
import numpy as np

from popmath.dynamicformer.additive import check_reach
from popmath.dynamicformer.batches import Batch, as_int32
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.joint import OneTheory
from popmath.dynamicformer.network import IntersectionNetwork
from popmath.dynamicformer.published import PublishedNetwork
from popmath.dynamicformer.published_batches import HeldTensors, partitions_of

_predict = eqx.filter_jit(lambda network, *given: network(*given))


def values(network: IntersectionNetwork | OneTheory, requests: Requests, batch_size: int = 8192) -> np.ndarray:
    """What the network says, float32; batches are filled up to powers of 2, so that few sizes are compiled."""
    if (network.network if isinstance(network, OneTheory) else network).additive is not None:
        check_reach(requests)
    total = len(requests.genus)
    out = np.empty(total, np.float32)
    for begin in range(0, total, batch_size):
        rows = np.arange(begin, min(begin + batch_size, total))
        size = max(16, 1 << (len(rows) - 1).bit_length())
        out[rows] = np.asarray(_predict(network, as_int32(requests.take(np.resize(rows, size)))))[: len(rows)]
    return out


def published_values(network: PublishedNetwork, requests: Requests, batch_size: int = 512) -> np.ndarray:
    """What the published network says, float32, type by type."""
    out = np.empty(len(requests.genus), np.float32)
    held = HeldTensors(network)
    kinds, kind = np.unique(np.stack([requests.genus, requests.num_points], axis=1), axis=0, return_inverse=True)
    for number, (genus, points) in enumerate(kinds.tolist()):
        rows = np.flatnonzero(kind.ravel() == number)
        for begin in range(0, len(rows), batch_size):
            some = rows[begin : begin + batch_size]
            size = max(16, 1 << (len(some) - 1).bit_length())
            every = requests.take(np.resize(some, size))
            batch = partitions_of(every, [(genus, points)], np.zeros(size, np.int32), None)
            out[some] = np.asarray(_predict(network, batch, held.of(batch.type_))[0])[: len(some)]
    return out


def mean_error(network: IntersectionNetwork | OneTheory, batch: Batch) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(values(network, batch.requests) - batch.target)))
