"""The bands of a forecast, calibrated by hand on refits that are known."""

import math

import numpy as np
import pytest

import popmath as pm
from popmath.inference import mean_of_last_five, persistence
from popmath.inference.bands import BLOCK, block_band, bootstrap_band, make_band, rolling_band, rule_band
from popmath.inference.expected_error import ExpectedError, Refitted
from popmath.inference.forecast import make_forecast

RNG = np.random.default_rng(4)
TRUTH = np.column_stack([RNG.uniform(5, 50, 24), RNG.uniform(0, 3, 24)])
GUESS = np.abs(TRUTH + RNG.normal(size=TRUTH.shape))
ERROR = RNG.uniform(0.5, 2.0, TRUTH.shape)
SERIES = pm.Series(np.arange(24.0), TRUTH, ("a", "b"), starts_with_inoculum=True, name="known")
AFTER = np.array([24.0, 33.0])
AHEAD_ERROR = np.array([[3.0, 0.5], [9.0, 1.5]])


def known_refit(asked, guess=GUESS):
    """A refit that knows nothing of the data and records what it was asked."""

    def refit(weights, new):
        asked.append(weights.copy())
        if new is None:
            return Refitted(guess, ERROR, None, None)
        return Refitted(guess, ERROR, np.full((len(new), 2), 7.0) + len(asked), AHEAD_ERROR[: len(new)])

    return refit


def quantile(scores):
    return np.sort(np.abs(scores).ravel())[math.ceil((scores.size + 1) * 0.9) - 1]


def test_every_observation_is_left_out_once_with_its_neighbour():
    asked = []
    band = block_band(SERIES, known_refit(asked), 1, AFTER, 0.9)
    left_out = np.array([weights == 0 for weights in asked])
    assert left_out.sum(axis=0).tolist() == [0] + [1] * 23  # the inoculum is no observation
    assert all(np.ptp(np.flatnonzero(row)) <= BLOCK - 1 for row in left_out[:-1])
    assert len(asked) == 13 and asked[-1].all()  # the last: to all of it, for the expected errors ahead
    assert band.description == "band calibrated on 46 errors at left-out observations (12 refits)"


def test_half_width_by_hand():
    """Scores |error| / expected error; rank ceil(47 * 0.9) = 43; times the expected error ahead."""
    standard = ((TRUTH - GUESS) / ERROR)[1:]
    band = block_band(SERIES, known_refit([]), 1, AFTER, 0.9)
    ahead = np.array([[20.0, 2.0], [400.0, 0.1]])
    lower, upper = band.interval(ahead)
    np.testing.assert_allclose(upper, ahead + quantile(standard) * AHEAD_ERROR, rtol=1e-12)
    np.testing.assert_allclose(lower, np.maximum(ahead - quantile(standard) * AHEAD_ERROR, 0.0), rtol=1e-12, atol=1e-12)
    samples = band.samples(ahead)
    assert samples.shape == (46, 2, 2) and samples.min() == 0.0
    np.testing.assert_allclose(np.sort(samples[:, 1, 0]), np.sort(400 + standard.ravel() * 9), rtol=1e-9)


def test_rolling_origins_see_twice_the_free_numbers_and_nothing_later():
    asked = []
    band = rolling_band(SERIES, known_refit(asked), 5, AFTER, 0.9)
    seen = [int(weights.sum()) for weights in asked]
    assert seen == [*range(6, 24), 24]  # row 0 is the inoculum; rows 1 to 5 hold ten observations
    assert all((np.diff(weights) <= 0).all() for weights in asked)
    scores = np.concatenate([((TRUTH - GUESS) / ERROR)[rows:].ravel() for rows in seen[:-1]])
    assert band.description == f"band calibrated on {scores.size} errors of forecasts from 18 earlier times"
    _, upper = band.interval(np.full((2, 2), 25.0))
    np.testing.assert_allclose(upper, 25 + quantile(scores) * AHEAD_ERROR, rtol=1e-9)


def test_the_band_of_a_rule_by_hand():
    """Persistence: errors from all origins over the root of the forecast, growing with a power of time ahead."""
    standard, horizon = [], []
    for origin in range(1, 23):
        for row in range(origin + 1, 24):
            for i in range(2):
                last = TRUTH[origin, i]
                standard.append((TRUTH[row, i] - last) / math.sqrt(max(last, 1.0)))
                horizon.append((row - origin) / origin)
    size, reach = np.abs(standard), np.array(horizon)
    power = np.polyfit(np.log(reach), np.log(np.maximum(size, 1e-3 * size.mean())), 1)[0]
    power = min(max(power, 0.0), 2.0)
    band = rule_band(SERIES, persistence, AFTER, 0.9)
    _, upper = band.interval(np.full((2, 2), 25.0))
    half = quantile(size / reach**power) * 5 * (np.array([1.0, 10.0]) / 23) ** power
    np.testing.assert_allclose(upper[:, 0], 25 + half, rtol=1e-9)
    assert band.samples(np.full((2, 2), 25.0)).shape == (len(size), 2, 2)
    level = mean_of_last_five(SERIES, AFTER)
    lower, upper = rule_band(SERIES, mean_of_last_five, AFTER, 0.9).interval(level)
    assert (0 <= lower).all() and (lower < level).all() and (level < upper).all()


def test_bootstrap_members_and_their_centre():
    asked = []
    band = bootstrap_band(SERIES, known_refit(asked), 5, AFTER[:1], 0.9, seed=1)
    assert len(asked) == 20 and all(weights[0] == 0 and weights.sum() == 23 for weights in asked)
    assert band.centre is not None and band.centre.shape == (1, 2)
    assert 8 <= band.centre[0, 0] <= 27  # the middle of members that forecast 8 to 27
    lower, upper = band.interval(band.centre)
    assert (lower >= 0).all() and (lower < band.centre).all() and (band.centre < upper).all()
    again = bootstrap_band(SERIES, known_refit([]), 5, AFTER[:1], 0.9, seed=1)
    assert np.array_equal(again.interval(again.centre)[1], upper)


def test_bands_have_names():
    for name, word in (("rolling", "earlier times"), ("blocks", "left-out observations"), ("enbpi", "bootstrap")):
        assert word in make_band(SERIES, known_refit([]), 5, AFTER, 0.9, name, 0).description


def test_expected_errors_by_hand(fitted):
    """Noise of counts, and derivatives by finite differences through the covariance."""
    problem, vector = fitted.problem, fitted.vector
    expected = ExpectedError(problem, vector, 0, problem.data())
    predicted, counts = fitted.predicted[1:], fitted.series.values[1:]
    floor = 0.01 * fitted.series.values.mean(axis=0)
    noise = ((counts - predicted) ** 2 / np.maximum(predicted, floor)).mean(axis=0) * 48 / 40
    np.testing.assert_allclose(expected.noise, noise, rtol=1e-9)
    times, step = np.array([20.0, 30.0, 47.0]), 1e-5
    slopes = np.stack(
        [
            (problem.predict(vector + step * e, times) - problem.predict(vector - step * e, times)) / (2 * step)
            for e in np.eye(8)
        ],
        axis=-1,
    )
    scale = fitted.series.values.mean(axis=0)
    rows = (
        np.stack(
            [
                (
                    problem.predict(vector + step * e, fitted.series.times)
                    - problem.predict(vector - step * e, fitted.series.times)
                )
                / (2 * step)
                for e in np.eye(8)
            ],
            axis=-1,
        )[1:]
        / scale[:, None]
    )
    largest = fitted.series.values.max(axis=0)
    half = np.log([np.sqrt(5), np.sqrt(5), *[np.sqrt(80)] * 4, 3, 3])  # of the ranges of the starts
    jacobian = rows.reshape(-1, 8)
    covariance = np.linalg.inv(jacobian.T @ jacobian / (fitted.sum_of_squares / 40) + np.diag(1 / half**2))
    found = expected.at(times, problem.predict(vector, times))
    wanted = noise * problem.predict(vector, times) + np.einsum("tsi,ij,tsj->ts", slopes, covariance, slopes)
    assert largest.min() > 0
    np.testing.assert_allclose(found**2, wanted, rtol=1e-3)


def test_missing_values_and_refits_that_fail_are_no_errors():
    mask = np.ones(TRUTH.shape, bool)
    mask[3, 0] = mask[9] = False
    gappy = pm.Series(np.arange(24.0), TRUTH, ("a", "b"), mask=mask, starts_with_inoculum=True)
    assert "on 43 errors" in block_band(gappy, known_refit([]), 1, AFTER, 0.9).description
    partly = np.where(np.arange(24)[:, None] == 5, np.nan, GUESS)
    assert "on 44 errors" in block_band(SERIES, known_refit([], partly), 1, AFTER, 0.9).description
    infinite = np.where(np.arange(24)[:, None] == 23, np.inf, GUESS)
    whole, part = (
        rolling_band(SERIES, known_refit([], guess), 5, AFTER, 0.9).samples(np.ones((2, 2))).shape[0]
        for guess in (GUESS, infinite)
    )
    assert whole - part == 2 * 18


def test_a_series_too_short_to_leave_anything_out():
    with pytest.raises(pm.UnableError, match="no band: with 2 of its times left out, 'known' has 42 observations.*43"):
        block_band(SERIES, known_refit([]), 43, AFTER, 0.9)
    with pytest.raises(pm.UnableError, match="no origin"):
        rolling_band(SERIES, known_refit([]), 24, AFTER, 0.9)
    with pytest.raises(pm.UnableError, match="bootstrap samples of 'known' can be fitted"):
        bootstrap_band(SERIES, known_refit([]), 40, AFTER, 0.9, 0)


def test_negative_forecasts_have_no_band():
    below = GUESS.copy()
    below[20, 0] = -1.0
    for make in (lambda: rolling_band(SERIES, known_refit([], below), 5, AFTER, 0.9),
                 lambda: block_band(SERIES, known_refit([], below), 1, AFTER, 0.9)):  # fmt: skip
        with pytest.raises(pm.UnableError, match="forecasts negative abundances"):
            make()


@pytest.mark.parametrize(("level", "kind"), [(1.0, ValueError), (0, ValueError), ("0.9", TypeError), (True, TypeError)])
def test_a_wrong_level_is_refused_before_anything_is_fitted(fitted, level, kind):
    with pytest.raises(kind, match="confidence_level"):
        fitted.forecast([26], level)
    asked = []
    for name in ("blocks", "rolling", "enbpi"):
        with pytest.raises(kind, match="confidence_level"):
            make_band(SERIES, known_refit(asked), 5, AFTER, level, name, 0)
    assert not asked


def test_a_level_too_high_for_the_number_of_errors():
    with pytest.raises(ValueError, match=r"0\.99 needs at least 100 calibration points; there are 46"):
        block_band(SERIES, known_refit([]), 1, AFTER, 0.99)


def test_negative_forecasts_are_said():
    band = block_band(SERIES, known_refit([]), 1, AFTER, 0.9)
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


def test_persistence_of_a_series_without_inoculum_has_a_band():
    series = pm.Series(np.arange(24.0), TRUTH, ("a", "b"))
    lower, upper = rule_band(series, persistence, AFTER, 0.9).interval(persistence(series, AFTER))
    assert (lower >= 0).all() and (upper > lower).all()
