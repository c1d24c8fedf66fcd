"""Discrete-time models between their steps: geometric where both ends are positive, linear elsewhere."""

import jax
import numpy as np
import pytest

import popmath as pm
from popmath.populations.fractional_times import split_times, states_by_steps


def test_a_population_that_doubles_grows_at_a_constant_rate_between_its_steps():
    """Without competition N(t) = N(0) lambda^(t / interval) at every time, not only at whole steps."""
    times = np.array([0.0, 0.25, 1.0, 3.5, 7.9])
    for interval in (1.0, 0.5, 2.0):
        with jax.enable_x64(True):
            model = pm.LeslieGower("a", [3.0], [[0.0]], interval=interval)
            found = np.asarray(model.states_at(np.array([2.0]), times))
        np.testing.assert_allclose(found[:, 0], 2.0 * 3.0 ** (times / interval), rtol=1e-13)


def test_between_two_steps_each_entry_is_the_geometric_mean_by_hand():
    with jax.enable_x64(True):
        found = np.asarray(pm.Ricker("a", [1.0], [[1.0]]).states_at(np.array([2.0]), np.array([0.5])))
    assert found[0, 0] == pytest.approx(np.sqrt(2.0 * 2.0 * np.exp(-1.0)), rel=1e-14)


def test_where_an_end_is_not_positive_the_mean_is_linear():
    """x' = x - 2 y, y' = 0: x goes 1, -1 and y 1, 0."""
    model = pm.LinearLeslieCompetition(("a", "b"), [[1.0], [0.0]], [[0.0], [0.0]], [[[2.0]], [[0.0]]])
    with jax.enable_x64(True):
        found = np.asarray(model.states_at(np.ones((2, 1)), np.array([0.0, 0.25, 0.75, 1.0])))[:, :, 0]
        one, slope = jax.jvp(lambda s: model.states_at(s, np.array([0.25])), (np.ones((2, 1)),), (np.ones((2, 1)),))
    np.testing.assert_allclose(found, [[1, 1], [0.5, 0.75], [-0.5, 0.25], [-1, 0]], atol=1e-15)
    np.testing.assert_allclose(np.ravel(slope), [0.5, 0.75], atol=1e-15)  # finite: no log(0)
    assert one.shape == (1, 2, 1)


def test_a_whole_step_is_that_step_to_the_last_bit():
    model, start = pm.LeslieGower(("a", "b"), [2.0, 1.5], [[0.01, 0.02], [0.03, 0.01]]), [3.0, 4.0]
    steps = np.asarray(pm.simulate(model, start, 4).states)
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(lambda s: model.states_at(s, np.array([0.0, 0.5, 2.0, 4.0])))(np.array(start)))
    np.testing.assert_allclose(found[[0, 2, 3]], steps[[0, 2, 4]], rtol=1e-15)
    np.testing.assert_allclose(found[1], np.sqrt(steps[0] * steps[1]), rtol=1e-14)


def test_the_last_time_rounded_up_is_as_far_as_the_model_goes():
    """A model that dies after its third step would show it: nothing is computed beyond."""
    model = pm.LeslieGower("a", [2.0], [[0.0]])
    closed = jax.make_jaxpr(lambda s: states_by_steps(model, s, np.array([0.0, 2.5]), 1.0))(np.ones(1))
    lengths = [eqn.params["length"] for eqn in closed.eqns if eqn.primitive.name == "scan"]
    assert lengths == [3]


def test_times_split_into_whole_steps_and_a_share():
    before, share = split_times(np.array([0.0, 0.3, 0.7, 0.35, 1e6 + 0.1]), 0.1)  # 0.3 / 0.1 is not 3 in floating point
    assert before.tolist() == [0, 3, 7, 3, 10_000_001]
    np.testing.assert_allclose(share, [0, 0, 0, 0.5, 0], atol=1e-9)
    with pytest.raises(ValueError, match="times must be at least 0.*got -1"):
        split_times(np.array([-1.0, 0.0]), 1.0)
