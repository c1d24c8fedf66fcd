r"""The Dijkgraaf-Verlinde-Verlinde recursion in integers.

The integer form of a psi-class intersection number is

$$H_0(d) = \prod_i (2d_i + 1)!!\,\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_0, \qquad
  H_g(d) = 2^{4g-1} \prod_i (2d_i + 1)!!\,\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g \quad (g \ge 1),$$

a non-negative integer that obeys a recursion with positive integer coefficients and no division. Ones are
removed in closed form (dilaton), zeros by the string equation, and what is left - all degrees at least 2, a
*primitive* - by DVV on its smallest degree, with equal degrees taken together; a single degree is
$1/(24^g g!)$. Nothing is subtracted.

References:
    Witten, E. (1991), Surveys in Differential Geometry 1, 243-310. Dijkgraaf, R., Verlinde, H. & Verlinde, E.
    (1991), Nuclear Physics B 348, 435-456.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import comb, factorial, prod


@cache
def odd_double_factorial(d: int) -> int:
    """(2d + 1)!! for d >= 0.

    Example:
        >>> [odd_double_factorial(d) for d in range(4)]
        [1, 3, 15, 105]
    """
    return factorial(2 * d + 1) // (factorial(d) << d)


def integer_scale(genus: int, degrees: tuple[int, ...]) -> int:
    """What H_g(d) is divided by to give the plain number: 2^(4g-1) prod (2d_i + 1)!!, without the power at g = 0."""
    scale = prod(map(odd_double_factorial, degrees))
    return scale << (4 * genus - 1) if genus else scale


class IntegerRecursion:
    """A memo of integer-form numbers; `value` fills it as far as is needed.

    Degrees have to be ascending tuples; the genus follows from them. Numbers with zeros and primitives
    are kept, numbers with ones are not (they are one product away).

    Args:
        primitive: the rule for primitives, `dvv` below or `popmath.intersections.liu_xu.liu_xu`.
    """

    def __init__(self, primitive: Callable[[IntegerRecursion, int, tuple[int, ...]], int] | None = None) -> None:
        """Start with nothing but the seed <tau_1>_1."""
        self.memo: dict[tuple[int, ...], int] = {}
        self._primitive = primitive or dvv

    def value(self, genus: int, degrees: tuple[int, ...]) -> int:
        """H_genus(degrees) for a stable type and degrees that sum to 3g - 3 + n."""
        if genus == 0:
            n = len(degrees)
            scale = prod(map(odd_double_factorial, degrees))
            return factorial(n - 3) * scale // prod(map(factorial, degrees))
        ones = degrees.count(1)
        if not ones:
            return self.without_ones(genus, degrees)
        zeros = degrees.count(0)
        rest = degrees[:zeros] + degrees[zeros + ones :]
        if not rest:
            return 3 ** (ones - 1) * factorial(ones - 1)
        level = 2 * genus - 2 + len(rest)
        return 3**ones * prod(range(level, level + ones)) * self.without_ones(genus, rest)

    def without_ones(self, genus: int, degrees: tuple[int, ...]) -> int:
        """The same for genus >= 1 and degrees without ones."""
        known = self.memo.get(degrees)
        if known is None:
            known = self._string(genus, degrees) if degrees[0] == 0 else self._primitive(self, genus, degrees)
            self.memo[degrees] = known
        return known

    def _string(self, genus: int, degrees: tuple[int, ...]) -> int:
        rest = degrees[1:]
        total = 0
        for d, times, first in runs(rest):
            if d:
                lowered = (*rest[:first], d - 1, *rest[first + 1 :])
                known = self.value(genus, lowered) if d == 2 else self.without_ones(genus, lowered)
                total += times * (2 * d + 1) * known
        return total


def dvv(recursion: IntegerRecursion, genus: int, degrees: tuple[int, ...]) -> int:
    """A primitive by DVV; its genus is at least 2, since genus 1 has no room for degrees that are all above 1."""
    k = degrees[0] - 1
    rest = degrees[1:]
    if not rest:
        return one_point(genus)
    total = 0
    for d, times, first in runs(rest):
        merged = tuple(sorted((*rest[:first], *rest[first + 1 :], d + k)))
        total += times * (2 * d + 1) * recursion.without_ones(genus, merged)
    loop = 0
    for a in range((k + 1) // 2):
        b = k - 1 - a
        loop += (2 if a < b else 1) * recursion.value(genus - 1, tuple(sorted((a, b, *rest))))
    return total + 8 * loop + _products(recursion, genus, k, rest)


def one_point(genus: int) -> int:
    """H_g(3g - 2) = 2^(4g-1) (6g-3)!! / (24^g g!)."""
    return (odd_double_factorial(3 * genus - 2) << (4 * genus - 1)) // (24**genus * factorial(genus))


def _products(recursion: IntegerRecursion, genus: int, k: int, rest: tuple[int, ...]) -> int:
    """Sum over a + b = k - 1 and splittings of `rest` of the products; both genera are at least 1 there."""
    total = 0
    for left, right, excess, ways in splittings(rest, 3 * (genus // 2) - 2):
        # the genus of (a, left) is (a + 2 + excess) / 3, at most half of all: only one a in three counts
        for a in range((1 - excess) % 3, k, 3):
            b = k - 1 - a
            g_left = (a + 2 + excess) // 3
            g_right = genus - g_left
            if 1 <= g_left <= g_right:
                twice = 2 if g_left < g_right else 1
                left_value = recursion.value(g_left, tuple(sorted((a, *left))))
                total += twice * ways * left_value * recursion.value(g_right, tuple(sorted((b, *right))))
    return total


def runs(degrees: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Distinct values of an ascending tuple with how often and where first."""
    found, i = [], 0
    while i < len(degrees):
        times = degrees.count(degrees[i])
        found.append((degrees[i], times, i))
        i += times
    return found


def splittings(degrees: tuple[int, ...], most: int) -> list[tuple[tuple[int, ...], tuple[int, ...], int, int]]:
    """All (left, right, excess, number of ways) with left and right together `degrees` and excess at most `most`.

    The excess is the sum of d - 1 over left.
    """
    out: list[tuple[tuple[int, ...], tuple[int, ...], int, int]] = [((), (), 0, 1)]
    for d, times, _ in runs(degrees):
        parts = [((d,) * t, (d,) * (times - t), t * (d - 1), comb(times, t)) for t in range(times + 1)]
        out = [
            (left + taken, right + kept, excess + more, ways * factor)
            for left, right, excess, ways in out
            for taken, kept, more, factor in parts
            if excess + more <= most
        ]
    return out
