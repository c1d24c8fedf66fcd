"""Other operators of a projection matrix: the closed form of H for two classes, and the two Hermitian ones."""

from __future__ import annotations

import cmath
import dataclasses

import numpy as np
import scipy.linalg
from jaxtyping import Complex, Float

from popmath._errors import UnableError
from popmath.populations.hamiltonian import check_invertible
from popmath.populations.matrix_population import Matrix
from popmath.populations.reproductive import read_numbers

_SAME = 1e-10  # relative difference of products along a cycle that counts as none
_CUT = 1e-12  # angles this near to -pi are pi: the eigenvalue is -1


@dataclasses.dataclass(frozen=True, eq=False)
class SymmetrisedMatrix:
    r"""A real symmetric matrix similar to the projection matrix, $S = D L D^{-1}$ with diagonal $D$.

    Attributes:
        matrix: $S$, shape `(classes, classes)`, exactly symmetric.
        scale: diagonal of $D$, positive, 1 for the first class of each connected part, shape `(classes,)`.
        eigenvalues: of both matrices, real, from the largest, shape `(classes,)`.
    """

    matrix: Float[np.ndarray, "classes classes"]
    scale: Float[np.ndarray, " classes"]
    eigenvalues: Float[np.ndarray, " classes"]

    def summary(self) -> str:
        """One line: the scale and the spectrum."""
        return f"D = diag{np.array2string(self.scale, precision=6)}, eigenvalues {self.eigenvalues.round(6).tolist()}"


@dataclasses.dataclass(frozen=True, eq=False)
class PolarHamiltonian:
    r"""Polar factors $L = U|L|$ and the Hermitian generator of the first.

    Attributes:
        H: $H_u = i \log U$ on the principal branch, Hermitian, shape `(classes, classes)`, complex.
        unitary: $U$, real orthogonal, same shape.
        modulus: $|L| = (L^\top L)^{1/2}$, symmetric and positive definite, same shape.
        energies: eigenvalues of `H`, real, in $[-\pi, \pi)$, in rising order, shape `(classes,)`.
        commutator_norm: Frobenius norm of $U|L| - |L|U$ over that of $L$: 0 if and only if $L$ is normal. Where it is
            not 0, $L^t$ is not $U^t|L|^t$ and the factors do not evolve apart.
    """

    H: Complex[np.ndarray, "classes classes"]
    unitary: Float[np.ndarray, "classes classes"]
    modulus: Float[np.ndarray, "classes classes"]
    energies: Float[np.ndarray, " classes"]
    commutator_norm: float

    def summary(self) -> str:
        """One line: the energies and how far the factors are from commuting."""
        return f"energies {self.energies.round(6).tolist()}, commutator of the factors {self.commutator_norm:.4g} |L|"


def two_class_hamiltonian(matrix: Matrix) -> Complex[np.ndarray, "2 2"]:
    r"""The Hamiltonian of two classes in closed form, on the principal branch.

    $$H = \frac{i\,\log\lambda_+}{\lambda_+ - \lambda_-}\,(L - \lambda_- I)
    - \frac{i\,\log\lambda_-}{\lambda_+ - \lambda_-}\,(L - \lambda_+ I),
    \qquad \lambda_\pm = \tfrac12\bigl(a + d \pm \sqrt{(a - d)^2 + 4bc}\bigr)$$

    for $L$ with rows $(a, b)$, $(c, d)$. Of a Leslie matrix ($a = f_1$, $b = f_2$, $c = s$, $d = 0$) the second
    eigenvalue is negative and the spectrum is $\{i\log\lambda_+,\; i\log|\lambda_-| - \pi\}$. **[derived]** in this
    project. An independent formula for `leslie_hamiltonian`.

    Args:
        matrix: one invertible matrix or model of 2 classes, entries at least 0.

    Returns:
        $H$, shape `(2, 2)`, complex, per projection interval.

    Raises:
        ValueError: for a matrix that is not 2 by 2, or bad entries.
        UnableError: if the matrix is singular, or its eigenvalues are equal.

    Example:
        >>> found = two_class_hamiltonian([[0.0, 2.0], [0.5, 0.0]])  # L has eigenvalues 1 and -1: H = pi (L - 1) / 2
        >>> print((found / np.pi).real.round(9).tolist())
        [[-0.5, 1.0], [0.25, -0.5]]
    """
    L = read_numbers(matrix)
    if L.shape != (2, 2):
        raise ValueError(f"the closed form is for 2 classes; got shape {L.shape}. Use leslie_hamiltonian.")
    check_invertible(L, scipy.linalg.matrix_balance(L, permute=False)[0])
    (a, b), (c, d) = L.tolist()
    root = np.hypot(a - d, 2 * np.sqrt(b) * np.sqrt(c))
    if root <= 1e-12 * (a + d):
        raise UnableError(
            f"both eigenvalues are {(a + d) / 2:.6g}, and the closed form divides by their difference. If the matrix "
            "is diagonal leslie_hamiltonian answers, else it is defective."
        )
    high = (a + d + root) / 2
    low = (a * d - b * c) / high  # no cancellation, unlike (a + d - root) / 2
    one = np.eye(2)
    return 1j / root * (cmath.log(high) * (L - low * one) - cmath.log(complex(low, 0.0)) * (L - high * one))


def symmetrised(matrix: Matrix) -> SymmetrisedMatrix:
    r"""The real symmetric matrix $D L D^{-1}$ with diagonal $D$, where there is one.

    For two classes $D = \mathrm{diag}(1, \sqrt{f_2/s})$ gives $\begin{pmatrix} f_1 & \sqrt{s f_2} \\ \sqrt{s f_2} & 0
    \end{pmatrix}$. In general $d_i^2 L_{ij} = d_j^2 L_{ji}$ has a solution if and only if transitions go both ways or
    neither, and the product along every cycle equals that of its reverse (Kolmogorov's condition). A Leslie matrix of
    three or more classes never meets it. **[derived]** in this project.

    Args:
        matrix: one matrix or model, entries at least 0.

    Returns:
        The symmetric matrix, the scale, and the (real) eigenvalues.

    Raises:
        ValueError: for a batch or bad entries.
        UnableError: where no diagonal scale exists; the classes that prevent it are named by number.

    Example:
        >>> print(symmetrised([[0.5, 2.0], [0.5, 0.0]]).matrix.tolist())
        [[0.5, 1.0], [1.0, 0.0]]

    References:
        Kolmogorov, A. (1936), Math. Ann. 112, 155-160 (the cycle condition).
    """
    L = read_numbers(matrix)
    one_way = np.argwhere((L > 0) & (L.T == 0))
    if one_way.size:
        i, j = one_way[0].tolist()
        raise UnableError(
            f"no diagonal scale makes the matrix symmetric: entry [{i}, {j}] is {L[i, j]:.6g} but [{j}, {i}] is 0. "
            "Leslie matrices of more than 2 classes have such pairs; leslie_hamiltonian needs no symmetry."
        )
    log_scale = np.full(len(L), np.nan)
    for first in range(len(L)):
        waiting = [first] if np.isnan(log_scale[first]) else []
        log_scale[first] = 0.0 if waiting else log_scale[first]
        while waiting:
            i = waiting.pop()
            for j in np.flatnonzero((L[i] > 0) & np.isnan(log_scale)).tolist():
                log_scale[j] = log_scale[i] + (np.log(L[i, j]) - np.log(L[j, i])) / 2
                waiting.append(j)
    scaled = L * np.exp(log_scale[:, None] - log_scale[None, :])
    wrong = np.abs(scaled - scaled.T) > _SAME * (scaled + scaled.T)
    if wrong.any():
        i, j = np.argwhere(wrong)[0].tolist()
        raise UnableError(
            f"no diagonal scale makes the matrix symmetric: the product of entries along a cycle through classes {i} "
            f"and {j} differs from that of the reverse cycle (Kolmogorov's condition). leslie_hamiltonian needs no "
            "symmetry."
        )
    symmetric = (scaled + scaled.T) / 2
    return SymmetrisedMatrix(symmetric, np.exp(log_scale), scipy.linalg.eigvalsh(symmetric)[::-1])


def polar_hamiltonian(matrix: Matrix) -> PolarHamiltonian:
    r"""The Hermitian operator $H_u = i \log U$ of the polar form $L = U|L|$: a diagnostic, not an evolution.

    $U = e^{-iH_u}$ is the rotation nearest to $L$. The factors do not commute unless $L$ is normal, so that
    $e^{-iH_u t}$ is not the turning part of $L^t$: `commutator_norm` says by how much. **[derived]** in this project.

    Args:
        matrix: one invertible matrix or model, entries at least 0.

    Returns:
        Operator, factors, energies, and the norm of the commutator.

    Raises:
        ValueError: for a batch or bad entries.
        UnableError: if the matrix is singular: $U$ is then not unique (use `reproductive_block`).

    Example:
        >>> found = polar_hamiltonian([[0.0, 1.5], [0.5, 0.0]])
        >>> print(found.energies.round(6), found.modulus.round(6).tolist(), round(found.commutator_norm, 6))
        [-3.141593  0.      ] [[0.5, 0.0], [0.0, 1.5]] 0.894427

    References:
        Higham, N. J. (2008), Functions of Matrices, chapter 8.
    """
    L = read_numbers(matrix)
    check_invertible(L, L)
    unitary, modulus = scipy.linalg.polar(L)
    triangle, basis = scipy.linalg.schur(unitary, output="complex")  # diagonal, since the factor is normal
    angles = np.angle(np.diag(triangle))
    energies = 0.0 - np.where(angles < -np.pi + _CUT, np.pi, angles)
    H = (basis * energies) @ basis.conj().T
    commutator = np.linalg.norm(unitary @ modulus - modulus @ unitary) / np.linalg.norm(L)
    return PolarHamiltonian((H + H.conj().T) / 2, unitary, modulus, np.sort(energies), float(commutator))
