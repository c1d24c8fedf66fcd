"""The order chosen by `asymptotic(..., order="auto")`, and the estimate of the error, against exact numbers."""

import importlib.util
import json
import math
from pathlib import Path

import pytest

from popmath import UnableError
from popmath.intersections import asymptotic, log_correlator, max_order
from popmath.intersections.bracket import MOST_REDUCED, best_bracket, log_leading, log_odd_double_factorial

FOLDER = Path(__file__).parents[2] / "fits" / "alpha_polynomials"
RESULT = json.loads((FOLDER / "result.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def accuracy():
    spec = importlib.util.spec_from_file_location("alpha_accuracy", FOLDER / "accuracy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(accuracy):
    """Seed 41: 3 numbers of each type of genus 2 to 15 with 1 to 10 points."""
    return accuracy.measure(accuracy.draw(range(2, 16), range(1, 11), 3, 41))


def test_the_chosen_order_is_hardly_ever_worse_than_twice_the_best(measured):
    """Up to genus 9 never, since exact numbers judge there; above, only where an order is right by accident."""
    auto = measured["chosen_order"]["auto"]
    assert auto["genus 2 to 9"]["numbers"] > 200
    assert auto["genus 2 to 9"]["worse_than_twice_the_best"] == 0
    assert auto["genus 10 to 20"]["fraction"] <= 0.02
    assert measured["chosen_order"]["smallest term"]["all"]["fraction"] > 0.15  # control: the textbook rule


def test_the_error_estimate_on_a_small_grid(measured):
    for name, row in measured["error_estimate"].items():
        assert row["infinite"] == 0
        assert row["error_at_most_estimate"] > 0.88, name
        assert 0.99 < row["median_estimate_over_error"] < 1.2, name


@pytest.mark.slow
def test_the_held_grid_again(accuracy):
    """All of the stored measurement: seed, grid and figures."""
    settings = RESULT["settings"]
    again = accuracy.measure(
        accuracy.draw(accuracy.GENERA, accuracy.POINTS, settings["per_type"], settings["grid_seed"])
    )
    for rule, groups in RESULT["errors"]["chosen_order"].items():
        for group, row in groups.items():
            assert again["chosen_order"][rule][group]["fraction"] == pytest.approx(row["fraction"], abs=0.001)
    auto = again["chosen_order"]["auto"]
    assert auto["genus 2 to 9"]["worse_than_twice_the_best"] == 0
    assert auto["all"]["fraction"] < 0.01
    for row in again["error_estimate"].values():
        assert row["infinite"] == 0 and row["error_at_most_estimate"] > 0.9


@pytest.mark.parametrize(
    ("genus", "degrees"), [(15, (1, 5, 19, 21)), (7, (0, 0, 0, 3, 20)), (2, (0, 0, 7)), (3, (8, 0))]
)
def test_auto_is_one_of_the_orders(genus, degrees):
    degrees = tuple(degrees[:-1]) + (3 * genus - 3 + len(degrees) - sum(degrees[:-1]),)
    chosen = asymptotic(genus, degrees, "auto")
    assert chosen == asymptotic(genus, degrees, order=chosen.order)
    assert 0 <= chosen.order <= max_order() and len(chosen.corrections) == chosen.order
    assert chosen.error_estimate == asymptotic(genus, degrees, order=chosen.order).error_estimate


def test_auto_where_the_series_breaks_down_at_every_higher_order():
    genus, degrees = 3, (0,) * 10 + (17,)
    with pytest.raises(UnableError, match="broken down"):
        asymptotic(genus, degrees, 1)
    error = abs(asymptotic(genus, degrees, "auto").log_value - log_correlator(genus, degrees))
    assert error == pytest.approx(asymptotic(genus, degrees, "auto").error_estimate, rel=1e-6)


@pytest.mark.parametrize("order", [0, 3, 8, "auto"])
def test_one_point_is_exact_but_for_rounding(order):
    approximate = asymptotic(30, (1, 1, 88), order)
    assert abs(approximate.log_value - log_correlator(30, (1, 1, 88))) <= approximate.error_estimate < 1e-11


def test_auto_at_very_large_genus():
    genus = 10**6
    approximate = asymptotic(genus, (5, 3 * genus - 6), "auto")
    assert approximate.error_estimate < 1e-7  # rounding of a logarithm of -1.6e7


@pytest.mark.parametrize(
    ("genus", "kept"), [(2, (2, 3)), (1, (0, 2)), (9, (0, 0, 4, 6, 7, 13)), (12, (2, 3, 4, 28)), (15, (0, 0, 2, 5, 40))]
)
def test_the_best_bracket(genus, kept):
    assert sum(kept) == 3 * genus - 3 + len(kept)
    leading = log_leading(2 * genus - 2 + len(kept), len(kept))
    exact = log_correlator(genus, kept) + sum(map(log_odd_double_factorial, kept)) - leading
    best = best_bracket(genus, kept)
    assert abs(math.log(best.value) - exact) <= best.uncertainty + 2e-13
    assert best.uncertainty < (1e-15 if genus < 10 else 2e-7)


def test_zeros_stay_where_removing_them_takes_too_long():
    """20 zeros beside 9 different degrees: the plain series judges instead, and says how little it knows."""
    kept = (*[0] * 20, 3, 4, 5, 6, 7, 8, 9, 10, 10)
    assert sum(kept) == 3 * 12 - 3 + len(kept) and MOST_REDUCED < 10**5
    assert 0 < best_bracket(12, kept).uncertainty < 1e-2
