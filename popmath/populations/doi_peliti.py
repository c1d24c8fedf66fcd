"""Doi-Peliti form of age-structured dynamics in continuous time: the master equation as a Hamiltonian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import ArrayLike
from popmath.populations.age_rates import Predation, Species, as_species_rates, generator_matrix
from popmath.populations.count_distribution import CountDistribution
from popmath.populations.fock_space import MOST_STATES, FockSpace


class DoiPeliti:
    r"""Age-structured species with the chance of single births, deaths and meals, as a Hamiltonian on a Fock space.

    $$H = \sum_k \alpha_k (a_k^\dagger - a_{k+1}^\dagger) a_k + \sum_k \mu_k (a_k^\dagger - 1) a_k
    + \sum_k \phi_k (1 - a_1^\dagger) a_k^\dagger a_k + \sum_{ij} \beta_{ij} (a_i^\dagger - 1) a_i b_j^\dagger b_j$$

    with $a|n\rangle = n\,|n - 1\rangle$, $a^\dagger|n\rangle = |n + 1\rangle$; the last sum for each predation of prey
    $a$ by predators $b$. The probabilities of all states obey the master equation $dP/dt = -H P$. **[derived]** in this
    project; the construction is Doi's and Peliti's.

    The space is cut off at `max_number` individuals of each species, and the truncation leaks: a birth at the cut-off
    leaves the space and is counted as lost. What is kept is then a lower bound of every probability, short of the true
    distribution by `lost` in all (the finite state projection), so that `lost` is the error. Ageing, death and
    predation never reach the cut-off: without births probability is conserved.

    Args:
        species: rates of one species, or of several by name (`{"prey": AgeRates(...), ...}`), per unit of time.
        max_number: largest total number of individuals of each species, or a number for each species by name.
        predation: who eats whom at what rates.
        max_states: refuse a space of more states than this.

    Attributes:
        species: rates by name.
        predation: as given.
        space: the states.
        hamiltonian: $H$, sparse, shape `(size, size)`, per unit of time; `hamiltonian[to, from]`.

    Raises:
        ValueError: for `max_number` not whole or below 1 or for other species, predation of unknown species or with
            rates of the wrong shape, or a space of more than `max_states` states (the count is in the message).

    Example:
        >>> from popmath.populations.age_rates import AgeRates
        >>> model = DoiPeliti(AgeRates(death=[0.5], birth=[0.2]), max_number=30)
        >>> later = model.evolve([3], times=[2.0])
        >>> print(later.means.round(6), (3 * np.exp([[-0.6]])).round(6))
        [[1.646435]] [[1.646435]]

    References:
        Doi, M. (1976), J. Phys. A 9, 1465-1477. Peliti, L. (1985), J. Physique 46, 1469-1483. Munsky, B. & Khammash, M.
        (2006), J. Chem. Phys. 124, 044104 (the truncation and its error).
    """

    def __init__(
        self,
        species: Species,
        max_number: int | Mapping[str, int],
        *,
        predation: Sequence[Predation] = (),
        max_states: int = MOST_STATES,
    ) -> None:
        """See the class."""
        self.species, self.predation = as_species_rates(species), tuple(predation)
        names = list(self.species)
        most = dict(max_number) if isinstance(max_number, Mapping) else dict.fromkeys(names, max_number)
        if set(most) != set(names):
            raise ValueError(f"max_number must have a number for each of the species {names}; got {list(most)}.")
        classes = [rates.num_classes for rates in self.species.values()]
        self.space = FockSpace(classes, [most[name] for name in names], max_states=max_states)
        self._first = dict(zip(names, np.cumsum([0, *classes[:-1]]).tolist(), strict=True))
        self.hamiltonian = scipy.sparse.csr_array(self._own_terms() + self._predation_terms())

    @property
    def generator(self) -> scipy.sparse.csr_array:
        """Generator of the master equation, minus the Hamiltonian: $dP/dt$ = `generator @ P`."""
        return -self.hamiltonian

    @property
    def type_names(self) -> tuple[str, ...]:
        """`"prey 1"`, `"prey 2"`, ...: the classes of all species, in the order of the states."""
        return tuple(f"{name} {k + 1}" for name, rates in self.species.items() for k in range(rates.num_classes))

    def evolve(
        self,
        initial: ArrayLike,
        times: float | Sequence[float] | np.ndarray,
        *,
        tolerance: float = 1e-6,
        throw: bool = True,
    ) -> CountDistribution:
        r"""The distribution of counts at each time, $P(t) = e^{-Ht} P(0)$.

        Args:
            initial: whole numbers of individuals, shape `(types,)`, all species in one row; or the probability of each
                state of `space`, shape `(size,)`.
            times: one or several, at least 0 and rising, in the unit of time of the rates.
            tolerance: most probability that may be lost by the truncation.
            throw: whether more is an error; with False it is the field `converged` of the result.

        Raises:
            ValueError: for counts beyond the truncation, negative or not whole, probabilities that are negative or sum
                to more than 1, or times that are negative, not finite or not rising.
            UnableError: if more than `tolerance` is lost.
        """
        start = self._start(initial)
        when = np.atleast_1d(np.asarray(times, dtype=np.float64))
        if when.ndim != 1 or not when.size or not np.isfinite(when).all() or (np.diff(when, prepend=0.0) < 0).any():
            raise ValueError(f"times must be finite, at least 0 and rising; got {when.tolist()}.")
        if not (np.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"tolerance must be finite and at least 0; got {tolerance}.")
        generator = scipy.sparse.csc_array(self.generator)
        now, found = start, []
        for step in np.diff(when, prepend=0.0):
            now = scipy.sparse.linalg.expm_multiply(step * generator, now) if step > 0 else now
            found.append(now)
        closed = None
        if not any(event.rates.any() for event in self.predation):
            mean, matrix = start @ self.space.states, generator_matrix(self.species)
            closed = np.stack([scipy.linalg.expm(matrix * t) @ mean for t in when])
        result = CountDistribution(
            times=when,
            probabilities=np.stack(found),
            space=self.space,
            species=tuple(self.species),
            type_names=self.type_names,
            expected=closed,
            tolerance=float(tolerance),
        )
        if throw and not result.converged:
            raise UnableError(
                f"births beyond the cut-off of {self.space.max_number} individuals have taken {result.lost[-1]:.3g} of "
                f"the probability by time {when[-1]:g}; tolerance is {tolerance:g}. Raise max_number, or pass "
                "throw=False for a lower bound of every probability."
            )
        return result

    def _own_terms(self) -> scipy.sparse.csr_array:
        """Ageing, death and birth within each species."""
        space, one = self.space, self.space.identity()
        total = scipy.sparse.csr_array((space.size, space.size))
        for name, rates in self.species.items():
            first = self._first[name]
            newborn = space.creation(first)
            for k in range(rates.num_classes):
                lower, number = space.annihilation(first + k), self._number(first + k)
                if k < len(rates.ageing):
                    total = total + rates.ageing[k] * (number - space.creation(first + k + 1) @ lower)
                total = total + rates.death[k] * (number - lower) + rates.birth[k] * ((one - newborn) @ number)
        return total

    def _predation_terms(self) -> scipy.sparse.csr_array:
        total = scipy.sparse.csr_array((self.space.size, self.space.size))
        for event in self.predation:
            unknown = [name for name in (event.prey, event.predator) if name not in self.species]
            if unknown:
                raise ValueError(f"predation names {unknown}; the species are {list(self.species)}.")
            shape = self.species[event.prey].num_classes, self.species[event.predator].num_classes
            if event.rates.shape != shape:
                raise ValueError(f"predation rates must have shape {shape} (prey, predators); got {event.rates.shape}.")
            for (i, j), rate in np.ndenumerate(event.rates):
                prey, predator = self._first[event.prey] + i, self._first[event.predator] + j
                eaten = self._number(prey) - self.space.annihilation(prey)
                total = total + rate * (eaten @ self._number(predator))
        return total

    def _number(self, which: int) -> scipy.sparse.csr_array:
        """The product of creation and annihilation, exact below and at the cut-off."""
        return self.space.creation(which) @ self.space.annihilation(which)

    def _start(self, initial: ArrayLike) -> Float[np.ndarray, " states"]:
        given = np.asarray(initial, dtype=np.float64)
        types, size = sum(self.space.num_types), self.space.size
        if given.shape == (types,):
            if not np.isfinite(given).all() or (given < 0).any() or (given != np.round(given)).any():
                raise ValueError(f"initial counts must be whole and at least 0; got {given.tolist()}.")
            place = int(self.space.index(given.astype(np.int64)))
            if place < 0:
                raise ValueError(
                    f"initial counts {given.tolist()} are beyond the truncation: at most {self.space.max_number} "
                    f"individuals of {tuple(self.species)}. Raise max_number, well above what the population reaches."
                )
            return np.eye(1, size, place)[0]
        if given.shape != (size,):
            raise ValueError(
                f"initial must be counts, shape ({types},), or the probabilities of all states, shape ({size},); got "
                f"{given.shape}."
            )
        if not np.isfinite(given).all() or (given < 0).any() or given.sum() > 1 + 1e-9:
            raise ValueError(f"probabilities must be at least 0 and sum to at most 1; their sum is {given.sum():.9g}.")
        return given
