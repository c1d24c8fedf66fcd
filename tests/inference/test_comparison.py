"""The comparison table: persistence first, hold-out by hand, what is refused."""

import numpy as np
import pytest

import popmath as pm
from popmath.inference import Comparison, compare, persistence


def test_rows(comparison):
    assert isinstance(comparison, Comparison)
    models = ["LotkaVolterraCompetition", "LeslieGower", "Ricker", "LinearLeslieCompetition"]
    assert [row.name for row in comparison.rows] == ["persistence", *models]
    with pytest.raises(KeyError, match="no row"):
        comparison.row("Lotka")


def test_persistence_by_hand(comparison, mixture):
    row = comparison.row("persistence")
    day_12 = mixture.values[mixture.times == 12][0]
    later = mixture.values[mixture.times > 12]
    np.testing.assert_allclose(row.holdout_rmse, np.sqrt(((later - day_12) ** 2).mean(axis=0)))
    assert np.round(row.holdout_rmse).tolist() == [43.0, 46.0]  # as published
    assert persistence(mixture.until(12), np.array([13.0])).tolist() == [day_12.tolist()]


def test_coverage_by_hand(comparison, mixture):
    row = comparison.row("Ricker")
    later = mixture.values[mixture.times > 12]
    inside = (row.forecast.lower <= later) & (later <= row.forecast.upper)
    assert row.coverage == inside.mean()
    np.testing.assert_allclose(row.width, (row.forecast.upper - row.forecast.lower).mean(axis=0))


def test_the_holdout_is_not_seen(comparison, mixture):
    changed = np.array(mixture.values)
    changed[mixture.times > 12] *= 3.0
    other = pm.Series(mixture.times, changed, mixture.species, starts_with_inoculum=True)
    again = compare([pm.Ricker(mixture.species)], other, holdout_after=12, seed=0).row("Ricker")
    np.testing.assert_allclose(again.forecast.predicted, comparison.row("Ricker").forecast.predicted, rtol=1e-4)


def test_text_and_table(comparison):
    text = comparison.summary()
    for part in ("persistence", "AICc", "hold-out RMSE", "coverage", "seed 0"):
        assert part in text
    frame = comparison.to_dataframe()
    assert frame.loc["Ricker", "free_numbers"] == 8
    assert "<table>" in comparison._repr_html_()
    assert "5 rows" in repr(comparison)


def test_a_model_too_large_for_a_band_says_so(comparison):
    row = comparison.row("LinearLeslieCompetition")
    assert row.forecast is None
    assert "no band" in row.note
    assert np.isnan(row.coverage)
    assert "LinearLeslieCompetition: no band" in comparison.summary()
    assert (row.holdout_rmse > 100).all()  # A7: it bends through the data and forecasts nonsense


def test_nothing_to_forecast(mixture):
    with pytest.raises(ValueError, match="holdout_after=25"):
        compare([pm.Ricker(mixture.species)], mixture, holdout_after=25)
