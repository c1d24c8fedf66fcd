"""Figures of the growth factor show what was computed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from popmath.plots.growth_factor import plot_growth_factor, plot_growth_map
from popmath.populations.growth_maps import growth_curve, growth_map
from popmath.populations.predator_prey import LesliePredatorPrey

MODEL = LesliePredatorPrey([[1.2]], [[0.8]], [[0.5]], [[0.125]])  # threshold 0.8


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_curve():
    curve = growth_curve(MODEL, np.linspace(0, 2, 81))
    ax = curve.plot()
    drawn = lines(ax)
    steady, turning = (np.asarray(drawn[name].get_ydata()) for name in ("growth factor", "oscillating"))
    whole = np.where(np.isfinite(turning), turning, steady)
    assert np.array_equal(whole, curve.growth_factor)
    assert np.array_equal(np.isfinite(turning), np.isfinite(curve.period))
    both = np.isfinite(steady) & np.isfinite(turning)
    assert both.sum() == 1 and np.isfinite(steady | turning if steady.dtype == bool else whole).all()
    assert np.array_equal(drawn["expansion"].get_ydata(), curve.perturbative, equal_nan=True)
    smaller = np.abs(curve.eigenvalues).min(axis=1)
    np.testing.assert_allclose(np.asarray(drawn["other eigenvalues"].get_ydata()), smaller)
    (name,) = [name for name in drawn if name.startswith("collision")]
    assert drawn[name].get_xdata()[0] == curve.threshold.scale and "s = 0.8" in name
    assert plot_growth_factor(curve, ax) is ax


def test_curve_without_threshold():
    quiet = growth_curve(LesliePredatorPrey([[1.2]], [[0.8]], [[0.5]], [[0.0]]), [0.0, 1.0]).plot()
    assert "oscillating" not in lines(quiet) and len(lines(quiet)) == 4
    odd = growth_curve(LesliePredatorPrey(np.eye(2), [[0.5]], [[0.1], [0.1]], [[0.1, 0.1]]), [0.0, 1.0]).plot()
    assert "expansion" not in lines(odd)


def test_map():
    x, y = np.linspace(0.5, 1.5, 21), np.linspace(0, 0.6, 11)
    found = growth_map(lambda a, s: [[a, -s], [s, 0.5]], x, y, x_label="prey growth", y_label="predation")
    ax = found.plot()
    mesh = ax.collections[0]
    assert np.array_equal(np.asarray(mesh.get_array()).reshape(found.modulus.shape), found.modulus)
    assert mesh.norm.vcenter == 1.0 and (ax.get_xlabel(), ax.get_ylabel()) == ("prey growth", "predation")
    line = np.concatenate([path.vertices for path in ax.collections[1].get_paths()])
    value = [np.abs(np.linalg.eigvals([[a, -s], [s, 0.5]])).max() for a, s in line]
    np.testing.assert_allclose(value, 1.0, atol=0.05)  # the grid is coarse
    hatched = ax.collections[2]
    assert hatched.hatches == ["////"]
    edge = np.concatenate([path.vertices for path in ax.collections[3].get_paths()])
    np.testing.assert_allclose(edge[:, 1], np.abs(edge[:, 0] - 0.5) / 2, atol=0.06)  # the threshold
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["growth factor 1", "oscillation"]
    assert plot_growth_map(found, ax) is ax


def test_maps_of_one_kind():
    calm = growth_map(lambda a, b: [[a + b]], [0.1, 0.2], [0.1, 0.2]).plot()
    assert calm.get_legend() is None and len(calm.collections) == 1
    wild = growth_map(lambda a, b: [[a, -1.0], [1.0, a + 0 * b]], [0.1, 0.2], [0.1, 0.2]).plot()
    assert [text.get_text() for text in wild.get_legend().get_texts()] == ["oscillation"]
    with pytest.raises(ValueError, match="at least two values"):
        growth_map(lambda a, b: [[a + b]], [0.1], [0.1, 0.2]).plot()
