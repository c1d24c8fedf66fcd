"""The Leslie predator-prey model in which what is eaten depends on what is there."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array
from popmath.populations.functional_response import RESPONSES, Response, mass_action
from popmath.populations.matrix_population import as_entries
from popmath.populations.model import PopulationModel, as_species, check_positive
from popmath.populations.predation_blocks import as_block, check_blocks, check_numbers, check_pair, names_of
from popmath.populations.predator_prey import pair_totals


@final
class MassActionPredatorPrey(PopulationModel):
    r"""A structured prey and its structured predator, coupled by encounters.

    $$x(t+1) = L_x x - \mathrm{diag}(x) B y, \qquad y(t+1) = L_y y + \mathrm{diag}(y) C x$$

    with $x$ the prey and $y$ the predators by class. That is Holling's type I; for types II and III what a predator of
    class b takes and gains is divided by $1 + h_b \sum_c B_{cb} u_c$, where $u = x$ for type II, and $u = x^2$ stands
    for $x$ throughout for type III (see `mass_action`). More prey can be eaten than there are: what falls below 0 is
    set to 0 after the step, and `negative` says so.

    Args:
        prey_matrix: $L_x$, projection matrix of the prey alone, shape `(prey_classes, prey_classes)`, at least 0; an
            array or a `MatrixPopulation`.
        predator_matrix: $L_y$, the same of the predators, shape `(predator_classes, predator_classes)`.
        attack: $B$; `attack[a, b]` is the rate at which one predator of class b takes prey of class a, per prey (type
            III: per squared prey) and interval, shape `(prey_classes, predator_classes)`, at least 0.
        conversion: $C$; `conversion[b, a]` is how many predators of class b one of them gains, per prey (type III: per
            squared prey) of class a and interval, shape `(predator_classes, prey_classes)`, at least 0.
        response: Holling's `"I"`, `"II"` or `"III"`.
        handling_time: $h$, intervals that a predator of each class spends on one prey, one number or shape
            `(predator_classes,)`, at least 0; needed for types II and III, and only there.
        species: two names, prey and predator.
        prey_classes: names of the prey's classes; None for those of `prey_matrix`, or `"class 1"`, ...
        predator_classes: the same of the predators.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for shapes that disagree, entries negative or not finite, an unknown response, a handling time
            missing or out of place, or names that repeat.

    Example:
        >>> import popmath as pm
        >>> model = MassActionPredatorPrey([[1.2]], [[0.5]], attack=[[0.01]], conversion=[[0.005]])
        >>> pm.simulate(model, [100.0, 20.0], num_steps=20).states[-1].round(6).tolist()
        [100.0, 20.0]

    References:
        Jensen, A. L. & Miller, D. H. (2001), Ecological Modelling 141, 21-30. Holling, C. S. (1959), Canadian
        Entomologist 91, 385-398.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    prey_matrix: Float[Array, "prey prey"] = eqx.field(converter=as_block)
    predator_matrix: Float[Array, "predators predators"] = eqx.field(converter=as_block)
    attack: Float[Array, "prey predators"] = eqx.field(converter=as_block)
    conversion: Float[Array, "predators prey"] = eqx.field(converter=as_block)
    handling_time: Float[Array, " predators"] = eqx.field(converter=as_entries)
    response: Response = eqx.field(default="I", static=True)
    prey_classes: tuple[str, ...] = eqx.field(default=(), static=True)
    predator_classes: tuple[str, ...] = eqx.field(default=(), static=True)
    interval: float = eqx.field(default=1.0, static=True)

    def __init__(
        self,
        prey_matrix,
        predator_matrix,
        attack,
        conversion,
        *,
        response: str = "I",
        handling_time=None,
        species=("prey", "predator"),
        prey_classes=None,
        predator_classes=None,
        interval=1.0,
    ) -> None:
        """See the class."""
        if response not in RESPONSES:
            raise ValueError(f"response must be one of Holling's types {RESPONSES}; got {response!r}.")
        if (handling_time is None) != (response == "I"):
            raise ValueError(
                f"handling_time is needed for responses 'II' and 'III', and plays no part in 'I'; got response "
                f"{response!r} with handling_time {handling_time!r}."
            )
        self.species = species
        self.prey_matrix, self.predator_matrix = prey_matrix, predator_matrix
        self.attack, self.conversion = attack, conversion
        self.response, self.interval = response, float(interval)
        self.prey_classes = names_of(prey_classes, prey_matrix)
        self.predator_classes = names_of(predator_classes, predator_matrix)
        spent = as_entries(0.0 if handling_time is None else handling_time)
        size = np.shape(as_block(predator_matrix))[:1]
        self.handling_time = spent if np.ndim(spent) else spent * np.ones(size)

    def __check_init__(self) -> None:
        """Check names, interval, shapes and signs."""
        check_pair(self.species)
        check_positive("interval", self.interval)
        check_blocks(
            self.species,
            (("prey_matrix", self.prey_matrix), ("predator_matrix", self.predator_matrix)),
            (("attack", self.attack), ("conversion", self.conversion)),
            (self.prey_classes, self.predator_classes),
        )
        size = np.shape(self.predator_matrix)[0]
        check_numbers("handling_time", self.handling_time, size, "one number per predator class")
        if not _traced(self.handling_time) and (np.asarray(self.handling_time) < 0).any():
            raise ValueError(f"handling_time must be at least 0; got {np.asarray(self.handling_time).tolist()}.")

    @property
    def num_prey(self) -> int:
        """Number of prey classes."""
        return np.shape(self.prey_matrix)[0]

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state: the prey's classes, then the predators'."""
        return (np.shape(self.prey_matrix)[0] + np.shape(self.predator_matrix)[0],)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances by class one interval later; `negative`: whether one would have fallen below 0."""
        prey, predators = state[: self.num_prey], state[self.num_prey :]
        lost, gained = mass_action(prey, predators, self.attack, self.conversion, self.handling_time, self.response)
        after = jnp.concatenate(
            [jnp.dot(self.prey_matrix, prey) - lost, jnp.dot(self.predator_matrix, predators) + gained]
        )
        return jnp.maximum(after, 0.0), {"negative": jnp.any(after < 0)}

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of prey and predators, summed over their classes."""
        return pair_totals(states, self.num_prey)


def _traced(values: object) -> bool:
    return isinstance(values, Tracer)
