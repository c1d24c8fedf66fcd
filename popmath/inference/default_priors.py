"""Priors for every free number of a fit: those given, and a weak one from its starting range for the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, Domain, Parameter
from popmath.inference.domains import Block, ParameterSpace, constrain, unconstrain
from popmath.inference.priors import Prior, check_prior

ERROR_SD = "error_sd"
_ERROR_RANGE = Parameter("positive", np.array([0.05]), np.array([1.0]), "deviation of scaled errors", "")


@final
@dataclasses.dataclass(frozen=True, eq=False)
class RangePrior:
    r"""Normal on the unconstrained scale, with `low` to `high` as its middle 68 % (one deviation to either side).

    For a positive parameter that is $\log x \sim N\bigl(\tfrac12(\log l + \log h), \tfrac14(\log h - \log l)^2\bigr)$;
    for a probability the same holds of $\mathrm{logit}\,x$, for a parameter of any sign of $x$ itself.

    Args:
        domain: of the parameter.
        low: lower end of the range, one entry per number, shape `(numbers,)`.
        high: upper end, same shape.

    Example:
        >>> prior = RangePrior("positive", np.array([0.5]), np.array([2.0]))
        >>> round(float(prior.log_density(np.array([1.0]))[0]), 4)  # log-normal with median 1 and deviation log 2
        -0.5524
    """

    domain: Domain
    low: np.ndarray
    high: np.ndarray

    def log_density(self, value: Array) -> Array:
        """Logarithm of the density of each entry."""
        low, high = unconstrain(self.domain, self.low), unconstrain(self.domain, self.high)
        middle, sd = (low + high) / 2, (high - low) / 2
        if self.domain == "positive":
            free, slope = jnp.log(value), -jnp.log(value)
        elif self.domain == "unit":
            free, slope = jnp.log(value) - jnp.log1p(-value), -jnp.log(value) - jnp.log1p(-value)
        else:
            free, slope = value, 0.0
        return -0.5 * ((free - middle) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi)) + slope

    def __repr__(self) -> str:
        """One line."""
        return f"RangePrior({self.domain!r}, low={self.low.tolist()}, high={self.high.tolist()})"


def with_priors(space: ParameterSpace, given: Mapping[str, Prior], is_squared: bool) -> ParameterSpace:
    """A space in which every free number has a prior; that of least squares ends with the deviation of the errors.

    Args:
        space: of the fit, with its priors.
        given: priors by name that take their place.
        is_squared: whether the errors' deviation, `error_sd`, is a free number as well.

    Raises:
        ValueError: for a name that is not there, or a prior of the wrong domain.
        TypeError: for what is no prior.
    """
    blocks = list(space.blocks)
    if is_squared:
        blocks.append(Block(ERROR_SD, _ERROR_RANGE, np.array([np.nan])))
    names = list(dict.fromkeys(block.name for block in blocks))
    for name in given:
        if name not in names:
            raise ValueError(f"priors: the fit has no {name!r}; it has {', '.join(names)}.")
    out = []
    for block in blocks:
        if block.name in given:
            check_prior(block.name, given[block.name], block.parameter)
        prior = given.get(block.name, block.prior)
        p = block.parameter
        weak = RangePrior(p.domain, p.low[block.free], p.high[block.free])
        out.append(block._replace(prior=weak if prior is None else prior))
    return ParameterSpace(tuple(out))


def log_jacobian(space: ParameterSpace, vector: Array) -> Array:
    """Logarithm of the derivative of the numbers in their domains by the unconstrained ones, summed."""
    total, position = jnp.zeros((), vector.dtype), 0
    for block in space.blocks:
        part = vector[position : position + block.size]
        position += block.size
        if block.parameter.domain == "positive":
            total = total + jnp.sum(part)
        elif block.parameter.domain == "unit":
            total = total + jnp.sum(jax.nn.log_sigmoid(part) + jax.nn.log_sigmoid(-part))
    return total


def samples_by_name(space: ParameterSpace, vectors: np.ndarray) -> dict[str, np.ndarray]:
    """Values in their domains, shape `(chains, draws, *shape)` each; what is given has the same value in all draws."""
    out, position = {}, 0
    for block in space.blocks:
        with jax.enable_x64(True):
            part = constrain(block.parameter.domain, jnp.asarray(vectors[..., position : position + block.size]))
        position += block.size
        whole = np.empty((*vectors.shape[:-1], *block.fixed.shape))
        whole[:] = block.fixed
        whole[..., block.free] = np.asarray(part)
        name = f"{block.name} in {block.where}" if block.where else block.name
        out[name] = whole[..., 0] if block.name == ERROR_SD else whole
    return out
