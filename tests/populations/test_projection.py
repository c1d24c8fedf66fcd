"""Projections against matrix powers and the reference file, the envelope against the transient bounds."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popmath import UnableError
from popmath.populations import (
    MatrixPopulation,
    TransientEnvelope,
    TransientProjection,
    growth_rate,
    project,
    transient_bounds,
    transient_envelope,
    transient_projection,
    transient_response,
)

FILE = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text())
RECORDS = {name: record for name, record in FILE.items() if not name.startswith("_")}
A = np.array([[0.0, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.1]])
entries = st.floats(0, 2, allow_subnormal=False)


def matrices(count):
    return st.lists(entries, min_size=9 * count, max_size=9 * count).map(lambda x: np.reshape(x, (count, 3, 3)))


def starts(count):
    return st.lists(st.floats(0.01, 10), min_size=3 * count, max_size=3 * count).map(
        lambda x: np.reshape(x, (count, 3))
    )


@pytest.mark.parametrize("name", RECORDS)
def test_totals_of_the_file_and_matrix_powers(name):
    record = RECORDS[name]
    model = MatrixPopulation(record["U"], record["F"], names=record["stages"])
    n = model.num_classes
    found = project(model, np.full(n, 1 / n), 50)
    assert found.shape == (51, n) and isinstance(found, np.ndarray) and found.dtype == np.float64
    np.testing.assert_allclose(found[-1].sum(), record["projection_uniform_t50_total"], rtol=1e-10)
    start = np.arange(1.0, n + 1)
    walked = project(model.A.tolist(), start.tolist(), 20)
    assert np.array_equal(walked[0], start)
    for t in range(21):
        np.testing.assert_allclose(walked[t], np.linalg.matrix_power(model.A, t) @ start, rtol=1e-12)


def test_the_initial_alone_and_whole_numbers():
    assert project(A, [1, 2, 3], 0).tolist() == [[1.0, 2.0, 3.0]]
    assert project([[0.0, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]], [8, 4, 4], 2)[-1].tolist() == [7.0, 5.0, 1.0]


@settings(max_examples=20)
@given(matrices(2), starts(2), st.floats(0.5, 3))
def test_linear_in_the_start_and_batches_are_loops(stack, begin, factor):
    both = project(stack, begin, 6)
    assert both.shape == (2, 7, 3)
    for i in range(2):
        np.testing.assert_allclose(both[i], project(stack[i], begin[i], 6), rtol=1e-13)
    mixed = project(stack[0], factor * begin[0] + begin[1], 6)
    np.testing.assert_allclose(mixed, factor * both[0] + project(stack[0], begin[1], 6), rtol=1e-12, atol=1e-300)


def test_batches_of_matrices_and_of_starts_broadcast():
    stack, begin = np.stack([A, 2 * A])[:, None], np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    found = project(stack, begin, 4)
    assert found.shape == (2, 3, 5, 3)
    np.testing.assert_allclose(found[1, 2], project(2 * A, begin[2], 4), rtol=1e-13)
    assert project(np.stack([A, A, A]), begin[0], 4).shape == (3, 5, 3)
    assert project(A, begin, 4).shape == (3, 5, 3)


def test_jit_grad_and_vmap():
    start, n = np.array([1.0, 2.0, 3.0]), 5
    with jax.enable_x64(True):
        wanted = project(A, start, n)
        jitted = jax.jit(lambda a, x: project(a, x, n))(A, start)
        np.testing.assert_allclose(jitted, wanted, rtol=1e-13)
        mapped = jax.vmap(lambda x: project(A, x, n))(jnp.asarray(np.stack([start, 2 * start])))
        np.testing.assert_allclose(mapped[1], 2 * wanted, rtol=1e-13)
        slope = jax.grad(lambda x: jnp.sum(project(A, x, n)[-1]))(jnp.asarray(start))
        np.testing.assert_allclose(slope, np.linalg.matrix_power(A, n).sum(axis=0), rtol=1e-12)
        by_entry = jax.grad(lambda a: jnp.sum(project(a, start, n)[-1]))(jnp.asarray(A))
        up, down = (
            project(A + step * np.eye(3)[[1]].T * np.eye(3)[0], start, n)[-1].sum() for step in (1e-6, -1e-6 + 0)
        )
        np.testing.assert_allclose(by_entry[1, 0], (up - down) / 2e-6, rtol=1e-6)
        whole = jax.jit(lambda x: project(A, x, 2))(jnp.array([8, 4, 4]))
        np.testing.assert_allclose(whole, project(A, [8, 4, 4], 2), rtol=1e-13)
        edge = jax.jit(lambda a: transient_envelope(a, n))(jnp.asarray(A))
        np.testing.assert_allclose(edge.upper, transient_envelope(A, n).upper, rtol=1e-12)
        grow = jax.grad(lambda a: transient_envelope(a, 3).upper[2])(jnp.asarray(A))
        change = 1e-6 * np.eye(3)[[0]].T * np.eye(3)[1]
        up, down = (transient_envelope(A + s * change, 3).upper[2] for s in (1, -1))
        np.testing.assert_allclose(grow[0, 1], (up - down) / 2e-6, rtol=1e-5)


@pytest.mark.parametrize("name", RECORDS)
def test_envelope_meets_the_bounds(name):
    matrix = np.asarray(RECORDS[name]["A"])
    bounds, envelope = transient_bounds(matrix), transient_envelope(matrix, 400)
    assert isinstance(envelope, TransientEnvelope) and envelope.times.tolist() == list(range(401))
    assert envelope.lower[0] == envelope.upper[0] == 1
    np.testing.assert_allclose(envelope.upper[1], bounds.reactivity, rtol=1e-12)
    np.testing.assert_allclose(envelope.lower[1], bounds.first_step_attenuation, rtol=1e-12)
    assert (envelope.upper <= bounds.max_amplification * (1 + 1e-9)).all()
    assert (envelope.lower >= bounds.max_attenuation * (1 - 1e-9)).all()
    for time, field, value in (
        (bounds.max_amplification_time, "upper", bounds.max_amplification),
        (bounds.max_attenuation_time, "lower", bounds.max_attenuation),
    ):
        if np.isfinite(time) and time <= 400:
            np.testing.assert_allclose(getattr(envelope, field)[int(time)], value, rtol=1e-10)
    power = np.linalg.matrix_power(matrix / growth_rate(matrix), 7).sum(axis=0)
    np.testing.assert_allclose([envelope.lower[7], envelope.upper[7]], [power.min(), power.max()], rtol=1e-10)


@settings(max_examples=20)
@given(starts(1))
def test_every_start_lies_in_the_envelope(start):
    envelope = transient_envelope(A, 30)
    density = project(A, start[0] / start[0].sum(), 30).sum(axis=-1) / growth_rate(A) ** np.arange(31)
    assert (density <= envelope.upper * (1 + 1e-12)).all() and (density >= envelope.lower * (1 - 1e-12)).all()


def test_envelope_of_a_batch_and_of_a_population_that_dies_out():
    barren = np.array([[0.0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]])
    found = transient_envelope(np.stack([A, 3 * A, barren]), 8)
    assert found.upper.shape == found.lower.shape == (3, 9)
    np.testing.assert_allclose(found.upper[1], found.upper[0], rtol=1e-12)
    assert np.isnan(found.upper[2]).all() and np.isnan(found.lower[2]).all()
    assert np.isfinite(found.upper[:2]).all()


def test_transient_projection_is_the_projection_over_growth():
    model = MatrixPopulation.from_matrix(A, fertility_rows=0, names=("egg", "larva", "adult"), interval=2, unit="weeks")
    found = transient_projection(model, num_steps=12)
    assert isinstance(found, TransientProjection)
    assert found.names == ("egg", "larva", "adult") and found.densities.shape == (3, 13)
    for i in range(3):
        wanted = project(A, np.eye(3)[i], 12).sum(axis=-1) / growth_rate(A) ** np.arange(13)
        np.testing.assert_allclose(found.densities[i], wanted, rtol=1e-12)
    np.testing.assert_allclose(found.densities.max(axis=0), found.envelope.upper, rtol=1e-12)
    np.testing.assert_allclose(found.inertia_upper, transient_bounds(A).inertia_upper, rtol=1e-12)
    one = transient_projection(model, [10, 20, 30])
    assert one.names == ("given start",) and one.densities[0, 0] == 1
    np.testing.assert_allclose(one.densities[0, -1], transient_response(A, [10, 20, 30]).inertia, rtol=0.01)
    assert transient_projection(A, np.eye(3)[:2]).names == ("start 1", "start 2")
    table = found.to_dataframe()
    assert list(table.columns) == ["egg", "larva", "adult", "smallest of all starts", "largest of all starts"]
    assert table.index.name == "time (weeks)" and table.index[-1] == 24
    assert np.array_equal(table["larva"], found.densities[1])


def test_the_number_of_steps_follows_the_damping_ratio():
    assert len(transient_projection([[0.5, 0.49], [0.49, 0.5]]).envelope.times) == 11  # damping ratio 99
    assert len(transient_projection([[0.0, 2.0], [0.5, 0.0]]).envelope.times) == 101  # it never settles
    slow = transient_projection([[0.5, 0.1], [0.1, 0.5]])  # eigenvalues 0.6 and 0.4
    assert len(slow.envelope.times) == 1 + int(np.ceil(np.log(100) / np.log(1.5)))


def test_refusals():
    for bad, text in (
        ([1, 2], r"initial must have one number per class, shape \(3,\)"),
        (5.0, "initial"),
        ([1, -1, 2], "initial must be finite, at least 0"),
        ([1, np.nan, 2], "initial must be finite"),
        ([1, np.inf, 2], "initial must be finite"),
        ([0, 0, 0], "not all 0"),
        ([[1, 0, 0], [0, 0, 0]], "not all 0"),
    ):
        with pytest.raises((ValueError, TypeError), match=text):
            project(A, bad, 3)
    for function in (lambda n: project(A, [1, 1, 1], n), lambda n: transient_envelope(A, n)):
        for bad in (-1, True):
            with pytest.raises(ValueError, match="num_steps must be a whole number, at least 0"):
                function(bad)
    with pytest.raises(ValueError, match="square"):
        project([[1.0, 2.0]], [1, 1], 3)
    with pytest.raises(ValueError, match="at least 0"):
        transient_envelope([[-1.0]], 3)
    with pytest.raises(ValueError, match=r"batches.*\(2,\).*\(3,\)"):
        project(np.stack([A, A]), np.ones((3, 3)), 3)
    with pytest.raises(OverflowError, match=r"interval 309.*divide"):
        project([[10.0]], [1.0], 400)
    with jax.enable_x64(True):
        endless = jax.jit(lambda a: project(a, [1.0], 400))(jnp.array([[10.0]]))
    assert np.isinf(endless[-1, 0]) and np.isfinite(endless[308, 0])
    with pytest.raises(UnableError, match="growth rate is 0"):
        transient_projection([[0.0, 0.0], [0.5, 0.0]])
    with pytest.raises(ValueError, match="one matrix"):
        transient_projection(np.stack([A, A]))
    with pytest.raises(ValueError, match=r"initial must have shape \(3,\) or \(starts, 3\)"):
        transient_projection(A, np.ones((2, 2, 3)))
