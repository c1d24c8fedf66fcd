"""The growth factor of the linear predator-prey model: exact, by perturbation, and which of the two to believe."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import scipy.linalg

from popmath._errors import ConvergenceError, UnableError
from popmath.populations.coupling_threshold import (
    TIED,
    GrowthThreshold,
    degenerate_coupling,
    growth_threshold,
    leading_branch,
)
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks

Regime = Literal["growth", "decay", "neutral", "growing oscillation", "decaying oscillation", "neutral oscillation"]
Expansion = Literal["second order", "degenerate", "none"]
BLUR = 1e-7  # relative size of an imaginary part that rounding can make of a double real eigenvalue


@dataclasses.dataclass(frozen=True, eq=False)
class GrowthFactor:
    r"""The long-run growth of the linear predator-prey model at one scale of predation and conversion.

    Attributes:
        scale: $s$ of $M(s)$.
        value: largest modulus of the eigenvalues of $M(s)$, growth per interval.
        leading: the eigenvalues that have it, complex: one real, a pair, or several.
        eigenvalues: all, by falling modulus, shape `(states,)`.
        period: of the oscillation in intervals, $2\pi/|\arg|$ (2 for a negative eigenvalue); None without.
        regime: `"growth"`, `"decay"` or `"neutral"` (exactly 1), or the same as an oscillation.
        perturbative: the growth factor to second order in the scale; complex (upper one of the pair) where both
            species grow alike alone; None where no expansion applies.
        expansion: which one that is.
        reason: why there is none; empty otherwise.
        threshold: where the leading eigenvalue ceases to be the real branch from scale 0; None if none leads there.
    """

    scale: float
    value: float
    leading: np.ndarray
    eigenvalues: np.ndarray
    period: float | None
    regime: Regime
    perturbative: float | complex | None
    expansion: Expansion
    reason: str
    threshold: GrowthThreshold | None

    @property
    def error(self) -> float | None:
        """Distance of the perturbative value from the nearest leading eigenvalue; None if there is none."""
        return None if self.perturbative is None else float(np.abs(self.leading - self.perturbative).min())

    def summary(self) -> str:
        """Exact value, period, perturbative value or why there is none, threshold."""
        turn = "" if self.period is None else f", period {self.period:.5g}"
        lines = [f"growth factor {self.value:.8g} at scale {self.scale:g}: {self.regime}{turn}"]
        if self.perturbative is None:
            lines.append(f"no perturbative value: {self.reason}")
        else:
            lines.append(f"perturbative ({self.expansion}) {self.perturbative:.8g}, off by {self.error:.2g}")
        if self.threshold is not None:
            lines.append(self.threshold.summary())
        return "\n".join(lines)


def growth_factor(model: LesliePredatorPrey, *, scale: float = 1.0) -> GrowthFactor:
    r"""Exact and perturbative growth factor of the linear predator-prey model.

    The exact one is the largest modulus of the eigenvalues of
    $M(s) = \begin{pmatrix} L_x & -sP\\ sQ & L_y\end{pmatrix}$. With $\lambda_x = \rho(L_x) > \rho(L_y)$ and the
    Perron vectors $w_x$ (left), $v_x$ (right) the first order in $s$ vanishes and

    $$\lambda = \lambda_x - s^2\,\frac{w_x^\top P\,(\lambda_x I - L_y)^{-1} Q\,v_x}{w_x^\top v_x} + O(s^4)$$

    which predation can only lower. With $\rho(L_y) > \rho(L_x)$ it is the same with the species exchanged,
    $\lambda_y - s^2\,w_y^\top Q\,(\lambda_y I - L_x)^{-1} P\,v_y / w_y^\top v_y$. With
    $\rho(L_x) = \rho(L_y) = \lambda_0$ the pair is complex for any $s > 0$:

    $$\lambda = \lambda_0 \pm i s\,\sqrt{\frac{(w_x^\top P v_y)(w_y^\top Q v_x)}{(w_x^\top v_x)(w_y^\top v_y)}}
    + O(s^2)$$

    Past the threshold (see `growth_threshold`) the expansion has nothing to do with the growth factor, and none is
    given.

    Args:
        model: in mode `"linear"`; migration plays no part.
        scale: factor on predation and conversion, at least 0.

    Raises:
        ValueError: for a scale that is negative or not finite.
        UnableError: for a clipped model.

    Example:
        >>> hunt = LesliePredatorPrey([[1.2]], [[0.8]], predation=[[0.5]], conversion=[[0.125]])
        >>> print(growth_factor(hunt, scale=0.4).summary())
        growth factor 1.1732051 at scale 0.4: growth
        perturbative (second order) 1.175, off by 0.0018
        collision at scale 0.8, growth factor 1
        >>> growth_factor(hunt, scale=1.6).regime
        'growing oscillation'

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction). Kato, T. (1966), Perturbation Theory for Linear
        Operators, chapter II.
    """
    blocks = linear_blocks(model)
    s = _check_scale(scale)
    values, blur = _eigenvalues(coupled_matrix(blocks, s))
    size = float(np.abs(values[0]))
    leading = values[np.abs(values) >= size - blur]
    period = float(oscillation_periods(values, blur))
    turn = period if np.isfinite(period) else None
    expanded: float | complex | None = None
    expansion: Expansion = "none"
    threshold = None
    try:
        threshold = growth_threshold(model)
        expanded, expansion = _expand(blocks, s, threshold)
        reason = ""
    except (UnableError, ConvergenceError) as why:
        reason = str(why)
    return GrowthFactor(
        s, size, leading, values, turn, regime_of(size, turn, blur), expanded, expansion, reason, threshold
    )


def perturbative_growth_factor(model: LesliePredatorPrey, *, scale: float = 1.0) -> float | complex:
    r"""The growth factor to second order in the scale of predation, where that means anything (see `growth_factor`).

    Args:
        model: in mode `"linear"`.
        scale: factor on predation and conversion, at least 0.

    Returns:
        A real number, or the upper one of a complex pair where both species grow alike alone.

    Raises:
        ValueError: for a scale that is negative or not finite.
        UnableError: past the threshold, where no simple eigenvalue leads at scale 0, or for a clipped model.

    Example:
        >>> hunt = LesliePredatorPrey([[1.2]], [[0.8]], predation=[[0.5]], conversion=[[0.125]])
        >>> round(perturbative_growth_factor(hunt, scale=0.4), 12)
        1.175
    """
    return _expand(linear_blocks(model), _check_scale(scale), growth_threshold(model))[0]


def growth_condition(model: LesliePredatorPrey, value: complex, *, scale: float = 1.0) -> complex:
    r"""The exact condition for a growth factor, a determinant of the size of the prey.

    $$\det\bigl(\lambda I - L_x + s^2\,P\,(\lambda I - L_y)^{-1} Q\bigr) = 0$$

    holds exactly at the eigenvalues of $M(s)$ that are none of $L_y$; $\det(\lambda I - M)$ is that times
    $\det(\lambda I - L_y)$.

    Args:
        model: in mode `"linear"`.
        value: $\lambda$, no eigenvalue of the predator matrix.
        scale: factor on predation and conversion, at least 0.

    Raises:
        ValueError: for a value or scale that is not finite, or a negative scale.
        UnableError: if `value` is an eigenvalue of the predator matrix, or the model is clipped.

    Example:
        >>> hunt = LesliePredatorPrey([[1.2]], [[0.8]], predation=[[0.5]], conversion=[[0.125]])
        >>> abs(growth_condition(hunt, growth_factor(hunt).leading[0])) < 1e-15
        True
    """
    lx, p, q, ly = linear_blocks(model)
    s = _check_scale(scale)
    point = complex(value)
    if not np.isfinite(point):
        raise ValueError(f"value must be finite; got {value}.")
    system = point * np.eye(len(ly)) - ly
    singular = np.linalg.svd(system, compute_uv=False)
    if singular[-1] <= 1e-14 * max(abs(point), np.abs(ly).max()):
        raise UnableError(
            f"{point:.6g} is an eigenvalue of the predator matrix, where the condition is not defined. Look at "
            "numpy.linalg.det(value * I - model.projection_matrix()) instead."
        )
    inside = point * np.eye(len(lx)) - lx + s**2 * p @ np.linalg.solve(system, q.astype(complex))
    return complex(np.linalg.det(inside))


def coupled_matrix(blocks: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], scale: float) -> np.ndarray:
    """M at a scale."""
    lx, p, q, ly = blocks
    return np.block([[lx, -scale * p], [scale * q, ly]])


def oscillation_periods(values: np.ndarray, blur: np.ndarray | float) -> np.ndarray:
    """Period of the leading ones of `values`, shape `(*batch, states)`; infinite where only a positive one leads."""
    size, edge = np.abs(values), np.expand_dims(blur, -1)
    leading = size >= size.max(axis=-1, keepdims=True) - edge
    turning = leading & ((np.abs(values.imag) > edge) | (values.real < -edge))
    angle = np.where(turning, np.abs(np.angle(values)), 0.0)
    angle = np.min(angle, axis=-1, where=turning, initial=np.inf)
    return np.where(turning.any(axis=-1), 2 * np.pi / angle, np.inf)


def regime_of(value: float, period: float | None, blur: float) -> Regime:
    """Regime of a growth factor."""
    if period is None:
        return "neutral" if abs(value - 1) <= blur else "growth" if value > 1 else "decay"
    if abs(value - 1) <= blur:
        return "neutral oscillation"
    return "growing oscillation" if value > 1 else "decaying oscillation"


def expansion_terms(
    blocks: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> tuple[float, float, Expansion]:
    """Growth rate at scale 0, and minus the coefficient of scale**2, or the coefficient of i scale."""
    lx, p, q, ly = blocks
    start = leading_branch(lx, ly)
    if start.value - start.other <= TIED * start.value:
        return start.value, float(np.sqrt(max(degenerate_coupling(lx, p, q, ly), 0.0))), "degenerate"
    v, w = start.right, start.left
    v, w = (u[: len(lx)] if start.of_prey else u[len(lx) :] for u in (v, w))
    out, back, rest = (p, q, ly) if start.of_prey else (q, p, lx)
    answer = np.linalg.solve(start.value * np.eye(len(rest)) - rest, back @ v)
    return start.value, float(w @ out @ answer / (w @ v)), "second order"


def _expand(blocks, s: float, threshold: GrowthThreshold) -> tuple[float | complex, Expansion]:
    """The expansion at a scale, or UnableError."""
    value, coefficient, kind = expansion_terms(blocks)
    if kind == "degenerate":
        return complex(value, s * coefficient), kind
    if threshold.scale is not None and s >= threshold.scale:
        how = "the real branch has met another and turned complex"
        how = how if threshold.kind == "collision" else f"the branch has been {threshold.kind}"
        raise UnableError(
            f"scale {s:g} is past the threshold {threshold.scale:.10g}, where {how}: an expansion about scale 0 says "
            "nothing of the growth factor there. growth_factor(model, scale=...) gives the exact one."
        )
    if threshold.scale is None and s > threshold.max_scale:
        raise UnableError(
            f"scale {s:g} is beyond {threshold.max_scale:.6g}, up to which the leading eigenvalue was followed. "
            "growth_factor(model, scale=...) gives the exact value."
        )
    return value - s**2 * coefficient, kind


def _eigenvalues(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """All eigenvalues by falling modulus, and what rounding may add to the first."""
    values, left, right = scipy.linalg.eig(matrix, left=True)
    order = np.argsort(-np.abs(values), kind="stable")
    first = order[0]
    overlap = np.abs(np.vdot(left[:, first], right[:, first]))
    size = np.linalg.norm(matrix)
    return values[order], float(min(16 * np.finfo(float).eps / max(overlap, 1e-15), 1e-4) * size)


def _check_scale(scale: float) -> float:
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale must be finite and at least 0 (a sign changes no eigenvalue); got {scale}.")
    return float(scale)
