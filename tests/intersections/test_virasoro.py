"""Virasoro constraints: exactly zero on exact numbers, not on others. Comparisons are exact and may never fail."""

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath.intersections import (
    asymptotic,
    correlator,
    degree_tuples,
    log_correlator,
    virasoro_constraint,
    virasoro_defect,
    virasoro_log_defect,
)


@st.composite
def places(draw):
    """An index, a genus and degrees at which there is a constraint."""
    index, genus = draw(st.integers(-1, 5)), draw(st.integers(0, 6))
    n = draw(st.integers(max(0, 2 - 2 * genus), 5))
    total = 3 * genus - 3 + n - index
    rng = random.Random(draw(st.integers(0, 2**32)))
    options = list(degree_tuples(total, n)) if total >= 0 and (n or not total) else []
    return (index, genus, rng.choice(options)) if options else (-1, 1, (2,))


@given(places())
@settings(max_examples=150)
def test_exact_numbers_satisfy_every_constraint(place):
    assert virasoro_defect(correlator, *place) == 0


def test_initial_values():
    assert virasoro_defect(correlator, -1, 0, (0, 0)) == 0
    assert virasoro_defect(correlator, 0, 1, ()) == 0


def test_string_and_dilaton_by_name():
    string = virasoro_constraint(-1, 2, (2, 4))
    assert string.left == (2, (0, 2, 4))
    assert sorted(term.factors for term in string.terms) == [((2, (1, 4)),), ((2, (2, 3)),)]
    dilaton = virasoro_constraint(0, 2, (2, 3))
    assert sum(term.coefficient for term in dilaton.terms) == 3 * (2 * 2 - 2 + 2)


@pytest.mark.parametrize("index", [-1, 0, 1, 2, 3])
def test_one_wrong_number_is_seen(index):
    genus, n = 4, 3
    degrees = next(d for d in degree_tuples(3 * genus - 3 + n - index, n) if 1 not in d)
    left = virasoro_constraint(index, genus, degrees).left

    def wrong(g, d):
        return correlator(g, d) + (Fraction(1, 10**30) if (g, d) == left else 0)

    assert virasoro_defect(wrong, index, genus, degrees) == Fraction(1, 10**30)


@given(places())
@settings(max_examples=60)
def test_logarithms(place):
    assert abs(virasoro_log_defect(log_correlator, *place)) < 1e-12


def test_floats_and_the_closed_form():
    assert abs(virasoro_defect(lambda g, d: float(correlator(g, d)), 2, 5, (5, 5, 3))) < 1e-15
    defect = virasoro_log_defect(lambda g, d: asymptotic(g, d).log_value, -1, 20, (19, 20, 22))
    assert 0 < abs(defect) < 1e-6


@pytest.mark.parametrize(
    ("index", "genus", "degrees", "message"),
    [(-2, 1, (2,), "index"), (0, 2, (2, 2), "sum to 4"), (-1, 0, (0,), "no stable curves"), (1, -1, (), "genus")],
)
def test_what_is_refused(index, genus, degrees, message):
    with pytest.raises(ValueError, match=message):
        virasoro_constraint(index, genus, degrees)
