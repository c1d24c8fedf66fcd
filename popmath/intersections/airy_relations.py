"""The quadratic relations between the four tensors of a quantum Airy structure, checked up to an index."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popmath.intersections.airy import AiryStructure

Cube = dict[tuple[int, int], dict[int, Fraction]]  # the non-zero entries [i, j, k] as cube[i, j][k]


def check_relations(structure: AiryStructure, max_index: int) -> None:
    """All relations of `popmath.intersections.airy.check_airy_structure` with free indices up to `max_index`.

    Inner sums run to 2 max_index + 4, which is everything if B[i, j, k] needs i + j <= k + 1 and C[i, j, k] needs
    i <= j + k + 2; without a size, that is checked first.

    Raises:
        TypeError: for an entry that is neither an int nor a Fraction.
        ValueError: naming the structure, the relation and the indices.
    """
    last = 2 * max_index + 4 if structure.size is None else structure.size - 1
    tensors = _Tensors(structure, last)
    free = range(max_index + 1)
    if structure.size is None:
        _check_triangular(structure.name, tensors, free)
    for i, j, k in product(free, repeat=3):
        _compare(structure.name, "A symmetric", (i, j, k), tensors.a(i, j, k), tensors.a(j, i, k))
        _compare(structure.name, "A symmetric", (i, j, k), tensors.a(i, j, k), tensors.a(i, k, j))
        _compare(structure.name, "C symmetric in its last two", (i, j, k), tensors.c(i, j, k), tensors.c(i, k, j))
    relations: list[tuple[str, int, Callable[..., Fraction]]] = [
        ("BA", 4, tensors.relation_ba),
        ("BB-AC", 4, tensors.relation_bb),
        ("BC", 4, tensors.relation_bc),
        ("D", 2, tensors.relation_d),
    ]
    for name, count, side in relations:
        for i, j, *rest in product(free, repeat=count):
            if i < j:
                _compare(structure.name, name, (i, j, *rest), side(i, j, *rest), side(j, i, *rest))


class _Tensors:
    """The entries of a structure up to an index, and one side of each relation."""

    def __init__(self, structure: AiryStructure, last: int) -> None:
        indices = range(last + 1)
        self.A: Cube = {(i, j): dict(structure.A(i, j, last)) for i in indices for j in indices}
        self.B: Cube = {(i, j): dict(structure.B(i, j, last)) for i in indices for j in indices}
        self.C: Cube = {(i, j): {} for i in indices for j in indices}
        for i in indices:
            for (j, k), value in structure.C(i, 2 * last):
                if j <= last and k <= last:
                    self.C[i, j][k] = value
        self.D = [Fraction(structure.D(i)) for i in indices]
        rows = [row for cube in (self.A, self.B, self.C) for row in cube.values()]
        for value in [*(x for row in rows for x in row.values()), *map(structure.D, indices)]:
            if not isinstance(value, int | Fraction):
                raise TypeError(
                    f"{structure.name!r}: entries must be exact, int or Fraction; got {value!r} of type "
                    f"{type(value).__name__}."
                )

    def a(self, i: int, j: int, k: int) -> Fraction:
        return self.A[i, j].get(k, Fraction(0))

    def b(self, i: int, j: int, k: int) -> Fraction:
        return self.B[i, j].get(k, Fraction(0))

    def c(self, i: int, j: int, k: int) -> Fraction:
        return self.C[i, j].get(k, Fraction(0))

    def relation_ba(self, i: int, j: int, k: int, m: int) -> Fraction:
        total = sum((x * self.a(a, k, m) for a, x in self.B[i, j].items()), Fraction(0))
        total += sum(x * self.a(j, a, m) for a, x in self.B[i, k].items())
        return total + sum(x * self.a(j, a, k) for a, x in self.B[i, m].items())

    def relation_bb(self, i: int, j: int, k: int, m: int) -> Fraction:
        total = sum((x * self.b(a, k, m) for a, x in self.B[i, j].items()), Fraction(0))
        total += sum(x * self.b(j, a, m) for a, x in self.B[i, k].items())
        return total + sum(x * self.a(j, a, k) for a, x in self.C[i, m].items())

    def relation_bc(self, i: int, j: int, k: int, m: int) -> Fraction:
        total = sum((x * self.c(a, k, m) for a, x in self.B[i, j].items()), Fraction(0))
        total += sum(x * self.b(j, a, m) for a, x in self.C[i, k].items())
        return total + sum(x * self.b(j, a, k) for a, x in self.C[i, m].items())

    def relation_d(self, i: int, j: int) -> Fraction:
        total = sum((x * self.D[a] for a, x in self.B[i, j].items()), Fraction(0))
        pairs = ((row, self.A[j, a]) for (i_, a), row in self.C.items() if i_ == i)
        return total + sum((x * other.get(b, 0) for row, other in pairs for b, x in row.items()), Fraction(0)) / 2


def _check_triangular(name: str, tensors: _Tensors, free: range) -> None:
    for i, j in product(free, repeat=2):
        for k in tensors.B[i, j]:
            if i + j > k + 1:
                raise ValueError(
                    f"{name!r}: B[{i}, {j}, {k}] is not 0, but without a size B[i, j, k] needs i + j <= k + 1, or the "
                    f"sums of the relations have no end. Give a size, or order the indices by degree."
                )
    for i, j, k in product(free, repeat=3):
        if tensors.c(i, j, k) and i > j + k + 2:
            raise ValueError(
                f"{name!r}: C[{i}, {j}, {k}] is not 0, but without a size C[i, j, k] needs i <= j + k + 2, or the sums "
                f"of the relations have no end. Give a size, or order the indices by degree."
            )


def _compare(name: str, relation: str, indices: tuple[int, ...], one: Fraction, other: Fraction) -> None:
    if one != other:
        raise ValueError(
            f"{name!r} is no quantum Airy structure: relation {relation} fails at indices {indices}, where its two "
            f"sides are {one} and {other}. The relations stand in the docstring of check_airy_structure."
        )
