"""The Hamiltonian of a projection matrix, H = i log L."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
from jaxtyping import Complex, Float

from popmath._errors import UnableError
from popmath.populations.matrix_population import Matrix
from popmath.populations.reproductive import leads_to_loop, read_numbers

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

_MOST_CONDITION = 1e6  # times rounding is 2e-10; the eigenvectors of a defective matrix come out with 6e7 and more
TOLERANCE = 1e-10  # of identities, relative


@dataclasses.dataclass(frozen=True, eq=False)
class LeslieHamiltonian:
    r"""$H = i \log L$ with its spectrum; not Hermitian (see `leslie_hamiltonian`).

    With eigenvalues $\lambda_k$ of $L$, dominant first, $E_k = -(\arg\lambda_k + 2\pi b_k) + i \log|\lambda_k|$: growth
    is the imaginary part, oscillation the real part with its sign changed. Rates are per projection interval.

    Attributes:
        H: the operator, shape `(classes, classes)`, complex.
        L: the projection matrix, same shape, real.
        multipliers: $\lambda_k$, eigenvalues of `L`, by falling modulus, shape `(classes,)`.
        energies: $E_k$, eigenvalues of `H` in the same order.
        right: eigenvectors in the columns, shape `(classes, classes)`; moduli sum to 1, the largest entry is positive.
        left: the dual basis in the rows: `left @ right` = 1, and `H = right @ diag(energies) @ left`.
        branch: $b_k$, whole numbers; all 0 on the principal branch.
        condition: condition number of the eigenvectors (of unit length, in the balanced basis): rounding errors of
            `H` and `propagator` are larger by this factor.
        residual: largest entry of $e^{-iH} - L$ relative to the largest of $L$, in the balanced basis.
    """

    H: Complex[np.ndarray, "classes classes"]
    L: Float[np.ndarray, "classes classes"]
    multipliers: Complex[np.ndarray, " classes"]
    energies: Complex[np.ndarray, " classes"]
    right: Complex[np.ndarray, "classes classes"]
    left: Complex[np.ndarray, "classes classes"]
    branch: tuple[int, ...]
    condition: float
    residual: float

    @property
    def growth(self) -> Float[np.ndarray, " classes"]:
        """Growth rate of each mode, log of the modulus of its multiplier, per projection interval."""
        return self.energies.imag

    @property
    def frequency(self) -> Float[np.ndarray, " classes"]:
        """Angular frequency of each mode in radians per projection interval: minus the real part of its energy."""
        return -self.energies.real

    def propagator(self, t: float) -> Complex[np.ndarray, "classes classes"]:
        r"""$e^{-iHt}$, which for whole `t` is $L^t$ on every branch.

        Between whole times it depends on the branch, and is in general complex: a negative eigenvalue of `L` has no
        real power in between. Negative `t` gives powers of the inverse.

        Args:
            t: time in projection intervals, any real number.

        Raises:
            ValueError: if `t` is not finite.
            OverflowError: if an entry exceeds the range of float64.
        """
        if not np.isfinite(t):
            raise ValueError(f"t must be a finite number of projection intervals; got {t}.")
        with np.errstate(over="ignore", invalid="ignore"):
            found = (self.right * np.exp(-1j * self.energies * t)) @ self.left
        if not np.isfinite(found).all():
            raise OverflowError(f"exp(-iHt) exceeds the range of float64 (1e308) at t = {t}: take a smaller t.")
        return found

    def summary(self) -> str:
        """One line per mode: multiplier, energy, branch; then the two error numbers."""
        rows = [
            f"mode {k + 1}: lambda = {value:.6g}, growth {growth:.6g}, frequency {turn:.6g}, branch {number}"
            for k, (value, growth, turn, number) in enumerate(
                zip(self.multipliers, self.growth, self.frequency, self.branch, strict=True)
            )
        ]
        return "\n".join([*rows, f"condition of the eigenvectors {self.condition:.3g}, residual {self.residual:.1e}"])

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per mode: multiplier, energy, growth, frequency, branch."""
        import pandas as pd

        columns = {"multiplier": self.multipliers, "energy": self.energies}
        columns |= {"growth": self.growth, "frequency": self.frequency, "branch": np.asarray(self.branch)}
        return pd.DataFrame(columns, index=pd.RangeIndex(1, len(self.branch) + 1, name="mode"))

    def plot(self) -> matplotlib.figure.Figure:
        """The eigenvalues of `L` on the circle, beside the energies."""
        from popmath.plots.operators import plot_spectrum

        return plot_spectrum(self)


def leslie_hamiltonian(matrix: Matrix, *, branch: Sequence[int] | np.ndarray | None = None) -> LeslieHamiltonian:
    r"""The Hamiltonian $H = i \log L$ of a projection matrix, so that $L^t = e^{-iHt}$ for whole $t$.

    $$H = \sum_k E_k\, r_k \ell_k^\top,\qquad E_k = i \log|\lambda_k| - (\arg\lambda_k + 2\pi b_k),\quad
    \arg\lambda_k \in (-\pi, \pi]$$

    Every choice of whole numbers $b_k$ gives the same $L^t$ at whole times and another flow in between. **[derived]**
    in this project; the reconstruction of arXiv:2412.19831 knows it only by name.

    Args:
        matrix: one invertible `MatrixPopulation`, Leslie or not, or entries of shape `(classes, classes)`.
        branch: $b_k$, a whole number for each eigenvalue in the order of `multipliers` (by falling modulus; of equal
            moduli the smaller angle first, of a pair the positive imaginary part first). The principal branch, all 0,
            by default. A real flow needs opposite numbers for the two of a pair.

    Returns:
        Operator, spectrum and biorthogonal eigenvectors, with condition number and residual.

    Raises:
        ValueError: for a batch, entries negative or not finite, `branch` of another length or not whole, or different
            numbers for equal eigenvalues (their eigenvectors are not determined).
        UnableError: if `matrix` is singular, as with a last fertility of 0 (use `reproductive_block`), or defective
            (repeated eigenvalue with too few eigenvectors) or too near to it: `condition` above 1e6, or `residual`
            above 1e-10.

    Example:
        >>> found = leslie_hamiltonian([[0.5, 2.0], [0.5, 0.0]])
        >>> print(found.energies.round(6))  # i log 1.2808 and i log 0.7808 - pi
        [ 0.      +0.247466j -3.141593-0.247466j]
        >>> print(found.propagator(2).real.round(6).tolist())
        [[1.25, 1.0], [0.25, 1.0]]

    References:
        Higham, N. J. (2008), Functions of Matrices, chapters 1 and 11. Brody, D. C. (2014), J. Phys. A 47, 035305
        (biorthogonal eigenvectors).
    """
    L = read_numbers(matrix)
    balanced, (scale, _) = scipy.linalg.matrix_balance(L, permute=False, separate=True)
    check_invertible(L, balanced)
    values, vectors = np.linalg.eig(balanced)
    values = values.astype(complex)
    order = _order(values)
    values, vectors = values[order], vectors[:, order].astype(complex)
    condition = float(np.linalg.cond(vectors))
    if not condition < _MOST_CONDITION:
        raise _defective(condition, values)
    numbers = _branch(branch, values)
    energies = 0.0 - (np.angle(values) + 2 * np.pi * numbers) + 1j * np.log(np.abs(values))
    inverse = np.linalg.inv(vectors)
    again = (vectors * np.exp(-1j * energies)) @ inverse
    residual = float(np.abs(again - balanced).max() / np.abs(balanced).max())
    if not residual < TOLERANCE:
        raise _defective(condition, values)
    right = vectors * scale[:, None]
    largest = right[np.argmax(np.abs(right), axis=0), np.arange(len(L))]
    factor = np.abs(right).sum(axis=0) * largest / np.abs(largest)
    right, left = right / factor, factor[:, None] * inverse / scale
    return LeslieHamiltonian(
        H=(right * energies) @ left,
        L=L,
        multipliers=values,
        energies=energies,
        right=right,
        left=left,
        branch=tuple(numbers.tolist()),
        condition=condition,
        residual=residual,
    )


def check_invertible(entries: np.ndarray, balanced: np.ndarray) -> None:
    """Refuse a matrix that is singular to working precision, saying what to do about it."""
    sizes = scipy.linalg.svdvals(balanced)
    if sizes[-1] > 4 * len(entries) * np.finfo(float).eps * sizes[0]:
        return
    loops = leads_to_loop(entries)
    if loops.all():
        advice = (
            "Every class leads to a loop, so there is no block to restrict it to: look for a class that nobody enters, "
            "or columns that are multiples of each other."
        )
    else:
        numbers = np.flatnonzero(~loops).tolist()
        advice = (
            f"Classes {numbers} (from 0) lead to no loop of the life cycle, as after the last reproductive age: pass "
            "reproductive_block(matrix).matrix, which leaves them out and changes nothing for the others."
        )
    raise UnableError(
        f"the matrix is singular (to working precision), and a singular matrix has no logarithm. {advice}"
    )


def _order(values: np.ndarray) -> np.ndarray:
    """Dominant first, by falling modulus; of equal moduli the smaller angle, of a pair the positive imaginary part."""
    modulus = np.abs(values)
    level = np.round(np.log(modulus / modulus.max()), 9)
    return np.lexsort((-values.imag, np.round(np.abs(np.angle(values)), 9), -level))


def _branch(branch: Sequence[int] | np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """The whole numbers of the branch, checked."""
    numbers = np.zeros(len(values), dtype=int) if branch is None else np.asarray(branch)
    if numbers.shape != values.shape or not np.issubdtype(numbers.dtype, np.integer):
        raise ValueError(
            f"branch must be one whole number per eigenvalue, shape {values.shape}; got {numbers.tolist()}."
        )
    near = np.abs(values[:, None] - values[None, :]) < 1e-8 * np.abs(values[:, None])
    if (near & (numbers[:, None] != numbers[None, :])).any():
        raise ValueError(f"equal eigenvalues need the same branch; got {numbers.tolist()} for {values.tolist()}.")
    return numbers


def _defective(condition: float, values: np.ndarray) -> UnableError:
    return UnableError(
        f"the matrix is defective, or too near to it: the condition number of its eigenvectors is {condition:.1e}, the "
        f"eigenvalues are {values.tolist()}. Two of them (nearly) coincide and share an eigenvector, so H has no "
        f"spectral form that holds to {TOLERANCE:.0e}. Change an entry by a little, or use scipy.linalg.logm at your "
        "own risk."
    )
