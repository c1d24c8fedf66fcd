"""The linear Leslie competition model of two age-structured species."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.fractional_times import interpolate, split_times
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    parameter_values,
)


@final
class LinearLeslieCompetition(PopulationModel):
    r"""Two age-structured species that take from each other linearly.

    $$x(t+1) = L_1 x(t) - C_1 y(t), \qquad y(t+1) = L_2 y(t) - C_2 x(t), \qquad C_1, C_2 \ge 0$$

    with $x$, $y$ the abundances by age class. Nothing keeps them positive: `step` reports `negative`, and a fit to
    real counts forecasts negative numbers sooner or later. Which species remains is decided by the Perron vectors
    of $\begin{pmatrix} L_1 & C_1\\ C_2 & L_2\end{pmatrix}$.

    Args:
        species: two names.
        fertility: newborns per individual of each class and interval, shape `(2, classes)`, at least 0.
        survival: probability to pass from a class to the next; the last is to stay in the oldest class (plus group;
            0 for none), shape `(2, classes)`, in [0, 1].
        competition: `competition[i, a, b]` is what one individual of class b of the other species takes from class a
            of species i in an interval, shape `(2, classes, classes)`, at least 0.
        num_classes: number of age classes per species, at least 1; taken from `fertility` if that is given.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, parameters outside their domain, or not two species.

    Example:
        >>> zero = [[[0.0, 0.0], [0.0, 0.0]]] * 2
        >>> model = LinearLeslieCompetition(("a", "b"), [[0, 2], [0, 1]], [[0.5, 0], [0.5, 0]], zero)
        >>> model.projection_matrix().tolist()
        [[0.0, 2.0, -0.0, -0.0], [0.5, 0.0, -0.0, -0.0], [-0.0, -0.0, 0.0, 1.0], [-0.0, -0.0, 0.5, 0.0]]

    References:
        Gilman, S., Miller, S., Son, T., Waheed, A. & Wang, T. (2024), arXiv:2412.19831 (the form is a reconstruction
        from the abstract). Leslie, P. H. (1945), Biometrika 33, 183-212.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    fertility: Float[Array, "species classes"] | None = eqx.field(default=None, converter=as_parameter)
    survival: Float[Array, "species classes"] | None = eqx.field(default=None, converter=as_parameter)
    competition: Float[Array, "species classes classes"] | None = eqx.field(default=None, converter=as_parameter)
    num_classes: int = eqx.field(default=2, static=True, kw_only=True)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __init__(
        self, species, fertility=None, survival=None, competition=None, *, num_classes: int | None = None, interval=1.0
    ) -> None:
        """See the class."""
        self.species = species
        self.fertility, self.survival, self.competition = fertility, survival, competition
        shape = np.shape(fertility) if fertility is not None else ()
        given = shape[1] if len(shape) == 2 else 2
        self.num_classes = given if num_classes is None else num_classes
        self.interval = float(interval)

    def __check_init__(self) -> None:
        """Check the numbers of species and classes, the interval, shapes and signs."""
        if len(self.species) != 2:
            raise ValueError(f"species must be two names, this model couples two species; got {self.species}.")
        if self.num_classes < 1:
            raise ValueError(f"num_classes must be at least 1; got {self.num_classes}.")
        check_positive("interval", self.interval)
        check_parameters(self)

    def projection_matrix(self) -> Float[Array, "states states"]:
        """The block matrix that takes all classes of both species one interval on."""
        values = parameter_values(self)
        leslie = [_leslie(values["fertility"][i], values["survival"][i]) for i in (0, 1)]
        take = values["competition"]
        return jnp.block([[leslie[0], -take[0]], [-take[1], leslie[1]]])

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        return (2, self.num_classes)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges."""
        m = self.num_classes
        ratio = largest / largest[::-1]
        take = np.broadcast_to(ratio[:, None, None], (2, m, m)) / m
        return {
            "fertility": Parameter(
                "positive",
                np.full((2, m), 0.1),
                np.full((2, m), 2.0),
                "newborns by class",
                "per individual and interval",
            ),
            "survival": Parameter(
                "unit", np.full((2, m), 0.2), np.full((2, m), 0.9), "survival to the next class", "probability"
            ),
            "competition": Parameter(
                "positive",
                take / 500,
                take / 2,
                "what the other species takes, by class",
                "per individual and interval",
            ),
        }

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances by class at time 0."""
        share = np.repeat(np.maximum(first, 1e-3 * largest)[:, None], self.num_classes, axis=1) / self.num_classes
        return Parameter("positive", share / 3, share * 3, "abundance by class at time 0", "abundance")

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances by class one interval later; `negative` says whether one of them is below 0."""
        after = jnp.reshape(jnp.dot(self.projection_matrix(), jnp.ravel(state)), state.shape)
        return after, {"negative": jnp.any(after < 0)}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances by class at any times from 0 on; between steps they are interpolated (see `states_by_steps`)."""
        before, share = split_times(times, self.interval)
        num_steps = int(np.max(before + (share > 0), initial=0))
        matrix = self.projection_matrix()
        _, states = jax.lax.scan(lambda z, _: (jnp.dot(matrix, z), z), jnp.ravel(state), length=num_steps + 1)
        return jnp.reshape(interpolate(states, before, share), (times.size, *state.shape))

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of each species, summed over its classes."""
        return jnp.sum(states, axis=-1)


def _leslie(fertility: Array, survival: Array) -> Array:
    """Leslie matrix with a plus group: fertilities in row 0, survivals below the diagonal, the last one on it."""
    matrix = jnp.diag(survival[:-1], k=-1).at[0].set(fertility)
    return matrix.at[-1, -1].add(survival[-1])
