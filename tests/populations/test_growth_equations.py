"""Growth equations integrated as logarithms, against closed forms."""

import jax
import numpy as np

from popmath.populations.growth_equations import integrate_growth


def integrate(rates, state, times, tolerance=1e-9):
    with jax.enable_x64(True):
        return np.asarray(integrate_growth(rates, np.asarray(state, float), np.asarray(times, float), tolerance))


def test_the_logistic_curve():
    times = np.array([0.0, 0.3, 2.0, 11.0])
    found = integrate(lambda n: 0.7 * (1 - n / 50), [2.0], times)
    np.testing.assert_allclose(found[:, 0], 50 / (1 + 24 * np.exp(-0.7 * times)), rtol=1e-7)


def test_at_time_0_and_of_nothing():
    assert integrate(lambda n: n, [2.0, 0.0], [0.0]).tolist() == [[2.0, 0.0]]
    assert integrate(lambda n: 0.5 - 0.01 * n, [0.0], [0.0, 10.0])[1, 0] < 1e-290


def test_too_many_steps_are_nan():
    assert np.isnan(integrate(lambda n: 1e7 * (1 - n), [0.5], [0.0, 1e3])).any()
