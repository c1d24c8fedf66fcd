"""The posterior against numerical integration on a grid; its diagnostics, scores, predictions and refusals."""

import dataclasses

import jax
import numpy as np
import pytest
import scipy.special
import scipy.stats

import popmath as pm
from popmath.inference import Posterior, RangePrior, sample_posterior
from popmath.inference.losses import Poisson
from popmath.inference.posterior_checks import check_statistics, sampler_verdict
from popmath.inference.priors import LogNormal, Normal

TRUE, TIMES = 0.004, np.arange(12)
GRID = np.exp(np.linspace(np.log(1e-3), np.log(2e-2), 4001))


def curve(competition):
    """Leslie-Gower with growth factor 1.8 from 10, by NumPy; shape of `competition` and times."""
    found = [np.full_like(competition, 10.0)]
    for _ in TIMES[1:]:
        found.append(1.8 * found[-1] / (1 + competition * found[-1]))
    return np.stack(found, axis=-1)


@pytest.fixture(scope="module")
def counted():
    counts = np.random.default_rng(5).poisson(curve(np.array(TRUE))).astype(float)
    series = pm.Series(TIMES, counts, ("a",))
    fixed = {"growth_factor": 1.8, "initial": 10.0}
    prior = {"competition": LogNormal(0.005, 1.0)}
    result = pm.fit(pm.LeslieGower("a"), series, loss=Poisson(), fixed=fixed, priors=prior, num_starts=8)
    posterior = sample_posterior(result, num_samples=500, num_warmup=200)
    assert isinstance(posterior, Posterior)
    return result, posterior


def terms():
    """Log-likelihood of each count on the grid."""
    counts = np.random.default_rng(5).poisson(curve(np.array(TRUE)))
    return scipy.stats.poisson.logpmf(counts, curve(GRID))


def weights(log_likelihood):
    """Posterior probability of each point of the grid, equal steps in the logarithm."""
    log = log_likelihood + scipy.stats.norm.logpdf(np.log(GRID), np.log(0.005), 1.0)
    return np.exp(log - scipy.special.logsumexp(log))


def test_mean_and_deviation_are_those_of_the_grid(counted):
    """The Monte Carlo error of the mean is sd/sqrt(ESS): five of them fail once in a million."""
    draws, w = counted[1].samples["competition"].ravel(), weights(terms().sum(axis=1))
    mean = w @ GRID
    sd = np.sqrt(w @ (GRID - mean) ** 2)
    error = sd / np.sqrt(counted[1].effective_sample_size[0])
    assert abs(draws.mean() - mean) < 5 * error
    assert abs(draws.std() - sd) < 5 * error
    assert counted[1].r_hat[0] < 1.02 and counted[1].num_divergences == 0


def test_leave_one_out_is_that_of_the_grid(counted):
    rows = terms()
    whole = rows.sum(axis=1)
    exact = sum(np.log(weights(whole - rows[:, i]) @ np.exp(rows[:, i])) for i in range(len(TIMES)))
    found = counted[1].loo()
    assert found.elpd == pytest.approx(exact, abs=0.15)
    assert counted[1].waic().elpd == pytest.approx(exact, abs=0.3)
    assert found.num_bad <= 1 and (f"for {found.num_bad} observations" in found.note) == (found.num_bad > 0)


def test_likelihood_terms_leave_out_the_inoculum_and_what_is_missing(counted):
    result, posterior = counted
    assert posterior.log_likelihood.shape == (2, 500, 12)
    a = posterior.samples["competition"][0, 0, 0, 0]
    expected = scipy.stats.poisson.logpmf(result.series.values[:, 0], curve(np.array(a)))
    np.testing.assert_allclose(posterior.log_likelihood[0, 0], expected, rtol=1e-9)


def test_arviz_groups(counted):
    data = counted[1].to_arviz()
    assert {"posterior", "posterior_predictive", "log_likelihood", "observed_data", "sample_stats"} <= set(
        data.groups()
    )
    assert data.posterior["competition"].shape == (2, 500, 1, 1)
    np.testing.assert_array_equal(data.observed_data["counts"], counted[0].series.values[:, 0])
    assert int(data.sample_stats["diverging"].sum()) == 0


def test_prediction_and_checks(counted):
    result, posterior = counted
    assert posterior.samples_at([0, 5, 20]).shape == (2, 500, 3, 1)
    band = posterior.predict(TIMES.astype(float), 0.9)
    assert (band.lower >= 0).all() and (band.lower <= band.median).all() and (band.median <= band.upper).all()
    assert np.mean((result.series.values >= band.lower) & (result.series.values <= band.upper)) >= 9 / 12
    wider = posterior.predict(TIMES.astype(float), 0.99)
    assert (wider.upper >= band.upper).all()
    checks = posterior.predictive_check()
    assert [c.statistic for c in checks] == ["total", "mean", "variance", "autocorrelation"]
    assert all(0.01 < c.p_value < 0.99 for c in checks)
    shifted = 3 * result.series.values  # negative control
    curves = posterior.samples_at(TIMES.astype(float)).reshape(-1, 12, 1)
    bad = check_statistics(shifted, curves, curves, result.series.observed, ("a",))
    assert bad[0].p_value == 0.0


def test_summary_table_and_priors(counted):
    posterior = counted[1]
    assert "R-hat" in posterior.summary() and "competition[a, a]" in posterior.summary()
    assert list(posterior.to_dataframe().index) == ["competition[a, a]"]
    assert posterior.priors["competition"] == LogNormal(0.005, 1.0)
    assert "2 chains of 500 draws" in repr(posterior) and "<table>" in posterior._repr_html_()
    assert jax.numpy.zeros(1).dtype == np.float32


def test_the_seed_decides(counted):
    result, posterior = counted
    again = sample_posterior(result, num_samples=500, num_warmup=200)
    assert np.array_equal(again.vectors, posterior.vectors)
    other = sample_posterior(result, num_samples=20, num_warmup=20, num_chains=1, seed=4)
    assert not np.array_equal(other.vectors[0], posterior.vectors[0, :20])


def test_the_verdict_says_what_is_wrong(counted):
    good = counted[1]
    assert good.verdict[0].startswith("converged")
    bad = dataclasses.replace(good, diverging=np.ones((2, 500), bool), r_hat=np.array([1.2]))
    assert bad.verdict[0].startswith("NOT converged: R-hat of competition[a, a] is 1.200")
    assert "1000 of 1000 draws diverged" in bad.verdict[1]
    few = sampler_verdict(("x", "y"), np.array([1.0, np.nan]), np.array([50.0, np.nan]), 0, 100)
    assert few[0].startswith("NOT converged: R-hat of y") and "effective sample size of y" in few[1]


def test_default_priors_have_the_range_in_their_middle():
    prior = RangePrior("unit", np.array([0.2]), np.array([0.7]))
    x = np.linspace(1e-6, 1 - 1e-6, 200001)
    density = np.exp(np.asarray(prior.log_density(x)))
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)
    inside = (x >= 0.2) & (x <= 0.7)
    assert np.trapezoid(density[inside], x[inside]) == pytest.approx(0.6827, abs=1e-3)
    normal = RangePrior("real", np.array([-1.0]), np.array([3.0]))
    np.testing.assert_allclose(normal.log_density(np.array([0.3])), Normal(1.0, 2.0).log_density(np.array([0.3])))


def test_what_is_refused(counted):
    result = counted[0]
    for name in ("num_samples", "num_chains", "num_warmup", "seed"):
        with pytest.raises(ValueError, match=name):
            sample_posterior(result, **{name: -1})
    with pytest.raises(ValueError, match="no 'speed'"):
        sample_posterior(result, priors={"speed": Normal(0.0, 1.0)})
    with pytest.raises(ValueError, match="positive"):
        sample_posterior(result, priors={"competition": Normal(0.0, 1.0)})
    with pytest.raises(ValueError, match="confidence_level"):
        counted[1].predict([1.0], 1.0)
    with pytest.raises(KeyError, match="no series 'b'"):
        counted[1].predict([1.0], culture="b")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LeslieGower", "Ricker", "LotkaVolterraCompetition"])
def test_table3_converges_in_a_minute(comparison, name):
    posterior = sample_posterior(comparison.row(name).fit, seed=1)
    assert posterior.seconds < 120  # 60 s on two free cores
    assert posterior.r_hat.max() < 1.05 and posterior.num_divergences < 100
    assert posterior.samples["error_sd"].shape == (2, 1000)
