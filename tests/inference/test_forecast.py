"""The band of a forecast, calibrated by hand on a refit that is known."""

import numpy as np
import pytest

import popmath as pm
from popmath.inference.forecast import BLOCK, ForecastBand, calibrate, error_scale, make_forecast

RNG = np.random.default_rng(4)
TRUTH = np.column_stack([RNG.uniform(5, 50, 24), RNG.uniform(0, 3, 24)])
GUESS = np.abs(TRUTH + RNG.normal(size=TRUTH.shape))
GUESS[7, 1] = 0.0
SERIES = pm.Series(np.arange(24.0), TRUTH, ("a", "b"), starts_with_inoculum=True, name="known")


def known_refit(asked):
    """A refit that knows nothing of the data and records what it was asked."""

    def refit(kept):
        asked.append(kept.copy())
        return GUESS

    return refit


def test_every_observation_is_left_out_once_with_its_neighbour():
    asked = []
    band = calibrate(SERIES, known_refit(asked), 1, 0.9)
    left_out = np.array([~kept for kept in asked])
    assert left_out.sum(axis=0).tolist() == [0] + [1] * 23  # the inoculum is no observation
    assert all(np.ptp(np.flatnonzero(row)) <= BLOCK - 1 for row in left_out)
    assert band.num_refits == len(asked) == 12
    assert band.split.num_scores == 46
    assert band.describe() == "band calibrated on 46 errors at left-out observations (12 refits)"


def test_half_width_by_hand():
    """Scores |error|/sqrt(guess), the guess at least a hundredth of the species' mean; rank ceil(47 * 0.9) = 43."""
    floor = np.maximum(GUESS, 0.01 * TRUTH.mean(axis=0))
    scores = np.sort((np.abs(TRUTH - GUESS) / np.sqrt(floor))[1:].ravel())
    band = calibrate(SERIES, known_refit([]), 1, 0.9)
    assert isinstance(band, ForecastBand)
    ahead = np.array([[20.0, 2.0], [0.0, 1e-6], [400.0, 0.5]])
    half = scores[42] * np.sqrt(np.maximum(ahead, 0.01 * TRUTH.mean(axis=0)))
    lower, upper = band.interval(ahead)
    np.testing.assert_allclose(upper, ahead + half, rtol=1e-12)
    np.testing.assert_allclose(lower, np.maximum(ahead - half, 0.0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(error_scale(ahead, np.full(2, 100.0)), np.sqrt(np.maximum(ahead, 1.0)))


def test_missing_values_and_refits_that_fail_are_no_errors():
    mask = np.ones(TRUTH.shape, bool)
    mask[3, 0] = mask[9] = False
    gappy = pm.Series(np.arange(24.0), TRUTH, ("a", "b"), mask=mask, starts_with_inoculum=True)
    assert calibrate(gappy, known_refit([]), 1, 0.9).split.num_scores == 43
    partly = np.where(np.arange(24)[:, None] == 5, np.nan, GUESS)
    assert calibrate(SERIES, lambda kept: partly, 1, 0.9).split.num_scores == 44


def test_a_series_too_short_to_leave_anything_out():
    with pytest.raises(pm.UnableError, match="no band: with 2 of its times left out, 'known' has 42 observations.*43"):
        calibrate(SERIES, known_refit([]), 43, 0.9)


@pytest.mark.parametrize(("level", "kind"), [(1.0, ValueError), (0, ValueError), ("0.9", TypeError), (True, TypeError)])
def test_a_wrong_level_is_refused_before_anything_is_fitted(fitted, level, kind):
    with pytest.raises(kind, match="confidence_level"):
        fitted.forecast([26], level)
    if not isinstance(level, str | bool):
        asked = []
        with pytest.raises(ValueError, match="confidence_level"):
            calibrate(SERIES, known_refit(asked), 1, level)
        assert not asked


def test_a_level_too_high_for_the_number_of_errors():
    with pytest.raises(ValueError, match=r"0\.99 needs at least 100 calibration points; there are 46"):
        calibrate(SERIES, known_refit([]), 1, 0.99)


def test_negative_forecasts_are_said():
    band = calibrate(SERIES, known_refit([]), 1, 0.9)
    times = np.array([24.0, 25.0])
    good = make_forecast(SERIES, "model", times, np.array([[10.0, 2.0], [11.0, 2.0]]), band)
    assert good.warnings == (
        "forecast up to 2 days ahead; the calibration errors lie inside the series, so the coverage is not guaranteed",
    )
    bad = make_forecast(SERIES, "model", times, np.array([[10.0, 2.0], [-11.0, 2.0]]), band)
    assert "negative abundances" in bad.warnings[1] and bad.lower.min() >= 0 and bad.upper.min() >= 0


@pytest.mark.parametrize("times", [[25.0], [25.5, 25.2], [26, 26], [], [float("nan")], [10.0], [float("inf")]])
def test_times_that_are_no_forecast(fitted, times):
    with pytest.raises(ValueError, match="times"):
        fitted.forecast(times)


def test_a_forecast_as_text_and_table(fitted):
    forecast = fitted.forecast([26, 30])
    assert forecast.times.tolist() == [26.0, 30.0] and forecast.series is fitted.series
    frame = forecast.to_dataframe()
    assert list(frame.columns) == ["time", "species", "predicted", "lower", "upper"] and len(frame) == 4
    row = frame[(frame["time"] == 30) & (frame["species"] == "aurelia")].iloc[0]
    assert (row["lower"], row["upper"]) == (forecast.lower[1, 1], forecast.upper[1, 1])
    assert forecast.calibration in forecast.summary() and forecast.warnings[0] in forecast.summary()
    assert "caudatum from" in forecast._repr_html_() and "26 to 30 days, 90% band" in repr(forecast)
