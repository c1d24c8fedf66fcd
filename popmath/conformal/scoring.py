"""Scores of probabilistic forecasts, and how much coverage may differ from its level by chance."""

from __future__ import annotations

import numpy as np

from popmath.conformal.split import check_confidence_level


def crps_from_samples(samples: np.ndarray, truth: np.ndarray | float, *, fair: bool = True) -> np.ndarray:
    r"""Continuous ranked probability score of an ensemble; lower is better, in the unit of the truth.

    $\frac1m \sum_k |x_k - y| - \frac{1}{2 m (m - 1)} \sum_{k, l} |x_k - x_l|$: the fair version, whose mean does not
    depend on the number $m$ of members; the unfair one divides by $2 m^2$ and is the score of the ensemble's own step
    function. The double sum is taken from the sorted members.

    Args:
        samples: shape `(members, ...)`, finite; at least two members if fair.
        truth: shape `(...)`; NaN gives NaN.
        fair: which version.

    Raises:
        ValueError: if shapes disagree, or there are too few members.

    Example:
        >>> crps_from_samples(np.array([1.0, 3.0]), 2.0), crps_from_samples(np.array([1.0, 3.0]), 2.0, fair=False)
        (array(0.), array(0.5))

    References:
        Ferro, C. A. T. (2014), Quarterly Journal of the Royal Meteorological Society 140(683), 1917-1923. Gneiting, T.
        & Raftery, A. E. (2007), Journal of the American Statistical Association 102(477), 359-378, section 4.2.
    """
    members, target = np.asarray(samples, dtype=float), np.asarray(truth, dtype=float)
    if members.ndim == 0 or members.shape[1:] != target.shape:
        raise ValueError(f"samples must be members times the shape of truth {target.shape}; got {members.shape}.")
    size = len(members)
    if size < (2 if fair else 1):
        raise ValueError(f"crps_from_samples needs at least {2 if fair else 1} members; got {size}.")
    if not np.isfinite(members).all():
        raise ValueError("samples must be finite.")
    rank = (2.0 * np.arange(size) - size + 1).reshape(-1, *(1,) * target.ndim)
    pairs = (rank * np.sort(members, axis=0)).sum(axis=0)  # of |x_k - x_l| over k < l
    return np.asarray(np.abs(members - target).mean(axis=0) - pairs / (size * (size - 1 if fair else size)))


def interval_score(
    lower: np.ndarray | float, upper: np.ndarray | float, truth: np.ndarray | float, confidence_level: float
) -> np.ndarray:
    r"""Width of a central interval, plus $2/\alpha$ times what the truth lies outside of it; lower is better.

    Args:
        lower: shape `(...)`.
        upper: same shape, nowhere below `lower`.
        truth: same shape; NaN gives NaN.
        confidence_level: $1 - \alpha$, between 0 and 1.

    Raises:
        ValueError: for a level out of range, or an upper end below the lower.

    Example:
        >>> interval_score(0.0, 10.0, np.array([5.0, 11.0, -2.0]), 0.9)
        array([10., 30., 50.])

    References:
        Gneiting, T. & Raftery, A. E. (2007), Journal of the American Statistical Association 102(477), 359-378,
        equation 43.
    """
    check_confidence_level(confidence_level)
    low, high, target = (np.asarray(values, dtype=float) for values in (lower, upper, truth))
    if (high < low).any():
        raise ValueError("upper lies below lower.")
    outside = np.maximum(low - target, 0.0) + np.maximum(target - high, 0.0)
    return high - low + 2.0 / (1.0 - confidence_level) * outside


def binomial_interval(level: float, count: int, confidence: float = 0.99) -> tuple[float, float]:
    """Shares between which observed coverage lies with at least this confidence, if its true value is `level`.

    Holds for `count` independent points. Neighbouring days or species of one series are not: count series then.

    Args:
        level: true coverage, between 0 and 1.
        count: independent points, at least 1.
        confidence: probability of lying between, both ends included; each side keeps half of the rest.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> binomial_interval(0.9, 200, 0.95)
        (0.855, 0.94)
    """
    from scipy.stats import binom

    check_confidence_level(level)
    check_confidence_level(confidence)
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}.")
    low, high = binom.ppf([(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0], count, level)
    return float(low / count), float(high / count)
