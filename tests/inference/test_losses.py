"""Likelihoods and priors against SciPy, and what they refuse."""

import math

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.stats

import popmath as pm
from popmath.inference import (
    Beta,
    HalfNormal,
    LogNormal,
    LogNormalError,
    NegativeBinomial,
    Normal,
    Poisson,
    SquaredError,
)

MEANS, COUNTS = np.array([0.3, 4.0, 70.0, 300.0]), np.array([0.0, 7.0, 60.0, 310.0])


def log_likelihood(loss, noise, counts=COUNTS):
    with jax.enable_x64(True):
        noise = {name: np.full(4, value) for name, value in noise.items()}
        return np.asarray(loss.log_likelihood(MEANS, counts, np.ones(4), noise))


def test_poisson_is_that_of_scipy():
    np.testing.assert_allclose(log_likelihood(Poisson(), {}), scipy.stats.poisson.logpmf(COUNTS, MEANS), rtol=1e-12)


@pytest.mark.parametrize("dispersion", [0.01, 0.47, 9.0])
def test_negative_binomial_is_that_of_scipy_with_variance_proportional_to_the_mean(dispersion):
    size = MEANS / dispersion
    scipys = scipy.stats.nbinom(size, 1 / (1 + dispersion))
    np.testing.assert_allclose(scipys.var(), (1 + dispersion) * MEANS)
    found = log_likelihood(NegativeBinomial(), {"dispersion": dispersion})
    np.testing.assert_allclose(found, scipys.logpmf(COUNTS), rtol=1e-9)


def test_negative_binomial_has_no_cancellation():
    """At any dispersion, against the sum of logarithms: a difference of log-gammas would be off by whole units."""
    counts = np.arange(4.0) * 30
    for dispersion in (1e-14, 1e-9, 1e-4, 0.02, 0.5, 50.0):
        found = log_likelihood(NegativeBinomial(), {"dispersion": dispersion}, counts)
        for mean, count, value in zip(MEANS, counts, found, strict=True):
            rising = sum(math.log(mean + j * dispersion) for j in range(int(count)))
            whole = rising - (count + mean / dispersion) * math.log1p(dispersion) - math.lgamma(count + 1)
            assert value == pytest.approx(whole, rel=1e-9, abs=1e-9)


def test_negative_binomial_becomes_poisson():
    near = log_likelihood(NegativeBinomial(), {"dispersion": 1e-7})
    np.testing.assert_allclose(near, log_likelihood(Poisson(), {}), rtol=1e-3)
    far = log_likelihood(NegativeBinomial(), {"dispersion": 1.0})
    assert np.abs(far - log_likelihood(Poisson(), {})).max() > 0.1


def test_log_normal_is_that_of_scipy():
    counts = COUNTS + 1.0
    found = log_likelihood(LogNormalError(offset=0.5), {"log_sd": 0.3}, counts)
    np.testing.assert_allclose(found, scipy.stats.lognorm(0.3, scale=MEANS + 0.5).logpdf(counts + 0.5), rtol=1e-12)


def test_squared_error_is_normal():
    found = log_likelihood(SquaredError(), {"sd": 2.0})
    np.testing.assert_allclose(found, scipy.stats.norm(MEANS, 2.0).logpdf(COUNTS), rtol=1e-12)


PRIORS = [
    (Normal(1.0, 2.0), scipy.stats.norm(1.0, 2.0), st.floats(-9, 9)),
    (HalfNormal(0.7), scipy.stats.halfnorm(scale=0.7), st.floats(0.01, 5)),
    (LogNormal(2.0, 0.5), scipy.stats.lognorm(0.5, scale=2.0), st.floats(0.01, 50)),
    (Beta(2.5, 4.0), scipy.stats.beta(2.5, 4.0), st.floats(0.01, 0.99)),
]


@pytest.mark.parametrize(("prior", "scipys", "values"), PRIORS)
@hypothesis.given(data=st.data())
def test_priors_are_those_of_scipy(prior, scipys, values, data):
    value = data.draw(values)
    with jax.enable_x64(True):
        found = prior.log_density(np.array([value]))
    assert float(found[0]) == pytest.approx(scipys.logpdf(value), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Normal(np.nan, 1.0), lambda: Normal(0.0, 0.0), lambda: HalfNormal(-1.0), lambda: LogNormal(0.0, 1.0),
        lambda: LogNormal(1.0, np.inf), lambda: Beta(0.0, 1.0), lambda: Beta(1.0, -1.0),
    ],
)  # fmt: skip
def test_priors_out_of_range(wrong):
    with pytest.raises(ValueError, match="is out of range in"):
        wrong()


def test_what_losses_and_priors_refuse(mixture):
    model = pm.LeslieGower(mixture.species)
    zeros = pm.Series(np.arange(12.0), np.r_[0.0, np.arange(1.0, 12)], "a", name="with zeros")
    with pytest.raises(ValueError, match=r"'with zeros' has counts of 0, .* LogNormalError\(offset="):
        pm.fit(pm.LeslieGower("a"), zeros, loss=LogNormalError())
    with pytest.raises(ValueError, match="offset must be finite and at least 0"):
        LogNormalError(offset=-1.0)
    for match, arguments in (
        ("growth_factor is positive: LogNormal or HalfNormal", {"priors": {"growth_factor": Normal(0.0, 1.0)}}),
        ("priors: LeslieGower has no 'growth'", {"priors": {"growth": LogNormal(1.0, 1.0)}}),
    ):
        with pytest.raises(ValueError, match=match):
            pm.fit(model, mixture, **arguments)
