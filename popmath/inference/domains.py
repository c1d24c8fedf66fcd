"""Parameters with names and domains on one side, the unconstrained vector that an optimiser sees on the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, Domain, Parameter


def constrain(domain: Domain, free: Array) -> Array:
    """From the real line into the domain: exp, logistic, or nothing."""
    return {"positive": jnp.exp, "unit": jax.nn.sigmoid, "real": lambda x: x}[domain](free)


def unconstrain(domain: Domain, value: np.ndarray) -> np.ndarray:
    """The inverse of `constrain`.

    Example:
        >>> round(float(unconstrain("unit", np.array(0.5))), 6)
        0.0
    """
    if domain == "positive":
        return np.asarray(np.log(value))
    return np.asarray(np.log(value) - np.log1p(-value)) if domain == "unit" else value


@dataclasses.dataclass(frozen=True)
class ParameterSpace:
    """The free parameters of a fit, in order, and the ranges that starts are drawn from."""

    parameters: Mapping[str, Parameter]

    @property
    def size(self) -> int:
        """How many numbers are free."""
        return sum(p.low.size for p in self.parameters.values())

    def values(self, vector: Array) -> dict[str, Array]:
        """Named values in their domains, from an unconstrained vector."""
        out, position = {}, 0
        for name, p in self.parameters.items():
            part = vector[position : position + p.low.size]
            out[name] = constrain(p.domain, jnp.reshape(part, p.low.shape))
            position += p.low.size
        return out

    def starts(self, num_starts: int, rng: np.random.Generator) -> np.ndarray:
        """Random starts, uniform on the unconstrained scale between each parameter's `low` and `high`."""
        low = np.concatenate([unconstrain(p.domain, p.low).ravel() for p in self.parameters.values()])
        high = np.concatenate([unconstrain(p.domain, p.high).ravel() for p in self.parameters.values()])
        return rng.uniform(low, high, (num_starts, low.size))

    def labels(self, species: tuple[str, ...]) -> list[str]:
        """A label for each number: `competition[caudatum, aurelia]`, with indices on axes that are not species."""
        out = []
        for name, p in self.parameters.items():
            for index in np.ndindex(p.low.shape):
                square = p.low.ndim == 2 and p.low.shape == (len(species),) * 2 and name == "competition"
                parts = [species[i] if axis == 0 or square else str(i) for axis, i in enumerate(index)]
                out.append(f"{name}[{', '.join(parts)}]")
        return out

    def domains(self) -> list[Domain]:
        """The domain of each number."""
        return [p.domain for p in self.parameters.values() for _ in range(p.low.size)]
