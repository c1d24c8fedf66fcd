"""Lotka-Volterra competition, an ordinary differential equation."""

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
from popmath.populations.growth_equations import integrate_growth
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    parameter_values,
)


@final
class LotkaVolterraCompetition(PopulationModel):
    r"""Lotka-Volterra competition in continuous time.

    $$\frac{dN_i}{dt} = N_i\Bigl(r_i - \sum_j a_{ij} N_j\Bigr)$$

    In the textbook form $r_i N_i (1 - \sum_j \alpha_{ij} N_j / K_i)$ the carrying capacity is $K_i = r_i/a_{ii}$ and
    $\alpha_{ij} = a_{ij}/a_{ii}$. Integrated as $\log N_i$ by Tsitouras' 5(4) method, so that abundances stay
    positive.

    Args:
        species: names, one or more.
        growth_rate: $r_i$, per unit of time, shape `(species,)`.
        competition: $a_{ij}$, the effect of species j on species i, per unit of abundance and of time, shape
            `(species, species)`, at least 0.
        tolerance: relative and absolute tolerance of the integration of log-abundances.

    Raises:
        ValueError: for wrong shapes, negative competition, non-finite parameters, or repeated names.

    Example:
        >>> model = LotkaVolterraCompetition(("a",), growth_rate=[0.5], competition=[[0.005]])
        >>> model.carrying_capacity.tolist()
        [100.0]

    References:
        Volterra, V. (1926), Nature 118, 558-560. Gause, G. F. (1934), The Struggle for Existence, chapter 3.
        Tsitouras, C. (2011), Computers & Mathematics with Applications 62, 770-775.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    growth_rate: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species species"] | None = eqx.field(default=None, converter=as_parameter)
    tolerance: float = eqx.field(default=1e-6, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check the tolerance, shapes and signs."""
        check_positive("tolerance", self.tolerance)
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
        """Abundances one unit of time later."""
        return self.states_at(state, np.array([0.0, 1.0]))[1], {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances at any times from 0 on; NaN where the integration needs too many steps."""
        p = parameter_values(self)

        def rates(abundance: Array) -> Array:
            return p["growth_rate"] - jnp.dot(p["competition"], abundance)

        return integrate_growth(rates, state, times, self.tolerance)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
