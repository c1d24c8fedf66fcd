"""What the unstructured competition models share: parameter ranges and the carrying capacity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.model import ParametricModel, parameter_values


def carrying_capacity(
    model: ParametricModel, numerator: Callable[[dict[str, Array]], Array]
) -> Float[Array, " species"]:
    """`numerator` over the diagonal of the competition matrix; inf where that is 0."""
    values = parameter_values(model)
    own = np.diagonal(np.asarray(values["competition"], float))
    with np.errstate(divide="ignore"):
        return np.where(own > 0, np.asarray(numerator(values)) / np.where(own > 0, own, 1.0), np.inf)


def competition_parameter(largest: np.ndarray) -> Parameter:
    """Competition coefficients: starts from a twentieth to four times the inverse of the largest abundance of j."""
    inverse = np.broadcast_to(1.0 / largest, (largest.size, largest.size))
    return Parameter("positive", inverse / 20, inverse * 4, "effect of species j on species i", "per unit of abundance")


def growth_rate_parameter(largest: np.ndarray) -> Parameter:
    """Growth rates: starts from 0.2 to 1.5 per interval, any real number allowed."""
    k = largest.size
    return Parameter("real", np.full(k, 0.2), np.full(k, 1.5), "growth rate at low density", "per unit of time")


def initial_abundances(largest: np.ndarray, first: np.ndarray) -> Parameter:
    """Abundances at time 0: starts from a third to three times what was seen first."""
    first = np.maximum(first, 1e-3 * largest)
    return Parameter("positive", first / 3, first * 3, "abundance at time 0", "abundance")
