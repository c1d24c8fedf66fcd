"""The last layers of a trained network by least squares, as its value is linear in them."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from popmath.dynamicformer.batches import as_int32
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.network import IntersectionNetwork

_ROUNDS, _SOFT, _RIDGE, _CHUNK = 5, 1e-5, 1e-9, 16_384

_basis = eqx.filter_jit(lambda network, requests: network.basis(requests))


def refit_last_layers(network: IntersectionNetwork, requests: Requests, target: np.ndarray) -> IntersectionNetwork:
    """The network with the last layers that make the sum of absolute errors least (least squares, reweighted).

    Args:
        network: trained; its hidden layers stay.
        requests: training data, a few times as many as the last layers have weights.
        target: what is to be learned.
    """
    chunks = [requests.take(slice(i, i + _CHUNK)) for i in range(0, len(target), _CHUNK)]
    terms = np.concatenate([np.asarray(_basis(network, as_int32(chunk))) for chunk in chunks])
    size = np.sqrt(np.mean(terms.astype(np.float64) ** 2, axis=0)) + 1e-30
    weights, found = np.ones(len(target)), np.zeros(len(size))
    for _ in range(_ROUNDS):
        found = _weighted(terms, target, weights, size)
        weights = 1 / (np.abs(terms @ (found / size) - target) + _SOFT)
    return network.with_last_layers(jnp.asarray(found / size, jnp.float32))


def _weighted(terms: np.ndarray, target: np.ndarray, weights: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Weighted least squares with a small ridge, in double precision, chunk by chunk."""
    matrix, right = np.zeros((len(size), len(size))), np.zeros(len(size))
    for begin in range(0, len(target), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        scaled = terms[rows] / size
        matrix += scaled.T @ (scaled * weights[rows, None])
        right += scaled.T @ (weights[rows] * target[rows])
    matrix[np.diag_indices_from(matrix)] += _RIDGE * np.trace(matrix) / len(size)
    return np.linalg.solve(matrix, right)
