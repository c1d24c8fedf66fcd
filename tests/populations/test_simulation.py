"""`simulate`: rows, transformations, precision and refusals."""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import popmath as pm
from popmath.populations import Simulation

PAIR = {"species": ("a", "b"), "competition": [[0.02, 0.01], [0.005, 0.01]]}
MODELS = {
    "LeslieGower": pm.LeslieGower(growth_factor=[2.0, 1.5], **PAIR),
    "Ricker": pm.Ricker(growth_rate=[0.7, 0.4], **PAIR),
    "LotkaVolterraCompetition": pm.LotkaVolterraCompetition(growth_rate=[0.7, 0.4], **PAIR),
    "LinearLeslieCompetition": pm.LinearLeslieCompetition(
        ("a", "b"), [[0.1, 1.5], [0.2, 1.2]], [[0.6, 0.1], [0.5, 0.0]], np.full((2, 2, 2), 0.01)
    ),
}
STEPS = 6
STEPWISE = [name for name in MODELS if name != "LotkaVolterraCompetition"]
every_model = pytest.mark.parametrize("name", MODELS)


def start(name):
    return np.array([[4.0, 3.0], [2.0, 5.0]]) if name == "LinearLeslieCompetition" else np.array([4.0, 3.0])


@every_model
def test_rows_and_types(name):
    result = pm.simulate(MODELS[name], start(name), STEPS)
    assert isinstance(result, Simulation) and result.species == ("a", "b")
    assert np.array_equal(result.states[0], start(name))
    assert result.states.shape == (STEPS + 1, *start(name).shape) and result.abundances.shape == (STEPS + 1, 2)
    assert result.states.dtype == result.abundances.dtype == np.float64
    assert np.array_equal(result.times, np.arange(STEPS + 1))
    assert not jax.config.jax_enable_x64  # left as it was
    rest = pm.simulate(MODELS[name], result.states[3], 3)
    np.testing.assert_allclose(rest.states, result.states[3:], rtol=1e-14)  # two halves make a whole


def test_no_steps_is_the_initial_state():
    for name in STEPWISE:
        assert np.array_equal(pm.simulate(MODELS[name], start(name), 0).states, start(name)[None])


@every_model
def test_jit_vmap_and_derivatives(name):
    model = MODELS[name]

    def last(initial):
        return pm.simulate(model, initial, STEPS).abundances[-1]

    with jax.enable_x64(True):
        starts = jnp.stack([start(name), 2 * start(name)])
        single = np.stack([last(row) for row in starts])
        # XLA reorders operations; adaptive steps are taken together under vmap
        np.testing.assert_allclose(jax.jit(last)(starts[1]), single[1], rtol=1e-12)
        np.testing.assert_allclose(jax.vmap(last)(starts), single, rtol=1e-12)
        slopes = np.asarray(jax.jacfwd(last)(starts[0])).reshape(2, -1)
        for k in range(slopes.shape[1]):
            h = np.zeros(slopes.shape[1])
            h[k] = 1e-4
            h = h.reshape(start(name).shape)
            by_hand = (np.asarray(last(start(name) + h)) - np.asarray(last(start(name) - h))) / 2e-4
            np.testing.assert_allclose(slopes[:, k], by_hand, rtol=1e-5, atol=1e-7)
        if name in STEPWISE:
            grad = jax.grad(lambda x: last(x)[0])(starts[0])
            np.testing.assert_allclose(np.ravel(grad), slopes[0], rtol=1e-12)


def test_gradient_in_a_parameter():
    def last(growth):
        return pm.simulate(pm.Ricker("a", growth, [[0.0]]), [3.0], 5).abundances[-1, 0]

    with jax.enable_x64(True):  # N(5) = 3 exp(5 r)
        assert jax.grad(last)(jnp.array([0.2]))[0] == pytest.approx(15 * np.exp(1.0), rel=1e-12)


def test_parameters_of_any_number_type():
    exact = pm.simulate(pm.LeslieGower("a", [2.0], [[1.0]]), [1.0], 5).abundances
    for growth, effect in (
        ([2], [[1]]),
        (jnp.array([2]), jnp.array([[1]])),
        (jnp.array([2.0], jnp.float32), np.ones((1, 1), np.float32)),
    ):
        found = pm.simulate(pm.LeslieGower("a", growth, effect), [1], 5).abundances
        assert found.dtype == np.float64 and np.array_equal(found, exact)


def test_float64_under_either_global_setting():
    here = pm.simulate(MODELS["LeslieGower"], [4.0, 3.0], STEPS).abundances
    try:
        jax.config.update("jax_enable_x64", True)
        there = pm.simulate(MODELS["LeslieGower"], [4.0, 3.0], STEPS).abundances
        assert jax.config.jax_enable_x64
    finally:
        jax.config.update("jax_enable_x64", False)
    assert there.dtype == np.float64 and np.array_equal(there, here)


def test_a_key_changes_nothing_without_noise():
    model = MODELS["Ricker"]
    with_key = pm.simulate(model, [4.0, 3.0], STEPS, key=jax.random.key(0))
    assert np.array_equal(with_key.abundances, pm.simulate(model, [4.0, 3.0], STEPS).abundances)


@pytest.mark.parametrize(
    ("name", "initial", "message"),
    [
        ("Ricker", [4.0], r"initial must have shape \(2,\) for species \('a', 'b'\); got \(1,\)"),
        ("Ricker", 4.0, "initial must have shape"),
        ("LinearLeslieCompetition", [4.0, 3.0], r"initial must have shape \(2, 2\)"),
        ("Ricker", [4.0, -3.0], r"initial must be finite and at least 0; initial\[1\] is -3"),
        ("LeslieGower", [float("nan"), 3.0], r"initial\[0\] is nan"),
        ("LotkaVolterraCompetition", [4.0, float("inf")], r"initial\[1\] is inf"),
        ("LinearLeslieCompetition", [[4.0, 3.0], [1.0, -1.0]], r"initial\[1, 1\] is -1"),
    ],
)
def test_wrong_initial_states_are_named(name, initial, message):
    with pytest.raises(ValueError, match=message):
        pm.simulate(MODELS[name], np.array(initial), 3)


@pytest.mark.parametrize("num_steps", [-1, True])
def test_wrong_numbers_of_steps_are_refused(num_steps):
    with pytest.raises((ValueError, TypeError), match="num_steps"):
        pm.simulate(MODELS["Ricker"], [4.0, 3.0], num_steps)


def test_zero_stays_zero_and_positive_stays_positive():
    for name in STEPWISE[:2] + ["LotkaVolterraCompetition"]:
        found = np.asarray(pm.simulate(MODELS[name], [0.0, 3.0], STEPS).abundances)
        assert (found[:, 0] < 1e-280).all() and (found[:, 1] > 0).all()


def test_out_into_a_table_and_a_figure():
    result = pm.simulate(MODELS["Ricker"], [4.0, 3.0], STEPS)
    frame = result.to_dataframe()
    assert list(frame.columns) == ["a", "b"] and frame.index.name == "time" and len(frame) == STEPS + 1
    assert np.array_equal(frame.to_numpy(), np.asarray(result.abundances))
    axes = result.plot()
    assert np.array_equal(axes.lines[1].get_ydata(), frame["b"])
    plt.close(axes.get_figure())
