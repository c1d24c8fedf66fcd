"""`ModelFamily`: any model with some of its numbers left free, so that it can be fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, final, runtime_checkable

import equinox as eqx
import numpy as np
from jaxtyping import Float

from popmath._types import Array, ArrayLike, Parameter
from popmath.populations.family_checks import check_family, check_value
from popmath.populations.fractional_times import states_by_steps
from popmath.populations.matrix_population import compute
from popmath.populations.model import PopulationModel, as_species

Ranges = Mapping[str, Parameter] | Callable[[np.ndarray], Mapping[str, Parameter]]
InitialRange = Parameter | Callable[[np.ndarray, np.ndarray], Parameter]


@runtime_checkable
class TimedModel(Protocol):
    """A model with states at any times of its own, as differential equations have."""

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """States at times from 0 on."""
        ...


@runtime_checkable
class SteppedModel(Protocol):
    """A model in steps of some length."""

    interval: float


class Recipe:
    """How the models of a family are made; the same object in all its copies, so that what is compiled is kept.

    Args:
        build: a model from values by name.
        ranges: of the free parameters, or a function of the largest abundances that gives them.
        initial: of the state at time 0, the same of the largest and first abundances, or None.
    """

    def __init__(self, build: Callable[[dict], PopulationModel], ranges: Ranges, initial: InitialRange | None) -> None:
        """Keep them."""
        self.build, self.ranges, self.initial = build, ranges, initial

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Ranges for species that reach `largest`."""
        return dict(self.ranges if isinstance(self.ranges, Mapping) else self.ranges(largest))


@final
class ModelFamily(PopulationModel):
    r"""The models that differ in some numbers: what `popmath.fit` needs to fit a model of your own.

    `build` makes one model from values of the free parameters, and may be any function of them: what is not among
    them is held, and one free number may stand in several places. In a fit the values are JAX tracers: put them
    together with `jax.numpy` and leave the rest to the model. Parameters are searched on the real line through their
    domains (`positive`, `probability`, `real`) from the ranges given.

    Args:
        species: names, in the order of the model's totals.
        parameters: the free parameters by name, each from `positive`, `probability` or `real`; or a function that gives
            them from the largest abundance of each species, shape `(species,)`, where ranges depend on the unit of
            abundance.
        build: takes a dictionary of values by name and gives a deterministic `PopulationModel` of these species.
        initial: range of the state at time 0, of the shape of a state; or a function of the largest and the first
            abundances. None: from a third to three times what was counted first, shared equally by the classes.
        name: of the family, for tables.
        values: of the parameters, by name; None for a template to fit.

    Raises:
        ValueError: for a model of other species or with noise, or parameters that are not there or outside their
            domain.
        TypeError: if what is built is not a `PopulationModel`, or cannot be built from traced values.

    Example:
        >>> import jax.numpy as jnp
        >>> from popmath.populations import LesliePredatorPrey, positive, probability
        >>> def build(p):
        ...     hares = jnp.array([[0.0, 1.0], [0.0, 0.0]]) * p["fertility"] + jnp.array([[0.0, 0.0], [0.5, 0.5]])
        ...     return LesliePredatorPrey(hares, [[0.8]], p["predation"], [[0.0, 0.1]], species=("hare", "lynx"))
        >>> free = {"fertility": positive(1.0, 5.0), "predation": positive(0.01, 0.1, shape=(2, 1))}
        >>> family = ModelFamily(("hare", "lynx"), free, build, name="hares that are eaten")
        >>> family.state_shape, list(family.parameters(np.array([80.0, 30.0])))
        ((3,), ['fertility', 'predation'])
        >>> family.with_values({"fertility": 2.0, "predation": [[0.1], [0.0]]}).model.projection_matrix().tolist()
        [[0.0, 2.0, -0.1], [0.5, 0.5, -0.0], [0.0, 0.1, 0.8]]
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    values: dict[str, Array]
    name: str = eqx.field(static=True)
    recipe: Recipe = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        species: str | tuple[str, ...] | list[str],
        parameters: Ranges,
        build: Callable[[dict], PopulationModel],
        *,
        initial: InitialRange | None = None,
        name: str = "ModelFamily",
        values: Mapping[str, ArrayLike | float] | None = None,
    ) -> None:
        """See the class."""
        self.species, self.name = as_species(species), name
        self.recipe = Recipe(build, parameters, initial)
        self.shape = check_family(self.species, self.recipe.parameters(np.ones(len(self.species))), build)
        self.values = self._checked(values or {})

    def _checked(self, values: Mapping[str, ArrayLike | float]) -> dict[str, Array]:
        known = self.parameters(np.ones(len(self.species)))
        unknown = [name for name in values if name not in known]
        if unknown:
            raise ValueError(f"{self.name} has no parameter {unknown[0]!r}; it has {', '.join(known)}.")
        return {name: check_value(name, value, known[name]) for name, value in values.items()}

    def with_values(self, values: Mapping[str, ArrayLike | float]) -> ModelFamily:
        """A copy with these values by name; those not named stay as they are."""
        values = {**self.values, **self._checked(values)}
        return eqx.tree_at(lambda family: family.values, self, values, is_leaf=lambda node: node is self.values)

    @property
    def model(self) -> PopulationModel:
        """The model with the values of this copy, in float64.

        Raises:
            ValueError: if a value is missing.
        """
        missing = [name for name in self.recipe.parameters(np.ones(len(self.species))) if name not in self.values]
        if missing:
            raise ValueError(
                f"{self.name} has no value for {', '.join(missing)}: set it by with_values({{{missing[0]!r}: ...}}), "
                "or fit the family to a series with popmath.fit."
            )
        return compute(self.recipe.build, dict(self.values))

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state of its models."""
        return self.shape

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges of the free parameters."""
        return self.recipe.parameters(largest)

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Range of the state at time 0: as given, or the first counts shared equally by the classes of a species."""
        given = self.recipe.initial
        if given is not None:
            found = given if isinstance(given, Parameter) else given(largest, first)
            if found.low.shape != self.shape:
                raise ValueError(
                    f"initial must have the shape of a state of {self.name}, {self.shape}; got {found.low.shape}."
                )
            return found
        ranges = self.parameters(largest)
        example = compute(self.recipe.build, {name: parameter.middle for name, parameter in ranges.items()})
        entries = np.eye(int(np.prod(self.shape))).reshape(-1, *self.shape)
        owner = np.asarray(example.totals(entries)) > 0
        if not (owner.sum(axis=1) == 1).all():
            raise ValueError(
                f"some classes of {self.name} do not count in the totals of exactly one species, so that the first "
                "counts do not say how many there were: give initial=positive(low, high, shape=...)."
            )
        each = np.maximum(first, 1e-3 * largest) / owner.sum(axis=0)
        share = (owner @ each).reshape(self.shape)
        meaning = "abundance at time 0" if len(entries) == len(self.species) else "abundance by class at time 0"
        return Parameter("positive", share / 3, share * 3, meaning, "abundance")

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The step of the model with the values of this copy."""
        return self.model.step(state, t, key)

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """States of the model at any times from 0 on; of one in steps, interpolated between them."""
        model = self.model
        if isinstance(model, TimedModel):
            return model.states_at(state, times)
        return states_by_steps(model, state, times, model.interval if isinstance(model, SteppedModel) else 1.0)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of each species."""
        return self.model.totals(states)
