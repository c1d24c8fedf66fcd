"""Split conformal bands: by hand, against another library, in groups, and what is refused."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import popmath.conformal
import popmath.inference
import popmath.intersections
import popmath.populations
import popmath.predictor
from popmath.conformal import (
    CultureBand,
    HorizonBand,
    QuantileBand,
    SplitBand,
    WeightedBand,
    WindowBand,
    calibrate_split,
    coverage_and_width,
    scores_needed,
)


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
    groups = np.repeat(["narrow", "wide"], [600, 200])
    return groups, rng.normal(size=800) * np.where(groups == "wide", 10.0, 1.0)


def test_groups_cover_each_and_shuffled_labels_do_not():
    """Hits among as many new points are beta-binomial; fails once in 500,000 seeds."""
    rng = np.random.default_rng(1)
    groups, errors = two_groups(rng)
    new_groups, new_errors = two_groups(rng)

    def hits(labels):
        band = calibrate_split(np.zeros(800), errors, groups=labels.tolist(), confidence_level=0.9)
        lower, upper = band.predict_interval(np.zeros(800), groups=new_groups.tolist())
        inside = (lower <= new_errors) & (new_errors <= upper)
        return [int(inside[new_groups == g].sum()) for g in ("narrow", "wide")]

    # of m scores the ceil(0.9 (m + 1))-th is the quantile: 541 of 600, 181 of 200
    ends = [scipy.stats.betabinom(m, k, m + 1 - k).ppf([2.5e-7, 1 - 2.5e-7]) for m, k in ((600, 541), (200, 181))]
    assert all(low <= found <= high for found, (low, high) in zip(hits(groups), ends, strict=True))
    narrow, wide = hits(rng.permutation(groups))  # the negative control
    assert narrow > ends[0][1]
    assert wide < ends[1][0]


@pytest.mark.parametrize(("size", "level"), [(19, 0.9), (10, 0.9), (7, 0.5)])
def test_coverage_is_exact_over_calibrations(size, level):
    """One new point per calibration is covered with probability rank/(size + 1) exactly, whatever the distribution.

    400 calibrations, hits between the 1e-6 quantiles of their binomial: fails once in 500,000 seeds.
    """
    rng, hits = np.random.default_rng(5), 0
    for _ in range(400):
        errors = rng.standard_cauchy(size + 1)
        band = calibrate_split(np.zeros(size), errors[:-1], confidence_level=level)
        lower, upper = band.predict_interval(np.zeros(1))
        hits += bool(lower[0] <= errors[-1] <= upper[0])
    exact = math.ceil(round((size + 1) * level, 9)) / (size + 1)
    assert exact >= level
    low, high = scipy.stats.binom(400, exact).ppf([1e-6, 1 - 1e-6])
    assert low <= hits <= high


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("grouped", [False, True])
def test_same_intervals_as_crepes(level, grouped):
    crepes = pytest.importorskip("crepes")
    # sizes at which (m + 1) * level is no whole number: there crepes 0.9 takes one rank too many by rounding
    rng, bins = np.random.default_rng(2), np.repeat([0, 1, 2, 0, 1, 2], [105, 112, 83, 4, 3, 3])
    predictions, scale = rng.normal(size=310), rng.uniform(0.5, 2.0, 310)
    truth = predictions + scale * rng.normal(size=310)
    old, new = slice(0, 300), slice(300, 310)
    theirs = (
        crepes.ConformalRegressor()
        .fit((truth - predictions)[old], sigmas=scale[old], bins=bins[old] if grouped else None)
        .predict_int(predictions[new], sigmas=scale[new], bins=bins[new] if grouped else None, confidence=level)
    )
    groups = {"groups": bins[old].tolist()} if grouped else {}
    band = calibrate_split(predictions[old], truth[old], scale=scale[old], confidence_level=level, **groups)
    groups = {"groups": bins[new].tolist()} if grouped else {}
    lower, upper = band.predict_interval(predictions[new], scale=scale[new], **groups)
    np.testing.assert_allclose(np.c_[lower, upper], theirs, rtol=1e-12)


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
    rooms = (popmath.conformal, popmath.inference, popmath.intersections, popmath.populations, popmath.predictor)
    things = [getattr(room, name) for room in rooms for name in dir(room)]
    bands = {thing for thing in things if isinstance(thing, type) and hasattr(thing, "predict_interval")}
    assert bands == {SplitBand, HorizonBand, CultureBand, QuantileBand, WeightedBand, WindowBand}
    for band in bands:
        with pytest.raises(TypeError):
            band()
