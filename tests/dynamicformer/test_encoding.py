"""Requests as arrays, and the removal of ones, against exact numbers."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from popmath.dynamicformer.batches import log_of_ones, with_ones
from popmath.dynamicformer.encoding import encode, fit_width, log_double_factorials, without_degree
from popmath.intersections import degree_tuples, log_correlator

SOME = [(g, d) for g, n in [(0, 5), (1, 1), (1, 3), (2, 4), (3, 3)] for d in degree_tuples(3 * g - 3 + n, n)]


@hypothesis.given(order=st.permutations([0, 2, 2, 1, 3, 1]))
def test_order_is_lost(order):
    found, sorted_ones = encode([2], [order]), encode([2], [sorted(order)])
    assert all((a == b).all() for a, b in zip(found, sorted_ones, strict=True))
    assert found.degrees.tolist() == [[0, 1, 2, 3]] and found.multiplicity.tolist() == [[1, 2, 2, 1]]


def test_ones_are_removed_and_added_exactly():
    requests = encode(*zip(*SOME, strict=True))
    exact = np.array([log_correlator(g, d) for g, d in SOME])
    kept, log_factor = without_degree(requests, 1)
    for row, (g, _) in enumerate(SOME):
        degrees = [d for d, m in zip(kept.degrees[row], kept.multiplicity[row], strict=True) for _ in range(m)]
        assert degrees.count(1) == (g == 1 and set(degrees) == {1})
        assert log_correlator(g, degrees) + log_factor[row] == pytest.approx(exact[row], abs=1e-12)
    again = with_ones(kept, requests.num_points - kept.num_points)
    none = np.where(kept.num_ones > 0, False, True)
    wide = fit_width(requests, again.degrees.shape[1])
    np.testing.assert_array_equal(again.multiplicity[none], wide.multiplicity[none])
    np.testing.assert_array_equal(again.degrees[none], wide.degrees[none])
    ones = requests.num_points - kept.num_points
    np.testing.assert_allclose(log_of_ones(kept, ones), log_factor, atol=1e-12)


def test_double_factorials():
    assert np.exp(log_double_factorials(encode([2, 2], [(2, 3), (0, 0, 6)]))) == pytest.approx([15 * 105, 135135])


@pytest.mark.parametrize(
    ("genus", "degrees", "message"),
    [
        ([2], [(2, 2)], "sum to 4, not to 3g - 3"),
        ([0], [(0, 0)], "not a stable type"),
        ([2], [(5, -1, 2)], "negative"),
        ([2, 3], [(4,)], "genus has 2 entries and degrees 1"),
    ],
)
def test_what_is_no_request(genus, degrees, message):
    with pytest.raises(ValueError, match=message):
        encode(genus, degrees)


@pytest.mark.parametrize("degrees", [(4.0,), (True, 4), ("4",)])
def test_degrees_must_be_integers(degrees):
    with pytest.raises(TypeError, match="request 0"):
        encode([2], [degrees])
