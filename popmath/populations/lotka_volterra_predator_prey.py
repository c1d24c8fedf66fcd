"""Lotka-Volterra predation, an ordinary differential equation."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.competition import initial_abundances
from popmath.populations.growth_equations import integrate_growth
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    parameter_values,
)
from popmath.populations.parameter_ranges import positive
from popmath.populations.predation_blocks import check_pair


@final
class LotkaVolterraPredatorPrey(PopulationModel):
    r"""Lotka-Volterra predation in continuous time: prey without limits of their own, and what eats them.

    $$\frac{dN}{dt} = N\,(r - a P), \qquad \frac{dP}{dt} = P\,(b N - m)$$

    Every solution is a closed cycle around $(m/b,\; r/a)$, of period $2\pi/\sqrt{rm}$ where it is small, on which
    $b N - m \log N + a P - r \log P$ is constant. Integrated as logarithms by Tsitouras' 5(4) method, so that
    abundances stay positive.

    Args:
        species: two names, prey and predator.
        growth_rate: $r$, of the prey alone, per unit of time, at least 0.
        attack: $a$, share of the prey that one predator takes per unit of time, at least 0.
        conversion: $b$, growth of the predators per prey and unit of time, at least 0.
        mortality: $m$, of the predators, per unit of time, at least 0.
        tolerance: relative and absolute tolerance of the integration of log-abundances.

    Raises:
        ValueError: for parameters that are negative, not finite or not single numbers, or not two names.

    Example:
        >>> pair = LotkaVolterraPredatorPrey(("hare", "lynx"), 0.5, 0.025, 0.025, 0.75)
        >>> pair.equilibrium.tolist()
        [30.0, 20.0]

    References:
        Lotka, A. J. (1925), Elements of Physical Biology, chapter 8. Volterra, V. (1926), Nature 118, 558-560.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    growth_rate: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    attack: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    conversion: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    mortality: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    tolerance: float = eqx.field(default=1e-6, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check names, tolerance, shapes and signs."""
        check_pair(self.species)
        check_positive("tolerance", self.tolerance)
        check_parameters(self)

    @property
    def equilibrium(self) -> Float[np.ndarray, " species"]:
        """Where both are constant, $(m/b, r/a)$; inf where a predator takes or gains nothing."""
        p = {name: np.asarray(value, float) for name, value in parameter_values(self).items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array([p["mortality"] / p["conversion"], p["growth_rate"] / p["attack"]])

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state: prey, predator."""
        return (2,)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges."""
        prey, predator = largest
        return {
            "growth_rate": positive(0.2, 1.5, (), "growth rate of the prey alone", "per unit of time"),
            "attack": positive(0.5 / predator, 5.0 / predator, (), "share taken by one predator", "per unit of time"),
            "conversion": positive(0.5 / prey, 5.0 / prey, (), "growth of predators per prey", "per unit of time"),
            "mortality": positive(0.2, 1.5, (), "mortality of the predators", "per unit of time"),
        }

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances at time 0."""
        return initial_abundances(largest, first)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances one unit of time later."""
        return self.states_at(state, np.array([0.0, 1.0]))[1], {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances at any times from 0 on; NaN where the integration needs too many steps."""
        p = parameter_values(self)

        def rates(abundance: Array) -> Array:
            prey, predator = abundance
            return jnp.stack([p["growth_rate"] - p["attack"] * predator, p["conversion"] * prey - p["mortality"]])

        return integrate_growth(rates, state, times, self.tolerance)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
