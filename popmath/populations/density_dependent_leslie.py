"""Age-structured species whose rates fall with the abundances of all classes of all species."""

from __future__ import annotations

from typing import Literal, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.fractional_times import states_by_steps
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    check_whole,
    parameter_values,
)

Regulates = Literal["all", "fertility"]


@final
class DensityDependentLeslie(PopulationModel):
    r"""Leslie models of any number of species, regulated by each other as in Leslie-Gower competition.

    $$x_i(t+1) = \frac{L_i\,x_i(t)}{1 + d_i(t)}, \qquad d_i = \sum_j \sum_c a_{ijc}\,x_{jc}(t)$$

    with $x_i$ the abundances of species $i$ by age class and $L_i$ its Leslie matrix: fertilities in row 0, survivals
    below the diagonal, and nobody survives the oldest class. With `regulates="fertility"` only row 0 is divided by
    $1 + d_i$, and survival does not depend on density. With one class it is `LeslieGower`.

    Args:
        species: names, one or more.
        fertility: newborns per individual of each class and interval, shape `(species, classes)`, at least 0.
        survival: probability to pass from a class to the next, shape `(species, classes - 1)`, in [0, 1].
        competition: `competition[i, j, c]` is the effect of one individual of class c of species j on species i, shape
            `(species, species, classes)`, at least 0.
        regulates: `"all"` rates of a species, or its `"fertility"` only.
        num_classes: number of age classes of each species; None for that of `fertility`, or 2.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, parameters outside their domain, an unknown `regulates`, or repeated names.

    Example:
        >>> model = DensityDependentLeslie(("a",), [[0.0, 6.0]], [[0.5]], [[[0.01, 0.01]]])
        >>> model.state_shape, model.growth_factor.round(4).tolist()
        ((1, 2), [1.7321])
        >>> fixed = {"fertility": [[0.0, float("nan")]]}  # for popmath.fit: class 1 has no offspring

    References:
        Leslie, P. H. (1948), Biometrika 35, 213-245 (all rates divided by one function of density). Leslie, P. H. &
        Gower, J. C. (1958), Biometrika 45, 316-330. Caswell, H. (2001), Matrix Population Models, 2nd ed., chapter 16.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    fertility: Float[Array, "species classes"] | None = eqx.field(default=None, converter=as_parameter)
    survival: Float[Array, "species steps"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species species classes"] | None = eqx.field(default=None, converter=as_parameter)
    regulates: str = eqx.field(default="all", static=True, kw_only=True)
    num_classes: int = eqx.field(default=2, static=True, kw_only=True)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __init__(
        self,
        species,
        fertility=None,
        survival=None,
        competition=None,
        *,
        regulates: str = "all",
        num_classes: int | None = None,
        interval=1.0,
    ) -> None:
        """See the class."""
        self.species = species
        self.fertility, self.survival, self.competition = fertility, survival, competition
        shape = np.shape(fertility) if fertility is not None else ()
        given = shape[1] if len(shape) == 2 else 2
        self.num_classes = given if num_classes is None else num_classes
        self.regulates, self.interval = regulates, float(interval)

    def __check_init__(self) -> None:
        """Check the settings, shapes and signs."""
        check_whole("num_classes", self.num_classes, 1)
        check_positive("interval", self.interval)
        if self.regulates not in ("all", "fertility"):
            raise ValueError(f"regulates must be 'all' or 'fertility'; got {self.regulates!r}.")
        check_parameters(self)

    @property
    def growth_factor(self) -> Float[np.ndarray, " species"]:
        """Growth factor of each species per interval at low density, the leading eigenvalue of its Leslie matrix."""
        p = parameter_values(self)
        fertility, survival = np.asarray(p["fertility"], float), np.asarray(p["survival"], float)
        out = np.empty(len(self.species))
        for i in range(len(self.species)):
            matrix = np.diag(survival[i], k=-1)
            matrix[0] += fertility[i]
            out[i] = np.abs(np.linalg.eigvals(matrix)).max()
        return out

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state, `(species, classes)`."""
        return (len(self.species), self.num_classes)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges."""
        k, m = self.state_shape
        inverse = np.broadcast_to(1.0 / largest[None, :, None], (k, k, m))
        return {
            "fertility": Parameter(
                "positive", np.full((k, m), 1.0), np.full((k, m), 8.0), "newborns by class", "per individual, interval"
            ),
            "survival": Parameter(
                "unit", np.full((k, m - 1), 0.3), np.full((k, m - 1), 0.95), "survival to the next class", "probability"
            ),
            "competition": Parameter(
                "positive", inverse / 20, inverse * 4, "effect of class c of species j on species i", "per abundance"
            ),
        }

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances by class at time 0."""
        share = np.repeat(np.maximum(first, 1e-3 * largest)[:, None], self.num_classes, axis=1) / self.num_classes
        return Parameter("positive", share / 3, share * 3, "abundance by class at time 0", "abundance")

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances by class one interval later."""
        p = parameter_values(self)
        density = jnp.tensordot(p["competition"], state, axes=2)
        born = jnp.sum(p["fertility"] * state, axis=1, keepdims=True)
        aged = p["survival"] * state[:, :-1]
        factor = 1.0 / (1.0 + density)[:, None]
        return jnp.concatenate([born * factor, aged * factor if self.regulates == "all" else aged], axis=1), {}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances by class at any times from 0 on; between steps they are interpolated geometrically."""
        return states_by_steps(self, state, times, self.interval)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of each species, summed over its classes."""
        return jnp.sum(states, axis=-1)
