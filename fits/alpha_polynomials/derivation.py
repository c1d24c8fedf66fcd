r"""The coefficients of the large-genus expansion from exact numbers, by two routes that share no formula.

With $m$ small degrees $s = (s_1, \ldots, s_m)$, one large degree $L = 3g - 3 + n - \sum s$, $n = m + 1$ and
$x = 2g - 3 + n$, the bracket of `popmath.intersections.asymptotic` is

$$Q_s(x) = 1 + \sum_{k \ge 1} \frac{b_k(s)}{x (x-1) \cdots (x-k+1)}, \qquad b_k = (2/3)^k \alpha_k.$$

Only small degrees matter to $\alpha_k$, so its value at the multiplicities of $s$ is what $Q_s$ has.

*From exact numbers* (`from_exact_numbers`). By the Virasoro constraints the ratio of a number to the one-point number
of its genus is a rational function of $g$: with $S = \lfloor \sum_{s_i > 1} s_i / 2 \rfloor$ (each lost genus costs the
small degrees at least 2),

$$\frac{F_g(s, L)}{F_g(3g - 2)} \prod_{i=0}^{3S-1} (6g - 3 - 2i), \qquad
  F = \prod_i (2 d_i + 1)!!\,\langle\tau_d\rangle_g,$$

is a polynomial of degree at most $m + 3S$. That many exact values and one fix it, the values beyond have to agree.
The one-point number $1/(24^g g!)$ has $Q(x - 2)(x + 1)(9x^2 - 1) = 9 x (x - 1)(x + 2) Q(x)$.

*From the Virasoro constraints on the series* (`from_constraints`). On the bracket, with $s_1 = k + 1$ the smallest,
$c = 4 - n - 2 \sum s$, the constraint for $\tau_{k+1}$ reads

$$b_m(s) = b_m(r) + \bigl(m - 1 + \tfrac c3\bigr) b_{m-1}(r)
  + \sum_j \tfrac{2 r_j + 1}{3}\, b_{m-1}(r \setminus r_j, r_j + k) + \tfrac23 \sum_{a+b=k-1} \Bigl[b_{m-1}(a, b, r)
  + \sum_{I \sqcup J = r} \tfrac{(2/3)^l}{2^{|I|}} F_h(a, I)\, b_{m-1-l}(b, J)\Bigr]$$

where $r$ is $s$ without $s_1$, $h$ the genus of $(a, I)$, $l = 2h - 1 + |I|$ its level; $k = -1$ is the string equation
and $k = 0$ the dilaton equation. It takes exact numbers of low genus only. As $b_m(s)$ differs from $b_m(r)$ by lower
orders times at most one more multiplicity, it also shows that $\alpha_k$ is a polynomial of degree at most $2k$; that
only $p_j$ with $j < \lfloor 3k/2 \rfloor$ occur, and the weight, are what the fit finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from itertools import product

from popmath.intersections.recursion import IntegerRecursion, odd_double_factorial, splittings

ACTION = Fraction(2, 3)
CHECKS = 2  # exact values beyond those that fix the rational function

Exponents = tuple[int, ...]  # of p_0, p_1, ...; no trailing zeros
Series = list[Fraction]  # coefficients of 1, 1/x, 1/x^2, ...


class Derivation:
    """Values of alpha_0 .. alpha_order at given small degrees; remembers exact numbers and series."""

    def __init__(self, order: int) -> None:
        """Start with the series of the one-point number."""
        self.order = order
        self.exact_numbers = 0
        self._recursion = IntegerRecursion()
        self._one_point = one_point_series(order)
        self._known: dict[tuple[int, ...], list[Fraction]] = {(): to_falling(self._one_point)}

    def number(self, genus: int, degrees: tuple[int, ...]) -> Fraction:
        """F = prod (2d + 1)!! <tau_d>_genus, exactly."""
        value = self._recursion.value(genus, tuple(sorted(degrees)))
        return Fraction(value, 1 << (4 * genus - 1)) if genus else Fraction(value)

    def from_exact_numbers(self, small: tuple[int, ...]) -> list[Fraction]:
        """By interpolation in the genus.

        Raises:
            ArithmeticError: if the values beyond those needed do not lie on the same rational function.
        """
        m, lost = len(small), sum(s for s in small if s > 1) // 2
        degree = m + 3 * lost
        first = lost + 1
        values = []
        for genus in range(first, first + degree + 1 + CHECKS):
            number = self.number(genus, (*small, 3 * genus - 2 + m - sum(small)))
            one_point = Fraction(odd_double_factorial(3 * genus - 2), 24**genus * math.factorial(genus))
            values.append(number / one_point * math.prod(6 * genus - 3 - 2 * i for i in range(3 * lost)))
        self.exact_numbers += len(values)
        differences = forward_differences(values)
        if any(differences[degree + 1 :]):
            raise ArithmeticError(f"the exact numbers with {small} are not the expected rational function of genus.")
        polynomial = [Fraction(0)] * (degree + 1)  # in x = 2g - 3 + n
        basis = [Fraction(1)]
        for i, difference in enumerate(differences[: degree + 1]):
            for j, c in enumerate(basis):
                polynomial[j] += difference * c
            constant, slope = Fraction(2 - m - 2 * (first + i), 2 * (i + 1)), Fraction(1, 2 * (i + 1))
            basis = [
                (basis[j] * constant if j < len(basis) else 0) + (basis[j - 1] * slope if j else 0)
                for j in range(len(basis) + 1)
            ]
        series = [polynomial[degree - j] if j <= degree else Fraction(0) for j in range(self.order + 1)]
        for shift in [Fraction(3 - 3 * m - 2 * i, 3) for i in range(3 * lost)] + [Fraction(-i) for i in range(m)]:
            series = times(series, [(-shift) ** j / 3 for j in range(self.order + 1)])  # 1 / (3 (1 + shift / x))
        return alphas(to_falling(times(series, shifted(self._one_point, -m))))

    def from_constraints(self, small: tuple[int, ...]) -> list[Fraction]:
        """By recursion on the series."""
        return alphas(self._constrained(tuple(sorted(small))))

    def _constrained(self, small: tuple[int, ...]) -> list[Fraction]:
        known = self._known.get(small)
        if known is not None:
            return known
        k, rest, orders = small[0] - 1, small[1:], range(1, self.order + 1)
        drift = Fraction(3 - len(small) - 2 * sum(small), 3)
        before = self._constrained(rest)
        out = [Fraction(1)] + [before[m] + (m - 1 + drift) * before[m - 1] for m in orders]

        def add(factor: Fraction, source: tuple[int, ...], drop: int = 1) -> None:
            terms = self._constrained(tuple(sorted(source)))
            for m in range(drop, self.order + 1):
                out[m] += factor * terms[m - drop]

        for j, s in enumerate(rest):
            if s + k >= 0:
                add(Fraction(2 * s + 1, 3), (*rest[:j], *rest[j + 1 :], s + k))
        for a in range(k):
            add(ACTION, (a, k - 1 - a, *rest))
        for left, right, excess, ways in splittings(rest, sum(rest)) if k > 0 else ():
            for a in range((1 - excess) % 3, k, 3):
                genus = (a + 2 + excess) // 3
                level = 2 * genus - 1 + len(left)
                if level < self.order:
                    factor = ways * self.number(genus, (a, *left)) * ACTION ** (level + 1) / 2 ** len(left)
                    add(factor, (k - 1 - a, *right), level + 1)
        self._known[small] = out
        return out


def one_point_series(order: int) -> Series:
    """Q of the one-point number, from Q(x - 2)(x + 1)(9x^2 - 1) = 9x (x - 1)(x + 2) Q(x) and Q(infinity) = 1."""
    left, right = [Fraction(v) for v in (9, 9, -1, -1)], [Fraction(v) for v in (9, 9, -18)]
    series = [Fraction(1)]
    for m in range(1, order + 1):
        trial = [*series, Fraction(0), Fraction(0)]
        defect = times(pad(left, m + 2), shifted(trial, -2))[m + 1] - times(pad(right, m + 2), trial)[m + 1]
        series.append(-defect / (18 * m))  # a unit of 1/x^m adds 9 * 2m there
    return series


def pad(series: Series, length: int) -> Series:
    """With zeros, or cut, to this length."""
    return (series + [Fraction(0)] * length)[:length]


def times(a: Series, b: Series) -> Series:
    """The product, to the length of the first."""
    return [sum((a[i] * b[m - i] for i in range(m + 1)), Fraction(0)) for m in range(len(a))]


def shifted(series: Series, shift: int) -> Series:
    """The series of f(x + shift) in 1/x."""
    out = [Fraction(0)] * len(series)
    out[0] = series[0]
    for j in range(1, len(series)):
        for i in range(len(series) - j):
            out[j + i] += series[j] * (-shift) ** i * math.comb(j + i - 1, i)
    return out


def to_falling(series: Series) -> list[Fraction]:
    """Coefficients over 1, x, x(x-1), ... in place of powers; 1/(x)_k = sum over j of S(j-1, k-1) / x^j."""
    left, out = list(series), [series[0]]
    for k in range(1, len(series)):
        out.append(left[k])
        column = Fraction(1)
        powers = [column] + [Fraction(0)] * (len(series) - k - 1)
        for factor in range(1, k):  # 1 / ((1 - 1/x) ... (1 - (k-1)/x))
            for i in range(1, len(powers)):
                powers[i] += factor * powers[i - 1]
        for i, value in enumerate(powers):
            left[k + i] -= out[k] * value
    return out


def alphas(falling: list[Fraction]) -> list[Fraction]:
    """alpha_k from b_k."""
    return [value / ACTION**k for k, value in enumerate(falling)]


def forward_differences(values: list[Fraction]) -> list[Fraction]:
    """First entries of the repeated differences: the coefficients over binomials."""
    out = []
    while values:
        out.append(values[0])
        values = [b - a for a, b in zip(values, values[1:], strict=False)]
    return out


def weight(exponents: Exponents) -> int:
    """Twice the weight of a monomial, where p_j weighs (j + 1) / 2."""
    return sum((j + 1) * e for j, e in enumerate(exponents))


def lattice(most: int, first: int = 0) -> list[Exponents]:
    """All exponents of p_first, p_first+1, ... of doubled weight up to `most`: closed under taking any away."""

    def further(j: int, left: int) -> Iterator[tuple[int, ...]]:
        yield ()
        for i in range(j, left):
            for e in range(1, left // (i + 1) + 1):
                for rest in further(i + 1, left - e * (i + 1)):
                    yield (0,) * (i - j) + (e, *rest)

    return sorted(((0,) * first + e if e else e for e in further(first, most)), key=lambda e: (weight(e), e))


def small_degrees(exponents: Exponents) -> tuple[int, ...]:
    """The degrees with these multiplicities."""
    return tuple(j for j, e in enumerate(exponents) for _ in range(e))


def newton(points: list[Exponents], value: Callable[[Exponents], Fraction]) -> dict[Exponents, Fraction]:
    """Coefficients over products of binomials C(p_j, e_j), from values on a set closed under taking away."""
    table = {e: value(e) for e in points}
    for axis in range(max(map(len, points))):
        lines: dict[Exponents, list[Exponents]] = {}
        for e in sorted(points, key=lambda e: e[axis : axis + 1]):
            lines.setdefault((*e[:axis], 0, *e[axis + 1 :]) if len(e) > axis + 1 else _trim(e[:axis]), []).append(e)
        for line in lines.values():
            for e, c in zip(line, forward_differences([table[e] for e in line]), strict=True):
                table[e] = c
    return table


def monomials(newton_coefficients: dict[Exponents, Fraction]) -> dict[Exponents, Fraction]:
    """The polynomial over powers, without vanishing terms."""
    out: dict[Exponents, Fraction] = {}
    for exponents, coefficient in newton_coefficients.items():
        if coefficient:
            for powers in product(*(range(e + 1) for e in exponents)):
                term = coefficient * math.prod(_binomial(e)[p] for e, p in zip(exponents, powers, strict=True))
                out[_trim(powers)] = out.get(_trim(powers), Fraction(0)) + term
    return {powers: c for powers, c in sorted(out.items()) if c}


def evaluate(polynomial: dict[Exponents, Fraction], exponents: Exponents) -> Fraction:
    """Its value at these multiplicities."""
    counts = (*exponents, *(0,) * 40)
    return sum((c * math.prod(counts[j] ** e for j, e in enumerate(p)) for p, c in polynomial.items()), Fraction(0))


@cache
def _binomial(e: int) -> list[Fraction]:
    """C(p, e) over powers of p."""
    out = [Fraction(1)]
    for i in range(e):
        out = [((out[j - 1] if j else 0) - (i * out[j] if j <= i else 0)) / Fraction(i + 1) for j in range(i + 2)]
    return out


def _trim(exponents: tuple[int, ...]) -> Exponents:
    last = max((j for j, e in enumerate(exponents) if e), default=-1)
    return exponents[: last + 1]
