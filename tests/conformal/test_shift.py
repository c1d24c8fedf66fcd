"""Learned scales, quantiles, weights by distance, levels that adapt, and predictors as MAPIE wants them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.conformal import (
    AdaptedLevel,
    LearnedScale,
    PrefitRegressor,
    QuantileBand,
    WeightedBand,
    adapt_level,
    calibrate_quantiles,
    calibrate_split,
    calibrate_weighted,
    learn_scale,
)

RNG = np.random.default_rng(5)


def test_a_scale_is_found_again():
    features = RNG.normal(size=(5000, 2))
    errors = np.exp(0.3 - features[:, 0] + 2 * features[:, 1]) * RNG.choice([-1.0, 1.0], 5000)
    scale = learn_scale(features, errors)
    assert isinstance(scale, LearnedScale)
    np.testing.assert_allclose(scale.weights, [0.3, -1.0, 2.0], atol=1e-9)
    np.testing.assert_allclose(scale(features), np.abs(errors), rtol=1e-8)


def test_a_learned_scale_narrows_the_band_and_keeps_its_coverage():
    """10,000 calibration and 10,000 new points: the share covered is 0.9 within 0.0043 (one in 1e4 beyond 0.017)."""
    features = RNG.normal(size=(30_000, 1))
    errors = np.exp(features[:, 0]) * RNG.normal(size=30_000)
    learned, held, new = np.split(np.arange(30_000), 3)
    scale = learn_scale(features[learned], errors[learned])
    widths = []
    for s in (scale(features), np.ones(30_000)):
        band = calibrate_split(np.zeros(10_000), errors[held], scale=s[held])
        lower, upper = band.predict_interval(np.zeros(10_000), scale=s[new])
        assert np.mean((lower <= errors[new]) & (errors[new] <= upper)) == pytest.approx(0.9, abs=0.017)
        widths.append(np.median(upper - lower))
    assert widths[0] < 0.8 * widths[1]


def test_scales_that_are_refused():
    with pytest.raises(ValueError, match="every error is 0"):
        learn_scale(np.ones((3, 1)), np.zeros(3))
    with pytest.raises(ValueError, match="more rows than columns"):
        learn_scale(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="learned from 1 features; got 2"):
        learn_scale(np.arange(3.0)[:, None], np.ones(3))(np.ones((1, 2)))
    with pytest.raises(ValueError, match="must be finite"):
        learn_scale(np.full((3, 1), np.nan), np.ones(3))


def test_quantiles_that_are_right_are_hardly_moved():
    """Normal errors, quantiles known: a shift of 0 within the spread of an order statistic of 20,000 points."""
    truth, at = RNG.normal(size=20_000), 1.6448536269514722
    band = calibrate_quantiles(np.full(20_000, -at), np.full(20_000, at), truth)
    assert isinstance(band, QuantileBand) and abs(band.shift) < 0.06
    too_wide = calibrate_quantiles(np.full(20_000, -at - 1), np.full(20_000, at + 2), truth)
    assert too_wide.shift < -0.9


def test_the_shift_is_the_quantile_of_the_scores():
    low, high, truth = RNG.normal(size=(3, 199))
    low, high = np.minimum(low, high), np.maximum(low, high)
    scores = np.sort(np.maximum(low - truth, truth - high))
    for level in (0.8, 0.9, 0.95):
        assert calibrate_quantiles(low, high, truth, confidence_level=level).shift == pytest.approx(
            scores[round(200 * level) - 1]
        )
    ends = QuantileBand(0.9, -3.0, 10).predict_interval(np.zeros(1), np.ones(1))
    assert ends[0] == ends[1] == 0.5


def test_quantiles_that_are_refused():
    with pytest.raises(ValueError, match="crossed at 20 points"):
        calibrate_quantiles(np.ones(20), np.zeros(20), np.zeros(20))
    with pytest.raises(ValueError, match="needs at least 10"):
        calibrate_quantiles(np.zeros(5), np.ones(5), np.zeros(5))
    with pytest.raises(ValueError, match="one truth for each"):
        calibrate_quantiles(np.zeros(20), np.ones(20), np.zeros(19))


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_equal_places_give_the_split_band(level):
    errors = RNG.normal(size=300)
    band = calibrate_weighted(
        np.zeros(300), errors, places=np.full(300, 7.0), half_distance=1.0, confidence_level=level
    )
    assert isinstance(band, WeightedBand)
    split = calibrate_split(np.zeros(300), errors, confidence_level=level)
    for place in (7.0, 9.0):
        found = band.predict_interval(np.zeros(1), np.array([place]))
        np.testing.assert_array_equal(found, split.predict_interval(np.zeros(1)))


def test_nearer_places_count_more():
    """Errors twice as large at each place: weighted, coverage one place beyond is better than unweighted."""
    places = np.repeat(np.arange(6.0), 400)
    errors = 2.0**places * RNG.normal(size=len(places))
    known = places < 5
    shares = []
    for half_distance in (0.3, 1e6):
        band = calibrate_weighted(
            np.zeros(known.sum()), errors[known], places=places[known], half_distance=half_distance
        )
        lower, upper = band.predict_interval(np.zeros(400), places[~known])
        shares.append(np.mean((lower <= errors[~known]) & (errors[~known] <= upper)))
    assert shares[0] > shares[1] + 0.1


def test_weights_that_are_refused():
    errors, places = np.ones(12), np.arange(12.0)
    band = calibrate_weighted(np.zeros(12), errors, places=places, half_distance=0.5)
    with pytest.raises(ValueError, match="too few for confidence_level 0.9"):
        band.predict_interval(np.zeros(1), np.array([11.0]))
    far = calibrate_weighted(np.zeros(300), np.arange(300.0), places=np.arange(300.0) // 60, half_distance=1.0)
    assert (
        far.predict_interval(np.zeros(1), np.array([1e5]))[1] == far.predict_interval(np.zeros(1), np.array([4.0]))[1]
    )
    with pytest.raises(ValueError, match="one place for each prediction"):
        far.predict_interval(np.zeros(2), np.array([4.0]))
    with pytest.raises(ValueError, match="half_distance must be above 0"):
        calibrate_weighted(np.zeros(12), errors, places=places, half_distance=0.0)
    with pytest.raises(ValueError, match="one shape and at least one"):
        calibrate_weighted(np.zeros(0), np.zeros(0), places=np.zeros(0), half_distance=1.0)


def test_the_level_rises_where_errors_grow_and_stays_where_they_do_not():
    """Six places of 2,000 points: the level of steady errors stays within 0.03."""
    places = np.repeat(np.arange(6.0), 2000)
    steady = RNG.normal(size=len(places))
    assert isinstance(adapt_level(steady, places), AdaptedLevel)
    assert adapt_level(steady, places).final == pytest.approx(0.9, abs=0.03)
    found = adapt_level(steady * 1.3**places, places)
    assert found.final > 0.95 and found.levels[0] == pytest.approx(0.9)
    assert adapt_level(steady * 0.7**places, places).final < 0.9
    with pytest.raises(ValueError, match="two different places"):
        adapt_level(steady, np.zeros(len(places)))
    with pytest.raises(ValueError, match="one place for each score"):
        adapt_level(steady, places[1:])
    with pytest.raises(ValueError, match="gamma must be"):
        adapt_level(steady, places, gamma=0.0)


def test_a_compiled_predictor_is_compiled_for_few_sizes():
    from mapie.regression import SplitConformalRegressor

    sizes = []

    @jax.jit
    def predict(rows):
        sizes.append(len(rows))
        return jnp.sum(rows, axis=1)

    regressor = PrefitRegressor(lambda rows: predict(jnp.asarray(rows, jnp.float32)))
    rows = RNG.normal(size=(70, 3))
    mapie = SplitConformalRegressor(regressor, confidence_level=0.9, prefit=True)
    mapie.conformalize(rows, rows.sum(axis=1) + RNG.normal(size=70))
    for size in (65, 66, 100, 128):
        point, interval = mapie.predict_interval(np.resize(rows, (size, 3)))
        assert point.dtype == np.float64 and (interval[:, 0, 0] < point).all()
    assert sizes == [128]
    with pytest.raises(RuntimeError, match="trained already"):
        regressor.fit(rows, rows[:, 0])
    with pytest.raises(ValueError, match="2 of 3 predictions are not finite"):
        PrefitRegressor(lambda rows: np.array([1.0, np.nan, np.inf]), fill=False).predict(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="one number for each row"):
        PrefitRegressor(lambda rows: rows).predict(np.zeros((4, 2)))
