"""Diffusion approximation of counts (Dennis, Munholland & Scott 1991): growth, its variance, and extinction times."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats

from popmath._types import ArrayLike

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True)
class DiffusionFit:
    r"""Log abundance as Brownian motion with drift, fitted to counts.

    Attributes:
        mu: drift $\mu$ of log abundance, per unit of time.
        sigma2: its infinitesimal variance $\sigma^2$ (unbiased estimate), per unit of time.
        mu_interval: confidence interval of `mu` (Student t).
        sigma2_interval: confidence interval of `sigma2` (chi square).
        growth_rate: continuous rate of growth of the mean, $\mu + \sigma^2/2$, per unit of time.
        confidence_level: of both intervals.
        num_transitions: counts less one.
        duration: last time less first.
        last_count: the last count; where extinction times start unless told otherwise.
    """

    mu: float
    sigma2: float
    mu_interval: tuple[float, float]
    sigma2_interval: tuple[float, float]
    growth_rate: float
    confidence_level: float
    num_transitions: int
    duration: float
    last_count: float

    def extinction(self, threshold: float, abundance: float | None = None) -> ExtinctionTime:
        """Law of the time to fall to `threshold`, from `abundance` (the last count if None)."""
        return extinction_time(self.mu, self.sigma2, self.last_count if abundance is None else abundance, threshold)

    def summary(self) -> str:
        """Both estimates with their intervals."""
        rows = (("mu", self.mu, self.mu_interval), ("sigma2", self.sigma2, self.sigma2_interval))
        lines = [
            f"{name:<6} {value:.5g} ({low:.5g} to {high:.5g}) per unit of time" for name, value, (low, high) in rows
        ]
        head = f"{self.num_transitions} transitions in {self.duration:g}; {100 * self.confidence_level:g} % intervals"
        return "\n".join([head, *lines])

    def to_dataframe(self) -> pandas.DataFrame:
        """Estimates and intervals, one row per parameter."""
        import pandas as pd

        rows = {"mu": (self.mu, *self.mu_interval), "sigma2": (self.sigma2, *self.sigma2_interval)}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])


@dataclasses.dataclass(frozen=True)
class ExtinctionTime:
    r"""Law of the first time that Brownian motion with drift falls by `log_distance`.

    Times are in the unit of `mu` and `sigma2`. Given that the threshold is reached at all, the time is inverse
    Gaussian with mean $d/|\mu|$ and shape $d^2/\sigma^2$, $d$ = `log_distance`.

    Attributes:
        mu: drift of log abundance.
        sigma2: its infinitesimal variance.
        log_distance: $d = \log(n_0 / n_e)$.
        probability: to reach the threshold ever: 1 for $\mu \le 0$, else $\exp(-2\mu d/\sigma^2)$.
        mean_time: given that it is reached; infinite for $\mu = 0$.
        variance_time: $d \sigma^2/|\mu|^3$, given that it is reached; infinite for $\mu = 0$.
        median_time: half of the populations that reach the threshold have done so by then.
        most_likely_time: mode of the density.
    """

    mu: float
    sigma2: float
    log_distance: float
    probability: float
    mean_time: float
    variance_time: float
    median_time: float
    most_likely_time: float

    def cdf(self, times: ArrayLike | float, *, given_extinction: bool = False) -> np.ndarray:
        r"""Probability to have reached the threshold by each of `times`.

        $$G(t) = \Phi\Bigl(\frac{-d - \mu t}{\sigma\sqrt t}\Bigr)
        + e^{-2\mu d/\sigma^2}\,\Phi\Bigl(\frac{-d + \mu t}{\sigma\sqrt t}\Bigr)$$

        Args:
            times: at least 0, any shape.
            given_extinction: divide by the probability to reach the threshold ever.

        Returns:
            Probabilities, shape of `times`.

        Raises:
            ValueError: if a time is negative or not a number.

        Example:
            >>> float(extinction_time(-0.1, 0.04, 100.0, 1.0).cdf(46.0).round(3))
            0.556

        References:
            Dennis, B., Munholland, P. L. & Scott, J. M. (1991), Ecol. Monogr. 61, 115-143, eq. 16 and 84.
        """
        points = np.asarray(times, np.float64)
        if not (points >= 0).all():
            raise ValueError(f"times must be at least 0; got {points.min()}.")
        drift = -abs(self.mu) if given_extinction else self.mu
        return _passage(points, drift, self.sigma2, self.log_distance)


def fit_diffusion(times: ArrayLike, counts: ArrayLike, *, confidence_level: float = 0.95) -> DiffusionFit:
    r"""Estimate drift and variance of log abundance from counts, which may be unequally spaced.

    $$\hat\mu = \frac{\log(n_q/n_0)}{t_q - t_0},\qquad
    \hat\sigma^2 = \frac{1}{q-1}\sum_{i=1}^{q}\frac{\bigl(\log(n_i/n_{i-1}) - \hat\mu\,\tau_i\bigr)^2}{\tau_i},\qquad
    \tau_i = t_i - t_{i-1}$$

    the regression through the origin of $\log(n_i/n_{i-1})/\sqrt{\tau_i}$ on $\sqrt{\tau_i}$. All variation is taken
    for that of the environment: counting errors make $\hat\sigma^2$ too large.

    Args:
        times: when the counts were made, shape `(counts,)`, ascending, in any unit of time.
        counts: shape `(counts,)`, at least 3 of them, positive.
        confidence_level: of the intervals.

    Returns:
        Estimates and intervals.

    Raises:
        ValueError: if a count is missing, zero or negative, times do not ascend, or there are too few.

    Example:
        >>> fit = fit_diffusion([2000, 2001, 2003, 2004], [100, 110, 90, 95])
        >>> round(fit.mu, 5), round(fit.sigma2, 5)
        (-0.01282, 0.01574)

    References:
        Dennis, B., Munholland, P. L. & Scott, J. M. (1991), Ecol. Monogr. 61, 115-143. Morris, W. F. & Doak, D. F.
        (2002), Quantitative Conservation Biology, chapter 3.
    """
    when, number = np.asarray(times, np.float64), np.asarray(counts, np.float64)
    if when.ndim != 1 or when.shape != number.shape or when.size < 3:
        raise ValueError(
            f"times and counts must have one shape (counts,) with at least 3 entries; got {when.shape} "
            f"and {number.shape}."
        )
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must lie between 0 and 1; got {confidence_level}.")
    for name, values in (("times", when), ("counts", number)):
        if not np.isfinite(values).all():
            index = int(np.argmin(np.isfinite(values)))
            raise ValueError(
                f"{name} must be finite: {name}[{index}] is {values[index]}. Leave out the whole row of a missing "
                f"value; the times that remain may be unequally spaced."
            )
    if not (number > 0).all():
        index = int(np.argmin(number > 0))
        raise ValueError(
            f"counts must be positive, the model is one of their logarithm: counts[{index}] at time {when[index]:g} is "
            f"{number[index]:g}. End the series before it, or count a longer interval."
        )
    gaps = np.diff(when)
    if not (gaps > 0).all():
        index = int(np.argmin(gaps > 0))
        raise ValueError(f"times must ascend; times[{index + 1}] = {when[index + 1]:g} follows {when[index]:g}.")
    logs = np.diff(np.log(number))
    transitions, duration = logs.size, float(when[-1] - when[0])
    mu = float(logs.sum() / duration)
    free = transitions - 1
    sigma2 = float(np.sum((logs - mu * gaps) ** 2 / gaps) / free)
    tail = (1 - confidence_level) / 2
    half = float(scipy.stats.t.isf(tail, free)) * math.sqrt(sigma2 / duration)
    spread = [free * sigma2 / float(quantile(tail, free)) for quantile in (scipy.stats.chi2.isf, scipy.stats.chi2.ppf)]
    return DiffusionFit(
        mu=mu,
        sigma2=sigma2,
        mu_interval=(mu - half, mu + half),
        sigma2_interval=(spread[0], spread[1]),
        growth_rate=mu + sigma2 / 2,
        confidence_level=float(confidence_level),
        num_transitions=transitions,
        duration=duration,
        last_count=float(number[-1]),
    )


def extinction_time(mu: float, sigma2: float, abundance: float, threshold: float) -> ExtinctionTime:
    r"""Law of the time at which a population with given drift and variance falls to a threshold.

    Args:
        mu: drift of log abundance, per unit of time.
        sigma2: its infinitesimal variance, per unit of time, positive.
        abundance: $n_0$ now.
        threshold: $n_e$, positive and below `abundance`: 1 for the last individual, more for quasi-extinction.

    Returns:
        Probability to reach it, moments of the time, and its `cdf`.

    Raises:
        ValueError: for values outside these ranges.

    Example:
        >>> risk = extinction_time(0.02, 0.01, abundance=20.0, threshold=10.0)
        >>> round(risk.probability, 6), round(risk.mean_time, 3)
        (0.0625, 34.657)

    References:
        Dennis, B., Munholland, P. L. & Scott, J. M. (1991), Ecol. Monogr. 61, 115-143. Lande, R. & Orzack, S. H.
        (1988), Proc. Natl. Acad. Sci. USA 85, 7418-7421.
    """
    if not math.isfinite(mu):
        raise ValueError(f"mu must be finite; got {mu}.")
    if not (math.isfinite(sigma2) and sigma2 > 0):
        raise ValueError(
            f"sigma2 must be positive and finite; got {sigma2}. Without noise the time is log(n0/ne)/|mu|."
        )
    if not (0 < threshold < abundance < math.inf):
        raise ValueError(f"threshold must be positive and below abundance; got {threshold} and {abundance}.")
    distance = math.log(abundance / threshold)
    speed = abs(mu)
    mean = distance / speed if speed > 0 else math.inf
    scale = distance**2 / sigma2
    # mode of the inverse Gaussian, in the form that also holds for speed 0
    mode = 2 * scale / (3 + math.sqrt(9 + 4 * (scale * speed / distance) ** 2))
    high = mode

    def beyond_half(time: float) -> float:
        return float(_passage(np.asarray(time), -speed, sigma2, distance)) - 0.5

    while beyond_half(high) < 0:
        high *= 2
    median = scipy.optimize.brentq(beyond_half, 0.0, high, xtol=1e-14 * high, rtol=1e-14)
    return ExtinctionTime(
        mu=float(mu),
        sigma2=float(sigma2),
        log_distance=distance,
        probability=1.0 if mu <= 0 else math.exp(-2 * mu * distance / sigma2),
        mean_time=mean,
        variance_time=distance * sigma2 / speed**3 if speed > 0 else math.inf,
        median_time=median,
        most_likely_time=mode,
    )


def _passage(times: np.ndarray, mu: float, sigma2: float, distance: float) -> np.ndarray:
    """Probability that Brownian motion with drift has fallen by `distance`, without overflow in the second term."""
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(sigma2 * times)
        direct = scipy.special.ndtr((-distance - mu * times) / root)
        reflected = np.exp(-2 * mu * distance / sigma2 + scipy.special.log_ndtr((-distance + mu * times) / root))
        total = np.where(times == 0, 0.0, direct + reflected)
        limit = 1.0 if mu <= 0 else math.exp(-2 * mu * distance / sigma2)
        return np.asarray(np.minimum(np.where(np.isinf(times), limit, total), 1.0))
