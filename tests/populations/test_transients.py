"""Transients against R's figures, long projections and dense searches."""

import json
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations.transients import transient_bounds, transient_response

FILE = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text())
RECORDS = {name: record for name, record in FILE.items() if not name.startswith("_")}
positive = hnp.arrays(np.float64, (4, 4), elements=st.floats(0.01, 2.0))


@pytest.fixture(params=RECORDS)
def record(request):
    return RECORDS[request.param]


def close(found, wanted, rtol=1e-10, atol=1e-14):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted, float), rtol=rtol, atol=atol)


def densities(a, r):
    """Column sums of the resolvent of A / lambda times (r - 1)."""
    rate = np.max(np.abs(np.linalg.eigvals(a)))
    return (r - 1) * np.linalg.inv(r * np.eye(len(a)) - a / rate).sum(axis=0)


def test_bounds_of_the_file(record):
    found = transient_bounds(record["A"])
    close(found.reactivity, record["reactivity_upper"])
    close(found.first_step_attenuation, record["reactivity_lower_first_step_att"])
    if record["inertia_upper"] is None:  # reducible: R refused
        return
    close(found.inertia_upper, record["inertia_upper"])
    close(found.inertia_lower, record["inertia_lower"])
    close(found.max_amplification, record["max_amplification_upper"], rtol=2e-4)
    close(found.max_attenuation, record["max_attenuation_lower"], rtol=2e-4)
    for time, name in [
        ("max_amplification_time", "max_amplification_t"),
        ("max_attenuation_time", "max_attenuation_t"),
    ]:
        assert getattr(found, time) == record[name] or np.isinf(getattr(found, time))


def test_kreiss_bounds_of_the_file(record):
    """R's line search begins at r = 1 + 1e-6 or so and can only fall short of the bounds, never pass them."""
    if record["Kreiss_upper_linesearch"] is None:
        return
    found = transient_bounds(record["A"])
    upper, lower = record["Kreiss_upper_linesearch"], record["Kreiss_lower_linesearch"]
    close(found.kreiss_upper, upper, rtol=5.1e-6)
    close(found.kreiss_lower, lower, rtol=5e-6, atol=2e-6)
    assert found.kreiss_upper >= upper * (1 - 1e-10) and found.kreiss_lower <= lower * (1 + 1e-10)


def test_responses_of_the_file(record):
    a = np.asarray(record["A"], float)
    n = len(a)
    even = transient_response(a, np.ones(n))
    close(even.reactivity, record["reactivity_uniform_vec"])
    if record["KeyfitzD_uniform"] is None:
        return
    close(even.inertia, record["inertia_uniform_vec"])
    close(even.keyfitz_distance, record["KeyfitzD_uniform"])
    close(even.projection_distance, record["projectionD_uniform"])
    close(even.cohen_distance, record["CohenD_uniform"])
    close(transient_response(a, np.eye(n)).convergence_time, record["convergence_time_1pc_by_stage"])


@hypothesis.settings(max_examples=20)
@hypothesis.given(positive, hnp.arrays(np.float64, 4, elements=st.floats(0.01, 1.0)))
def test_against_projection_and_dense_search(a, start):
    """Positive 4 x 4 matrices with entries within a factor of 200 have settled to 1e-9 after 3,000 intervals."""
    found, one = transient_bounds(a), transient_response(a, start)
    scaled = a / np.max(np.abs(np.linalg.eigvals(a)))
    column, single, now = [np.ones(4)], [1.0], np.eye(4)
    for _ in range(3000):
        now = scaled @ now
        column.append(now.sum(0))
        single.append((now @ start).sum() / start.sum())
    close(found.max_amplification, np.max(column), rtol=1e-9)
    close(found.max_attenuation, np.min(column), rtol=1e-9)
    close([one.max_amplification, one.max_attenuation], [np.max(single), np.min(single)], rtol=1e-9)
    close([found.inertia_upper, found.inertia_lower], [column[-1].max(), column[-1].min()], rtol=1e-9)
    searched = np.array([densities(a, r) for r in 1 + np.geomspace(1e-7, 1e3, 500)])
    assert found.kreiss_upper >= searched.max() * (1 - 1e-8) and found.kreiss_lower <= searched.min() * (1 + 1e-8)
    close([found.kreiss_upper, found.kreiss_lower], [searched.max(), searched.min()], rtol=1e-3)
    assert found.kreiss_upper <= found.max_amplification * (1 + 1e-10)  # a mean over time is below the supremum
    assert found.kreiss_lower >= found.max_attenuation * (1 - 1e-10)


def test_kreiss_bounds_of_a_start():
    """Against a fine search for that start, and as parts of the bounds over all starts."""
    a = np.asarray(RECORDS["loggerhead_crouse1987"]["A"], float)
    found, bounds = transient_response(a, np.eye(len(a))), transient_bounds(a)
    close([found.kreiss_upper.max(), found.kreiss_lower.min()], [bounds.kreiss_upper, bounds.kreiss_lower])
    start = np.arange(1.0, 1 + len(a))
    one = transient_response(a, 7 * start)
    grid = [densities(a, r) @ start / start.sum() for r in 1 + np.geomspace(1e-7, 1e9, 4000)]
    close([one.kreiss_upper, one.kreiss_lower], [max(grid), min(grid)], rtol=1e-5)
    assert one.kreiss_upper >= max(grid) * (1 - 1e-8) and one.kreiss_lower <= min(grid) * (1 + 1e-8)
    assert bounds.kreiss_lower < one.kreiss_lower < one.kreiss_upper < bounds.kreiss_upper


def test_kreiss_bound_inside_the_interval():
    """The loggerhead's is: near its maximum a fine search agrees to 1e-9, and it is above both ends."""
    a = np.asarray(RECORDS["loggerhead_crouse1987"]["A"], float)
    found = transient_bounds(a)
    grid = np.array([densities(a, r).max() for r in np.linspace(1.0005, 1.02, 20_000)])
    assert found.kreiss_upper > found.inertia_upper * 1.002
    close(found.kreiss_upper, grid.max(), rtol=1e-9)


def test_reducible_and_imprimitive():
    whale = transient_bounds(RECORDS["killer_whale"]["A"])
    close([whale.inertia_lower, whale.max_attenuation], 0.0, atol=1e-14)  # old whales alone leave nothing
    assert 1 < whale.kreiss_upper <= whale.max_amplification
    salmon = transient_bounds([[0, 0, 8.0], [0.5, 0, 0], [0, 0.25, 0]])  # period 3: the density of a start cycles
    close([salmon.max_amplification, salmon.max_attenuation], [8.0, 0.125])
    close([salmon.max_amplification_time, salmon.max_attenuation_time], [1, 2])


def test_batches_jit_and_gradients():
    rng = np.random.default_rng(3)
    batch = rng.random((5, 4, 4)) ** 4
    found = transient_bounds(batch)
    for k in range(5):
        close([x[k] for x in found], transient_bounds(batch[k]), rtol=1e-9)
    assert transient_response(batch, np.ones(4)).inertia.shape == (5,)
    a, step = batch[0], 1e-6
    direction = rng.random((4, 4))
    names = [n for n in found._fields if not n.endswith("_time")]
    with jax.enable_x64(True):
        bounds = jax.jit(lambda x: jnp.stack([getattr(transient_bounds(x), n) for n in names]))
        slope = np.asarray(jax.jit(jax.jacrev(bounds))(jnp.asarray(a)))
        rough = (bounds(a + step * direction) - bounds(a - step * direction)) / (2 * step)
    np.testing.assert_allclose((slope * direction).sum((1, 2)), rough, rtol=1e-5, atol=1e-6)


def test_bad_input_and_negative_control():
    a = np.asarray(RECORDS["teasel"]["A"], float)
    for start, message in [
        (np.zeros(6), "zero in every class"),
        (np.ones(5), "one abundance"),
        (-np.ones(6), "least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            transient_response(a, start)
    with pytest.raises(ValueError, match="accuracy"):
        transient_response(a, np.ones(6), accuracy=2)
    with pytest.raises(AssertionError):
        close(transient_bounds(a.T).reactivity, RECORDS["teasel"]["reactivity_upper"])
