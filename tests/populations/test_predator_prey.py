"""The predator-prey models: one step by hand, what is refused, negative abundances."""

import dataclasses

import equinox as eqx
import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

import popmath as pm
from popmath.populations.mass_action_predator_prey import MassActionPredatorPrey
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.negative_abundance import first_negative
from popmath.populations.predator_prey import LesliePredatorPrey

LX = np.array([[0.0, 2.0], [0.5, 0.25]])
LY = np.array([[0.2, 0.0, 1.0], [0.6, 0.0, 0.0], [0.0, 0.4, 0.5]])
P = np.array([[0.1, 0.2, 0.0], [0.0, 0.0, 0.3]])
Q = np.array([[0.0, 0.5], [0.25, 0.0], [0.0, 0.0]])
MIGRATION = np.array([1.0, -0.5, 0.0, 0.25, 2.0])
X, Y = np.array([10.0, 4.0]), np.array([3.0, 2.0, 1.0])
START = np.concatenate([X, Y])


def linear(**changes):
    return LesliePredatorPrey(LX, LY, P, Q, **changes)


def states(model, num_steps, initial=START):
    return np.asarray(pm.simulate(model, initial, num_steps).states)


def test_one_step_by_hand():
    # prey: 2*4 - .1*3 - .2*2, .5*10 + .25*4 - .3*1; predators: .2*3 + 1 + .5*4, .6*3 + .25*10, .4*2 + .5
    np.testing.assert_allclose(states(linear(), 1)[1], [7.3, 5.7, 3.6, 4.3, 1.3], rtol=1e-14)
    moved = states(linear(migration=MIGRATION), 1)[1]
    np.testing.assert_allclose(moved, [8.3, 5.2, 3.6, 4.55, 3.3], rtol=1e-14)


def test_matrix_totals_and_names():
    model = linear(species=("hare", "lynx"), predator_classes=("kit", "young", "old"), interval=2)
    matrix = model.projection_matrix()
    assert matrix.dtype == np.float64 and isinstance(matrix, np.ndarray) and model.state_shape == (5,)
    np.testing.assert_array_equal(matrix, np.vstack([np.hstack([LX, -P]), np.hstack([Q, LY])]))
    np.testing.assert_allclose(states(model, 3)[3], np.linalg.matrix_power(matrix, 3) @ START, rtol=1e-13)
    run = pm.simulate(model, START, 2)
    np.testing.assert_allclose(run.abundances[0], [14.0, 6.0])
    np.testing.assert_allclose(run.abundances[:, 1], np.asarray(run.states)[:, 2:].sum(axis=1))
    assert model.state_names[1] == ("hare", "class 2") and model.state_names[4] == ("lynx", "old")


def test_matrix_populations_may_stand_for_matrices():
    prey = MatrixPopulation.from_matrix(LX, fertility_rows=0, names=("egg", "adult"))
    model = LesliePredatorPrey(prey, LY, P, Q)
    assert np.array_equal(model.prey_matrix, LX) and model.prey_classes == ("egg", "adult")
    assert model.predator_classes == ("class 1", "class 2", "class 3")
    renamed = LesliePredatorPrey(prey, LY, P, Q, prey_classes=("a", "b"))
    assert renamed.prey_classes == ("a", "b")


def test_clipping_is_after_each_step_and_reported():
    hungry = linear(migration=np.array([-9.0, 0, 0, 0, 0]))
    clipped = dataclasses.replace(hungry, mode="clipped")
    one, two = pm.simulate(hungry, START, 3), pm.simulate(clipped, START, 3)
    assert np.asarray(one.states)[1, 0] == pytest.approx(-1.7)
    np.testing.assert_allclose(np.asarray(two.states)[1], np.maximum(np.asarray(one.states)[1], 0))
    again = np.maximum(hungry.projection_matrix() @ np.asarray(two.states)[1] + hungry.migration, 0)
    np.testing.assert_allclose(np.asarray(two.states)[2], again, rtol=1e-14)
    assert np.asarray(one.info["negative"]).tolist()[0] is True and np.asarray(two.info["negative"]).tolist()[0] is True
    assert not np.asarray(pm.simulate(linear(), START, 1).info["negative"]).any()


def test_the_model_is_a_tree_that_jax_passes_through():
    def prey(model):
        return pm.simulate(model, START, 2).abundances[-1, 0]

    with jax.enable_x64(True):
        slope = jax.grad(prey)(linear()).predation
    moved = np.array(P)
    moved[1, 2] += 1e-6
    changed = float(prey(LesliePredatorPrey(LX, LY, moved, Q))) - float(prey(linear()))
    assert changed / 1e-6 == pytest.approx(float(slope[1, 2]), rel=1e-5)
    many = eqx.filter_vmap(lambda p: LesliePredatorPrey(LX, LY, p, Q))(np.stack([P, 2 * P]))
    assert many.predation.shape == (2, 2, 3)


BAD = [
    (dict(predation=P.T), r"predation must have shape \(2, 3\).*'prey'.*'predator'; got shape \(3, 2\).*transposed"),
    (dict(conversion=Q[:, :1]), r"conversion must have shape \(3, 2\).*'predator'.*'prey'; got shape \(3, 1\)"),
    (dict(prey_matrix=LX[:1]), r"prey_matrix \(of 'prey'\) must be square.*got shape \(1, 2\)"),
    (dict(predator_matrix=np.zeros((0, 0))), r"predator_matrix \(of 'predator'\) must be square"),
    (
        dict(predation=-P),
        r"predation\[0, 0\] must be finite and at least 0; got -0.1 \(row: 'class 1' of 'prey', column",
    ),
    (dict(conversion=-Q), r"conversion\[0, 1\] must be .*'class 1' of 'predator', column: 'class 2' of 'prey'"),
    (dict(prey_matrix=-LX), r"prey_matrix\[0, 1\] must be finite and at least 0"),
    (dict(predator_matrix=np.full((3, 3), np.nan)), r"predator_matrix\[0, 0\] must be finite.*nan"),
    (dict(species=("a", "a")), "different names"),
    (dict(species=("a", "b", "c")), "species must be two names"),
    (dict(prey_classes=("a",)), "'prey' has 2 classes, but 1 class names"),
    (dict(predator_classes=("a", "a", "b")), "different, non-empty"),
    (dict(interval=0), "interval must be positive"),
]
LINEAR_ONLY = [
    (dict(mode="clip"), "mode must be 'linear' or 'clipped'.*'clip'"),
    (dict(migration=[1.0, 2.0]), r"migration must have shape \(5,\).*\(2,\)"),
    (dict(migration=[1.0, 2.0, np.inf, 0, 0]), "migration must be finite"),
]


@pytest.mark.parametrize(("changes", "message"), BAD + LINEAR_ONLY)
def test_bad_linear_models_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        LesliePredatorPrey(**(dict(prey_matrix=LX, predator_matrix=LY, predation=P, conversion=Q) | changes))


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_bad_mass_action_models_are_refused(changes, message):
    changes = {"attack" if name == "predation" else name: value for name, value in changes.items()}
    with pytest.raises(ValueError, match=message.replace("predation", "attack")):
        MassActionPredatorPrey(**(dict(prey_matrix=LX, predator_matrix=LY, attack=P, conversion=Q) | changes))


def test_bad_responses_are_refused():
    with pytest.raises(ValueError, match="response must be one of.*'IV'"):
        MassActionPredatorPrey(LX, LY, P, Q, response="IV")
    with pytest.raises(ValueError, match="handling_time is needed for.*'II' with handling_time None"):
        MassActionPredatorPrey(LX, LY, P, Q, response="II")
    with pytest.raises(ValueError, match="plays no part in 'I'"):
        MassActionPredatorPrey(LX, LY, P, Q, handling_time=0.1)
    with pytest.raises(ValueError, match="handling_time must be at least 0"):
        MassActionPredatorPrey(LX, LY, P, Q, response="II", handling_time=[0.1, -0.1, 0])
    with pytest.raises(ValueError, match=r"handling_time must have shape \(3,\)"):
        MassActionPredatorPrey(LX, LY, P, Q, response="II", handling_time=[0.1, 0.1])


@pytest.mark.parametrize("response", ["I", "II", "III"])
def test_mass_action_by_hand(response):
    handling = np.array([0.1, 0.0, 0.5])
    attack, gain = P / 10, Q / 10
    extra = {} if response == "I" else {"handling_time": handling}
    model = MassActionPredatorPrey(LX, LY, attack, gain, response=response, **extra)
    found = states(model, 1)[1]
    prey, predators = LX @ X, LY @ Y
    for b in range(3):
        used = [x**2 if response == "III" else x for x in X]
        busy = 1 + (0 if response == "I" else handling[b]) * sum(attack[c, b] * used[c] for c in range(2))
        for a in range(2):
            prey[a] -= attack[a, b] * used[a] * Y[b] / busy
            predators[b] += gain[b, a] * used[a] * Y[b] / busy
    np.testing.assert_allclose(found, np.concatenate([prey, predators]), rtol=1e-13)
    assert model.state_shape == (5,) and pm.simulate(model, START, 1).abundances.shape == (2, 2)


def test_one_handling_time_for_all_and_overkill():
    short = MassActionPredatorPrey(LX, LY, P, Q, response="II", handling_time=0.25)
    assert np.array_equal(short.handling_time, np.full(3, 0.25))
    overkill = MassActionPredatorPrey([[0.5]], [[0.5]], [[1.0]], [[0.0]])
    run = pm.simulate(overkill, [4.0, 2.0], 1)
    assert np.asarray(run.states)[1].tolist() == [0.0, 1.0] and np.asarray(run.info["negative"])[0]


def test_first_negative_against_simulation():
    model = linear(species=("hare", "lynx"))
    run = states(model, 40)
    low = np.flatnonzero((run < 0).any(axis=1))[0]
    found = first_negative(model, START, 40)
    where = int(np.argmin(run[low]))
    assert found.found and found.step == low and (found.species, found.class_name) == model.state_names[where]
    assert found.value == pytest.approx(run[low].min(), rel=1e-12)
    assert first_negative(dataclasses.replace(model, mode="clipped"), START, 40).step == low
    before = first_negative(model, START, int(low) - 1)
    assert before.step is None and before.value is None and not before.found and before.long_run == found.long_run
    assert f"none negative within {low - 1} intervals" in before.summary() and f"after {low}" in found.summary()


def test_first_negative_far_away_despite_growth():
    """Tuned so that the sign changes long after float64 would have overflowed."""
    a, angle = 2.0, 1e-4
    model = LesliePredatorPrey([[a]], [[a]], [[a * np.tan(angle)]], [[a * np.tan(angle)]])
    found = first_negative(model, [1.0, 0.0], 20_000)
    assert found.step == int(np.ceil(np.pi / 2 / angle)) and found.value is None and found.long_run == "turns negative"
    assert "beyond float64" in found.summary()


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    hnp.arrays(float, (2, 2), elements=st.floats(0.05, 1)),
    hnp.arrays(float, 2, elements=st.floats(0.02, 1)),
    st.floats(0.0, 1),
)
def test_long_run_verdicts_hold_in_the_long_run(prey, coupling, predator):
    model = LesliePredatorPrey(prey, [[predator]], coupling[:, None] / 4, coupling[None, ::-1] / 4)
    found = first_negative(model, [1.0, 1.0, 1.0], 3000)
    matrix = model.projection_matrix()
    state, late = np.ones(3), []
    for step in range(3000):
        state = matrix @ state
        state = state / np.abs(state).max()
        if step >= 1500:
            late.append(state.min())
    hypothesis.event(found.long_run)
    if found.long_run == "turns negative":
        assert found.found and min(late) < 0
    elif found.long_run == "stays positive":
        assert min(late) >= 0


def test_long_run_verdicts_by_hand():
    steady = LesliePredatorPrey([[1.2]], [[0.5]], [[0.1]], [[0.1]])  # real and distinct: (a - d)**2 > 4 p q
    assert first_negative(steady, [1.0, 0.1], 50).long_run == "stays positive"
    many = first_negative(steady, [0.01, 1.0], 50)  # below the unstable direction: prey die, and go on dying
    assert many.step == 1 and many.long_run == "turns negative" and "positive and carries a negative" in many.reason
    defective = LesliePredatorPrey([[1.0]], [[0.5]], [[0.25]], [[0.25]])  # 4 p q = (a - d)**2
    assert first_negative(defective, [1.0, 1.0], 5).long_run == "undecided"
    hunt = LesliePredatorPrey([[0.5]], [[0.5]], [[0.25]], [[0.25]], migration=[10.0, 0.0])
    assert first_negative(hunt, [1.0, 1.0], 50).long_run == "stays positive"  # the equilibrium is (16, 8)
    leaving = LesliePredatorPrey([[0.5]], [[0.5]], [[0.25]], [[0.25]], migration=[-1.0, 0.0])
    found = first_negative(leaving, [10.0, 1.0], 50)
    assert found.long_run == "turns negative" and found.step == 3
    assert first_negative(steady, [0.0, 0.0], 3).long_run == "stays positive"
    cycles = LesliePredatorPrey([[0.0, 2.0], [0.5, 0.0]], [[0.1]], np.zeros((2, 1)), np.zeros((1, 2)))
    assert first_negative(cycles, [1.0, 1.0, 1.0], 3).long_run == "undecided"


def test_rounding_is_no_negative_abundance():
    """0.1 * 3 - 0.3 is 5.6e-17 or -5.6e-17 in floating point, 0 in truth."""
    model = LesliePredatorPrey([[0.3]], [[1.0]], [[0.1]], [[0.0]])
    assert 0.3 * 1.0 - 0.1 * 3.0 < 0
    assert first_negative(model, [1.0, 3.0], 1).step is None


def test_first_negative_refuses():
    for initial, steps, message in (
        ([1.0], 3, "initial must have shape"),
        (-START, 3, "at least 0"),
        (START, -1, "num_steps must be a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            first_negative(linear(), initial, steps)
