"""Predators and prey that can be fitted: conserved quantities, loops in plain NumPy, and the theory's matrices."""

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

import popmath as pm
from popmath.populations import (
    StagedPredatorPrey,
    linear_leslie_competition,
    linear_predator_prey,
    structured_predator_prey,
)

MITES = {
    "fertility": 1.5,
    "prey_survival": [0.9, 0.8, 0.7],
    "prey_development": [0.3, 0.2],
    "crowding": 0.002,
    "attack": [0.01, 0.02, 0.03],
    "handling": 0.01,
    "conversion": 0.2,
    "predator_survival": [0.9, 0.85, 0.8],
    "predator_development": [0.25, 0.5],
}


def staged(p, x, y):
    """One interval, stage by stage: prey, predators, prey eaten."""
    total = sum(x)
    searching = [b * n / (1 + p["handling"] * total) for b, n in zip(p["attack"], y, strict=True)]
    escape = np.exp(-sum(searching))
    eaten = (1 - escape) * total

    def grow(abundance, survival, development):
        out = [0.0] * len(abundance)
        for a, n in enumerate(abundance):
            share = development[a] if a < len(development) else 0.0
            out[a] += survival[a] * (1 - share) * n
            if share:
                out[a + 1] += survival[a] * share * n
        return np.array(out)

    prey = escape * grow(x, p["prey_survival"], p["prey_development"])
    prey[0] += p["fertility"] * x[-1] / (1 + p["crowding"] * total)
    predators = grow(y, p["predator_survival"], p["predator_development"])
    predators[0] += p["conversion"] * eaten * searching[-1] / sum(searching)
    return prey, predators, eaten


def test_three_stages_by_hand():
    x, y = np.array([30.0, 20.0, 10.0]), np.array([1.0, 0.5, 4.0])
    found = pm.simulate(StagedPredatorPrey(("prey", "predator"), **MITES), np.concatenate([x, y]), 3)
    for t in range(3):
        x, y, eaten = staged(MITES, x, y)
        np.testing.assert_allclose(found.states[t + 1], np.concatenate([x, y]), rtol=1e-13)
        np.testing.assert_allclose(found.abundances[t + 1], [x.sum(), y.sum()], rtol=1e-13)
        assert found.info["eaten"][t] == pytest.approx(eaten, rel=1e-13)


@hypothesis.settings(max_examples=20)
@hypothesis.given(attack=st.floats(0.0, 100.0), hunters=st.floats(0.0, 1e4), prey=st.floats(0.0, 1e4))
def test_no_more_is_eaten_than_there_is(attack, hunters, prey):
    model = StagedPredatorPrey(("a", "b"), 0.0, [0.5], [], 0.0, [attack], 0.0, 1.0, [0.0], [])
    run = pm.simulate(model, [prey, hunters], 1)
    (left, born), eaten = np.asarray(run.states)[1], float(run.info["eaten"][0])
    assert 0 <= left <= 0.5 * prey and 0 <= eaten <= prey * (1 + 1e-12)
    assert born == pytest.approx(eaten, rel=1e-12)


def test_without_predators_crowded_prey_settle_where_birth_meets_death():
    model = StagedPredatorPrey(("a", "b"), 2.0, [0.5], [], 0.03, [0.1], 0.0, 0.0, [0.0], [])
    assert pm.simulate(model, [5.0, 0.0], 200).abundances[-1, 0] == pytest.approx(100.0, rel=1e-12)  # 2/(1 + 3) = 0.5


def test_derivatives_of_the_structured_family_by_differences_also_without_predators():
    family = structured_predator_prey()
    given = {n: np.asarray(v, float) for n, v in MITES.items()}
    times = np.array([0.0, 2.0, 4.0])

    def curve(p, start):
        fitted = family.with_values(p)
        return fitted.totals(fitted.states_at(start, times))

    change = {n: 0.1 * v for n, v in given.items()}
    with jax.enable_x64(True):
        derivative = jax.jit(lambda p, s: jax.jvp(curve, (p, s), (change, np.ones(6)))[1])
        for start in (np.array([30.0, 20.0, 10.0, 1.0, 0.5, 4.0]), np.array([30.0, 20.0, 10.0, 0.0, 0.0, 0.0])):
            slope = derivative(given, start)
            forward, more = (curve({n: given[n] + h * change[n] for n in given}, start + h) for h in (1e-6, 2e-6))
            base = curve(given, start)
            one_sided = (4 * forward - more - 3 * base) / 2e-6
            np.testing.assert_allclose(slope, one_sided, rtol=2e-5, atol=1e-5)


def test_linear_competition_is_its_model_with_twenty_free_numbers():
    family = linear_leslie_competition(("caudatum", "aurelia"))
    ranges = family.parameters(np.array([70.0, 190.0]))
    free = sum(p.low.size for p in ranges.values()) + family.initial(np.ones(2), np.ones(2)).low.size
    assert free == 20 and family.name == "linear Leslie competition, 2 classes"
    middle = {n: np.sqrt(p.low * p.high) for n, p in ranges.items()}
    start = [[5.0, 5.0], [400.0, 300.0]]
    ran = pm.simulate(family.with_values(middle), start, 12)
    alone = pm.simulate(pm.LinearLeslieCompetition(("caudatum", "aurelia"), **middle), start, 12)
    np.testing.assert_array_equal(ran.states, alone.states)
    assert (np.asarray(ran.states) < 0).any()  # nothing is clipped


@pytest.mark.parametrize("mode", ["linear", "clipped"])
def test_linear_predation_is_its_block_matrix(mode):
    family = linear_predator_prey(2, 1, species=("hare", "lynx"), mode=mode)
    values = {
        "prey_fertility": [0.5, 2.0],
        "prey_survival": [0.5, 0.25],
        "predator_fertility": [0.125],
        "predator_survival": [0.5],
        "predation": [[3.0], [1.0]],
        "conversion": [[0.0, 0.1]],
    }
    assert {n: p.low.shape for n, p in family.parameters(np.ones(2)).items()} == {
        n: np.shape(v) for n, v in values.items()
    }
    assert family.initial(np.ones(2), np.ones(2)).low.shape == (3,)
    matrix, state = np.array([[0.5, 2.0, -3.0], [0.5, 0.25, -1.0], [0.0, 0.1, 0.625]]), np.array([4.0, 2.0, 5.0])
    ran = np.asarray(pm.simulate(family.with_values(values), state, 3).states)
    for t in range(1, 4):
        state = matrix @ state if mode == "linear" else np.maximum(matrix @ state, 0.0)
        np.testing.assert_allclose(ran[t], state, rtol=1e-13, atol=1e-15)


def test_lotka_volterra_predation_conserves_its_quantity_and_has_its_period():
    r, a, b, m = 0.5, 0.025, 0.02, 0.8
    model = pm.LotkaVolterraPredatorPrey(("hare", "lynx"), r, a, b, m, tolerance=1e-9)
    np.testing.assert_allclose(model.equilibrium, [40.0, 20.0])
    with jax.enable_x64(True):
        wide = np.asarray(model.states_at(np.array([30.0, 4.0]), np.linspace(0.0, 40.0, 81)))
        period = 2 * np.pi / np.sqrt(r * m)
        near = np.asarray(model.states_at(np.array([40.01, 20.0]), np.array([0.0, period / 2, period])))
    kept = b * wide[:, 0] - m * np.log(wide[:, 0]) + a * wide[:, 1] - r * np.log(wide[:, 1])
    assert np.ptp(kept) < 1e-6 and np.ptp(wide[:, 0]) > 50
    np.testing.assert_allclose(near[2], near[0], atol=1e-4)
    assert near[1, 0] == pytest.approx(39.99, abs=1e-4)


def test_lotka_volterra_predation_in_forward_mode():
    model, times = pm.LotkaVolterraPredatorPrey(("hare", "lynx")), np.array([0.0, 2.5, 7.0])
    given = {"growth_rate": 0.5, "attack": 0.025, "conversion": 0.02, "mortality": 0.8}
    given = {n: np.array(v) for n, v in given.items()}
    change = {n: 0.1 * v for n, v in given.items()}

    def curve(p):
        return model.with_values(p).states_at(np.array([30.0, 4.0]), times)

    with jax.enable_x64(True):
        slope = jax.jit(lambda p: jax.jvp(curve, (p,), (change,))[1])(given)
        ends = [np.asarray(jax.jit(curve)({n: given[n] + h * change[n] for n in given})) for h in (1e-3, -1e-3)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-3, rtol=1e-3, atol=1e-3)
    assert set(model.parameters(np.ones(2))) == set(given) and model.initial(np.ones(2), np.ones(2)).low.shape == (2,)
    step = pm.simulate(model.with_values(given), [30.0, 4.0], 7).states
    np.testing.assert_allclose(step[-1], curve_at_seven(given), rtol=1e-4)


def curve_at_seven(p):
    """By SciPy."""
    import scipy.integrate

    def rates(t, n):
        return [n[0] * (p["growth_rate"] - p["attack"] * n[1]), n[1] * (p["conversion"] * n[0] - p["mortality"])]

    return scipy.integrate.solve_ivp(rates, (0, 7), [30.0, 4.0], "DOP853", rtol=1e-11, atol=1e-11).y[:, -1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.LotkaVolterraPredatorPrey(("a", "b", "c")), "species must be two names"),
        (lambda: pm.LotkaVolterraPredatorPrey(("a", "b"), attack=-1.0), "attack must be at least 0"),
        (lambda: pm.LotkaVolterraPredatorPrey(("a", "b"), mortality=[1.0]), r"mortality must have shape \(\)"),
        (lambda: StagedPredatorPrey(("a",)), "species must be two names"),
        (lambda: StagedPredatorPrey(("a", "b"), prey_survival=[1.2, 0.5]), "prey_survival must be at most 1"),
        (lambda: StagedPredatorPrey(("a", "b"), prey_development=[0.5]), r"prey_development must have shape \(2,\)"),
        (lambda: structured_predator_prey(0, 3), "prey_stages must be a whole number, at least 1"),
        (lambda: linear_predator_prey(mode="log"), "mode must be 'linear' or 'clipped'"),
        (lambda: linear_leslie_competition(("a", "b", "c")), "species must be two names"),
    ],
)
def test_wrong_settings_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
