"""Families of models: what they build, what a fit asks of them, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import popmath as pm
from popmath.populations import (
    LesliePredatorPrey,
    MassActionPredatorPrey,
    MatrixPopulation,
    ModelFamily,
    PopulationModel,
    positive,
    probability,
    real,
)

PAIR = ("hare", "lynx")
FREE = {"fertility": positive(1.0, 5.0), "survival": probability(0.2, 0.8), "predation": positive(0.01, 0.1, (2, 1))}
VALUES = {"fertility": 2.0, "survival": 0.5, "predation": [[0.02], [0.01]]}


def leslie(p):
    hares = jnp.array([[0.0, p["fertility"]], [p["survival"], p["survival"]]])
    return LesliePredatorPrey(hares, [[0.8]], p["predation"], [[0.0, 0.1]], species=PAIR)


def mass_action(p):
    hares = [[0.0, p["fertility"]], [p["survival"], 0.0]]  # nested lists with traced numbers in them
    return MassActionPredatorPrey(
        hares, [[0.5]], p["predation"], 0.1 * p["predation"].T, response="II", handling_time=0.01, species=PAIR
    )


def community(p):
    zero = jnp.zeros((2, 2))
    hares = MatrixPopulation(zero.at[1].set(p["survival"]), zero.at[0, 1].set(p["fertility"]))
    eaten = pm.MassAction("hare", "lynx", p["predation"], [[0.003, 0.003]])
    crowded = pm.Regulation("hare", {"hare": 0.01 * p["fertility"]}, acts_on="fertility")
    return pm.Community({"hare": hares, "lynx": p["survival"]}, [eaten, crowded])


def competition(p):
    take = jnp.stack([p["predation"] @ jnp.ones((1, 2)), jnp.zeros((2, 2))])
    fertility = jnp.array([[0.0, 1.0], [0.0, 0.5]]) * p["fertility"]
    return pm.LinearLeslieCompetition(PAIR, fertility, jnp.full((2, 2), 0.5) * p["survival"], take)


BUILDS = [leslie, mass_action, community, competition]


@pytest.mark.parametrize("build", BUILDS)
def test_any_model_can_be_run_and_differentiated_from_traced_values(build):
    family = ModelFamily(PAIR, FREE, build, name="a pair")
    times, start = np.array([0.0, 1.0, 2.0]), np.full(family.state_shape, 20.0)
    template = ModelFamily(PAIR, FREE, build)
    assert isinstance(family, PopulationModel) and family.name == "a pair" and template.name == "ModelFamily"
    given = {n: np.asarray(v, float) for n, v in VALUES.items()}

    def curve(p):
        fitted = family.with_values(p)
        return fitted.totals(fitted.states_at(start, times))

    with jax.enable_x64(True):
        change = {n: np.ones_like(v) for n, v in given.items()}
        model = build(given)
        found, slope = jax.jit(jax.vmap(lambda p: jax.jvp(curve, (p,), (change,))))(
            jax.tree.map(lambda v: np.stack([v, 1.01 * v]), given)
        )
        ends = [np.asarray(curve({n: v + h for n, v in given.items()})) for h in (1e-6, -1e-6)]
    np.testing.assert_allclose(slope[0], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-6)
    alone = pm.simulate(model, start, 2)
    np.testing.assert_allclose(found[0], alone.abundances, rtol=1e-12)
    fitted = pm.simulate(family.with_values(VALUES), start, 2)  # a fitted family runs as its model does
    np.testing.assert_allclose(fitted.states, alone.states, rtol=1e-14)
    again = pm.simulate(family.with_values(VALUES).model, start, 2)  # float64 also where it was built outside
    np.testing.assert_allclose(again.states, alone.states, rtol=1e-14)


def test_what_a_fit_asks_for():
    family = ModelFamily(PAIR, FREE, leslie)
    assert family.parameters(np.ones(2)) == FREE
    start = family.initial(np.array([100.0, 50.0]), np.array([10.0, 0.0]))
    np.testing.assert_allclose(start.low, [5 / 3, 5 / 3, 0.05 / 3])  # hares have two classes
    np.testing.assert_allclose(start.high, [15.0, 15.0, 0.15])
    scaled = ModelFamily(PAIR, lambda largest: {**FREE, "fertility": positive(1.0, largest[0])}, leslie)
    assert scaled.parameters(np.array([7.0, 2.0]))["fertility"].high == 7.0
    given = positive(1.0, 2.0, (3,))
    assert ModelFamily(PAIR, FREE, leslie, initial=given).initial(np.ones(2), np.ones(2)) is given
    sized = ModelFamily(PAIR, FREE, leslie, initial=lambda largest, first: positive(first.sum(), 99.0, (3,)))
    assert sized.initial(np.ones(2), np.array([2.0, 1.0])).low.tolist() == [3.0, 3.0, 3.0]


def test_values_are_added_to_those_there_and_the_recipe_is_kept():
    family = ModelFamily(PAIR, FREE, leslie, values={"fertility": 2.0})
    full = family.with_values({"survival": 0.5, "predation": [[0.1], [0.0]]})
    assert full.model.projection_matrix()[0, 1] == 2.0
    assert full.with_values({"fertility": 3.0}).model.projection_matrix()[0, 1] == 3.0
    assert full.recipe is family.recipe and set(family.values) == {"fertility"}


def test_an_own_model_between_its_steps_and_a_differential_equation():
    """A model without `states_at` is stepped by its interval; one that has it is asked."""
    pair = ModelFamily(
        PAIR,
        {"growth": positive(0.5, 2.0)},
        lambda p: LesliePredatorPrey(
            jnp.reshape(p["growth"], (1, 1)), [[1.0]], [[0.0]], [[0.0]], species=PAIR, interval=2.0
        ),
    ).with_values({"growth": 3.0})
    logistic = ModelFamily(
        "hare", {"rate": real(0.1, 1.0)}, lambda p: pm.LotkaVolterraCompetition("hare", p["rate"][None], [[0.0]])
    ).with_values({"rate": jnp.array(0.5)})
    with jax.enable_x64(True):
        found = np.asarray(pair.states_at(np.array([1.0, 1.0]), np.array([1.0, 2.0, 3.0])))
        grown = np.asarray(logistic.states_at(np.array([2.0]), np.array([0.0, 1.7])))
    np.testing.assert_allclose(found[:, 0], 3.0 ** np.array([0.5, 1.0, 1.5]), rtol=1e-13)
    assert grown[1, 0] == pytest.approx(2 * np.exp(0.85), rel=1e-6)


def test_values_outside_are_refused():
    family = ModelFamily(PAIR, FREE, leslie, name="hares")
    with pytest.raises(ValueError, match="hares has no parameter 'speed'; it has fertility, survival, predation"):
        family.with_values({"speed": 1.0})
    with pytest.raises(ValueError, match=r"predation must have shape \(2, 1\); got \(2,\)"):
        family.with_values({"predation": [0.1, 0.1]})
    with pytest.raises(ValueError, match="survival must be finite and from 0 to 1"):
        family.with_values({"survival": 1.5})
    assert family.with_values({"fertility": 0.0}).values["fertility"] == 0.0
    with pytest.raises(ValueError, match=r"hares has no value for survival, predation.*popmath.fit"):
        pm.simulate(family.with_values({"fertility": 1.0}), [1.0, 1.0, 1.0], 2)


def noisy(p):
    one = MatrixPopulation([[0.0]], jnp.reshape(p["fertility"], (1, 1)))
    return pm.Community({"hare": one, "lynx": 0.9}, demographic_noise=True)


@pytest.mark.parametrize(
    ("species", "free", "build", "error", "message"),
    [
        (("a", "b"), FREE, leslie, ValueError, "build gives a model of .*'hare'.* the family has the species .*'a'"),
        (PAIR, FREE, lambda p: p["fertility"], TypeError, "build must give a PopulationModel"),
        (PAIR, {}, leslie, TypeError, "parameters is empty"),
        (
            PAIR,
            lambda largest: {"fertility": (1.0, 5.0)},
            leslie,
            TypeError,
            "[Pp]arameter",
        ),
        (PAIR, FREE, lambda p: leslie({**p, "fertility": float(p["fertility"])}), TypeError, "with jax.numpy"),
        (PAIR, FREE, noisy, ValueError, "without a random key.*deterministic"),
    ],
)
def test_recipes_that_do_not_work_are_refused(species, free, build, error, message):
    with pytest.raises(error, match=message):
        ModelFamily(species, free, build)


def test_a_start_of_the_wrong_shape_is_refused():
    family = ModelFamily(PAIR, FREE, leslie, initial=positive(1.0, 2.0, (2,)))
    with pytest.raises(ValueError, match=r"initial must have the shape of a state of ModelFamily, \(3,\); got \(2,\)"):
        family.initial(np.ones(2), np.ones(2))


def test_ranges():
    assert positive(1.0, [2.0, 3.0], meaning="size", unit="cm").unit == "cm"
    assert probability().low == 0.1 and probability(shape=(2,)).domain == "unit" and real(0.0, 0.0).domain == "real"
    for call, message in (
        (lambda: positive(0.0, 1.0), "low must be above 0.*fixed="),
        (lambda: positive(2.0, 1.0), "low must be at most high"),
        (lambda: probability(0.5, 1.0), "high must be below 1"),
        (lambda: real(np.nan, 1.0), "must be finite"),
        (lambda: real([0.0, 0.0, 0.0], 1.0, (2,)), r"low and high must have shape \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
