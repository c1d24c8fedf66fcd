"""Communities: one step against matrices and formulas written out in NumPy, and everything that is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import popmath as pm
from popmath.populations import EnvironmentalNoise, LinearEffect, MassAction, MatrixPopulation, Regulation

YOUNG_ADULT = MatrixPopulation(U=[[0.0, 0.0], [0.4, 0.6]], F=[[0.0, 3.0], [0.0, 0.0]], names=("young", "adult"))
THREE = MatrixPopulation(U=[[0.1, 0, 0], [0.5, 0.2, 0], [0, 0.3, 0.7]], F=[[0, 0, 2.0], [0, 0, 0], [0, 0, 0]])
SEEDS = st.integers(0, 2**31)


def one_step(community, state, key=None):
    return np.asarray(pm.simulate(community, state, 1, key=key).states[-1])


def random_population(rng, size):
    return MatrixPopulation(U=rng.dirichlet(np.ones(size + 1), size).T[:size], F=rng.uniform(0, 2, (size, size)))


@settings(max_examples=15)
@given(SEEDS)
def test_a_linear_community_is_its_block_matrix(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (random_population(rng, size) for size in (2, 3, 1))
    take, give, help_ = rng.uniform(0, 0.1, (2, 3)), rng.uniform(0, 0.1, (3, 2)), rng.uniform(0, 0.1, (1, 3))
    community = pm.Community(
        {"a": a, "b": b, "c": c},
        [
            LinearEffect("predation", on="a", of="b", block=take),
            LinearEffect("conversion", on="b", of="a", block=give),
            LinearEffect("facilitation", on="c", of="b", block=help_),
            LinearEffect("competition", on="a", of="c", block=np.full((2, 1), 0.01)),
        ],
        harvest={"b": [0.1, 0.0, 0.5]},
        migration={"c": 2.0},
        mode="linear",
    )
    matrix = np.block(
        [
            [a.A, -take, np.full((2, 1), -0.01)],
            [give, b.A, np.zeros((3, 1))],
            [np.zeros((1, 2)), help_, c.A],
        ]
    )
    left = np.array([1, 1, 0.9, 1, 0.5, 1])
    state = rng.uniform(0, 10, 6)
    np.testing.assert_allclose(community.linear_matrix(), left[:, None] * matrix, rtol=1e-13, atol=1e-14)
    moved = np.array([0, 0, 0, 0, 0, 2.0])
    np.testing.assert_allclose(one_step(community, state), left * (matrix @ state + moved), rtol=1e-12, atol=1e-12)


@settings(max_examples=15)
@given(SEEDS)
def test_without_classes_it_is_leslie_gower_and_ricker(seed):
    rng = np.random.default_rng(seed)
    growth, competition, state = rng.uniform(1, 3, 2), rng.uniform(0, 0.1, (2, 2)), rng.uniform(1, 50, 2)

    def community(form):
        rules = [Regulation(n, {"a": competition[i, 0], "b": competition[i, 1]}, form) for i, n in enumerate("ab")]
        return pm.Community({"a": growth[0], "b": growth[1]}, rules)

    gower = pm.LeslieGower(("a", "b"), growth, competition)
    np.testing.assert_allclose(
        one_step(community("leslie_gower"), state), pm.simulate(gower, state, 1).states[-1], rtol=1e-13
    )
    ricker = pm.Ricker(("a", "b"), np.log(growth), competition)
    np.testing.assert_allclose(
        one_step(community("ricker"), state), pm.simulate(ricker, state, 1).states[-1], rtol=1e-13
    )


@pytest.mark.parametrize(
    ("acts_on", "on_survival", "on_births"), [("all", 1, 1), ("fertility", 0, 1), ("survival", 1, 0)]
)
def test_regulation_acts_on_what_it_says_and_multiplies(acts_on, on_survival, on_births):
    state = np.array([10.0, 20.0])
    weights = np.array([0.01, 0.05])
    rules = [
        Regulation("x", {"x": weights}, "theta", acts_on, theta=1.5),
        Regulation("x", {"x": 0.002}, "ricker", acts_on),
    ]
    factor = 1 / (1 + (weights @ state) ** 1.5) * np.exp(-0.002 * 30)
    expected = factor**on_survival * (YOUNG_ADULT.U @ state) + factor**on_births * (YOUNG_ADULT.F @ state)
    np.testing.assert_allclose(one_step(pm.Community({"x": YOUNG_ADULT}, rules), state), expected, rtol=1e-13)


def test_theta_of_one_is_leslie_gower_and_small_theta_has_a_derivative_at_zero():
    both = [Regulation("x", {"x": 0.1}, "theta", theta=1.0), Regulation("x", {"x": 0.1})]
    one, other = (one_step(pm.Community({"x": 2.0}, [rule]), [7.0]) for rule in both)
    np.testing.assert_allclose(one, other, rtol=1e-15)
    slope = jax.jacfwd(Regulation("x", {"x": 1.0}, "theta", theta=0.5).factor)(jnp.asarray(0.0))
    assert slope == 0


@pytest.mark.parametrize("response", ["I", "II", "III"])
@pytest.mark.parametrize("offspring_class", [None, 0])
def test_mass_action_is_the_formula(response, offspring_class):
    rng = np.random.default_rng(3)
    attack, conversion = rng.uniform(0, 0.01, (2, 3)), rng.uniform(0, 0.005, (3, 2))
    handling = np.array([0.1, 0.2, 0.3]) if response != "I" else 0.0
    x, y = np.array([30.0, 10.0]), np.array([3.0, 2.0, 1.0])
    hunt = MassAction(
        "x", "y", attack, conversion, response=response, handling_time=handling, offspring_class=offspring_class
    )
    community = pm.Community({"x": YOUNG_ADULT, "y": THREE}, [hunt])
    u = x**2 if response == "III" else x
    busy = 1 + handling * (attack.T @ u) if response != "I" else np.ones(3)
    loss = [u[a] * sum(attack[a, b] * y[b] / busy[b] for b in range(3)) for a in range(2)]
    gain = np.array([y[b] * sum(conversion[b, a] * u[a] for a in range(2)) / busy[b] for b in range(3)])
    if offspring_class is not None:
        gain = np.array([gain.sum(), 0, 0])
    expected = np.concatenate([YOUNG_ADULT.A @ x - loss, THREE.A @ y + gain])
    np.testing.assert_allclose(one_step(community, np.concatenate([x, y])), expected, rtol=1e-13)


def test_clipping_harvest_and_quota():
    bite = LinearEffect("predation", on="x", of="y", block=10.0)
    run = pm.simulate(pm.Community({"x": 2.0, "y": 1.0}, [bite]), [3.0, 1.0], 1)
    assert run.states[-1].tolist() == [0.0, 1.0]
    assert run.info["negative"].tolist() == [True]
    open_ = pm.simulate(pm.Community({"x": 2.0, "y": 1.0}, [bite], mode="linear"), [3.0, 1.0], 1)
    assert open_.states[-1].tolist() == [-4.0, 1.0]

    taken = pm.Community({"x": YOUNG_ADULT, "y": 2.0}, harvest={"x": [0.0, 0.25]}, quota={"x": 5.0, "y": 100.0})
    run = pm.simulate(taken, taken.state({"x": [10, 10], "y": 3}), 1)
    before = YOUNG_ADULT.A @ [10, 10] * [1, 0.75]
    np.testing.assert_allclose(run.states[-1], [*(before * (1 - 5 / before.sum())), 0], rtol=1e-13)
    np.testing.assert_allclose(run.info["harvested"], [[0.25 * 10 + 5, 6.0]], rtol=1e-13)


def test_years_are_drawn_for_all_species_together():
    good, bad = YOUNG_ADULT.F * 2, YOUNG_ADULT.F * 0.1
    years = MatrixPopulation(U=np.stack([YOUNG_ADULT.U] * 2), F=np.stack([good, bad]))
    other = MatrixPopulation(U=np.zeros((2, 1, 1)), F=[[[3.0]], [[0.5]]])
    start = np.array([5.0, 5.0, 1.0])
    by_year = [np.append((YOUNG_ADULT.U + f) @ start[:2], g) for f, g in ((good, 3.0), (bad, 0.5))]
    for odds, expected in (([1, 0], by_year[0]), ([0, 1], by_year[1])):
        community = pm.Community({"x": years, "z": other}, year_probabilities=odds)
        np.testing.assert_allclose(one_step(community, start, jax.random.key(0)), expected, rtol=1e-13)
    community = pm.Community({"x": years, "z": other}, year_probabilities=[0.3, 0.7])
    ends = np.array([one_step(community, start, jax.random.key(i)) for i in range(60)])
    first = np.isclose(ends, by_year[0]).all(axis=1)
    assert (first | np.isclose(ends, by_year[1]).all(axis=1)).all()
    assert 5 <= first.sum() <= 35  # binomial(60, 0.3): outside once in 2,000 keys
    mean = 0.3 * by_year[0] + 0.7 * by_year[1]
    np.testing.assert_allclose(one_step(community.deterministic(), start), mean, rtol=1e-12)


def test_the_derivative_in_a_block_goes_through_a_run():
    def end(attack):
        hunt = MassAction("x", "y", attack, jnp.asarray([[0.002]]), response="II", handling_time=0.1)
        rule = Regulation("x", {"x": 0.01})
        return pm.simulate(pm.Community({"x": 1.8, "y": 0.9}, [hunt, rule]), [20.0, 5.0], 20).abundances[-1]

    with jax.enable_x64(True):
        slope = jax.jacfwd(end)(jnp.asarray([[0.01]])).ravel()
        h = 1e-6
        numeric = (end(jnp.asarray([[0.01 + h]])) - end(jnp.asarray([[0.01 - h]]))) / (2 * h)
    np.testing.assert_allclose(slope, numeric, rtol=1e-6)


def test_states_by_name():
    community = pm.Community({"x": YOUNG_ADULT, "y": 1.5})
    state = community.state({"y": 3, "x": [1, 2]})
    assert state.tolist() == [1, 2, 3]
    assert {k: v.tolist() for k, v in community.by_species(state).items()} == {"x": [1, 2], "y": [3]}
    assert np.asarray(community.totals(state)).tolist() == [3, 3]
    assert community.state_shape == (3,)
    for wrong, message in (
        ({"x": [1, 2]}, "no abundances for y"),
        ({"x": [1, 2], "y": 1, "q": 2}, "'q', which is not a species"),
        ({"x": [1, 2, 3], "y": 1}, "'x' has 2 classes"),
    ):
        with pytest.raises(ValueError, match=message):
            community.state(wrong)


TWO = {"x": YOUNG_ADULT, "y": 1.0}
BITE = LinearEffect("predation", on="x", of="y", block=[[0.1], [0.1]])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LinearEffect("predation", "x", "y", [[-0.1]]), r"predation block of 'y' on 'x' must be .* at least 0"),
        (lambda: LinearEffect("eating", "x", "y", 0.1), "must be one of 'competition', 'predation'"),
        (lambda: LinearEffect("predation", "x", "y", [[np.nan]]), "finite"),
        (lambda: MassAction("x", "y", -1.0, 1.0), "attack of 'y' on 'x'"),
        (lambda: MassAction("x", "y", 1.0, 1.0, response="IV"), "'I', 'II', 'III'"),
        (lambda: MassAction("x", "y", 1.0, 1.0, handling_time=0.1), "plays no part in response 'I'"),
        (lambda: Regulation("x", {"x": -1.0}), "weight of 'x'"),
        (lambda: Regulation("x", {"x": 1.0}, "logistic"), "form of a regulation"),
        (lambda: Regulation("x", {"x": 1.0}, acts_on="births"), "acts_on must be"),
        (lambda: Regulation("x", {"x": 1.0}, "theta"), "theta belongs to the form 'theta' only"),
        (lambda: Regulation("x", {"x": 1.0}, theta=2.0), "theta belongs"),
        (lambda: Regulation("x", {"x": 1.0}, "theta", theta=0.0), "theta must be positive"),
        (lambda: Regulation("x", 0.1), "must map species to numbers"),
        (lambda: EnvironmentalNoise({"x": -0.1}), "sd of 'x'"),
        (lambda: EnvironmentalNoise({"x": [0.1, 0.2]}), "one number"),
        (lambda: EnvironmentalNoise(0.1), "must map species"),
        (lambda: EnvironmentalNoise({"x": 0.1, "y": 0.1}, correlation=-1.5), "positive semi-definite"),
        (lambda: EnvironmentalNoise({"x": 0.1, "y": 0.1}, correlation=np.eye(3)), r"shape \(2, 2\)"),
        (lambda: EnvironmentalNoise({"x": 0.1}, acts_on="survival"), "acts_on of environmental noise"),
        (
            lambda: pm.Community(TWO, [LinearEffect("predation", "x", "y", 0.1)]),
            r"must have shape \(2, 1\): one row per",
        ),
        (lambda: pm.Community(TWO, [LinearEffect("predation", "z", "y", 0.1)]), "'z', which is not a species"),
        (lambda: pm.Community(TWO, [LinearEffect("competition", "y", "y", 0.1)]), "on itself"),
        (lambda: pm.Community(TWO, [MassAction("x", "y", [[0.1], [0.1]], [[0.1]])]), "conversion of 'y' on 'x'"),
        (
            lambda: pm.Community(TWO, [MassAction("x", "y", [[0.1], [0.1]], [[0.1, 0.1]], offspring_class=1)]),
            "offspring_class of 'y' on 'x' must be from 0 to 0",
        ),
        (lambda: pm.Community(TWO, [Regulation("x", {"x": [1.0, 2.0, 3.0]})]), "must be a number or one per class"),
        (lambda: pm.Community(TWO, [Regulation("x", {"w": 1.0})]), "'w', which is not a species"),
        (lambda: pm.Community(TWO, harvest={"x": 1.5}), "proportion, at most 1"),
        (lambda: pm.Community(TWO, quota={"x": [1.0, 2.0]}), "one number for the species"),
        (lambda: pm.Community(TWO, quota={"x": -1.0}), "quota of 'x'"),
        (lambda: pm.Community(TWO, migration={"x": np.inf}), "migration of 'x' must be finite"),
        (lambda: pm.Community(TWO, migration={"q": 1.0}), "'q', which is not a species"),
        (lambda: pm.Community(TWO, environment=EnvironmentalNoise({"q": 0.1})), "'q', which is not a species"),
        (lambda: pm.Community(TWO, mode="open"), "mode must be one of"),
        (lambda: pm.Community(TWO, mode="linear", demographic_noise=True), "use mode='clipped'"),
        (
            lambda: pm.Community(
                TWO, environment=EnvironmentalNoise({"x": 0.1}, acts_on="all"), demographic_noise=True
            ),
            "survival must stay a probability",
        ),
        (lambda: pm.Community(TWO, year_probabilities=[0.5, 0.5]), "need matrices of several years"),
        (lambda: pm.Community({"x": [[0.1]]}), "must be a MatrixPopulation"),
        (lambda: pm.Community({}), "one or more names"),
        (lambda: pm.Community({"x": -2.0}), "at least 0"),
        (
            lambda: pm.Community({"x": YOUNG_ADULT, "y": MatrixPopulation([[0.5]], [[1.0]], unit="days")}),
            "same projection",
        ),
        (lambda: pm.Community({"x": YOUNG_ADULT}, interval=2.0), r"the community was given \(2.0, 'years'\)"),
    ],
)
def test_what_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_years_that_do_not_match_are_refused():
    two, three = (MatrixPopulation(np.zeros((n, 1, 1)), np.ones((n, 1, 1))) for n in (2, 3))
    with pytest.raises(ValueError, match=r"leading shapes \[\(2,\), \(3,\)\]"):
        pm.Community({"x": two, "y": three})
    with pytest.raises(ValueError, match="2 numbers, at least 0, that sum to 1"):
        pm.Community({"x": two}, year_probabilities=[0.5, 0.6])


def test_no_matrix_for_what_is_not_linear_and_no_step_without_a_key():
    with pytest.raises(pm.UnableError, match="it has Regulation"):
        pm.Community(TWO, [BITE, Regulation("x", {"x": 0.1})]).linear_matrix()
    with pytest.raises(pm.UnableError, match="a quota"):
        pm.Community(TWO, [BITE], quota={"x": 1.0}).linear_matrix()
    noisy = pm.Community(TWO, environment=EnvironmentalNoise({"x": 0.1}))
    assert noisy.random
    with pytest.raises(ValueError, match="pass key="):
        pm.simulate(noisy, [1.0, 1.0, 1.0], 1)


def test_individuals_are_whole():
    counted = pm.Community(TWO, demographic_noise=True)
    assert counted.whole_numbers and not pm.Community(TWO).whole_numbers
    for replicates in (None, 3):
        with pytest.raises(ValueError, match=r"must be whole numbers; got 0\.5"):
            pm.simulate(counted, [1.0, 0.5, 1.0], 2, key=jax.random.key(0), num_replicates=replicates)
