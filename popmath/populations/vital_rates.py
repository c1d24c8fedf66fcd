"""Sensitivity of the growth rate to lower-level vital rates, through any function that builds the matrix from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._types import Array
from popmath.populations.eigen import dominant_value, entry_sensitivity
from popmath.populations.matrix_population import MatrixPopulation, as_entries, compute, read_one

if TYPE_CHECKING:
    import pandas

Rates = Mapping[str, Any]
Builder = Callable[[dict[str, Any]], Any]


@final
class VitalRateSensitivity(eqx.Module):
    r"""Derivatives of the growth rate in the vital rates.

    Attributes:
        rates: the vital rates by name.
        growth_rate: $\lambda$ of the matrix they build, per projection interval.
        sensitivity: $\partial\lambda/\partial x$ by name, each of the shape of its rate.
        elasticity: $(x/\lambda)\,\partial\lambda/\partial x$ by name; unlike those of entries, they need not sum to 1.
        matrix: what the builder made, shape `(classes, classes)`.
    """

    rates: dict[str, Array]
    growth_rate: Array
    sensitivity: dict[str, Array]
    elasticity: dict[str, Array]
    matrix: Array

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per vital rate; the entries of a vector of rates are named `name[0]`, `name[1]`, ..."""
        import pandas as pd

        rows = {}
        for name, value in self.rates.items():
            for index in np.ndindex(np.shape(value)):
                label = name + "".join(f"[{i}]" for i in index)
                tables = (self.rates, self.sensitivity, self.elasticity)
                rows[label] = [float(table[name][index]) for table in tables]
        return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "sensitivity", "elasticity"])

    def summary(self) -> str:
        """The growth rate and a table of the derivatives."""
        return f"growth rate {float(self.growth_rate):.6g} per interval\n{self.to_dataframe().to_string()}"


def vital_rate_sensitivity(build: Builder, rates: Rates) -> VitalRateSensitivity:
    r"""Sensitivities and elasticities of the growth rate to vital rates, by automatic differentiation.

    $$\frac{\partial\lambda}{\partial x} = \sum_{ij} \frac{\partial\lambda}{\partial a_{ij}}\,
    \frac{\partial a_{ij}}{\partial x}$$

    `build` is differentiated in reverse mode with the sensitivities of the entries as cotangent: one pass, however
    many rates there are. It may be any function of JAX operations: a rate may stand in many entries, and in any form.
    Jits and vmaps.

    Args:
        build: takes the rates by name (a dict as `rates`, of arrays) and returns the projection matrix: a JAX array of
            shape `(classes, classes)`, a list of rows of numbers made from the rates, or a `MatrixPopulation` as from
            `leslie_matrix`.
        rates: numbers or arrays by name.

    Returns:
        The growth rate and its derivatives, in float64.

    Raises:
        ValueError: if there are no rates, a rate is not finite, or `build` does not return a square matrix with entries
            of at least 0.
        TypeError: if `build` uses NumPy or `float`, which derivatives do not pass.

    Example:
        >>> def build(x):
        ...     return [[0.0, x["fertility"]], [x["survival"], x["survival"]]]
        >>> result = vital_rate_sensitivity(build, {"survival": 0.5, "fertility": 1.0})
        >>> print(result.growth_rate, result.sensitivity["survival"].round(4), result.elasticity["fertility"].round(4))
        1.0 1.3333 0.3333

    References:
        Caswell, H. (1978), Theor. Popul. Biol. 14, 215-230. Caswell, H. (2001), Matrix Population Models, 2nd ed.,
        sections 9.2.2 and 9.3.
    """
    point = _read_rates(rates)

    def differentiate(point: dict[str, Array]) -> tuple[Any, ...]:
        matrix, pull_back = jax.vjp(lambda x: built_matrix(build, x), _on_device(point))
        read_one(matrix, "build(rates)")
        growth = dominant_value(matrix)
        (slopes,) = pull_back(entry_sensitivity(matrix).astype(matrix.dtype))
        return growth, slopes, {name: point[name] * slope / growth for name, slope in slopes.items()}, matrix

    return VitalRateSensitivity(point, *compute(differentiate, point))


def vital_rate_hessian(build: Builder, rates: Rates) -> dict[str, dict[str, Array]]:
    r"""Second derivatives of the growth rate in the vital rates, $\partial^2\lambda / \partial x\,\partial y$.

    Args:
        build: as in `vital_rate_sensitivity`.
        rates: numbers or arrays by name.

    Returns:
        By the two names, each of the shape of the first rate followed by that of the second.

    Raises:
        ValueError: as `vital_rate_sensitivity`.
        TypeError: as `vital_rate_sensitivity`.

    Example:
        >>> def build(x):
        ...     return [[0.0, x["fertility"]], [x["survival"], 0.0]]
        >>> found = vital_rate_hessian(build, {"survival": 0.5, "fertility": 2.0})  # lambda = sqrt(f s)
        >>> print(found["survival"]["fertility"].round(12))
        0.25

    References:
        Caswell, H. (1996), Theor. Popul. Biol. 50, 366-390.
    """
    point = _read_rates(rates)

    def differentiate(point: dict[str, Array]) -> dict[str, dict[str, Array]]:
        start = _on_device(point)
        read_one(built_matrix(build, start), "build(rates)")
        return jax.hessian(lambda x: dominant_value(built_matrix(build, x)))(start)

    return compute(differentiate, point)


def _read_rates(rates: Rates) -> dict[str, Array]:
    if not rates:
        raise ValueError("rates must name at least one vital rate, as in {'survival': 0.8}; got none.")
    point = {name: as_entries(value) for name, value in rates.items()}
    for name, rate in point.items():
        if not isinstance(rate, Tracer) and not np.isfinite(rate).all():
            raise ValueError(f"rates must be finite; {name} is {np.asarray(rate).tolist()}.")
    return point


def _on_device(point: dict[str, Array]) -> dict[str, jax.Array]:
    """JAX arrays in place of NumPy's, which builders may not be able to index with traced numbers."""
    return {name: jnp.asarray(rate) for name, rate in point.items()}


def built_matrix(build: Callable[[Any], Any], argument: Any) -> jax.Array:
    """What a builder returns, as one array: rows of numbers are stacked."""
    try:
        built = build(argument)
        if isinstance(built, MatrixPopulation):
            return jnp.asarray(built.A)
        if not isinstance(built, list | tuple):
            return jnp.asarray(built)
        rows = [
            jnp.stack([jnp.asarray(entry, jnp.result_type(float)) for entry in row])
            if isinstance(row, list | tuple)
            else jnp.asarray(row)
            for row in built
        ]
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise TypeError(
            "build must be made of JAX operations so that derivatives pass through it, but it turned a number into a "
            "NumPy array or a plain number: use jax.numpy in place of numpy, and no float(...) or `if` on a rate."
        ) from error
    if len({row.shape for row in rows}) > 1:
        raise ValueError(f"build returned rows of different lengths: {[row.shape for row in rows]}.")
    return jnp.stack(rows)
