"""Leslie-Gower competition."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.competition import carrying_capacity, competition_parameter, initial_abundances
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
class LeslieGower(PopulationModel):
    r"""Leslie-Gower competition: the Beverton-Holt form for any number of species, in discrete time.

    $$N_i(t+1) = \frac{\lambda_i N_i(t)}{1 + \sum_j a_{ij} N_j(t)}$$

    Not the Leslie (1945) matrix model, which is linear and structured by age. Alone, species $i$ settles at
    $(\lambda_i - 1)/a_{ii}$.

    Args:
        species: names, one or more.
        growth_factor: $\lambda_i$, growth per projection interval at low density, shape `(species,)`, at least 0.
        competition: $a_{ij}$, the effect of species j on species i, per unit of abundance, shape
            `(species, species)`, at least 0.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, negative or non-finite parameters, or repeated names.

    Example:
        >>> model = LeslieGower(("a",), growth_factor=[3.0], competition=[[0.02]])
        >>> model.carrying_capacity.tolist()
        [100.0]

    References:
        Leslie, P. H. & Gower, J. C. (1958), Biometrika 45, 316-330. Leslie, P. H. (1958), Biometrika 45, 16-31.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    growth_factor: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species species"] | None = eqx.field(default=None, converter=as_parameter)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check the interval, shapes and signs."""
        check_positive("interval", self.interval)
        check_parameters(self)

    @property
    def carrying_capacity(self) -> Float[Array, " species"]:
        r"""Abundance at which each species settles alone, $(\lambda_i - 1)/a_{ii}$; inf where $a_{ii}$ is 0."""
        return carrying_capacity(self, lambda p: p["growth_factor"] - 1.0)

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return (len(self.species),)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges."""
        k = len(self.species)
        return {
            "growth_factor": Parameter(
                "positive", np.full(k, 1.2), np.full(k, 6.0), "growth factor at low density", "per interval"
            ),
            "competition": competition_parameter(largest),
        }

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances at time 0."""
        return initial_abundances(largest, first)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances one interval later."""
        p = parameter_values(self)
        return p["growth_factor"] * state / (1.0 + jnp.dot(p["competition"], state)), {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances at any times from 0 on; between steps they are interpolated geometrically."""
        return states_by_steps(self, state, times, self.interval)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
