"""The closed large-genus form against exact numbers, and its coefficients against the printed polynomials."""

import json
import math
import random
from fractions import Fraction
from pathlib import Path

import pytest

from popmath import UnableError
from popmath.intersections import (
    alpha,
    asymptotic,
    decimal_from_log,
    degree_tuples,
    log_correlator,
    log_fraction,
    max_order,
)
from popmath.intersections.asymptotics import log_odd_double_factorial
from popmath.intersections.recursion import odd_double_factorial

CERTIFIED = json.loads((Path(__file__).parents[1] / "reference" / "psi.json").read_text(encoding="utf-8"))

# The largest |error of log| at orders 0..6 over all 541,664 degree tuples with g = 14..17 and n <= 9 (run once,
# exhaustively) was 0.1543, 2.899e-3, 4.098e-4, 5.404e-5, 1.785e-5, 3.212e-6, 1.071e-6, always at g = 14: with
# 8 zeros, 8 twos or a single degree. The bounds hold for every tuple: no choice of sample makes a correct formula fail.
BOUNDS = (0.155, 2.91e-3, 4.11e-4, 5.41e-5, 1.79e-5, 3.22e-6, 1.08e-6)


def error(genus, degrees, order):
    return asymptotic(genus, degrees, order).log_value - log_correlator(genus, degrees)


@pytest.fixture(scope="module")
def sample():
    """All of n = 1, 2 and, seed 20231, 30 degree tuples of each n = 3..9, at genus 14 and 17."""
    rng = random.Random(20231)
    drawn = []
    for genus in (14, 17):
        for num_points in range(1, 10):
            every = list(degree_tuples(3 * genus - 3 + num_points, num_points))
            chosen = every if num_points <= 2 else rng.sample(every, 30)
            drawn += [(genus, degrees) for degrees in chosen]
    return drawn


# The polynomials


def printed_alpha_1(p0):
    return Fraction(-(17 - 15 * p0 + 3 * p0**2), 12)


def printed_alpha_2(p0, p1, p2):
    zeros = 1225 - 1632 * p0 + 741 * p0**2 - 138 * p0**3 + 9 * p0**4
    return Fraction(zeros - 612 * p1 + 540 * p0 * p1 - 108 * p0**2 * p1 - 180 * p2, 288)


def printed_alpha_3(p0, p1, p2, p3):
    zeros = -27 * p0**6 + 837 * p0**5 - 10260 * p0**4 + 63225 * p0**3 - 204858 * p0**2 + 327483 * p0 - 199115
    ones = 972 * p0**4 - 14904 * p0**3 + 85860 * p0**2 - 205416 * p0 + 165348
    ones_squared = -5832 * p0**2 + 29160 * p0 - 33048
    twos = -3240 * p0**3 + 30780 * p0**2 - 92340 * p0 + 86940 - 19440 * p1
    threes = -22680 * p0 + 45360
    return Fraction(zeros + ones * p1 + ones_squared * p1**2 + twos * p2 + threes * p3, 10368)


def test_alpha_against_the_printed_polynomials():
    """mathematics.md B3; every multiplicity up to 6 fixes these polynomials completely (degree at most 6 in each)."""
    for p0 in range(7):
        assert alpha(1, {0: p0, 1: 5, 4: 2}) == printed_alpha_1(p0)
        for p1 in range(4):
            for p2 in range(4):
                assert alpha(2, {0: p0, 1: p1, 2: p2, 3: 4}) == printed_alpha_2(p0, p1, p2)
                for p3 in range(3):
                    assert alpha(3, {0: p0, 1: p1, 2: p2, 3: p3, 5: 1}) == printed_alpha_3(p0, p1, p2, p3)


def test_higher_alpha_without_small_degrees():
    """alpha_4 and alpha_5 at p_0 = p_1 = 0, as printed in exact.md, section 5."""
    assert alpha(4, {}) == Fraction(57482425, 497664)
    assert alpha(4, {2: 2, 3: 1}) == Fraction(57482425 - 2 * 38064600 - 23904720 + 4 * 4762800, 497664)
    linear = -25906005125 + 21487548600 + 2 * 14617486800 + 10326430800 + 6848226000 + 3502699200
    quadratic = -4274953200 - 2 * 5127494400 - 1616630400 - 4 * 828727200
    assert alpha(5, {2: 1, 3: 2, 4: 1, 5: 1, 6: 1}) == Fraction(linear + quadratic, 29859840)


def test_alpha_from_one_point_numbers_alone():
    """One point is 1/(24^g g!): what is left of the bracket after six terms must fall as x^-7."""
    remainders = []
    for genus in (50, 100):
        bracket = math.lgamma(6 * genus - 2) - math.lgamma(3 * genus - 1) - (3 * genus - 2) * math.log(2)  # (6g-3)!!
        assert bracket == pytest.approx(log_odd_double_factorial(3 * genus - 2), rel=1e-14)
        exact = Fraction(odd_double_factorial(3 * genus - 2), 24**genus * math.factorial(genus))
        leading = Fraction(math.factorial(2 * genus - 2), 2) * Fraction(3, 2) ** (2 * genus - 1)  # without 1 / pi
        pi = Fraction(31415926535897932384626433832795028841971693993751, 10**49)
        x, terms, factor = 2 * genus - 2, Fraction(1), Fraction(1)
        for k in range(1, 7):
            factor *= Fraction(2, 3) / (x + 1 - k)
            terms += factor * alpha(k, {})
        remainders.append(float(exact * pi / leading - terms) * x**7)
    assert remainders[0] == pytest.approx(remainders[1], rel=0.3)


# The approximation


@pytest.mark.parametrize("order", range(7))
def test_largest_error_out_of_the_published_range(sample, order):
    assert len(sample) == 469
    assert max(abs(error(g, d, order)) for g, d in sample) <= BOUNDS[order]


def test_errors_fall_with_every_order(sample):
    largest = [max(abs(error(g, d, k)) for g, d in sample) for k in range(max_order() + 1)]
    assert len(largest) == 9
    assert all(later < earlier / 2 for earlier, later in zip(largest, largest[1:], strict=False))


def test_errors_fall_with_genus_at_the_stated_rate():
    """Without small degrees the error of order k falls as g^-(k+1): measured on g = 14 -> 28 with two equal parts."""
    for order in range(5):
        near, far = (abs(error(g, (g, 2 * g - 1), order)) for g in (14, 28))
        assert math.log2(near / far) == pytest.approx(order + 1, abs=0.7)


def test_the_last_term_is_an_indication_of_the_error(sample):
    """The shares the docstring states for all tuples; fewer by at most 0.07 on this sample (fixed seed: no chance)."""
    for order, share in enumerate((1.0, 0.959, 0.876, 0.874, 0.802, 0.809), start=1):
        held = [abs(error(g, d, order)) <= asymptotic(g, d, order).last_term for g, d in sample]
        assert sum(held) >= (share - 0.07) * len(held)
    assert asymptotic(15, (20, 24), 0).last_term == math.inf


@pytest.mark.parametrize("order", [0, 3, 6])
@pytest.mark.parametrize(("genus", "degrees"), [(9, (5, 21)), (14, (0, 0, 2, 13, 29)), (10, (28,)), (4, (0, 0, 12))])
def test_ones_are_removed_exactly(genus, degrees, order):
    """An added tau_1 multiplies by 2g - 2 + n, exactly: it changes the error by rounding only."""
    alone = error(genus, degrees, order)
    for ones in (1, 2, 7):
        assert error(genus, (1,) * ones + degrees, order) == pytest.approx(alone, abs=2e-13)


@pytest.mark.parametrize("entry", [c for c in CERTIFIED if c["genus"] > 20], ids=lambda c: str(c["degrees"]))
def test_certified_values_beyond_genus_20(entry):
    approximate = asymptotic(entry["genus"], entry["degrees"])
    assert approximate.log_value == pytest.approx(log_fraction(Fraction(entry["value"])), abs=2e-8)


def test_genus_one_ones_only():
    approximate = asymptotic(1, (1, 1, 1), order=0)  # 2!/24, from <tau_1>_1 = 1/24 by two dilatons
    assert approximate.log_value - math.log(2) == pytest.approx(asymptotic(1, (1,), order=0).log_value)


def test_very_large_genus_is_quick():
    genus = 10**6
    approximate = asymptotic(genus, (3 * genus - 2,))
    assert approximate.log_value == pytest.approx(-genus * math.log(24) - math.lgamma(genus + 1), rel=1e-14)
    assert approximate.value.startswith("6.93588") and approximate.value.endswith("e-6945921")


# What is refused


@pytest.mark.parametrize(
    ("genus", "degrees", "order", "kind", "message"),
    [
        (0, (0, 0, 0), 1, ValueError, "genus must be at least 1"),
        (5, (13,), 99, ValueError, "order must be at most 8"),
        (5, (13,), "best", ValueError, "order must be 'auto' or an integer from 0 to 8; got 'best'"),
        (5, (13,), True, TypeError, "order must be an integer; got the truth value True"),
        (5, (13,), 2.5, TypeError, "order must be an integer; got 2.5"),
        (5, (13,), -1, ValueError, "order must be at least 0"),
        (5, (13,), 3.0, TypeError, "order must be an integer"),
        (5, (12,), 3, ValueError, r"sum to 12, not to 3g - 3 \+ n = 13"),
        (0, (1,), 0, ValueError, "no stable curves"),
        (5, (13.0,), 3, TypeError, r"degrees\[0\] must be an integer"),
        (2, (2, 3), 4, UnableError, "order 4 needs .* it is 3.* lower order"),
        (2, (1, 1, 2, 3), 4, UnableError, "without counting ones"),
        (3, (0,) * 10 + (17,), 1, UnableError, "broken down at genus 3 with 10 zeros"),
        (1, (0,) * 9 + (10,), 1, UnableError, "broken down at genus 1 with 9 zeros"),
    ],
)
def test_bad_requests_and_missing_expansions(genus, degrees, order, kind, message):
    with pytest.raises(kind, match=message):
        asymptotic(genus, degrees, order)


@pytest.mark.parametrize(
    ("k", "multiplicities", "kind", "message"),
    [
        (0, {}, ValueError, "k must be 1 to 14; got 0"),
        (15, {2: 1}, ValueError, "k must be 1 to 14; got 15"),
        (9, {1: 1}, ValueError, "k must be 1 to 8, or 14 without degrees 0 and 1; got 9"),
        (1.0, {}, TypeError, "k must be an integer"),
        (1, {0: -1}, ValueError, r"multiplicities\[0\] must be at least 0"),
        (1, {0: 0.5}, TypeError, r"multiplicities\[0\] must be an integer"),
        (1, {"0": 1}, TypeError, "a degree must be an integer"),
    ],
)
def test_bad_coefficients_are_refused(k, multiplicities, kind, message):
    with pytest.raises(kind, match=message):
        alpha(k, multiplicities)


# Decimal notation


@pytest.mark.parametrize(
    ("log_value", "digits", "text"),
    [
        (0.0, 3, "1.00e+00"),
        (math.log(2.5), 2, "2.5e+00"),
        (math.log(9.9996), 4, "1.000e+01"),
        (-1e6 * math.log(10), 5, "1.0000e-1000000"),
        (math.log(3e300), 1, "3e+300"),
        (-math.inf, 8, "0"),
    ],
)
def test_decimal_notation(log_value, digits, text):
    assert decimal_from_log(log_value, digits) == text


@pytest.mark.parametrize(("log_value", "digits"), [(math.nan, 8), (math.inf, 8), (1.0, 0)])
def test_no_decimal_notation(log_value, digits):
    with pytest.raises(ValueError, match="must be"):
        decimal_from_log(log_value, digits)
