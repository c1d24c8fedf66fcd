"""Random counts: exact distributions, goodness of fit, edges.

Goodness of fit is a chi-square test at a fixed key with p > 1e-5: a new key fails one of its ~20 tests once in 5,000.
"""

import functools

import flint
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from scipy.special import gammaincc

from popmath.populations import poisson_quantile, random_counts
from popmath.populations.random_counts import binomial, multinomial, poisson

DRAWS = 100_000
LEAST_P = 1e-5


@functools.cache
def drawer(function):
    """One compiled draw for each row, as inside an ensemble."""
    return jax.jit(jax.vmap(function))


def draw(function, seed, *parameters):
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed), DRAWS)
        rows = [jnp.full((DRAWS, 1), value, jnp.float64) for value in parameters]
        return np.asarray(drawer(function)(keys, *rows))[:, 0]


def fit_p_value(counts, distribution):
    """Chi-square over cells of about equal probability, made from the exact distribution."""
    edges = np.unique(distribution.ppf(np.linspace(0, 1, 42)[1:-1]))
    below = np.concatenate([[0.0], distribution.cdf(edges), [1.0]])
    expected = len(counts) * np.diff(below)
    seen = np.bincount(np.searchsorted(edges, counts), minlength=len(expected))
    rare = expected < 5
    if rare.any():
        expected = np.append(expected[~rare], expected[rare].sum())
        seen = np.append(seen[~rare], seen[rare].sum())
    keep = expected > 0
    return scipy.stats.chi2.sf(((seen - expected)[keep] ** 2 / expected[keep]).sum(), keep.sum() - 1)


@pytest.mark.parametrize("mean", [1e-3, 0.1, 1.0, 7.3, 39.9, 40.0, 63.7, 1e3, 1e6])
def test_poisson_fits(mean):
    counts = draw(poisson, 11, mean)
    assert counts.dtype == np.float64 and np.array_equal(counts, np.floor(counts)) and counts.min() >= 0
    assert fit_p_value(counts, scipy.stats.poisson(mean)) > LEAST_P
    if mean >= 1:  # negative control: a tenth of a standard deviation off does not fit
        assert fit_p_value(counts, scipy.stats.poisson(mean + 0.1 * np.sqrt(mean))) < 1e-6


@pytest.mark.parametrize(
    ("count", "probability"),
    [(1, 0.3), (10, 0.01), (10, 0.97), (60, 0.5), (2000, 0.1), (511, 0.5), (600, 0.5), (10**6, 0.3), (10**6, 1e-6)],
)
def test_binomial_fits(count, probability):
    counts = draw(binomial, 12, count, probability)
    assert np.array_equal(counts, np.floor(counts)) and counts.min() >= 0 and counts.max() <= count
    assert fit_p_value(counts, scipy.stats.binom(count, probability)) > LEAST_P
    spread = np.sqrt(count * probability * (1 - probability))
    if spread > 1:
        off = probability + 0.1 * spread / count
        assert fit_p_value(counts, scipy.stats.binom(count, off)) < 1e-6


@pytest.mark.parametrize("mean", [0.02, 3.0, 21.0, 39.99, 40.0, 40.5, 57.0, 300.0, 1e4])
def test_poisson_is_the_quantile_of_its_uniform_number(mean):
    """With u in a fine grid, the smallest count whose cumulative probability (incomplete gamma) reaches u."""
    u = np.concatenate([np.linspace(0.0003, 0.9997, 3331), 10.0 ** -np.arange(4, 10), 1 - 10.0 ** -np.arange(4, 10)])
    with jax.enable_x64(True):
        rates = jnp.full(len(u), mean)
        if mean >= 40:
            found = poisson_quantile.large_poisson(jnp.asarray(u), rates)
        else:
            found = random_counts._search(jnp.asarray(u), jnp.exp(-rates), lambda _, inverse: rates * inverse)
    k = np.asarray(found)
    below = np.where(k > 0, gammaincc(np.maximum(k, 1), mean), 0.0)
    assert (gammaincc(k + 1, mean) >= u - 1e-12).all() and (below < u + 1e-12).all()


@pytest.mark.parametrize("mean", [40.0, 43.7, 100.0, 2500.0])
def test_large_poisson_on_both_sides_of_every_step(mean):
    """Where the guess is most often wrong by one: just below and just above a cumulative probability."""
    k = np.arange(np.floor(mean - 4.5 * np.sqrt(mean)), mean + 4.5 * np.sqrt(mean))
    steps = gammaincc(k + 1, mean)
    with jax.enable_x64(True):
        for shift, expected in ((-1e-6, k), (1e-6, k + 1)):
            near = jnp.asarray(steps + shift * np.minimum(steps, 1 - steps))
            found = poisson_quantile.large_poisson(near, jnp.full(len(k), mean))
            assert np.array_equal(found, expected)


@pytest.fixture
def forty_digits():
    before, flint.ctx.dps = flint.ctx.dps, 40
    yield
    flint.ctx.dps = before


def test_cumulative_probabilities_against_arb(forty_digits):
    for mean in (40.0, 45.5, 100.0, 1e6, 1e9):
        k = np.floor(mean + np.sqrt(mean) * np.linspace(-6.2, 8.3, 25)).clip(min=0)
        with jax.enable_x64(True):
            below, here = poisson_quantile.cumulative(jnp.asarray(k), jnp.full(len(k), mean))
        rate, counts = flint.arb(mean), [flint.arb(float(i)) for i in k]
        exact = [float(rate.gamma_upper(i + 1, regularized=1)) for i in counts]
        assert np.abs(np.asarray(below) - exact).max() < 1e-13
        density = [float((rate.log() * i - rate - (i + 1).lgamma()).exp()) for i in counts]
        assert np.abs(np.asarray(here) - density).max() < 1e-13


def test_log1p_rest_against_arb(forty_digits):
    x = np.concatenate([-np.logspace(-9, -0.01, 60), np.logspace(-9, 1.5, 60)])
    with jax.enable_x64(True):
        found = np.asarray(poisson_quantile.log1p_rest(jnp.asarray(x)))
    exact = [float((1 + flint.arb(float(value))).log() - flint.arb(float(value))) for value in x]
    np.testing.assert_allclose(found, exact, rtol=1e-13)


def test_multinomial_moves_whole_individuals():
    count = np.array([40.0, 7.0, 0.0])
    moves = np.array([[0.1, 0.0, 0.3], [0.5, 1.0, 0.3], [0.4, 0.0, 0.3]])
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(3), 20_000)
        found = np.asarray(
            jax.jit(jax.vmap(lambda key: multinomial(key, jnp.asarray(count), jnp.asarray(moves))))(keys)
        )
    assert found.shape == (20_000, 3, 3) and np.array_equal(found, np.floor(found)) and found.min() >= 0
    assert (found[:, :, 0].sum(axis=1) == 40).all()  # a column that sums to 1 loses nobody
    assert (found[:, :, 1] == [0, 7, 0]).all() and not found[:, :, 2].any()
    mean, covariance = found[:, :, 0].mean(axis=0), np.cov(found[:, :, 0].T)
    p = moves[:, 0]
    exact = 40 * (np.diag(p) - np.outer(p, p))
    assert (np.abs(mean - 40 * p) < 5 * np.sqrt(np.diag(exact) / 20_000)).all()  # fails once in 600,000 keys
    np.testing.assert_allclose(covariance, exact, atol=5 * 10 * np.sqrt(2 / 20_000))


def test_edges():
    key = jax.random.key(0)
    assert poisson(key, [0.0, 0.0]).tolist() == [0.0, 0.0] and poisson(key, 0.0).shape == ()
    assert binomial(key, [[0], [9]], [0.0, 1.0]).tolist() == [[0.0, 0.0], [0.0, 9.0]]
    big = poisson(key, np.full(2000, 1e15))
    assert abs(big.mean() / 1e15 - 1) < 5 / np.sqrt(2000e15) and 0.8 < big.std() / np.sqrt(1e15) < 1.2
    assert isinstance(big, np.ndarray) and big.dtype == np.float64


def test_wrong_arguments_are_errors_or_nan():
    key = jax.random.key(0)
    with pytest.raises(ValueError, match=r"mean must be finite and at least 0; mean\[1\] is -1"):
        poisson(key, [1.0, -1.0])
    with pytest.raises(ValueError, match="mean is nan"):
        poisson(key, float("nan"))
    with pytest.raises(ValueError, match=r"count must be a whole number, at least 0; count\[0\] is 2.5"):
        binomial(key, [2.5], 0.5)
    with pytest.raises(ValueError, match="probability must be from 0 to 1; probability is 1.5"):
        binomial(key, 2, 1.5)
    with pytest.raises(ValueError, match="sum to more than 1"):
        multinomial(key, [1.0], [[0.7], [0.7]])
    with pytest.raises(ValueError, match=r"shape \(outcomes, \*count.shape\)"):
        multinomial(key, [1.0, 2.0], [[0.7], [0.7]])
    with jax.enable_x64(True):
        bad = jnp.array([np.nan, -1.0, np.inf, 3.0])
        assert np.isnan(jax.jit(poisson)(key, bad)).tolist() == [True, True, True, False]
        counts = jnp.array([np.nan, -1.0, 2.5, 3.0, 3.0, 3.0])
        chances = jnp.array([0.5, 0.5, 0.5, 0.5, np.nan, 1.1])
        assert np.isnan(jax.jit(binomial)(key, counts, chances)).tolist() == [True, True, True, False, True, True]


def test_a_draw_depends_on_its_own_key_alone():
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(5), 6)
        means = jnp.array([[0.5, 90.0], [3.0, 8.0], [1e5, 2.0], [0.0, 50.0], [39.0, 41.0], [5.0, 5.0]])
        together = np.asarray(jax.jit(jax.vmap(poisson))(keys, means))
        alone = np.stack([poisson(key, np.asarray(mean)) for key, mean in zip(keys, means, strict=True)])
        assert np.array_equal(together, alone)
        assert len({tuple(row) for row in np.asarray(jax.vmap(poisson)(keys, jnp.full((6, 2), 1e4)))}) == 6


def test_derivatives_are_zero_and_batches_nest():
    with jax.enable_x64(True):
        key, means = jax.random.key(0), jnp.array([3.0, 90.0])
        counts = poisson(key, np.asarray(means))
        assert np.array_equal(jax.grad(lambda m: jnp.sum(m * poisson(key, m)))(means), counts)
        assert not np.asarray(jax.jacfwd(lambda m: poisson(key, m))(means)).any()
        keys, rows = jax.random.split(key, 3), jnp.array([[2.0, 90.0], [3.0, 1e6]])
        nested = jax.vmap(jax.vmap(poisson, (0, None)), (None, 0))(keys, rows)
        assert np.array_equal(nested[1, 2], poisson(keys[2], np.asarray(rows[1])))
