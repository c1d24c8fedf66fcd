"""The printed tables: the right files, the right cells, and refusals."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from popmath import DataError, datasets

# SHA-256 of the reference copies of the five tables; written here so that a change of data/ and its record is noticed.
PUBLISHED = {
    "gause_1934_table3.csv": "5a46ead29d99f37243278ac43b74d1cf5603336f1db36981e9a9d2439977c259",
    "gause_1934_table4_one_loop.csv": "6c78c07add725ddc43cbae83098663423ca615e71be3cf507fb3624b3fae27f3",
    "gause_1934_table4_half_loop.csv": "e543fd327b155459a4ab831bc6a3c248c034bc31f8b1ef2831c3d70a6b178c57",
    "gause_1936_table2_mites.csv": "723f99e3a5d1606a27a947876b99c4ff989d033cb83cb8a5b54f910e6b307be3",
    "hudson_bay_1900_1920.csv": "0fac82c749aa0a3a0e8e696e62350bcebfd75115c016e52da3ba621a28948c42",
}
EVERY = {
    "table3": lambda: datasets.load_gause(),
    "table4_one_loop": lambda: datasets.load_gause("table4_one_loop"),
    "table4_half_loop": lambda: datasets.load_gause("table4_half_loop"),
    "mites": datasets.load_mites,
    "lynx_hare": datasets.load_lynx_hare,
}


@pytest.mark.parametrize("file", PUBLISHED)
def test_the_files_are_the_published_ones(file):
    content = datasets.data_path(file).read_bytes()
    assert hashlib.sha256(content).hexdigest() == PUBLISHED[file]


@pytest.mark.parametrize("name", EVERY)
def test_every_table_says_what_it_is(name):
    table = EVERY[name]()
    records = json.loads(datasets.data_path("tables.json").read_text(encoding="utf-8"))
    assert table.name == name and set(records) == set(EVERY)
    assert table.sha256 == PUBLISHED[records[name]["file"]]
    for field in ("title", "source", "time_unit", "value_unit", "blank", "notes"):
        assert getattr(table, field)
    assert len(table) == len(table.series) == len(list(table)) > 0
    for series in table:
        assert series.name.startswith(f"{name}/") and series.source == table.source
        assert (series.time_unit, series.value_unit) == (table.time_unit, table.value_unit)
        assert set(series.species) <= set(table.species_names)


@pytest.mark.parametrize(
    ("name", "file", "rows"),
    [
        ("table3", "gause_1934_table3.csv", 25),
        ("table4_one_loop", "gause_1934_table4_one_loop.csv", 17),
        ("table4_half_loop", "gause_1934_table4_half_loop.csv", 17),
    ],
)
def test_gause_cell_by_cell(name, file, rows):
    table = datasets.load_gause(name)
    assert list(table.series) == ["aurelia", "caudatum", "mixture"]
    header, *cells = [line.split(",") for line in datasets.data_path(file).read_text(encoding="utf-8").split()]
    for culture, species, column in [
        ("aurelia", "aurelia", "aurelia_monoculture"),
        ("caudatum", "caudatum", "caudatum_monoculture"),
        ("mixture", "aurelia", "aurelia_mixture"),
        ("mixture", "caudatum", "caudatum_mixture"),
    ]:
        series, printed = table.culture(culture), [row[header.index(column)] for row in cells]
        i = series.species.index(species)
        assert len(series) == rows and list(series.times) == [float(row[0]) for row in cells]
        assert list(series.mask[:, i]) == [bool(cell) for cell in printed]
        assert np.isnan(series.values[~series.mask[:, i], i]).all()
        assert list(series.values[series.mask[:, i], i]) == [float(cell) for cell in printed if cell]
        assert list(series.values[0]) == [2.0] * len(series.species)  # the inoculum
        assert series.starts_with_inoculum and not series.observed[0].any()
        assert (series.observed[1:] == series.mask[1:]).all()


def test_days_that_were_not_counted():
    found = {
        (table, culture, species): list(series.times[~series.mask[:, i]])
        for table in datasets.GAUSE_TABLES
        for culture, series in datasets.load_gause(table).series.items()
        for i, species in enumerate(series.species)
        if not series.mask[:, i].all()
    }
    assert found == {
        ("table4_one_loop", "mixture", "aurelia"): [9, 11, 13, 14],
        ("table4_half_loop", "aurelia", "aurelia"): [8, 9],
        ("table4_half_loop", "mixture", "caudatum"): [5, 6, 7],
    }


def test_a_few_printed_numbers():
    mixture = datasets.load_gause("table3").culture("mixture")
    assert mixture.species == ("caudatum", "aurelia")
    assert list(mixture.times) == [0, *range(2, 26)]  # day 1 was not counted
    assert list(mixture.values[3]) == [29, 58]
    hare, lynx = datasets.load_lynx_hare().culture("pelts").values.T
    assert (hare[0], hare[3], lynx[0], lynx[3]) == (30.0, 77.4, 4.0, 35.2)


def test_lynx_and_hare():
    pelts = datasets.load_lynx_hare().culture("pelts")
    assert (pelts.species, len(pelts), pelts.mask.all()) == (("hare", "lynx"), 21, True)
    assert list(pelts.times) == list(range(1900, 1921)) and pelts.time_unit == "years"
    assert not pelts.starts_with_inoculum and pelts.observed.all()


def test_mites_totals_are_the_sums_of_their_stages_but_for_three_rows():
    table = datasets.load_mites()
    assert list(table.series) == [str(k) for k in range(1, 15)]
    assert sum(len(s) for s in table) == 95
    differing = {}
    for name, series in table.series.items():
        assert series.species == ("prey", "predator") and series.stages == ("hexapod", "octapod", "imago")
        assert series.stage_values.shape == (len(series), 2, 3) and series.mask.all()
        assert not series.starts_with_inoculum  # the inoculum stands beside the rows, not in them
        sums = series.stage_values.sum(axis=2)
        for t, i in np.argwhere(sums != series.values):
            differing[name, series.times[t], series.species[i]] = (series.values[t, i], sums[t, i])
    assert differing == {
        ("4", 32.0, "prey"): (104, 72),
        ("6", 6.0, "prey"): (5, 3),
        ("11", 38.0, "prey"): (46, 56),
    }
    assert all(number in table.notes for number in ("104 against 72", "5 against 3", "46 against 56"))


def test_mites_conditions():
    table = datasets.load_mites()
    assert table.culture("9").conditions == {"food": "semoletta", "initial_prey": 50.0, "initial_predator": 5.0}
    assert [s.conditions["initial_prey"] for s in table] == [10] * 3 + [25] * 4 + [50] * 3 + [75, 100, 125, 150]
    assert {s.conditions["food"] for s in table} == {"wheat", "semoletta"}
    assert list(table.culture("10").stage_values[4].ravel()) == [336, 112, 48, 64, 0, 0]


@pytest.mark.parametrize("name", EVERY)
def test_long_form(name):
    table = EVERY[name]()
    frame = table.to_pandas()
    assert list(frame.columns) == ["culture", f"time_{table.time_unit}", "species", "count", "observed"]
    assert frame.attrs == {"source": table.source, "unit": table.value_unit}
    assert len(frame) == sum(s.values.size for s in table)
    assert (frame["count"].notna() == frame["observed"]).all()
    for culture, series in table.series.items():
        wide = frame[frame["culture"] == culture].pivot(index=frame.columns[1], columns="species", values="count")
        assert np.array_equal(wide[list(series.species)], series.values, equal_nan=True)


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    original = datasets.data_path("gause_1934_table3.csv").read_bytes()
    (tmp_path / "gause_1934_table3.csv").write_bytes(original.replace(b"3,34,10,21,11", b"3,34,10,21,12"))
    find = datasets.data_path
    monkeypatch.setattr(
        datasets, "data_path", lambda name: tmp_path / name if (tmp_path / name).exists() else find(name)
    )
    with pytest.raises(DataError, match=r"gause_1934_table3.csv is not the published file.*5a46ead29d99.*read_series"):
        datasets.load_gause("table3")
    (tmp_path / "gause_1934_table3.csv").write_bytes(original)
    assert len(datasets.load_gause("table3")) == 3


@pytest.mark.parametrize("table", ["table5", "", None, "TABLE3"])
def test_an_unknown_table_is_refused(table):
    with pytest.raises(ValueError, match=r"table must be one of 'table3', 'table4_one_loop', 'table4_half_loop'; got"):
        datasets.load_gause(table)


def test_an_unknown_culture_is_refused():
    with pytest.raises(KeyError, match=r"table3 has no culture 'bursaria'; it has 'aurelia', 'caudatum', 'mixture'"):
        datasets.load_gause().culture("bursaria")


def test_a_missing_file_is_said():
    with pytest.raises(FileNotFoundError, match=r"'nothing.csv' is missing: the installation is incomplete"):
        datasets.data_path("nothing.csv")


def test_tables_cannot_be_changed_by_accident():
    mixture = datasets.load_gause().culture("mixture")
    with pytest.raises(ValueError, match="read-only"):
        mixture.values[0, 0] = 3.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        mixture.name = "mine"


def test_a_table_is_a_set_of_cultures():
    table = datasets.load_gause("table3")
    assert isinstance(table, datasets.Cultures)
    assert [series.name for series in table] == ["table3/aurelia", "table3/caudatum", "table3/mixture"]
