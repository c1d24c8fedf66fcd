r"""The Liu-Xu recursion: the number of points that are not zeros never grows.

With $F = \prod (2d_i+1)!!\,\langle\tau_d\rangle$ and $n$ points in all,

$$(2g+n-1)(2g+n-2)\,F_g(d, \psi) = \tfrac1{12} F_{g-1}(0^4, d+1, \psi) - \tfrac{2g+n-1}{6} F_{g-1}(0^3, d, \psi)
  + \sum_{I \sqcup J = \psi} \bigl[F(0^2, I)\,F(0^2, d+1, J) - (2g+n-1)\,F(0^2, I)\,F(0, d, J)\bigr].$$

Good for few points, and as a check: it shares no term with DVV. It subtracts, so it is for exact numbers only.

References:
    Liu, K. & Xu, H. (2007), arXiv:math/0701319.
"""

from __future__ import annotations

from popmath.intersections.recursion import IntegerRecursion, one_point, splittings


def liu_xu(recursion: IntegerRecursion, genus: int, degrees: tuple[int, ...]) -> int:
    """A primitive in integer form, by its largest degree; both genera of a product are positive."""
    if len(degrees) == 1:
        return one_point(genus)
    *rest, d = degrees
    points = 2 * genus + len(degrees)
    value = recursion.value
    # 2^(4g-1) is 16 times the power of genus g - 1, and twice the product of those of g' and g''
    total = 4 * value(genus - 1, _ascending((0, 0, 0, 0), rest, d + 1))
    total -= 8 * (points - 1) * value(genus - 1, _ascending((0, 0, 0), rest, d))
    products = 0
    for left, right, excess, ways in splittings(tuple(rest), 3 * genus - 4):
        if (excess + 1) % 3:  # (0, 0, left) has 3 g' - 1 = excess
            continue
        g_left = (excess + 1) // 3
        if not 1 <= g_left < genus:
            continue
        known = ways * value(g_left, (0, 0, *left))
        products += known * value(genus - g_left, _ascending((0, 0), list(right), d + 1))
        products -= known * (points - 1) * value(genus - g_left, _ascending((0,), list(right), d))
    return (total + 6 * products) // (3 * (points - 1) * (points - 2))


def _ascending(zeros: tuple[int, ...], rest: list[int], d: int) -> tuple[int, ...]:
    return (*zeros, *sorted((*rest, d)))
