"""Recursive sequences against their first terms and closed forms, and the lines they are compared with."""

import math

import numpy as np
import pytest

from popmath.dynamicformer.evaluation import r_squared
from popmath.dynamicformer.sequences import SEQUENCES, bitwise_sequence, log_catalan, straight_line


def test_catalan_numbers_have_a_closed_form():
    wanted = [math.lgamma(2 * n + 1) - 2 * math.lgamma(n + 1) - math.log(n + 1) for n in range(201)]
    np.testing.assert_allclose(log_catalan(201), wanted, rtol=1e-12, atol=1e-12)


def test_stern_counts_hyperbinary_representations():
    def ways(n):  # of n - 1 as a sum of powers of 2, each at most twice
        if n <= 0:
            return int(n == 0)
        return ways(n // 2) + (ways(n // 2 - 1) if n % 2 == 0 else 0) if n % 2 == 0 else ways((n - 1) // 2)

    found = SEQUENCES["stern_diatomic"](60)
    assert [ways(n - 1) for n in range(1, 60)] == found[1:].astype(int).tolist()


@pytest.mark.parametrize("name", SEQUENCES)
def test_as_many_as_are_asked_for(name):
    long = SEQUENCES[name](50)
    np.testing.assert_array_equal(SEQUENCES[name](20), long[:20])


def test_the_authors_task_and_its_straight_lines():
    values, n = bitwise_sequence(201), np.arange(201)
    fitted = straight_line(n[:121], values[:121], n[121:])
    best = straight_line(n[121:], values[121:], n[121:])
    assert r_squared(fitted, values[121:]) == pytest.approx(0.157, abs=5e-4)
    assert r_squared(best, values[121:]) == pytest.approx(0.162, abs=5e-4)
