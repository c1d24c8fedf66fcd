"""What models and fits share: array types, the record of one named parameter, and the check of whole numbers."""

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
        by_species: whether its first axis is species where it has their number; otherwise it is classes or stages.
    """

    domain: Domain
    low: np.ndarray
    high: np.ndarray
    meaning: str
    unit: str
    by_species: bool = True

    @property
    def middle(self) -> np.ndarray:
        """The middle of the range: geometric of positive numbers."""
        return np.asarray(np.sqrt(self.low * self.high) if self.domain == "positive" else 0.5 * (self.low + self.high))


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse a setting that is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}; got {value!r}.")
