"""Parameters with names and domains on one side, the unconstrained vector that an optimiser sees on the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, ArrayLike, Domain, Parameter
from popmath.inference.priors import Prior


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


class Block(NamedTuple):
    """One parameter, of all cultures or of one.

    Attributes:
        name: of the parameter.
        parameter: domain and starting range.
        fixed: its shape; values that are given, NaN where the fit is free.
        culture: number of the culture it belongs to, None for all.
        where: name of that culture, for labels.
        prior: of the free entries, or None.
    """

    name: str
    parameter: Parameter
    fixed: np.ndarray
    culture: int | None = None
    where: str = ""
    prior: Prior | None = None

    @property
    def free(self) -> np.ndarray:
        """True where an entry is free."""
        return np.asarray(np.isnan(self.fixed))

    @property
    def size(self) -> int:
        """How many entries are free."""
        return int(np.isnan(self.fixed).sum())


@dataclasses.dataclass(frozen=True)
class ParameterSpace:
    """The free numbers of a fit, in order, and the ranges that starts are drawn from."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Parameter]) -> ParameterSpace:
        """All parameters free, for all cultures."""
        return cls(tuple(Block(name, p, np.full(p.low.shape, np.nan)) for name, p in parameters.items()))

    @property
    def size(self) -> int:
        """How many numbers are free."""
        return sum(block.size for block in self.blocks)

    def values(self, vector: Array, culture: int = 0) -> dict[str, Array]:
        """Values of one culture by name, in their domains, from an unconstrained vector."""
        out, position = {}, 0
        for block in self.blocks:
            part = vector[position : position + block.size]
            position += block.size
            if block.culture in (None, culture):
                number = constrain(block.parameter.domain, part)
                whole = jnp.asarray(block.fixed, number.dtype)
                if block.size == block.fixed.size:
                    whole = jnp.reshape(number, whole.shape)
                elif block.size:
                    whole = whole.at[block.free].set(number)
                out[block.name] = whole
        return out

    def numbers(self, vector: np.ndarray) -> np.ndarray:
        """The free numbers in their domains, in the order of the labels."""
        with jax.enable_x64(True):
            parts = np.split(np.asarray(vector, float), np.cumsum([block.size for block in self.blocks])[:-1])
            return np.concatenate(
                [np.asarray(constrain(b.parameter.domain, p)) for b, p in zip(self.blocks, parts, strict=True)]
            )

    def log_prior(self, vector: Array) -> Array:
        """Logarithm of the prior density on the parameters' own scale, of those that have one."""
        total, position = jnp.zeros((), vector.dtype), 0
        for block in self.blocks:
            if block.prior is not None:
                number = constrain(block.parameter.domain, vector[position : position + block.size])
                total = total + jnp.sum(block.prior.log_density(number))
            position += block.size
        return total

    @property
    def num_with_prior(self) -> int:
        """How many free numbers have a prior."""
        return sum(block.size for block in self.blocks if block.prior is not None)

    @property
    def has_priors(self) -> bool:
        """Whether any free number has a prior."""
        return self.num_with_prior > 0

    def starts(self, num_starts: int, rng: np.random.Generator) -> np.ndarray:
        """Random starts, uniform on the unconstrained scale between each parameter's `low` and `high`."""
        low, high = (
            np.concatenate([unconstrain(b.parameter.domain, end(b.parameter)[b.free]).ravel() for b in self.blocks])
            for end in (lambda p: p.low, lambda p: p.high)
        )
        return rng.uniform(low, high, (num_starts, low.size))

    def vector(self, values: Mapping[str, ArrayLike | float], otherwise: np.ndarray) -> np.ndarray:
        """An unconstrained vector with the named values in the place of those of `otherwise`.

        Raises:
            ValueError: for names that are not there, values of the wrong shape or on or outside the edge of the domain.
        """
        names = {block.name for block in self.blocks}
        unknown = [name for name in values if name not in names]
        if unknown:
            raise ValueError(f"start: there is no {unknown[0]!r}; the fit has {', '.join(sorted(names))}.")
        vector, position = otherwise.copy(), 0
        for block in self.blocks:
            if block.name in values:
                value = np.asarray(values[block.name], float)
                if value.shape not in ((), block.fixed.shape):
                    raise ValueError(f"start: {block.name} has shape {block.fixed.shape}; got {value.shape}.")
                given = np.broadcast_to(value, block.fixed.shape)[block.free]
                with np.errstate(divide="ignore", invalid="ignore"):
                    free = unconstrain(block.parameter.domain, given)
                if not np.isfinite(free).all():
                    ends = {"positive": "above 0", "unit": "between 0 and 1", "real": "finite"}[block.parameter.domain]
                    raise ValueError(
                        f"start: {block.name} must be {ends} ({block.parameter.meaning}); got {value.tolist()}. To "
                        f"hold a number at the edge, use fixed={{{block.name!r}: ...}}."
                    )
                vector[position : position + block.size] = free
            position += block.size
        return vector

    def labels(self, species: tuple[str, ...]) -> list[str]:
        """A label for each number: `competition[caudatum, aurelia]`, with indices on axes that are not species."""
        out = []
        for block in self.blocks:
            shape = block.fixed.shape
            square = len(shape) == 2 and shape == (len(species),) * 2 and block.name == "competition"
            for index in np.argwhere(block.free):
                named = axis_names(shape, species, square) if block.parameter.by_species else [False] * len(shape)
                parts = [species[i] if is_species else str(i) for i, is_species in zip(index, named, strict=True)]
                where = f" in {block.where}" if block.where else ""
                out.append(block.name + (f"[{', '.join(parts)}]" if parts else "") + where)
        return out

    def domains(self) -> list[Domain]:
        """The domain of each number."""
        return [block.parameter.domain for block in self.blocks for _ in range(block.size)]


def axis_names(shape: tuple[int, ...], species: tuple[str, ...], square: bool) -> list[bool]:
    """Which axes of a parameter are species: the first if it has their number, the second in a square of them."""
    return [(axis == 0 and size == len(species)) or square for axis, size in enumerate(shape)]
