r"""Training data from the exact engine: every number up to a level, as logarithms, without ones.

The data of a theory are families: by the dilaton equation a number without ones determines all that differ from it by
ones, so that data are split by family and no member of a test family is ever trained on.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

import numpy as np

from popmath.dynamicformer.encoding import EMPTY, Requests
from popmath.intersections.expansion import Expansion
from popmath.intersections.partition_maps import PartitionMaps

LOG_2 = math.log(2.0)


class Samples(NamedTuple):
    r"""Exact numbers.

    Attributes:
        requests: types and degrees.
        log_scaled: $\log \prod_i (2d_i+1)!!\,\langle\tau_d\rangle_g$, float64, shape `(samples,)`.
    """

    requests: Requests
    log_scaled: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Samples:
        """Some of the rows."""
        return Samples(self.requests.take(rows), self.log_scaled[rows])

    def digest(self) -> str:
        """SHA-256 of the requests and of the logarithms rounded to 1e-9."""
        found = hashlib.sha256()
        for column in self.requests:
            found.update(np.ascontiguousarray(column, np.int64).tobytes())
        found.update(np.rint(self.log_scaled * 1e9).astype(np.int64).tobytes())
        return found.hexdigest()


def exact_samples(max_level: int, genera: range, max_points: int | None = None) -> Samples:
    r"""Every psi-class number without ones of these genera with $2g-2+n \le$ `max_level`.

    Args:
        max_level: the level.
        genera: consecutive.
        max_points: only those of at most so many points; all by default.

    Example:
        >>> samples = exact_samples(4, range(1, 3))
        >>> samples.requests.degrees.max(axis=1).tolist(), round(float(np.exp(samples.log_scaled[0])), 3)
        ([2, 3, 2, 4, 4, 3, 5], 0.625)
    """
    expansion = Expansion.up_to(max_level, genera.stop - 1, max_points)
    matrices: dict[int, np.ndarray] = {}
    pieces = [
        _piece(expansion.maps, matrices, genus, zeros, numbers)
        for genus in genera
        for zeros, numbers in expansion.without_ones(genus, _most_points(genus, max_level, max_points))
        if (genus, zeros) != (1, 0)  # the family of nothing but ones
    ]
    width = max(piece.requests.degrees.shape[1] for piece in pieces)
    padded = [_padded(piece, width) for piece in pieces]
    requests = Requests(*(np.concatenate(columns) for columns in zip(*(p.requests for p in padded), strict=True)))
    return Samples(requests, np.concatenate([p.log_scaled for p in padded]))


def _most_points(genus: int, max_level: int, max_points: int | None) -> int:
    by_level = max_level + 2 - 2 * genus
    return by_level if max_points is None else min(by_level, max_points)


def _piece(maps: PartitionMaps, known: dict[int, np.ndarray], genus: int, zeros: int, numbers: np.ndarray) -> Samples:
    """The numbers of one genus with some zeros."""
    written = _partitions(maps, 3 * genus - 3 + zeros, known)[: len(numbers)]
    parts, times = _distinct(written)
    first = np.full((len(numbers), 1), 0 if zeros else EMPTY, np.int16)
    degrees = np.concatenate([first, np.where(times > 0, parts + 1, EMPTY)], axis=1)
    counts = np.concatenate([np.full((len(numbers), 1), zeros, np.int16), times], axis=1)
    if not zeros:
        degrees, counts = degrees[:, 1:], counts[:, 1:]
    points = (zeros + np.sum(written > 0, axis=1)).astype(np.int16)
    genera = np.full(len(numbers), genus, np.int16)
    power = (4 * genus - 1) * LOG_2 if genus else 0.0
    logs = np.array([math.log(number) for number in numbers.tolist()]) - power
    return Samples(Requests(genera, points, degrees.astype(np.int16), counts.astype(np.int16)), logs)


def _partitions(maps: PartitionMaps, weight: int, known: dict[int, np.ndarray]) -> np.ndarray:
    """The partitions of a weight in the order of the maps, parts descending, padded with 0."""
    if weight not in known:
        most = maps.most_parts(weight)
        out = np.zeros((maps.count(weight, most), most), np.int16)
        for k, block in maps.blocks(weight, most):
            if k:  # those of what is left when 1 is taken from every part
                inner = _partitions(maps, weight - k, known)[: block.stop - block.start, :k]
                out[block, :k] = 1
                out[block, : inner.shape[1]] += inner
        known[weight] = out
    return known[weight]


def _distinct(written: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct parts, ascending, and how often each occurs; 0 where there is no more."""
    written = written[:, ::-1]
    begins = written > 0
    begins[:, 1:] &= written[:, 1:] != written[:, :-1]
    slot = np.cumsum(begins, axis=1) - 1
    width = max(1, int(slot.max(initial=-1)) + 1)
    parts, times = (np.zeros((len(written), width), np.int16) for _ in range(2))
    rows, columns = np.nonzero(written)
    np.add.at(times, (rows, slot[rows, columns]), 1)
    rows, columns = np.nonzero(begins)
    parts[rows, slot[rows, columns]] = written[rows, columns]
    return parts, times


def _padded(piece: Samples, width: int) -> Samples:
    pad = ((0, 0), (0, width - piece.requests.degrees.shape[1]))
    degrees = np.pad(piece.requests.degrees, pad, constant_values=EMPTY)
    return Samples(
        piece.requests._replace(degrees=degrees, multiplicity=np.pad(piece.requests.multiplicity, pad)),
        piece.log_scaled,
    )
