"""Scores of forecasts: against integrals and double sums, propriety, and the binomial interval."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from popmath.conformal import binomial_interval, crps_from_samples, interval_score


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=9), st.floats(-60, 60))
def test_crps_is_the_integral_of_the_squared_step_and_the_double_sum(members, truth):
    """The integral of (F(x) - 1[x >= y])^2 for the step function F, exactly, piece by piece."""
    samples = np.array(members)
    ends = np.sort([*members, truth])
    middles = (ends[1:] + ends[:-1]) / 2
    steps = np.array([np.mean(samples <= x) - (x >= truth) for x in middles])
    integral = float(np.sum(steps**2 * np.diff(ends)))
    assert crps_from_samples(samples, truth, fair=False) == pytest.approx(integral, abs=1e-9)
    size, pairs = len(members), np.abs(samples[:, None] - samples).sum()
    fair = np.abs(samples - truth).mean() - pairs / (2 * size * (size - 1))
    assert crps_from_samples(samples, truth) == pytest.approx(fair, abs=1e-9)


def test_crps_of_a_normal_ensemble():
    """Closed form of the normal distribution; the fair version has no bias at 5 members, the other has. Standard errors
    from the draws; 5 of them fail once in 1.7 million seeds."""
    rng = np.random.default_rng(20261124)
    samples, truth = rng.normal(size=(5, 40_000)), 0.7
    exact = truth * (2 * scipy.stats.norm.cdf(truth) - 1) + 2 * scipy.stats.norm.pdf(truth) - 1 / np.sqrt(np.pi)
    scores = crps_from_samples(samples, np.full(40_000, truth))
    error = scores.std() / np.sqrt(scores.size)
    assert abs(scores.mean() - exact) < 5 * error
    unfair = crps_from_samples(samples, np.full(40_000, truth), fair=False)
    assert unfair.mean() - exact > 20 * error


def test_crps_shapes_and_refusals():
    samples = np.random.default_rng(1).normal(size=(4, 3, 2))
    scores = crps_from_samples(samples, np.where(np.arange(6).reshape(3, 2) == 1, np.nan, 0.5))
    assert scores.shape == (3, 2)
    assert np.isnan(scores).sum() == np.isnan(scores[0, 1]) == 1
    assert scores[2, 1] == pytest.approx(float(crps_from_samples(samples[:, 2, 1], 0.5)))
    assert crps_from_samples(np.array([3.0]), 1.0, fair=False) == 2.0
    with pytest.raises(ValueError, match="at least 2 members; got 1"):
        crps_from_samples(np.array([3.0]), 1.0)
    with pytest.raises(ValueError, match="members times the shape"):
        crps_from_samples(samples, np.zeros(2))
    with pytest.raises(ValueError, match="members times the shape"):
        crps_from_samples(np.array(1.0), 1.0)
    with pytest.raises(ValueError, match="finite"):
        crps_from_samples(samples * np.nan, np.zeros((3, 2)))


def test_interval_score_is_lowest_at_the_central_quantiles():
    """Of a standard normal, by numerical integration: no move of either end lowers the mean score."""
    x = (np.arange(20_000) + 0.5) / 20_000
    truth = scipy.stats.norm.ppf(x)

    def mean(low, high):
        return float(np.mean(interval_score(np.full(x.shape, low), np.full(x.shape, high), truth, 0.8)))

    end = scipy.stats.norm.ppf(0.9)
    best = mean(-end, end)
    assert all(mean(-end + a, end + b) > best for a in (-0.1, 0.0, 0.1) for b in (-0.1, 0.0, 0.1) if a or b)
    # width and the two penalties by hand: 2 / 0.2 = 10 times what is missed
    np.testing.assert_allclose(interval_score(1.0, 3.0, np.array([0.5, 1.0, 3.0, 4.0, np.nan]), 0.8),
                               [7.0, 2.0, 2.0, 12.0, np.nan])  # fmt: skip
    with pytest.raises(ValueError, match="upper lies below lower"):
        interval_score(1.0, 0.0, 0.0, 0.8)
    with pytest.raises(ValueError, match="confidence_level"):
        interval_score(0.0, 1.0, 0.0, 1.0)


@given(st.floats(0.05, 0.95), st.integers(1, 300), st.floats(0.5, 0.999))
def test_binomial_interval_holds_its_confidence_and_is_no_wider(level, count, confidence):
    low, high = (round(share * count) for share in binomial_interval(level, count, confidence))
    tail = (1 - confidence) / 2
    distribution = scipy.stats.binom(count, level)
    assert distribution.cdf(low - 1) <= tail + 1e-9
    assert distribution.sf(high) <= tail + 1e-9
    assert distribution.cdf(low) >= tail - 1e-9
    assert distribution.sf(high - 1) >= tail - 1e-9


def test_binomial_interval_refused():
    for arguments in ((1.0, 10), (0.9, 0), (0.9, 10, 1.0)):
        with pytest.raises(ValueError, match="must"):
            binomial_interval(*arguments)
