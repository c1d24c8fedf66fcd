"""The growth factor over the scale of predation, and over a plane of two parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from popmath._errors import ConvergenceError, UnableError
from popmath._types import ArrayLike
from popmath.populations.coupling_threshold import GrowthThreshold, growth_threshold
from popmath.populations.predation_growth import (
    BLUR,
    coupled_matrix,
    expansion_terms,
    oscillation_periods,
    regime_of,
)
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas


@dataclasses.dataclass(frozen=True, eq=False)
class GrowthCurve:
    """The growth factor over the scale of predation and conversion.

    Attributes:
        scales: shape `(scales,)`.
        eigenvalues: at each scale, by falling modulus, complex, shape `(scales, states)`.
        growth_factor: largest modulus, shape `(scales,)`.
        period: of the leading oscillation in intervals, infinite without, shape `(scales,)`.
        perturbative: growth factor of the expansion (the modulus, if it is complex), shape `(scales,)`; NaN where no
            expansion applies.
        threshold: where the leading eigenvalue ceases to be the real branch from scale 0; None if none leads there.
        reason: why there is no threshold; empty otherwise.
    """

    scales: np.ndarray
    eigenvalues: np.ndarray
    growth_factor: np.ndarray
    period: np.ndarray
    perturbative: np.ndarray
    threshold: GrowthThreshold | None
    reason: str

    def summary(self) -> str:
        """Range, threshold, and how far the expansion is off where it applies."""
        text = f"growth factor {self.growth_factor[0]:.6g} at scale {self.scales[0]:g} to {self.growth_factor[-1]:.6g} "
        text += f"at scale {self.scales[-1]:g}"
        if self.threshold is None:
            return f"{text}; {self.reason}"
        off = np.abs(self.perturbative - self.growth_factor)
        applies = f"; the expansion is off by up to {np.nanmax(off):.2g}" if np.isfinite(off).any() else ""
        return f"{text}; {self.threshold.summary()}{applies}"

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Moduli of all eigenvalues over the scale, the expansion, the threshold."""
        from popmath.plots.growth_factor import plot_growth_factor

        return plot_growth_factor(self, ax)


@dataclasses.dataclass(frozen=True, eq=False)
class GrowthMap:
    """The growth factor over a plane of two parameters; rows are values of y, columns of x.

    Attributes:
        x_values: shape `(columns,)`.
        y_values: shape `(rows,)`.
        modulus: growth factor, shape `(rows, columns)`.
        period: of the leading oscillation in intervals, infinite without, shape `(rows, columns)`.
        regime: as in `GrowthFactor`, shape `(rows, columns)`, of strings.
        x_label: name of x.
        y_label: name of y.
    """

    x_values: np.ndarray
    y_values: np.ndarray
    modulus: np.ndarray
    period: np.ndarray
    regime: np.ndarray
    x_label: str
    y_label: str

    @property
    def oscillates(self) -> np.ndarray:
        """Whether the leading eigenvalues make the populations oscillate, shape `(rows, columns)`."""
        return np.isfinite(self.period)

    def summary(self) -> str:
        """Shares of the plane that each regime holds."""
        names, counts = np.unique(self.regime, return_counts=True)
        shares = ", ".join(f"{name} {count / self.regime.size:.1%}" for name, count in zip(names, counts, strict=True))
        return f"growth factor {self.modulus.min():.4g} to {self.modulus.max():.4g}; {shares}"

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per point of the plane."""
        import pandas as pd

        y, x = np.meshgrid(self.y_values, self.x_values, indexing="ij")
        columns = {self.x_label: x, self.y_label: y, "growth factor": self.modulus, "period": self.period}
        return pd.DataFrame({name: values.ravel() for name, values in (columns | {"regime": self.regime}).items()})

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Growth factor as colour, the line at 1, oscillation hatched."""
        from popmath.plots.growth_factor import plot_growth_map

        return plot_growth_map(self, ax)


def growth_curve(model: LesliePredatorPrey, scales: ArrayLike) -> GrowthCurve:
    r"""Exact and perturbative growth factor over the scale of predation and conversion (see `growth_factor`).

    Args:
        model: in mode `"linear"`; its own predation and conversion are scale 1.
        scales: rising, at least 0, shape `(scales,)`.

    Raises:
        ValueError: for scales that are negative, not finite or not rising.
        UnableError: for a clipped model.

    Example:
        >>> import numpy as np
        >>> hunt = LesliePredatorPrey([[1.2]], [[0.8]], predation=[[0.5]], conversion=[[0.125]])
        >>> curve = growth_curve(hunt, np.linspace(0, 2, 5))
        >>> print(curve.growth_factor.round(4), curve.perturbative.round(4))
        [1.2    1.1561 1.0112 1.0491 1.1   ] [1.2    1.1609    nan    nan    nan]
    """
    blocks = linear_blocks(model)
    s = _axis("scales", scales)
    if s[0] < 0:
        raise ValueError(f"scales must be at least 0; the first is {s[0]:g}.")
    values = _by_modulus(np.stack([coupled_matrix(blocks, scale) for scale in s]))
    size = np.abs(values[:, 0])
    threshold, reason, expanded = None, "", np.full(s.shape, np.nan)
    try:
        threshold = growth_threshold(model)
        start, coefficient, kind = expansion_terms(blocks)
        end = threshold.max_scale if threshold.scale is None else threshold.scale
        expanded = np.where(s < end, start - s**2 * coefficient, np.nan)
        if kind == "degenerate":
            expanded = np.hypot(start, s * coefficient)
    except (UnableError, ConvergenceError) as why:
        reason = str(why)
    return GrowthCurve(s, values, size, oscillation_periods(values, BLUR * size), expanded, threshold, reason)


def growth_map(
    build: Callable[[float, float], Any],
    x_values: ArrayLike,
    y_values: ArrayLike,
    *,
    x_label: str = "x",
    y_label: str = "y",
) -> GrowthMap:
    r"""Growth factor, period and regime over a plane of two parameters.

    Args:
        build: takes a value of x and one of y, and returns the linear model there, or its matrix $M$, shape
            `(states, states)`, of the same size throughout.
        x_values: rising, shape `(columns,)`.
        y_values: rising, shape `(rows,)`.
        x_label: name of x, for figures and tables.
        y_label: name of y.

    Raises:
        ValueError: for values not rising or not finite, or where `build` returns no finite square matrix of one size.
        UnableError: where `build` returns a clipped model.

    Example:
        >>> found = growth_map(lambda a, s: [[a, -s], [s, 0.5]], [0.5, 1.0, 1.5], [0.0, 0.4])
        >>> print(found.regime.tolist()[1], found.modulus.round(3).tolist()[1])
        ['decaying oscillation', 'decaying oscillation', 'growth'] [0.64, 0.812, 1.3]
    """
    x, y = _axis("x_values", x_values), _axis("y_values", y_values)
    matrices, size = [], None
    for b in y:
        for a in x:
            made = build(float(a), float(b))
            if isinstance(made, LesliePredatorPrey):
                made = coupled_matrix(linear_blocks(made), 1.0)
            matrix = np.asarray(made, np.float64)
            size = matrix.shape if size is None else size
            square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0
            if not square or matrix.shape != size or not np.isfinite(matrix).all():
                raise ValueError(
                    f"build({a:g}, {b:g}) must return a LesliePredatorPrey or a finite square matrix, of the same size "
                    f"everywhere (the first had shape {size}); got shape {matrix.shape}."
                )
            matrices.append(matrix)
    values = _by_modulus(np.stack(matrices))
    modulus = np.abs(values[:, 0])
    period = oscillation_periods(values, BLUR * modulus)
    regime = [
        regime_of(float(m), float(p) if np.isfinite(p) else None, 1e-12) for m, p in zip(modulus, period, strict=True)
    ]
    shape = (len(y), len(x))
    return GrowthMap(
        x, y, modulus.reshape(shape), period.reshape(shape), np.array(regime).reshape(shape), x_label, y_label
    )


def _axis(name: str, values: ArrayLike) -> np.ndarray:
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or not numbers.size or not np.isfinite(numbers).all() or (np.diff(numbers) <= 0).any():
        raise ValueError(f"{name} must be a row of finite, rising numbers; got {np.asarray(values).tolist()}.")
    return numbers


def _by_modulus(matrices: np.ndarray) -> np.ndarray:
    values = np.linalg.eigvals(matrices).astype(complex)
    return np.take_along_axis(values, np.argsort(-np.abs(values), axis=-1, kind="stable"), axis=-1)
