"""Norbury's Theta class: published numbers, the dilaton equation, and the recursion of the Bessel structure."""

from fractions import Fraction
from math import factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath import UnableError
from popmath.intersections import degree_tuples
from popmath.intersections.airy import amplitude
from popmath.intersections.airy_structures import bessel_structure
from popmath.intersections.recursion import odd_double_factorial
from popmath.intersections.theta import theta_correlator


@pytest.mark.parametrize(
    ("genus", "degrees", "value"),
    [
        (1, (0,), "1/8"),
        (2, (1,), "3/128"),
        (3, (2,), "15/1024"),
        (3, (1, 1), "63/512"),  # 63/1024 t_1^2 in the logarithm of the Brezin-Gross-Witten function
    ],
)
def test_published_numbers(genus, degrees, value):
    assert theta_correlator(genus, degrees) == Fraction(value)


@pytest.mark.parametrize("genus", range(1, 8))
def test_every_way_of_the_airy_recursion_agrees(genus):
    for n in range(1, 5):
        for degrees in degree_tuples(genus - 1, n):
            for first in set(degrees):
                assert amplitude(bessel_structure(), genus, degrees, first=first) == theta_correlator(genus, degrees)


@pytest.mark.parametrize("genus", range(1, 30))
def test_one_point(genus):
    """(2g-1)!! (2g-3)!! / (8^g g!), from one-point numbers of the Bessel spectral curve."""
    odd = odd_double_factorial(genus - 1) * (odd_double_factorial(genus - 2) if genus > 1 else 1)
    assert theta_correlator(genus, (genus - 1,)) == Fraction(odd, 8**genus * factorial(genus))


@given(st.integers(1, 6), st.lists(st.integers(0, 3), max_size=4))
@settings(max_examples=60)
def test_dilaton(genus, some):
    if sum(some) > genus - 1 or 2 * genus - 2 + len(some) == 0:
        return
    degrees = (*some, genus - 1 - sum(some))
    assert theta_correlator(genus, (0, *degrees)) == (2 * genus - 2 + len(degrees)) * theta_correlator(genus, degrees)


def test_many_points_of_genus_one():
    assert [theta_correlator(1, (0,) * n) for n in range(1, 5)] == [Fraction(factorial(n - 1), 8) for n in range(1, 5)]


@pytest.mark.parametrize(("genus", "degrees"), [(0, (0, 0, 0)), (2, (0,)), (2, (2, 0)), (2, ()), (1, (1,))])
def test_what_vanishes(genus, degrees):
    number = theta_correlator(genus, degrees)
    assert number == 0 and type(number) is Fraction


@pytest.mark.parametrize(
    ("genus", "degrees", "error", "message"),
    [
        (0, (0, 0), ValueError, "no stable curves"),
        (1, (), ValueError, "no stable curves"),
        (2.0, (1,), TypeError, "genus must be an integer"),
        (2, (-1, 2), ValueError, r"degrees\[0\] must be at least 0"),
        (2, {1}, TypeError, "degrees must be a sequence"),
        (3000, (2999,), UnableError, "too deep"),
    ],
)
def test_bad_requests(genus, degrees, error, message):
    with pytest.raises(error, match=message):
        theta_correlator(genus, degrees)
