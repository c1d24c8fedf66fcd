"""Profile likelihoods against a grid, and the report of what the data determine."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import popmath as pm
from popmath.inference import Identifiability, NegativeBinomial, Poisson, Profile
from popmath.inference.identification import Direction

DAYS = np.arange(12.0)


def beverton_holt(t, growth, effect, start):
    return 1.0 / (growth**-t / start + effect * (1 - growth**-t) / (growth - 1))


COUNTS = beverton_holt(DAYS, 2.0, 0.01, 3.0) * np.exp(np.random.default_rng(3).normal(0, 0.1, 12))


@pytest.fixture(scope="module")
def yeast():
    return pm.fit(pm.LeslieGower("yeast"), pm.Series(DAYS, COUNTS, "yeast"), num_starts=8)


def test_ends_are_those_of_scipy(yeast):
    """The growth factor held on a grid, the other two fitted by SciPy."""
    profile = pm.profile(yeast, ["growth_factor[yeast]"])[0]
    assert isinstance(profile, Profile) and profile.kind == "determined"

    def held(growth):
        def error(free):
            return (beverton_holt(DAYS, growth, *np.exp(free)) - COUNTS) / COUNTS.mean()

        return (scipy.optimize.least_squares(error, np.log([0.01, 3.0]), xtol=1e-12, ftol=1e-12).fun ** 2).sum()

    limit = 12 * np.log1p(scipy.stats.f.ppf(0.95, 1, 9) / 9)
    least = yeast.sum_of_squares
    for end in (profile.low, profile.high):
        assert 12 * np.log(held(end) / least) == pytest.approx(limit, rel=0.03)
    for value, deviance in zip(profile.values, profile.deviance, strict=True):
        assert 12 * np.log(held(value) / least) == pytest.approx(deviance, abs=1e-4)
    assert profile.threshold == pytest.approx(limit) and profile.deviance.min() == 0.0
    assert (np.diff(profile.values) > 0).all()


def test_a_level_is_nested_in_a_higher_one(yeast):
    narrow, wide = (pm.profile(yeast, ["competition[yeast, yeast]"], level)[0] for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_a_likelihood_with_one_number_by_hand():
    """A constant population with Poisson counts: the interval solves 2 (sum log-likelihood) = chi-squared."""
    counts = np.array([8.0, 12.0, 9.0, 13.0, 10.0, 11.0])
    fixed = {"growth_factor": 1.0, "competition": 0.0}
    result = pm.fit(
        pm.LeslieGower("a"), pm.Series(np.arange(6.0), counts, "a"), loss=Poisson(), fixed=fixed, num_starts=8
    )
    found = pm.profile(result)[0]
    assert found.label == "initial[a]" and found.value == pytest.approx(10.5, rel=1e-4)

    def deviance(mean):
        return 2 * (6 * (mean - 10.5) - counts.sum() * np.log(mean / 10.5)) - scipy.stats.chi2.ppf(0.95, 1)

    assert found.low == pytest.approx(scipy.optimize.brentq(deviance, 5, 10.5), rel=5e-3)
    assert found.high == pytest.approx(scipy.optimize.brentq(deviance, 10.5, 20), rel=5e-3)


def test_what_the_data_bound_on_one_side_only(fitted):
    """The mixture says how much caudatum harms aurelia at most; the curvature claims a lower end as well."""
    label = "competition[aurelia, caudatum]"
    found = pm.profile(fitted, [label])[0]
    assert found.kind == "bounded above" and np.isnan(found.low) and 0.005 < found.high < 0.05
    assert {e.label: e for e in fitted.estimates}[label].determined
    report = pm.identifiability(fitted)
    assert isinstance(report, Identifiability)
    assert f"{label} (bounded above)" in report.verdict[0]
    assert report.to_dataframe().loc[label, "kind"] == "bounded above"
    assert "profile from" in report.summary() and "<table>" in report._repr_html_()
    assert repr(report) == "Identifiability(LeslieGower: 7 of 8 numbers determined)"
    worst = report.directions[0]
    assert isinstance(worst, Direction) and worst.error > 1 and len(worst.shares) > 1
    assert sum(share**2 for _, share in worst.shares) <= 1 + 1e-9


def test_a_determined_fit_says_so(yeast):
    report = pm.identifiability(yeast)
    assert report.verdict[0] == "the data determine all 3 numbers within a factor of a million"
    for estimate, found in zip(report.estimates, report.profiles, strict=True):
        assert found.low < estimate.value < found.high
    for i in (0, 1):  # the number at the start is more lopsided
        ends, others = [(x.low, x.high) for x in (report.profiles[i], report.estimates[i])]
        assert ends == pytest.approx(others, rel=0.4)


def test_profiles_of_a_likelihood_with_noise_parameters(yeast):
    result = pm.fit(
        pm.LeslieGower("yeast"), pm.Series(DAYS, COUNTS.round(), "yeast"), loss=NegativeBinomial(), num_starts=8
    )
    found = {p.label: p for p in pm.profile(result)}
    assert found["growth_factor[yeast]"].kind == "determined"
    assert found["dispersion[yeast]"].kind == "bounded above"  # these counts vary less than Poisson counts would


def test_a_profile_as_a_figure(yeast):
    ax = pm.profile(yeast, ["growth_factor[yeast]"])[0].plot()
    assert ax.get_xlabel() == "growth_factor[yeast]" and ax.get_ylabel() == "deviance"


def test_what_is_refused(yeast):
    import dataclasses

    with pytest.raises(ValueError, match="there is no number 'growth'; the fit has growth_factor"):
        pm.profile(yeast, ["growth"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        pm.profile(yeast, confidence_level=95)
    with pytest.raises(ValueError, match="did not converge"):
        pm.identifiability(dataclasses.replace(yeast, converged=False))
