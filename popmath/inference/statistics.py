"""What is said of a fit or a forecast: sums of squares, R2, AICc, RMSE, and the persistence baseline."""

from __future__ import annotations

import numpy as np

from popmath.series import Series


def species_scale(series: Series) -> np.ndarray:
    """Mean of each species over the series, inoculum row included; errors are divided by it, shape `(species,)`.

    Raises:
        ValueError: if a species is never seen or always 0.
    """
    totals = np.nansum(series.values, axis=0)
    counts = np.isfinite(series.values).sum(axis=0)
    scale = np.divide(totals, counts, out=np.zeros_like(totals), where=counts > 0)
    if (scale <= 0).any():
        name = series.species[int(np.argmax(scale <= 0))]
        raise ValueError(
            f"series {series.name!r}: {name} is 0 or missing throughout, so there is nothing to fit. Leave it out."
        )
    return scale


def r_squared(predicted: np.ndarray, series: Series) -> np.ndarray:
    """1 - SS_res/SS_tot of each species over its observed entries; NaN where it does not vary."""
    out = np.full(len(series.species), np.nan)
    for i, seen in enumerate(series.observed.T):
        y, p = series.values[seen, i], predicted[seen, i]
        total = np.sum((y - y.mean()) ** 2) if y.size else 0.0
        if total > 0:
            out[i] = 1.0 - np.sum((y - p) ** 2) / total
    return out


def rmse(predicted: np.ndarray, series: Series) -> np.ndarray:
    """Root mean squared error of each species over its observed entries, in the unit of the series."""
    squared = np.where(series.observed, (predicted - series.values) ** 2, np.nan)
    return np.sqrt([np.nanmean(column) if np.isfinite(column).any() else np.nan for column in squared.T])


def corrected_aic(sum_squares: float, num_observed: int, num_free: int) -> float:
    r"""AICc of least squares, $n\log(SS/n) + 2k + 2k(k+1)/(n-k-1)$ with the error variance counted in $k$.

    NaN where there are too few observations for it to exist.

    References:
        Hurvich, C. M. & Tsai, C.-L. (1989), Biometrika 76, 297-307.
    """
    k = num_free + 1
    if num_observed - k - 1 <= 0:
        return float("nan")
    fit = -np.inf if sum_squares == 0 else num_observed * np.log(sum_squares / num_observed)
    return float(fit + 2 * k + 2 * k * (k + 1) / (num_observed - k - 1))


def aicc_of_likelihood(log_likelihood: float, num_observed: int, num_free: int) -> float:
    r"""AICc, $-2\log L + 2k + 2k(k+1)/(n-k-1)$, with all $k$ free numbers, those of the noise included.

    NaN where there are too few observations for it to exist.
    """
    k = num_free
    if num_observed - k - 1 <= 0:
        return float("nan")
    return float(-2 * log_likelihood + 2 * k + 2 * k * (k + 1) / (num_observed - k - 1))


def persistence(series: Series, times: np.ndarray) -> np.ndarray:
    """The baseline forecast: each species stays at its last observed value, shape `(times, species)`.

    Example:
        >>> s = Series([0, 1, 2], [[1.0], [3.0], [4.0]], species=("a",))
        >>> persistence(s, np.array([3, 4])).tolist()
        [[4.0], [4.0]]
    """
    last = [series.values[np.flatnonzero(seen)[-1], i] for i, seen in enumerate(series.observed.T)]
    return np.tile(last, (len(times), 1))


def mean_of_last_five(series: Series, times: np.ndarray) -> np.ndarray:
    """A baseline forecast: each species stays at the mean of its last five observed values, shape `(times, species)`.

    Example:
        >>> s = Series([0, 1, 2], [[1.0], [3.0], [5.0]], species=("a",))
        >>> mean_of_last_five(s, np.array([3, 4])).tolist()
        [[3.0], [3.0]]
    """
    last = [series.values[np.flatnonzero(seen)[-5:], i].mean() for i, seen in enumerate(series.observed.T)]
    return np.tile(last, (len(times), 1))
