"""What is believed of a parameter before the data: densities on the parameter's own scale."""

from __future__ import annotations

import dataclasses
from typing import Protocol, final, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln

from popmath._types import Array, Domain, Parameter


@runtime_checkable
class Prior(Protocol):
    """A density of every entry of a parameter, all of them independent."""

    @property
    def domain(self) -> Domain:
        """Where the density lives."""
        ...

    def log_density(self, value: Array) -> Array:
        """Logarithm of the density of each entry."""
        ...


@final
@dataclasses.dataclass(frozen=True)
class Normal:
    r"""$p(x) \propto \exp(-(x - \text{mean})^2 / 2\,\text{sd}^2)$, for parameters of any sign.

    Example:
        >>> round(float(Normal(0.0, 1.0).log_density(np.array([0.0]))[0]), 4)
        -0.9189
    """

    mean: float
    sd: float
    domain: Domain = dataclasses.field(default="real", init=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check(self, {"mean": bool(np.isfinite(self.mean)), "sd": 0 < self.sd < np.inf})

    def log_density(self, value: Array) -> Array:
        """Logarithm of the density of each entry."""
        return -0.5 * ((value - self.mean) / self.sd) ** 2 - np.log(self.sd * np.sqrt(2 * np.pi))


@final
@dataclasses.dataclass(frozen=True)
class HalfNormal:
    r"""$p(x) \propto \exp(-x^2 / 2\,\text{sd}^2)$ for $x > 0$: a positive parameter that shrinks to 0.

    Example:
        >>> round(float(HalfNormal(1.0).log_density(np.array([0.0]))[0]), 4)
        -0.2258
    """

    sd: float
    domain: Domain = dataclasses.field(default="positive", init=False)

    def __post_init__(self) -> None:
        """Check the number."""
        _check(self, {"sd": 0 < self.sd < np.inf})

    def log_density(self, value: Array) -> Array:
        """Logarithm of the density of each entry."""
        return -0.5 * (value / self.sd) ** 2 + np.log(np.sqrt(2 / np.pi) / self.sd)


@final
@dataclasses.dataclass(frozen=True)
class LogNormal:
    r"""$\log x \sim N(\log \text{median}, \text{sd}^2)$: a positive parameter known up to a factor of $e^{\text{sd}}$.

    Example:
        >>> round(float(LogNormal(2.0, 0.5).log_density(np.array([2.0]))[0]), 4)
        -0.9189
    """

    median: float
    sd: float
    domain: Domain = dataclasses.field(default="positive", init=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check(self, {"median": 0 < self.median < np.inf, "sd": 0 < self.sd < np.inf})

    def log_density(self, value: Array) -> Array:
        """Logarithm of the density of each entry."""
        log = jnp.log(value)
        return -0.5 * ((log - np.log(self.median)) / self.sd) ** 2 - log - np.log(self.sd * np.sqrt(2 * np.pi))


@final
@dataclasses.dataclass(frozen=True)
class Beta:
    r"""$p(x) \propto x^{a - 1}(1 - x)^{b - 1}$: a probability, as if seen in $a + b - 2$ trials.

    Example:
        >>> round(float(Beta(2.0, 2.0).log_density(np.array([0.5]))[0]), 4)
        0.4055
    """

    a: float
    b: float
    domain: Domain = dataclasses.field(default="unit", init=False)

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check(self, {"a": 0 < self.a < np.inf, "b": 0 < self.b < np.inf})

    def log_density(self, value: Array) -> Array:
        """Logarithm of the density of each entry."""
        scale = gammaln(self.a + self.b) - gammaln(self.a) - gammaln(self.b)
        return (self.a - 1) * jnp.log(value) + (self.b - 1) * jnp.log1p(-value) + scale


def check_prior(name: str, prior: object, parameter: Parameter) -> None:
    """Refuse what is no prior, or lives elsewhere than the parameter."""
    if not isinstance(prior, Prior):
        raise TypeError(f"the prior of {name} must be a Normal, HalfNormal, LogNormal or Beta; got {prior!r}.")
    if prior.domain != parameter.domain:
        fitting = {"positive": "LogNormal or HalfNormal", "unit": "Beta", "real": "Normal"}[parameter.domain]
        raise ValueError(f"the prior of {name} is for {prior.domain} numbers, {name} is {parameter.domain}: {fitting}.")


def _check(prior: object, right: dict[str, bool]) -> None:
    for name, is_right in right.items():
        if not is_right:
            raise ValueError(f"{name} is out of range in {prior}: deviations, medians, a and b are positive.")
