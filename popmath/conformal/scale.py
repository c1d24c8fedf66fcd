"""A learned scale: how large errors are to be expected, as a function of a few features."""

from __future__ import annotations

import dataclasses

import numpy as np

from popmath.conformal.split import finite_vector


@dataclasses.dataclass(frozen=True, eq=False)
class LearnedScale:
    r"""$s(x) = \exp(w_0 + w \cdot x)$, made by `learn_scale`.

    Attributes:
        weights: $w_0, w_1, \ldots$
    """

    weights: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Scale of each row, positive, shape `(points,)`.

        Raises:
            ValueError: for another number of features, or what is not finite.
        """
        table = _table(features)
        if table.shape[1] != len(self.weights) - 1:
            raise ValueError(f"this scale was learned from {len(self.weights) - 1} features; got {table.shape[1]}.")
        return np.exp(self.weights[0] + table @ self.weights[1:])


def learn_scale(features: np.ndarray, errors: np.ndarray) -> LearnedScale:
    r"""Least squares of $\log |e|$ on features, for scores $|e| / s$ whose size hardly depends on them.

    Learn it from errors that are used neither to train the predictor nor to calibrate the band: then the band is as
    valid as without a scale, and narrower where errors are small.

    Args:
        features: shape `(points, features)`.
        errors: of the predictor, any sign, shape `(points,)`. Errors of exactly 0 count as the smallest other one.

    Raises:
        ValueError: for fewer points than features plus one, what is not finite, or no error that is not 0.

    Example:
        >>> scale = learn_scale(np.log(np.arange(1.0, 9.0))[:, None], 3 * np.arange(1.0, 9.0) ** 2)
        >>> scale(np.log([[10.0]])).round(6)
        array([300.])
    """
    table, size = _table(features), np.abs(finite_vector("errors", errors))
    if len(table) != len(size) or len(size) <= table.shape[1]:
        raise ValueError(
            f"features must have a row for each error, and more rows than columns; got shape {table.shape} for "
            f"{len(size)} errors."
        )
    if not (size > 0).any():
        raise ValueError("every error is 0: there is no scale to learn.")
    size = np.maximum(size, size[size > 0].min())
    design = np.column_stack([np.ones(len(table)), table])
    weights, *_ = np.linalg.lstsq(design, np.log(size), rcond=None)
    return LearnedScale(weights)


def _table(features: np.ndarray) -> np.ndarray:
    table = np.asarray(features, dtype=float)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(f"features must be finite and of shape (points, features); got shape {table.shape}.")
    return table
