"""Density-dependent Leslie models against loops in plain NumPy, and against Leslie-Gower with one class."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest

import popmath as pm

TWO = ("a", "b")
SHAPES = {"fertility": (2, 3), "survival": (2, 2), "competition": (2, 2, 3)}
RANGES = {"fertility": (0.0, 4.0), "survival": (0.0, 1.0), "competition": (0.0, 0.1)}
arrays = {n: hnp.arrays(float, SHAPES[n], elements=st.floats(*RANGES[n])) for n in SHAPES}


def one_step(p, x, regulates):
    """Entry by entry."""
    after = np.zeros_like(x)
    for i in range(x.shape[0]):
        crowd = 1 + sum(p["competition"][i, j, c] * x[j, c] for j in range(x.shape[0]) for c in range(x.shape[1]))
        after[i, 0] = sum(f * n for f, n in zip(p["fertility"][i], x[i], strict=True)) / crowd
        for c in range(x.shape[1] - 1):
            after[i, c + 1] = p["survival"][i, c] * x[i, c] / (crowd if regulates == "all" else 1)
    return after


@hypothesis.settings(max_examples=15)
@hypothesis.given(
    p=st.fixed_dictionaries(arrays),
    start=hnp.arrays(float, (2, 3), elements=st.floats(0.0, 50.0)),
    regulates=st.sampled_from(["all", "fertility"]),
)
def test_five_steps_by_loops(p, start, regulates):
    found = pm.simulate(pm.DensityDependentLeslie(TWO, **p, regulates=regulates), start, 5)
    expected = start
    for t in range(1, 6):
        expected = one_step(p, expected, regulates)
        np.testing.assert_allclose(np.asarray(found.states)[t], expected, rtol=1e-12, atol=1e-200)
    np.testing.assert_allclose(np.asarray(found.abundances)[5], expected.sum(1), rtol=1e-12, atol=1e-200)


@pytest.mark.parametrize("regulates", ["all", "fertility"])
def test_with_one_class_it_is_leslie_gower(regulates):
    growth, effect = np.array([3.0, 2.0]), np.array([[0.01, 0.02], [0.005, 0.01]])
    model = pm.DensityDependentLeslie(TWO, growth[:, None], np.zeros((2, 0)), effect[:, :, None], regulates=regulates)
    assert model.num_classes == 1
    found = np.asarray(pm.simulate(model, [[4.0], [2.0]], 20).abundances)
    plain = np.asarray(pm.simulate(pm.LeslieGower(TWO, growth, effect), [4.0, 2.0], 20).abundances)
    np.testing.assert_allclose(found, plain, rtol=1e-13)


def test_alone_it_settles_where_growth_is_one():
    """All rates divided by 1 + a X leave the stable distribution: lambda = 1 + a X there."""
    model = pm.DensityDependentLeslie("a", [[1.0, 3.0]], [[0.5]], [[[0.02, 0.02]]])
    growth = (1 + np.sqrt(1 + 4 * 0.5 * 3)) / 2
    assert model.growth_factor[0] == pytest.approx(growth, rel=1e-14)
    late = pm.simulate(model, [[5.0, 1.0]], 300)
    assert late.abundances[-1, 0] == pytest.approx((growth - 1) / 0.02, rel=1e-10)
    assert late.states[-1, 0, 1] / late.states[-1, 0, 0] == pytest.approx(0.5 / growth, rel=1e-10)


def test_no_offspring_in_the_first_class_and_derivatives_by_differences():
    """The version with 16 numbers: fertility of class 1 is 0."""
    base = {
        "fertility": np.array([[0.0, 11.0], [0.0, 7.0]]),
        "survival": np.array([[0.9], [0.7]]),
        "competition": np.full((2, 2, 2), 0.01),
    }
    times = np.array([0.0, 2.0, 5.0])

    def curve(p, start):
        model = pm.DensityDependentLeslie(TWO).with_values(p)
        return model.totals(model.states_at(start, times))

    change = {"fertility": np.array([[0.0, 1.0], [0.0, -1.0]]), "survival": np.full((2, 1), 0.1)}
    change["competition"] = np.full((2, 2, 2), 0.003)
    start = np.array([[0.5, 0.0], [1.0, 0.5]])
    with jax.enable_x64(True):
        slope = jax.jit(lambda p: jax.jvp(lambda q: curve(q, start), (p,), (change,))[1])(base)
        ends = [np.asarray(curve({n: base[n] + h * change[n] for n in base}, start)) for h in (1e-6, -1e-6)]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"survival": [[0.5, 0.5], [0.5, 0.5]]}, r"survival must have shape \(2, 1\)"),
        ({"survival": [[1.5], [0.5]]}, "survival must be at most 1"),
        ({"fertility": [[-1.0, 1.0]] * 2}, "fertility must be at least 0"),
        ({"competition": np.ones((2, 2))}, r"competition must have shape \(2, 2, 2\)"),
        ({"regulates": "survival"}, "regulates must be 'all' or 'fertility'; got 'survival'"),
        ({"num_classes": 0}, "num_classes must be a whole number, at least 1"),
        ({"interval": -1.0}, "interval must be positive"),
    ],
)
def test_wrong_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        pm.DensityDependentLeslie(TWO, **arguments)


def test_what_a_fit_asks_for():
    model = pm.DensityDependentLeslie(TWO, num_classes=3)
    assert {n: p.low.shape for n, p in model.parameters(np.ones(2)).items()} == SHAPES
    start = model.initial(np.array([90.0, 60.0]), np.array([3.0, 6.0]))
    np.testing.assert_allclose(np.sqrt(start.low * start.high).sum(axis=1), [3.0, 6.0])


def test_the_starting_ranges_lead_to_the_optimum_of_gauses_mixture(mixture):
    """Shared notes: 16 numbers reach a sum of squares of 0.7157; from these ranges most starts go below."""
    model, counts = pm.DensityDependentLeslie(mixture.species), mixture.values
    ranges = model.parameters(counts.max(axis=0))
    initial = model.initial(counts.max(axis=0), counts[0])
    sizes = {"fertility": 2, "survival": 2, "competition": 8, "initial": 4}
    ends = [ranges["fertility"][1:3], ranges["survival"][1:3], ranges["competition"][1:3], initial[1:3]]
    ends[0] = tuple(end[:, 1] for end in ends[0])  # class 1 has no offspring
    low, high = (np.concatenate([np.ravel(pair[side]) for pair in ends]) for side in (0, 1))
    starts = np.exp(np.random.default_rng(0).uniform(np.log(low), np.log(high), (8, 16)))
    starts[:, 2:4] = starts[:, 2:4] / (1 - starts[:, 2:4])  # odds

    def error(logarithms, _):
        parts = jnp.split(jnp.exp(logarithms), np.cumsum(list(sizes.values()))[:-1])
        fertility, odds, effect, start = (jnp.reshape(p, (2, -1)) for p in parts)
        fertility = jnp.concatenate([jnp.zeros((2, 1)), fertility], axis=1)
        values = {"fertility": fertility, "survival": odds / (1 + odds), "competition": effect.reshape(2, 2, 2)}
        found = model.with_values(values)
        return jnp.ravel(
            (found.totals(found.states_at(start, mixture.times)) - counts)[1:] / counts.mean(axis=0, keepdims=True)
        )

    def search(start):
        solver = optx.LevenbergMarquardt(rtol=1e-9, atol=1e-9)
        end = optx.least_squares(error, solver, start, max_steps=150, throw=False, options={"jac": "fwd"}).value
        return jnp.sum(error(end, None) ** 2)

    with jax.enable_x64(True):
        sums = np.asarray(jax.jit(jax.vmap(search))(np.log(starts)))
    assert (sums <= 0.716).mean() >= 0.5, sums
