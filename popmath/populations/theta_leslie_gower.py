"""Leslie-Gower competition with an exponent: how sharply growth falls with density."""

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
class ThetaLeslieGower(PopulationModel):
    r"""Leslie-Gower competition with Maynard Smith and Slatkin's exponent, in discrete time.

    $$N_i(t+1) = \frac{\lambda_i N_i(t)}{1 + \bigl(\sum_j a_{ij} N_j(t)\bigr)^{\theta_i}}$$

    With $\theta_i = 1$ it is `LeslieGower`. Above 1 competition is weak until it is crowded and then overcompensates;
    below 1 it is felt early and saturates. The exponent stands inside, on the weighted density alone (Maynard Smith and
    Slatkin), and not outside, as in $\lambda N/(1 + aN)^\theta$ (Hassell): so $a_{ii}$ keeps its meaning, at
    $a_{ii} N = 1$ growth is halved whatever $\theta$ is. Alone, species $i$ settles at
    $(\lambda_i - 1)^{1/\theta_i}/a_{ii}$ if $\theta_i (1 - 1/\lambda_i) < 2$; beyond, it oscillates.

    Where the weighted density is 0 its power counts as constant: derivatives there are finite, also for
    $\theta_i < 1$, where the true slope is infinite.

    Args:
        species: names, one or more.
        growth_factor: $\lambda_i$, growth per projection interval at low density, shape `(species,)`, at least 0.
        competition: $a_{ij}$, the effect of species j on species i, per unit of abundance, shape
            `(species, species)`, at least 0.
        theta: $\theta_i$, shape `(species,)`, above 0.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, negative or non-finite parameters, an exponent of 0, or repeated names.

    Example:
        >>> model = ThetaLeslieGower(("a",), growth_factor=[5.0], competition=[[0.02]], theta=[2.0])
        >>> model.carrying_capacity.tolist()
        [100.0]

    References:
        Maynard Smith, J. & Slatkin, M. (1973), Ecology 54, 384-391. Leslie, P. H. & Gower, J. C. (1958), Biometrika 45,
        316-330. Hassell, M. P. (1975), Journal of Animal Ecology 44, 283-295.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    growth_factor: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species species"] | None = eqx.field(default=None, converter=as_parameter)
    theta: Float[Array, " species"] | None = eqx.field(default=None, converter=as_parameter)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check the interval, shapes and signs."""
        check_positive("interval", self.interval)
        check_parameters(self)
        if isinstance(self.theta, np.ndarray) and not (self.theta > 0).all():
            raise ValueError(
                f"theta must be above 0; got {self.theta.tolist()}. With theta=1 the model is LeslieGower."
            )

    @property
    def carrying_capacity(self) -> Float[Array, " species"]:
        r"""Abundance at which each species settles alone, $(\lambda_i - 1)^{1/\theta_i}/a_{ii}$.

        It is inf where $a_{ii}$ is 0, and 0 where $\lambda_i$ is at most 1: such a species dies out.
        """
        return carrying_capacity(
            self, lambda p: np.maximum(np.asarray(p["growth_factor"]) - 1.0, 0.0) ** (1.0 / np.asarray(p["theta"]))
        )

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
            "theta": Parameter("positive", np.full(k, 0.5), np.full(k, 3.0), "exponent of the density", ""),
        }

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances at time 0."""
        return initial_abundances(largest, first)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances one interval later."""
        p = parameter_values(self)
        density = jnp.dot(p["competition"], state)
        some = density > 0
        crowding = jnp.where(some, jnp.where(some, density, 1.0) ** p["theta"], 0.0)
        return p["growth_factor"] * state / (1.0 + crowding), {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances at any times from 0 on; between steps they are interpolated geometrically."""
        return states_by_steps(self, state, times, self.interval)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundances themselves."""
        return states
