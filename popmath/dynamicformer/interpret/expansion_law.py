r"""How numbers grow with the genus, found from the numbers: factorial, action, factor per point, constant.

Given numbers with one large degree and small degrees $s$, at consecutive genera, $W = \prod_i (2d_i+1)!!$ times the
number, and $x = 2g - 3 + n$:

1. $\frac x2 \left(\frac{W_{g+2} W_g}{W_{g+1}^2} - 1\right) \to$ the power $p$ of the genus in $W_{g+1}/W_g$;
2. for $p = 2$, $\frac{W_{g+1}}{(x+1)(x+2) W_g} \to A^{-2}$, and what it leaves at order $1/x$ is $2 \beta$, the shift
   in $\Gamma(2g-2+n+\beta)$;
3. $K_s = \lim W A^{2g-2+n} / \Gamma(2g-2+n+\beta)$, of which $K_{(d)} / K_{()}$ is the factor $c$ per point: there is a
   law only where it is the same for every degree $d$;
4. $K_{()} / c = C$, the constant, as a rational times a power of $\pi$.

Each limit is taken by `leading_coefficient`, and every rational has to be a surprise (`reconstruct`). Nothing is known
of the theory but the factors $(2d+1)!!$, and step 3 would fail for others.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from popmath._errors import UnableError
from popmath.dynamicformer.interpret.extrapolation import FEWEST, leading_coefficient
from popmath.dynamicformer.interpret.rationals import (
    CHANCE,
    PI,
    PI_DIGITS,
    Reconstruction,
    reconstruct,
    reconstruct_with_pi,
)

Numbers = Mapping[
    tuple[int, tuple[int, ...]], Fraction | float
]  # (genus, degrees in ascending order): the plain number

_BITS = 400  # kept of each normalised number; its rounding is far below that of PI
_UNKNOWN = Reconstruction(math.nan, math.inf, None, 1.0)


@dataclasses.dataclass(frozen=True)
class Series:
    """Numbers of consecutive genera whose degrees are the same but for the largest.

    Attributes:
        small: the other degrees, ascending.
        x: 2g - 3 + n of each.
        values: each number times the double factorials.
        relative_error: half width of its interval, relative to it.
    """

    small: tuple[int, ...]
    x: tuple[int, ...]
    values: tuple[Fraction, ...]
    relative_error: Fraction

    def normalised(self, action: Fraction, shift: int, constant: Fraction) -> list[Fraction]:
        r"""$W A^{2g-2+n} / (C\,\Gamma(2g-2+n+\beta))$."""
        return [
            _fixed(w * action ** (x + 1) / (constant * math.factorial(x + shift)))
            for x, w in zip(self.x, self.values, strict=True)
        ]

    def errors(self, values: Iterable[Fraction], times: int = 1) -> list[Fraction]:
        """Half widths for what was made of `times` of the numbers."""
        floor = Fraction(1, 10**PI_DIGITS)
        return [abs(value) * (times * self.relative_error + floor) + floor for value in values]


@dataclasses.dataclass(frozen=True)
class GrowthLaw:
    r"""$W = C\,c^n\,\Gamma(2g-2+n+\beta)\,A^{-(2g-2+n)}\,[1 + \cdots]$.

    Attributes:
        power: of the genus in the ratio of numbers of neighbouring genera; 2 for $\Gamma(2g + \cdots)$.
        action: A.
        shift: beta.
        per_point: c; without a rational where degrees differ in it.
        constant: C divided by the power of pi; its value is C itself.
        pi_power: that power.
        series: how many series were used.
        agreeing: in how many of them A and $C c^n$ lie within the error.
    """

    power: Reconstruction
    action: Reconstruction
    shift: Reconstruction
    per_point: Reconstruction
    constant: Reconstruction
    pi_power: int | None
    series: int
    agreeing: int

    def exact(self) -> tuple[Fraction, int, Fraction, Fraction] | None:
        """A, beta, c and C (with pi to 104 digits), if all were found and all series agree."""
        a, b, c, k = (e.rational for e in (self.action, self.shift, self.per_point, self.constant))
        if a is None or b is None or c is None or k is None or self.pi_power is None or self.agreeing < self.series:
            return None
        return a, int(b), c, k * PI**self.pi_power

    def summary(self) -> str:
        """One line."""
        if self.exact() is None and not math.isfinite(self.action.value):
            return "no law: numbers of neighbouring genera are not apart by a power of the genus"
        if self.exact() is None:
            return f"no law: A = {self.action.value:.6g} +- {self.action.error:.1g}"
        shift = f" + {self.shift.rational}" if self.shift.rational else ""
        return (
            f"{self.constant.rational} pi^{self.pi_power} {self.per_point.rational}^n Gamma(2g - 2 + n{shift}) "
            f"({self.action.rational})^-(2g - 2 + n)"
        )


def series_of(numbers: Numbers, digits: int | None = None) -> dict[tuple[int, ...], Series]:
    """The numbers sorted by their small degrees.

    Args:
        numbers: the plain number of each genus and ascending degrees.
        digits: how many digits of each are right, 15 for floats; all of them by default.

    Raises:
        ValueError: for a number that is not positive, degrees that do not ascend or whose largest occurs twice, fewer
            than 6 numbers or genera that are not consecutive in a series, or no series without small degrees.
    """
    grouped: dict[tuple[int, ...], dict[int, Fraction]] = {}
    for (genus, degrees), number in numbers.items():
        if not 0 < number < math.inf:
            raise ValueError(f"numbers must be positive; got {number} for genus {genus}, degrees {degrees}.")
        if list(degrees) != sorted(degrees) or degrees[-1] in degrees[:-1]:
            raise ValueError(f"degrees must ascend, the last one above all others; got {degrees} for genus {genus}.")
        scale = math.prod(math.prod(range(1, 2 * d + 2, 2)) for d in degrees)
        grouped.setdefault(degrees[:-1], {})[genus] = scale * Fraction(number)
    if () not in grouped:
        raise ValueError("one-point numbers are needed: the constant is read off them.")
    relative = Fraction(0) if digits is None else Fraction(1, 2 * 10 ** (digits - 1))
    found = {}
    for small, row in grouped.items():
        genera = sorted(row)
        if len(genera) < FEWEST + 2 or genera[-1] - genera[0] != len(genera) - 1:
            raise ValueError(
                f"at least {FEWEST + 2} consecutive genera are needed for each choice of small degrees; got {genera} "
                f"for {small}."
            )
        x = tuple(2 * g - 2 + len(small) for g in genera)
        found[small] = Series(small, x, tuple(row[g] for g in genera), relative)
    return dict(sorted(found.items(), key=lambda pair: (len(pair[0]), pair[0])))


def recover_law(series: Mapping[tuple[int, ...], Series], *, chance: float = CHANCE) -> GrowthLaw:
    """The law of growth that all series have in common.

    Args:
        series: from `series_of`.
        chance: the largest chance of an accident at which a rational counts.

    Returns:
        What was found; estimates without a rational where the numbers follow no such law, or are too few or too rough.

    Raises:
        UnableError: if the numbers grow like another factorial than that of twice the genus.

    Example:
        >>> from popmath.intersections import correlator
        >>> keys = [(g, (*s, 3 * g - 2 + len(s) - sum(s))) for g in range(14, 30) for s in [(), (0,), (2,)]]
        >>> recover_law(series_of({(g, d): correlator(g, d) for g, d in keys})).summary()
        '1/4 pi^-1 2^n Gamma(2g - 2 + n) (2/3)^-(2g - 2 + n)'
    """
    first = series[()]
    power = reconstruct(*_power(first), chance=chance)
    if power.rational is None:
        return GrowthLaw(power, _UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN, None, len(series), 0)
    if power.rational != 2:
        raise UnableError(
            f"neighbouring numbers grow by the genus to the {power.rational}, not to the 2: the law sought has "
            "Gamma(2g - 2 + n). Divide the numbers by the factorial that is too much."
        )
    squares = {small: _inverse_square(one) for small, one in series.items()}
    action = _action(min(squares.values(), key=lambda pair: pair[1]), chance)
    if action.rational is None:
        return GrowthLaw(power, action, _UNKNOWN, _UNKNOWN, _UNKNOWN, None, len(series), 0)
    a = action.rational
    shift = reconstruct(*_shift(first, a), chance=chance)
    if shift.rational is None or shift.rational.denominator != 1:
        return GrowthLaw(power, action, shift, _UNKNOWN, _UNKNOWN, None, len(series), 0)
    limits = {small: _limit(one, a, int(shift.rational)) for small, one in series.items()}
    per_point = _per_point(limits, chance)
    if per_point.rational is None:
        return GrowthLaw(power, action, shift, per_point, _UNKNOWN, None, len(series), 0)
    c = per_point.rational
    constant, pi_power = reconstruct_with_pi(limits[()][0] / c, limits[()][1] / c, chance=chance)
    agreeing = 0
    for small, (limit, error) in limits.items():
        square, square_error = squares[small]
        expected = limits[()][0] * c ** len(small)
        near = abs(limit - expected) <= error + limits[()][1] * c ** len(small)
        agreeing += near and abs(square - 1 / a**2) <= square_error
    return GrowthLaw(power, action, shift, per_point, constant, pi_power, len(series), agreeing)


def _fixed(value: Fraction) -> Fraction:
    """Rounded, so that arithmetic stays quick."""
    return Fraction(round(value * 2**_BITS), 2**_BITS)


def _power(one: Series) -> tuple[Fraction, Fraction]:
    ratios = [b / a for a, b in zip(one.values, one.values[1:], strict=False)]
    growth = [b / a for a, b in zip(ratios, ratios[1:], strict=False)]
    values = [_fixed((r - 1) * x / 2) for r, x in zip(growth, one.x, strict=False)]
    errors = [error * x / 2 for error, x in zip(one.errors(growth, 4), one.x, strict=False)]
    return leading_coefficient(one.x[:-2], values, errors, 0)


def _ratios(one: Series) -> list[Fraction]:
    pairs = zip(one.values, one.values[1:], one.x, strict=False)
    return [_fixed(after / (before * (x + 1) * (x + 2))) for before, after, x in pairs]


def _inverse_square(one: Series) -> tuple[Fraction, Fraction]:
    ratios = _ratios(one)
    return leading_coefficient(one.x[:-1], ratios, one.errors(ratios, 2), 0)


def _action(square: tuple[Fraction, Fraction], chance: float) -> Reconstruction:
    value, error = square
    if value <= 0:
        return _UNKNOWN
    inverse = 1 / value
    root = Fraction(math.isqrt(round(inverse * 4**_BITS)), 2**_BITS)
    return reconstruct(root, error / value * root, chance=chance)


def _shift(one: Series, action: Fraction) -> tuple[Fraction, Fraction]:
    scaled = [r * action**2 for r in _ratios(one)]
    value, error = leading_coefficient(one.x[:-1], [r - 1 for r in scaled], one.errors(scaled, 2), 1)
    return value / 2, error / 2


def _limit(one: Series, action: Fraction, shift: int) -> tuple[Fraction, Fraction]:
    values = one.normalised(action, shift, Fraction(1))
    return leading_coefficient(one.x, values, one.errors(values), 0)


def _per_point(limits: Mapping[tuple[int, ...], tuple[Fraction, Fraction]], chance: float) -> Reconstruction:
    """The quotient of one more degree, if it is the same for all."""
    zero, zero_error = limits[()]
    found = [
        reconstruct(value / zero, (error + abs(value / zero) * zero_error) / abs(zero), chance=chance)
        for small, (value, error) in limits.items()
        if len(small) == 1
    ]
    if not found:
        return _UNKNOWN
    best = min(found, key=lambda one: one.error)
    same = all(one.rational == best.rational for one in found)
    return best if same else dataclasses.replace(best, rational=None, chance=1.0)
