"""`FockSpace`: states of whole numbers of individuals of several types, and the operators that change them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy.sparse
import scipy.special
from jaxtyping import Int

from popmath.populations.model import check_whole

MOST_STATES = 200_000
Normalisation = Literal["doi", "bosonic"]


class FockSpace:
    r"""Occupation numbers $|n_1, ..., n_k\rangle$ of types, cut off at a total number for each species.

    With one species of $k$ types and at most $N$ individuals there are $\binom{N + k}{k}$ states, ordered by their
    total $0, 1, ..., N$: the sector of a fixed total is a run of them, and an operator that keeps the total acts within
    it without any truncation. Of several species the space is the product, the last species running fastest.

    Two normalisations of the ladder operators, both with $[a_j, a_k^\dagger] = \delta_{jk}$:

    * `"doi"`: $a|n\rangle = n\,|n - 1\rangle$, $a^\dagger|n\rangle = |n + 1\rangle$, for probabilities;
    * `"bosonic"`: $a|n\rangle = \sqrt n\,|n - 1\rangle$, $a^\dagger|n\rangle = \sqrt{n + 1}\,|n + 1\rangle$, each the
      adjoint of the other.

    The commutator holds on every state below the cut-off; at it $a^\dagger$ gives 0.

    Args:
        num_types: number of types (age classes), or one number for each species.
        max_number: largest total number of individuals, at least 1, or one number for each species.
        max_states: refuse a space of more states than this.

    Attributes:
        num_types: types of each species.
        max_number: largest total of each species.
        states: the occupation numbers, shape `(size, types)`, all species in one row.

    Raises:
        ValueError: for numbers that are not whole or below 1, lists of different lengths, or more than `max_states`
            states; the count is in the message.

    Example:
        >>> space = FockSpace(num_types=2, max_number=2)
        >>> print(space.states.tolist())
        [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]]
        >>> print(space.annihilation(0).toarray()[space.index([1, 0])])  # a |2, 0> = 2 |1, 0>
        [0. 0. 0. 2. 0. 0.]

    References:
        Doi, M. (1976), J. Phys. A 9, 1465-1477. Peliti, L. (1985), J. Physique 46, 1469-1483.
    """

    def __init__(
        self, num_types: int | Sequence[int], max_number: int | Sequence[int], *, max_states: int = MOST_STATES
    ) -> None:
        """See the class."""
        self.num_types, self.max_number = _each("num_types", num_types), _each("max_number", max_number)
        if len(self.num_types) != len(self.max_number):
            raise ValueError(
                "num_types and max_number must have one number for each species; got "
                f"{self.num_types} and {self.max_number}."
            )
        self._sizes = tuple(math.comb(n + k, k) for k, n in zip(self.num_types, self.max_number, strict=True))
        count = math.prod(self._sizes)
        if count > max_states:
            raise ValueError(
                f"the space has {count} states: {self.num_types} types with at most {self.max_number} individuals; the "
                f"limit is max_states = {max_states}. Lower max_number, or raise max_states if memory allows (an "
                "operator takes some 100 bytes a state and type)."
            )
        parts = [_graded(k, n) for k, n in zip(self.num_types, self.max_number, strict=True)]
        states = parts[0]
        for part in parts[1:]:
            states = np.hstack([np.repeat(states, len(part), axis=0), np.tile(part, (len(states), 1))])
        self.states = states
        self.states.flags.writeable = False

    @property
    def size(self) -> int:
        """Number of states."""
        return len(self.states)

    @property
    def species_of_type(self) -> Int[np.ndarray, " types"]:
        """Number (from 0) of the species of each type."""
        return np.repeat(np.arange(len(self.num_types)), self.num_types)

    @property
    def totals(self) -> Int[np.ndarray, "states species"]:
        """Number of individuals of each species in each state."""
        starts = np.cumsum((0, *self.num_types[:-1]))
        return np.add.reduceat(self.states, starts, axis=1)

    def index(self, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
        """Where states stand in `states`; -1 for those outside (negative, or beyond the cut-off).

        Args:
            numbers: whole numbers, shape `(*batch, types)`.

        Returns:
            Whole numbers, shape `(*batch,)`.

        Raises:
            ValueError: for numbers that are not whole, or of another length.
        """
        given = np.asarray(numbers)
        if given.ndim < 1 or given.shape[-1] != sum(self.num_types) or not np.issubdtype(given.dtype, np.integer):
            raise ValueError(
                f"numbers must be whole, one for each of {sum(self.num_types)} types; got {given.dtype} of shape "
                f"{given.shape}."
            )
        place, inside, first = np.zeros(given.shape[:-1], dtype=np.int64), (given >= 0).all(axis=-1), 0
        for types, most, size in zip(self.num_types, self.max_number, self._sizes, strict=True):
            tails = np.cumsum(given[..., first : first + types][..., ::-1], axis=-1)  # the last one, last two, ...
            inside, first = inside & (tails[..., -1] <= most), first + types
            ranks = scipy.special.comb(np.clip(tails, 0, most) + np.arange(types), np.arange(1, types + 1))
            place = place * size + np.rint(ranks.sum(axis=-1)).astype(np.int64)
        return np.where(inside, place, -1)

    def sector(self, total: int) -> slice:
        """The states of one species with exactly `total` individuals.

        Raises:
            ValueError: with more than one species, or a total beyond the cut-off.
        """
        check_whole("total", total, 0)
        if len(self.num_types) > 1 or total > self.max_number[0]:
            raise ValueError(
                f"sectors are for one species with at most max_number individuals: there are {len(self.num_types)} "
                f"species with at most {self.max_number}, total is {total}."
            )
        k = self.num_types[0]
        return slice(math.comb(total - 1 + k, k) if total else 0, math.comb(total + k, k))

    def annihilation(self, which: int, normalisation: Normalisation = "doi") -> scipy.sparse.csr_array:
        r"""$a_k$ for type `which` (from 0): takes one individual away; `operator[to, from]`."""
        return self._ladder(which, -1, normalisation)

    def creation(self, which: int, normalisation: Normalisation = "doi") -> scipy.sparse.csr_array:
        r"""$a_k^\dagger$ for type `which` (from 0): adds one individual; 0 on states at the cut-off."""
        return self._ladder(which, 1, normalisation)

    def identity(self) -> scipy.sparse.csr_array:
        """The identity."""
        return scipy.sparse.csr_array(scipy.sparse.eye_array(self.size))

    def _ladder(self, which: int, change: int, normalisation: Normalisation) -> scipy.sparse.csr_array:
        check_whole("which", which, 0)
        if which >= sum(self.num_types):
            raise ValueError(f"which must be a type from 0 to {sum(self.num_types) - 1}; got {which}.")
        if normalisation not in ("doi", "bosonic"):
            raise ValueError(f"normalisation must be 'doi' or 'bosonic'; got {normalisation!r}.")
        after = self.states.copy()
        after[:, which] += change
        to = self.index(after)
        source = np.flatnonzero(to >= 0)
        if normalisation == "bosonic":
            weight = np.sqrt(np.maximum(self.states, after)[source, which])
        else:
            weight = self.states[source, which] if change < 0 else np.ones(source.size)
        entries = (weight.astype(np.float64), (to[source], source))
        return scipy.sparse.csr_array(entries, shape=(self.size, self.size))


def _each(name: str, values: int | Sequence[int]) -> tuple[int, ...]:
    found = tuple(values) if isinstance(values, Sequence) else (values,)
    if not found:
        raise ValueError(f"{name} must have a number for each species; got none.")
    for value in found:
        check_whole(name, value, 1)
    return tuple(int(value) for value in found)


def _graded(types: int, most: int) -> Int[np.ndarray, "states types"]:
    """All states of up to `most` individuals, by their total, then with most in the first type first."""
    sectors = [np.full((1, 1), total) for total in range(most + 1)]
    for _ in range(types - 1):
        sectors = [
            np.vstack([_with_first(total - rest, sectors[rest]) for rest in range(total + 1)])
            for total in range(most + 1)
        ]
    return np.vstack(sectors)


def _with_first(first: int, rest: np.ndarray) -> np.ndarray:
    return np.hstack([np.full((len(rest), 1), first), rest])
