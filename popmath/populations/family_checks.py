"""What a family of models refuses: recipes that do not work for every value, and values outside their domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike, Parameter
from popmath.populations.model import PopulationModel


def check_value(name: str, value: ArrayLike | float, parameter: Parameter) -> Array:
    """A value of the parameter's shape and domain (0 is allowed where positive is) as float64; tracers pass.

    Raises:
        ValueError: if it is not.
    """
    if np.shape(value) != parameter.low.shape:
        raise ValueError(f"{name} must have shape {parameter.low.shape}; got {np.shape(value)}.")
    if isinstance(value, Tracer):
        return value
    number = np.asarray(value, np.float64)
    low, high = {"positive": (0.0, np.inf), "unit": (0.0, 1.0), "real": (-np.inf, np.inf)}[parameter.domain]
    if not (np.isfinite(number) & (number >= low) & (number <= high)).all():
        where = {"positive": "at least 0", "unit": "from 0 to 1", "real": "any number"}[parameter.domain]
        raise ValueError(f"{name} must be finite and {where} ({parameter.meaning}); got {number.tolist()}.")
    return number


def check_family(
    species: tuple[str, ...], parameters: Mapping[str, Parameter], build: Callable[[dict], PopulationModel]
) -> tuple[int, ...]:
    """Build one model in the middle of the ranges, as it is and traced, and give the shape of its states.

    Raises:
        ValueError: for a model of other species, or one that draws random numbers.
        TypeError: for parameters or a model of the wrong type, or a recipe that JAX cannot trace.
    """
    wrong = [name for name, parameter in parameters.items() if not isinstance(parameter, Parameter)]
    if wrong or not parameters:
        raise TypeError(
            f"parameters must map names to what positive, probability or real give; got {parameters.get(wrong[0])!r} "
            f"for {wrong[0]!r}."
            if wrong
            else "parameters is empty: a family needs at least one free parameter, such as positive(0.1, 2.0)."
        )
    values = {name: parameter.middle for name, parameter in parameters.items()}
    with jax.enable_x64(True):
        example = build(dict(values))
        if not isinstance(example, PopulationModel):
            raise TypeError(f"build must give a PopulationModel from values by name; it gave {example!r}.")
        if tuple(example.species) != species:
            raise ValueError(f"build gives a model of {example.species}, the family has the species {species}.")
        shape = example.state_shape

        def one(given: dict[str, Array], state: Array) -> Array:
            model = build(dict(given))
            return model.totals(model.step(state, jnp.zeros((), int), None)[0])

        try:
            jax.eval_shape(one, values, jax.ShapeDtypeStruct(shape, jnp.float64))
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
            raise TypeError(
                "build works for numbers and not for values that JAX is tracing, as a fit needs it: put the values "
                "together with jax.numpy (jnp.array, jnp.stack, .at[...].set), without numpy, float() or if."
            ) from error
        except Exception as error:
            raise ValueError(
                f"the model that build gives cannot take a step without a random key: {error} A family needs a "
                "deterministic model whose parameters are all set."
            ) from error
    return shape
