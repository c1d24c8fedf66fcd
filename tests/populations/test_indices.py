"""The whole record: every field against the file, notes where something is undefined, batches."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from popmath.populations import eigenvalues, transient_envelope
from popmath.populations.demography_tables import ROWS
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


def part(size, entries):
    values = np.zeros((size, size))
    for (i, j), value in entries.items():
        values[i, j] = value
    return values


# one model of each kind: healthy, reducible, barren, imprimitive, two groups with one growth rate, immortal, lambda = 1
KINDS = {
    "healthy": ({(1, 0): 0.5, (2, 1): 0.5, (2, 2): 0.5}, {(0, 2): 3.0}),
    "reducible": ({(1, 0): 0.5, (2, 1): 0.25, (1, 1): 0.5}, {(0, 1): 3.0}),
    "barren": ({(1, 0): 0.5, (2, 1): 0.5}, {}),
    "imprimitive": ({(1, 0): 0.5, (2, 1): 0.5}, {(0, 2): 32.0}),
    "twins": ({(0, 0): 0.5, (1, 1): 0.5, (2, 1): 0.25}, {(0, 0): 0.25, (1, 1): 0.25}),
    "immortal": ({(1, 0): 0.5, (2, 1): 0.5, (2, 2): 1.0}, {(0, 2): 1.0}),
    "steady": ({(1, 0): 0.5, (2, 1): 0.5, (2, 2): 0.5}, {(0, 2): 2.0}),
}


@pytest.fixture(scope="module")
def mixed():
    u, f = (np.stack([part(3, kind[i]) for kind in KINDS.values()]) for i in (0, 1))
    return demography(MatrixPopulation(u, f, names=("egg", "larva", "adult"), interval=2, unit="weeks"))


def test_a_batch_has_the_notes_of_its_models(mixed):
    each = [
        demography(MatrixPopulation(u, f, names=("egg", "larva", "adult")))
        for u, f in zip(mixed.population.U, mixed.population.F, strict=True)
    ]
    fields = [field for field in vars(each[0]) if field not in ("population", "notes")]
    for field in fields:
        together = getattr(mixed, field)
        for i, one in enumerate(each):
            np.testing.assert_allclose(together[i], getattr(one, field), rtol=1e-9, atol=1e-12, err_msg=field)
    assert set(mixed.notes) == {field for one in each for field in one.notes}
    for field, note in mixed.notes.items():
        texts = [one.notes[field] for one in each if field in one.notes]
        for text in texts:
            what, _, why = text.partition(": ")
            assert f"{what} in {texts.count(text)} of 7 models: {why}" in note
        assert note.count(" of 7 models: ") == len(set(texts))
    assert not each[0].notes and each[1].notes == {
        "growth_rate": "reducible matrix: the growth rate is that of egg, larva."
    }
    assert "dies out" in each[2].notes["kreiss_upper"] and np.isnan(each[2].kreiss_upper)
    assert each[3].notes["growth_rate"].startswith("imprimitive matrix: period 3")
    assert "period 3" in each[3].notes["inertia_lower"] and "2 separate groups" in each[4].notes["elasticity"]
    assert "never loses" in each[5].notes["generation_time"] and np.isnan(each[5].generation_time)
    assert "log lambda = 0" in each[6].notes["generation_time"] and set(each[6].notes) == {"generation_time"}


def test_a_batch_in_two_axes_and_of_one_kind_is_the_same():
    u, f = (np.stack([part(3, KINDS[kind][i]) for kind in ("healthy", "barren")] * 2) for i in (0, 1))
    square = demography(MatrixPopulation(u.reshape(2, 2, 3, 3), f.reshape(2, 2, 3, 3)))
    assert np.isnan(square.damping_ratio).tolist() == [[False, True], [False, True]]
    assert np.isnan(square.elasticity[:, 1]).all() and np.isfinite(square.elasticity[:, 0]).all()
    assert square.notes["damping_ratio"].startswith("undefined in 2 of 4 models: the growth rate is 0")
    table = square.to_dataframe()
    assert table.index.names == ["axis 0", "axis 1"] and np.isnan(table.loc[(1, 1), "damping_ratio"])
    assert square.class_table().index.names == ["axis 0", "axis 1", "class"]
    assert square.class_table().loc[(1, 0, "class 3"), "stable_distribution"] == square.stable_distribution[1, 0, 2]


def test_notes_of_thousands_of_models_are_made_together():
    rng = np.random.default_rng(2)
    f = np.zeros((2000, 3, 3))
    f[:, 0, 1:] = rng.random((2000, 2))
    f[rng.choice(2000, 37, replace=False)] = 0  # no births in 37 models
    u = np.tile(part(3, KINDS["healthy"][0]), (2000, 1, 1)) * rng.random((2000, 1, 1))
    found = demography(MatrixPopulation(u, f))
    assert found.notes["generation_time"].startswith("undefined in 37 of 2000 models: there is no reproduction.")
    assert np.isnan(found.generation_time).sum() == 37 and np.isfinite(found.life_expectancy).all()


@pytest.mark.parametrize("name", RECORDS)
def test_eigenvalues_of_the_file(name):
    record = RECORDS[name]
    found = eigenvalues(np.asarray(record["A"]))
    wanted = np.asarray(record["eigenvalues_re"]) + 1j * np.asarray(record["eigenvalues_im"])
    assert found.dtype == np.complex128
    np.testing.assert_allclose(found[0], record["lambda"], rtol=1e-12)
    distances = np.abs(found[:, None] - wanted)
    assert distances.min(axis=0).max() < 1e-3 and distances.min(axis=1).max() < 1e-3  # zeros of a defective matrix
    np.testing.assert_allclose(found.sum(), np.trace(record["A"]), rtol=1e-10, atol=1e-12)
    assert (np.diff(np.abs(found)) <= 1e-12).all()
    assert all(found[i + 1] == np.conj(found[i]) for i in np.flatnonzero(found.imag > 0))


def test_eigenvalues_begin_with_the_dominant_one():
    cycle = eigenvalues([[0.0, 0, 2], [0.5, 0, 0], [0, 1.0, 0]])  # three of modulus 1
    np.testing.assert_allclose(cycle, np.exp(2j * np.pi * np.array([0, 1, -1]) / 3), atol=1e-12)
    np.testing.assert_allclose(eigenvalues([[[0.0, 2], [0.5, 0]], [[3.0, 0], [0, 4.0]]]).real, [[1, -1], [4, 3]])
    with jax.enable_x64(True):
        jitted = jax.jit(eigenvalues)(jnp.array([[0.0, 2], [0.5, 0.25]]))
    np.testing.assert_allclose(jitted, eigenvalues([[0.0, 2], [0.5, 0.25]]), rtol=1e-12)
    with pytest.raises(ValueError, match="square"):
        eigenvalues([[1.0, 2.0]])


def test_tables_of_one_model():
    whelk = MatrixPopulation(
        [[0, 0], [0.5, 0.75]], [[0, 1.0], [0, 0]], names=("<young>", "a&b"), interval=2, unit="weeks"
    )
    found = demography(whelk)
    table = found.to_dataframe()
    assert list(table.columns) == ["value", "unit", "note"] and list(table.index) == [row[0] for row in ROWS]
    scalars = {f for f, v in vars(found).items() if isinstance(v, np.ndarray | np.floating) and v.ndim == 0}
    assert set(table.index) == scalars
    assert table.loc["longevity", "value"] == 2 * found.longevity and table.loc["longevity", "unit"] == "weeks"
    assert table.loc["log_growth_rate", "value"] == found.log_growth_rate / 2
    assert table.loc["growth_rate"].tolist() == [float(found.growth_rate), "per interval", ""]
    by_class = found.class_table()
    assert list(by_class.index) == ["<young>", "a&b"] and by_class.index.name == "class"
    assert np.array_equal(by_class["life_expectancy"], 2 * found.life_expectancy)
    np.testing.assert_allclose(by_class["life_expectancy_sd"], 2 * np.sqrt(found.life_expectancy_variance))
    assert np.array_equal(by_class["reproductive_value"], found.reproductive_value)
    shown = found._repr_html_()
    assert "&lt;young&gt;" in shown and "a&amp;b" in shown and "<young>" not in shown
    assert "2 classes, projection interval 2 weeks" in shown and "life expectancy (weeks)" in shown
    assert f"<td>longevity, to 1 % survival</td><td>{2 * found.longevity:.6g}</td><td>weeks</td>" in shown
    assert shown.count("<tr>") == len(ROWS) + 2 + 2 and "Notes" not in shown
    projection = found.projection(num_steps=3)
    np.testing.assert_allclose(projection.envelope.upper, transient_envelope(whelk, 3).upper, rtol=1e-14)


def test_tables_with_notes_and_of_batches(mixed):
    barren = demography(MatrixPopulation(mixed.population.U[2], mixed.population.F[2]))
    shown = barren._repr_html_()
    assert "<td>reactivity *</td><td>-</td>" in shown and "<li>reactivity: undefined: the growth rate is 0" in shown
    assert barren.to_dataframe().loc["reactivity", "note"] == barren.notes["reactivity"]
    table = mixed.to_dataframe()
    assert table.shape == (7, len(ROWS)) and table.index.name == "model"
    assert np.array_equal(table["longevity"], 2 * mixed.longevity)
    assert np.array_equal(table["growth_rate"], mixed.growth_rate)
    assert mixed.class_table().shape == (21, 4)
    assert mixed.class_table().loc[(6, "adult"), "life_expectancy"] == 2 * mixed.life_expectancy[6, 2]
    shown = mixed._repr_html_()
    known = mixed.reactivity[~np.isnan(mixed.reactivity)]
    cells = "".join(f"<td>{value:.4g}</td>" for value in (known.min(), np.median(known), known.max()))
    assert f"<td>reactivity *</td>{cells}<td>ratio</td>" in shown
    assert "7 models of 3 classes" in shown and "undefined in 1 of 7 models: the growth rate is 0" in shown
