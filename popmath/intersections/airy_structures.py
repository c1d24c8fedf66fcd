r"""Four quantum Airy structures - psi classes, Norbury's Theta class, Weil-Petersson, Masur-Veech - and twisting.

All in the plain normalisation, degrees $k$ belonging to $L^{2k} / (2^k k!)$ where there are lengths:

$$B^k_{jb} = \frac{(2b+1)!!}{(2k+1)!!\,(2j-1)!!}\,\alpha_{b+1-k-j}, \qquad
  C^k_{ab} = \frac{(2a+1)!!\,(2b+1)!!}{(2k+1)!!}\,\alpha_{a+b+2-k},$$

with $\alpha = (1, 0, 0, \ldots)$ for psi classes and $\alpha_i = \zeta(2i)(2^{2i+1} - 4)$ for Weil-Petersson volumes.

References:
    Andersen, J. E., Borot, G., Chekhov, L. O. & Orantin, N. (2017), arXiv 1703.03307. Norbury, P. (2023), Geometry &
    Topology 27, 2695-2761. Mirzakhani, M. (2007), Inventiones Mathematicae 167, 179-222. Andersen, J. E., Borot, G.,
    Charbonnier, S., Delecroix, V., Giacchetto, A., Lewanski, D. & Wheeler, C. (2023), Journal of the London
    Mathematical Society 107, 254-332.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import factorial

from popmath.intersections.airy import AiryStructure
from popmath.intersections.bernoulli import even_bernoulli, even_zeta
from popmath.intersections.recursion import odd_double_factorial

Triples = list[tuple[int, Fraction]]
Pairs = list[tuple[tuple[int, int], Fraction]]


@cache
def witten_kontsevich_structure() -> AiryStructure:
    r"""The structure of psi classes: $F_{g,n}[d] = \langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$.

    Example:
        >>> from popmath.intersections.airy import amplitude
        >>> amplitude(witten_kontsevich_structure(), 3, (7,))
        Fraction(1, 82944)
    """
    return AiryStructure(
        name="Witten-Kontsevich",
        A=_first_only,
        B=lambda i, j, limit: _b_row(i, j, limit, _unit, 1),
        C=lambda i, limit: _c_row(i, limit, _unit, 2),
        D=lambda i: Fraction(1, 24) if i == 1 else Fraction(0),
        sums=lambda g, n: range(3 * g - 3 + n, 3 * g - 2 + n),
    )


@cache
def bessel_structure() -> AiryStructure:
    r"""The Bessel structure (Brezin-Gross-Witten): $F_{g,n}[d] = \int \Theta_{g,n}\,\psi_1^{d_1}\cdots\psi_n^{d_n}$.

    Example:
        >>> from popmath.intersections.airy import amplitude
        >>> amplitude(bessel_structure(), 2, (1,))
        Fraction(3, 128)
    """
    return AiryStructure(
        name="Bessel",
        A=lambda i, j, limit: [],
        B=lambda i, j, limit: _b_row(i, j, limit, _unit, 0),
        C=lambda i, limit: _c_row(i, limit, _unit, 1),
        D=lambda i: Fraction(1, 8) if i == 0 else Fraction(0),
        sums=lambda g, n: range(g - 1, g),
    )


@cache
def weil_petersson_structure() -> AiryStructure:
    r"""Mirzakhani's recursion for Weil-Petersson volumes, powers of pi left out.

    $$V_{g,n}(L) = \sum_d F_{g,n}[d]\,\pi^{2(3g-3+n-|d|)} \prod_i \frac{L_i^{2d_i}}{2^{d_i} d_i!},$$

    so that $F_{1,1}[0] = 1/12$ belongs to $V_{1,1}(0) = \pi^2/12$.

    Example:
        >>> from popmath.intersections.airy import amplitude
        >>> amplitude(weil_petersson_structure(), 0, (0, 0, 0, 0, 0))
        Fraction(10, 1)
    """
    return AiryStructure(
        name="Weil-Petersson",
        A=_first_only,
        B=lambda i, j, limit: _b_row(i, j, limit, _mirzakhani, 1),
        C=lambda i, limit: _c_row(i, limit, _mirzakhani, 2),
        D=lambda i: {0: Fraction(1, 12), 1: Fraction(1, 24)}.get(i, Fraction(0)),
    )


@cache
def masur_veech_structure() -> AiryStructure:
    r"""Psi classes twisted by $\ell/(e^\ell - 1)$ on the edges of stable graphs, powers of pi left out.

    $$u_{ab} = \int_0^\infty \frac{\ell^{2a+2b+1}}{e^\ell - 1} \frac{d\ell}{2^a a!\,2^b b!}
             = \frac{(2a+2b+1)!\,\zeta(2a+2b+2)}{2^{a+b}\,a!\,b!};$$

    $F_{g,n}[d]$ stands for $F_{g,n}[d]\,\pi^{2(3g-3+n-|d|)}$. The dilaton equation $F[1, d] = (2g-2+n) F[d]$ holds,
    because Euler characteristics add up over a graph.

    Example:
        >>> from popmath.intersections.airy import amplitude
        >>> amplitude(masur_veech_structure(), 1, (0,))
        Fraction(1, 12)
    """
    return twisted(witten_kontsevich_structure(), _masur_veech_propagator, name="Masur-Veech")


def twisted(
    structure: AiryStructure, propagator: Callable[[int, int], Fraction], *, name: str | None = None
) -> AiryStructure:
    r"""The structure whose $Z$ is $\exp(\frac\hbar2 \sum u_{ab} \partial_a \partial_b)$ applied to the $Z$ of another.

    Its amplitudes are sums over stable graphs with a factor $u$ for each edge. Substituting
    $x_a \to x_a + \hbar\sum_b u_{ab}\partial_b$ in the operators gives, in matrices of the last two indices,

    $$B \to B + A u, \qquad C \to C + u B + (u B)^T + u A u, \qquad D \to D + \tfrac12 \mathrm{tr}(A u).$$

    Args:
        structure: what is twisted. Sums of indices of its amplitudes have to fall by at least one with each edge, as
            they do for `sums` of the form 3g-3+n or g-1.
        propagator: `propagator(a, b)`, symmetric; called for any a, b >= 0 below the structure's size.
        name: of the result.

    Raises:
        ValueError: if the propagator is not symmetric, or the result breaks a relation (it cannot if `structure` is
            one).

    Example:
        Trivalent graphs again: one vertex with three ends, then edges between them.

        >>> from popmath.intersections.airy import amplitude
        >>> vertex = AiryStructure(
        ...     "vertex",
        ...     A=lambda i, j, limit: [(0, Fraction(1))],
        ...     B=lambda i, j, limit: [],
        ...     C=lambda i, limit: [],
        ...     D=lambda i: Fraction(0),
        ...     size=1,
        ... )
        >>> amplitude(twisted(vertex, lambda a, b: Fraction(1)), 2, (0,))
        Fraction(5, 8)
    """
    size, top = structure.size, structure.sum_range(0, 3).stop - 1
    ends = range(top + 1) if size is None else range(size)  # indices that A can have

    def capped(limit: int) -> range:
        return range(limit + 1) if size is None else range(min(limit + 1, size))

    @cache
    def u(a: int, b: int) -> Fraction:
        value = Fraction(propagator(a, b))
        if value != propagator(b, a):
            raise ValueError(f"the propagator must be symmetric; its values at {(a, b)} and {(b, a)} differ.")
        return value

    @cache
    def b_row(i: int, j: int, limit: int) -> Triples:
        row = dict(structure.B(i, j, limit))
        for a, x in structure.A(i, j, ends.stop - 1):
            for b in capped(limit):
                row[b] = row.get(b, Fraction(0)) + x * u(a, b)
        return [(b, x) for b, x in row.items() if x]

    @cache
    def c_row(i: int, limit: int) -> Pairs:
        found = dict(structure.C(i, limit))

        def add(a: int, b: int, x: Fraction) -> None:
            found[a, b] = found.get((a, b), Fraction(0)) + x

        for c in capped(limit + 1):  # B[i, c, a] needs c <= a + 1
            for a, x in structure.B(i, c, limit):
                for b in capped(limit - a):
                    add(a, b, x * u(c, b))
                    add(b, a, x * u(c, b))
        for c in ends:
            for d, x in structure.A(i, c, ends.stop - 1):
                for a in capped(limit):
                    for b in capped(limit - a):
                        add(a, b, x * u(c, a) * u(d, b))
        return [(pair, x) for pair, x in found.items() if x]

    def d_rule(i: int) -> Fraction:
        loops = (x * u(a, b) for a in ends for b, x in structure.A(i, a, ends.stop - 1))
        return structure.D(i) + sum(loops, Fraction(0)) / 2

    sums = None if size is not None else lambda g, n: range(max(0, structure.sum_range(g, n).stop))
    return AiryStructure(name or f"{structure.name}, twisted", structure.A, b_row, c_row, d_rule, sums, size)


def _first_only(i: int, j: int, limit: int) -> Triples:
    return [(0, Fraction(1))] if i == j == 0 and limit >= 0 else []


def _unit(order: int) -> Fraction:
    return Fraction(order == 0)


@cache
def _mirzakhani(order: int) -> Fraction:
    return even_zeta(order) * (2 ** (2 * order + 1) - 4)


def _masur_veech_propagator(a: int, b: int) -> Fraction:
    m = a + b + 1
    return abs(even_bernoulli(m)) * Fraction(2**m, 2 * m * factorial(a) * factorial(b))


@cache
def _b_row(i: int, j: int, limit: int, series: Callable[[int], Fraction], shift: int) -> Triples:
    """The rule at the top of the module, with b >= i + j - shift; one entry for the series 1."""
    first = i + j - shift
    last = min(limit, first) if series is _unit else limit
    scale = odd_double_factorial(i) * odd_double_factorial(j)
    return [
        (b, Fraction(odd_double_factorial(b) * (2 * j + 1), scale) * series(b - first))
        for b in range(max(0, first), last + 1)
        if series(b - first)
    ]


@cache
def _c_row(i: int, limit: int, series: Callable[[int], Fraction], shift: int) -> Pairs:
    first = i - shift
    last = min(limit, first) if series is _unit else limit
    return [
        (
            (a, total - a),
            Fraction(odd_double_factorial(a) * odd_double_factorial(total - a), odd_double_factorial(i))
            * series(total - first),
        )
        for total in range(max(0, first), last + 1)
        for a in range(total + 1)
        if series(total - first)
    ]
