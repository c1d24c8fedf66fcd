"""The algorithms for single numbers agree: they share no formula. All comparisons are exact, so none may ever fail."""

import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath import UnableError
from popmath.intersections import clear_cache, correlator, degree_tuples
from popmath.intersections.methods import METHODS, exact_number, npoint_seconds
from popmath.intersections.modular import chinese_remainder, inverses, primes_below

CERTIFIED = json.loads((Path(__file__).parent.parent / "reference" / "psi.json").read_text())


@st.composite
def requests(draw, max_genus=9, max_points=6, min_points=1):
    genus = draw(st.integers(0, max_genus))
    n = draw(st.integers(max(min_points, 3 - 2 * genus), max_points))
    rng = random.Random(draw(st.integers(0, 2**32)))
    return genus, rng.choice(list(degree_tuples(3 * genus - 3 + n, n)))


@given(requests())
@settings(max_examples=60)
def test_recursions_agree(request_):
    genus, degrees = request_
    assert correlator(genus, degrees, method="liu_xu") == correlator(genus, degrees, method="dvv")


@given(requests(min_points=2))
@settings(max_examples=60)
def test_the_npoint_function_agrees(request_):
    genus, degrees = request_
    if genus >= 1 and len([d for d in degrees if d != 1]) >= 2:
        assert correlator(genus, degrees, method="npoint") == correlator(genus, degrees, method="dvv")


@pytest.mark.slow
@given(requests(max_genus=14, max_points=7))
@settings(max_examples=100_000)
def test_a_hundred_thousand_random_numbers_agree(request_):
    genus, degrees = request_
    assert correlator(genus, degrees, method="liu_xu") == correlator(genus, degrees, method="dvv")


@pytest.mark.slow
@given(requests(max_genus=12, max_points=6))
@settings(max_examples=5_000)
def test_five_thousand_random_numbers_agree_with_the_npoint_function(request_):
    genus, degrees = request_
    if genus >= 1 and len([d for d in degrees if d != 1]) >= 2:
        assert correlator(genus, degrees, method="npoint") == correlator(genus, degrees, method="dvv")


@pytest.mark.parametrize("genus", range(8))
def test_closed_forms_agree(genus):
    for n in range(max(1, 3 - 2 * genus), 7 if genus <= 1 else 3):
        for degrees in degree_tuples(3 * genus - 3 + n, n):
            assert correlator(genus, degrees, method="closed_form") == correlator(genus, degrees, method="dvv")


@pytest.mark.parametrize("entry", CERTIFIED, ids=lambda entry: f"{entry['genus']}-{len(entry['degrees'])}")
def test_every_certified_value(entry):
    clear_cache()
    assert correlator(entry["genus"], entry["degrees"]) == Fraction(entry["value"])


def test_two_points_at_genus_1000():
    """<tau_0 tau_2999> = <tau_2998> by the string equation, and <tau_1 tau_2998> = 1999 <tau_2998> by dilaton."""
    one = Fraction(1, 24**1000) / correlator(1000, (2998,))
    assert one == Fraction(1, 24**1000) / exact_number(1000, (0, 2999), "closed_form")
    assert exact_number(1000, (1, 2998)) == 1999 * exact_number(1000, (2998,))


def test_string_equation_at_genus_40_across_methods():
    degrees = (0, 30, 45, 46)
    lowered = [(29, 45, 46), (30, 44, 46), (30, 45, 45)]
    assert correlator(40, degrees, method="npoint") == sum(correlator(40, d, method="npoint") for d in lowered)


@pytest.mark.parametrize(
    ("method", "genus", "degrees", "kind", "message"),
    [
        ("fast", 2, (2, 3), ValueError, "method must be one of"),
        ("closed_form", 3, (3, 3, 3), UnableError, "no closed form for genus 3 and 3 points"),
        ("npoint", 0, (0, 0, 0), UnableError, "genus >= 1"),
        ("npoint", 3, (1, 7), UnableError, "two points other than ones"),
    ],
)
def test_methods_that_do_not_apply(method, genus, degrees, kind, message):
    with pytest.raises(kind, match=message):
        correlator(genus, degrees, method=method)


def test_wrong_sums_are_zero_by_every_method():
    assert [correlator(3, (3, 3), method=method) for method in METHODS] == [0] * len(METHODS)


def test_a_wrong_residue_is_noticed(monkeypatch):
    from popmath.intersections import npoint

    right = npoint._residues

    def wrong(genus, degrees, primes):
        residues = right(genus, degrees, primes)
        residues[0] += 1
        return residues

    monkeypatch.setattr(npoint, "_residues", wrong)
    with pytest.raises(ArithmeticError, match="disagree"):
        npoint.integer_form(5, (4, 5, 6))


def test_many_points_do_not_overflow_the_prediction():
    assert npoint_seconds(30, (0,) * 3000) == float("inf")
    with pytest.raises(UnableError, match="too deep"):
        correlator(2, (0,) * 1100 + (1104,))


def test_a_number_is_computed_once(monkeypatch):
    from popmath.intersections import npoint

    calls, right = [], npoint.integer_form
    monkeypatch.setattr(npoint, "integer_form", lambda genus, degrees: calls.append(degrees) or right(genus, degrees))
    clear_cache()
    assert len({correlator(20, (19, 20, 21)) for _ in range(3)}) == len(calls) == 1
    assert correlator(20, (1, 19, 20, 21)) == 41 * correlator(20, (19, 20, 21))
    assert len(calls) == 1
    correlator(20, (19, 20, 21), method="npoint")  # forced: computed again
    clear_cache()
    correlator(20, (19, 20, 21))
    assert len(calls) == 3


def test_predicted_time_grows():
    assert npoint_seconds(20, (12, 12, 12, 12, 13)) < npoint_seconds(50, (30,) * 4 + (32,)) < 10
    assert npoint_seconds(10, (3,) * 30) > 1e4


def test_modular_arithmetic():
    primes = primes_below(1 << 21, 20)
    assert len(set(primes)) == 20
    assert all(pow(7, p - 1, p) == 1 for p in primes)
    import numpy as np

    table = inverses(50, np.array(primes, np.int64))
    assert all(i * int(table[i, k]) % p == 1 for i in range(1, 51) for k, p in enumerate(primes))
    number = 123456789**7
    assert chinese_remainder([number % p for p in primes], primes) == number
    with pytest.raises(ValueError, match="odd primes below"):
        primes_below(10, 50)
