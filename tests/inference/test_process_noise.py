"""The Kalman likelihood against a joint Gaussian density by NumPy, particles and its limit; recovery, forecasts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import popmath as pm
from popmath.inference import LogNormalError, Poisson, ProcessNoiseFit, fit_with_process_noise
from popmath.inference.problem import FitSettings, Problem
from popmath.inference.state_space import StateSpace, make_grid

RATE = 0.05
MASK = np.ones((10, 1), bool)
MASK[4] = False


def simulate(process: float, observation: float, seed: int, num_times: int = 80) -> pm.Series:
    """Ricker with growth rate 0.4 and capacity 100, by NumPy."""
    rng, x, found = np.random.default_rng(seed), np.log(20.0), []
    for _ in range(num_times):
        found.append(x + observation * rng.normal())
        x = x + 0.4 * (1 - np.exp(x) / 100) + process * rng.normal()
    return pm.Series(np.arange(num_times), np.exp(found), ("a",))


def growing() -> StateSpace:
    """Exponential growth, linear in logarithms, with a gap and a missing count."""
    times = np.array([0.0, 1, 2, 3, 4, 5, 7, 8, 9, 10])
    counts = 20 * np.exp(RATE * times + 0.2 * np.random.default_rng(2).normal(size=10))
    series = pm.Series(times, counts[:, None], ("a",), mask=MASK)
    fixed = {"competition": 0.0}
    return StateSpace(Problem(pm.Ricker("a"), series, FitSettings(LogNormalError(), fixed=fixed)), 0.0)


def likelihood(space: StateSpace, **values: float) -> float:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        vector = space.space.vector(values, np.zeros(space.space.size))
        return float(jax.jit(lambda v: space.kalman(v)[0])(jnp.asarray(vector)))


def particles(space: StateSpace, num_runs: int, **values: float) -> float:
    """Mean of several runs."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        vector = space.space.vector(values, np.zeros(space.space.size))
        run = jax.jit(lambda v, key: space.particles(v, key, 4000))
        return float(np.mean([run(jnp.asarray(vector), jax.random.key(seed)) for seed in range(num_runs)]))


VALUES = {"growth_rate": RATE, "initial": 18.0, "process_sd": 0.15, "log_sd": 0.1}


def test_linear_model_has_its_joint_gaussian_density():
    space = growing()
    series = space.problem.series
    t, seen = series.times, MASK[:, 0]
    # the noise is a random walk that starts with the noise of one unit of time
    walk = 0.15**2 * (1 + np.minimum.outer(t, t))
    covariance = (walk + 0.1**2 * np.eye(10))[np.ix_(seen, seen)]
    logs = np.log(series.values[seen, 0])
    exact = scipy.stats.multivariate_normal.logpdf(logs, np.log(18.0) + RATE * t[seen], covariance) - logs.sum()
    assert likelihood(space, **VALUES) == pytest.approx(exact, abs=1e-5)
    assert likelihood(space, **{**VALUES, "process_sd": 0.2}) != pytest.approx(exact, abs=1e-2)  # negative control


def test_particles_agree_on_a_linear_model():
    space = growing()
    assert particles(space, 4, **VALUES) == pytest.approx(likelihood(space, **VALUES), abs=0.15)


def test_without_process_noise_it_is_the_likelihood_of_the_curve():
    series = simulate(0.0, 0.1, seed=3, num_times=20)
    problem = Problem(pm.Ricker("a"), series, FitSettings(LogNormalError()))
    values = {"growth_rate": 0.4, "competition": 0.004, "initial": 20.0, "log_sd": 0.1}
    with jax.enable_x64(True):
        vector = problem.space.vector(values, np.zeros(problem.space.size))
        plain = problem.log_likelihood(vector, problem.curve(vector))
    assert likelihood(StateSpace(problem, 0.0), process_sd=1e-7, **values) == pytest.approx(plain, abs=1e-4)


def test_counts_of_many_individuals_are_nearly_log_normal():
    """The variance of the logarithm of a Poisson count, to first order, against the Poisson likelihood itself."""
    series = pm.Series(np.arange(15), np.round(simulate(0.1, 0.0, 4, 15).values * 20), ("a",))
    space = StateSpace(Problem(pm.Ricker("a"), series, FitSettings(Poisson())), 0.0)
    values = {"growth_rate": 0.4, "competition": 0.0002, "initial": 400.0, "process_sd": 0.1}
    assert particles(space, 2, **values) == pytest.approx(likelihood(space, **values), abs=0.5)


def test_gaps_are_divided_where_they_can_be():
    grid = make_grid(np.array([0.0, 2.0, 3.0, 4.5]))
    assert grid.times.tolist() == [0.0, 1.0, 2.0, 3.0, 4.5]
    assert grid.rows.tolist() == [0, 2, 3, 4] and grid.lengths[grid.which].tolist() == [1.0, 1.0, 1.0, 1.5]


@pytest.fixture(scope="module")
def fitted_noise():
    return fit_with_process_noise(pm.Ricker("a"), simulate(0.2, 0.05, seed=1), num_starts=4)


def test_fit_says_what_it_found(fitted_noise):
    f = fitted_noise
    assert isinstance(f, ProcessNoiseFit)
    assert f.converged and f.num_free == 5
    assert 0.12 < f.process_sd[0] < 0.28
    assert f.aicc == pytest.approx(-2 * f.log_likelihood + 10 + 60 / 74)
    assert f.particle_log_likelihood() == pytest.approx(f.log_likelihood, abs=1.0)
    assert "process_sd[a]" in f.summary() and "log-likelihood" in repr(f) and "<table>" in f._repr_html_()
    lower, upper = f.smoothed_band(0.9)
    assert f.smoothed.shape == (80, 1) and (lower < f.smoothed).all() and (f.smoothed < upper).all()
    assert (f.states.smoothed_sd <= f.states.filtered_sd + 1e-9).all()
    assert len(f.to_dataframe()) == 5
    assert jax.numpy.zeros(1).dtype == np.float32


def test_forecast_widens_and_stays_above_zero(fitted_noise):
    forecast = fitted_noise.forecast([80, 81, 90], 0.9)
    assert (forecast.lower >= 0).all() and (forecast.predicted <= forecast.upper).all()
    width = np.log(forecast.upper / forecast.lower)[:, 0]
    assert width[2] > width[0]
    np.testing.assert_array_equal(forecast.upper, fitted_noise.forecast([80, 81, 90], 0.9).upper)
    with pytest.raises(ValueError, match="after the last time"):
        fitted_noise.forecast([79])
    with pytest.raises(ValueError, match="confidence_level"):
        fitted_noise.forecast([80], 0.0)


def test_what_is_refused():
    series = simulate(0.1, 0.1, 0, 20)
    with pytest.raises(ValueError, match="num_starts"):
        fit_with_process_noise(pm.Ricker("a"), series, num_starts=0)
    with pytest.raises(ValueError, match="offset"):
        fit_with_process_noise(pm.Ricker("a"), series, offset=-1.0)
    with pytest.raises(ValueError, match="more observations"):
        fit_with_process_noise(pm.Ricker("a"), series.until(4))


@pytest.mark.slow
def test_noises_are_recovered():
    """Medians of eight series: process noise is found with a small bias downwards, and none where there is none."""
    alone = [fit_with_process_noise(pm.Ricker("a"), simulate(0.2, 0.0, s), num_starts=4, throw=False) for s in range(8)]
    assert 0.14 < np.median([f.process_sd[0] for f in alone]) < 0.22
    none = [fit_with_process_noise(pm.Ricker("a"), simulate(0.0, 0.2, s), num_starts=4, throw=False) for s in range(8)]
    assert np.median([f.process_sd[0] for f in none]) < 0.04
