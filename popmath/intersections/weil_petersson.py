r"""Weil-Petersson volumes of moduli spaces of bordered hyperbolic surfaces, as exact polynomials.

$$V_{g,n}(L_1, \ldots, L_n) = \sum_{m + |d| = 3g-3+n} \frac{(2\pi^2)^m}{m!\,2^{|d|} \prod d_i!}
  \Bigl(\int_{\overline{\mathcal M}_{g,n}} \kappa_1^m \psi_1^{d_1}\cdots\psi_n^{d_n}\Bigr) \prod_i L_i^{2d_i}.$$

References:
    Mirzakhani, M. (2007), Journal of the American Mathematical Society 20, 1-23 (this formula); Inventiones
    Mathematicae 167, 179-222 (the recursion, `popmath.intersections.airy_structures.weil_petersson_structure`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from popmath.intersections._requests import as_count, check_stable
from popmath.intersections.kappa import kappa_correlator
from popmath.intersections.partitions import degree_tuples
from popmath.intersections.recursion import runs


@dataclass(frozen=True)
class WeilPeterssonVolume:
    r"""The polynomial $V_{g,n}(L)$.

    Attributes:
        genus: g.
        num_points: the number n of boundaries.
        coefficients: the rational part of each coefficient. The key is an ascending tuple d of n degrees; it stands for
            $\pi^{2(3g-3+n-|d|)}$ times the sum of the distinct permutations of $\prod L_i^{2d_i}$.
    """

    genus: int
    num_points: int
    coefficients: Mapping[tuple[int, ...], Fraction]

    def coefficient(self, degrees: Iterable[int]) -> Fraction:
        r"""The rational part of the coefficient of $\prod L_i^{2d_i}$, degrees in any order; 0 if there is none.

        Example:
            >>> weil_petersson_volume(1, 1).coefficient((0,))
            Fraction(1, 12)
        """
        return self.coefficients.get(tuple(sorted(degrees)), Fraction(0))

    def pi_power(self, degrees: Iterable[int]) -> int:
        """The power of pi that goes with that coefficient."""
        return 2 * (3 * self.genus - 3 + self.num_points - sum(degrees))

    def __call__(self, lengths: Iterable[float] = ()) -> float:
        """The volume at n boundary lengths (0 is a cusp); without lengths, all are cusps.

        Raises:
            ValueError: for a wrong number of lengths, or one that is not a finite number of at least 0.

        Example:
            >>> round(weil_petersson_volume(0, 4)([1.0, 0.0, 2.0, 0.0]), 12)  # 2 pi^2 + 5/2
            22.239208802179
        """
        values = tuple(float(x) for x in lengths) or (0.0,) * self.num_points
        if len(values) != self.num_points:
            raise ValueError(
                f"lengths must be {self.num_points} numbers, one for each boundary, or none for cusps; "
                f"got {len(values)}."
            )
        if not all(0 <= x < math.inf for x in values):
            raise ValueError(f"lengths must be finite and at least 0; got {list(values)}.")
        squares = [x * x for x in values]
        memo: dict[tuple[int, ...], float] = {(): 1.0}
        return math.fsum(
            float(c) * math.pi ** self.pi_power(d) * _monomials(squares, d, memo) for d, c in self.coefficients.items()
        )

    def __str__(self) -> str:
        """The polynomial in words, m(d) for the sum of the distinct permutations of prod L_i^(2 d_i)."""
        return self._written("{}/{}", "pi^{}", "L{}^{}", " + ... ")

    def __reduce__(self) -> tuple[Callable[[int, int], WeilPeterssonVolume], tuple[int, int]]:
        """Copied and pickled by its type: the coefficients are read-only and follow from it."""
        return weil_petersson_volume, (self.genus, self.num_points)

    def _repr_latex_(self) -> str:
        right = self._written(r"\frac{{{}}}{{{}}}", r"\pi^{{{}}}", "L_{{{}}}^{{{}}}", r" + \cdots ")
        return f"$V_{{{self.genus},{self.num_points}}} = {right}$"

    def _written(self, number: str, pi: str, length: str, more: str) -> str:
        terms = []
        for degrees, c in self.coefficients.items():
            power = self.pi_power(degrees)
            factors = [pi.format(power)] if power else []
            shown = sorted((d for d in degrees if d), reverse=True)
            product = " ".join(length.format(i, 2 * d) for i, d in enumerate(shown, start=1))
            if product:
                distinct = math.factorial(len(degrees))
                for _, times, _first in runs(degrees):
                    distinct //= math.factorial(times)
                factors.append(f"({product}{more})" if distinct > 1 else product)
            if c != 1 or not factors:
                whole = c.denominator == 1
                factors.insert(0, str(c) if whole else number.format(c.numerator, c.denominator))
            terms.append(" ".join(factors))
        return " + ".join(terms)


def weil_petersson_volume(genus: int, num_points: int) -> WeilPeterssonVolume:
    r"""The Weil-Petersson volume of the moduli space of hyperbolic surfaces with n boundaries of given lengths.

    The equation stands at the top of the module. Normalised so that $V_{1,1} = (L^2 + 4\pi^2)/48$: half of Mirzakhani's
    first table, because every one-holed torus has an involution.

    Args:
        genus: g >= 0.
        num_points: the number n of boundaries or cusps, with 2g - 2 + n > 0.

    Returns:
        The polynomial with exact coefficients; call it with lengths for a float.

    Raises:
        TypeError, ValueError: for what is not an integer, negative, or an unstable type.

    Example:
        >>> print(weil_petersson_volume(1, 1))
        1/12 pi^2 + 1/48 L1^2
        >>> print(weil_petersson_volume(0, 4))
        2 pi^2 + 1/2 (L1^2 + ... )
        >>> print(weil_petersson_volume(2, 0))
        43/2160 pi^6

    References:
        Mirzakhani, M. (2007), Journal of the American Mathematical Society 20, 1-23.
    """
    genus, n = as_count("genus", genus), as_count("num_points", num_points)
    check_stable(genus, n)
    dimension = 3 * genus - 3 + n
    coefficients = {}
    for total in range(dimension + 1 if n else 1):
        m = dimension - total
        for degrees in degree_tuples(total, n):
            number = kappa_correlator(genus, (1,) * m, degrees)
            scale = math.factorial(m) * 2**total * math.prod(map(math.factorial, degrees))
            coefficients[degrees] = 2**m * number / scale
    return WeilPeterssonVolume(genus, n, MappingProxyType(coefficients))


def _monomials(variables: list[float], degrees: tuple[int, ...], memo: dict[tuple[int, ...], float]) -> float:
    """The sum of the distinct permutations of prod x_i^(d_i) over the first len(degrees) variables."""
    if degrees not in memo:
        x = variables[len(degrees) - 1]
        memo[degrees] = math.fsum(
            x**d * _monomials(variables, degrees[:first] + degrees[first + 1 :], memo) for d, _, first in runs(degrees)
        )
    return memo[degrees]
