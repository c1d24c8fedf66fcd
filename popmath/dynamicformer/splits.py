"""Fixed splits of the families: train, validation, test in distribution, and held out in genus and in points."""

from __future__ import annotations

import dataclasses

import numpy as np

from popmath.dynamicformer.encoding import Requests

NAMES = ("train", "validation", "test", "out_in_genus", "out_in_points")


@dataclasses.dataclass(frozen=True)
class Split:
    """How families are divided; the same rows for the same settings on every machine.

    Attributes:
        max_train_genus: families of higher genus are `out_in_genus`.
        max_train_points: others with more points, ones not counted, are `out_in_points`.
        validation_share: of the rest, at random.
        test_share: of the rest, at random.
        seed: of the division.
    """

    max_train_genus: int = 13
    max_train_points: int = 24
    validation_share: float = 0.05
    test_share: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        """Check that there is something left to train on."""
        shares = (self.validation_share, self.test_share)
        if min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(f"validation_share and test_share must be above 0 and together below 1; got {shares}.")

    def rows(self, requests: Requests, name: str) -> np.ndarray:
        """Which rows of requests without ones belong to a part.

        Raises:
            ValueError: for another name.

        Example:
            >>> from popmath.dynamicformer.samples import exact_samples
            >>> requests = exact_samples(12, range(4)).requests
            >>> [len(Split(2, 6).rows(requests, name)) for name in NAMES]
            [37, 1, 1, 116, 190]
        """
        if name not in NAMES:
            raise ValueError(f"a split must be one of {', '.join(NAMES)}; got {name!r}.")
        return np.flatnonzero(self.labels(requests) == NAMES.index(name))

    def labels(self, requests: Requests) -> np.ndarray:
        """The part of each row, as a position in `NAMES`."""
        share = family_numbers(requests, self.seed) / 2.0**64
        inside = np.where(
            share < self.validation_share, 1, np.where(share < self.validation_share + self.test_share, 2, 0)
        )
        out = np.where(requests.num_points > self.max_train_points, 4, inside)
        return np.where(requests.genus > self.max_train_genus, 3, out)


def family_numbers(requests: Requests, seed: int) -> np.ndarray:
    """A pseudo-random 64-bit number for each row, from seed, genus and degrees alone."""
    state = np.full(len(requests.genus), np.uint64(seed + 1))
    state = _mixed(state + requests.genus.astype(np.uint64))
    for degree, times in zip(requests.degrees.T, requests.multiplicity.T, strict=True):
        number = (degree.astype(np.int64) + 1) * 1000 + times
        state = np.where(times > 0, _mixed(state + number.astype(np.uint64)), state)
    return state


def _mixed(state: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    with np.errstate(over="ignore"):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
