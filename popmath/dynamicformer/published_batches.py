"""Batches for the published network: a few types at a time, so that the tensor B is encoded once for each."""

from __future__ import annotations

import math
from functools import cache

import equinox as eqx
import numpy as np

from popmath.dynamicformer.batches import log_of_ones, with_ones
from popmath.dynamicformer.encoding import Requests, fit_width, log_double_factorials
from popmath.dynamicformer.published import EncodedTensors, Partitions, PublishedNetwork, PublishedSettings
from popmath.dynamicformer.samples import Samples
from popmath.intersections.airy_structures import witten_kontsevich_structure

_TOKENS, _ENTRIES = 4, 512  # lengths are filled up to multiples of these, so that few shapes are compiled

_MOST = PublishedSettings.most_entries

_encode = eqx.filter_jit(lambda network, entries, there: network.encoded(entries, there))


class TypeBatches:
    """Samples drawn a few types (g, n) at a time.

    Args:
        samples: families, without ones; ones are added up to the level.
        max_level: how far.
        types: types in each batch.
        group_power: types are drawn in proportion to this power of how many families they have.
        most_entries: of each tensor; None if they are encoded already.
        degree_power: the same power for the largest degrees within a type.
    """

    def __init__(
        self,
        samples: Samples,
        max_level: int,
        types: int,
        group_power: float,
        most_entries: int | None = _MOST,
        degree_power: float = 1.0,
    ) -> None:
        """Sort families by type."""
        self.most_entries = most_entries
        self.samples, self.max_level, self.types = samples, max_level, types
        requests = samples.requests
        by_kind: dict[tuple[int, int], list[np.ndarray]] = {}
        for genus in np.unique(requests.genus):
            for kept in np.unique(requests.num_points[requests.genus == genus]):
                rows = np.flatnonzero((requests.genus == genus) & (requests.num_points == kept))
                for points in range(int(kept), max_level + 3 - 2 * int(genus)):
                    by_kind.setdefault((int(genus), points), []).append(rows)
        self.kinds = {kind: np.concatenate(rows) for kind, rows in by_kind.items()}
        counts = np.array([len(rows) for rows in self.kinds.values()], float) ** group_power
        self._share = counts / counts.sum()
        self._degree_power, self._first = degree_power, dict[tuple[int, int], np.ndarray]()
        if degree_power != 1:
            largest = requests.degrees.max(axis=1)
            for kind, rows in self.kinds.items():
                self.kinds[kind] = rows[np.argsort(largest[rows], kind="stable")]
                self._first[kind] = np.unique(largest[self.kinds[kind]], return_index=True)[1]

    @property
    def num_families(self) -> int:
        """How many families."""
        return len(self.samples.log_scaled)

    def draw(self, size: int, seed: int, step: int) -> tuple[Partitions, np.ndarray]:
        """The batch of a step, `size` numbers in equal parts of a few types, and the logarithms of the numbers."""
        rng = np.random.default_rng([seed, step])
        names = list(self.kinds)
        chosen = [names[i] for i in rng.choice(len(names), self.types, p=self._share)]
        rows = np.concatenate([self._families(rng, kind, size // self.types) for kind in chosen])
        points = np.repeat([n for _, n in chosen], size // self.types)
        requests = self.samples.requests.take(rows)
        ones = points - requests.num_points
        whole = with_ones(requests, ones)
        target = self.samples.log_scaled[rows] - log_double_factorials(requests) + log_of_ones(requests, ones)
        kind = np.repeat(np.arange(self.types), size // self.types)
        return partitions_of(whole, chosen, kind, self.most_entries), target.astype(np.float32)

    def _families(self, rng: np.random.Generator, kind: tuple[int, int], size: int) -> np.ndarray:
        """So many rows of a type."""
        rows = self.kinds[kind]
        if self._degree_power == 1:
            return rng.choice(rows, size)
        first = self._first[kind]
        counts = np.diff(first, append=len(rows))
        share = counts**self._degree_power
        which = rng.choice(len(first), size, p=share / share.sum())
        return rows[first[which] + rng.integers(counts[which])]


def partitions_of(
    requests: Requests, kinds: list[tuple[int, int]], kind: np.ndarray, most_entries: int | None = _MOST
) -> Partitions:
    """One token for each distinct degree, and so much of the tensor of each type; None if they are encoded already."""
    wide = fit_width(requests, _filled(int(np.count_nonzero(requests.multiplicity, axis=1).max()), _TOKENS))
    none = np.zeros((len(kinds), 0, 4), np.float32), np.zeros((len(kinds), 0), bool)
    entries, there = none if most_entries is None else tensors_of([3 * g - 3 + n for g, n in kinds], most_entries)
    return Partitions(
        kind.astype(np.int32),
        wide.degrees.astype(np.int32),
        wide.multiplicity.astype(np.int32),
        np.array(requests.num_points.max(), np.int32),
        np.array(kinds, np.int32),
        entries,
        there,
    )


def tensors_of(dimensions: list[int], most_entries: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of the tensors of these dimensions 3g - 3 + n, filled up to one length, and where there is one."""
    tensors = [tensor_entries(dimension, most_entries) for dimension in dimensions]
    longest = _filled(max(len(each) for each in tensors), _ENTRIES)
    entries, there = np.zeros((len(tensors), longest, 4), np.float32), np.zeros((len(tensors), longest), bool)
    for row, each in enumerate(tensors):
        entries[row, : len(each)], there[row, : len(each)] = each, True
    return entries, there


class HeldTensors:
    """The tensors of every dimension as one network encodes them, made when first asked for.

    Args:
        network: whose encoder of B does not change any more.
    """

    def __init__(self, network: PublishedNetwork) -> None:
        """Nothing is encoded yet."""
        self._network, self._known = network, dict[int, EncodedTensors]()

    def of(self, types: np.ndarray) -> EncodedTensors:
        """Those of types (g, n), shape `(types, 2)`."""
        found = [self._of(int(3 * genus - 3 + points)) for genus, points in types]
        return EncodedTensors(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _of(self, dimension: int) -> EncodedTensors:
        if dimension not in self._known:
            encoded = _encode(self._network, *tensors_of([dimension], self._network.settings.most_entries))
            self._known[dimension] = EncodedTensors(*(np.asarray(part) for part in encoded))
        return self._known[dimension]


@cache
def tensor_entries(dimension: int, most: int = _MOST) -> np.ndarray:
    """(i, j, k, log(1 + 100 B[i, j, k])) of the first non-zero entries with indices up to 3g - 3 + n.

    Example:
        >>> tensor_entries(1)[:, :3].astype(int).tolist()
        [[0, 1, 0], [1, 0, 0], [1, 1, 1]]
    """
    tensor = witten_kontsevich_structure().B
    found = [
        (i, j, k, math.log1p(100 * float(value)))
        for i in range(dimension + 1)
        for j in range(dimension + 1)
        for k, value in tensor(i, j, dimension)
    ]
    return np.array(found[:most] or [(0, 0, 0, 0.0)], np.float32)


def _filled(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
