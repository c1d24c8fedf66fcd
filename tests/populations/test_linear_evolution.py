"""Exact evolution of linear models: powers, sums over events, closed forms, none of which share code."""

import dataclasses

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import popmath as pm
from popmath._errors import UnableError
from popmath.populations.life_history import matrix_power
from popmath.populations.linear_evolution import evolve, migration_equilibrium
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.predation_elimination import evolve_one_way, prey_recurrence
from popmath.populations.predation_events import event_expansion, evolve_events
from popmath.populations.predator_prey import LesliePredatorPrey
from popmath.populations.projection import project

entries = st.floats(0.0, 1.0)


@st.composite
def hunts(draw, sizes=((1, 1), (2, 3), (3, 2)), migration=False, one_way=False):
    """Random blocks, migration and start; as many shapes as there are compilations."""
    m, n = draw(st.sampled_from(sizes))
    shapes = ((m, m), (n, n), (m, n), (n, m))
    blocks = [draw(hnp.arrays(float, shape, elements=entries)) for shape in shapes]
    moved = draw(hnp.arrays(float, m + n, elements=st.floats(-2, 2))) if migration else None
    blocks[3] = np.zeros((n, m)) if one_way else blocks[3]
    return blocks, moved, draw(hnp.arrays(float, m + n, elements=st.floats(0.0, 5.0)))


def model_of(case):
    blocks, moved, start = case
    return LesliePredatorPrey(*blocks, migration=moved), start


def walk(model, state, t):
    """Step by step in NumPy, and 1e-12 of the size of what is summed, signs left out."""
    lx, ly = np.asarray(model.prey_matrix), np.asarray(model.predator_matrix)
    m, moved = len(lx), np.zeros(len(state)) if model.migration is None else np.asarray(model.migration)
    path, size, matrix = [np.asarray(state)], np.abs(state), np.abs(model.projection_matrix())
    for _ in range(t):
        x, y = path[-1][:m], path[-1][m:]
        after = np.concatenate([lx @ x - model.predation @ y, ly @ y + model.conversion @ x])
        path.append(after + moved)
        size = np.maximum(matrix @ size + np.abs(moved), size)
    return np.array(path), 1e-12 * size.max() + 1e-300


@hypothesis.settings(max_examples=30)
@hypothesis.given(hunts(migration=True), st.integers(0, 12))
def test_evolution_is_the_steps_and_the_sum_over_events(case, t):
    model, start = model_of(case)
    path, tolerance = walk(model, start, t)
    found = evolve(model, start, np.arange(13))
    assert found.dtype == np.float64 and found.shape == (13, len(start))
    np.testing.assert_allclose(found[: t + 1], path, rtol=1e-10, atol=tolerance)
    if t <= 8:
        np.testing.assert_allclose(evolve_events(model, start, t), path[-1], rtol=1e-10, atol=tolerance)


@hypothesis.settings(max_examples=30)
@hypothesis.given(hunts(), st.integers(0, 9))
def test_sum_over_events_is_the_power(case, t):
    model, _ = model_of(case)
    found = event_expansion(model, t)
    power = np.linalg.matrix_power(model.projection_matrix(), t)
    size = np.abs(found.by_events).sum(axis=0).max()
    np.testing.assert_allclose(found.power, power, rtol=1e-10, atol=1e-13 * size)
    np.testing.assert_array_equal(found.by_events.sum(axis=0), found.power)
    assert found.num_terms == 2 ** (t + 1) and found.by_events.shape == (t + 1, *power.shape)
    m = len(model.prey_matrix)
    alone = np.linalg.matrix_power(np.asarray(model.prey_matrix), t)
    np.testing.assert_allclose(found.by_events[0][:m, :m], alone, rtol=1e-12)
    flipped = LesliePredatorPrey(model.prey_matrix, model.predator_matrix, 2 * model.predation, 2 * model.conversion)
    scaled = event_expansion(flipped, t).by_events  # k events are of order k in the coupling
    np.testing.assert_allclose(
        scaled, found.by_events * 2.0 ** np.arange(t + 1)[:, None, None], rtol=1e-12, atol=1e-300
    )


@hypothesis.settings(max_examples=30)
@hypothesis.given(hunts(), st.integers(1, 12))
def test_variation_of_constants(case, t):
    model, start = model_of(case)
    m = len(model.prey_matrix)
    path = evolve(model, start, np.arange(13))[: t + 1]
    lx = np.asarray(model.prey_matrix)
    eaten = sum(np.linalg.matrix_power(lx, t - 1 - s) @ model.predation @ path[s, m:] for s in range(t))
    alone = np.linalg.matrix_power(lx, t) @ start[:m]
    tolerance = 1e-12 * (np.abs(alone).max() + np.abs(path).max() * 10 + 1e-9)
    np.testing.assert_allclose(path[-1, :m], alone - eaten, rtol=1e-10, atol=tolerance)


@hypothesis.settings(max_examples=30)
@hypothesis.given(hunts(sizes=((1, 1), (2, 2), (3, 3)), migration=True))
def test_prey_recurrence(case):
    model, start = model_of(case)
    singular = np.linalg.svd(model.predation, compute_uv=False)
    hypothesis.assume(singular[-1] > 0.02)
    m = len(model.prey_matrix)
    x = evolve(model, start, np.arange(13))[:, :m]
    found = prey_recurrence(model)
    expected = x[1:-1] @ found.latest.T - x[:-2] @ found.previous.T + found.constant
    np.testing.assert_allclose(x[2:], expected, rtol=1e-10, atol=1e-11 * (1 + np.abs(x).max()) / singular[-1])


def test_prey_recurrence_of_one_class_and_refusals():
    a, d, p, q = 1.3, 0.4, 0.7, 0.2
    found = prey_recurrence(LesliePredatorPrey([[a]], [[d]], [[p]], [[q]]))
    assert found.latest[0, 0] == pytest.approx(a + d) and found.previous[0, 0] == pytest.approx(a * d + p * q)
    assert found.constant.tolist() == [0.0]
    with pytest.raises(UnableError, match=r"predation is square; its shape is \(2, 1\)"):
        prey_recurrence(LesliePredatorPrey(np.eye(2), [[d]], [[p], [p]], [[q, q]]))
    with pytest.raises(UnableError, match="predation is invertible; its singular values"):
        prey_recurrence(LesliePredatorPrey(np.eye(2), np.eye(2), np.ones((2, 2)), np.eye(2)))


@hypothesis.settings(max_examples=30)
@hypothesis.given(hunts(one_way=True), st.integers(0, 12), st.booleans())
def test_one_way_predation(case, t, exchange):
    model, start = model_of(case)
    blocks = [np.asarray(b) for b in (model.prey_matrix, model.predator_matrix, model.predation, model.conversion)]
    if exchange:  # prey lose nothing, predators gain
        blocks = [blocks[0], blocks[1], blocks[3].T, blocks[2].T]
        model = LesliePredatorPrey(*blocks)
    values = [np.linalg.eigvals(block) for block in blocks[:2]]
    gap = np.abs(values[0][:, None] - values[1]).min()
    together = np.concatenate(values).astype(complex)
    whole = np.linalg.eigvals(model.projection_matrix()).astype(complex)
    polynomial = np.poly(together).real
    np.testing.assert_allclose(np.poly(whole).real, polynomial, atol=1e-12 * np.abs(polynomial).max())
    hypothesis.assume(gap > 0.02)
    path, tolerance = walk(model, start, t)
    found = evolve_one_way(model, start, np.arange(13))[: t + 1]
    np.testing.assert_allclose(found, path, rtol=1e-10, atol=tolerance / gap)
    np.testing.assert_allclose(evolve_one_way(model, start, t), path[-1], rtol=1e-10, atol=tolerance / gap)


def test_one_way_refusals():
    both = LesliePredatorPrey([[1.0]], [[0.5]], [[0.1]], [[0.1]])
    with pytest.raises(UnableError, match="goes both ways"):
        evolve_one_way(both, [1.0, 1.0], 3)
    shared = LesliePredatorPrey([[0.5]], [[0.5]], [[0.1]], [[0.0]])
    with pytest.raises(UnableError, match="both species alone have the eigenvalue 0.5"):
        evolve_one_way(shared, [1.0, 1.0], 3)
    with pytest.raises(UnableError, match="leaves migration out"):
        evolve_one_way(dataclasses.replace(shared, migration=np.ones(2)), [1.0, 1.0], 3)
    apart = LesliePredatorPrey([[0.5]], [[0.5]], [[0.0]], [[0.0]])  # uncoupled: nothing to solve
    assert evolve_one_way(apart, [1.0, 2.0], 2).tolist() == [0.25, 0.5]


@hypothesis.settings(max_examples=30)
@hypothesis.given(hunts(migration=True), st.integers(0, 20))
def test_migration_in_closed_form(case, t):
    model, start = model_of(case)
    system = np.eye(len(start)) - model.projection_matrix()
    smallest = np.linalg.svd(system, compute_uv=False)[-1]
    hypothesis.assume(smallest > 0.02)
    rest = migration_equilibrium(model)
    np.testing.assert_allclose(system @ rest.abundance, model.migration, atol=1e-11 / smallest)
    power = np.linalg.matrix_power(model.projection_matrix(), t)
    expected = power @ (start - rest.abundance) + rest.abundance
    size = np.abs(power).max() * np.abs(start - rest.abundance).max() + np.abs(rest.abundance).max()
    np.testing.assert_allclose(evolve(model, start, t), expected, rtol=1e-10, atol=1e-12 * size / smallest)


def test_equilibrium_record_and_refusals():
    fed = LesliePredatorPrey([[0.5]], [[0.5]], [[0.25]], [[0.25]], migration=[10.0, 0.0])
    found = migration_equilibrium(fed)
    np.testing.assert_allclose(np.concatenate([found.prey, found.predators]), [16.0, 8.0])
    assert found.stable and found.feasible and found.spectral_radius == pytest.approx(np.hypot(0.5, 0.25))
    assert migration_equilibrium(dataclasses.replace(fed, mode="clipped")).feasible
    growing = LesliePredatorPrey([[1.5]], [[0.5]], [[0.25]], [[0.25]], migration=[1.0, 1.0])
    bad = migration_equilibrium(growing)
    assert not bad.stable and not bad.feasible and "unstable" in bad.summary() and "not feasible" in bad.summary()
    with pytest.raises(UnableError, match="has a negative class"):
        migration_equilibrium(dataclasses.replace(growing, mode="clipped"))
    with pytest.raises(ValueError, match="has no migration"):
        migration_equilibrium(dataclasses.replace(growing, migration=None))
    still = LesliePredatorPrey([[1.0]], [[0.5]], [[0.0]], [[0.25]], migration=[1.0, 0.0])
    with pytest.raises(UnableError, match="1 is an eigenvalue"):
        migration_equilibrium(still)
    # and evolution is exact all the same: x = x0 + t, y' = y/2 + x/4
    assert evolve(still, [2.0, 1.0], 2).tolist() == [4.0, 1.25]
    assert evolve(still, [2.0, 1.0], 10**6)[0] == 10**6 + 2


def test_long_times():
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert evolve(turn, [3.0, 4.0], 10**9 + 3).tolist() == [4.0, -3.0]
    assert evolve(turn, [3.0, 4.0], 2**62 - 2).tolist() == [-3.0, -4.0]
    angle = 2 * np.pi / 1000  # near a billion the phase is good to about 1e9 * 1e-16
    matrix = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(evolve(matrix, [1.0, 0.0], 10**9 + 250), [0, 1], atol=1e-5)
    rate = 1 + 2.0**-40
    assert evolve([[rate]], [1.0], 10**9)[0] == pytest.approx(np.exp(10**9 * np.log1p(2.0**-40)), rel=1e-7)


def test_what_evolves():
    model = LesliePredatorPrey([[1.0]], [[0.5]], [[0.1]], [[0.1]])
    assert evolve(model, [1.0, 1.0], 0).tolist() == [1.0, 1.0]
    assert evolve(model, [1.0, 1.0], []).shape == (0, 2)
    assert evolve(model, [1, 1], [3]).shape == (1, 2)
    whelk = MatrixPopulation(U=[[0, 0], [0.5, 0.75]], F=[[0, 2], [0, 0]])
    np.testing.assert_allclose(evolve(whelk, [4.0, 2.0], 5), project(whelk, [4.0, 2.0], 5)[-1], rtol=1e-14)
    fertility, survival = [[0, 2], [0, 1]], [[0.5, 0.1], [0.5, 0.2]]
    rivals = pm.LinearLeslieCompetition(("a", "b"), fertility, survival, np.full((2, 2, 2), 0.01))
    start = np.array([[3.0, 2.0], [1.0, 2.0]])
    run = np.asarray(pm.simulate(rivals, start, 6).states)
    np.testing.assert_allclose(evolve(rivals, start, np.arange(7)), run, rtol=1e-12)
    spiral = evolve(np.array([[0.6 + 0.8j]]), [1.0], 3)
    np.testing.assert_allclose(spiral, [(0.6 + 0.8j) ** 3], rtol=1e-14)


def test_derivatives_in_matrix_and_start():
    with jax.enable_x64(True):
        matrix, start = jnp.array([[0.9, -0.3], [0.2, 0.8]]), jnp.array([1.0, 2.0])
        for t in (1, 5, 40):
            slope = jax.grad(lambda a, t=t: jnp.sum(evolve(a, start, t)))(matrix)
            number = np.array(matrix)
            for i, j in ((0, 1), (1, 1)):
                step = 1e-6 * np.eye(4)[2 * i + j].reshape(2, 2)
                ends = [evolve(number + s * step, start, t).sum() for s in (1, -1)]
                assert slope[i, j] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)
            power = jax.jacfwd(lambda z, t=t: evolve(matrix, z, t))(start)
            np.testing.assert_allclose(power, np.linalg.matrix_power(number, t), rtol=1e-12)
        # growth that would overflow were the matrix squared further than needed
        steep = jax.grad(lambda a: evolve(a[None, None], jnp.ones(1), 3)[0])(jnp.asarray(1e3))
    assert float(steep) == pytest.approx(3e6, rel=1e-5)


def test_traced_times_and_models():
    model = LesliePredatorPrey([[1.0]], [[0.5]], [[0.1]], [[0.1]], migration=[0.5, 0.0])
    late = jax.jit(lambda t: evolve(model, [1.0, 1.0], t))
    np.testing.assert_allclose(late(7), evolve(model, [1.0, 1.0], 7), rtol=1e-12)
    np.testing.assert_allclose(late(jnp.arange(4)), evolve(model, [1.0, 1.0], np.arange(4)), rtol=1e-12)
    many = jax.vmap(lambda z: evolve(model, z, 3))(jnp.ones((2, 2)))
    np.testing.assert_allclose(many[1], evolve(model, [1.0, 1.0], 3), rtol=1e-12)
    with pytest.raises(Exception, match="t is negative, or the abundances exceed"):
        jax.block_until_ready(late(-1))
    with pytest.raises(Exception, match="t is negative, or the abundances exceed"):
        jax.block_until_ready(jax.jit(lambda t: evolve([[2.0]], [1.0], t))(2000))
    with pytest.raises(ValueError, match="t must be a whole number or a row"):
        late(jnp.ones(2))


def test_matrix_power_of_more_bits():
    with jax.enable_x64(True):
        power = matrix_power(jnp.array([[0.0, -1.0], [1.0, 0.0]]), jnp.asarray(2**40 + 1), 62)
        assert np.asarray(power).tolist() == [[0.0, -1.0], [1.0, 0.0]]
        default = matrix_power(jnp.array([[0.0, -1.0], [1.0, 0.0]]), jnp.asarray(2**16 + 1))
        assert np.asarray(default).tolist() == [[0.0, -1.0], [1.0, 0.0]]


REFUSED = [
    ([[1.0, 0.0]], [1.0], 1, "matrix must be square"),
    (np.zeros((2, 2, 2)), [1.0, 1.0], 1, "takes one matrix"),
    ([[1.0]], [1.0, 2.0], 1, r"initial of shape \(states,\); got \(1, 1\) and \(2,\)"),
    ([[np.nan]], [1.0], 1, "matrix must be finite"),
    ([[1.0]], [np.inf], 1, "initial must be finite"),
    ([[1.0]], [1.0], -1, "t must be a whole number from 0"),
    ([[1.0]], [1.0], [1.5], "t must be a whole number from 0"),
    ([[1.0]], [1.0], True, "t must be a whole number from 0"),
    ([[1.0]], [1.0], 2**62, "t must be a whole number from 0"),
    ([[1.0]], [1.0], 2**70, "t must be a whole number from 0"),
    ([[1.0]], [1.0], [[1]], "t must be a whole number from 0"),
    (LesliePredatorPrey([[1.0]], [[0.5]], [[0.1]], [[0.1]]), [1.0, -1.0], 1, "at least 0"),
    (LesliePredatorPrey([[1.0]], [[0.5]], [[0.1]], [[0.1]]), [1.0], 1, "initial must have shape"),
    (pm.Ricker("a", [1.0], [[0.1]]), [1.0], 1, "evolve needs a linear model.*Ricker is none"),
]


@pytest.mark.parametrize(("model", "initial", "t", "message"), REFUSED)
def test_wrong_questions(model, initial, t, message):
    with pytest.raises(ValueError, match=message):
        evolve(model, initial, t)


def test_what_evolution_cannot_answer():
    clipped = LesliePredatorPrey([[1.0]], [[0.5]], [[0.1]], [[0.1]], mode="clipped")
    for question in (
        lambda: evolve(clipped, [1.0, 1.0], 3),
        lambda: evolve_events(clipped, [1.0, 1.0], 3),
        lambda: evolve_one_way(clipped, [1.0, 1.0], 3),
        lambda: prey_recurrence(clipped),
    ):
        with pytest.raises(UnableError, match="mode='clipped' is not linear.*simulate"):
            question()
    with pytest.raises(UnableError, match=r"beyond the largest float64.*2.* makes 10\^602.1.*growth factor"):
        evolve([[2.0]], [1.0], [1, 2000])
    with pytest.raises(UnableError, match="beyond the largest float64"):
        evolve([[2.0, -3.0], [3.0, 2.0]], [1.0, 1.0], 10**9)
    linear = dataclasses.replace(clipped, mode="linear")
    with pytest.raises(UnableError, match=r"2\*\*\(t \+ 1\) terms, about 10\*\*4.82 for t = 15"):
        event_expansion(linear, 15)
    with pytest.raises(ValueError, match="t must be a whole number"):
        evolve_events(linear, [1.0, 1.0], -1)
    with pytest.raises(ValueError, match="initial must have shape"):
        evolve_events(linear, [1.0], 1)
    with pytest.raises(TypeError, match="not one that JAX is tracing"):
        jax.jit(lambda p: event_expansion(LesliePredatorPrey([[1.0]], [[0.5]], p, [[0.1]]), 2).power)(jnp.ones((1, 1)))


def test_the_longest_sum_over_events():
    model = LesliePredatorPrey([[0.5, 1.0], [0.5, 0.0]], [[0.5]], [[0.25], [0.5]], [[0.25, 0.125]])
    found = event_expansion(model, 14)
    assert found.num_terms == 32768 and found.summary().startswith("32768 histories; weight by number of events: 0: ")
    np.testing.assert_allclose(found.power, np.linalg.matrix_power(model.projection_matrix(), 14), rtol=1e-10)
