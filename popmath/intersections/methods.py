"""Which algorithm computes a single number: closed form, recursion or n-point function."""

from __future__ import annotations

import math
from fractions import Fraction

from popmath._errors import UnableError
from popmath.intersections.closed_forms import closed_form, has_closed_form
from popmath.intersections.liu_xu import liu_xu
from popmath.intersections.recursion import IntegerRecursion, integer_scale

METHODS = ("auto", "closed_form", "dvv", "liu_xu", "npoint")
_MANY_POINTS, _FEW_KINDS = 12, 3
_FEW_POINTS, _MODERATE_GENUS, _LARGE_GENUS, _TOO_LONG = 5, 18, 25, 120.0  # points, genera, seconds

recursions = {"dvv": IntegerRecursion(), "liu_xu": IntegerRecursion(liu_xu)}
npoint_memo: dict[tuple[int, ...], int] = {}  # of method "auto" only: a forced method computes


def exact_number(genus: int, degrees: tuple[int, ...], method: str = "auto") -> Fraction:
    """The plain number of a stable type; degrees ascending, of sum 3g - 3 + n.

    Ones are removed by the dilaton equation before a closed form or the n-point function is used.

    Raises:
        ValueError: for an unknown method.
        UnableError: if the method does not cover the type.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    if method in recursions:
        return recursive_number(genus, degrees, recursions[method])
    if genus <= 1 and method != "npoint":
        return closed_form(genus, degrees)
    kept = tuple(d for d in degrees if d != 1) or (1,)
    level = 2 * genus - 2 + len(kept)
    factor = math.prod(range(level, level + len(degrees) - len(kept)))
    remember = method == "auto"
    if remember:
        method = fastest_method(genus, kept)
    if method == "closed_form":
        if not has_closed_form(genus, kept):
            raise UnableError(
                f"there is no closed form for genus {genus} and {len(kept)} points other than ones: it exists for "
                f"genus 0 and 1 and for up to two points. Use method='auto'."
            )
        return factor * closed_form(genus, kept)
    if method == "npoint":
        if genus == 0 or len(kept) < 2:
            raise UnableError(
                f"method='npoint' needs genus >= 1 and at least two points other than ones; got genus {genus} and "
                f"degrees {degrees}. Use method='auto'."
            )
        value = npoint_memo.get(kept) if remember else None
        if value is None:
            from popmath.intersections.npoint import integer_form  # numpy: only where it is used

            value = integer_form(genus, kept)
            if remember:
                npoint_memo[kept] = value
        return Fraction(factor * value, integer_scale(genus, kept))
    return recursive_number(genus, degrees, recursions[method])


def recursive_number(genus: int, degrees: tuple[int, ...], recursion: IntegerRecursion) -> Fraction:
    """The plain number by recursion.

    Raises:
        UnableError: if it is too deep for Python's stack.
    """
    try:
        return Fraction(recursion.value(genus, degrees), integer_scale(genus, degrees))
    except RecursionError:
        raise UnableError(
            f"a number of genus {genus} is too deep for the recursion and Python's stack. Try method='npoint' for few "
            f"points, or popmath.intersections.asymptotic and look at its last_term: small at large genus only."
        ) from None


def npoint_seconds(genus: int, degrees: tuple[int, ...]) -> float:
    """Rough time of the n-point function: matrix products over all subsets, for as many primes as are needed."""
    if len(degrees) > 60:
        return math.inf
    n, width = len(degrees), sum(degrees) + len(degrees) + degrees[0] + 1
    products = (n - 1) * 2 ** (n - 2)
    primes = (4 * genus + 3 * genus * math.log2(genus + 1)) / 21 + 2
    return products * (2e-4 + primes * width**2 * (degrees[0] + 1) * 2e-10)


def fastest_method(genus: int, kept: tuple[int, ...]) -> str:
    """What `method="auto"` takes for degrees without ones, of genus 2 at least."""
    if has_closed_form(genus, kept):
        return "closed_form"
    if kept in recursions["dvv"].memo:
        return "dvv"
    if len(kept) >= max(_MANY_POINTS, genus - 6) and len(set(kept)) <= _FEW_KINDS:
        return "liu_xu"
    long = npoint_seconds(genus, kept)
    few_or_large = (len(kept) <= _FEW_POINTS and genus >= _MODERATE_GENUS) or genus >= _LARGE_GENUS
    return "npoint" if few_or_large and long < _TOO_LONG else "dvv"
