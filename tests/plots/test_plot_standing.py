"""Figures of the last species standing and of stability show what was computed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from popmath.plots.species_standing import plot_separatrix, plot_standing
from popmath.plots.stability import plot_bifurcation
from popmath.populations.bifurcation import bifurcation_sweep
from popmath.populations.standing_regulation import common_regulation
from popmath.populations.standing_theorems import two_guilds


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def line(ax, label):
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


def test_shares():
    record = common_regulation([[[1.2]], [[1.1]], [[1.0]]], [[1.0], [5.0], [9.0]], ("a", "b", "c"))
    ax = record.plot()
    shares = record.project(record.shown_steps())
    for i, name in enumerate("abc"):
        assert np.array_equal(line(ax, name).get_ydata(), shares[:, i])
    assert ax.get_title(loc="left") == "a stands (theorem B, common regulation)"
    assert ax.texts[0].get_text() == f"0.99 after {record.time:g}" and record.time < len(shares)
    assert plot_standing(record, ax) is ax
    tie = common_regulation([[[1.2]], [[1.2]]], [[1.0], [5.0]], ("a", "b")).plot()
    assert "nobody stands alone" in tie.get_title(loc="left") and not tie.texts


def test_separatrix_with_one_class_each():
    record = two_guilds([[1.1, -0.05], [-0.08, 1.08]], (1, 1), [10.0, 11.0], ("a", "b"))
    ax = record.plot_separatrix()
    x, y = line(ax, "separatrix").get_data()
    np.testing.assert_allclose(record.left[0] * x - record.left[1] * y, 0, atol=1e-12 * x.max())
    assert max(x[-1], y[-1]) == pytest.approx(ax.get_xlim()[1])
    way = np.column_stack(line(ax, "way of the start").get_data())
    np.testing.assert_allclose(way[0], [10, 11], rtol=1e-12)
    np.testing.assert_allclose(way[1], record.matrix @ way[0], rtol=1e-12)
    assert ax.get_xlabel() == "a" and ax.get_ylabel() == "b"
    assert plot_separatrix(record, ax) is ax
    # trajectories stay on their side
    for drawn in ax.lines:
        path = np.column_stack(drawn.get_data())
        if len(path) > 2:
            sides = np.sign(path @ [record.left[0], -record.left[1]])
            assert (sides == sides[0]).all()


def test_separatrix_of_guilds():
    signed = np.array([[1.0, 0.1, -0.05], [0.1, 0.8, -0.08], [-0.08, -0.1, 0.9]])
    order = [0, 2, 1]
    record = two_guilds(signed[np.ix_(order, order)], (1, 1, 1), [3.0, 6.0, 2.0], ("a", "b", "c"), mode="clipped")
    ax = record.plot_separatrix()
    assert ax.get_xlabel() == "a + c, by reproductive value" and line(ax, "c = 0 (linear)").get_linestyle() == "--"
    x, y = line(ax, "c = 0 (linear)").get_data()
    start = line(ax, "start").get_xydata()[0]
    # the start lies on the side that c says, and its distance is c
    u, w = record.right, record.left
    worth = np.array([(w * u)[[0, 2]].sum() / u[[0, 2]].sum(), w[1]])
    assert worth @ (start * [1, -1]) == pytest.approx(record.margin, rel=1e-12)
    assert worth[0] * x[-1] == pytest.approx(worth[1] * y[-1], rel=1e-12)
    way = line(ax, "way of the start").get_ydata()
    assert way[-1] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="Theorem B has none"):
        common_regulation([[[1.0]]], [[1.0]], ("a",)).plot_separatrix()


def test_bifurcation():
    sweep = bifurcation_sweep(lambda r: lambda x: r * x * (1 - x), np.linspace(2.5, 4.3, 19), [0.3], names=("x",))
    figure = sweep.plot()
    above, below = figure.axes
    assert np.array_equal(below.lines[0].get_ydata(), sweep.leading_modulus)
    dots, stable, unstable = above.lines[:3]
    assert np.array_equal(dots.get_ydata(), sweep.samples.ravel(), equal_nan=True)
    both = np.where(np.isnan(stable.get_ydata()), unstable.get_ydata(), stable.get_ydata())
    assert np.array_equal(both, sweep.fixed_points[:, 0])
    assert np.isfinite(stable.get_ydata()).sum() == (sweep.values < 3).sum()
    assert below.texts[0].get_text() == "flip at 3" and above.lines[3].get_xdata()[0] == sweep.critical[0].value
    assert len(above.patches) == sweep.escaped.sum() > 0
    assert plot_bifurcation(sweep).axes[0].get_title(loc="left") == "Attractor; 1 critical value"
