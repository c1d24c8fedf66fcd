"""Intervals and correlations against SciPy, and what the verdict says."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import popmath as pm
from popmath.inference.uncertainty import Estimate, Estimates, estimate_from_curvature, verdict


def beverton_holt(t, log_growth, log_effect, log_start):
    growth, effect, start = np.exp([log_growth, log_effect, log_start])
    return 1.0 / (growth**-t / start + effect * (1 - growth**-t) / (growth - 1))


@pytest.fixture(scope="module")
def noisy():
    t = np.arange(15.0)
    counts = beverton_holt(t, np.log(2.0), np.log(0.01), np.log(3.0)) * np.exp(
        np.random.default_rng(3).normal(0, 0.05, 15)
    )
    return pm.fit(pm.LeslieGower("yeast"), pm.Series(t, counts, "yeast"), num_starts=8, seed=0)


def test_intervals_and_correlations_are_those_of_scipy(noisy):
    s = noisy.series
    found, covariance = scipy.optimize.curve_fit(
        beverton_holt, s.times, s.values[:, 0], p0=np.log([1.8, 0.02, 2.0]), xtol=1e-12, ftol=1e-12
    )
    half = scipy.stats.t.ppf(0.975, 12) * np.sqrt(np.diagonal(covariance))
    for k, estimate in enumerate(noisy.estimates):
        assert np.log(estimate.value) == pytest.approx(found[k], abs=1e-4)
        assert np.log(estimate.low) == pytest.approx(found[k] - half[k], abs=1e-3)
        assert np.log(estimate.high) == pytest.approx(found[k] + half[k], abs=1e-3)
    error = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose(noisy.correlation, covariance / np.outer(error, error), atol=1e-3)


@pytest.mark.parametrize("name", ["LotkaVolterraCompetition", "LeslieGower", "Ricker"])
def test_intervals_hold_their_estimate(comparison, name):
    fit = comparison.row(name).fit
    assert len(fit.estimates) == fit.num_free == 8
    for estimate in fit.estimates:
        assert estimate.low < estimate.value < estimate.high and estimate.determined
    values = {e.label: e.value for e in fit.estimates}
    assert values["competition[caudatum, aurelia]"] == pytest.approx(float(fit.model.competition[0, 1]))
    assert values["competition[aurelia, caudatum]"] == pytest.approx(float(fit.model.competition[1, 0]))
    assert values["initial[aurelia]"] == pytest.approx(float(fit.initial[1]))


@pytest.mark.parametrize("name", ["LotkaVolterraCompetition", "LeslieGower", "Ricker"])
def test_correlations_are_correlations(comparison, name):
    found = comparison.row(name).fit.correlation
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_allclose(np.diagonal(found), 1.0, atol=1e-12)
    assert np.linalg.eigvalsh(found).min() > -1e-9 and np.abs(found).max() <= 1 + 1e-12


def test_a_number_the_data_say_nothing_of_has_no_interval(noisy):
    jacobian = np.random.default_rng(0).normal(size=(15, 3))
    jacobian[:, 1] = 0.0
    estimates, _, error = estimate_from_curvature(noisy.problem, noisy.vector, jacobian, 12.0)
    assert np.isinf(error[1]) and np.isfinite(error[[0, 2]]).all()
    assert [e.determined for e in estimates] == [True, False, True]
    assert np.isnan(estimates[1].low) and np.isfinite(estimates[1].value)


def test_determined_means_within_a_factor_of_a_million():
    assert Estimate("x", 1.0, 0.1, 10.0).determined and Estimate("x", 1.0, -1.0, 3.0).determined
    assert not Estimate("x", 1.0, 1e-4, 1e4).determined and not Estimate("x", 1.0, np.nan, np.nan).determined


def test_verdict_says_what_to_know():
    numbers = tuple(Estimate(f"n{i}", 1.0, 0.5, 2.0) for i in range(3))
    nothing = np.eye(3)
    tied = np.array([[1.0, -0.97, 0.1], [-0.97, 1.0, 0.2], [0.1, 0.2, 1.0]])
    assert verdict(True, 0.75, 8, Estimates(numbers, nothing, np.ones(3))) == (
        "converged; 6 of 8 starts reached this optimum",
    )
    assert "n0 with n1 (-0.97)" in verdict(True, 0.75, 8, Estimates(numbers, tied, np.ones(3)))[1]
    assert "try more starts" in verdict(True, 1 / 8, 8, Estimates(numbers, nothing, np.ones(3)))[1]
    assert verdict(False, 0.75, 8, Estimates(numbers, nothing, np.ones(3)))[0].startswith("NOT converged")
    loose = (numbers[0], numbers[1]._replace(high=np.nan), numbers[2])
    assert "do not determine 1 of 3 numbers: n1" in verdict(True, 0.75, 8, Estimates(loose, nothing, np.ones(3)))[1]


def test_the_linear_model_has_too_many_numbers_and_says_so(comparison):
    fit = comparison.row("LinearLeslieCompetition").fit
    assert fit.num_free == 20 and any("do not determine" in line for line in fit.verdict)
    assert any(not e.determined for e in fit.estimates)


def test_a_result_that_did_not_converge_says_so_everywhere(noisy):
    stopped = dataclasses.replace(noisy, converged=False)
    for text in (stopped.summary(), repr(stopped), stopped._repr_html_()):
        assert "NOT converged" in text
    assert "NOT" not in noisy.summary()
