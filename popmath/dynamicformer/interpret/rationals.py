r"""Rational numbers behind measured ones, with how surprising each find is.

Between any two numbers there are rationals, so that finding one says nothing. It says something where the interval is
far narrower than the spacing of rationals of that size: of the fractions with denominators up to $q$ there are at most
$q(q+1)/2$ in an interval of length 1, so that

$$\text{chance} = w\,\frac{q (q + 1)}{2}$$

bounds how many an interval of width $w$ that has nothing to do with them is expected to hold. A find counts only where
that is small.

References:
    Graham, R. L., Knuth, D. E. & Patashnik, O. (1994), Concrete Mathematics, section 4.5 (the Stern-Brocot tree).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from fractions import Fraction

PI_DIGITS = 104
PI = Fraction(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798215"
)
CHANCE = 1e-3  # finds that are more likely than this by accident do not count
_PI_POWERS = (0, -1, 1, -2, 2)
_EACH = 0.1  # widest interval of one coefficient, in units of 1 / (common denominator)


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """A number that was measured, and the rational it is.

    Attributes:
        value: the number.
        error: half of the width of its interval; infinite where nothing is known.
        rational: the simplest rational in the interval; None where that is no surprise.
        chance: how many rationals as simple an interval of that width holds by accident, 1 at most.
    """

    value: float
    error: float
    rational: Fraction | None
    chance: float


@dataclasses.dataclass(frozen=True)
class CommonReconstruction:
    """Several numbers and one denominator.

    Attributes:
        rationals: one for each number; None where they are no surprise.
        denominator: of all of them.
        chance: how many such sets intervals of these widths hold by accident, 1 at most.
    """

    rationals: tuple[Fraction, ...] | None
    denominator: int
    chance: float


def simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The rational of the smallest denominator from `low` to `high`, of those the one nearest to 0.

    Raises:
        ValueError: if `low` is above `high`.

    Example:
        >>> simplest_between(Fraction(314, 100), Fraction(315, 100))
        Fraction(22, 7)
    """
    if low > high:
        raise ValueError(f"low must not be above high; got {float(low)} and {float(high)}.")
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest_between(-high, -low)
    whole = -(-low.numerator // low.denominator)  # rounded up
    if whole <= high:
        return Fraction(whole)
    below = whole - 1
    return below + 1 / simplest_between(1 / (high - below), 1 / (low - below))


def reconstruct(value: Fraction | float, error: Fraction | float, *, chance: float = CHANCE) -> Reconstruction:
    """The simplest rational within `value` plus or minus `error`, if it is a surprise.

    Args:
        value: the number.
        error: at least 0; infinite or not a number for "nothing is known".
        chance: the largest chance that counts.

    Raises:
        ValueError: if the error is negative or `chance` is not between 0 and 1.

    Example:
        >>> reconstruct(0.6666668, 1e-6).rational, reconstruct(0.6666668, 1e-2).rational
        (Fraction(2, 3), None)
    """
    _check(chance)
    if not (math.isfinite(value) and math.isfinite(error)):
        return Reconstruction(float(value), math.inf, None, 1.0)
    middle, half = _interval(value, error)
    found = simplest_between(middle - half, middle + half)
    q = found.denominator
    expected = min(1.0, float(half * q * (q + 1)))
    return Reconstruction(float(middle), float(half), found if expected <= chance else None, expected)


def reconstruct_with_pi(
    value: Fraction | float, error: Fraction | float, *, chance: float = CHANCE
) -> tuple[Reconstruction, int | None]:
    """A rational times a power of pi from -2 to 2, with the chance divided among these.

    Returns:
        The number with the rational, and the power; None for both where there is no surprise.

    Raises:
        ValueError: as for `reconstruct`.

    Example:
        >>> found, power = reconstruct_with_pi(0.079577471546, 1e-11)
        >>> found.rational, power
        (Fraction(1, 4), -1)
    """
    for power in _PI_POWERS:
        scale = PI**power if isinstance(value, Fraction) else math.pi**power
        found = reconstruct(value / scale, error / scale, chance=chance / len(_PI_POWERS))
        if found.rational is not None:
            return dataclasses.replace(found, value=float(value), error=float(error)), power
    return Reconstruction(float(value), float(error), None, 1.0), None


def reconstruct_common(
    values: Sequence[Fraction | float], errors: Sequence[Fraction | float], *, chance: float = CHANCE
) -> CommonReconstruction:
    r"""Rationals with one denominator within all of the intervals, if they are a surprise together.

    Starting with the narrowest interval, the denominator $D$ grows to hold the simplest rational $D v_i$. Of
    intervals of widths $w_i$ that have nothing to do with it, at most $D \prod_i \min(1, D w_i)$ sets are expected; no
    interval may be wider than a tenth of $1/D$, so that each of the numbers is determined and not only most of them.

    Raises:
        ValueError: for unequal lengths, no numbers, or what `reconstruct` refuses.

    Example:
        >>> reconstruct_common([-1.4166667, 1.25, -0.25], [1e-6] * 3).rationals
        (Fraction(-17, 12), Fraction(5, 4), Fraction(-1, 4))
    """
    _check(chance)
    if len(values) != len(errors) or not values:
        raise ValueError(f"values and errors must be as many, and one at least; got {len(values)} and {len(errors)}.")
    if not all(math.isfinite(each) for each in (*values, *errors)):
        return CommonReconstruction(None, 1, 1.0)
    intervals = sorted((_interval(v, e) for v, e in zip(values, errors, strict=True)), key=lambda pair: pair[1])
    common = 1
    for middle, half in intervals:
        common *= simplest_between(common * (middle - half), common * (middle + half)).denominator
    widths = [float(2 * half * common) for _, half in intervals]
    expected = min(1.0, common * math.prod(min(1.0, width) for width in widths))
    if expected > chance or max(widths) > _EACH:
        return CommonReconstruction(None, common, expected)
    exact = tuple(Fraction(round(_interval(v, e)[0] * common), common) for v, e in zip(values, errors, strict=True))
    return CommonReconstruction(exact, math.lcm(*(each.denominator for each in exact)), expected)


def _interval(value: Fraction | float, error: Fraction | float) -> tuple[Fraction, Fraction]:
    if error < 0:
        raise ValueError(f"an error must be at least 0; got {float(error)}.")
    return Fraction(value), Fraction(error)


def _check(chance: float) -> None:
    if not 0 < chance < 1:
        raise ValueError(f"chance must be between 0 and 1; got {chance}.")
