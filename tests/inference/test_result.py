"""What a fit says of itself, its intervals, and its forecasts."""

import numpy as np
import pytest

import popmath as pm
from popmath.inference import Forecast
from popmath.inference.uncertainty import Estimate


def test_summary_names_everything(fitted):
    text = fitted.summary()
    for part in (
        "LeslieGower",
        "converged",
        "SS 0.90",
        "AICc",
        "growth_factor[caudatum]",
        "competition[aurelia, caudatum]",
    ):
        assert part in text
    assert repr(text) == str(text)
    assert "<table>" in fitted._repr_html_()
    assert "converged" in repr(fitted)


def test_estimates_lie_in_their_intervals(fitted):
    frame = fitted.to_dataframe()
    assert len(frame) == fitted.num_free == 8
    assert (frame["low"] < frame["value"]).all()
    assert (frame["value"] < frame["high"]).all()
    np.testing.assert_allclose(frame.loc["growth_factor[caudatum]", "value"], fitted.model.growth_factor[0])


def test_correlation_is_one(fitted):
    np.testing.assert_allclose(np.diagonal(fitted.correlation), 1.0)
    np.testing.assert_allclose(fitted.correlation, fitted.correlation.T)
    assert np.abs(fitted.correlation).max() <= 1 + 1e-9
    assert any("strongly correlated" in line for line in fitted.verdict)


def test_when_a_number_counts_as_determined():
    """An interval that spans more than six orders of magnitude, or is not there, says nothing."""
    assert Estimate("a", 1.0, 0.5, 2.0).determined
    assert not Estimate("a", 1.0, 1e-9, 2.0).determined
    assert not Estimate("a", 1.0, np.nan, np.nan).determined


def test_what_the_data_do_not_determine_is_said():
    times = np.arange(12.0)
    alone = pm.Series(times, np.c_[2 * 1.5**times, np.full(12, 1.0)], ("grows", "stays"))
    result = pm.fit(pm.LeslieGower(alone.species), alone, num_starts=8, throw=False)
    assert any("do not determine" in line for line in result.verdict)


def test_predict_is_the_fitted_curve(fitted, mixture):
    np.testing.assert_allclose(fitted.predict(mixture.times), fitted.predicted)
    later = fitted.predict([25, 26])
    np.testing.assert_allclose(later[0], fitted.predicted[-1], rtol=1e-10)
    np.testing.assert_allclose(later[1], fitted.model.step(later[0], np.array(0), None)[0], rtol=1e-5)
    for times in ([], [2, 1], [3, 3], [np.nan], [-1.0]):
        with pytest.raises(ValueError, match="times"):
            fitted.predict(times)


def test_forecast(fitted):
    forecast = fitted.forecast(range(26, 41), confidence_level=0.9)
    assert isinstance(forecast, Forecast)
    assert forecast.predicted.shape == (15, 2)
    assert (forecast.lower >= 0).all()
    assert (forecast.lower <= forecast.predicted).all()
    assert (forecast.predicted <= forecast.upper).all()
    assert "on 48 errors at left-out" in forecast.calibration
    assert "not guaranteed" in forecast.warnings[0]
    assert len(forecast.to_dataframe()) == 30
    assert "90%" in forecast.summary()
    assert "90%" in repr(forecast)
    assert "<table>" in forecast._repr_html_()
    wider = fitted.forecast([26], confidence_level=0.95)
    assert (wider.upper - wider.lower > forecast.upper[:1] - forecast.lower[:1]).all()


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5])
def test_forecast_levels_out_of_range(fitted, level):
    with pytest.raises(ValueError, match="confidence_level"):
        fitted.forecast([26], confidence_level=level)


def test_forecasts_that_cannot_be_made(fitted, mixture):
    with pytest.raises(ValueError, match="after the last time"):
        fitted.forecast([20, 26])
    with pytest.raises(ValueError, match="at least 10001"):
        fitted.forecast([26], confidence_level=0.9999)
    short = pm.fit(pm.LeslieGower(mixture.species), mixture.until(6), num_starts=8, throw=False)
    with pytest.raises(pm.UnableError, match="longer series"):
        short.forecast([7])
