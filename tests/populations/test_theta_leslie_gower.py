"""Leslie-Gower with an exponent against closed forms in plain NumPy, and its limit against Leslie-Gower."""

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

import popmath as pm

TWO = ("a", "b")
GROWTH, EFFECT, THETA = np.array([3.0, 2.0]), np.array([[0.1, 0.5], [0.25, 0.05]]), np.array([2.0, 0.5])


def run(model, initial, num_steps):
    return np.asarray(pm.simulate(model, initial, num_steps).abundances)


def test_one_step_by_hand():
    found = run(pm.ThetaLeslieGower(TWO, GROWTH, EFFECT, THETA), [4.0, 2.0], 1)[1]
    np.testing.assert_allclose(found, [12 / (1 + 1.4**2), 4 / (1 + 1.1**0.5)], rtol=1e-14)


def test_with_theta_one_it_is_leslie_gower():
    one = run(pm.ThetaLeslieGower(TWO, GROWTH, EFFECT, [1.0, 1.0]), [4.0, 2.0], 20)
    np.testing.assert_allclose(one, run(pm.LeslieGower(TWO, GROWTH, EFFECT), [4.0, 2.0], 20), rtol=1e-14)


@hypothesis.given(growth=st.floats(1.2, 6.0), effect=st.floats(0.01, 1.0), theta=st.floats(0.3, 4.0))
def test_the_carrying_capacity_is_a_fixed_point(growth, effect, theta):
    model = pm.ThetaLeslieGower("a", [growth], [[effect]], [theta])
    rest = model.carrying_capacity
    assert rest[0] == pytest.approx(np.exp(np.log(growth - 1) / theta) / effect, rel=1e-12)
    np.testing.assert_allclose(run(model, rest, 2), np.tile(rest, (3, 1)), rtol=1e-10)


def test_it_oscillates_where_the_slope_at_the_fixed_point_passes_minus_one():
    """The slope at rest is 1 - theta (1 - 1/lambda)."""
    below, above = (pm.ThetaLeslieGower("a", [4.0], [[1.0]], [theta]) for theta in (2.5, 2.8))  # 2 at theta = 8/3
    assert np.ptp(run(below, [1.0], 800)[-2:]) < 1e-9 < 0.1 < np.ptp(run(above, [1.0], 800)[-2:])


def test_forward_derivatives_agree_with_differences_and_are_finite_at_zero():
    def last(growth, effect, theta, start):
        model = pm.ThetaLeslieGower(TWO, growth, effect, theta)
        return model.states_at(start, np.array([0.0, 3.0]))[-1]

    given, change = (GROWTH, EFFECT, THETA, np.array([4.0, 2.0])), (0.3 * GROWTH, 0.1 * EFFECT, THETA, np.ones(2))
    with jax.enable_x64(True):
        derivative = jax.jit(lambda *point: jax.jvp(last, point, change)[1])
        slope = np.asarray(derivative(*given))
        ends = [last(*(g + h * c for g, c in zip(given, change, strict=True))) for h in (1e-6, -1e-6)]
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-7)
        empty = np.asarray(derivative(GROWTH, EFFECT, THETA, np.zeros(2)))
    np.testing.assert_allclose(empty, GROWTH**3, rtol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"theta": [1.0]}, r"theta must have shape \(2,\).*got \(1,\)"),
        ({"theta": [1.0, 0.0]}, "theta must be above 0.*LeslieGower"),
        ({"theta": [1.0, np.nan]}, "theta must be finite"),
        ({"growth_factor": [-1.0, 1.0]}, "growth_factor must be at least 0"),
        ({"interval": 0.0}, "interval must be positive"),
    ],
)
def test_wrong_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.ThetaLeslieGower(TWO, **arguments)


def test_what_a_fit_asks_for():
    model = pm.ThetaLeslieGower(TWO)
    ranges = model.parameters(np.array([100.0, 50.0]))
    assert list(ranges) == ["growth_factor", "competition", "theta"]
    assert all((p.low < p.high).all() and p.domain == "positive" for p in ranges.values())
    assert model.initial(np.ones(2), np.ones(2)).low.shape == model.state_shape
    with pytest.raises(ValueError, match=r"has no value for growth_factor, competition, theta.*fit the model"):
        pm.simulate(model, [1.0, 1.0], 3)
