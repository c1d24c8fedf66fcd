"""The closed form with its band: coverage where it is calibrated, a warning where it is not."""

import random

import pytest
import scipy.stats

import popmath as pm
from popmath.intersections import Asymptotic, asymptotic, log_correlator
from popmath.predictor import LogPrediction, draw_degrees, expected_error


@pytest.fixture(scope="module")
def predictor():
    return pm.AsymptoticPredictor.calibrate(max_points=5, seed=0)


def test_coverage_in_range(predictor):
    """Numbers not used to calibrate, of the calibrated genera; fails once in 10,000 seeds if coverage is 0.9."""
    rng, hits = random.Random(7), []
    for genus in range(8, 14):
        for n in range(3, 6):
            for degrees in draw_degrees(genus, n, 25, rng):
                if (genus, degrees) not in predictor.calibration:
                    hits.append(predictor.predict(genus, degrees).covers(log_correlator(genus, degrees)))
    low, high = scipy.stats.binom.ppf([1e-4, 1 - 1e-4], len(hits), 0.9)
    assert len(hits) > 150
    assert low <= sum(hits) <= high + 0.05 * len(hits)


def test_a_wrong_number_is_not_covered(predictor):
    prediction = predictor.predict(10, (0, 6, 24))
    assert isinstance(prediction, LogPrediction)
    assert not prediction.covers(log_correlator(10, (0, 6, 24)) + 1e-4)


def test_warnings_outside_the_calibrated_range(predictor):
    assert predictor.predict(10, (0, 6, 24)).warnings == ()
    far = predictor.predict(30, (30, 29, 31))
    assert "outside the calibrated genera 8 to 13" in far.warnings[0]
    many = predictor.predict(10, (4,) * 5 + (2, 6, 7))
    assert "more than the calibrated 5" in many.warnings[0]
    assert all(factor >= 1 for factor in predictor.drift.values())


def test_small_groups_are_joined(predictor):
    assert predictor.group_of[1] == predictor.group_of[2] == "n = 1..2"
    assert predictor.group_of[4] == "n = 4"
    with pytest.raises(ValueError, match="too few"):
        pm.AsymptoticPredictor.calibrate(genera=[5], max_points=2, per_type=2)


def test_one_point_is_exact(predictor):
    prediction = predictor.predict(12, (1, 34))
    assert prediction.covers(log_correlator(12, (1, 34)))
    assert prediction.log_upper - prediction.log_lower < 1e-11


def test_expected_error_follows_the_error():
    """For three points the ratio is 1/3 at every genus, to within a factor of two."""
    for genus in (8, 12, 16, 20):
        degrees = (genus - 1, genus, genus + 1)
        approximate = asymptotic(genus, degrees)
        assert isinstance(approximate, Asymptotic)
        ratio = abs(approximate.log_value - log_correlator(genus, degrees)) / expected_error(approximate)
        assert 1 / 6 < ratio < 2 / 3


def test_summary_says_what_it_rests_on(predictor):
    text = predictor.predict(15, (1, 20, 24)).summary()
    for part in ("tau_20", "90% band", "genus 8 to 13", "coverage not guaranteed"):
        assert part in text


@pytest.mark.parametrize(
    ("genus", "degrees", "message"),
    [(5, (4, 5), "exactly 0"), (0, (0, 0, 0), "genus 0"), (10, (2.0, 27), "must be an integer")],
)
def test_what_is_refused(predictor, genus, degrees, message):
    with pytest.raises((ValueError, TypeError), match=message):
        predictor.predict(genus, degrees)


def test_settings_that_are_refused():
    with pytest.raises(ValueError, match="genera"):
        pm.AsymptoticPredictor.calibrate(genera=[])
    with pytest.raises(ValueError, match="confidence_level"):
        pm.AsymptoticPredictor.calibrate(confidence_level=1.0)
