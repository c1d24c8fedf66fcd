"""Life histories against R's figures, sums over simulated cohorts, and closed forms."""

import json
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations import eigen
from popmath.populations import life_history as lh
from popmath.populations.matrix_population import MatrixPopulation

FILE = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text())
RECORDS = {name: record for name, record in FILE.items() if not name.startswith("_")}


@pytest.fixture(params=RECORDS)
def record(request):
    return RECORDS[request.param]


def close(found, wanted, rtol=1e-10, atol=1e-14):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted, float), rtol=rtol, atol=atol)


def random_model(seed, size=4):
    rng = np.random.default_rng(seed)
    survival = rng.dirichlet(np.ones(size + 1), size).T[:size]  # what is left of a column dies
    births = np.zeros((size, size))
    births[0, 1:] = rng.random(size - 1) * 3
    return MatrixPopulation(survival, births)


def test_figures_of_the_file(record):
    model = MatrixPopulation(record["U"], record["F"])
    close(lh.fundamental_matrix(model), record["fundamental_N"])
    close(lh.net_reproductive_rate(model), record["R0"])
    close(lh.generation_time(model), record["generation_time_logR0_loglambda"])
    close(lh.generation_time_cohort(model), record["gen_time_cohort_Rage"])
    close(lh.generation_time_parents(model), record["gen_time_age_diff_Rage"])
    close(lh.life_expectancy(model), record["life_expect_mean_from_each_stage"])
    close(lh.life_expectancy_variance(model), record["life_expect_var_from_each_stage"])
    close(lh.longevity(model), record["longevity_lx001_from_stage1"])
    close(lh.maturity_probability(model), record["mature_prob"])
    close(lh.age_at_maturity(model), record["mature_age"])


@hypothesis.settings(max_examples=25)
@hypothesis.given(st.integers(0, 10**6))
def test_against_sums_over_a_cohort(seed):
    """5,000 intervals leave less than 1e-12 of a cohort whose yearly mortality is above 0.6 %; others are left out."""
    model = random_model(seed)
    u, f = np.asarray(model.U), np.asarray(model.F)
    hypothesis.assume(np.max(np.abs(np.linalg.eigvals(u))) < 0.98)
    alive, born, n = [], [], np.eye(4)[0]
    for _ in range(5000):
        alive.append(n.sum())
        born.append((f @ n).sum())
        n = u @ n
    alive, born, age = np.asarray(alive), np.asarray(born), np.arange(5000)
    close(lh.survivorship(model, 50), alive[:51], rtol=1e-12)
    close(lh.life_expectancy(model)[0], alive.sum(), rtol=1e-9)
    close(lh.life_expectancy_variance(model)[0], ((2 * age + 1) * alive).sum() - alive.sum() ** 2, rtol=1e-8)
    close(lh.generation_time_cohort(model, until_survival=0), (age * born).sum() / born.sum(), rtol=1e-9)
    last = int(lh.longevity(model))
    assert alive[last] < 0.01 <= alive[last - 1]
    part = (age * born)[: last + 1].sum() / born[: last + 1].sum()
    close(lh.generation_time_cohort(model), part, rtol=1e-9)
    close(lh.net_reproductive_rate(model), born.sum(), rtol=1e-9)
    rate = eigen.growth_rate(model)
    assert (lh.net_reproductive_rate(model) > 1) == (rate > 1)


def test_leslie_in_closed_form():
    """Survival 0.5 and 0.4, one litter of 5 in the third class: all ages are 2."""
    model = MatrixPopulation([[0, 0, 0], [0.5, 0, 0], [0, 0.4, 0]], [[0, 0, 6.0], [0, 0, 0], [0, 0, 0]])
    close(lh.net_reproductive_rate(model), 1.2)
    for index in (lh.generation_time_cohort, lh.age_at_maturity):
        close(index(model), 2 if index is lh.generation_time_cohort else 3)
    close(lh.generation_time(model), 3)  # R0 = lambda^3: offspring are counted one interval after their parent
    close(lh.generation_time_parents(model), 3)
    close(lh.maturity_probability(model), 0.2)
    assert lh.age_at_maturity(model, start=2) == 1 and lh.maturity_probability(model, start=2) == 1


def test_undefined_is_not_a_number():
    barren = MatrixPopulation([[0, 0], [0.5, 0.5]], np.zeros((2, 2)))
    assert lh.net_reproductive_rate(barren) == 0 and lh.maturity_probability(barren) == 0
    assert np.isnan(lh.age_at_maturity(barren)) and np.isinf(lh.generation_time_parents(barren))
    immortal = MatrixPopulation([[0, 0], [0.5, 1.0]], [[0, 1.0], [0, 0]])
    assert np.isinf(lh.longevity(immortal)) and not np.isfinite(lh.life_expectancy(immortal)).any()
    steady = MatrixPopulation([[0, 0], [0.5, 0.0]], [[0, 2.0], [0, 0]])
    assert np.isnan(lh.generation_time(steady))


def test_batches_and_gradients():
    models = [random_model(seed) for seed in range(6)]
    batch = MatrixPopulation(np.stack([m.U for m in models]), np.stack([m.F for m in models]))
    for index in (lh.net_reproductive_rate, lh.generation_time_cohort, lh.longevity, lh.life_expectancy_variance):
        close(index(batch), [index(m) for m in models], rtol=1e-11)
    assert lh.survivorship(batch, 7).shape == (6, 8)
    with jax.enable_x64(True):
        one = jax.tree.map(jnp.asarray, models[0])
        for index in (
            lh.net_reproductive_rate,
            lh.generation_time,
            lh.generation_time_parents,
            lh.generation_time_cohort,
        ):
            slope = jax.grad(index)(one)
            step = 1e-6
            up, down = (MatrixPopulation(one.U, np.asarray(one.F) * (1 + s)) for s in (step, -step))
            rough = (index(up) - index(down)) / (2 * step)
            np.testing.assert_allclose(np.sum(slope.F * one.F), rough, rtol=1e-6, atol=1e-7)


def test_a_class_may_be_named():
    record = RECORDS["killer_whale"]
    model = MatrixPopulation(record["U"], record["F"], names=record["stages"])
    indices = (lh.longevity, lh.generation_time_cohort, lh.age_at_maturity, lh.maturity_probability)
    for index in indices:
        for number, name in enumerate(record["stages"][:3]):
            assert index(model, start=name) == index(model, start=number)
    assert np.array_equal(lh.survivorship(model, 3, start="mature"), lh.survivorship(model, 3, start=2))
    assert lh.longevity(model, start="mature") != lh.longevity(model)


def test_bad_input_and_negative_control():
    model = random_model(0)
    with pytest.raises(ValueError, match="class name, or a number from 0 to 3; got 4"):
        lh.longevity(model, start=4)
    with pytest.raises(ValueError, match=r"one of the classes \['class 1', .*; got 'adult'"):
        lh.longevity(model, start="adult")
    with pytest.raises(ValueError, match="share of survivors"):
        lh.longevity(model, survivors=1.5)
    with pytest.raises(ValueError, match="num_intervals"):
        lh.survivorship(model, -1)
    whale = RECORDS["killer_whale"]
    other = MatrixPopulation(whale["U"], 1.001 * np.asarray(whale["F"]))
    with pytest.raises(AssertionError):
        close(lh.net_reproductive_rate(other), whale["R0"])
