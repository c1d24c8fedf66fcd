"""The complex-valued model: equal to the real one, and to its closed form where there is one."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

import popmath as pm
from popmath._errors import UnableError
from popmath.populations.complex_leslie import ComplexLeslie, evolve_solvable, solvable_case
from popmath.populations.linear_evolution import evolve
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.predation_growth import growth_factor

square = hnp.arrays(float, (3, 3), elements=st.floats(0.0, 1.0))
starts = hnp.arrays(float, 6, elements=st.floats(0.0, 5.0))
R = np.array([[0.0, 2.0], [0.5, 0.25]])


@hypothesis.settings(max_examples=30)
@hypothesis.given(square, square, starts, st.integers(0, 12))
def test_complex_is_real(r, s, start, t):
    model = ComplexLeslie(r, s)
    power = np.linalg.matrix_power(r + 1j * s, t)  # complex arithmetic
    zeta = power @ (start[:3] + 1j * start[3:])
    tolerance = 1e-12 * (np.linalg.matrix_power(r + s, t).max() * 30 + 1e-9)
    expected = np.concatenate([zeta.real, zeta.imag])
    real = model.to_predator_prey()
    for each in (model, real):
        np.testing.assert_allclose(evolve(each, start, t), expected, rtol=1e-10, atol=tolerance)
    mixed = evolve(model.complex_matrix(), start[:3] + 1j * start[3:], t)
    np.testing.assert_allclose(mixed, zeta, rtol=1e-10, atol=tolerance)
    np.testing.assert_array_equal(model.projection_matrix(), real.projection_matrix())
    values = np.linalg.eigvals(r + 1j * s)
    both, polynomial = np.concatenate([values, values.conj()]), np.poly(model.projection_matrix())
    np.testing.assert_allclose(np.poly(both).real, polynomial, atol=1e-11 * np.abs(polynomial).max())
    assert model.growth_factor() == pytest.approx(np.abs(values).max(), rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_growth_factor_is_that_of_the_real_model(seed):
    rng = np.random.default_rng(seed)
    model = ComplexLeslie(rng.random((3, 3)), rng.random((3, 3)))
    found = growth_factor(model.to_predator_prey())
    assert found.value == pytest.approx(model.growth_factor(), rel=1e-10)
    assert found.expansion == "degenerate" and found.regime.endswith("oscillation") and found.threshold.scale == 0


@hypothesis.settings(max_examples=30)
@hypothesis.given(square, st.floats(0.0, 3.0), starts, st.integers(0, 12))
def test_solvable_closed_form(r, kappa, start, t):
    hypothesis.assume(np.abs(np.linalg.eigvals(r)).max() > 0.1)
    model = ComplexLeslie(r, kappa * r)
    case = solvable_case(model)
    assert case.kappa == pytest.approx(kappa, rel=1e-12, abs=1e-15)
    x, y, theta = start[:3], start[3:], np.arctan(kappa)
    power, size = np.linalg.matrix_power(r, t), (1 + kappa**2) ** (t / 2)
    prey = size * (np.cos(t * theta) * power @ x - np.sin(t * theta) * power @ y)
    predators = size * (np.sin(t * theta) * power @ x + np.cos(t * theta) * power @ y)
    tolerance = 1e-12 * size * (power @ (x + y)).max() + 1e-300
    found = evolve_solvable(model, start, t)
    np.testing.assert_allclose(found, np.concatenate([prey, predators]), rtol=1e-10, atol=tolerance)
    np.testing.assert_allclose(evolve(model, start, t), found, rtol=1e-10, atol=10 * tolerance)
    assert case.growth_factor == pytest.approx(model.growth_factor(), rel=1e-10)
    if kappa > 1e-3:
        assert case.period == pytest.approx(2 * np.pi / theta, rel=1e-10)


def test_period_by_hand():
    model = ComplexLeslie(R, np.sqrt(3) * R)  # theta = 60 degrees, growth doubled
    case = solvable_case(model)
    assert case.period == pytest.approx(6) and case.theta == pytest.approx(np.pi / 3)
    start = np.array([1.0, 2.0, 3.0, 0.5])
    turned = evolve_solvable(model, start, [0, 6, 12])
    for i, t in ((1, 6), (2, 12)):
        power = np.linalg.matrix_power(2 * R, t)
        np.testing.assert_allclose(turned[i], np.concatenate([power @ start[:2], power @ start[2:]]), rtol=1e-12)
    assert growth_factor(model.to_predator_prey()).period == pytest.approx(6)
    assert solvable_case(ComplexLeslie(R, 0 * R)).period == np.inf
    assert "period 6" in case.summary()


def test_closed_form_far_away():
    model = ComplexLeslie([[0.8]], [[0.6]])
    t = 10**6
    angle = t * np.arctan2(0.6, 0.8)
    np.testing.assert_allclose(evolve_solvable(model, [1.0, 0.0], t), [np.cos(angle), np.sin(angle)], atol=1e-9)


def test_simulation_names_and_matrix_populations():
    whelk = MatrixPopulation.from_matrix(R, fertility_rows=0, names=("egg", "adult"))
    model = ComplexLeslie(whelk, 0.1 * R, species=("hare", "lynx"))
    assert model.class_names == ("egg", "adult") and model.to_predator_prey().species == ("hare", "lynx")
    assert model.to_predator_prey().state_names[3] == ("lynx", "adult")
    run = pm.simulate(model, [3.0, 2.0, 1.0, 4.0], 10)
    np.testing.assert_allclose(np.asarray(run.states)[10], evolve(model, [3.0, 2.0, 1.0, 4.0], 10), rtol=1e-12)
    np.testing.assert_allclose(run.abundances[0], [5.0, 5.0])
    low = (np.asarray(run.states)[1:] < 0).any(axis=1)
    assert np.array_equal(np.asarray(run.info["negative"]), low) and low.any()


def test_refusals():
    with pytest.raises(UnableError, match=r"S is not proportional to R.*S\[1, 0\] would be 0.152174 but is 0.5"):
        solvable_case(ComplexLeslie(R, [[0.0, 0.5], [0.5, 0.25]]))
    with pytest.raises(UnableError, match="S is not proportional"):
        evolve_solvable(ComplexLeslie(R, R + 1e-6 * np.eye(2)), np.ones(4), 2)
    with pytest.raises(UnableError, match="R is all 0"):
        solvable_case(ComplexLeslie(0 * R, R))
    for r, s, message in (
        (R, np.eye(3), r"S must have shape \(2, 2\).*got shape \(3, 3\)"),
        (R[:1], R, r"R \(of 'prey'\) must be square"),
        (R, -R, r"S\[0, 1\] must be finite and at least 0; got -2"),
        (-R, R, r"R\[0, 1\] must be finite and at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            ComplexLeslie(r, s)
    with pytest.raises(ValueError, match="species must be two names"):
        ComplexLeslie(R, R, species=("a",))
    with pytest.raises(TypeError, match="not one that JAX is tracing"):
        jax.jit(lambda r: solvable_case(ComplexLeslie(r, r)).kappa)(R)
    with pytest.raises(ValueError, match="at least 0"):
        evolve_solvable(ComplexLeslie(R, R), -np.ones(4), 2)
