r"""Coefficients of an expansion in inverse falling factorials from its values, to all the digits the values hold.

Where $y(x) = \sum_{j \ge k} b_j / (x (x - 1) \cdots (x - j + 1))$ is cut after $N$ terms, $y$ times
$(x)_{k+N-1} = x (x - 1) \cdots (x - k - N + 2)$ is a polynomial of degree $N - 1$ with leading coefficient $b_k$. From
values at $N$ places that is a divided difference,

$$b_k = \sum_i y(x_i)\, \frac{(x_i)_{k+N-1}}{\prod_{l \ne i} (x_i - x_l)},$$

which is Richardson's extrapolation. More terms leave less of the expansion out and make more of the rounding of the
values: the number of terms with the smallest error of both is taken. What falls faster than every power of $1/x$, such
as $2^{-x}$, has no place in the expansion, and the error does not see it: more values than one asks for are the check.

References:
    Bender, C. M. & Orszag, S. A. (1978), Advanced Mathematical Methods for Scientists and Engineers, section 8.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

_COMPARED = 3  # results of fewer terms that each is compared with
FEWEST = _COMPARED + 1  # values
_CAUTION = 4  # errors per largest difference: differences halve at worst, and one may be small by accident
_UNIT = 2**400  # values are rounded to 1 / this


def leading_coefficient(
    x: Sequence[int], values: Sequence[Fraction], errors: Sequence[Fraction], first: int
) -> tuple[Fraction, Fraction]:
    """The coefficient of the first term that is there, and its error.

    Args:
        x: where the values are known, ascending.
        values: there.
        errors: half widths of the intervals of the values, same length.
        first: k, at least 0: the terms before it vanish or have been subtracted.

    Returns:
        The coefficient, and an error: that of the values, with four times the largest of the differences to the
        results of one, two and three terms less.

    Raises:
        ValueError: for unequal lengths, `x` that does not ascend, fewer than four values, or `x` too small for so
            many terms to be there.

    Example:
        >>> x = range(20, 40)
        >>> value, error = leading_coefficient(x, [3 + Fraction(1, n * n) for n in x], [Fraction(0)] * 20, 0)
        >>> abs(value - 3) < error < 1e-12
        True
    """
    if not len(x) == len(values) == len(errors):
        raise ValueError(f"x, values and errors must be as many; got {len(x)}, {len(values)} and {len(errors)}.")
    if any(one >= two for one, two in zip(x, x[1:], strict=False)):
        raise ValueError("x must ascend.")
    if len(x) < FEWEST or x[0] - first + 1 < FEWEST:
        raise ValueError(
            f"at least {FEWEST} values at x of at least {FEWEST - 1 + first} are needed; got {len(x)} from "
            f"x = {x[0] if x else None}. Give numbers of more and larger genera."
        )
    whole = [round(value * _UNIT) for value in values]  # whole numbers: quicker than fractions
    unsure = [math.ceil(error * _UNIT) + 1 for error in errors]
    found: list[tuple[Fraction, Fraction]] = []
    for terms in range(1, min(len(x), x[-1] - first) + 1):
        weights = _weights(tuple(x[-terms:]), first)
        if weights is None:
            break
        tops, bottom = weights
        value = sum(w * y for w, y in zip(tops, whole[-terms:], strict=True))
        rounding = sum(abs(w) * e for w, e in zip(tops, unsure[-terms:], strict=True))
        found.append((Fraction(value, bottom * _UNIT), Fraction(rounding, bottom * _UNIT)))
    best: tuple[Fraction, Fraction] | None = None
    for at in range(_COMPARED, len(found)):
        value, rounding = found[at]
        error = rounding + _CAUTION * max(abs(value - other) for other, _ in found[at - _COMPARED : at])
        if best is None or error < best[1]:
            best = value, error
    if best is None:
        raise ValueError(f"x must be at least {FEWEST - 1 + first}; got {x[0]}. Give numbers of larger genera.")
    return best


@lru_cache(maxsize=4096)
def _weights(x: tuple[int, ...], first: int) -> tuple[list[int], int] | None:
    """What the values are multiplied by, over one denominator; None if x is too small for so many terms."""
    factors = first + len(x) - 1
    if x[0] < factors:
        return None
    exact = [Fraction(math.perm(one, factors), math.prod(one - two for two in x if two != one)) for one in x]
    bottom = math.lcm(*(each.denominator for each in exact))
    return [int(each * bottom) for each in exact], bottom
