"""Adaptive bands: by hand, long-run coverage under a shift, MAPIE's faults, and what is refused."""

import math

import numpy as np
import pytest

from popmath.conformal import AdaptiveBand, adaptive_band, coverage_and_width


def by_hand(predictions, truth, scale, level, gamma, start):
    """The recursion of Gibbs & Candes with a rolling window; alpha is kept between 0 and 1, as MAPIE does."""
    scores = [abs(y - f) / s for y, f, s in zip(truth[:start], predictions[:start], scale, strict=False)]
    nominal = round(1 - level, 2)
    alpha, rows = nominal, []
    for t in range(start, len(truth)):
        rank = math.ceil(round((1 - alpha) * (len(scores) + 1), 9))
        half = math.inf if rank > len(scores) else sorted(scores)[max(rank, 1) - 1] * scale[t]
        rows.append((predictions[t] - half, predictions[t] + half, alpha))
        miss = not abs(truth[t] - predictions[t]) < half
        alpha = min(max(alpha + gamma * (nominal - miss), 0.0), 1.0)
        scores = [*scores[1:], abs(truth[t] - predictions[t]) / scale[t]]
    return np.array(rows)


@pytest.mark.parametrize("level", [0.55, 0.8, 0.9, 0.95, 0.97, 0.99])
@pytest.mark.parametrize("gamma", [0.005, 0.05])
def test_band_by_hand(level, gamma):
    """All levels that MAPIE can key; with gamma 0.05 the level hits 0 and bands are infinite."""
    rng = np.random.default_rng(1)
    predictions, scale = rng.uniform(50, 60, 260), rng.uniform(1, 3, 260)
    truth = predictions + scale * rng.standard_t(3, 260) * np.where(np.arange(260) > 180, 3.0, 1.0)
    band = adaptive_band(
        predictions, truth, confidence_level=level, scale=scale, gamma=gamma, num_start=110, nonnegative=False
    )
    rows = by_hand(predictions, truth, scale, level, gamma, 110)
    np.testing.assert_allclose(np.c_[band.lower, band.upper, band.miscoverage][110:], rows, rtol=1e-9, atol=1e-12)
    assert np.isnan(np.c_[band.lower, band.upper, band.miscoverage][:110]).all()
    np.testing.assert_array_equal(band.covered[110:], (rows[:, 0] < truth[110:]) & (truth[110:] < rows[:, 1]))
    assert not band.covered[:110].any()
    assert band.num_infinite == np.isinf(rows[:, 1]).sum()
    assert isinstance(band, AdaptiveBand)


def test_infinite_where_mapie_raises():
    """MAPIE 1.6 does not pass `allow_infinite_bounds` on in the symmetric branch, and raises."""
    rng = np.random.default_rng(2)
    predictions = np.full(60, 100.0)
    truth = predictions + rng.normal(size=60)
    truth[30:33] = 500.0  # three misses in a row: 0.1 - 3 * 0.045 is below 0
    band = adaptive_band(predictions, truth, gamma=0.05, num_start=20)
    assert band.num_infinite > 0
    assert (band.lower[np.isinf(band.upper)] == 0).all()
    assert band.covered[np.isinf(band.upper)].all()
    assert np.isfinite(band.upper[-1])  # the level recovers


def test_long_run_coverage_under_a_shift():
    """Errors grow tenfold half-way and the forecast drifts off. With alpha inside (0, 1) throughout, the share of
    misses is within (0.9 + gamma) / (gamma T) of 0.1 whatever the data: never fails. A split band, the control, does.
    """
    rng = np.random.default_rng(3)
    size, gamma = 2000, 0.02
    shift = np.arange(size) > 1000
    predictions = np.full(size, 1e4)
    truth = predictions + rng.normal(size=size) * np.where(shift, 10.0, 1.0) + 30.0 * shift
    band = adaptive_band(predictions, truth, gamma=gamma, num_start=100)
    made = size - 100
    assert abs(1 - band.covered[100:].mean() - 0.1) <= (0.9 + gamma) / (gamma * made)
    assert abs(band.covered[1000:].mean() - 0.9) <= (0.9 + gamma) / (gamma * 1000)
    assert band.num_infinite < 0.2 * made
    fixed = np.quantile(np.abs(truth - predictions)[:100], 0.91)
    assert coverage_and_width(predictions - fixed, predictions + fixed, truth)[0] < 0.6


def test_missing_truth_corrects_nothing():
    rng = np.random.default_rng(4)
    predictions, truth = np.full(80, 50.0), 50.0 + rng.normal(size=80)
    gap = truth.copy()
    gap[40:43] = np.nan
    with_gap, without = adaptive_band(predictions, gap), adaptive_band(np.delete(predictions, [40, 41, 42]),
                                                                      np.delete(truth, [40, 41, 42]))  # fmt: skip
    np.testing.assert_array_equal(np.delete(with_gap.upper, [40, 41, 42]), without.upper)
    np.testing.assert_array_equal(with_gap.upper[40:43], np.full(3, with_gap.upper[40]))
    assert not with_gap.covered[40:43].any()
    # missing ones at the start lengthen the start
    truth[:5] = np.nan
    assert adaptive_band(predictions, truth).num_start == 25
    assert without.num_start == 20


def test_never_below_zero():
    rng = np.random.default_rng(5)
    predictions = rng.uniform(0.0, 2.0, 60)
    truth = rng.poisson(predictions).astype(float)
    band = adaptive_band(predictions, truth)
    assert (band.lower[20:] >= 0).all()
    assert (adaptive_band(predictions, truth, nonnegative=False).lower[20:] < 0).any()


def test_what_is_refused():
    zeros = np.zeros(40)
    for arguments, options, match in [
        ((zeros, zeros), {"confidence_level": 0.975}, "two decimals.*0.975"),
        ((zeros, zeros), {"confidence_level": 1.0}, "confidence_level"),
        ((zeros, zeros), {"gamma": 0.0}, "gamma"),
        ((zeros, zeros), {"gamma": 1.0}, "gamma"),
        ((zeros, zeros[:5]), {}, "one shape"),
        ((zeros[:, None], zeros[:, None]), {}, "one shape"),
        ((zeros * np.nan, zeros), {}, "predictions must be finite"),
        ((zeros, zeros), {"scale": 0.0}, "scale positive"),
        ((zeros, zeros), {"num_start": 9}, "starts after 10 points with known truth"),
        ((zeros, zeros), {"num_start": 40}, "a point after them; got 40 points and num_start 40"),
        ((zeros, zeros), {"num_start": 0}, "num_start 0"),
        ((zeros[:20], zeros[:20]), {}, "a point after them"),
        ((zeros, np.where(np.arange(40) < 12, zeros, np.nan)), {}, "a point after them"),
    ]:
        with pytest.raises(ValueError, match=match):
            adaptive_band(*arguments, **options)
    assert adaptive_band(zeros[:21], zeros[:21]).num_start == 20
    assert adaptive_band(zeros, zeros, num_start=10).num_start == 10
