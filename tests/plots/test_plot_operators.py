"""Figures of operators: what is drawn is what was computed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from popmath.plots.operators import plot_counts, plot_spectrum
from popmath.plots.series import COLOURS
from popmath.populations.age_rates import AgeRates, Predation
from popmath.populations.doi_peliti import DoiPeliti
from popmath.populations.hamiltonian import leslie_hamiltonian

TURNING = [[0.0, 0.2, 3.0], [0.7, 0.0, 0.0], [0.0, 0.6, 0.4]]
TIMES = np.linspace(0, 2, 6)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def alone():
    rates = AgeRates([0.5], death=[0.1, 0.4], birth=[0.0, 0.3])
    return DoiPeliti(rates, 20).evolve([3, 2], TIMES, tolerance=1e-3)


@pytest.fixture(scope="module")
def hunted():
    species = {
        "prey": AgeRates([0.5], death=[0.1, 0.3], birth=[0.0, 0.2]),
        "predator": AgeRates(death=[0.4], birth=[0.0]),
    }
    eats = Predation("prey", "predator", [[0.2], [0.1]])
    return DoiPeliti(species, {"prey": 12, "predator": 3}, predation=[eats]).evolve([3, 2, 3], TIMES, tolerance=1e-3)


def marks(ax):
    return [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "o"]


def test_spectrum():
    found = leslie_hamiltonian(TURNING)
    figure = found.plot()
    left, right = figure.axes
    for ax, points in ((left, found.multipliers), (right, found.energies)):
        np.testing.assert_array_equal(marks(ax), np.stack([points.real, points.imag], axis=1))
        assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]
        colours = [to_hex(line.get_color()).upper() for line in ax.lines if line.get_marker() == "o"]
        assert colours == [c.upper() for c in COLOURS[:3]]
        x, y = ax.get_xlim(), ax.get_ylim()
        assert all(x[0] < a < x[1] and y[0] < b < y[1] for a, b in marks(ax))
    assert [patch.get_radius() for patch in left.patches] == [abs(found.multipliers[0]), 1.0]
    strip = right.patches[0].get_extents().transformed(right.transData.inverted())
    np.testing.assert_allclose([strip.x0, strip.x1], [-np.pi, np.pi])
    assert "growth" in right.get_ylabel() and "radians" in right.get_xlabel()


def test_ticks_are_multiples_of_pi():
    principal = plot_spectrum(leslie_hamiltonian(TURNING)).axes[1]
    assert [principal.xaxis.get_major_formatter()(tick, 0) for tick in principal.get_xticks()] == [
        "−π",
        "−π/2",
        "0",
        "π/2",
        "π",
    ]
    far = plot_spectrum(leslie_hamiltonian(TURNING, branch=[0, 3, -3])).axes[1]
    low, high = far.get_xlim()
    assert low < -6 * np.pi and high > 6 * np.pi and 5 <= len(far.get_xticks()) <= 9
    for tick in far.get_xticks():
        text = far.xaxis.get_major_formatter()(tick, 0)
        number = float(text.replace("−", "-").removesuffix("π") or 1) if text not in ("π", "−π") else 1.0
        np.testing.assert_allclose(number * (np.pi if "π" in text else 1), tick, atol=1e-12)
    one = plot_spectrum(leslie_hamiltonian([[0.9]])).axes[1]
    assert one.get_ylim()[0] < np.log(0.9) < 0 < one.get_ylim()[1]


def test_counts_with_closed_means(alone):
    left, right = plot_counts(alone).axes
    drawn = [line for line in left.lines if line.get_linestyle() == "-"]
    broken = [line for line in left.lines if line.get_linestyle() != "-"]
    for k in range(2):
        assert np.array_equal(drawn[k].get_ydata(), alone.means[:, k])
        assert np.array_equal(broken[k].get_ydata(), alone.expected[:, k])
        assert np.array_equal(drawn[k].get_xdata(), TIMES)
        edge = left.collections[k].get_paths()[0].vertices[:, 1]
        assert edge.max() == pytest.approx((alone.means[:, k] + np.sqrt(alone.variances[:, k])).max(), rel=1e-9)
        assert edge.min() >= 0
    names = [text.get_text() for text in left.get_legend().get_texts()]
    assert names == ["population 1", "population 2", "exp(Gt) n(0)"]
    bars = right.containers[0]
    heights = [bar.get_height() for bar in bars]
    assert heights == alone.totals()[-1][: len(heights)].tolist() and alone.totals()[-1][len(heights) :].max() < 1e-4
    assert to_hex(bars[0].get_facecolor()) == "#ffffff" and to_hex(bars[1].get_facecolor()) != "#ffffff"
    assert right.get_legend() is None and f"{alone.lost[-1]:.1e}" in right.get_title(loc="left")
    assert right.get_ylabel() == "probability at time 2"


def test_counts_of_several_species(hunted):
    left, right = hunted.plot().axes
    assert len(left.lines) == 3  # no closed means with predation
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["prey", "predator"]
    for container, name in zip(right.containers, ("prey", "predator"), strict=True):
        heights = [bar.get_height() for bar in container]
        assert heights == hunted.totals(name)[-1][: len(heights)].tolist()
    # bars of one species in the colour of its first class, side by side
    handles = [to_hex(patch.get_facecolor()) for patch in right.get_legend().get_patches()]
    assert handles == [to_hex(left.lines[0].get_color()), to_hex(left.lines[2].get_color())]
    first, second = right.containers
    assert first[1].get_x() + first[1].get_width() <= second[1].get_x() + 1e-12


def test_one_time_is_no_plot():
    with pytest.raises(ValueError, match="two times or more"):
        DoiPeliti(AgeRates(death=[0.5], birth=[0.0]), 3).evolve([3], 1.0).plot()
