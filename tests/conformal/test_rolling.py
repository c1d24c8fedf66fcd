"""Rolling origins, growth with horizon, and the multi-step band: by hand, against crepes, and what is refused."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popmath._errors import UnableError
from popmath.conformal import (
    HorizonBand,
    HorizonGrowth,
    RollingErrors,
    binomial_interval,
    calibrate_rolling,
    count_scale,
    fit_growth,
    rolling_errors,
    rolling_origins,
)

DAYS = np.arange(12.0)


def last_seen(counts, times=None, origins=range(3, 11)):
    """Forecasts that repeat the last count."""
    times = DAYS if times is None else times
    return rolling_errors(times, counts, origins, lambda i: np.broadcast_to(counts[i], counts.shape))


def random_counts(rng, size=12, species=2):
    return rng.poisson(np.linspace(3.0, 60.0, size)[:, None] * np.ones(species)).astype(float)


def test_origins_by_hand():
    seen = np.ones((8, 2), bool)
    seen[2] = False  # no observation: not an origin, and not a time ahead
    seen[4, 1] = False
    # observations up to each row: 2 4 4 6 7 9 11 13
    assert rolling_origins(np.arange(8.0), seen, min_observed=6) == (3, 4, 5, 6)
    assert rolling_origins(np.arange(8.0), seen, min_observed=7) == (4, 5, 6)
    assert rolling_origins(np.arange(8.0), seen, min_observed=6, min_ahead=2) == (3, 4, 5)
    assert rolling_origins(np.arange(8.0), seen, min_observed=4, step=2) == (1, 4, 6)
    assert rolling_origins(np.arange(8.0), seen[:, 0], min_observed=3) == (3, 4, 5, 6)
    seen[7] = False  # the last time is not observed: no origin may have only it ahead
    assert rolling_origins(np.arange(8.0), seen, min_observed=6) == (3, 4, 5)


def test_origins_refused():
    seen = np.ones(5, bool)
    with pytest.raises(UnableError, match="5 observations at 5 times, and a forecast needs 5 before it"):
        rolling_origins(np.arange(5.0), seen, min_observed=5)
    for times in (np.array([0.0, 1.0, 1.0, 2.0, 3.0]), np.array([0.0, np.nan, 2.0, 3.0, 4.0]), np.zeros((5, 1))):
        with pytest.raises(ValueError, match="each above the one before"):
            rolling_origins(times, seen, min_observed=2)
    with pytest.raises(ValueError, match="observed must have shape"):
        rolling_origins(np.arange(5.0), seen[:4], min_observed=2)
    for wrong in ({"min_observed": 0}, {"min_observed": 2, "step": 0}, {"min_observed": 2, "min_ahead": 0}):
        with pytest.raises(ValueError, match="must be at least 1; got 0"):
            rolling_origins(np.arange(5.0), seen, **wrong)


def test_errors_keep_what_is_missing_and_nothing_from_before_the_origin():
    times, counts = np.array([0.0, 1.0, 3.0, 4.0]), np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0], [np.nan, 9.0]])

    def forecast(i):
        made = np.full((4, 2), 10.0 * (i + 1))
        made[3, 0], made[3, 1] = 0.0, np.nan if i == 2 else made[3, 1]
        return made

    made = rolling_errors(times, counts, (1, 2), forecast)
    assert isinstance(made, RollingErrors)
    assert np.isnan(made.forecasts[0, :2]).all()
    assert np.isnan(made.forecasts[1, :3]).all()
    np.testing.assert_array_equal(made.times_ahead, [[-1, 0, 2, 3], [-3, -2, 0, 1]])
    np.testing.assert_array_equal(made.times_seen, [1.0, 3.0])
    assert made.num_errors == 3
    columns = made.columns()
    np.testing.assert_array_equal(
        np.stack([columns[c] for c in ("origin", "time", "ahead", "seen", "species", "forecast", "truth")], axis=1),
        [[1, 3, 2, 1, 0, 20, 5], [1, 3, 2, 1, 1, 20, 6], [1, 4, 3, 1, 1, 20, 9]],
    )
    np.testing.assert_array_equal(made.errors[0, 2], [-15.0, -14.0])


def test_errors_refused():
    counts = np.ones((4, 1))
    for values, origins, made, match in [
        (counts[:3], (1,), counts, "values must have shape"),
        (counts[:, 0], (1,), counts, "values must have shape"),
        (counts * np.inf, (1,), counts, "infinite entry"),
        (counts, (), counts, "origins is empty"),
        (counts, (3,), counts, "origin 3 must be a row from 0 to 2"),
        (counts, (-1,), counts, "origin -1"),
        (counts, (1,), counts[:3], r"must have shape \(4, 1\); got \(3, 1\)"),
        (counts, (1,), counts * np.inf, "forecast from origin 1 is infinite"),
    ]:
        with pytest.raises(ValueError, match=match):
            rolling_errors(np.arange(4.0), values, origins, lambda i, made=made: made)


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=25))
def test_isotonic_growth_never_decreases_and_is_the_least_squares_one(sizes):
    """Against scikit-learn's isotonic regression."""
    from sklearn.isotonic import IsotonicRegression

    ahead = np.arange(len(sizes)) % 7 + 1.0
    curve = fit_growth("isotonic", ahead, np.array(sizes))
    theirs = np.sqrt(np.maximum(IsotonicRegression().fit(ahead, np.square(sizes)).predict(curve.knots), 0.0))
    floor = 0.3 * np.sqrt(np.mean(np.square(sizes))) or 1.0
    np.testing.assert_allclose(curve.heights, np.maximum(theirs, floor), rtol=1e-6, atol=1e-9)
    heights = curve.at(np.linspace(0.5, 20.0, 80))
    assert (np.diff(heights) >= 0).all()
    assert (heights > 0).all()
    assert curve.at(np.array([4.0 * curve.knots[-1]]))[0] == pytest.approx(2.0 * curve.heights[-1])


def test_power_growth_finds_the_exponent_and_never_decreases():
    ahead = np.repeat(np.arange(1.0, 9.0), 5)
    for exponent, found in ((0.0, 0.0), (0.7, 0.7), (1.6, 1.6), (-0.5, 0.0), (5.0, 2.0)):
        signs = np.where(np.arange(ahead.size) % 2, 1.0, -1.0)
        assert fit_growth("power", ahead, signs * ahead**exponent).exponent == pytest.approx(found)
    assert fit_growth("power", np.ones(5), np.arange(5.0)).exponent == 0.0  # one horizon says nothing of growth
    assert fit_growth("power", ahead, np.zeros(ahead.size)).exponent == 0.0
    assert isinstance(fit_growth("none", ahead, ahead), HorizonGrowth)
    np.testing.assert_array_equal(fit_growth("root", ahead, ahead).at(np.array([4.0, 9.0])), [2.0, 3.0])
    np.testing.assert_array_equal(fit_growth("none", ahead, ahead).at(np.array([4.0, 9.0])), [1.0, 1.0])


def test_growth_refused():
    with pytest.raises(ValueError, match="growth must be one of"):
        fit_growth("cubic", np.ones(3), np.ones(3))
    for horizon in (np.zeros(3), np.array([1.0, np.nan]), np.empty(0)):
        with pytest.raises(ValueError, match="above 0"):
            fit_growth("root", horizon, np.ones(horizon.size))


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.9]), st.booleans())
def test_band_by_hand(seed, level, relative):
    counts = random_counts(np.random.default_rng(seed))
    band = calibrate_rolling(last_seen(counts), confidence_level=level, relative=relative, growth="root")
    scores = []
    for i in range(3, 11):
        for t in range(i + 1, 12):
            for k in range(2):
                growth = math.sqrt((t - i) / (i if relative else 1))
                scores.append(abs(counts[t, k] - counts[i, k]) / math.sqrt(max(counts[i, k], 1.0)) / growth)
    quantile = sorted(scores)[math.ceil(round((len(scores) + 1) * level, 9)) - 1]
    assert band.num_scores == len(scores) == 72
    assert band.num_origins == 8
    lower, upper = band.predict_interval(np.array([[400.0, 0.25]]), times_ahead=np.array([5.0]), time_seen=11.0)
    half = quantile * math.sqrt(5.0 / (11.0 if relative else 1.0)) * np.array([20.0, 1.0])
    np.testing.assert_allclose(upper[0], [400.0 + half[0], 0.25 + half[1]])
    np.testing.assert_allclose(lower[0], np.maximum([400.0 - half[0], 0.25 - half[1]], 0.0))


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8]))
def test_asymmetric_band_by_hand(seed, level):
    """The floor(alpha/2 (m + 1))-th smallest signed score below, the ceil((1 - alpha/2)(m + 1))-th above."""
    counts = random_counts(np.random.default_rng(seed))
    made = last_seen(counts)
    band = calibrate_rolling(made, confidence_level=level, symmetric=False, growth="none", floor=2.0)
    columns = made.columns()
    scores = np.sort((columns["truth"] - columns["forecast"]) / np.sqrt(np.maximum(columns["forecast"], 2.0)))
    low, high = math.floor(round(73 * (1 - level) / 2, 9)), math.ceil(round(73 * (1 + level) / 2, 9))
    assert band.quantiles["all"] == pytest.approx((scores[low - 1], scores[high - 1]))
    lower, upper = band.predict_interval(np.array([[1e6]]), times_ahead=np.ones(1), time_seen=1.0)
    assert (lower[0, 0], upper[0, 0]) == pytest.approx((1e6 + 1e3 * scores[low - 1], 1e6 + 1e3 * scores[high - 1]))


def test_log_band_by_hand_is_multiplicative():
    counts = random_counts(np.random.default_rng(3))
    made = last_seen(counts)
    band = calibrate_rolling(made, scores="log", growth="none", floor=0.5)
    columns = made.columns()
    scores = np.sort(np.abs(np.log((columns["truth"] + 0.5) / (columns["forecast"] + 0.5))))
    quantile = scores[math.ceil(0.9 * 73) - 1]
    lower, upper = band.predict_interval(np.array([[9.5], [99.5]]), times_ahead=np.array([1.0, 7.0]), time_seen=3.0)
    np.testing.assert_allclose(upper[:, 0] + 0.5, np.array([10.0, 100.0]) * np.exp(quantile))
    np.testing.assert_allclose(lower[:, 0] + 0.5, np.maximum(np.array([10.0, 100.0]) / np.exp(quantile), 0.5))


@pytest.mark.parametrize("by_species", [False, True])
@pytest.mark.parametrize("growth", ["root", "power", "isotonic", "none"])
def test_same_band_as_crepes(by_species, growth):
    """73 and 37 times 0.9 are no whole numbers: there crepes takes one rank too many by rounding."""
    crepes = pytest.importorskip("crepes")
    counts = random_counts(np.random.default_rng(11)) * np.array([1.0, 5.0])
    made = last_seen(counts)
    columns = made.columns()
    band = calibrate_rolling(made, growth=growth, by_species=by_species)
    sigmas = count_scale(columns["forecast"]) * band.growth.at(columns["ahead"] / columns["seen"])
    bins = columns["species"] if by_species else None
    regressor = crepes.ConformalRegressor().fit(columns["truth"] - columns["forecast"], sigmas=sigmas, bins=bins)
    new, ahead = np.array([[50.0, 300.0], [90.0, 500.0]]), np.array([1.0, 6.0])
    new_sigmas = count_scale(new) * band.growth.at(ahead / 11.0)[:, None]
    theirs = regressor.predict_int(
        new.ravel(), sigmas=new_sigmas.ravel(), bins=np.tile([0, 1], 2) if by_species else None, confidence=0.9
    )
    lower, upper = band.predict_interval(new, times_ahead=ahead, time_seen=11.0)
    np.testing.assert_allclose(np.c_[lower.ravel(), upper.ravel()], np.maximum(theirs, 0.0), rtol=1e-12)
    assert set(band.quantiles) == ({0, 1} if by_species else {"all"})


@given(st.integers(0, 10_000), st.sampled_from(["count", "log"]), st.sampled_from(["root", "power", "isotonic"]))
def test_band_is_never_below_zero_and_never_narrows_with_time(seed, scores, growth):
    rng = np.random.default_rng(seed)
    band = calibrate_rolling(last_seen(random_counts(rng)), scores=scores, growth=growth)
    same = np.full((20, 2), rng.uniform(0.0, 60.0))
    lower, upper = band.predict_interval(same, times_ahead=np.arange(1.0, 21.0), time_seen=11.0)
    assert (lower >= 0).all()
    assert (upper >= same).all()
    assert (np.diff(upper, axis=0) >= 0).all()
    assert (np.diff(lower, axis=0) <= 0).all()


def test_time_unit_does_not_matter_for_a_relative_band():
    counts, new = random_counts(np.random.default_rng(4)), np.full((2, 2), 50.0)
    in_days = calibrate_rolling(last_seen(counts)).predict_interval(
        new, times_ahead=np.array([1.0, 4.0]), time_seen=11.0
    )
    hours = last_seen(counts, 100.0 + 24.0 * DAYS)
    in_hours = calibrate_rolling(hours).predict_interval(new, times_ahead=np.array([24.0, 96.0]), time_seen=264.0)
    np.testing.assert_allclose(in_days, in_hours)


def test_coverage_where_errors_are_exchangeable():
    """Scores of independent errors that grow as the calibration supposes: the new one is covered with probability
    66/73 over calibrations; 500 of them lie in the binomial interval, which fails once in 1,000,000 seeds."""
    rng, hits, truth = np.random.default_rng(20261124), 0, np.full((12, 2), 1000.0)
    for _ in range(500):

        def forecast(i):
            ahead = np.maximum(DAYS - DAYS[i], 0.0)[:, None]
            return truth + 30.0 * np.sqrt(ahead / max(DAYS[i], 1.0)) * rng.normal(size=(12, 2))

        band = calibrate_rolling(rolling_errors(DAYS, truth, range(3, 11), forecast), growth="root", floor=5000.0)
        new = 1000.0 + 30.0 * math.sqrt(4.0 / 11.0) * rng.normal()
        lower, upper = band.predict_interval(np.array([[new]]), times_ahead=np.array([4.0]), time_seen=11.0)
        hits += bool(lower[0, 0] <= 1000.0 <= upper[0, 0])
    low, high = binomial_interval(66 / 73, 500, 1 - 1e-6)
    assert low <= hits / 500 <= high


def test_band_refused():
    counts = random_counts(np.random.default_rng(5))
    made = last_seen(counts)
    few = last_seen(counts, origins=(7, 9))  # 4 + 2 times, 2 species: 12 errors
    assert calibrate_rolling(few).num_scores == 12
    with pytest.raises(
        ValueError, match="at least 20 errors; there are 12 from 2 origins.*more origins, take symmetric"
    ):
        calibrate_rolling(few, symmetric=False)
    with pytest.raises(ValueError, match="at least 10 errors of species 0; there are 6 .*join the species"):
        calibrate_rolling(few, by_species=True)
    with pytest.raises(ValueError, match="at least 20 errors; there are 12"):
        calibrate_rolling(few, confidence_level=0.95)
    with pytest.raises(ValueError, match="scores must be"):
        calibrate_rolling(made, scores="ratio")
    with pytest.raises(ValueError, match="growth must be"):
        calibrate_rolling(made, growth="linear")
    with pytest.raises(ValueError, match="floor must be positive"):
        calibrate_rolling(made, floor=0.0)
    with pytest.raises(ValueError, match="has seen no time"):
        calibrate_rolling(last_seen(counts, origins=range(0, 11)))
    assert calibrate_rolling(last_seen(counts, origins=range(0, 11)), relative=False).num_origins == 11
    with pytest.raises(ValueError, match="no error to calibrate on"):
        calibrate_rolling(rolling_errors(DAYS, counts, (3,), lambda i: np.full((12, 2), np.nan)))
    with pytest.raises(ValueError, match="a forecast is negative"):
        calibrate_rolling(rolling_errors(DAYS, counts, (3,), lambda i: np.full((12, 2), -1.0)))
    with pytest.raises(ValueError, match="truth is negative"):
        calibrate_rolling(rolling_errors(DAYS, counts - 80.0, (3,), lambda i: np.ones((12, 2))), scores="log")


def test_prediction_refused():
    band = calibrate_rolling(last_seen(random_counts(np.random.default_rng(6))), by_species=True)
    new, ahead = np.ones((2, 2)), np.array([1.0, 2.0])
    assert isinstance(band, HorizonBand)
    for predictions, times_ahead, time_seen, match in [
        (new[:, 0], ahead, 5.0, "must be"),
        (new, ahead[:1], 5.0, "must be"),
        (-new, ahead, 5.0, "negative"),
        (new * np.nan, ahead, 5.0, "not finite"),
        (new, ahead - 1.0, 5.0, "above 0"),
        (new, ahead, 0.0, "above 0"),
        (np.ones((2, 3)), ahead, 5.0, "2 species were calibrated; predictions has 3"),
    ]:
        with pytest.raises(ValueError, match=match):
            band.predict_interval(predictions, times_ahead=times_ahead, time_seen=time_seen)
