r"""Quantum Airy structures: one recursion for every theory given by four sparse tensors.

A quantum Airy structure is a family of operators

$$L_i = \hbar\partial_i - \tfrac12 A^i_{ab} x_a x_b - \hbar B^i_{ab} x_a \partial_b
        - \tfrac12 \hbar^2 C^i_{ab} \partial_a \partial_b - \hbar D^i$$

that closes under commutators. One power series
$Z = \exp \sum_{g,n} \frac{\hbar^{g-1}}{n!} F_{g,n}[k_1..k_n]\,x_{k_1}\cdots x_{k_n}$ is then annihilated by all
of them: $F_{0,3} = A$, $F_{1,1} = D$, and

$$F_{g,n}[k_1, K] = \sum_m \sum_b B^{k_1}_{k_m b} F_{g,n-1}[b, K \setminus k_m] + \tfrac12 \sum_{a,b} C^{k_1}_{ab}
  \Bigl( F_{g-1,n+1}[a, b, K] + \sum_{h,\,I \sqcup J = K} F_{h,1+|I|}[a, I]\,F_{g-h,1+|J|}[b, J] \Bigr).$$

References:
    Kontsevich, M. & Soibelman, Y. (2018), Proceedings of Symposia in Pure Mathematics 100, 433-489. Andersen, J. E.,
    Borot, G., Chekhov, L. O. & Orantin, N. (2017), arXiv 1703.03307.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from popmath._errors import UnableError
from popmath.intersections._requests import as_count, as_degrees, check_stable
from popmath.intersections.airy_relations import check_relations
from popmath.intersections.recursion import runs, splittings

Row = Iterable[tuple[int, Fraction]]
Pairs = Iterable[tuple[tuple[int, int], Fraction]]
Sums = Callable[[int, int], range]
_CHECKED = 2  # largest index of the relations that every new structure has to pass


def bounded_sums(genus: int, num_points: int) -> range:
    """The sums of degrees 0..3g-3+n, all that a class on the moduli space of curves leaves room for."""
    return range(3 * genus - 2 + num_points)


@dataclass(frozen=True, eq=False)
class AiryStructure:
    r"""A quantum Airy structure, its tensors given by rules for their non-zero entries.

    The operators and the recursion stand at the top of the module. A rule gets an inclusive `limit` and yields the
    non-zero entries up to it, so that tensors with infinitely many entries are no difficulty. A new structure is
    checked on its indices up to 2 (`check_airy_structure` goes further) and refused if it is none.

    Attributes:
        name: what it is called.
        A: `A(i, j, limit)` yields `(k, A[i, j, k])` for k <= limit.
        B: `B(i, j, limit)` yields `(k, B[i, j, k])` for k <= limit. Without a `size`, entries need i + j <= k + 1.
        C: `C(i, limit)` yields `((j, k), C[i, j, k])` for j + k <= limit, both orders of j and k. Without a `size`,
            entries need i <= j + k + 2.
        D: `D(i)` is D[i].
        sums: `sums(genus, num_points)`, the range of sums of indices outside of which F is known to be 0; the recursion
            does not look there. By default 0..3g-3+n, or everything if there is a `size`.
        size: number of indices (0..size-1) if it is finite.

    Raises:
        TypeError: if an entry is neither an int nor a Fraction.
        ValueError: if the tensors break a relation of quantum Airy structures, or F is not 0 outside `sums`.

    Example:
        Graphs with trivalent vertices, weighted by automorphisms: one index, and every tensor 1 (D a loop, halved).

        >>> one = Fraction(1)
        >>> graphs = AiryStructure(
        ...     name="trivalent graphs",
        ...     A=lambda i, j, limit: [(0, one)],
        ...     B=lambda i, j, limit: [(0, one)],
        ...     C=lambda i, limit: [((0, 0), one)],
        ...     D=lambda i: one / 2,
        ...     size=1,
        ... )
        >>> [int(amplitude(graphs, 0, (0,) * n)) for n in range(3, 8)]  # binary trees with n labelled ends
        [1, 3, 15, 105, 945]
    """

    name: str
    A: Callable[[int, int, int], Row]
    B: Callable[[int, int, int], Row]
    C: Callable[[int, int], Pairs]
    D: Callable[[int], Fraction]
    sums: Sums | None = None
    size: int | None = None
    amplitudes: Amplitudes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check, and start with an empty memo."""
        if self.size is not None and as_count("size", self.size) == 0:
            raise ValueError("size must be at least 1: a structure without indices has no amplitudes.")
        object.__setattr__(self, "amplitudes", Amplitudes(self, self.sum_range))
        check_airy_structure(self, _CHECKED)

    def sum_range(self, genus: int, num_points: int) -> range:
        """The sums of indices at which F may differ from 0."""
        if self.sums is not None:
            return self.sums(genus, num_points)
        return bounded_sums(genus, num_points) if self.size is None else range(num_points * (self.size - 1) + 1)


class Amplitudes:
    """The numbers F of one structure: the recursion and what it has met, equal indices taken together."""

    def __init__(self, structure: AiryStructure, sums: Sums) -> None:
        """Start with nothing; `sums` as in `AiryStructure`, but always given."""
        self.structure = structure
        self.sums = sums
        self.memo: dict[tuple[int, tuple[int, ...]], Fraction] = {}

    def value(self, genus: int, degrees: tuple[int, ...]) -> Fraction:
        """F of a stable type, degrees ascending and at least one."""
        if sum(degrees) not in self.sums(genus, len(degrees)):
            return Fraction(0)
        known = self.memo.get((genus, degrees))
        if known is None:
            known = self.expand(genus, degrees[0], degrees[1:])
            self.memo[genus, degrees] = known
        return known

    def expand(self, genus: int, k: int, rest: tuple[int, ...]) -> Fraction:
        """F[k, rest] by the recursion on k."""
        rules, n = self.structure, len(rest) + 1
        if (genus, n) == (0, 3):
            return Fraction(dict(rules.A(k, rest[0], rest[1])).get(rest[1], 0))
        if (genus, n) == (1, 1):
            return Fraction(rules.D(k))
        total = Fraction(0)
        for d, times, first in runs(rest):
            others = rest[:first] + rest[first + 1 :]
            for b, coefficient in rules.B(k, d, self._room(genus, others)):
                total += times * coefficient * self.value(genus, tuple(sorted((b, *others))))
        return total + self._split(genus, k, rest) / 2

    def _room(self, genus: int, degrees: tuple[int, ...], more: int = 1) -> int:
        """What is left for the sum of `more` further indices."""
        return self.sums(genus, len(degrees) + more).stop - 1 - sum(degrees)

    def _split(self, genus: int, k: int, rest: tuple[int, ...]) -> Fraction:
        rules, total = self.structure, Fraction(0)
        if genus:
            for (a, b), coefficient in rules.C(k, self._room(genus - 1, rest, 2)):
                total += coefficient * self.value(genus - 1, tuple(sorted((a, b, *rest))))
        for left, right, _, ways in splittings(rest, sum(rest)):
            for h in range(genus // 2 + 1):
                if (h == 0 and len(left) < 2) or (h == genus and len(right) < 2):
                    continue
                most, most_right = self._room(h, left), self._room(genus - h, right)
                if most < 0 or most_right < 0:
                    continue
                twice = 2 * ways if 2 * h < genus else ways  # (h, left) and (genus - h, right) change places
                for (a, b), coefficient in rules.C(k, most + most_right):
                    if a <= most and b <= most_right:
                        factor = self.value(h, tuple(sorted((a, *left))))
                        if factor:
                            factor *= self.value(genus - h, tuple(sorted((b, *right))))
                            total += twice * coefficient * factor
        return total


def amplitude(structure: AiryStructure, genus: int, degrees: Iterable[int], *, first: int | None = None) -> Fraction:
    """F of one genus and list of indices, by the recursion of quantum Airy structures (top of the module).

    Args:
        structure: such as `witten_kontsevich_structure()`, or your own.
        genus: g >= 0.
        degrees: the indices k_1 .. k_n >= 0 in any order, at least one, with 2g - 2 + n > 0.
        first: one of `degrees`: the recursion starts on it. F is symmetric, so this changes the way, not the result.

    Raises:
        TypeError, ValueError: for what is not an integer, negative, unstable, or a `first` not among `degrees`.
        UnableError: without degrees (the operators fix F only up to functions of hbar), or if the recursion would be
            too deep for Python's stack.

    Example:
        >>> from popmath.intersections.airy_structures import witten_kontsevich_structure
        >>> amplitude(witten_kontsevich_structure(), 2, (2, 3))
        Fraction(29, 5760)
    """
    genus, ascending = as_count("genus", genus), as_degrees(degrees)
    check_stable(genus, len(ascending))
    if not ascending:
        raise UnableError(
            f"a quantum Airy structure says nothing about F with genus {genus} and no index: give at least one. Where "
            f"a dilaton equation holds, F of no index is F of one such index divided by 2g - 2."
        )
    if first is not None and first not in ascending:
        raise ValueError(f"first must be one of the degrees {ascending}; got {first!r}.")
    if structure.size is not None and ascending[-1] >= structure.size:
        raise ValueError(f"degrees must be below the size {structure.size} of {structure.name!r}; got {ascending}.")
    try:
        if first is None:
            return structure.amplitudes.value(genus, ascending)
        if sum(ascending) not in structure.sum_range(genus, len(ascending)):
            return Fraction(0)
        place = ascending.index(first)
        return structure.amplitudes.expand(genus, first, ascending[:place] + ascending[place + 1 :])
    except RecursionError:
        raise UnableError(
            f"genus {genus} with {len(ascending)} points is too deep for the recursion and Python's stack: "
            f"lower one of them."
        ) from None


def check_airy_structure(structure: AiryStructure, max_index: int) -> None:
    r"""Check the relations that make four tensors a quantum Airy structure, for all indices up to one.

    A symmetric in all indices, C in its last two, and symmetric under $i \leftrightarrow j$ (sums over repeated a, b):

    $$B^i_{ja}A^a_{kl} + B^i_{ka}A^j_{al} + B^i_{la}A^j_{ak}, \quad
      B^i_{ja}B^a_{kl} + B^i_{ka}B^j_{al} + C^i_{la}A^j_{ak}, \quad
      B^i_{ja}C^a_{kl} + C^i_{ka}B^j_{al} + C^i_{la}B^j_{ak}, \quad
      B^i_{ja}D^a + \tfrac12 C^i_{ab}A^j_{ab};$$

    these say $[L_i, L_j] = \hbar \sum_a (B^i_{ja} - B^j_{ia}) L_a$. Also that F, for (g, n) = (0, 3), (1, 1), (0, 4)
    and (1, 2), is 0 just outside the range of sums the structure declares.

    Args:
        structure: the tensors.
        max_index: the largest free index; work grows like its fourth power.

    Raises:
        TypeError, ValueError: for a bad `max_index`, or an entry that is not exact.
        ValueError: for a violated relation; the message names it and the indices.

    Example:
        >>> from popmath.intersections.airy_structures import weil_petersson_structure
        >>> check_airy_structure(weil_petersson_structure(), max_index=4)
    """
    largest = as_count("max_index", max_index)
    if structure.size is not None:
        largest = min(largest, structure.size - 1)
    check_relations(structure, largest)
    wider = Amplitudes(structure, lambda g, n: _widened(structure.sum_range(g, n)))
    for genus, n in ((0, 3), (1, 1), (0, 4), (1, 2)):
        declared = structure.sum_range(genus, n)
        for degrees in _tuples(n, largest):
            value = wider.value(genus, degrees)
            if value and sum(degrees) not in declared:
                raise ValueError(
                    f"{structure.name!r} declares F = 0 for genus {genus} and {n} indices unless they sum to "
                    f"{list(declared)}, but F{list(degrees)} = {value}: widen sums."
                )


def _widened(declared: range) -> range:
    return range(max(0, declared.start - 2), max(0, declared.stop) + 2)


def _tuples(n: int, largest: int, least: int = 0) -> Iterable[tuple[int, ...]]:
    if n == 0:
        return [()]
    return [(d, *more) for d in range(least, largest + 1) for more in _tuples(n - 1, largest, d)]
