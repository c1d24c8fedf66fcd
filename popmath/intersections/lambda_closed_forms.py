r"""Hodge integrals with a closed form.

$$\int \lambda_g\,\psi^d = \binom{2g-3+n}{d_1, \ldots, d_n} \frac{2^{2g-1} - 1}{2^{2g-1}} \frac{|B_{2g}|}{(2g)!},$$

$$\int \lambda_g\lambda_{g-1}\,\psi^d = \frac{(2g-3+n)!\,|B_{2g}|}{2^{2g-1}\,(2g)!\,\prod (2d_i-1)!!}
  \quad\text{if all } d_i \ge 1,$$

$$\int_{\overline{\mathcal M}_g} \lambda_{g-2}\lambda_{g-1}\lambda_g =
  \frac{1}{2\,(2g-2)!} \frac{|B_{2g-2}|}{2g-2} \frac{|B_{2g}|}{2g}.$$

References:
    Faber, C. & Pandharipande, R. (2000), Inventiones Mathematicae 139, 173-199 (one point, three lambdas); (2003),
    Annals of Mathematics 157, 97-124 (lambda_g). Getzler, E. & Pandharipande, R. (1998), Nuclear Physics B 530,
    701-714. Faber, C. (1999), in: Moduli of Curves and Abelian Varieties, 109-129 (lambda_g lambda_(g-1)); proved by
    Liu, K. & Xu, H. (2009), Journal of Differential Geometry 83, 313-335.
"""

from __future__ import annotations

from fractions import Fraction
from math import factorial, prod

from popmath.intersections.bernoulli import even_bernoulli
from popmath.intersections.recursion import odd_double_factorial


def lambda_closed_form(genus: int, lambdas: tuple[int, ...], degrees: tuple[int, ...]) -> Fraction | None:
    """The Hodge integral if a closed form covers it, else None.

    Args:
        genus: g >= 1.
        lambdas: ascending, all positive.
        degrees: ascending; with the lambdas they sum to 3g - 3 + n.

    Example:
        >>> lambda_closed_form(2, (2,), (2,)), lambda_closed_form(3, (1, 1), (5,))
        (Fraction(7, 5760), None)
    """
    n = len(degrees)
    if lambdas == (genus,) and n:
        multinomial = factorial(2 * genus - 3 + n) // prod(map(factorial, degrees))
        power = 2 ** (2 * genus - 1)
        return multinomial * Fraction(power - 1, power * factorial(2 * genus)) * abs(even_bernoulli(genus))
    if lambdas == (genus - 1, genus) and all(degrees):
        odd = prod(odd_double_factorial(d - 1) for d in degrees)
        bottom = 2 ** (2 * genus - 1) * factorial(2 * genus) * odd
        return Fraction(factorial(2 * genus - 3 + n), bottom) * abs(even_bernoulli(genus))
    if lambdas == (genus - 2, genus - 1, genus) and n == 0:
        pair = abs(even_bernoulli(genus - 1) * even_bernoulli(genus))
        return pair / (2 * factorial(2 * genus - 2) * (2 * genus - 2) * (2 * genus))
    return None
