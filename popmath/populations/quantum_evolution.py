"""Projection of a population through exp(-iHt), compared with the classical one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import ArrayLike
from popmath.populations.hamiltonian import TOLERANCE, leslie_hamiltonian
from popmath.populations.matrix_population import Matrix, class_numbers
from popmath.populations.model import check_whole


@dataclasses.dataclass(frozen=True, eq=False)
class QuantumEvolution:
    """Abundances through $e^{-iHt}$, compared with the classical projection (see `evolve_quantum`).

    Attributes:
        times: whole numbers of projection intervals, shape `(times,)`.
        abundances: in the unit of the start, shape `(times, classes)`, real.
        imaginary_residue: largest imaginary part that was dropped, relative to the largest class at that time.
        difference: largest difference to the classical projection, relative to the largest class at that time.
    """

    times: np.ndarray
    abundances: Float[np.ndarray, "times classes"]
    imaginary_residue: float
    difference: float

    def summary(self) -> str:
        """One line: the last abundances and the two error numbers."""
        return (
            f"t = {self.times[-1]}: {np.array2string(self.abundances[-1], precision=6)}; difference to the projection "
            f"{self.difference:.1e}, imaginary residue {self.imaginary_residue:.1e}"
        )


def evolve_quantum(matrix: Matrix, initial: ArrayLike, times: int | Sequence[int] | np.ndarray) -> QuantumEvolution:
    r"""Project a population through $n(t) = e^{-iHt} n(0)$, and compare with $L^t n(0)$.

    $H = i \log L$ on the principal branch; at whole times every branch gives the same. **[derived]** in this project.

    Args:
        matrix: one invertible `MatrixPopulation`, or entries of shape `(classes, classes)`.
        initial: abundances at time 0, shape `(classes,)`, at least 0 and not all 0.
        times: one or several whole numbers of projection intervals, at least 0.

    Returns:
        Real abundances with the imaginary part that was dropped and the difference to the classical projection, both
        below 1e-10 of the largest class.

    Raises:
        ValueError: for a bad matrix or start, or a time that is no whole number of at least 0: between whole times
            there is no classical projection (see `LeslieHamiltonian.propagator`).
        UnableError: if the Hamiltonian does not exist (see `leslie_hamiltonian`), or the two forms differ by more than
            1e-10.
        OverflowError: if an abundance exceeds the range of float64.

    Example:
        >>> leslie = [[0.0, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]]
        >>> print(evolve_quantum(leslie, [8, 4, 4], times=2).abundances.round(9))
        [[7. 5. 1.]]
    """
    found = leslie_hamiltonian(matrix)
    start = np.asarray(class_numbers("initial", initial, len(found.L)))
    if start.ndim != 1:
        raise ValueError(f"initial must have shape ({len(found.L)},); got {start.shape}.")
    whole = np.atleast_1d(np.asarray(times))
    if whole.ndim != 1 or not whole.size:
        raise ValueError(f"times must be one time, or several in a row; got shape {whole.shape}.")
    for time in whole.tolist():
        check_whole("times", time, 0)
    values = np.stack([found.propagator(time) @ start for time in whole.tolist()])
    classical = np.stack([np.linalg.matrix_power(found.L, time) @ start for time in whole.tolist()])
    size = np.maximum(np.abs(classical).max(axis=1, keepdims=True), np.finfo(float).tiny)
    residue = float((np.abs(values.imag) / size).max())
    difference = float((np.abs(values.real - classical) / size).max())
    if not max(residue, difference) < TOLERANCE:
        raise UnableError(
            f"exp(-iHt) n and L^t n differ by {difference:.1e} of the largest class, with an imaginary part of "
            f"{residue:.1e}; needed {TOLERANCE:.0e}. The condition number of the eigenvectors is "
            f"{found.condition:.1e}, and rounding grows with it and with t where the start lacks the dominant mode: "
            "take smaller times, or project."
        )
    return QuantumEvolution(whole, values.real, residue, difference)
