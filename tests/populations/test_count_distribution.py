"""Rates, the record of counts, and what Doi-Peliti models refuse."""

import numpy as np
import pytest

from popmath.populations.age_rates import AgeRates, Predation
from popmath.populations.doi_peliti import DoiPeliti

TWO = AgeRates([0.5], death=[0.1, 0.4], birth=[0.0, 0.3])
THREE = AgeRates([0.9, 0.6], death=[0.2, 0.3, 0.7], birth=[0.0, 0.35, 0.2])
HUNT = {
    "prey": AgeRates([0.5], death=[0.1, 0.3], birth=[0.0, 0.25]),
    "predator": AgeRates([0.4], death=[0.2, 0.3], birth=[0.0, 0.1]),
}
EATS = Predation("prey", "predator", [[0.2, 0.35], [0.05, 0.15]])


def test_record():
    found = DoiPeliti(HUNT, {"prey": 9, "predator": 7}, predation=[EATS]).evolve([2, 1, 1, 1], [0, 0.2], tolerance=0.01)
    table = found.to_dataframe()
    assert table.index.tolist() == [0, 0.2] and table.index.name == "time"
    assert table["mean prey 1"].tolist() == found.means[:, 0].tolist() and "extinct predator" in table
    assert table["sd predator 2"].iloc[1] == pytest.approx(np.sqrt(found.covariances[1, 3, 3]), rel=1e-12)
    assert found.summary().startswith("t = 0.2: prey 1 ") and "1980 states" in found.summary()
    assert found.totals("prey").shape == (2, 10) and found.totals("predator").shape == (2, 8)
    np.testing.assert_allclose(found.totals("prey").sum(axis=1), found.probabilities.sum(axis=1), rtol=1e-13)
    with pytest.raises(ValueError, match="species must be one of"):
        found.totals()
    with pytest.raises(ValueError, match="got 'wolf'"):
        found.extinction_probability("wolf")


def test_rates_refused():
    with pytest.raises(ValueError, match=r"death\[1\] must be a rate, .* got -0.3"):
        AgeRates([0.5], death=[0.1, -0.3], birth=[0.0, 0.8])
    with pytest.raises(ValueError, match=r"birth\[0\] .* got nan"):
        AgeRates([0.5], death=[0.1, 0.3], birth=[np.nan, 0.8])
    for ageing, death, birth in (([0.5, 0.5], [1, 1], [1, 1]), ([0.5], [1, 1], [1]), ([], [], [])):
        with pytest.raises(ValueError, match="one rate per class"):
            AgeRates(ageing, death=death, birth=birth)
    with pytest.raises(ValueError, match="1 dimension"):
        AgeRates([[0.5]], death=[1, 1], birth=[1, 1])
    with pytest.raises(ValueError, match="different species"):
        Predation("x", "x", [[1.0]])
    with pytest.raises(ValueError, match=r"rates\[0, 0\] .* got -1"):
        Predation("x", "y", [[-1.0]])
    with pytest.raises(ValueError, match="read-only"):
        TWO.death[0] = 2.0


def test_models_and_starts_refused():
    with pytest.raises(ValueError, match="the space has .* states"):
        DoiPeliti(THREE, 200)
    with pytest.raises(ValueError, match="whole number, at least 1"):
        DoiPeliti(TWO, 0)
    with pytest.raises(ValueError, match="each of the species"):
        DoiPeliti(HUNT, {"prey": 3})
    with pytest.raises(ValueError, match="by name"):
        DoiPeliti({}, 3)
    with pytest.raises(ValueError, match=r"names \['wolf'\]"):
        DoiPeliti(HUNT, 3, predation=[Predation("prey", "wolf", [[1.0]])])
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        DoiPeliti(HUNT, 3, predation=[Predation("prey", "predator", [[1.0]])])
    model = DoiPeliti(TWO, 6)
    with pytest.raises(ValueError, match="beyond the truncation: at most"):
        model.evolve([4, 3], 1.0)
    for counts in ([1, -1], [0.5, 1], [np.nan, 1]):
        with pytest.raises(ValueError, match="whole and at least 0"):
            model.evolve(counts, 1.0)
    with pytest.raises(ValueError, match=r"counts, shape \(2,\), or the probabilities of all states, shape \(28,\)"):
        model.evolve([1, 1, 1], 1.0)
    for chances in (np.full(28, 0.1), -np.eye(28)[0]):
        with pytest.raises(ValueError, match="sum to at most 1"):
            model.evolve(chances, 1.0)
    for times in (-1.0, [1.0, 0.5], np.nan, [], [[1.0]]):
        with pytest.raises(ValueError, match="times must be"):
            model.evolve([1, 1], np.asarray(times, float))
    with pytest.raises(ValueError, match="tolerance"):
        model.evolve([1, 1], 1.0, tolerance=-1.0)
