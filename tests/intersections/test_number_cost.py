"""What one exact number is predicted to cost: which way, and how it grows."""

import pytest

from popmath.intersections import correlator, correlator_cost
from popmath.intersections.methods import METHODS


def test_the_way_is_one_that_computes_it():
    for genus, degrees in ((0, (0, 0, 0)), (3, (7,)), (4, (2, 3, 3, 5)), (9, (0,) * 14 + (38,)), (26, (25, 26, 27))):
        cost = correlator_cost(genus, degrees)
        assert cost.way in METHODS and cost.numbers == 1 and cost.seconds > 0 and cost.bytes > 0
        assert correlator(genus, degrees, method=cost.way) == correlator(genus, degrees)


def test_ones_cost_nothing_and_order_does_not_matter():
    assert correlator_cost(8, (5, 1, 10, 9, 1, 1)) == correlator_cost(8, (5, 9, 10))


def test_it_grows_with_genus_and_points():
    seconds = [correlator_cost(g, (2, 3, 3 * g - 5)).seconds for g in range(3, 15)]
    assert seconds == sorted(seconds)
    assert correlator_cost(8, (4, 5, 6, 6, 6)).seconds > correlator_cost(8, (7, 8, 9)).seconds
    assert correlator_cost(8, (23, 1)).seconds < 1e-3 < correlator_cost(8, (7, 8, 9)).seconds


def test_what_is_refused():
    with pytest.raises(ValueError, match="no stable curves"):
        correlator_cost(0, (0, 0))
    with pytest.raises(TypeError, match="must be an integer"):
        correlator_cost(2, (2.0, 3))
