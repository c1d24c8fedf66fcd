"""Figures of ensembles: what the lines and bands show."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import popmath as pm
from popmath.plots.ensemble import plot_ensemble, plot_extinction, plot_fan
from popmath.populations.simulation import simulate

STARTS = np.array([[10.0, 5.0], [200.0, 9.0], [50.0, 0.0], [80.0, 120.0], [5.0, 300.0]])


@pytest.fixture(scope="module")
def ensemble():
    model = pm.Ricker(("hare", "lynx"), [2.2, 0.5], [[0.01, 0.0], [0.0, 0.01]])
    return simulate(model, STARTS, 25, num_replicates=5, extinct_below=[60.0, 2.0])


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_fan_shows_quantiles_and_mean(ensemble):
    ax = plot_fan(ensemble, "lynx")
    found = ensemble.statistics
    median, mean = ax.lines
    assert np.array_equal(median.get_ydata(), found.quantiles[2, :, 1])
    assert np.array_equal(mean.get_ydata(), found.mean[:, 1])
    for k, band in enumerate(ax.collections):
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].max() == found.quantiles[4 - k, :, 1].max()
        assert corners[:, 1].min() == found.quantiles[k, :, 1].min()
    assert len(ax.collections) == 2 and ax.get_title(loc="left") == "lynx"
    with pytest.raises(ValueError, match=r"species must be one of \('hare', 'lynx'\); got 'owl'"):
        plot_fan(ensemble, "owl")


def test_fan_of_other_levels():
    def fan(levels):
        found = simulate(pm.LeslieGower("a", [2.0], [[0.01]]), STARTS[:, :1], 5, num_replicates=5, quantiles=levels)
        ax = plot_fan(found, "a")
        return len(ax.collections), [text.get_text() for text in ax.get_legend().get_texts()]

    assert fan(()) == (0, ["mean"])
    assert fan((0.1, 0.9)) == (1, ["0.1 to 0.9", "mean"])
    assert fan((0.2, 0.6, 0.9)) == (1, ["0.2 to 0.9", "quantile 0.6", "mean"])


def test_extinction_curves(ensemble):
    found = ensemble.statistics
    _, ax = plt.subplots()
    assert plot_extinction(ensemble, ax) is ax
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert np.array_equal(lines["hare"], found.ever_extinct[:, 0])
    assert np.array_equal(lines["hare, at the time"], found.extinct[:, 0])
    assert "lynx, at the time" not in lines and lines["lynx"].tolist() == [0.2] * 26
    assert ax.get_title(loc="left") == "Fallen below the threshold of the species"


def test_all_panels(ensemble):
    figure = ensemble.plot()
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["hare", "lynx", "Fallen below the threshold of the species"]
    many = pm.LeslieGower(tuple("abcde"), np.full(5, 2.0), 0.01 * np.eye(5))
    figure = plot_ensemble(simulate(many, np.ones((2, 5)), 3, num_replicates=2, extinct_below=4.0))
    assert [ax.get_title(loc="left") for ax in figure.axes] == [*"abcde", "Fallen below 4"]
    alone = plot_ensemble(simulate(pm.LeslieGower("a", [2.0], [[0.01]]), [[1.0], [2.0]], 0, num_replicates=2))
    assert [ax.get_title(loc="left") for ax in alone.axes] == ["a", "Died out"]
