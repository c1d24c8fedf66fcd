"""Ricker competition."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.competition import (
    carrying_capacity,
    competition_parameter,
    growth_rate_parameter,
    initial_abundances,
)
from popmath.populations.fractional_times import states_by_steps
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    parameter_values,
)


@final
class Ricker(PopulationModel):
    r"""Ricker competition: overcompensating density dependence, in discrete time.

    $$N_i(t+1) = N_i(t)\,\exp\Bigl(r_i - \sum_j a_{ij} N_j(t)\Bigr)$$

    Alone, species $i$ settles at $r_i/a_{ii}$ if $0 < r_i < 2$; beyond, it oscillates.

    Args:
        species: names, one or more.
        growth_rate: $r_i$, per projection interval, shape `(species,)`.
        competition: $a_{ij}$, the effect of species j on species i, per unit of abundance, shape
            `(species, species)`, at least 0.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, negative competition, non-finite parameters, or repeated names.

    Example:
        >>> model = Ricker(("a",), growth_rate=[0.5], competition=[[0.005]])
        >>> model.carrying_capacity.tolist()
        [100.0]

    References:
        Ricker, W. E. (1954), Journal of the Fisheries Research Board of Canada 11, 559-623.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    growth_rate: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species species"] | None = eqx.field(default=None, converter=as_parameter)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check the interval, shapes and signs."""
        check_positive("interval", self.interval)
        check_parameters(self)

    @property
    def carrying_capacity(self) -> Float[Array, " species"]:
        """Abundance at which each species settles alone, $r_i/a_{ii}$; inf where $a_{ii}$ is 0."""
        return carrying_capacity(self, lambda p: p["growth_rate"])

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return (len(self.species),)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges."""
        return {"growth_rate": growth_rate_parameter(largest), "competition": competition_parameter(largest)}

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances at time 0."""
        return initial_abundances(largest, first)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances one interval later."""
        p = parameter_values(self)
        return state * jnp.exp(p["growth_rate"] - jnp.dot(p["competition"], state)), {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances at any times from 0 on; between steps they are interpolated geometrically."""
        return states_by_steps(self, state, times, self.interval)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
