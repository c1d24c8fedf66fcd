"""How far a curve may lie from the counts: squared errors, or the likelihood of counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Protocol, final, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from popmath._types import Array, Parameter

_LARGE = 100.0  # from here on three terms of Stirling's series are exact to 1e-13
_SMALL = 1e-8  # of the scale: a mean of 0 makes every count but 0 impossible


@runtime_checkable
class Loss(Protocol):
    """What a fit makes small."""

    @property
    def name(self) -> str:
        """For tables."""
        ...

    @property
    def is_squared(self) -> bool:
        """Whether it is a sum of squares, with the variance of the errors estimated from it."""
        ...

    def nuisance(self, num_outputs: int) -> dict[str, Parameter]:
        """Numbers of the noise that are fitted as well, by name; one entry per column of counts."""
        ...

    def log_likelihood(self, mean: Array, counts: Array, scale: Array, noise: Mapping[str, Array]) -> Array:
        """Logarithm of the probability (density) of each count."""
        ...


@final
@dataclasses.dataclass(frozen=True)
class SquaredError:
    r"""Species-scaled least squares: $\sum_i \sum_t ((\hat N_i(t) - N_i(t)) / \bar N_i)^2$.

    $\bar N_i$ is the mean of species $i$ over its series. As a likelihood, the scaled errors are normal with one
    unknown variance, which is replaced by its best value, $SS/n$.

    Example:
        >>> SquaredError().name
        'least squares'
    """

    name: ClassVar[str] = "least squares"
    is_squared: ClassVar[bool] = True

    def nuisance(self, num_outputs: int) -> dict[str, Parameter]:
        """None: the variance is estimated from the sum of squares."""
        return {}

    def log_likelihood(self, mean: Array, counts: Array, scale: Array, noise: Mapping[str, Array]) -> Array:
        """Of normal scaled errors with deviation `noise["sd"]`."""
        sd = noise["sd"]
        return -0.5 * ((counts - mean) / (scale * sd)) ** 2 - jnp.log(sd * scale) - 0.5 * np.log(2 * np.pi)


@final
@dataclasses.dataclass(frozen=True)
class Poisson:
    r"""Counts with variance equal to the mean, $N_i(t) \sim \text{Poisson}(\hat N_i(t))$.

    Example:
        >>> round(float(Poisson().log_likelihood(np.array([2.0]), np.array([3.0]), np.ones(1), {})[0]), 4)
        -1.7123
    """

    name: ClassVar[str] = "Poisson"
    is_squared: ClassVar[bool] = False

    def nuisance(self, num_outputs: int) -> dict[str, Parameter]:
        """None."""
        return {}

    def log_likelihood(self, mean: Array, counts: Array, scale: Array, noise: Mapping[str, Array]) -> Array:
        """Logarithm of the probability of each count; what is no whole number is taken by the gamma function."""
        mean = jnp.maximum(mean, _SMALL * scale)
        return counts * jnp.log(mean) - mean - gammaln(counts + 1)


@final
@dataclasses.dataclass(frozen=True)
class NegativeBinomial:
    r"""Counts with variance proportional to the mean (NB1): $\text{var} = (1 + \phi_i)\,\hat N_i(t)$.

    A negative binomial of size $\hat N_i / \phi_i$; $\phi_i \to 0$ is Poisson. $\phi_i$ = `dispersion[i]` is fitted.
    Gause's replicate counts have a variance of $1.47$ times the mean to the power of $1.15$.

    Example:
        >>> noise = {"dispersion": np.array(1.0)}
        >>> found = NegativeBinomial().log_likelihood(np.array([2.0]), np.array([3.0]), np.ones(1), noise)
        >>> round(float(found[0]), 4)
        -2.0794

    References:
        Cameron, A. C. & Trivedi, P. K. (1986), J. Applied Econometrics 1, 29-53. Gause, G. F. (1934), The Struggle for
        Existence, appendix.
    """

    name: ClassVar[str] = "negative binomial"
    is_squared: ClassVar[bool] = False

    def nuisance(self, num_outputs: int) -> dict[str, Parameter]:
        """The dispersion of each column of counts."""
        low, high = np.full(num_outputs, 0.1), np.full(num_outputs, 10.0)
        return {"dispersion": Parameter("positive", low, high, "variance over mean, less 1", "individuals")}

    def log_likelihood(self, mean: Array, counts: Array, scale: Array, noise: Mapping[str, Array]) -> Array:
        """Logarithm of the probability of each count; what is no whole number is taken by the gamma function."""
        mean, dispersion = jnp.maximum(mean, _SMALL * scale), noise["dispersion"]
        size = mean / dispersion
        log_one = jnp.log1p(dispersion)
        return _rising(size, counts, dispersion) - (counts + size) * log_one - gammaln(counts + 1)


@final
@dataclasses.dataclass(frozen=True)
class LogNormalError:
    r"""Errors in proportion: $\log N_i(t) \sim N(\log \hat N_i(t), \sigma_i^2)$, with $\sigma_i$ = `log_sd[i]` fitted.

    A count of 0 has no logarithm: both sides are taken plus `offset`.

    Args:
        offset: added to counts and curve, in the unit of the counts, at least 0.

    Example:
        >>> noise = {"log_sd": np.array(0.5)}
        >>> found = LogNormalError().log_likelihood(np.array([2.0]), np.array([2.0]), np.ones(1), noise)
        >>> round(float(found[0]), 4)
        -0.9189
    """

    offset: float = 0.0
    name: ClassVar[str] = "log-normal"
    is_squared: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the offset."""
        if not 0 <= self.offset < np.inf:
            raise ValueError(f"offset must be finite and at least 0; got {self.offset}.")

    def nuisance(self, num_outputs: int) -> dict[str, Parameter]:
        """The deviation of the logarithms of each column of counts."""
        low, high = np.full(num_outputs, 0.05), np.full(num_outputs, 0.5)
        return {"log_sd": Parameter("positive", low, high, "deviation of the logarithms", "")}

    def log_likelihood(self, mean: Array, counts: Array, scale: Array, noise: Mapping[str, Array]) -> Array:
        """Logarithm of the density of each count."""
        there = jnp.log(counts + self.offset)
        error = there - jnp.log(jnp.maximum(mean, _SMALL * scale) + self.offset)
        sd = noise["log_sd"]
        return -0.5 * (error / sd) ** 2 - there - jnp.log(sd) - 0.5 * np.log(2 * np.pi)


def _rising(size: Array, counts: Array, dispersion: Array) -> Array:
    r"""$\log \phi^c\,\Gamma(s + c)/\Gamma(s)$, by Stirling's series where $s$ is large and the difference cancels."""
    large = size > _LARGE
    s = jnp.where(large, size, _LARGE)
    series = [1 / (12 * x) - 1 / (360 * x**3) for x in (s + counts, s)]
    by_series = (s - 0.5) * jnp.log1p(counts / s) - counts + series[0] - series[1]
    by_series = by_series + counts * jnp.log(s * dispersion + counts * dispersion)
    near = jnp.where(large, _LARGE, size)
    exactly = gammaln(near + counts) - gammaln(near) + counts * jnp.log(dispersion)
    return jnp.where(large, by_series, exactly)


def check_counts(loss: Loss, counts: np.ndarray, name: str) -> None:
    """Refuse observed `counts` that the loss gives no probability."""
    if not isinstance(loss, Loss):
        raise TypeError(
            f"loss must be SquaredError(), NegativeBinomial(), Poisson() or LogNormalError(); got {loss!r}."
        )
    if isinstance(loss, LogNormalError) and loss.offset == 0 and (counts <= 0).any():
        raise ValueError(
            f"series {name!r} has counts of 0, which have no logarithm: use LogNormalError(offset=...), such as half "
            "an individual, or NegativeBinomial()."
        )
