"""Figures of matrix populations: what is drawn is what was computed, and nothing lies on anything else."""

import itertools
import json
from pathlib import Path

import equinox as eqx
import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, FancyArrowPatch

from popmath.plots import (
    plot_demography,
    plot_eigenvalues,
    plot_elasticity,
    plot_life_cycle,
    plot_projection,
    plot_stable_structure,
)
from popmath.plots.series import COLOURS
from popmath.populations import MatrixPopulation, demography, transient_projection

FILE = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text())
RECORDS = {name: record for name, record in FILE.items() if not name.startswith("_")}


def model_of(name):
    record = RECORDS[name]
    return MatrixPopulation(record["U"], record["F"], names=record["stages"], interval=2, unit="months")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def whale():
    return demography(model_of("killer_whale"))


def test_projection(whale):
    projection = whale.projection(num_steps=30)
    ax = plot_projection(projection)
    assert ax.get_yscale() == "log" and ax.get_xlabel() == "time (months)"
    for i in range(4):
        assert np.array_equal(ax.lines[i].get_ydata(), projection.densities[i])
        assert np.array_equal(ax.lines[i].get_xdata(), 2 * np.arange(31))
    edge = ax.collections[0].get_paths()[0].vertices
    assert edge[:, 1].max() == projection.envelope.upper.max() and edge[:, 1].min() == projection.envelope.lower.min()
    assert len(ax.lines) == 5  # the lower inertia bound is 0: the postreproductive leave nothing
    assert ax.lines[4].get_ydata()[0] == projection.inertia_upper
    low, high = ax.get_ylim()
    assert low < projection.envelope.lower.min() and high > projection.envelope.upper.max()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [*RECORDS["killer_whale"]["stages"], "all starts", "inertia bounds"]


def test_projection_of_a_start_and_of_many_starts(whale):
    one = whale.projection([1, 2, 3, 0])
    figure, ax = plt.subplots()
    assert one.plot(ax) is ax and np.array_equal(ax.lines[0].get_ydata(), one.densities[0])
    assert plot_projection(whale.projection(num_steps=0)).get_xlim() == (0, 2)
    lines = whale.projection(np.eye(8)[:, :4] + 1).plot().lines[:8]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 8
    # a density of 0 has no logarithm: its line ends, and the axis does not go on to 1e-300
    u = np.diag([0.5, 0.1, 0.1], -1) + np.diag([0, 0.8, 0, 0])
    ax = transient_projection(MatrixPopulation(u, np.eye(4)[[0]].T * np.eye(4)[1])).plot()
    assert np.isnan(ax.lines[3].get_ydata()[1:]).all() and ax.get_ylim()[0] > 1e-7
    fading = transient_projection(MatrixPopulation(np.diag([2e-3, 1, 1, 1]), np.zeros((4, 4))), num_steps=9).plot()
    assert 1e-7 < fading.get_ylim()[0] < 1e-6  # down to a millionth
    both = [line.get_ydata()[0] for line in transient_projection(np.full((4, 4), 0.2) + np.eye(4)).plot().lines[4:]]
    np.testing.assert_allclose(both, 1, rtol=1e-9)


def test_stable_structure(whale):
    ax = plot_stable_structure(whale)
    assert [bar.get_height() for bar in ax.patches] == whale.stable_distribution.tolist()
    right = next(other for other in ax.figure.axes if other is not ax)
    assert [bar.get_height() for bar in right.patches] == whale.reproductive_value.tolist()
    assert "yearling = 1" in right.get_ylabel()
    assert [label.get_text() for label in ax.get_xticklabels()] == RECORDS["killer_whale"]["stages"]


def test_elasticity(whale):
    ax = plot_elasticity(whale)
    image = ax.images[0].get_array()
    assert np.array_equal(image.mask, ~(np.asarray(whale.elasticity) > 1e-12))
    assert np.array_equal(image.compressed(), whale.elasticity[~image.mask])
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written[(2, 2)] == f"{whale.elasticity[2, 2]:.2f}" and written[(1, 0)] == "<.01"
    assert len(written) == (~image.mask).sum()
    assert ax.images[0].colorbar is not None and ax.images[0].get_clim() == (0, whale.elasticity.max())
    nine = MatrixPopulation(np.zeros((9, 9)), np.ones((9, 9)))
    many = eqx.tree_at(lambda d: (d.population, d.elasticity), whale, (nine, np.full((9, 9), 1 / 81)))
    assert not plot_elasticity(many).texts


def test_eigenvalues(whale):
    ax = plot_eigenvalues(whale)
    circle, others, dominant = ax.lines[0], ax.lines[3], ax.lines[4]
    np.testing.assert_allclose(np.hypot(circle.get_xdata(), circle.get_ydata()), whale.growth_rate, rtol=1e-12)
    np.testing.assert_allclose(dominant.get_xdata(), whale.growth_rate, rtol=1e-12)
    np.testing.assert_allclose(others.get_xdata() + 1j * others.get_ydata(), whale.eigenvalues[1:], rtol=1e-12)
    assert ax.get_aspect() == 1 and "damping ratio 1.046" in ax.get_title(loc="left")


def test_demography_in_four_panels(whale):
    figure = whale.plot()
    titles = [ax.get_title(loc="left").split(",")[0] for ax in figure.axes]
    assert titles[:4] == ["Projection", "Stable structure", "Elasticity of the growth rate", "Eigenvalues"]
    figure.draw_without_rendering()
    barren = demography(MatrixPopulation(np.zeros((4, 4)), np.zeros((4, 4))))
    figure = plot_demography(barren)
    figure.draw_without_rendering()
    assert "growth rate is 0" in figure.axes[0].texts[0].get_text()
    assert any("growth rate is 0" in text.get_text() for text in figure.axes[2].texts)


def test_batches_are_refused(whale):
    batch = jax.tree.map(lambda field: np.stack([field, field]), whale)
    for function in (plot_demography, plot_stable_structure, plot_elasticity, plot_eigenvalues):
        with pytest.raises(ValueError, match=r"one population.*\(2,\)"):
            function(batch)
    with pytest.raises(ValueError, match="plot describes one population"):
        batch.plot()
    with pytest.raises(ValueError, match="projection describes one population"):
        batch.projection()
    with pytest.raises(ValueError, match=r"one model.*\(2,\)"):
        plot_life_cycle(batch.population)


def drawn(ax):
    """Lines of arrows as (colour, dashed, first point, last point), circles, and heads."""
    patches = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    lines = [patch for patch in patches if patch.get_arrowstyle().__class__.__name__ == "Curve"]
    circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
    return lines, circles, [patch for patch in patches if patch not in lines]


@pytest.mark.parametrize("name", RECORDS)
def test_life_cycle_has_every_entry_and_no_overlap(name):
    model = model_of(name)
    ax = plot_life_cycle(model)
    lines, circles, heads = drawn(ax)
    assert len(circles) == model.num_classes and len({circle.center[1] for circle in circles}) == 1
    for part, colour in (("U", COLOURS[0]), ("F", COLOURS[1])):
        values = np.asarray(getattr(model, part))
        mine = [line for line in lines if to_hex(line.get_edgecolor()).upper() == colour]
        assert len(mine) == (values > 0).sum()
        assert all((line.get_linestyle() in ("-", "solid")) == (part == "U") for line in mine)
        ends = sorted((nearest(line, 0, circles), nearest(line, -1, circles)) for line in mine)
        assert ends == sorted((int(j), int(i)) for i, j in np.argwhere(values > 0))
        rates = sorted(text.get_text() for text in ax.texts if to_hex(text.get_color()).upper() == colour)
        assert rates == sorted(f"{value:.3g}" for value in values[values > 0])
        for line in mine:
            middle = line.get_path().vertices.mean(axis=0)[1] if len(line.get_path().vertices) > 2 else 0.0
            assert middle > 0 if part == "F" else middle <= 0
    assert len(heads) == len(lines)
    assert {text.get_text() for text in ax.texts} >= set(RECORDS[name]["stages"])
    assert_apart(ax)


def reach(line):
    """How far from the row an arrow goes, with its side as the sign; the first and the last class it spans."""
    path = line._path_original
    heights = path.to_polygons(closed_only=False)[0][:, 1]
    return heights[np.abs(heights).argmax()], *sorted((path.vertices[0, 0], path.vertices[-1, 0]))


@pytest.mark.parametrize("name", RECORDS)
def test_longer_arrows_pass_outside_shorter_ones_and_loops(name):
    curves = [reach(line) for line in drawn(plot_life_cycle(model_of(name)))[0] if len(line._path_original) == 4]
    for (high, first, last), (low, start, end) in itertools.permutations(curves, 2):
        if high * low > 0 and first < start + 0.4 and end - 0.4 < last and last - first > end - start + 0.8:
            assert abs(high) > abs(low) + 0.1


def nearest(line, end, circles):
    point = line._path_original.vertices[end]
    distances = [np.hypot(*(point - circle.center)) - circle.radius for circle in circles]
    assert min(distances) == pytest.approx(0, abs=1e-9)
    return int(np.argmin(distances))


def assert_apart(ax):
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    boxes.append(ax.get_legend().get_window_extent())
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    lines, circles, _ = drawn(ax)
    rates = [text for text in ax.texts if text.get_bbox_patch() is not None]
    for line, rate in zip(lines, rates, strict=True):  # in the order they are drawn
        points = line._path_original.to_polygons(closed_only=False)[0]
        for circle in circles:  # no arrow goes through a class
            assert np.hypot(*(points - circle.center).T).min() > circle.radius - 0.01
        inside = ax.transData.inverted().transform_bbox(rate.get_window_extent())
        for other, text in zip(lines, rates, strict=True):  # no rate lies on the arrow of another
            if other is not line:
                path = other._path_original.to_polygons(closed_only=False)[0]
                assert not any(inside.contains(*point) for point in path), (rate.get_text(), text.get_text())
    ends = np.array([line._path_original.vertices[end] for line in lines for end in (0, -1)])
    gaps = [np.hypot(*(one - other)) for one, other in itertools.combinations(ends, 2)]
    assert min(gaps, default=1) > 0.02  # every arrow has its own place on a circle
    for box in boxes:
        assert ax.figure.bbox.x0 <= box.x0 and box.x1 <= ax.figure.bbox.x1
        assert ax.figure.bbox.y0 <= box.y0 and box.y1 <= ax.figure.bbox.y1


def test_life_cycle_with_clones_loops_of_both_kinds_and_other_axes():
    u = [[0.1, 0.2, 0.1], [0.3, 0.4, 0.1], [0.1, 0.2, 0.5]]
    f, c = [[0.5, 1, 2], [0, 0, 0], [0, 0, 0]], [[0.25, 0.75, 0], [0, 0, 0.125], [0, 0, 0.0625]]
    model = MatrixPopulation(u, f, c, names=("seed", "small plant", "big"))
    ax = plot_life_cycle(model)
    assert_apart(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "survival and growth",
        "fertility",
        "clonal reproduction",
    ]
    assert "small\nplant" in {text.get_text() for text in ax.texts}
    lines, _, _ = drawn(ax)
    assert len(lines) == 9 + 3 + 4 and len({str(line.get_linestyle()) for line in lines}) == 3
    figure, small = plt.subplots(figsize=(3, 2.5))
    assert plot_life_cycle(model, small) is small
    assert_apart(small)
    alone = plot_life_cycle(MatrixPopulation([[0.5]], [[0.0]]))
    assert sorted(text.get_text() for text in alone.texts) == ["0.5", "class\n1"]
