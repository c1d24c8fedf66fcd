"""`MatrixPopulation`: a matrix population model with its survival, fertility and clonal parts kept apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool, Float

from popmath._types import Array, ArrayLike
from popmath.populations.model import check_positive

Census = Literal["pre", "post"]


def as_entries(values: ArrayLike | float) -> Array:
    """Entries as float64 NumPy; what JAX is tracing as it is, lists with traced numbers in them put together."""
    if isinstance(values, Tracer):
        return values
    if isinstance(values, list | tuple) and any(isinstance(value, Tracer) for value in jax.tree.leaves(values)):
        return jnp.array(values)
    return np.asarray(values, dtype=np.float64)


def as_optional_entries(values: ArrayLike | None) -> Array | None:
    """The same for what may be None."""
    return None if values is None else as_entries(values)


def as_class_names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    """Class names as a tuple of different strings."""
    if names is None:
        return None
    found = (names,) if isinstance(names, str) else tuple(names)
    if not all(isinstance(name, str) and name for name in found) or len(set(found)) != len(found):
        raise ValueError(f"names must be different, non-empty strings, one per class; got {found}.")
    return found


@final
class MatrixPopulation(eqx.Module):
    r"""A matrix population model $n(t + 1) = A\,n(t)$ with $A = U + F + C$.

    Columns are the class an individual leaves, rows the class it enters. The split is never guessed: give it here, or
    declare it with `from_matrix`. Leading axes are a batch of models. The record is a pytree: it passes through
    `jax.jit`, `jax.vmap` and `jax.grad`. Numbers given as such are held in float64, whatever JAX is set to.

    Args:
        U: survival and growth, probabilities, shape `(*batch, classes, classes)`; no column sums to more than 1.
        F: sexual reproduction, offspring per individual and interval, same shape, at least 0.
        C: clonal reproduction, same shape and unit as `F`; None for none.
        names: one name per class; None for `"class 1"`, `"class 2"`, ...
        interval: length of a projection interval in `unit`.
        unit: time unit of `interval`.
        census: `"pre"` or `"post"` breeding, None if unknown. Information for the reader: the entries are taken as
            they are (`leslie_matrix` builds them for either census).

    Raises:
        ValueError: for matrices not square or of different shapes, entries negative or not finite, a survival column
            above 1, names that do not match; entry and class are named.

    Example:
        >>> whelk = MatrixPopulation(U=[[0, 0], [0.5, 0.8]], F=[[0, 2], [0, 0]], names=("young", "adult"))
        >>> whelk.A.tolist()
        [[0.0, 2.0], [0.5, 0.8]]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., chapters 2 to 4.
    """

    U: Float[Array, "*batch classes classes"] = eqx.field(converter=as_entries)
    F: Float[Array, "*batch classes classes"] = eqx.field(converter=as_entries)
    C: Float[Array, "*batch classes classes"] | None = eqx.field(default=None, converter=as_optional_entries)
    names: tuple[str, ...] | None = eqx.field(default=None, static=True, converter=as_class_names)
    interval: float = eqx.field(default=1.0, static=True)
    unit: str = eqx.field(default="years", static=True)
    census: Census | None = eqx.field(default=None, static=True)

    def __init__(self, U, F, C=None, names=None, interval=1.0, unit="years", census=None) -> None:
        """See the class."""
        self.U, self.F, self.C = U, F, C
        self.names, self.interval, self.unit, self.census = names, float(interval), unit, census

    def __check_init__(self) -> None:
        """Check shapes, entries, survival columns, names, interval and census."""
        check_square("U", self.U)
        for part in ("F", "C"):
            values = getattr(self, part)
            if values is not None and np.shape(values) != np.shape(self.U):
                raise ValueError(
                    f"{part} must have the shape of U, {np.shape(self.U)}; got {np.shape(values)}. Use zeros where a "
                    "part has no entries."
                )
        if self.names is not None and len(self.names) != self.num_classes:
            raise ValueError(
                f"names must be one per class: the matrices have {self.num_classes} classes, names has "
                f"{len(self.names)}: {self.names}."
            )
        check_positive("interval", self.interval)
        if self.census not in (None, "pre", "post"):
            raise ValueError(f"census must be 'pre', 'post' or None; got {self.census!r}.")
        for part in ("U", "F", "C"):
            check_entries(part, getattr(self, part), self.class_names)
        _check_survival(self.U, self.class_names)

    @classmethod
    def from_matrix(
        cls,
        matrix: ArrayLike,
        *,
        fertility_rows: int | Sequence[int] | None = None,
        fertility_entries: Bool[np.ndarray, "classes classes"] | Sequence[Sequence[bool]] | None = None,
        names: Sequence[str] | None = None,
        interval: float = 1.0,
        unit: str = "years",
        census: Census | None = None,
    ) -> MatrixPopulation:
        """The model of a full matrix `A`, with what is fertility declared by the caller.

        Args:
            matrix: `A`, shape `(*batch, classes, classes)`.
            fertility_rows: rows (from 0) whose entries are all fertility; `0` for a Leslie matrix.
            fertility_entries: True where an entry is fertility, shape `(classes, classes)`; for rows that hold both.
            names: as in the class; so are `interval`, `unit` and `census`.
            interval: see `names`.
            unit: see `names`.
            census: see `names`.

        Raises:
            ValueError: unless exactly one of `fertility_rows` and `fertility_entries` is given, or if the rest of the
                matrix is no survival matrix.

        Example:
            >>> MatrixPopulation.from_matrix([[0.0, 2.0], [0.5, 0.8]], fertility_rows=0).F.tolist()
            [[0.0, 2.0], [0.0, 0.0]]
        """
        if (fertility_rows is None) == (fertility_entries is None):
            raise ValueError(
                "from_matrix needs to be told which entries are fertility, by one of fertility_rows=0 (rows all of "
                "whose entries are) and fertility_entries (True where an entry is); a matrix alone does not say."
            )
        full = as_entries(matrix)
        check_square("matrix", full)
        n = np.shape(full)[-1]
        if fertility_rows is not None:
            rows = np.atleast_1d(np.asarray(fertility_rows))
            if not np.issubdtype(rows.dtype, np.integer) or (rows < -n).any() or (rows >= n).any():
                raise ValueError(f"fertility_rows must be row numbers from 0 to {n - 1}; got {rows.tolist()}.")
            chosen = np.zeros((n, n), bool)
            chosen[rows] = True
        else:
            chosen = np.asarray(fertility_entries, bool)
            if chosen.shape != (n, n):
                raise ValueError(f"fertility_entries must have shape {(n, n)}; got {chosen.shape}.")
        mask = np.broadcast_to(chosen, np.shape(full))
        survival, fertility = (full * m for m in (~mask, mask))
        return cls(survival, fertility, names=names, interval=interval, unit=unit, census=census)

    @property
    def A(self) -> Float[Array, "*batch classes classes"]:
        """The projection matrix `U + F + C`."""
        return self.U + self.reproduction

    @property
    def reproduction(self) -> Float[Array, "*batch classes classes"]:
        """Offspring of both kinds, `F + C`."""
        return self.F if self.C is None else self.F + self.C

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return np.shape(self.U)[-1]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, `"class 1"`, `"class 2"`, ... where none were given."""
        return self.names or default_names(self.num_classes)


Matrix = MatrixPopulation | ArrayLike
Matrices = MatrixPopulation | ArrayLike | Sequence[MatrixPopulation]


def default_names(num_classes: int) -> tuple[str, ...]:
    """`"class 1"`, `"class 2"`, ..."""
    return tuple(f"class {i + 1}" for i in range(num_classes))


def check_square(name: str, values: Array) -> None:
    """Refuse what is not a square matrix, or a batch of them."""
    shape = np.shape(values)
    if len(shape) < 2 or shape[-1] != shape[-2] or 0 in shape:
        raise ValueError(f"{name} must be square, shape (*batch, classes, classes), and not empty; got shape {shape}.")


def check_entries(name: str, values: Array | None, classes: Sequence[str]) -> None:
    """Refuse entries that are negative or not finite, naming the first of them; tracers pass."""
    if values is None or isinstance(values, Tracer):
        return
    wrong = np.argwhere(~(np.isfinite(values) & (np.asarray(values) >= 0)))
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        to, of = classes[index[-2]], classes[index[-1]]
        raise ValueError(
            f"{name}{list(index)} must be finite and at least 0; got {float(values[index])} (from {of!r} to {to!r}; "
            "columns are the class left, rows the class entered). Replace missing entries before building the model."
        )


def _check_survival(survival: Array, classes: Sequence[str]) -> None:
    if isinstance(survival, Tracer):
        return
    total = np.sum(survival, axis=-2)
    wrong = np.argwhere(total > 1 + 1e-6)  # what single precision makes of a sum that is 1
    if wrong.size:
        index = tuple(int(i) for i in wrong[0])
        where = "" if len(index) == 1 else f" in matrix {list(index[:-1])} of the batch"
        raise ValueError(
            f"U holds survival, and a column is what becomes of one individual: column {index[-1]} "
            f"({classes[index[-1]]!r}){where} sums to {float(total[index]):.6g}, above 1. If fertility is in it, move "
            "that to F; if rates were rounded, scale the column to 1."
        )


def read_matrix(matrix: Matrix, name: str = "matrix") -> Array:
    """The projection matrix of a model or an array, or a batch of them, checked."""
    if isinstance(matrix, MatrixPopulation):
        return matrix.A
    values = as_entries(matrix)
    check_square(name, values)
    check_entries(name, values, default_names(np.shape(values)[-1]))
    return values


def read_one(matrix: Matrix, name: str = "matrix") -> Array:
    """The same for what must be a single matrix."""
    values = read_matrix(matrix, name)
    if np.ndim(values) != 2:
        raise ValueError(f"{name} must be one matrix, shape (classes, classes); got shape {np.shape(values)}.")
    return values


def read_stack(matrices: Matrices, name: str = "matrices") -> Array:
    """Several matrices of one size, shape `(*batch, matrices, classes, classes)`: a list of models is stacked."""
    if isinstance(matrices, list | tuple) and any(isinstance(matrix, MatrixPopulation) for matrix in matrices):
        each = [read_one(matrix, f"{name}[{i}]") for i, matrix in enumerate(matrices)]
        sizes = sorted({np.shape(matrix)[-1] for matrix in each})
        if len(sizes) > 1:
            raise ValueError(f"{name} must all have the same classes; got matrices of {sizes} classes.")
        traced = any(isinstance(matrix, Tracer) for matrix in each)
        values = jnp.stack(each) if traced else np.stack(each)
    else:
        values = read_matrix(matrices, name)
    if np.ndim(values) < 3:
        raise ValueError(f"{name} must be several, shape (matrices, classes, classes); got shape {np.shape(values)}.")
    return values


def class_index(population: MatrixPopulation, start: int | str) -> int:
    """Number (from 0) of a class given by number or name."""
    if isinstance(start, str):
        if start not in population.class_names:
            raise ValueError(f"start must be one of the classes {list(population.class_names)}; got {start!r}.")
        return population.class_names.index(start)
    if isinstance(start, bool) or not isinstance(start, int | np.integer) or not 0 <= start < population.num_classes:
        raise ValueError(
            f"start must be a class name, or a number from 0 to {population.num_classes - 1}; got {start!r}."
        )
    return int(start)


def class_numbers(name: str, values: ArrayLike, classes: int) -> Array:
    """One number per class along the last axis, at least 0 and not all 0."""
    numbers = as_entries(values)
    if not np.ndim(numbers) or np.shape(numbers)[-1] != classes:
        raise ValueError(f"{name} must have one number per class, shape ({classes},); got shape {np.shape(numbers)}.")
    if isinstance(numbers, Tracer):
        return numbers
    if not (np.isfinite(numbers) & (numbers >= 0)).all() or not np.any(numbers, axis=-1).all():
        raise ValueError(f"{name} must be finite, at least 0 and not all 0; got {numbers.tolist()}.")
    return numbers


def compute(function: Callable[..., Any], *values: Any) -> Any:
    """`function(*values)` in float64 and as NumPy arrays, without a change to JAX's settings.

    Where JAX is tracing `values` (inside `jax.jit`, `jax.vmap`, `jax.grad`) the function runs as it is, in the
    precision of the caller: wrap that in `with jax.enable_x64(True):` for float64.
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values)):
        return function(*values)
    with jax.enable_x64(True):
        return jax.tree.map(lambda leaf: leaf if isinstance(leaf, Tracer) else np.asarray(leaf), function(*values))
