"""Growth equations integrated as logarithms, against closed forms."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

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


def test_rates_that_overflow_are_nan():
    assert np.isnan(integrate(lambda n: n**400, [1e3], [0.0, 1.0])[1]).all()
    assert np.isnan(integrate(lambda n: n, [1.0], [0.0, 0.5, 2.0])[2]).all()  # infinite at time 1


def general_solver(parameters, times, tolerance):
    """The same by diffrax alone."""
    solution = dfx.diffeqsolve(
        dfx.ODETerm(lambda t, y, args: lotka_volterra(parameters)(jnp.exp(y))),
        dfx.Tsit5(),
        t0=0.0,
        t1=times[-1],
        dt0=None,
        y0=jnp.log(parameters[6:]),
        saveat=dfx.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=dfx.PIDController(rtol=tolerance, atol=tolerance),
        adjoint=dfx.ForwardMode(),
    )
    return jnp.exp(solution.ys)


def lotka_volterra(parameters):
    return lambda n: parameters[:2] - jnp.reshape(parameters[2:6], (2, 2)) @ n


@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_values_and_derivatives_agree_with_diffrax(tolerance):
    times = np.array([0.0, 0.5, 1.0, 7.0, 24.0])
    with jax.enable_x64(True):
        at = jnp.array([0.9, 0.7, 0.004, 0.003, 0.005, 0.007, 2.0, 1.5])
        ours = jax.jit(lambda p: integrate_growth(lotka_volterra(p), p[6:], times, tolerance))
        theirs = jax.jit(lambda p: general_solver(p, times, 1e-12))
        np.testing.assert_allclose(ours(at), theirs(at), rtol=30 * tolerance)
        slopes, expected = jax.jacfwd(ours)(at), jax.jacfwd(theirs)(at)
    # errors of the derivatives are not controlled: they are a few thousand times those of the values
    np.testing.assert_allclose(slopes, expected, rtol=3e4 * tolerance, atol=1e-9)


def test_single_precision():
    found = integrate_growth(lambda n: 0.7 * (1 - n / 50), jnp.array([2.0]), np.array([0.0, 2.0, 1e4]), 1e-6)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[:, 0], [2.0, 50 / (1 + 24 * np.exp(-1.4)), 50.0], rtol=1e-5)
