"""Sums of squares, R2, RMSE, AICc and persistence, by hand."""

import math

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest

from popmath import LeslieGower, Series
from popmath.inference import persistence
from popmath.inference.problem import FitSettings, Problem
from popmath.inference.statistics import (
    aicc_of_likelihood,
    corrected_aic,
    mean_of_last_five,
    r_squared,
    rmse,
    species_scale,
)

NAN = float("nan")
MASK = [[True, True], [True, False], [True, True], [False, True]]
GAPPY = Series([0, 1, 2, 4], [[2.0, 1.0], [4.0, NAN], [6.0, 5.0], [NAN, 3.0]], ("a", "b"), mask=MASK)
GUESS = np.array([[1.0, 1.0], [4.0, 999.0], [8.0, 4.0], [-999.0, 5.0]])


def test_by_hand_with_missing_values():
    """Species a: counts 2 4 6, errors -1 0 2. Species b: counts 1 5 3, errors 0 -1 2."""
    assert species_scale(GAPPY).tolist() == [4.0, 3.0]
    fixed = {"competition": 1.0, "growth_factor": 1.0}
    problem = Problem(LeslieGower(("a", "b")), GAPPY, FitSettings(fixed=fixed))
    assert problem.sum_of_squares(GUESS) == pytest.approx(5 / 16 + 5 / 9)
    np.testing.assert_allclose(rmse(GUESS, GAPPY), np.sqrt([5 / 3, 5 / 3]))
    np.testing.assert_allclose(r_squared(GUESS, GAPPY), [1 - 5 / 8, 1 - 5 / 8])


def test_an_inoculum_counts_in_the_scale_and_nowhere_else():
    s = Series([0, 1, 2], [2.0, 4.0, 6.0], "a", starts_with_inoculum=True)
    guess = np.array([[100.0], [5.0], [6.0]])
    assert species_scale(s).tolist() == [4.0]
    problem = Problem(LeslieGower("a"), s, FitSettings(fixed={"competition": 1.0, "growth_factor": 1.0}))
    assert problem.sum_of_squares(guess) == pytest.approx(1 / 16)
    assert rmse(guess, s)[0] == pytest.approx(math.sqrt(0.5))
    assert r_squared(guess, s)[0] == pytest.approx(0.5)


@hypothesis.given(
    values=hnp.arrays(float, (6, 2), elements=st.floats(0.1, 50)),
    guess=hnp.arrays(float, (6, 2), elements=st.floats(0, 50)),
)
def test_against_a_plain_loop(values, guess):
    s = Series(np.arange(6), values, ("a", "b"))
    total = 0.0
    for i in range(2):
        mean = sum(values[:, i]) / 6
        squared = sum((guess[t, i] - values[t, i]) ** 2 for t in range(6))
        total += squared / mean**2
        assert rmse(guess, s)[i] == pytest.approx(math.sqrt(squared / 6), abs=1e-12)
    assert Problem(LeslieGower(("a", "b")), s).sum_of_squares(guess) == pytest.approx(total)


def test_nothing_to_measure_is_nan():
    flat = Series([0, 1, 2], [[2.0, 1.0]] * 3, ("a", "b"), mask=[[True, False]] * 3)
    assert np.isnan(r_squared(np.ones((3, 2)), flat)).all()
    assert rmse(np.ones((3, 2)), flat)[0] == 1.0 and np.isnan(rmse(np.ones((3, 2)), flat)[1])


@pytest.mark.parametrize("values", [[[0.0, 1.0]] * 3, [[NAN, 1.0]] * 3])
def test_a_species_that_is_never_there_has_no_scale(values):
    mask = np.isfinite(values)
    with pytest.raises(ValueError, match="'gone': a is 0 or missing throughout"):
        species_scale(Series([0, 1, 2], values, ("a", "b"), mask=mask, name="gone"))


def test_aicc_by_hand():
    # n = 48, 8 free numbers and the error variance: k = 9
    assert corrected_aic(0.9, 48, 8) == pytest.approx(48 * math.log(0.01875) + 18 + 180 / 38, rel=1e-14)
    assert corrected_aic(0.9, 48, 8) == pytest.approx(-168.1381, abs=1e-3)
    assert corrected_aic(0.0, 48, 8) == -math.inf
    assert math.isnan(corrected_aic(1.0, 10, 8)) and math.isfinite(corrected_aic(1.0, 11, 8))


def test_persistence_takes_the_last_value_that_was_seen():
    assert persistence(GAPPY, np.array([5.0, 6.0])).tolist() == [[6.0, 3.0]] * 2


def test_mean_of_the_last_five_that_were_seen():
    assert mean_of_last_five(GAPPY, np.array([5.0, 6.0])).tolist() == [[4.0, 3.0]] * 2
    long = Series(np.arange(8), np.arange(8.0), "a")
    assert mean_of_last_five(long, np.array([9.0])).tolist() == [[5.0]]


def test_aicc_of_a_likelihood_by_hand():
    assert aicc_of_likelihood(-100.0, 30, 4) == pytest.approx(200 + 8 + 40 / 25)
    assert math.isnan(aicc_of_likelihood(-1.0, 5, 4))
