"""`PrefitRegressor`: any trained predictor, JAX or plain, in the form that MAPIE calibrates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class PrefitRegressor:
    """A trained predictor for MAPIE's classes with `prefit=True`.

    MAPIE asks for predictions of any number of rows; compiled JAX code is compiled anew for each. Rows are therefore
    filled up with copies to a power of 2 and the copies' predictions dropped; single precision becomes double.

    Args:
        predict: gives one finite prediction for each row of an array, shape `(rows,)`.
        fill: fill up; False for predictors that are not compiled, or whose rows are not independent.

    Raises:
        ValueError: by `predict`, if what comes back has another shape or is not finite.

    Example:
        >>> from mapie.regression import SplitConformalRegressor
        >>> doubled = PrefitRegressor(lambda rows: 2 * rows[:, 0])
        >>> mapie = SplitConformalRegressor(doubled, confidence_level=0.9, prefit=True)
        >>> _ = mapie.conformalize(np.arange(19.0)[:, None], 2 * np.arange(19.0) + np.arange(19.0))
        >>> mapie.predict_interval(np.array([[50.0]]))[1][0, :, 0]
        array([ 83., 117.])

    References:
        MAPIE, `SplitConformalRegressor`.
    """

    is_fitted = True

    def __init__(self, predict: Callable[[np.ndarray], Any], fill: bool = True) -> None:
        """See the class."""
        self._predict = predict
        self._fill = fill

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        """Refuse: it is trained."""
        raise RuntimeError("a PrefitRegressor is trained already: use it with prefit=True.")

    def predict(self, x: np.ndarray) -> np.ndarray:
        """One prediction for each row, float64."""
        rows = np.asarray(x)
        size = len(rows)
        if self._fill and size:
            rows = rows[np.resize(np.arange(size), 1 << (size - 1).bit_length())]
        found = np.asarray(self._predict(rows), dtype=float)
        if found.shape != (len(rows),):
            raise ValueError(f"predict must give one number for each row, shape ({len(rows)},); got {found.shape}.")
        if not np.isfinite(found).all():
            raise ValueError(f"{int((~np.isfinite(found[:size])).sum())} of {size} predictions are not finite.")
        return found[:size]
