"""The comparison table: persistence first, hold-out by hand, what is refused."""

import numpy as np
import pytest

import popmath as pm
from popmath.inference import Candidate, Comparison, ComparisonRow, Holdout, compare, mean_of_last_five, persistence


def test_rows(comparison):
    assert isinstance(comparison, Comparison)
    models = ["LotkaVolterraCompetition", "LeslieGower", "Ricker", "LinearLeslieCompetition"]
    assert [row.name for row in comparison.rows] == ["persistence", "mean of last five", *models]
    assert isinstance(comparison.row("Ricker"), ComparisonRow)
    assert comparison.holdout_after == (17.0, 12.0)
    assert all(isinstance(out, Holdout) for row in comparison.rows for out in row.holdouts)
    with pytest.raises(KeyError, match="no row"):
        comparison.row("Lotka")


def test_persistence_by_hand(comparison, mixture):
    row = comparison.row("persistence").holdouts[1]
    day_12 = mixture.values[mixture.times == 12][0]
    later = mixture.values[mixture.times > 12]
    np.testing.assert_allclose(row.rmse, np.sqrt(((later - day_12) ** 2).mean(axis=0)))
    assert np.round(row.rmse).tolist() == [43.0, 46.0]  # as published
    day_17, last = mixture.values[mixture.times == 17][0], mixture.values[mixture.times > 17]
    found = comparison.row("persistence").holdouts[0].rmse
    np.testing.assert_allclose(found, np.sqrt(((last - day_17) ** 2).mean(axis=0)))
    assert np.round(found, 1).tolist() == [13.4, 23.6]  # as published
    assert persistence(mixture.until(12), np.array([13.0])).tolist() == [day_12.tolist()]


def test_coverage_by_hand(comparison, mixture):
    row = comparison.row("Ricker").holdouts[1]
    later = mixture.values[mixture.times > 12]
    inside = (row.forecast.lower <= later) & (later <= row.forecast.upper)
    assert row.coverage == inside.mean()
    np.testing.assert_allclose(row.width, (row.forecast.upper - row.forecast.lower).mean(axis=0))


def test_the_holdout_is_not_seen(comparison, mixture):
    changed = np.array(mixture.values)
    changed[mixture.times > 12] *= 3.0
    other = pm.Series(mixture.times, changed, mixture.species, starts_with_inoculum=True)
    again = compare([pm.Ricker(mixture.species)], other, holdout_after=12, seed=0).row("Ricker").holdouts[0]
    seen = comparison.row("Ricker").holdouts[1].forecast
    np.testing.assert_allclose(again.forecast.predicted, seen.predicted, rtol=1e-4)


def test_text_and_table(comparison):
    text = comparison.summary()
    for part in ("persistence", "AICc", "Hold-out: fitted up to 17 days", "CRPS", "coverage", "seed 0"):
        assert part in text
    frame = comparison.to_dataframe()
    assert frame.loc["Ricker", "free_numbers"] == 8
    assert "<table>" in comparison._repr_html_()
    assert "6 rows" in repr(comparison)


def test_a_model_too_large_for_a_band_says_so(comparison):
    row = comparison.row("LinearLeslieCompetition").holdouts[1]
    assert row.forecast is None
    assert "no band" in row.note
    assert np.isnan(row.coverage)
    assert "LinearLeslieCompetition, after 12: no band" in comparison.summary()
    assert (row.rmse > 100).all()  # A7: it bends through the data and forecasts nonsense


def test_nothing_to_forecast(mixture):
    with pytest.raises(ValueError, match="holdout_after=25"):
        compare([pm.Ricker(mixture.species)], mixture, holdout_after=25)


def test_mean_of_last_five_by_hand(comparison, mixture):
    row = comparison.row("mean of last five").holdouts[1]
    level = mixture.values[(mixture.times > 7) & (mixture.times <= 12)].mean(axis=0)
    np.testing.assert_allclose(mean_of_last_five(mixture.until(12), np.array([13.0])), [level])
    later = mixture.values[mixture.times > 12]
    np.testing.assert_allclose(row.rmse, np.sqrt(((later - level) ** 2).mean(axis=0)))
    assert row.forecast.lower.min() >= 0


def test_the_recommended_model_is_the_first_that_aicc_does_not_rule_out(comparison):
    for k, after in enumerate(comparison.holdout_after):
        best = comparison.recommended(after)
        fits = {row.name: row.holdouts[k].fit for row in comparison.rows if row.fit is not None}
        found = {name: fit.aicc for name, fit in fits.items() if fit.converged and np.isfinite(fit.aicc)}
        near = [name for name, aicc in found.items() if aicc <= min(found.values()) + 2]
        assert best.name == near[0] and len(found) >= 3
    assert comparison.recommended(17).name == comparison.recommended(12).name == "LotkaVolterraCompetition"
    with pytest.raises(ValueError, match="not in tuple"):
        comparison.recommended(13)


def test_crps_is_that_of_the_calibration_errors_around_the_forecast(comparison, mixture):
    out = comparison.row("Ricker").holdouts[1]
    later = mixture.values[mixture.times > 12]
    made = out.fit.band(mixture.times[mixture.times > 12], 0.9)
    samples = made.samples(out.forecast.predicted)
    size = len(samples)
    for i in range(2):
        by_hand = [
            np.abs(samples[:, t, i] - later[t, i]).mean()
            - np.abs(samples[:, None, t, i] - samples[None, :, t, i]).sum() / (2 * size * (size - 1))
            for t in range(len(later))
        ]
        assert out.crps[i] == pytest.approx(np.mean(by_hand))
    assert (out.crps < out.rmse).all()


def test_holdouts_of_the_recommended_model(comparison):
    """10 / 26 after day 17 and 10 / 35 after day 12, where persistence has 13.4 / 23.6 and 43 / 46."""
    for after, limits in ((17, (10, 26)), (12, (10, 35))):
        row = comparison.recommended(after)
        out = row.holdouts[comparison.holdout_after.index(after)]
        assert (out.rmse <= limits).all(), (row.name, out.rmse)
        assert 0.8 <= out.coverage <= 1.0


def test_a_candidate_has_settings_and_a_name_of_its_own(comparison, mixture):
    same = Candidate(pm.Ricker(mixture.species), "held", fixed={"growth_rate": 0.9})
    found = compare([same], mixture, holdout_after=20, num_starts=8, band="rolling")
    row = found.row("held")
    assert row.fit.num_free == 6 and row.fit.model.growth_rate.tolist() == [0.9, 0.9]
    assert row.fit.sum_of_squares > comparison.row("Ricker").fit.sum_of_squares
    assert "earlier times" in row.holdouts[0].forecast.calibration


def test_a_series_too_short_for_bands_is_compared_without(mixture):
    short = pm.Series(mixture.times[:9], mixture.values[:9, 0], "caudatum", starts_with_inoculum=True, name="short")
    found = compare([pm.LeslieGower("caudatum")], short, holdout_after=6, num_starts=8)
    for row in found.rows:
        out = row.holdouts[0]
        assert out.forecast is None and "needs" in out.note and np.isfinite(out.rmse).all()
