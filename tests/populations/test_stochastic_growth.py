"""Stochastic growth rate: a published figure, exact products, scalar models, and simulation within its error."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath._errors import UnableError
from popmath.populations.environments import random_environments
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.stochastic_growth import stochastic_growth_rate
from popmath.populations.tuljapurkar import tuljapurkar_growth_rate

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "matrices.json").read_text())
HUDSONIA = REFERENCE["_stochastic_hudsonia"]
MATRICES = np.array(list(HUDSONIA["matrices"].values()))
BASE = np.array([[0.2, 1.1, 0.8], [0.5, 0.1, 0.0], [0.0, 0.4, 0.6]])
PATTERN = np.array([[0.1, -0.5, 0.3], [-0.2, 0.08, 0.0], [0.0, 0.3, -0.4]])


def test_the_published_approximation():
    # popbio takes the four years as a sample (covariance with divisor 3)
    value = tuljapurkar_growth_rate(MATRICES, sample=True)
    assert value == pytest.approx(HUDSONIA["tuljapurkar_log_lambda_s"], rel=1e-10)
    whole = tuljapurkar_growth_rate(MATRICES)
    assert whole > value  # divisor 4 takes less away
    assert stochastic_growth_rate(MATRICES, method="tuljapurkar").value == float(whole)


def test_the_published_simulation():
    # Fixed seed; both errors are normal, so that 4 standard errors fail for 6 seeds in 100,000.
    growth = stochastic_growth_rate(MATRICES, num_steps=500, num_replicates=400, seed=3)
    low, high = HUDSONIA["sim_CI"]
    spread = np.hypot(growth.standard_error, (high - low) / (2 * 1.96))
    assert abs(growth.value - HUDSONIA["sim_log_lambda_s_50000"]) < 4 * spread
    assert "seed 3" in growth.summary() and growth.num_replicates == 400


def test_a_scalar_model_has_the_mean_log():
    # One class: log N is a sum of independent log growths, so value and standard error are known exactly.
    factors, probabilities = np.array([1.3, 0.9, 0.7]), np.array([0.5, 0.3, 0.2])
    mean = probabilities @ np.log(factors)
    sd = np.sqrt(probabilities @ (np.log(factors) - mean) ** 2)
    growth = stochastic_growth_rate(factors[:, None, None], probabilities, num_steps=200, num_replicates=800, seed=0)
    exact_error = sd / np.sqrt(200 * 800)
    assert abs(growth.value - mean) < 4 * exact_error  # fails for 6 seeds in 100,000
    assert growth.standard_error == pytest.approx(exact_error, rel=4 / np.sqrt(2 * 799))  # 6 in 100,000


def test_a_markov_scalar_model_has_the_stationary_mean_log_and_a_larger_error():
    chain = np.array([[0.9, 0.3], [0.1, 0.7]])  # long run: 3/4 and 1/4; autocorrelation 0.6
    logs = np.array([0.1, -0.2])
    growth = stochastic_growth_rate(np.exp(logs)[:, None, None], transition=chain, num_steps=400, seed=2)
    variance = 0.75 * 0.25 * 0.3**2
    long_run = variance * (1 + 0.6) / (1 - 0.6)  # variance of a sum per step, with autocorrelation 0.6^lag
    error = np.sqrt(long_run / 400 / 1000)
    assert abs(growth.value - (0.75 * 0.1 - 0.25 * 0.2)) < 4 * error  # fails for 6 seeds in 100,000
    # a standard deviation from 1,000 replicates is off by 1 in sqrt(2 * 999) = 2.2 %: 4.5 of those, 7 in 1,000,000
    assert growth.standard_error == pytest.approx(error, rel=0.1)
    assert growth.standard_error > 1.5 * np.sqrt(variance / 400 / 1000)  # not that of independent years


def test_markov_approximation_has_the_exact_second_order():
    # Two environments that alternate: log lambda_s = log rho(A1 A2) / 2, whose expansion the approximation must meet;
    # the error falls as the fourth power of the noise (odd orders change sign with it).
    alternate = np.array([[0.0, 1.0], [1.0, 0.0]])
    errors, wrong = [], []
    for size in (0.1, 0.05):
        one, two = BASE + size * PATTERN, BASE - size * PATTERN
        exact = np.log(np.abs(np.linalg.eigvals(one @ two)).max()) / 2
        errors.append(abs(tuljapurkar_growth_rate([one, two], transition=alternate) - exact))
        wrong.append(abs(tuljapurkar_growth_rate([one, two]) - exact))  # negative control: correlation left out
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)
    assert wrong[0] / wrong[1] == pytest.approx(4, rel=0.15) and wrong[1] > 50 * errors[1]


def test_a_chain_without_memory_is_independent_years():
    chain = np.tile(np.array([[0.5], [0.2], [0.2], [0.1]]), (1, 4))
    np.testing.assert_allclose(
        tuljapurkar_growth_rate(MATRICES, transition=chain),
        tuljapurkar_growth_rate(MATRICES, probabilities=[0.5, 0.2, 0.2, 0.1]),
        rtol=1e-10,
    )


def test_approximation_and_simulation_agree_for_small_noise():
    chain = np.array([[0.8, 0.3], [0.2, 0.7]])
    pair = [BASE + 0.05 * PATTERN, BASE - 0.08 * PATTERN]
    for arguments in ({"transition": chain}, {"probabilities": [0.4, 0.6]}):
        growth = stochastic_growth_rate(pair, **arguments, num_steps=500, num_replicates=500, seed=1)
        # 4 standard errors (6 seeds in 100,000) and what the third order leaves
        assert abs(growth.value - tuljapurkar_growth_rate(pair, **arguments)) < 4 * growth.standard_error + 2e-5


def test_same_seed_same_numbers_and_one_environment_has_no_error():
    first, again, other = (stochastic_growth_rate(MATRICES, num_steps=20, num_replicates=10, seed=s) for s in (4, 4, 5))
    assert (first.value, first.standard_error) == (again.value, again.standard_error) and first.value != other.value
    single = stochastic_growth_rate([BASE], num_steps=50, num_replicates=3)
    assert single.value == pytest.approx(np.log(np.abs(np.linalg.eigvals(BASE)).max()), rel=1e-12)
    assert single.standard_error < 1e-15


def test_many_environments_take_the_other_way_of_projecting():
    rng = np.random.default_rng(0)
    many = rng.uniform(0.1, 0.6, (20, 3, 3))
    twice = np.concatenate([many[:8], many[:8], many[:8]])  # 24 environments, but the law of 8
    few = stochastic_growth_rate(many[:8], num_steps=100, num_replicates=500, seed=0)
    more = stochastic_growth_rate(twice, num_steps=100, num_replicates=500, seed=1)
    assert abs(few.value - more.value) < 4 * np.hypot(few.standard_error, more.standard_error)  # 6 in 100,000


def test_a_batch_is_each_model_by_itself_and_jits():
    stack = np.stack([MATRICES, 1.1 * MATRICES])
    settings = {"num_steps": 30, "num_replicates": 20, "seed": 6}
    both = stochastic_growth_rate(stack, **settings)
    each = [stochastic_growth_rate(years, **settings) for years in stack]
    np.testing.assert_allclose(both.value, [one.value for one in each], rtol=1e-12)
    np.testing.assert_allclose(both.value[1] - both.value[0], np.log(1.1), rtol=1e-9)  # the same random numbers
    np.testing.assert_allclose(both.standard_error, [one.standard_error for one in each], rtol=1e-9)
    np.testing.assert_allclose(tuljapurkar_growth_rate(stack), [tuljapurkar_growth_rate(years) for years in stack])
    with jax.enable_x64(True):
        traced = jax.jit(lambda years: stochastic_growth_rate(years, **settings))(jnp.asarray(MATRICES))
    np.testing.assert_allclose(traced.value, each[0].value, rtol=1e-12)
    with pytest.raises(ValueError, match="summary describes one rate"):
        both.summary()


def test_nothing_overflows_between_rescalings():
    settings = {"num_steps": 40, "num_replicates": 5, "burn_in": 3, "seed": 2}
    plain = stochastic_growth_rate(MATRICES, **settings)
    for factor in (1e60, 1e-60):
        scaled = stochastic_growth_rate(factor * MATRICES, **settings)
        np.testing.assert_allclose(scaled.value - np.log(factor), plain.value, atol=1e-10)


def test_models_may_stand_for_their_matrices():
    models = [MatrixPopulation(0 * year, year) for year in MATRICES]
    assert tuljapurkar_growth_rate(models) == tuljapurkar_growth_rate(MATRICES)
    assert random_environments(models, transition=np.eye(4)[[1, 2, 3, 0]]).stationary == pytest.approx([0.25] * 4)
    with pytest.raises(ValueError, match=r"same classes; got matrices of \[1, 6\] classes"):
        tuljapurkar_growth_rate([models[0], MatrixPopulation([[0.5]], [[1.0]])])
    with pytest.raises(ValueError, match="must be several"):
        tuljapurkar_growth_rate(MATRICES[0])


def test_jit_vmap_and_derivative():
    with jax.enable_x64(True):
        stack = jnp.asarray(MATRICES)
        plain = tuljapurkar_growth_rate(MATRICES)
        np.testing.assert_allclose(jax.jit(tuljapurkar_growth_rate)(stack), plain, rtol=1e-12)
        both = jax.vmap(tuljapurkar_growth_rate)(jnp.stack([stack, 2 * stack]))
        np.testing.assert_allclose(both, [plain, plain + np.log(2)], rtol=1e-9)
        chain = jnp.array([[0.7, 0.1], [0.3, 0.9]])

        def rate(size):
            return tuljapurkar_growth_rate([BASE + size * PATTERN, BASE - size * PATTERN], transition=chain)

        slope = (rate(0.3 + 1e-5) - rate(0.3 - 1e-5)) / 2e-5
        np.testing.assert_allclose(jax.jacfwd(rate)(0.3), slope, rtol=1e-7)
        np.testing.assert_allclose(jax.grad(rate)(0.3), slope, rtol=1e-7)
    assert not jax.config.jax_enable_x64


def test_refusals():
    with pytest.raises(ValueError, match=r"matrices\[0, 1, 0\] must be .* got -1"):
        tuljapurkar_growth_rate([[[1.0, 0.0], [-1.0, 0.5]]])
    with pytest.raises(ValueError, match="square"):
        tuljapurkar_growth_rate(np.ones((2, 2, 3)))
    with pytest.raises(ValueError, match="sum to 1"):
        stochastic_growth_rate(MATRICES, [0.5, 0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="pass the transpose"):
        random_environments(np.ones((2, 1, 1)), transition=[[0.9, 0.1], [0.3, 0.7]])
    with pytest.raises(ValueError, match="more than one closed set"):
        stochastic_growth_rate(np.ones((2, 1, 1)), transition=np.eye(2))
    with pytest.raises(ValueError, match="not both"):
        stochastic_growth_rate(np.ones((1, 1, 1)), [1.0], [[1.0]])
    with pytest.raises(ValueError, match="sample=True"):
        tuljapurkar_growth_rate(MATRICES, [0.25] * 4, sample=True)
    with pytest.raises(ValueError, match="num_replicates must be a whole number, at least 2"):
        stochastic_growth_rate(MATRICES, num_replicates=1)
    with pytest.raises(ValueError, match="not all 0"):
        stochastic_growth_rate(MATRICES, initial=np.zeros(6))
    with pytest.raises(ValueError, match="method must be"):
        stochastic_growth_rate(MATRICES, method="exact")
    with pytest.raises(UnableError, match="died out"):
        stochastic_growth_rate([[[1.0]], [[0.0]]], num_steps=50, num_replicates=5)
