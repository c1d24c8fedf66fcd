"""The coefficients of the large-genus expansion derived again, in small, from exact numbers."""

import importlib.util
import json
import math
from fractions import Fraction
from pathlib import Path

import pytest

from popmath.intersections import alpha, asymptotic, degree_tuples, log_correlator, max_order
from popmath.intersections.alpha_polynomials import max_primitive_order

FOLDER = Path(__file__).parents[2] / "fits" / "alpha_polynomials"
RESULT = json.loads((FOLDER / "result.json").read_text(encoding="utf-8"))
STORED = Path(__file__).parents[2] / "popmath" / "intersections" / "alpha_polynomials.json"

# Above the weights that the fit of alpha_7 and alpha_8 uses, so these values decide nothing there.
HELD_OUT = [(0, 0, 0, 0, 0, 2, 2, 3, 3), (0, 1, 1, 2, 5, 6), (2, 2, 2, 3, 5), (0,) * 15 + (2, 3), (1, 4, 6, 7), (9, 10)]


@pytest.fixture(scope="module")
def derivation():
    spec = importlib.util.spec_from_file_location("alpha_derivation", FOLDER / "derivation.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(derivation, k):
    keys = json.loads(STORED.read_text(encoding="utf-8"))["alpha"][str(k)]
    return {() if key == "0" else tuple(map(int, key.split(","))): Fraction(value) for key, value in keys.items()}


def counts(small):
    return {d: small.count(d) for d in small}


def test_alpha_1_to_4_from_exact_numbers(derivation):
    """Every value from exact numbers and from the constraints; the coefficients above the weight k vanish."""
    by_values = derivation.Derivation(4)
    for k in range(1, 5):
        points = derivation.lattice(2 * k + 2)
        values = {}
        for e in points:
            small = derivation.small_degrees(e)
            values[e] = by_values.from_exact_numbers(small)[k]
            assert values[e] == by_values.from_constraints(small)[k]
        table = derivation.newton(points, values.__getitem__)
        assert not any(c for e, c in table.items() if derivation.weight(e) > 2 * k)
        derived = derivation.monomials(table)
        assert len(derived) == (3, 9, 22, 48)[k - 1]
        assert {e: c for e, c in derived.items() if e} == {e: c for e, c in stored(derivation, k).items() if any(e)}
        assert derived[()] == alpha(k, {})


@pytest.mark.parametrize("small", HELD_OUT, ids=str)
def test_held_out_values_up_to_alpha_8(derivation, small):
    assert derivation.weight([small.count(j) for j in range(11)]) > 18
    values = derivation.Derivation(8).from_exact_numbers(small)
    assert values == [1] + [alpha(k, counts(small)) for k in range(1, 9)]


@pytest.mark.parametrize("small", [(3, 8), (2, 2, 5), (2, 2, 2, 4)], ids=str)
def test_orders_without_zeros_and_ones(derivation, small):
    values = derivation.Derivation(14).from_exact_numbers(small)
    assert values[1:] == [alpha(k, counts(small)) for k in range(1, 15)]
    assert (max_order(), max_primitive_order()) == (8, 14)


def test_a_wrong_coefficient_of_alpha_7_is_caught(derivation):
    """Negative control: every coefficient in turn is changed by one part in a million."""
    exponents = [tuple(small.count(j) for j in range(max(small) + 1)) for small in HELD_OUT]
    polynomial = stored(derivation, 7)
    values = derivation.Derivation(7)
    exact = [values.from_exact_numbers(small)[7] for small in HELD_OUT]

    def caught(changed):
        return any(derivation.evaluate(changed, e) != value for e, value in zip(exponents, exact, strict=True))

    assert not caught(polynomial)
    reached = 0
    for e, c in polynomial.items():
        if any(all(len(e) <= len(p) and x <= p[j] for j, x in enumerate(e)) for p in exponents):
            reached += 1
            assert caught({**polynomial, e: c * (1 + Fraction(1, 10**6))})
    assert reached > 60


def test_exact_numbers_off_the_rational_function_are_refused(derivation):
    spoiled = derivation.Derivation(3)
    right = spoiled.number
    spoiled.number = lambda genus, degrees: right(genus, degrees) + (genus == 4)
    with pytest.raises(ArithmeticError, match="not the expected rational function"):
        spoiled.from_exact_numbers((2, 3))


@pytest.mark.parametrize("small", [(2,), (3,), (2, 2, 5, 7), (0, 2, 9)])
def test_errors_at_order_7_fall_with_the_eighth_power_of_the_genus(small):
    """Where alpha_8 is not so small that rounding shows at genus 30, as it does for (2, 3) or (2, 3, 4)."""
    errors = {}
    for genus in (14, 17, 20, 30):
        degrees = (*small, 3 * genus - 2 + len(small) - sum(small))
        exact = log_correlator(genus, degrees)
        errors[genus] = abs(asymptotic(genus, degrees, 7).log_value - exact)
        assert errors[genus] < abs(asymptotic(genus, degrees, 6).log_value - exact)
    rates = [math.log(errors[a] / errors[b]) / math.log(b / a) for a, b in ((14, 17), (17, 20), (20, 30))]
    assert rates == sorted(rates, reverse=True)  # from above, as 1/g
    assert rates[-1] == pytest.approx(8, abs=0.75)


def test_order_7_improves_on_order_6_at_genus_30():
    rows = list(degree_tuples(90, 3))[::40]
    exact = [log_correlator(30, d) for d in rows]
    largest = [
        max(abs(asymptotic(30, d, k).log_value - e) for d, e in zip(rows, exact, strict=True)) for k in (6, 7, 8)
    ]
    assert largest[0] > 4 * largest[1] > 16 * largest[2]


def test_the_stored_result():
    assert RESULT["held_out_failures"] == 0
    assert RESULT["equal_to_stored"] == {"alpha": True, "primitive": True}
    assert [row["terms"] for row in RESULT["alpha"]] == [3, 9, 22, 48, 96, 181, 326, 565]
    assert all(row["equations"] > row["unknowns"] >= row["terms"] for row in RESULT["alpha"] + RESULT["primitive"])
    assert all(row["highest_degree"] == row["k"] * 3 // 2 - 1 for row in RESULT["primitive"][1:])
    polynomials = json.loads(STORED.read_text(encoding="utf-8"))
    assert [len(polynomials["alpha"][str(k)]) for k in range(1, 9)] == [row["terms"] for row in RESULT["alpha"]]
    assert STORED.stat().st_size < 100_000
