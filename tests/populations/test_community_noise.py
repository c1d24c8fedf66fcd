"""Noise in communities against moments that are known; keys are fixed, and each bound says how often a key fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import popmath as pm
from popmath.populations import (
    EnvironmentalNoise,
    LinearEffect,
    MassAction,
    MatrixPopulation,
    Regulation,
    branching_moments,
)

STAGES = MatrixPopulation(U=[[0.2, 0, 0], [0.5, 0.1, 0.1], [0.1, 0.6, 0.8]], F=[[0, 0.5, 2.0], [0, 0, 0], [0, 0, 0]])
DRAWS = 20_000


def ends(community, state, num_steps=1, seed=0, draws=DRAWS):
    """The states after `num_steps` intervals of many runs, shape `(draws, states)`."""

    @jax.jit
    def run(key):
        def one(now, key):
            return community.step(now, 0, key)[0], None

        return jax.lax.scan(one, jnp.asarray(state, jnp.float64), jax.random.split(key, num_steps))[0]

    with jax.enable_x64(True):
        return np.asarray(jax.vmap(run)(jax.random.split(jax.random.key(seed), draws)))


def assert_moments(sample, mean, covariance):
    """Means and covariances within 5 standard errors: for a right sampler fewer than 1 key in 50,000 fails."""
    error = np.sqrt(np.diagonal(covariance) / len(sample)) + 1e-12
    assert (np.abs(sample.mean(axis=0) - mean) < 5 * error).all()
    centred = sample - mean
    products = centred[:, :, None] * centred[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(sample)) + 1e-9
    assert (np.abs(products.mean(axis=0) - covariance) < 5 * error).all()


@pytest.mark.parametrize("num_steps", [1, 4])
def test_demographic_noise_is_the_branching_process(num_steps):
    start = np.array([6.0, 4.0, 3.0])
    community = pm.Community({"x": STAGES}, demographic_noise=True)
    found = ends(community, start, num_steps, seed=num_steps)
    assert (found == np.round(found)).all() and (found >= 0).all()
    known = branching_moments(STAGES, start, num_steps)
    assert_moments(found, known.mean[-1], known.covariance[-1])


def test_losses_gains_and_migration_are_poisson():
    hunt = MassAction("x", "y", attack=0.002, conversion=0.001)
    shed = LinearEffect("facilitation", on="y", of="x", block=0.05)
    community = pm.Community(
        {"x": 1.0, "y": 1.0}, [hunt, shed], migration={"x": 3.0, "y": -2.0}, demographic_noise=True
    )
    x, y = 100.0, 50.0
    loss, gain = 0.002 * x * y, 0.001 * x * y + 0.05 * x
    found = ends(community, [x, y], seed=5)
    assert_moments(found, np.array([x - loss + 3, y + gain - 2]), np.diag([x + loss + 3, y + gain + 2]))


def test_regulated_survival_and_harvest_are_thinned():
    rule = Regulation("x", {"x": 0.01}, acts_on="survival")
    stay = MatrixPopulation(U=[[0.8]], F=[[0.0]])
    community = pm.Community({"x": stay}, [rule], harvest={"x": 0.3}, demographic_noise=True)
    chance = 0.8 / 1.5 * 0.7
    assert_moments(ends(community, [50.0]), np.array([50 * chance]), np.array([[50 * chance * (1 - chance)]]))


def test_extinct_stays_extinct_and_losses_are_limited():
    community = pm.Community({"x": 1.0, "y": 1.0}, [LinearEffect("predation", "x", "y", 5.0)], demographic_noise=True)
    found = ends(community, [3.0, 4.0], num_steps=3, draws=500)
    assert (found[:, 0] == 0).mean() > 0.9
    assert (found >= 0).all()
    assert (ends(community, [0.0, 4.0], num_steps=3, draws=100)[:, 0] == 0).all()


def test_environmental_noise_has_mean_one_and_its_correlation():
    noise = EnvironmentalNoise({"x": 0.4, "z": 0.2}, correlation=0.6)
    community = pm.Community({"x": 2.0, "y": 3.0, "z": 1.0}, environment=noise)
    found = ends(community, [1.0, 1.0, 1.0]) / np.array([2.0, 3.0, 1.0])
    assert (found[:, 1] == 1).all()
    logs = np.log(found[:, [0, 2]])
    sd = np.array([0.4, 0.2])
    covariance = np.outer(sd, sd) * np.array([[1, 0.6], [0.6, 1]])
    assert_moments(logs, -(sd**2) / 2, covariance)
    assert abs(found[:, 0].mean() - 1) < 5 * np.sqrt(np.expm1(0.16) / DRAWS)


def test_fertility_or_all_rates_feel_the_environment():
    state = np.array([2.0, 3.0, 4.0])
    for acts_on, constant in (("fertility", [1, 2]), ("all", [])):
        noise = EnvironmentalNoise({"x": 0.5}, acts_on=acts_on)
        found = ends(pm.Community({"x": STAGES}, environment=noise), state, draws=50)
        spread = np.ptp(found, axis=0) > 1e-9
        assert spread.tolist() == [i not in constant for i in range(3)]
    ratio = found / (STAGES.A @ state)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-12)


def test_root_of_a_perfect_correlation():
    root = EnvironmentalNoise({"x": 0.4, "z": 0.2}, correlation=1.0).root
    np.testing.assert_allclose(root @ root.T, np.ones((2, 2)), atol=1e-12)


def test_years_and_environmental_noise_are_independent():
    years = MatrixPopulation(U=np.zeros((2, 1, 1)), F=[[[1.0]], [[2.0]]])
    community = pm.Community({"x": years, "y": 1.0}, environment=EnvironmentalNoise({"y": 0.3}))
    found = ends(community, [1.0, 1.0], draws=4000)
    assert set(found[:, 0]) == {1.0, 2.0}
    assert abs(np.corrcoef(found[:, 0], np.log(found[:, 1]))[0, 1]) < 5 / np.sqrt(
        4000
    )  # fails for 1 key in 1.7 million
