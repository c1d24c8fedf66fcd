"""Split conformal bands: by hand, against another library, in groups, and what is refused."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from popmath.conformal import SplitBand, calibrate_split, coverage_and_width, scores_needed


@given(st.lists(st.floats(-1e3, 1e3), min_size=10, max_size=60), st.sampled_from([0.5, 0.8, 0.9]))
def test_quantile_by_hand(errors, level):
    band = calibrate_split(np.zeros(len(errors)), np.array(errors), confidence_level=level)
    rank = int(np.ceil(round((len(errors) + 1) * level, 9)))
    lower, upper = band.predict_interval(np.zeros(1))
    assert upper[0] == pytest.approx(sorted(map(abs, errors))[rank - 1])
    assert lower[0] == -upper[0]


def test_scale_stretches_the_band():
    band = calibrate_split(np.zeros(20), np.arange(20.0), scale=np.full(20, 2.0), confidence_level=0.9)
    lower, upper = band.predict_interval(np.array([10.0, 10.0]), scale=np.array([1.0, 4.0]))
    assert upper[1] - lower[1] == pytest.approx(4 * (upper[0] - lower[0]))


def test_coverage_on_exchangeable_data():
    """With 99 calibration points the coverage given them is Beta(90, 10); of 20,000 new points it stays above its 1e-6
    quantile less five binomial standard errors, so this fails less than once in 500,000 seeds."""
    rng = np.random.default_rng(20261124)
    band = calibrate_split(np.zeros(99), rng.standard_t(3, 99), confidence_level=0.9)
    truth = rng.standard_t(3, 20_000)
    covered, width = coverage_and_width(*band.predict_interval(np.zeros(20_000)), truth)
    low, high = scipy.stats.beta.ppf([1e-6, 1 - 1e-6], 90, 10)
    assert low - 5 * np.sqrt(0.09 / 20_000) < covered < high + 5 * np.sqrt(0.09 / 20_000)
    assert width > 0


def two_groups(rng):
    groups = np.repeat(["narrow", "wide"], 400)
    return groups, rng.normal(size=800) * np.where(groups == "wide", 10.0, 1.0)


def test_groups_cover_each_and_shuffled_labels_do_not():
    """Fixed seed; each group's coverage within 0.05 of 0.9: more than two standard deviations at 400 + 400 points, so a
    new seed may fail once in 40."""
    rng = np.random.default_rng(1)
    groups, errors = two_groups(rng)
    new_groups, new_errors = two_groups(rng)

    def coverage(labels):
        band = calibrate_split(np.zeros(800), errors, groups=labels.tolist(), confidence_level=0.9)
        lower, upper = band.predict_interval(np.zeros(800), groups=new_groups.tolist())
        inside = (lower <= new_errors) & (new_errors <= upper)
        return [float(np.mean(inside[new_groups == g])) for g in ("narrow", "wide")]

    assert coverage(groups) == pytest.approx([0.9, 0.9], abs=0.05)
    assert abs(coverage(rng.permutation(groups))[0] - 0.9) > 0.05  # the negative control


def test_same_intervals_as_crepes():
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(2)
    errors, bins = rng.normal(size=312), np.repeat([0, 1, 2], 104)
    other = crepes.ConformalRegressor().fit(errors, bins=bins)
    theirs = other.predict_int(np.zeros(3), bins=np.arange(3), confidence=0.9)
    band = calibrate_split(np.zeros(312), errors, groups=bins.tolist(), confidence_level=0.9)
    np.testing.assert_allclose(np.c_[band.predict_interval(np.zeros(3), groups=[0, 1, 2])], theirs, rtol=1e-12)


def test_what_is_refused():
    zeros = np.zeros(30)
    with pytest.raises(ValueError, match="at least 10 calibration points; there are 9"):
        calibrate_split(zeros[:9], zeros[:9], confidence_level=0.9)
    with pytest.raises(ValueError, match="in group 'b'"):
        calibrate_split(zeros, zeros, groups=["a"] * 25 + ["b"] * 5)
    with pytest.raises(ValueError, match=r"truth\[3\] is nan"):
        calibrate_split(zeros, np.where(np.arange(30) == 3, np.nan, 0.0))
    with pytest.raises(ValueError, match="scale must be positive"):
        calibrate_split(zeros, zeros, scale=0.0)
    with pytest.raises(ValueError, match="empty"):
        calibrate_split(zeros[:0], zeros[:0])
    with pytest.raises(ValueError, match="one shape"):
        calibrate_split(zeros, zeros[:5])
    with pytest.raises(ValueError, match="one label per prediction"):
        calibrate_split(zeros, zeros, groups=["a"])
    band = calibrate_split(zeros, zeros, groups=["a"] * 30)
    with pytest.raises(ValueError, match="group 'b' was not calibrated"):
        band.predict_interval(zeros[:1], groups=["b"])
    with pytest.raises(ValueError, match="finite"):
        band.predict_interval(np.array([np.inf]), groups=["a"])
    with pytest.raises(ValueError, match="nothing to cover"):
        coverage_and_width(zeros, zeros, zeros * np.nan)


@pytest.mark.parametrize(
    ("level", "kind"), [(0, ValueError), (1, ValueError), (1.2, ValueError), ("0.9", TypeError), (True, TypeError)]
)
def test_levels(level, kind):
    with pytest.raises(kind, match="confidence_level"):
        scores_needed(level)


def test_nothing_uncalibrated_predicts():
    assert hasattr(SplitBand, "predict_interval")
    with pytest.raises(TypeError):
        SplitBand()
