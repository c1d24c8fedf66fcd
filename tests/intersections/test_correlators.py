"""`correlator`, `table` and their logarithms: certified values, requests that are refused, sizes beyond floats."""

import json
import math
import subprocess
import sys
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from popmath import UnableError
from popmath.intersections import (
    CorrelatorTable,
    clear_cache,
    complete_table,
    correlator,
    count_degree_tuples,
    count_numbers,
    log_correlator,
    log_fraction,
    table,
)

# Each value was agreed on by at least two algorithm families (DVV, Liu-Xu, Bertola-Dubrovin-Yang, closed forms),
# most of them also by external programs; see "checked_by" in the file.
CERTIFIED = json.loads((Path(__file__).parents[1] / "reference" / "psi.json").read_text(encoding="utf-8"))
WITHIN_REACH = [c for c in CERTIFIED if c["genus"] <= 20]

# <tau_2^(3g-3)>_g, g = 2..6: OEIS A278178 / A278179.
ALL_TWOS = ["7/240", "1225/144", "1816871/48", "7723802625/8", "8591613499103635/96"]


def logarithm(number: Fraction) -> float:
    """By 60-digit decimals, sharing nothing with the package."""
    with localcontext() as context:
        context.prec = 60
        return float((Decimal(number.numerator) / Decimal(number.denominator)).ln())


@pytest.mark.parametrize("entry", WITHIN_REACH, ids=lambda c: f"g{c['genus']}-{'.'.join(map(str, c['degrees']))}")
def test_certified_values(entry):
    assert correlator(entry["genus"], entry["degrees"]) == Fraction(entry["value"])


def test_certified_values_are_all_there():
    assert (len(CERTIFIED), len(WITHIN_REACH)) == (37, 24)


@pytest.mark.parametrize(("genus", "value"), list(enumerate(ALL_TWOS, start=2)))
def test_all_twos(genus, value):
    assert correlator(genus, (2,) * (3 * genus - 3)) == Fraction(value)


@pytest.mark.parametrize("degrees", [[3, 2], (2, 3), np.array([3, 2]), iter((2, 3)), range(2, 4), (np.int8(2), 3)])
def test_degrees_come_in_any_order_and_any_sequence(degrees):
    number = correlator(np.int64(2), degrees)
    assert number == Fraction(29, 5760)
    assert type(number) is Fraction and type(number.numerator) is int


@pytest.mark.parametrize(("genus", "degrees"), [(2, (2, 2)), (0, (1, 0, 0)), (1, (0,)), (2, ()), (3, (8,))])
def test_a_wrong_sum_of_degrees_is_exactly_zero(genus, degrees):
    number = correlator(genus, degrees)
    assert number == 0 and type(number) is Fraction
    assert log_correlator(genus, degrees) == -math.inf


@pytest.mark.parametrize("call", [correlator, log_correlator])
@pytest.mark.parametrize(
    ("genus", "degrees", "error", "message"),
    [
        (0, (0, 0), ValueError, "no stable curves of genus 0 with 2 marked points"),
        (0, (), ValueError, "no stable curves of genus 0 with 0"),
        (1, (), ValueError, "no stable curves of genus 1 with 0"),
        (-1, (1, 1, 1), ValueError, "genus must be at least 0; got -1"),
        (2, (-1, 6), ValueError, r"degrees\[0\] must be at least 0; got -1"),
        (2.0, (4,), TypeError, "genus must be an integer; got 2.0 of type float"),
        ("2", (4,), TypeError, "genus must be an integer"),
        (True, (1,), TypeError, "genus must be an integer; got the truth value True"),
        (None, (1,), TypeError, "genus must be an integer"),
        (2, (3, 2.0), TypeError, r"degrees\[1\] must be an integer"),
        (2, ("4",), TypeError, r"degrees\[0\] must be an integer"),
        (1, (True,), TypeError, r"degrees\[0\] must be an integer"),
        (1, (np.True_,), TypeError, r"degrees\[0\] must be an integer"),
        (2, (Fraction(4),), TypeError, r"degrees\[0\] must be an integer"),
        (2, (math.nan,), TypeError, r"degrees\[0\] must be an integer"),
        (2, 4, TypeError, "degrees must be a sequence"),
        (2, "4", TypeError, "degrees must be a sequence"),
        (2, None, TypeError, "degrees must be a sequence"),
        (2, {2, 3}, TypeError, "degrees must be a sequence"),  # a set would have lost repeated degrees
        (2, {2: 1, 3: 1}, TypeError, "degrees must be a sequence"),
        (2, np.array([[2, 3]]), TypeError, r"degrees\[0\] must be an integer"),
    ],
)
def test_bad_requests_name_the_argument(call, genus, degrees, error, message):
    with pytest.raises(error, match=message):
        call(genus, degrees)


def test_too_deep_for_the_stack_is_said():
    with pytest.raises(UnableError, match=r"genus 1.*too deep.*asymptotic"):
        correlator(1, (0,) * 3000 + (3001,), method="dvv")
    assert correlator(1, (0, 2)) == Fraction(1, 24)  # and nothing is broken afterwards


def test_forgetting_changes_no_number():
    before = correlator(5, (5, 5, 5))
    clear_cache()
    assert correlator(5, (5, 5, 5)) == before == Fraction(41873, 255467520)


# Logarithms


@pytest.mark.parametrize("entry", CERTIFIED, ids=lambda c: f"g{c['genus']}-{'.'.join(map(str, c['degrees']))}")
def test_logarithm_of_certified_values(entry):
    value = Fraction(entry["value"])
    assert log_fraction(value) == pytest.approx(logarithm(value), rel=4e-16, abs=0)


@pytest.mark.parametrize(
    "number",
    [
        Fraction(7**5000, 3),
        Fraction(3, 7**5000),
        Fraction(7**5000 + 1, 7**5000),
        Fraction(10**12 + 1, 10**12),
        Fraction(10**12 - 1, 10**12),
        Fraction(2**64, 2**63 - 1),
        Fraction(2**200 - 1, 2**199),
        Fraction(5, 2),
        Fraction(1, 5),
        Fraction(1),
    ],
    ids=range(10),
)
def test_logarithm_of_any_size_and_near_one(number):
    assert log_fraction(number) == pytest.approx(logarithm(number), rel=4e-16, abs=0)


def test_logarithm_beyond_the_range_of_floats():
    """<tau_{3g-2}>_g = 1/(24^g g!) at g = 300, about 1e-1029."""
    assert log_correlator(300, (898,)) == pytest.approx(-300 * math.log(24) - math.lgamma(301), rel=1e-14)
    with pytest.raises(ValueError, match="number must be at least 0"):
        log_fraction(Fraction(-1, 2))


# Tables


def test_a_table_is_a_mapping_over_ascending_degrees():
    t = table(5, 4)
    assert isinstance(t, CorrelatorTable)
    assert len(t) == count_degree_tuples(16, 4) and list(t) == sorted(t)
    assert t[3, 4, 4, 5] == t[5, 4, 3, 4] == correlator(5, (4, 5, 3, 4))
    assert repr(t) == "CorrelatorTable(genus=5, num_points=4: 64 numbers)"
    for wrong in [(1, 2, 3, 4), (16,), (0, 0, 0, 0, 16)]:
        assert wrong not in t
        with pytest.raises(KeyError):
            t[wrong]


def test_a_table_as_pandas_keeps_exact_integers():
    t = table(11, 3)
    frame = t.to_pandas()
    assert list(frame.columns) == ["genus", "num_points", "degrees", "numerator", "denominator", "log_value"]
    assert all(type(x) is int for x in (*frame["numerator"], *frame["denominator"]))
    assert {row.degrees: Fraction(row.numerator, row.denominator) for row in frame.itertuples()} == dict(t)
    assert max(frame["denominator"]) > 2**63
    assert list(table(1, 2).to_pandas()[["numerator", "denominator"]].dtypes) == [object, object]  # small ones as well
    assert [log_correlator(11, d) for d in frame["degrees"]] == pytest.approx(list(frame["log_value"]), rel=4e-16)


def test_the_complete_table_agrees_with_single_numbers():
    tables = complete_table(9)
    assert sum(map(len, tables.values())) == count_numbers(9)
    clear_cache()
    for (genus, num_points), t in tables.items():
        assert (t.genus, t.num_points) == (genus, num_points)
        for degrees, number in t.items():
            assert number == correlator(genus, degrees) > 0
    assert complete_table(0) == {}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: table(0, 2), ValueError, "no stable curves"),
        (lambda: table(2, 0), ValueError, "num_points must be at least 1"),
        (lambda: table(2, -1), ValueError, "num_points must be at least 0"),
        (lambda: table(2.0, 1), TypeError, "genus must be an integer"),
        (lambda: table(2, True), TypeError, "num_points must be an integer"),
        (lambda: complete_table(-1), ValueError, "max_level must be at least 0"),
        (lambda: complete_table(3.0), TypeError, "max_level must be an integer"),
    ],
)
def test_bad_tables_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_asking_for_an_exact_number_never_loads_jax():
    code = "import sys, popmath.intersections as i; print(i.correlator(2, (2, 3)), 'jax' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "29/5760 False"
