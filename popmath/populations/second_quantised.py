"""Second quantisation of the Hamiltonian: many individuals that evolve one by one, in occupation numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.linalg
import scipy.sparse
from jaxtyping import Complex

from popmath._errors import UnableError
from popmath.populations.fock_space import FockSpace
from popmath.populations.hamiltonian import LeslieHamiltonian
from popmath.populations.model import check_whole

_MOST_DENSE = 1500  # states of a sector whose exponential is taken


@dataclasses.dataclass(frozen=True, eq=False)
class SecondQuantised:
    r"""$\hat H = \sum_{jk} h_{jk}\,a_j^\dagger a_k$ on states of up to a number of individuals (see `second_quantise`).

    $\hat H$ keeps the number of individuals, so that it acts within each sector of fixed number and every number below
    is exact: nothing is truncated.

    Attributes:
        one_particle: the Hamiltonian $h = i \log L$ it was made from, with the spectrum of one individual.
        space: the states, ordered by their number of individuals.
        operator: $\hat H$, sparse, shape `(size, size)`, complex, in the bosonic normalisation.
    """

    one_particle: LeslieHamiltonian
    space: FockSpace
    operator: scipy.sparse.csr_array

    def energies(self, number: int) -> Complex[np.ndarray, " states"]:
        r"""The spectrum in the sector of `number` individuals: all sums of `number` one-particle energies.

        $E = \sum_k n_k E_k$ over all $n$ with $\sum_k n_k$ = `number`, in the order of the states.

        Raises:
            ValueError: if `number` is not whole, negative or beyond the space.
        """
        return self.space.states[self.space.sector(number)] @ self.one_particle.energies

    def block(self, number: int) -> scipy.sparse.csr_array:
        r"""$\hat H$ within the sector of `number` individuals."""
        sector = self.space.sector(number)
        return self.operator[sector, sector]

    def propagator(self, t: float, number: int) -> Complex[np.ndarray, "states states"]:
        r"""$e^{-i\hat H t}$ within the sector of `number` individuals; with 0 individuals it is 1, with 1 it is $L^t$.

        Args:
            t: time in projection intervals, any real number; whole numbers give the same on every branch.
            number: individuals, at least 0.

        Raises:
            ValueError: if `t` is not finite, or `number` not within the space.
            UnableError: for a sector of more than 1500 states.
        """
        if not np.isfinite(t):
            raise ValueError(f"t must be a finite number of projection intervals; got {t}.")
        block = self.block(number)
        if block.shape[0] > _MOST_DENSE:
            raise UnableError(
                f"the sector of {number} individuals has {block.shape[0]} states, and its exponential is a full "
                f"matrix; at most {_MOST_DENSE} are taken. Lower the number."
            )
        return scipy.linalg.expm(-1j * t * block.toarray())

    def heisenberg_creation(self, which: int, t: float, number: int) -> Complex[np.ndarray, "after before"]:
        r"""$e^{-i\hat H t}\,a_k^\dagger\,e^{i\hat H t}$ for type `which`, from `number` to `number + 1` individuals.

        Equals $\sum_j (e^{-iht})_{jk}\,a_j^\dagger$, at whole times $\sum_j (L^t)_{jk}\,a_j^\dagger$: one individual of
        class k becomes the sum of what it has grown into and left behind by then. The product of a large and a small
        exponential, it loses digits as the ratio of the largest to the smallest eigenvalue to the power
        `number * t`; `intertwining_error` tests the identity without that.

        Raises:
            ValueError: as in `propagator`; `number + 1` individuals have to be within the space.
            UnableError: as in `propagator`.
        """
        after, before = self.space.sector(number + 1), self.space.sector(number)
        raised = self.space.creation(which, "bosonic")[after, before]
        return self.propagator(t, number + 1) @ (raised @ self.propagator(-t, number))

    def intertwining_error(self, t: int) -> float:
        r"""Largest difference of $e^{-i\hat H t} a_k^\dagger$ and $\sum_j (L^t)_{jk}\, a_j^\dagger e^{-i\hat H t}$.

        The same identity as that of `heisenberg_creation`, free of cancellation. Over all types and all sectors of the
        space, relative to the largest entry of either in the sector.

        Args:
            t: time, a whole number of projection intervals, at least 0.

        Raises:
            ValueError: if `t` is not whole and at least 0.
            UnableError: as in `propagator`.
        """
        check_whole("t", t, 0)
        power = np.linalg.matrix_power(self.one_particle.L, t)
        types, worst = self.space.num_types[0], 0.0
        created = [self.space.creation(j, "bosonic") for j in range(types)]
        later = self.propagator(t, 0)
        for number in range(self.space.max_number[0]):
            after, before = self.space.sector(number + 1), self.space.sector(number)
            earlier, later = later, self.propagator(t, number + 1)
            raised = [operator[after, before] for operator in created]
            for k in range(types):
                expected = sum(power[j, k] * (raised[j] @ earlier) for j in range(types))
                found = later @ raised[k]
                size = max(np.abs(found).max(), np.abs(expected).max())
                worst = max(worst, float(np.abs(found - expected).max() / size))
        return worst

    def summary(self) -> str:
        """One line: size of the space, and the largest growth in the fullest sector."""
        number = self.space.max_number[0]
        return (
            f"{self.space.size} states of up to {number} individuals in {self.space.num_types[0]} classes; largest "
            f"growth of the sector of {number}: {self.energies(number).imag.max():.6g} per interval"
        )


def second_quantise(hamiltonian: LeslieHamiltonian, max_number: int, *, max_states: int = 50_000) -> SecondQuantised:
    r"""Lift $h = i \log L$ to any number of individuals: $\hat H = \sum_{jk} h_{jk}\,a_j^\dagger a_k$.

    $$[\hat H, a_k^\dagger] = \sum_j h_{jk}\,a_j^\dagger,\qquad
    e^{-i\hat H t}\,a_k^\dagger\,e^{i\hat H t} = \sum_j (L^t)_{jk}\,a_j^\dagger$$

    The individuals are bosons without interaction; their number is kept, and growth is in the norm. (Births and
    deaths of single individuals are in `DoiPeliti`.) **[derived]** in this project.

    Args:
        hamiltonian: from `leslie_hamiltonian`, in projection intervals.
        max_number: largest number of individuals, at least 1.
        max_states: refuse a space of more states.

    Returns:
        The operator on all states of 0 to `max_number` individuals, with its sectors.

    Raises:
        ValueError: if `max_number` is not whole and at least 1, or the space has more than `max_states` states.

    Example:
        >>> from popmath.populations.hamiltonian import leslie_hamiltonian
        >>> many = second_quantise(leslie_hamiltonian([[0.5, 2.0], [0.5, 0.0]]), max_number=3)
        >>> print(many.energies(2).round(4))
        [ 0.    +0.4949j -3.1416+0.j     -6.2832-0.4949j]
        >>> many.intertwining_error(t=3) < 1e-10
        True

    References:
        Fetter, A. L. & Walecka, J. D. (1971), Quantum Theory of Many-Particle Systems, chapter 1.
    """
    check_whole("max_number", max_number, 1)
    types = len(hamiltonian.L)
    space = FockSpace(types, max_number, max_states=max_states)
    lowering = [space.annihilation(k, "bosonic") for k in range(types)]
    operator = scipy.sparse.csr_array((space.size, space.size), dtype=complex)
    for j in range(types):
        raising = lowering[j].T  # the adjoint; exact after an annihilation, whatever the cut-off
        for k in range(types):
            operator = operator + complex(hamiltonian.H[j, k]) * (raising @ lowering[k])
    return SecondQuantised(hamiltonian, space, scipy.sparse.csr_array(operator))
