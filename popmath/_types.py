"""Array types, and the record of one named model parameter that models and fits share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

Domain = Literal["positive", "unit", "real"]

Array = np.ndarray | jax.Array
ArrayLike = np.ndarray | jax.Array | Sequence[Any]


class Parameter(NamedTuple):
    """What a fit has to know of one named parameter of a model.

    Attributes:
        domain: `"positive"` (0, inf), `"unit"` (0, 1) or `"real"`.
        low: lower end of the range that random starts are drawn from; its shape is the parameter's shape.
        high: upper end of that range, same shape.
        meaning: what the parameter is, for tables.
        unit: its unit, for tables.
    """

    domain: Domain
    low: np.ndarray
    high: np.ndarray
    meaning: str
    unit: str
