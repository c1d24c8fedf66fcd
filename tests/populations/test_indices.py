"""The whole record: every field against the file, notes where something is undefined, batches."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations.indices import demography
from popmath.populations.matrix_population import MatrixPopulation

FILE = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text())
RECORDS = {name: record for name, record in FILE.items() if not name.startswith("_")}
FIELDS = {
    "growth_rate": "lambda",
    "stable_distribution": "stable_stage",
    "reproductive_value": "reproductive_value_v1eq1",
    "sensitivity": "sensitivity",
    "elasticity": "elasticity",
    "damping_ratio": "damping_ratio_popdemo",
    "fundamental_matrix": "fundamental_N",
    "net_reproductive_rate": "R0",
    "generation_time": "generation_time_logR0_loglambda",
    "generation_time_cohort": "gen_time_cohort_Rage",
    "generation_time_parents": "gen_time_age_diff_Rage",
    "life_expectancy": "life_expect_mean_from_each_stage",
    "life_expectancy_variance": "life_expect_var_from_each_stage",
    "longevity": "longevity_lx001_from_stage1",
    "maturity_probability": "mature_prob",
    "age_at_maturity": "mature_age",
    "reactivity": "reactivity_upper",
    "first_step_attenuation": "reactivity_lower_first_step_att",
    "inertia_upper": "inertia_upper",
    "inertia_lower": "inertia_lower",
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_of_the_file(name):
    record = RECORDS[name]
    found = demography(MatrixPopulation(record["U"], record["F"], names=record["stages"]))
    for field, key in FIELDS.items():
        if record[key] is not None:
            wanted = np.asarray(record[key], float)
            np.testing.assert_allclose(getattr(found, field), wanted, rtol=1e-10, atol=1e-14, err_msg=field)
    assert set(found.notes) == (set() if record["irreducible"] else {"growth_rate"})
    text = found.summary()
    assert record["stages"][0] in text and "generation time" in text and "years" in text


def test_what_is_undefined_is_nan_and_says_why():
    barren = demography(MatrixPopulation([[0, 0], [0.5, 0.0]], np.zeros((2, 2))))
    assert barren.growth_rate == 0 and np.isnan(barren.reactivity) and "dies out" in barren.notes["reactivity"]
    assert np.isnan(barren.generation_time_cohort) and "no reproduction" in barren.notes["generation_time_cohort"]
    salmon = demography(MatrixPopulation([[0, 0, 0], [0.5, 0, 0], [0, 0.25, 0]], [[0, 0, 16.0], [0, 0, 0], [0, 0, 0]]))
    assert np.isnan(salmon.inertia_upper) and "period 3" in salmon.notes["inertia_upper"]
    np.testing.assert_allclose(salmon.growth_rate, 2 ** (1 / 3), rtol=1e-12)
    assert np.isfinite(salmon.max_amplification)
    twins = demography(MatrixPopulation(np.diag([0.5, 0.5]), np.diag([0.5, 0.5])))
    assert np.isnan(twins.sensitivity).all() and "2 separate groups" in twins.notes["sensitivity"]
    assert np.isnan(twins.generation_time) and "log lambda = 0" in twins.notes["generation_time"]
    immortal = demography(MatrixPopulation([[0, 0], [0.5, 1.0]], [[0, 1.0], [0, 0]]))
    assert np.isnan(immortal.life_expectancy).all() and "never loses" in immortal.notes["life_expectancy"]
    assert np.isinf(immortal.longevity) and "*" in immortal.summary()


def test_summary_is_in_the_unit_of_the_model():
    u, f = [[0, 0], [0.5, 0.75]], [[0, 1.0], [0, 0]]
    one, two = (demography(MatrixPopulation(u, f, interval=i, unit="weeks")) for i in (1, 2))
    lines = [next(line for line in x.summary().split("\n") if line.startswith("longevity")) for x in (one, two)]
    assert lines[0].split()[-2:] == ["15", "weeks"] and lines[1].split()[-2:] == ["30", "weeks"]


def test_batches_and_jit():
    rng = np.random.default_rng(1)
    u, f = rng.random((3, 4, 4)) / 5, rng.random((3, 4, 4))
    batch = demography(MatrixPopulation(u, f))
    assert batch.growth_rate.shape == (3,) and batch.elasticity.shape == (3, 4, 4) and not batch.notes
    one = demography(MatrixPopulation(u[1], f[1]))
    for field in (*FIELDS, "kreiss_upper", "kreiss_lower", "max_amplification", "max_attenuation"):
        np.testing.assert_allclose(getattr(batch, field)[1], getattr(one, field), rtol=1e-10, err_msg=field)
    with jax.enable_x64(True):
        model = jax.tree.map(jnp.asarray, MatrixPopulation(u, f))
        jitted = jax.jit(lambda m: demography(m).kreiss_upper)(model)
    np.testing.assert_allclose(jitted, batch.kreiss_upper, rtol=1e-12)
    with pytest.raises(ValueError, match="one population"):
        batch.summary()
