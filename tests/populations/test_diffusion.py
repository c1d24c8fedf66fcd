"""Diffusion approximation: published estimates, the inverse Gaussian law, simulated recovery, refusals."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from popmath.populations.diffusion import extinction_time, fit_diffusion

# Adult female grizzly bears of Yellowstone, 1959-1997: Morris & Doak (2002), table 3.1. To 1987 they are the series of
# Dennis et al. (1991), figure 5, but for 1970, which reads 44 there; the estimates below are printed for the whole, and
# change in their second digit if one count is off by ten per cent.
GRIZZLY = [44, 47, 46, 44, 46, 45, 46, 40, 39, 39, 42, 39, 41, 40, 33, 36, 34, 39, 35, 34, 38, 36, 37, 41, 39, 51, 47]
GRIZZLY += [57, 48, 60, 65, 74, 69, 65, 57, 70, 81, 99, 99]
YEARS = np.arange(1959, 1998)


def test_grizzly_as_published():
    fit = fit_diffusion(YEARS, GRIZZLY)
    assert fit.mu == pytest.approx(0.02134, abs=5e-6)  # Morris & Doak (2002), chapter 3
    assert fit.sigma2 == pytest.approx(0.01305, abs=5e-6)
    assert fit.mu_interval == pytest.approx((-0.01621, 0.05889), abs=1e-5)
    assert fit.sigma2_interval == pytest.approx((0.00867, 0.02184), abs=1e-5)
    assert fit.growth_rate == fit.mu + fit.sigma2 / 2
    assert fit.extinction(1.0).log_distance == pytest.approx(np.log(99))
    assert fit.extinction(20.0, abundance=50.0).log_distance == pytest.approx(np.log(2.5))
    assert "38 transitions in 38" in fit.summary() and fit.to_dataframe().loc["mu", "estimate"] == fit.mu


def test_unequal_spacing_is_the_regression_through_the_origin():
    keep = np.array([0, 1, 2, 5, 6, 10, 11, 12, 20, 30, 33, 38])
    when, number = YEARS[keep], np.array(GRIZZLY)[keep]
    fit = fit_diffusion(when, number)
    x = np.sqrt(np.diff(when))
    y = np.diff(np.log(number)) / x
    slope, residual, _, _ = np.linalg.lstsq(x[:, None], y, rcond=None)
    assert fit.mu == pytest.approx(slope[0], rel=1e-12)
    assert fit.sigma2 == pytest.approx(residual[0] / (len(x) - 1), rel=1e-12)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    gaps = np.array([1, 2, 1, 3, 1, 1, 2, 1])
    when = np.concatenate([[0], np.cumsum(gaps)])
    hits = np.zeros(2)
    for _ in range(1000):
        logs = np.concatenate([[0], np.cumsum(rng.normal(-0.05 * gaps, 0.2 * np.sqrt(gaps)))])
        fit = fit_diffusion(when, 100 * np.exp(logs), confidence_level=0.9)
        hits += (
            fit.mu_interval[0] <= -0.05 <= fit.mu_interval[1],
            fit.sigma2_interval[0] <= 0.04 <= fit.sigma2_interval[1],
        )
    # both intervals are exact: each count is binomial(1000, 0.9); 4 errors fail for 2 seeds in 10,000
    assert (np.abs(hits / 1000 - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 1000)).all()


@pytest.mark.parametrize("mu", [-0.1, 0.03, 0.0])
def test_the_law_is_the_integral_of_its_density(mu):
    risk = extinction_time(mu, 0.05, 40.0, 5.0)
    d = risk.log_distance

    def density(t):
        return d / np.sqrt(2 * np.pi * 0.05 * t**3) * np.exp(-((d + mu * t) ** 2) / (2 * 0.05 * t))

    for t in (3.0, 20.0, 90.0):
        assert risk.cdf(t) == pytest.approx(scipy.integrate.quad(density, 0, t, epsabs=1e-13)[0], rel=1e-9)
    assert risk.cdf(np.inf) == risk.probability and risk.cdf(0.0) == 0
    near = risk.most_likely_time * np.array([0.999, 1.0, 1.001])
    assert density(near[1]) > max(density(near[0]), density(near[2]))
    assert risk.cdf(risk.median_time, given_extinction=True) == pytest.approx(0.5, abs=1e-12)


def test_against_scipy_inverse_gaussian():
    risk = extinction_time(0.04, 0.02, 30.0, 2.0)
    mean, shape = risk.log_distance / 0.04, risk.log_distance**2 / 0.02
    law = scipy.stats.invgauss(mean / shape, scale=shape)
    times = np.array([1.0, 20.0, 60.0, 300.0])
    np.testing.assert_allclose(risk.cdf(times, given_extinction=True), law.cdf(times), rtol=1e-9)
    np.testing.assert_allclose(risk.cdf(times), risk.probability * law.cdf(times), rtol=1e-9)
    assert risk.mean_time == pytest.approx(law.mean()) and risk.variance_time == pytest.approx(law.var())
    assert risk.median_time == pytest.approx(law.median(), rel=1e-9)
    assert risk.probability == pytest.approx(15 ** (-2 * 0.04 / 0.02))


def test_simulated_first_passage():
    # Exact for the diffusion: a Brownian bridge crosses between two points with probability exp(-2ab/(sigma2 h)).
    rng, replicates, h = np.random.default_rng(1), 20_000, 1.0
    mu, sigma2, start = -0.05, 0.09, np.log(10)
    x, alive = np.full(replicates, start), np.ones(replicates, bool)
    for _ in range(30):
        after = x + mu * h + np.sqrt(sigma2 * h) * rng.standard_normal(replicates)
        crossed = rng.random(replicates) < np.exp(-2 * x * np.maximum(after, 0) / (sigma2 * h))
        alive &= ~crossed
        x = np.where(alive, after, 1.0)
    exact = float(extinction_time(mu, sigma2, 10.0, 1.0).cdf(30.0))
    error = np.sqrt(exact * (1 - exact) / replicates)
    assert abs((~alive).mean() - exact) < 4 * error  # 6 seeds in 100,000
    wrong = float(extinction_time(-mu, sigma2, 10.0, 1.0).cdf(30.0))  # negative control
    assert abs((~alive).mean() - wrong) > 20 * error


def test_limits_do_not_overflow():
    sure = extinction_time(-5.0, 1e-4, 1e6, 1.0)
    assert sure.cdf(sure.mean_time * np.array([0.5, 2.0])).tolist() == [0.0, 1.0]
    assert extinction_time(0.0, 0.01, 10.0, 1.0).mean_time == np.inf
    assert extinction_time(5.0, 1e-4, 1e6, 1.0).probability == 0.0


def test_refusals():
    with pytest.raises(ValueError, match=r"counts\[1\] is nan. Leave out the whole row"):
        fit_diffusion([1, 2, 3, 4], [5, np.nan, 6, 7])
    with pytest.raises(ValueError, match=r"counts\[2\] at time 3 is 0"):
        fit_diffusion([1, 2, 3, 4], [5, 4, 0, 7])
    with pytest.raises(ValueError, match="times must ascend"):
        fit_diffusion([1, 3, 3, 4], [5, 4, 6, 7])
    with pytest.raises(ValueError, match="at least 3"):
        fit_diffusion([1, 2], [5, 4])
    with pytest.raises(ValueError, match="confidence_level"):
        fit_diffusion([1, 2, 3], [5, 4, 3], confidence_level=1.0)
    with pytest.raises(ValueError, match="below abundance"):
        extinction_time(0.1, 0.1, 5.0, 5.0)
    with pytest.raises(ValueError, match="sigma2 must be positive"):
        extinction_time(0.1, 0.0, 5.0, 1.0)
    with pytest.raises(ValueError, match="mu must be finite"):
        extinction_time(np.nan, 0.1, 5.0, 1.0)
    with pytest.raises(ValueError, match="times must be at least 0"):
        extinction_time(0.1, 0.1, 5.0, 1.0).cdf([-1.0])
