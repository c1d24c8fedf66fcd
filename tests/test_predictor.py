"""The closed form with its band: coverage where it is calibrated, a warning where it is not."""

import itertools
import math
import random

import pytest
import scipy.stats

import popmath as pm
from popmath.intersections import Asymptotic, asymptotic, log_correlator
from popmath.predictor import LogPrediction, draw_degrees, expected_error


@pytest.fixture(scope="module")
def predictor():
    return pm.AsymptoticPredictor.calibrate(max_points=5, seed=0)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_coverage_in_range_is_nominal(level):
    """Other numbers of the calibrated genera: their hits in a group are beta-binomial, given exchangeability.

    Each of seven groups stays between its 1e-4 quantiles, so a new seed fails about once in 700; the bands taken 0.6
    times as wide (negative control) do not pass.
    """
    predictor = pm.AsymptoticPredictor.calibrate(confidence_level=level, seed=0)
    rng, hits, narrow = random.Random(99), {}, {}
    for genus, n in itertools.product(range(8, 14), range(3, 10)):
        for degrees in draw_degrees(genus, n, 40, rng):
            if (genus, degrees) in predictor.calibration:
                continue
            prediction, truth = predictor.predict(genus, degrees), log_correlator(genus, degrees)
            assert prediction.warnings == ()
            group = predictor.group_of[n]
            hits.setdefault(group, []).append(prediction.covers(truth))
            half = 0.5 * (prediction.log_upper - prediction.log_lower)
            narrow.setdefault(group, []).append(abs(truth - prediction.log_value) < 0.6 * half)
    assert len(hits) == 7 and all(len(found) > 100 for found in hits.values())
    for group, found in hits.items():
        m = predictor.band.num_scores_by_group[group]
        rank = math.ceil(round((m + 1) * level, 9))
        expected = scipy.stats.betabinom(len(found), rank, m + 1 - rank)
        assert expected.ppf(1e-4) <= sum(found) <= expected.ppf(1 - 1e-4), group
    assert any(sum(narrow[g]) < scipy.stats.binom(len(narrow[g]), level).ppf(1e-4) for g in narrow)


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


def test_the_band_is_widened_by_the_drift_outside_and_nowhere_else(predictor):
    n = max((3, 4, 5), key=lambda n: predictor.drift[predictor.group_of[n]])
    group, seen = predictor.group_of[n], []
    for genus in (10, 20):
        prediction = predictor.predict(genus, (3,) * (n - 1) + (3 * genus - 3 + n - 3 * (n - 1),))
        half = 0.5 * (prediction.log_upper - prediction.log_lower)
        seen.append(half / expected_error(asymptotic(genus, prediction.degrees)) / predictor.band.quantiles[group])
    assert predictor.drift[group] > 1
    assert seen == pytest.approx([1.0, predictor.drift[group]], rel=1e-4)


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


@pytest.mark.parametrize("order", [2, 4, 6])
def test_the_scores_hardly_depend_on_the_genus(order):
    """What makes calibration at low genus carry over: the median of |error| / expected error stays in one band."""
    for genus in (8, 11, 14, 17, 20):
        rng, ratios = random.Random(genus), []
        for n in range(3, 7):
            for degrees in draw_degrees(genus, n, 12, rng):
                approximate = asymptotic(genus, degrees, order)
                error = abs(approximate.log_value - log_correlator(genus, degrees))
                ratios.append(error / expected_error(approximate))
        ratios.sort()
        assert 0.05 < ratios[len(ratios) // 2] < 0.5
        assert ratios[int(0.8 * len(ratios))] < 1


def test_small_levels_of_the_moduli_space():
    """Where the expansion does not exist it is refused; at a lower order there is a prediction, with its warning."""
    with pytest.raises(pm.UnableError, match="order 6 needs"):
        pm.AsymptoticPredictor.calibrate(max_points=3).predict(2, (2, 3))
    low = pm.AsymptoticPredictor.calibrate(order=1, max_points=3, confidence_level=0.3)
    prediction = low.predict(2, (2, 3))
    assert "outside the calibrated genera" in prediction.warnings[0]
    assert prediction.log_lower < prediction.log_value < prediction.log_upper


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
