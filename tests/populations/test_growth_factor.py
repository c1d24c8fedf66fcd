"""Growth factor and threshold against closed forms, determinants and brute force; measured orders of error."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest

from popmath._errors import ConvergenceError, UnableError
from popmath.populations.coupling_threshold import growth_threshold
from popmath.populations.growth_maps import growth_curve, growth_map
from popmath.populations.predation_growth import (
    expansion_terms,
    growth_condition,
    growth_factor,
    perturbative_growth_factor,
)
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks

LX = np.array([[0.0, 1.4, 1.0], [0.6, 0.0, 0.0], [0.0, 0.5, 0.2]])
LY = np.array([[0.1, 0.6], [0.6, 0.4]])
P = np.array([[0.3, 0.4], [0.1, 0.3], [0.0, 0.2]])
Q = np.array([[0.05, 0.2, 0.3], [0.0, 0.1, 0.05]])
rate = st.floats(0.05, 2.0)


def at_scale(model, scale):
    lx, p, q, ly = linear_blocks(model)
    return np.block([[lx, -scale * p], [scale * q, ly]])


def scalar(a, d, p, q):
    return LesliePredatorPrey([[a]], [[d]], [[p]], [[q]])


@hypothesis.settings(max_examples=30)
@hypothesis.given(rate, rate, rate, rate)
def test_one_class_each_in_closed_form(a, d, p, q):
    hypothesis.assume(abs(a - d) > 1e-3 * a and abs((a - d) ** 2 - 4 * p * q) > 1e-6)
    model = scalar(a, d, p, q)
    found = growth_factor(model)
    where = abs(a - d) / (2 * np.sqrt(p * q))
    threshold = growth_threshold(model)
    assert threshold.kind == "collision" and threshold.turns_complex
    assert threshold.scale == pytest.approx(where, rel=1e-10)
    assert threshold.value == pytest.approx((a + d) / 2, rel=1e-7)
    root = np.sqrt(complex((a - d) ** 2 - 4 * p * q))
    pair = np.array([(a + d + root) / 2, (a + d - root) / 2])
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues), np.sort_complex(pair), rtol=1e-10, atol=1e-12)
    if 4 * p * q > (a - d) ** 2:
        assert found.value**2 == pytest.approx(a * d + p * q, rel=1e-10)
        assert found.period == pytest.approx(2 * np.pi / np.angle(pair[0]), rel=1e-10)
        assert found.regime.endswith("oscillation") and found.perturbative is None and where < 1
        assert f"past the threshold {threshold.scale:.10g}" in found.reason
        with pytest.raises(UnableError, match="past the threshold.*turned complex.*exact one"):
            perturbative_growth_factor(model)
    else:
        assert found.period is None and found.value == pytest.approx(pair[0].real, rel=1e-10)
        expected = max(a, d) - p * q / abs(a - d)
        assert found.perturbative == pytest.approx(expected, rel=1e-10, abs=1e-10)
        assert perturbative_growth_factor(model) == found.perturbative
        assert found.regime == ("growth" if found.value > 1 else "decay")


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    hnp.arrays(float, (3, 3), elements=st.floats(0, 1)),
    hnp.arrays(float, (2, 2), elements=st.floats(0, 1)),
    hnp.arrays(float, (3, 2), elements=st.floats(0, 1)),
    hnp.arrays(float, (2, 3), elements=st.floats(0, 1)),
    st.floats(0.0, 2.0),
    st.complex_numbers(max_magnitude=3),
)
def test_exact_condition(lx, ly, p, q, scale, value):
    """The determinant of the size of the prey, times that of the predators alone, is the characteristic polynomial."""
    model = LesliePredatorPrey(lx, ly, p, q)
    apart = np.abs(np.linalg.eigvals(ly) - value).min()
    hypothesis.assume(apart > 0.01 and np.linalg.svd(value * np.eye(2) - ly, compute_uv=False)[-1] > 0.005)
    whole = np.linalg.det(value * np.eye(5) - at_scale(model, scale))
    part = growth_condition(model, value, scale=scale) * np.linalg.det(value * np.eye(2) - ly)
    np.testing.assert_allclose(part, whole, rtol=1e-10, atol=1e-10)


def test_condition_vanishes_at_the_growth_factor_only():
    model = LesliePredatorPrey(LX, LY, P, Q)
    for scale in (0.2, 1.0):
        for value in growth_factor(model, scale=scale).leading:
            assert abs(growth_condition(model, value, scale=scale)) < 1e-13
            assert abs(growth_condition(model, value + 0.1, scale=scale)) > 1e-3
    with pytest.raises(UnableError, match="is an eigenvalue of the predator matrix"):
        growth_condition(scalar(1.0, 0.5, 1.0, 1.0), 0.5)
    with pytest.raises(ValueError, match="value must be finite"):
        growth_condition(model, np.nan)


def slope(model, scales, own):
    """Power of the scale that the error of the expansion falls with, fitted."""
    errors = [np.abs(np.linalg.eigvals(at_scale(model, s)) - own(s)).min() for s in scales]
    return np.polyfit(np.log(scales), np.log(errors), 1)[0]


@pytest.mark.parametrize("faster", ["prey", "predator"])
def test_error_is_of_fourth_order(faster):
    rng = np.random.default_rng(5)
    for _ in range(4):
        m, n = rng.integers(1, 5, 2)
        lx, ly = 0.2 + rng.random((m, m)), 0.2 + rng.random((n, n))
        lx, ly = (matrix / np.abs(np.linalg.eigvals(matrix)).max() for matrix in (lx, ly))
        lx, ly = (1.5 * lx, ly) if faster == "prey" else (lx, 1.5 * ly)
        model = LesliePredatorPrey(lx, ly, (0.2 + rng.random((m, n))) / m, (0.2 + rng.random((n, m))) / n)
        threshold = growth_threshold(model).scale
        scales = threshold * np.geomspace(0.02, 0.1, 5)
        found = slope(model, scales, lambda s, model=model: perturbative_growth_factor(model, scale=s))
        assert 3.8 < found < 4.2
        assert all(perturbative_growth_factor(model, scale=s) < 1.5 for s in scales)  # predation lowers it
        assert 1.9 < slope(model, scales, lambda s: 1.5) < 2.1  # negative control: the term itself is of second order


def test_error_of_the_degenerate_case_is_of_second_order():
    rng = np.random.default_rng(6)
    for _ in range(4):
        m, n = rng.integers(2, 5, 2)
        lx, ly = (
            matrix / np.abs(np.linalg.eigvals(matrix)).max() for matrix in (rng.random((m, m)), rng.random((n, n)))
        )
        model = LesliePredatorPrey(1.1 * lx, 1.1 * ly, rng.random((m, n)), rng.random((n, m)))
        scales = np.geomspace(1e-4, 1e-2, 8)
        assert 1.8 < slope(model, scales, lambda s, model=model: perturbative_growth_factor(model, scale=s)) < 2.2
        assert 0.8 < slope(model, scales, lambda s: 1.1) < 1.2  # negative control
        found = growth_factor(model, scale=1e-3)
        assert found.expansion == "degenerate" and found.regime == "growing oscillation" and found.error < 1e-4
        assert found.threshold.scale == 0.0 and found.threshold.kind == "collision" and len(found.leading) == 2
    alike = scalar(0.9, 0.9, 0.5, 0.2)  # with one class each it is exact
    assert perturbative_growth_factor(alike, scale=2.0) == pytest.approx(0.9 + 2j * np.sqrt(0.1), rel=1e-12)


def first_scale_not_led_by_a_positive_eigenvalue(model, top, num=600):
    """On a fine grid, then by bisection."""

    def lost(scale):
        values = np.linalg.eigvals(at_scale(model, scale))
        leading = values[np.argmax(np.abs(values))]
        return abs(leading.imag) > 1e-12 * abs(leading) or leading.real < 0

    low = 0.0
    for scale in np.linspace(0, top, num)[1:]:
        if lost(scale):
            high = scale
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (low, middle) if lost(middle) else (middle, high)
            return high
        low = scale
    return None


def random_hunt(rng, k):
    m, n = [(2, 3), (3, 2), (1, 2), (4, 4)][k % 4]
    lx, ly = rng.random((m, m)), rng.random((n, n)) * rng.choice([0.5, 1.0, 2.0])
    if k % 3 == 0:  # Leslie matrices
        lx, ly = (np.diag(rng.random(len(a) - 1), -1) for a in (lx, ly))
        lx[0], ly[0] = lx[0] + 2 * rng.random(m), ly[0] + rng.random(n)
    p, q = (rng.random(shape) * (rng.random(shape) < 0.6) for shape in ((m, n), (n, m)))
    return LesliePredatorPrey(lx, ly, p, q)


def check_threshold(model):
    found = growth_threshold(model)
    top = 5.0 if found.scale is None else 1.5 * found.scale
    brute = first_scale_not_led_by_a_positive_eigenvalue(model, top)
    if found.scale is None:
        assert brute is None
        return found.kind
    assert found.scale == pytest.approx(brute, rel=1e-9)
    values = np.linalg.eigvals(at_scale(model, found.scale))
    assert np.abs(values - found.value).min() < 1e-6
    beyond = np.linalg.eigvals(at_scale(model, found.scale * (1 + 1e-6)))
    leading = beyond[np.argmax(np.abs(beyond))]
    assert (abs(leading.imag) > 0) == found.turns_complex
    near = abs(leading - found.value) < 0.05 * found.value  # the pair is born at the branch, or comes from elsewhere
    assert near if found.kind == "collision" else not near
    return found.kind


def test_threshold_against_brute_force():
    rng = np.random.default_rng(0)
    kinds = {check_threshold(random_hunt(rng, k)) for k in range(24)}
    assert {"collision", "overtaken by a complex pair"} <= kinds


@pytest.mark.slow
def test_threshold_against_brute_force_at_length():
    rng = np.random.default_rng(1)
    kinds = {check_threshold(random_hunt(rng, k)) for k in range(400)}
    assert kinds >= {"collision", "overtaken by a complex pair", "overtaken by a real eigenvalue"}


def test_threshold_near_a_tie():
    """The curve is a circle as small as the difference of the growth rates."""
    for gap in (1e-3, 1e-6, 1e-8):
        found = growth_threshold(scalar(1.0 + gap, 1.0, 0.5, 0.3))
        assert found.scale == pytest.approx(gap / (2 * np.sqrt(0.15)), rel=1e-10 + 1e-14 / gap)


def test_overtaken_by_a_real_eigenvalue():
    """The prey have a class apart whose growth predation leaves alone."""
    apart = LesliePredatorPrey(np.diag([1.2, 1.1]), [[0.5]], [[0.3], [0.0]], [[0.3, 0.0]])
    found = growth_threshold(apart)
    # 1.1 = (1.7 + sqrt(.49 - .36 s^2))/2
    assert found.kind == "overtaken by a real eigenvalue" and not found.turns_complex
    assert found.scale == pytest.approx(np.sqrt((0.49 - 0.25) / 0.36), rel=1e-9)
    assert found.value == pytest.approx(1.1, rel=1e-9)
    beyond = growth_factor(apart, scale=1.0)
    assert beyond.value == pytest.approx(1.1) and beyond.period is None and beyond.perturbative is None
    assert "overtaken by a real eigenvalue" in beyond.reason and "overtaken" in beyond.summary()


def test_overtaken_by_a_complex_pair():
    """A second pair of classes oscillates by itself, coupled more strongly: |.|^2 = .8^2 + s^2 there."""
    prey, predators = np.diag([1.3, 0.8]), np.diag([0.2, 0.8])
    model = LesliePredatorPrey(prey, predators, np.diag([0.01, 1.0]), np.diag([0.01, 1.0]))
    found = growth_threshold(model)
    assert found.kind == "overtaken by a complex pair" and found.turns_complex
    assert found.scale == pytest.approx(np.sqrt(1.3**2 - 0.8**2), rel=1e-3)
    assert np.hypot(0.8, found.scale) == pytest.approx(found.value, rel=1e-10)


def test_never():
    alone = growth_threshold(LesliePredatorPrey(LX, LY, P, 0 * Q))
    assert alone.kind == "never" and alone.scale is None and alone.max_scale == np.inf
    assert growth_factor(LesliePredatorPrey(LX, LY, P, 0 * Q)).error < 1e-12
    useless = LesliePredatorPrey(
        np.diag([1.2, 0.5]), [[0.5]], [[1.0], [0.0]], [[0.0, 1.0]]
    )  # eats one, gains by the other
    found = growth_threshold(useless)
    assert found.kind == "never" and 1000 <= found.max_scale < 1e4 and "stays real up to" in found.summary()
    early = growth_threshold(LesliePredatorPrey(LX, LY, P, Q), max_scale=0.3)
    assert early.kind == "never" and early.max_scale == 0.3
    assert growth_threshold(LesliePredatorPrey(LX, LY, P, Q), max_scale=0.4).kind == "collision"
    with pytest.raises(UnableError, match="beyond .* up to which the leading eigenvalue was followed"):
        perturbative_growth_factor(useless, scale=1e5)
    with pytest.raises(ValueError, match="max_scale must be positive"):
        growth_threshold(useless, max_scale=-1.0)


UNABLE = [
    (
        LesliePredatorPrey([[0.0, 2.0], [0.5, 0.0]], [[0.1]], [[0.1], [0.1]], [[0.1, 0.1]]),
        "prey matrix is imprimitive: 2",
    ),
    (
        LesliePredatorPrey(np.eye(2), [[0.1]], [[0.1], [0.1]], [[0.1, 0.1]]),
        "prey alone is no simple eigenvalue.*2 groups",
    ),
    (LesliePredatorPrey([[1, 0], [1, 1]], [[0.1]], [[0.1], [0.1]], [[0.1, 0.1]]), "no simple eigenvalue"),
    (
        LesliePredatorPrey([[0.1]], [[0.0, 2.0], [0.5, 0.0]], [[0.1, 0.1]], [[0.1], [0.1]]),
        "predator matrix is imprimitive",
    ),
    (LesliePredatorPrey([[0, 0], [1, 0]], [[0.0]], [[0.1], [0.1]], [[0.1, 0.1]]), "neither species reproduces alone"),
    (LesliePredatorPrey(np.diag([1.0, 0.5]), [[1.0]], [[0.0], [0.1]], [[0.1, 0.1]]), "passes by their leading vectors"),
]


@pytest.mark.parametrize(("model", "message"), UNABLE)
def test_where_no_branch_leads(model, message):
    with pytest.raises(UnableError, match=message):
        growth_threshold(model)
    with pytest.raises(UnableError, match=message):
        perturbative_growth_factor(model)
    found = growth_factor(model, scale=0.5)
    assert found.threshold is None and found.perturbative is None and found.expansion == "none" and found.error is None
    assert found.value == pytest.approx(np.abs(np.linalg.eigvals(at_scale(model, 0.5))).max(), rel=1e-9)
    assert f"no perturbative value: {found.reason}" in found.summary()
    curve = growth_curve(model, [0.0, 0.5])
    assert curve.threshold is None and np.isnan(curve.perturbative).all() and curve.reason in curve.summary()


def test_reducible_matrices_have_an_expansion():
    """A class past reproduction makes the matrix reducible, not its growth rate multiple."""
    old = np.array([[0.5, 1.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.3]])
    model = LesliePredatorPrey(old, [[0.6]], [[0.1], [0.1], [0.2]], [[0.1, 0.2, 0.3]])
    scales = growth_threshold(model).scale * np.geomspace(0.02, 0.1, 8)
    assert 3.8 < slope(model, scales, lambda s: perturbative_growth_factor(model, scale=s)) < 4.2


def test_regimes():
    def regime(*numbers):
        found = growth_factor(scalar(*numbers))
        return found.regime, found.period

    assert regime(1.0, 0.5, 0.0, 0.3) == ("neutral", None)
    assert regime(0.9, 0.5, 0.0, 0.3) == ("decay", None)
    assert regime(1.1, 0.5, 0.0, 0.3) == ("growth", None)
    assert regime(0.6, 0.6, 0.8, 0.8) == ("neutral oscillation", pytest.approx(2 * np.pi / np.arctan2(0.8, 0.6)))
    assert regime(0.6, 0.6, 0.7, 0.8)[0] == "decaying oscillation"
    assert regime(0.6, 0.6, 0.9, 0.8)[0] == "growing oscillation"
    assert regime(1.0, 1.0, 1e-7, 1e-7)[1] == pytest.approx(2 * np.pi / 1e-7, rel=1e-6)  # slow, but no rounding
    assert regime(1.2, 0.8, 0.2, 0.2) == ("neutral", None)  # the double eigenvalue itself, which rounding splits
    cycle = LesliePredatorPrey([[0.0, 2.0], [0.5, 0.0]], [[0.1]], np.zeros((2, 1)), np.zeros((1, 2)))
    found = growth_factor(cycle)
    assert found.regime == "neutral oscillation" and found.period == pytest.approx(2) and len(found.leading) == 2
    nothing = growth_factor(LesliePredatorPrey([[0.0]], [[0.0]], [[0.0]], [[0.0]]))
    assert nothing.value == 0 and nothing.regime == "decay" and nothing.period is None
    negative = LesliePredatorPrey([[0.0, 1.0], [1.0, 0.0]], [[1.0]], [[0.5], [0.5]], [[0.5, 0.5]])
    found = growth_factor(negative)  # (1, -1, 0) keeps its eigenvalue -1 while predation lowers the others
    assert found.period == pytest.approx(2 * np.pi / np.abs(np.angle(found.leading)).min())


def test_wrong_scales_and_clipped_models():
    model = LesliePredatorPrey(LX, LY, P, Q)
    for function in (growth_factor, perturbative_growth_factor):
        for scale in (-1.0, np.nan, np.inf):
            with pytest.raises(ValueError, match="scale must be finite and at least 0"):
                function(model, scale=scale)
    clipped = LesliePredatorPrey(LX, LY, P, Q, mode="clipped")
    for function in (growth_factor, perturbative_growth_factor, growth_threshold):
        with pytest.raises(UnableError, match="clipped"):
            function(clipped)


def test_scale_is_a_factor_on_the_blocks():
    model, doubled = LesliePredatorPrey(LX, LY, P, Q), LesliePredatorPrey(LX, LY, 2 * P, 2 * Q)
    assert growth_threshold(doubled).scale == pytest.approx(growth_threshold(model).scale / 2, rel=1e-12)
    np.testing.assert_allclose(growth_factor(model, scale=2.0).eigenvalues, growth_factor(doubled).eigenvalues)
    start, coefficient, kind = expansion_terms(linear_blocks(doubled))
    assert (
        coefficient == pytest.approx(4 * expansion_terms(linear_blocks(model))[1], rel=1e-12) and kind == "second order"
    )
    assert start == pytest.approx(np.abs(np.linalg.eigvals(LX)).max(), rel=1e-12)


def test_curve():
    model = LesliePredatorPrey(LX, LY, P, Q)
    curve = growth_curve(model, np.linspace(0, 1, 11))
    for i, scale in enumerate(curve.scales):
        single = growth_factor(model, scale=scale)
        assert curve.growth_factor[i] == pytest.approx(single.value, rel=1e-12)
        np.testing.assert_allclose(np.abs(curve.eigenvalues[i]), np.abs(single.eigenvalues), rtol=1e-9)
        assert np.isfinite(curve.period[i]) == (single.period is not None)
        if single.perturbative is None:
            assert np.isnan(curve.perturbative[i])
        else:
            assert curve.perturbative[i] == pytest.approx(single.perturbative, rel=1e-12)
    assert "collision at scale 0.33" in curve.summary() and "off by up to" in curve.summary()
    alike = growth_curve(scalar(1.1, 1.1, 0.3, 0.2), [0.0, 1.0])
    np.testing.assert_allclose(alike.perturbative, alike.growth_factor, rtol=1e-12)
    for scales, message in (([-1.0, 0.0], "at least 0"), ([1.0, 0.0], "rising"), ([], "rising"), ([[1.0]], "row")):
        with pytest.raises(ValueError, match=message):
            growth_curve(model, scales)


def test_map():
    def build(fertility, scale):
        prey = LX.copy()
        prey[0] = [0, fertility, fertility]
        return LesliePredatorPrey(prey, LY, scale * P, scale * Q)

    x, y = np.linspace(0.2, 1.8, 5), np.linspace(0.0, 1.0, 4)
    found = growth_map(build, x, y, x_label="fertility", y_label="scale")
    for (i, b), (j, a) in ((i, j) for i in enumerate(y) for j in enumerate(x)):
        single = growth_factor(build(a, b))
        assert found.modulus[i, j] == pytest.approx(single.value, rel=1e-12)
        assert found.regime[i, j] == single.regime
        expected = np.inf if single.period is None else single.period
        assert found.period[i, j] == pytest.approx(expected, rel=1e-9)
    assert np.array_equal(found.oscillates, np.isfinite(found.period)) and found.oscillates.any()
    matrices = growth_map(lambda a, b: build(a, b).projection_matrix(), x, y)
    assert np.array_equal(matrices.modulus, found.modulus)
    table = found.to_dataframe()
    assert len(table) == 20 and table["growth factor"].iloc[7] == found.modulus[1, 2]
    assert table["fertility"].iloc[7] == x[2] and table["scale"].iloc[7] == y[1]
    assert "growth factor" in found.summary() and "%" in found.summary()


def test_map_refuses():
    x = [0.0, 1.0]
    for build in (lambda a, b: [[np.nan]], lambda a, b: [[a, b]], lambda a, b: np.eye(1 + int(a))):
        with pytest.raises(ValueError, match="must return a LesliePredatorPrey or a finite square matrix"):
            growth_map(build, x, x)
    with pytest.raises(ValueError, match="y_values must be a row of finite, rising"):
        growth_map(lambda a, b: [[a]], x, [0.0, 0.0])


def test_a_branch_that_is_lost_is_said(monkeypatch):
    monkeypatch.setattr("popmath.populations.coupling_threshold._MOST_STEPS", 3)
    model = LesliePredatorPrey(LX, LY, P, Q)
    with pytest.raises(ConvergenceError, match="could not be followed beyond scale"):
        growth_threshold(model)
    assert "could not be followed" in growth_factor(model).reason
