"""`PopulationModel`: what every population model is, and the checks they share."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath._types import check_whole as check_whole


class PopulationModel(eqx.Module):
    """A frozen record of named parameters that maps the abundances of now to those one interval later.

    The one abstract class; every model is a final subclass. Models that `fit` can search have, beside these methods,
    `parameters`, `initial` and `states_at`; their parameters may be left out (None), which makes them templates that
    `simulate` refuses.
    """

    species: eqx.AbstractVar[tuple[str, ...]]

    @property
    @abc.abstractmethod
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state: `(species,)`, `(species, classes)`, or `(states,)` with all classes in one row."""

    @property
    def whole_numbers(self) -> bool:
        """Whether states count individuals; a start with fractions is then refused. A model may say yes."""
        return False

    @abc.abstractmethod
    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The state one projection interval after `state`, and what else is to be known of the step."""

    @abc.abstractmethod
    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """The abundance of each species in `states`, whose last axes are one state."""

    def with_values(self, values: Mapping[str, Array]) -> PopulationModel:
        """A copy with these parameters, by name."""
        return dataclasses.replace(self, **values)


@runtime_checkable
class ParametricModel(Protocol):
    """A model with named parameters that have domains."""

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species."""
        ...

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domain, shape and starting range of each parameter, for species that reach `largest` abundances."""
        ...


def parameter_values(model: ParametricModel) -> dict[str, Array]:
    """The parameters of a model by name.

    Raises:
        ValueError: if one of them is not set.
    """
    names = list(model.parameters(np.ones(len(model.species))))
    values = {name: getattr(model, name) for name in names}
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise ValueError(
            f"{type(model).__name__} has no value for {', '.join(missing)}: pass them, as in "
            f"{type(model).__name__}({missing[0]}=...), or fit the model to a series with popmath.fit."
        )
    return values


def as_parameter(value: object) -> Array | None:
    """A parameter as given, with anything that is not yet an array as float64 NumPy."""
    if value is None or isinstance(value, jax.Array):
        return value
    return np.asarray(value, dtype=np.float64)


def as_species(names: str | Iterable[str]) -> tuple[str, ...]:
    """Species names as a tuple of different strings."""
    species = (names,) if isinstance(names, str) else tuple(names)
    if not species or not all(isinstance(name, str) and name for name in species):
        raise ValueError(f"species must be one or more names; got {names!r}.")
    if len(set(species)) != len(species):
        raise ValueError(f"species must have different names; got {species}.")
    return species


def check_positive(name: str, value: float) -> None:
    """Refuse a setting that is not a positive finite number."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite; got {value}.")


def check_whole_numbers(model: PopulationModel, initial: Array) -> None:
    """Refuse fractions of individuals where the model counts them; tracers pass."""
    if not model.whole_numbers or isinstance(initial, Tracer):
        return
    numbers = np.asarray(initial)
    wrong = numbers[numbers != np.round(numbers)]
    if wrong.size:
        raise ValueError(
            f"the model counts individuals (demographic noise): initial must be whole numbers; got {float(wrong[0])}. "
            "Round it, or leave out the demographic noise."
        )


def check_parameters(model: ParametricModel) -> None:
    """Refuse parameters of the wrong shape or outside their domain (zero is allowed where positive is)."""
    for name, parameter in model.parameters(np.ones(len(model.species))).items():
        value = getattr(model, name)
        if value is None:
            continue
        if np.shape(value) != parameter.low.shape:
            raise ValueError(
                f"{name} must have shape {parameter.low.shape} for species {model.species}; got {np.shape(value)}."
            )
        if isinstance(value, Tracer):
            continue
        number = np.asarray(value)
        if not np.isfinite(number).all():
            raise ValueError(f"{name} must be finite; got {number.tolist()}.")
        if parameter.domain != "real" and (number < 0).any():
            raise ValueError(f"{name} must be at least 0 ({parameter.meaning}); got {number.tolist()}.")
        if parameter.domain == "unit" and (number > 1).any():
            raise ValueError(f"{name} must be at most 1 ({parameter.meaning}); got {number.tolist()}.")
