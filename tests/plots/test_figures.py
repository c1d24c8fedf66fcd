"""Figures show what they say they show."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import popmath as pm
from popmath.plots import plot_comparison, plot_fit, plot_forecast, plot_simulation


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_fit(fitted, mixture):
    ax = fitted.plot()
    assert np.array_equal(ax.lines[0].get_ydata(), mixture.values[:, 0])
    assert np.array_equal(ax.lines[2].get_ydata(), fitted.predicted[:, 0])
    assert ax.get_ylabel() == mixture.value_unit
    assert plot_fit(fitted, ax) is ax


def test_forecast(comparison, mixture):
    forecast = comparison.row("Ricker").holdouts[1].forecast
    ax = plot_forecast(forecast, later=mixture)
    assert len(ax.collections) == 2
    for i, band in enumerate(ax.collections):
        edge = band.get_paths()[0].vertices
        assert edge[:, 1].min() == forecast.lower[:, i].min()
        assert edge[:, 1].max() == forecast.upper[:, i].max()
    seen_later = [line.get_ydata() for line in ax.lines if line.get_markerfacecolor() == "none"]
    assert np.array_equal(np.column_stack(seen_later), mixture.values[mixture.times > 12])
    assert "90% band" in ax.get_title(loc="left")
    assert forecast.plot(ax) is ax


def test_comparison(comparison):
    figure = plot_comparison(comparison)
    assert len(figure.axes) % 2 == 0 and len(figure.axes) >= 10  # two hold-outs of at least five models
    assert "persistence" in figure.axes[0].get_title(loc="left")
    assert "90% band covers" in figure.axes[1].get_title(loc="left")


def test_simulation():
    run = pm.simulate(pm.Ricker("a", [0.5], [[0.01]]), [1.0], num_steps=5)
    ax = plot_simulation(run)
    assert np.array_equal(ax.lines[0].get_ydata(), np.asarray(run.abundances)[:, 0])
