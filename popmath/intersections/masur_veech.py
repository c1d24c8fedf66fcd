r"""Masur-Veech volumes of principal strata of quadratic differentials, and how often simple closed curves separate.

$$\mathrm{Vol}\,\mathcal Q_{g,n} = \frac{2^{4g-2+n}\,(4g-4+n)!}{(6g-7+2n)!}\; F_{g,n}[0, \ldots, 0]\;\pi^{6g-6+2n}$$

with F the amplitudes of `popmath.intersections.airy_structures.masur_veech_structure`: sums over stable graphs of
products of psi-class numbers. Without points F comes from the dilaton equation, $F_{g,0} = F_{g,1}[1] / (2g-2)$.

References:
    Andersen, J. E., Borot, G., Charbonnier, S., Delecroix, V., Giacchetto, A., Lewanski, D. & Wheeler, C. (2023),
    Journal of the London Mathematical Society 107, 254-332. Delecroix, V., Goujard, E., Zograf, P. & Zorich, A. (2021),
    Duke Mathematical Journal 170, 2633-2718.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from popmath.intersections._requests import as_count, check_stable
from popmath.intersections.airy import amplitude
from popmath.intersections.airy_structures import masur_veech_structure
from popmath.intersections.methods import exact_number


@dataclass(frozen=True)
class MasurVeechVolume:
    """The exact volume `coefficient * pi**pi_power`.

    Attributes:
        genus: g.
        num_points: the number n of simple poles.
        coefficient: its rational part.
        pi_power: 6g - 6 + 2n, the complex dimension of the stratum.
    """

    genus: int
    num_points: int
    coefficient: Fraction
    pi_power: int

    def __float__(self) -> float:
        """The volume as a number."""
        return float(self.coefficient) * math.pi**self.pi_power

    def __str__(self) -> str:
        """The volume as it is printed: coefficient and power of pi."""
        return f"{self.coefficient} pi^{self.pi_power}"


def masur_veech_volume(genus: int, num_points: int) -> MasurVeechVolume:
    r"""The volume of the principal stratum $\mathcal Q(1^{4g-4+n}, -1^n)$ of quadratic differentials.

    In the normalisation of Athreya, Eskin and Zorich and of Goujard: zeros and poles carry labels, and
    $\mathcal Q(-1^4)$ has volume $2\pi^2$.

    Args:
        genus: g >= 0.
        num_points: the number n of simple poles, with 2g - 2 + n > 0; (0, 3) is a single point and has no volume.

    Returns:
        The rational coefficient with its power of pi.

    Raises:
        TypeError, ValueError: for what is not an integer, negative, or a type without a stratum.
        UnableError: if the recursion would be too deep for Python's stack.

    Example:
        >>> print(masur_veech_volume(2, 0), masur_veech_volume(0, 5), sep=", ")
        1/15 pi^6, 1 pi^4

    References:
        Andersen, J. E. et al. (2023), Journal of the London Mathematical Society 107, 254-332; values:
        Goujard, E. (2016), Annales de l'Institut Fourier 66, 2203-2251.
    """
    genus, n = as_count("genus", genus), as_count("num_points", num_points)
    check_stable(genus, n)
    if (genus, n) == (0, 3):
        raise ValueError("there is no quadratic differential with three simple poles on the sphere: give n >= 4.")
    if n:
        number = amplitude(masur_veech_structure(), genus, (0,) * n)
    else:
        number = amplitude(masur_veech_structure(), genus, (1,)) / (2 * genus - 2)
    scale = (
        Fraction(2) ** (4 * genus - 2 + n) * math.factorial(4 * genus - 4 + n) / math.factorial(6 * genus - 7 + 2 * n)
    )
    return MasurVeechVolume(genus, n, scale * number, 6 * genus - 6 + 2 * n)


def simple_curve_frequencies(genus: int, num_points: int = 0) -> dict[tuple[tuple[int, int], ...], Fraction]:
    r"""Of the long simple closed geodesics on a hyperbolic surface, the share of each topological kind.

    A curve is a stable graph with one edge; its share is proportional to the coefficient of the top power of
    $\ell$ in $\frac{1}{|\mathrm{Aut}|} \prod_v V_v(\ell, \ldots)$, V the leading part of the Weil-Petersson volumes:

    $$\text{non-separating: } \tfrac12 \sum_{a+b=3g-4+n} \frac{\langle\tau_a\tau_b\tau_0^n\rangle_{g-1}}{a!\,b!}, \qquad
      \text{separating: } \frac{\langle\tau_a\tau_0^i\rangle_h \langle\tau_b\tau_0^{n-i}\rangle_{g-h}}{a!\,b!},$$

    once for each choice of i of the n points, halved if the two sides are alike. The shares depend on g and n only, not
    on the metric.

    Args:
        genus: g >= 0.
        num_points: the number n of cusps, with 2g - 2 + n > 0; on a sphere with three there is no such curve.

    Returns:
        Shares that sum to 1. The key () stands for non-separating curves, ((h, i), (g - h, n - i)) for those with h
        handles and i cusps on one side.

    Raises:
        TypeError, ValueError: for what is not an integer, negative, or a type without simple closed geodesics.

    Example:
        >>> for kind, share in simple_curve_frequencies(2).items():
        ...     print(kind, share)
        () 48/49
        ((1, 0), (1, 0)) 1/49

    References:
        Mirzakhani, M. (2008), Annals of Mathematics 168, 97-125. Delecroix, V. et al. (2021), Duke Mathematical Journal
        170, 2633-2718 (with 1/48 for genus 2).
    """
    genus, n = as_count("genus", genus), as_count("num_points", num_points)
    check_stable(genus, n)
    total = 3 * genus - 4 + n
    if total < 0:
        raise ValueError("there is no simple closed geodesic on a sphere with three cusps: give n >= 4.")
    weights: dict[tuple[tuple[int, int], ...], Fraction] = {}
    if genus:
        loop = Fraction(0)
        for a in range(total + 1):
            b = total - a
            loop += exact_number(genus - 1, tuple(sorted((*(0,) * n, a, b)))) / (math.factorial(a) * math.factorial(b))
        weights[()] = loop / 2
    for h in range(genus // 2 + 1):
        for i in range(n + 1):
            one, two = (h, i), (genus - h, n - i)
            a, b = 3 * h - 2 + i, 3 * (genus - h) - 2 + n - i
            if a < 0 or b < 0 or one > two:
                continue
            ways = Fraction(math.comb(n, i), 2 if one == two else 1)
            numbers = exact_number(h, (*(0,) * i, a)) * exact_number(genus - h, (*(0,) * (n - i), b))
            weights[one, two] = ways * numbers / (math.factorial(a) * math.factorial(b))
    whole = sum(weights.values(), Fraction(0))
    return {kind: weight / whole for kind, weight in weights.items()}
