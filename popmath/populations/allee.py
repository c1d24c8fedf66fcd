"""Two dimensionless predator-prey models: logistic prey, and prey with an Allee effect, in Euler steps."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array
from popmath.populations.model import PopulationModel, as_species


def _as_number(value: object) -> Array:
    """A number in float64, or what JAX is tracing."""
    return value if isinstance(value, Tracer) else np.asarray(value, np.float64)


def _check_numbers(model: PopulationModel, names: tuple[str, ...]) -> None:
    """Refuse species that are not two, and numbers that are not positive and finite; tracers pass."""
    if len(model.species) != 2:
        raise ValueError(f"species must be two names, prey and predator; got {model.species}.")
    for name in names:
        value = getattr(model, name)
        if np.shape(value) != ():
            raise ValueError(f"{name} must be one number; got shape {np.shape(value)}.")
        if not isinstance(value, Tracer) and not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite; got {float(value)}.")


def _pair(prey: Array, predator: Array) -> Float[Array, " species"]:
    return jnp.stack([jnp.asarray(prey), jnp.asarray(predator)])


@final
class LogisticPredatorPrey(PopulationModel):
    r"""Logistic prey and a predator limited by its prey, without dimensions, in Euler steps.

    $$\frac{dN}{dt} = r N (1 - N) - a N P,\qquad \frac{dP}{dt} = a P (N - P)$$

    The flow is `rate`; `step` goes on by $h$ = `interval` along it, $z(t + 1) = z(t) + h\,\dot z$: a discrete-time
    model of its own, which can lose the stability that the flow always has. The coexistence point is
    $N^* = P^* = r/(r + a)$, with trace $-(r + a) N^*$ and determinant $a (r + a) N^{*2}$: stable.

    Args:
        species: names of prey and predator.
        growth_rate: $r$ > 0.
        attack_rate: $a$ > 0.
        interval: length $h$ > 0 of an Euler step.

    Raises:
        ValueError: for numbers that are not positive and finite, or not two species.

    Example:
        >>> LogisticPredatorPrey(growth_rate=3.0, attack_rate=1.0).fixed_point.tolist()
        [0.75, 0.75]

    References:
        Merdan, H. (2010), ANZIAM J. 52 (Lotka-Volterra type systems with Allee effects): equations from memory of that
        literature, results derived here.
    """

    species: tuple[str, ...] = eqx.field(default=("prey", "predator"), static=True, converter=as_species)
    growth_rate: Float[Array, ""] = eqx.field(converter=_as_number, kw_only=True)
    attack_rate: Float[Array, ""] = eqx.field(converter=_as_number, kw_only=True)
    interval: Float[Array, ""] = eqx.field(default=0.1, converter=_as_number, kw_only=True)

    def __check_init__(self) -> None:
        """Check the numbers and the names."""
        _check_numbers(self, ("growth_rate", "attack_rate", "interval"))

    @property
    def fixed_point(self) -> Float[np.ndarray, " species"]:
        """The coexistence point $r / (r + a)$, prey and predator alike."""
        return np.full(2, float(self.growth_rate) / float(self.growth_rate + self.attack_rate))

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return (2,)

    def rate(self, state: Array) -> Float[Array, " species"]:
        """The vector field: change of prey and predator per unit of time."""
        prey, predator = state[0], state[1]
        taken = self.attack_rate * prey * predator
        return _pair(self.growth_rate * prey * (1 - prey) - taken, taken - self.attack_rate * predator**2)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """One Euler step on; `negative` says whether it went below 0."""
        after = state + self.interval * self.rate(state)
        return after, {"negative": jnp.any(after < 0)}

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states


@final
class AlleePredatorPrey(PopulationModel):
    r"""The model of `LogisticPredatorPrey` with prey that grow worse where they are few (Allee effect).

    $$\frac{dN}{dt} = r\,\frac{N}{\beta + N}\,N (1 - N) - a N P,\qquad \frac{dP}{dt} = a P (N - P)$$

    in Euler steps of length `interval`. The coexistence point $N^* = P^* = (r - a\beta)/(r + a)$ needs
    $\beta < r/a$. Its trace $-(r + a) N^{*2}/(\beta + N^*)$ and determinant $a (r + a) N^{*3}/(\beta + N^*)$ say that
    it is stable; both are $N^*/(\beta + N^*)$ of the expressions without the effect. So a focus is approached
    more slowly than without; where there it is a node, the approach may be faster.

    Args:
        species: names of prey and predator.
        growth_rate: $r$ > 0.
        attack_rate: $a$ > 0.
        allee_constant: $\beta$ > 0, the abundance at which growth is half of that without the effect.
        interval: length $h$ > 0 of an Euler step.

    Raises:
        ValueError: for numbers that are not positive and finite, or not two species.

    Example:
        >>> AlleePredatorPrey(growth_rate=3.0, attack_rate=1.0, allee_constant=1.0).fixed_point.tolist()
        [0.5, 0.5]

    References:
        Merdan, H. (2010), ANZIAM J. 52 (Lotka-Volterra type systems with Allee effects): equations from memory of that
        literature, results derived here. Allee, W. C. (1931), Animal Aggregations.
    """

    species: tuple[str, ...] = eqx.field(default=("prey", "predator"), static=True, converter=as_species)
    growth_rate: Float[Array, ""] = eqx.field(converter=_as_number, kw_only=True)
    attack_rate: Float[Array, ""] = eqx.field(converter=_as_number, kw_only=True)
    allee_constant: Float[Array, ""] = eqx.field(converter=_as_number, kw_only=True)
    interval: Float[Array, ""] = eqx.field(default=0.1, converter=_as_number, kw_only=True)

    def __check_init__(self) -> None:
        """Check the numbers and the names."""
        _check_numbers(self, ("growth_rate", "attack_rate", "allee_constant", "interval"))

    @property
    def fixed_point(self) -> Float[np.ndarray, " species"]:
        r"""The coexistence point $(r - a\beta)/(r + a)$, prey and predator alike.

        Raises:
            ValueError: if $\beta \ge r/a$: there is none.
        """
        r, a, beta = float(self.growth_rate), float(self.attack_rate), float(self.allee_constant)
        if beta >= r / a:
            raise ValueError(
                f"prey and predator do not coexist: allee_constant {beta:g} must be below growth_rate / attack_rate = "
                f"{r / a:g}. Take a weaker Allee effect or a smaller attack rate."
            )
        return np.full(2, (r - a * beta) / (r + a))

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return (2,)

    def rate(self, state: Array) -> Float[Array, " species"]:
        """The vector field: change of prey and predator per unit of time."""
        prey, predator = state[0], state[1]
        taken = self.attack_rate * prey * predator
        growth = self.growth_rate * prey**2 * (1 - prey) / (self.allee_constant + prey)
        return _pair(growth - taken, taken - self.attack_rate * predator**2)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """One Euler step on; `negative` says whether it went below 0."""
        after = state + self.interval * self.rate(state)
        return after, {"negative": jnp.any(after < 0)}

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
