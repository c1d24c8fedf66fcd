"""The four blocks of a structured predator-prey model: how they are read and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.matrix_population import MatrixPopulation, as_class_names, as_entries, default_names


def as_block(values: MatrixPopulation | ArrayLike) -> Array:
    """The entries of a block; of a `MatrixPopulation` its projection matrix."""
    return values.A if isinstance(values, MatrixPopulation) else as_entries(values)


def names_of(names: Sequence[str] | None, matrix: MatrixPopulation | ArrayLike) -> tuple[str, ...]:
    """Class names as given, else those of the model behind `matrix`, else `"class 1"`, `"class 2"`, ..."""
    if names is None and isinstance(matrix, MatrixPopulation):
        return matrix.class_names
    return as_class_names(names) or default_names(max(np.shape(as_block(matrix))[:1], default=0))


def check_pair(species: tuple[str, ...]) -> None:
    """Refuse anything but two species."""
    if len(species) != 2:
        raise ValueError(f"species must be two names, the prey and then the predator; got {species}.")


def check_blocks(
    species: tuple[str, ...],
    own: Sequence[tuple[str, Array]],
    coupling: Sequence[tuple[str, Array]],
    classes: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    """Check shapes and entries of the four blocks.

    Args:
        species: prey and predator.
        own: name of the argument and projection matrix of each species.
        coupling: the same of what the predator does to the prey, and of what the prey does to the predator.
        classes: names of the classes of prey and predator.
    """
    for (name, values), whose in zip(own, species, strict=True):
        shape = np.shape(values)
        if len(shape) != 2 or shape[0] != shape[1] or 0 in shape:
            raise ValueError(
                f"{name} (of {whose!r}) must be square, shape (classes, classes), and not empty; got shape {shape}."
            )
    sizes = [np.shape(values)[0] for _, values in own]
    for i, (name, values) in enumerate(coupling):
        wanted = (sizes[i], sizes[1 - i])
        if np.shape(values) != wanted:
            turned = " It looks transposed." if np.shape(values) == wanted[::-1] else ""
            raise ValueError(
                f"{name} must have shape {wanted}: rows are the {wanted[0]} classes of {species[i]!r}, columns the "
                f"{wanted[1]} classes of {species[1 - i]!r}; got shape {np.shape(values)}.{turned}"
            )
    for i, names in enumerate(classes):
        if len(names) != sizes[i]:
            raise ValueError(f"{species[i]!r} has {sizes[i]} classes, but {len(names)} class names: {names}.")
    for i, (name, values) in enumerate(own):
        _check_entries(name, values, (species[i], species[i]), (classes[i], classes[i]))
    for i, (name, values) in enumerate(coupling):
        _check_entries(name, values, (species[i], species[1 - i]), (classes[i], classes[1 - i]))


def check_numbers(name: str, values: Array | None, size: int, what: str) -> None:
    """Refuse what is not one finite number for each of `size`; None and tracers of that shape pass."""
    if values is None:
        return
    if np.shape(values) != (size,):
        raise ValueError(f"{name} must have shape ({size},), {what}; got shape {np.shape(values)}.")
    if not isinstance(values, Tracer) and not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite; got {np.asarray(values).tolist()}.")


def _check_entries(
    name: str, values: Array, pair: tuple[str, str], classes: tuple[Sequence[str], Sequence[str]]
) -> None:
    if isinstance(values, Tracer):
        return
    wrong = np.argwhere(~(np.isfinite(values) & (np.asarray(values) >= 0)))
    if wrong.size:
        row, column = (int(i) for i in wrong[0])
        raise ValueError(
            f"{name}[{row}, {column}] must be finite and at least 0; got {float(values[row, column])} (row: "
            f"{classes[0][row]!r} of {pair[0]!r}, column: {classes[1][column]!r} of {pair[1]!r}). Signs are in the "
            "equations: what predators take is given as a positive number."
        )
