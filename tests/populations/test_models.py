"""The models against closed forms, plain NumPy and SciPy, none of which share code with them."""

import inspect

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.integrate

import popmath as pm
from popmath.populations import PopulationModel

positive = st.floats(0.05, 2.0)


def run(model, initial, num_steps):
    return np.asarray(pm.simulate(model, initial, num_steps).abundances)


@hypothesis.given(growth=st.floats(0.2, 5.0).filter(lambda x: abs(x - 1) > 1e-3), effect=positive, start=positive)
def test_leslie_gower_alone_is_beverton_holt(growth, effect, start):
    """1/N has a linear recursion with a closed solution."""
    t = np.arange(21)
    closed = 1.0 / (growth**-t / start + effect * (1 - growth**-t) / (growth - 1))
    model = pm.LeslieGower(("a",), [growth], [[effect]])
    np.testing.assert_allclose(run(model, [start], 20)[:, 0], closed, rtol=1e-11)


def test_leslie_gower_together_one_step_by_hand():
    model = pm.LeslieGower(("a", "b"), [3.0, 2.0], [[0.1, 0.5], [0.25, 0.05]])
    # competition[i, j] is the effect of j on i: a meets 1 + 0.1*4 + 0.5*2 = 2.4, b meets 1 + 0.25*4 + 0.05*2 = 2.1
    np.testing.assert_allclose(run(model, [4.0, 2.0], 1)[1], [12 / 2.4, 4 / 2.1], rtol=1e-15)


def test_ricker_one_step_by_hand_and_fixed_point():
    model = pm.Ricker(("a",), [0.5], [[0.005]])
    assert run(model, [10.0], 1)[1, 0] == pytest.approx(15.683121854901689, rel=1e-14)  # 10 exp(0.45)
    np.testing.assert_allclose(run(model, [100.0], 30), 100.0, rtol=1e-13)
    pair = pm.Ricker(("a", "b"), [0.5, 0.5], [[0.1, 0.0], [0.05, 0.0]])
    np.testing.assert_allclose(run(pair, [1.0, 2.0], 1)[1], [np.exp(0.4), 2 * np.exp(0.45)], rtol=1e-14)


def test_ricker_overcompensates_beyond_growth_rate_two():
    """A two-cycle N1 + N2 = 2K, N1 exp(r (1 - N1/K)) = N2."""
    late = run(pm.Ricker(("a",), [2.3], [[0.023]]), [30.0], 600)[-4:, 0]
    assert late[0] == pytest.approx(late[2], rel=1e-9) and late[1] == pytest.approx(late[3], rel=1e-9)
    assert late[0] + late[1] == pytest.approx(200.0, rel=1e-9) and abs(late[0] - late[1]) > 50


def test_lotka_volterra_alone_is_logistic():
    t, rate, capacity, start = np.arange(21), 0.7, 100.0, 3.0
    closed = capacity / (1 + (capacity / start - 1) * np.exp(-rate * t))
    found = run(pm.LotkaVolterraCompetition(("a",), [rate], [[rate / capacity]]), [start], 20)[:, 0]
    np.testing.assert_allclose(found, closed, rtol=1e-5)


def test_lotka_volterra_equilibria():
    """Weak competition: A N = r. Strong competition: who starts ahead stands at its carrying capacity."""
    rates, effects = np.array([1.0, 0.8]), np.array([[0.01, 0.004], [0.003, 0.008]])
    both = pm.LotkaVolterraCompetition(("a", "b"), rates, effects)
    np.testing.assert_allclose(run(both, [5.0, 1.0], 300)[-1], np.linalg.solve(effects, rates), rtol=1e-4)
    strong = pm.LotkaVolterraCompetition(("a", "b"), rates, effects[:, ::-1])
    late = run(strong, [50.0, 1.0], 300)[-1]
    assert late[1] < 1e-9 * late[0] and late[0] == pytest.approx(strong.carrying_capacity[0], rel=1e-4)


def test_lotka_volterra_error_follows_its_tolerance():
    rates, effects, start = np.array([1.1, 0.8]), np.array([[0.004, 0.003], [0.0015, 0.0023]]), [0.4, 2.2]
    times = np.array([0.0, 0.7, 3.0, 10.0, 25.0])
    truth = scipy.integrate.solve_ivp(
        lambda t, n: n * (rates - effects @ n), (0, 25), start, "DOP853", t_eval=times, rtol=1e-13, atol=1e-13
    ).y.T
    tolerances, errors = [1e-5, 1e-8], []
    for tolerance in tolerances:
        model = pm.LotkaVolterraCompetition(("a", "b"), rates, effects, tolerance=tolerance)
        with jax_x64():
            errors.append(np.abs(np.asarray(model.states_at(np.array(start), times)) / truth - 1).max())
    assert all(error < 30 * tolerance for error, tolerance in zip(errors, tolerances, strict=True)), errors
    assert 200 < errors[0] / errors[1] < 5000, errors  # proportional to the tolerance


def jax_x64():
    import jax

    return jax.enable_x64(True)


def leslie(fertility, survival):
    """A Leslie matrix with a plus group, entry by entry."""
    matrix = np.zeros((len(fertility),) * 2)
    matrix[0] = fertility
    for a in range(len(fertility) - 1):
        matrix[a + 1, a] = survival[a]
    matrix[-1, -1] += survival[-1]
    return matrix


SHAPES = {"fertility": (2, 3), "survival": (2, 3), "competition": (2, 3, 3)}
ranges = {"fertility": st.floats(0.05, 2.0), "survival": st.floats(0.1, 1.0), "competition": st.floats(0.01, 0.5)}
structured = st.fixed_dictionaries({n: hnp.arrays(float, SHAPES[n], elements=ranges[n]) for n in SHAPES})
states = hnp.arrays(float, (2, 3), elements=positive)


def cooperative(p):
    """N of Theorem A, by SciPy-free blocks: the projection with its competition blocks turned positive."""
    one, two = (leslie(p["fertility"][i], p["survival"][i]) for i in (0, 1))
    return np.vstack([np.hstack([one, p["competition"][0]]), np.hstack([p["competition"][1], two])])


@hypothesis.given(p=structured, start=states)
def test_linear_leslie_is_its_block_matrix(p, start):
    model, signs = pm.LinearLeslieCompetition(("a", "b"), **p), np.repeat([1.0, -1.0], 3)
    matrix = cooperative(p) * np.outer(signs, signs)
    np.testing.assert_allclose(np.asarray(model.projection_matrix()), matrix, rtol=1e-6)  # float32 outside x64
    found = pm.simulate(model, start, 8)
    for t in (1, 3, 8):
        expected = (np.linalg.matrix_power(matrix, t) @ start.ravel()).reshape(2, 3)
        size = (np.linalg.matrix_power(np.abs(matrix), t) @ start.ravel()).max()
        np.testing.assert_allclose(np.asarray(found.states)[t], expected, atol=1e-13 * size)
        np.testing.assert_allclose(np.asarray(found.abundances)[t], expected.sum(1), atol=1e-12 * size)
        assert bool(found.info["negative"][t - 1]) == bool((np.asarray(found.states)[t] < 0).any())


@hypothesis.given(p=structured, start=states)
def test_theorem_a_the_sign_of_c_decides_which_species_stands(p, start):
    """A4: p.x - q.y grows by lambda every step, and its sign is that of species 1 and against species 2 in the end."""
    cooperation = cooperative(p)
    values, right = np.linalg.eig(cooperation)
    order = np.argsort(-np.abs(values))
    growth, gap = values[order[0]].real, abs(values[order[1]]) / abs(values[order[0]])
    right = np.abs(right[:, order[0]].real)
    values, left = np.linalg.eig(cooperation.T)
    left = np.abs(left[:, np.argmax(np.abs(values))].real)
    left /= left @ right
    c = left[:3] @ start[0] - left[3:] @ start[1]
    z = np.asarray(pm.simulate(pm.LinearLeslieCompetition(("a", "b"), **p), start, 400).states)
    kept = z[:21, 0] @ left[:3] - z[:21, 1] @ left[3:]
    scale = np.abs(kept).max() + growth ** np.arange(21) * np.abs(start).sum()
    np.testing.assert_allclose(kept / scale, growth ** np.arange(21) * c / scale, atol=1e-10)
    hypothesis.assume(gap**400 * 1e3 * np.abs(start).sum() < abs(c) * right.min())
    hypothesis.assume(abs(c) > 1e-9 * np.abs(start).sum())
    assert (np.sign(z[-1, 0]) == np.sign(c)).all() and (np.sign(z[-1, 1]) == -np.sign(c)).all()


def test_one_class_with_a_plus_group_adds_newborns_and_survivors():
    model = pm.LinearLeslieCompetition(("a", "b"), [[1.5], [0.75]], [[0.25], [0.5]], [[[0.1]], [[0.2]]])
    assert model.num_classes == 1
    np.testing.assert_allclose(run(model, [[4.0], [2.0]], 1)[1], [1.75 * 4 - 0.1 * 2, 1.25 * 2 - 0.2 * 4], rtol=1e-14)


TWO = ("a", "b")
NAN = float("nan")


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (pm.LeslieGower, {"growth_factor": [1.0]}, r"growth_factor must have shape \(2,\).*got \(1,\)"),
        (pm.LeslieGower, {"growth_factor": [1.0, -1.0]}, "growth_factor must be at least 0"),
        (pm.LeslieGower, {"competition": [[1.0, NAN], [0.0, 1.0]]}, "competition must be finite"),
        (pm.LeslieGower, {"interval": 0.0}, "interval must be positive"),
        (pm.Ricker, {"growth_rate": [[1.0], [1.0]]}, "growth_rate must have shape"),
        (pm.Ricker, {"growth_rate": [1.0, float("inf")]}, "growth_rate must be finite"),
        (pm.Ricker, {"competition": [1.0, 1.0]}, r"competition must have shape \(2, 2\)"),
        (pm.Ricker, {"interval": -1.0}, "interval must be positive"),
        (pm.LotkaVolterraCompetition, {"competition": [[1.0, -0.1], [0.0, 1.0]]}, "competition must be at least 0"),
        (pm.LotkaVolterraCompetition, {"growth_rate": [NAN, 1.0]}, "growth_rate must be finite"),
        (pm.LotkaVolterraCompetition, {"tolerance": 0.0}, "tolerance must be positive"),
        (pm.LinearLeslieCompetition, {"survival": [[0.5, 1.01], [0.5, 0.0]]}, "survival must be at most 1"),
        (pm.LinearLeslieCompetition, {"survival": [[0.5, -0.01], [0.5, 0.0]]}, "survival must be at least 0"),
        (pm.LinearLeslieCompetition, {"fertility": [0.0, 2.0]}, "fertility must have shape"),
        (pm.LinearLeslieCompetition, {"fertility": [[1.0] * 3] * 2, "num_classes": 2}, "fertility must have shape"),
        (pm.LinearLeslieCompetition, {"competition": np.ones((2, 2))}, r"competition must have shape \(2, 2, 2\)"),
        (pm.LinearLeslieCompetition, {"num_classes": 0}, "num_classes must be at least 1"),
        (pm.LinearLeslieCompetition, {"interval": 0.0}, "interval must be positive"),
    ],
)
def test_wrong_parameters_are_named(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model(TWO, **arguments)


@pytest.mark.parametrize("model", [pm.LeslieGower, pm.Ricker, pm.LotkaVolterraCompetition, pm.LinearLeslieCompetition])
def test_what_all_models_have_in_common(model):
    assert issubclass(model, PopulationModel) and inspect.isabstract(PopulationModel)
    for names in ((), ("a", ""), ("a", "a")):
        with pytest.raises(ValueError, match="species must"):
            model(names)
    template = model(TWO)
    first = next(iter(template.parameters(np.ones(2))))
    with pytest.raises(ValueError, match=rf"has no value for {first}.*fit the model"):
        pm.simulate(template, np.ones((2, 2)) if model is pm.LinearLeslieCompetition else [1.0, 1.0], 3)
    with pytest.raises(AttributeError):
        template.species = ("c", "d")


def test_only_two_species_couple_linearly():
    with pytest.raises(ValueError, match="species must be two names"):
        pm.LinearLeslieCompetition(("a", "b", "c"))


def test_carrying_capacity():
    assert pm.LeslieGower("a", [3.0], [[0.02]]).carrying_capacity[0] == pytest.approx(100)
    assert pm.Ricker("a", [0.5], [[0.005]]).carrying_capacity[0] == pytest.approx(100)
    assert pm.LotkaVolterraCompetition("a", [0.5], [[0.005]]).carrying_capacity[0] == pytest.approx(100)
    assert np.isinf(pm.Ricker("a", [0.5], [[0.0]]).carrying_capacity[0])


@pytest.mark.parametrize("interval", [1.0, 2.0, 0.3])
def test_between_steps_growth_has_a_constant_rate(interval):
    """Half an interval on, abundance is the geometric mean of the steps around it."""
    for model in (pm.LeslieGower, pm.Ricker):
        with jax_x64():
            states = model("a", [2.0], [[0.1]], interval=interval).states_at(
                np.ones(1), np.array([0.5, 1.0]) * interval
            )
        assert float(states[0, 0]) == pytest.approx(np.sqrt(float(states[1, 0])), rel=1e-14)


def test_the_interval_sets_which_step_a_time_is():
    model = pm.LeslieGower("a", [2.0], [[0.1]], interval=0.1)  # 0.3 / 0.1 is not 3 in floating point
    with jax_x64():
        states = np.asarray(model.states_at(np.ones(1), np.array([0.0, 0.3, 0.7])))
    np.testing.assert_allclose(states, run(model, [1.0], 7)[[0, 3, 7]], rtol=1e-14)
