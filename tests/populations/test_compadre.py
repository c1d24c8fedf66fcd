"""COMPADRE files: both forms are read as they are, the published growth rates come back, every fault has its name."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rdata_files import S4, R, factor, frame, save

from popmath import DataError, UnableError
from popmath import populations as pop

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference" / "matrices.json").read_text(encoding="utf-8"))
NAMES = ("killer_whale", "teasel", "Pbear_Y2001")
U, F, C = np.array([[0.0, 0.0], [0.5, 0.8]]), np.array([[0.0, 1.2], [0.0, 0.0]]), np.zeros((2, 2))
NA = np.ma.masked_all((2, 2), dtype=bool)  # matrix(NA, 2, 2) is logical


def classes(names: tuple[str | None, ...]) -> R:
    numbers = np.arange(1, len(names) + 1)
    organized = factor(("active",) * len(names))
    return frame({"MatrixClassOrganized": organized, "MatrixClassAuthor": names, "MatrixClassNumber": numbers})


def legacy(columns: dict[str, Any], matrices: list[Any], tables: list[Any]) -> dict[str, Any]:
    version = {"Version": ("4.0.1",), "DateCreated": ("Aug_06_2015",)}
    return {"compadre": dict(metadata=frame(columns), matrixClass=tables, mat=matrices, version=version)}


def modern(columns: dict[str, Any], matrices: list[Any], tables: list[Any]) -> dict[str, Any]:
    mats = [S4("CompadreMat", mat | {"matrixClass": table}) for mat, table in zip(matrices, tables, strict=True)]
    data = frame({"mat": mats} | columns, ("tbl_df", "tbl", "data.frame"))
    return {"Compadre": S4("CompadreDB", {"data": data, "version": {"Version": ("6.23.5.0",)}})}


def mat(A=U + F, U=U, F=F, C=C) -> dict[str, Any]:
    return {"matA": A, "matU": U, "matF": F, "matC": C}


def published() -> tuple[dict[str, Any], list[Any], list[Any]]:
    columns = {
        "SpeciesAccepted": ("Orcinus orca", "Dipsacus sylvestris", None),
        "Authors": (b"Salguero\x96G\xf3mez", "Bj\u00f8rn", (b"\xc3\xb3", 4)),  # Windows, unmarked; UTF-8; Latin-1
        "OrganismType": factor(("Mammalia", None, "Mammalia")),
        "YearPublication": np.array([1993, 2001, 2010]),
        "StudyStart": np.ma.array([1973, 0, 2001], mask=[False, True, False]),
        "Lat": np.array([48.5, np.nan, 70.0]),
        "DicotMonoc": np.ma.masked_all(3, dtype=bool),
        "ProjectionInterval": ("1", "1", "1"),
        "MatrixSplit": ("Divided",) * 3,
        "CensusType": factor(("Prebreeding", "Postbreeding", "Birth-flow")),
    }
    matrices, tables = [], []
    for name in NAMES:
        A, U, F = (np.array(PUBLISHED[name][part], dtype=float) for part in ("A", "U", "F"))
        stages = tuple(PUBLISHED[name]["stages"])
        matrices.append(mat(R(A, {"dimnames": [stages, None]}), U, F, np.zeros_like(A)))
        tables.append(classes(stages))
    return columns, matrices, tables


def read(folder: Path, objects: dict[str, Any], default_interval: float | None = None) -> pop.MatrixDatabase:
    return pop.read_compadre(save(folder / "COMPADRE.RData", objects), default_interval=default_interval)


def one(folder: Path, matrices: Any, columns: dict[str, Any] | None = None, default_interval=None, names=("a", "b")):
    """The record of a file with one matrix, annual and divided unless `columns` say otherwise."""
    columns = {"ProjectionInterval": ("1",), "MatrixSplit": ("Divided",)} if columns is None else columns
    return read(folder, legacy(columns, [matrices], [classes(names)]), default_interval)[0]


@pytest.mark.parametrize("form", [legacy, modern])
def test_published_growth_rates_come_back_through_batches(tmp_path, form):
    database = read(tmp_path, form(*published()))
    found = {}
    for (size, interval), (rows, population) in database.batches().items():
        assert interval == 1.0 and population.U.shape == (len(rows), size, size) and population.unit == "years"
        assert population.census is None or len(rows) == 1
        found |= dict(zip(rows.tolist(), pop.growth_rate(population), strict=True))
    assert list(database.batches()) == [(4, 1.0), (6, 1.0)]
    assert pop.eigen_analysis(database.batches()[6, 1.0].population).damping_ratio.shape == (2,)
    assert all(isinstance(batch, pop.MatrixBatch) for batch in database.batches().values())
    np.testing.assert_allclose([found[i] for i in range(3)], [PUBLISHED[n]["lambda"] for n in NAMES], rtol=1e-10)
    assert database.batches()[4, 1.0].population.names == tuple(PUBLISHED["killer_whale"]["stages"])
    assert database.batches()[6, 1.0].population.names is None  # teasel and bears do not share their classes


@pytest.mark.slow
def test_demography_takes_a_batch(tmp_path):
    database = read(
        tmp_path, legacy({"ProjectionInterval": ("1", "1")}, [mat(), mat(F=2 * F, A=U + 2 * F)], [None] * 2)
    )
    result = pop.demography(database.batches()[2, 1.0].population)
    np.testing.assert_allclose(result.net_reproductive_rate, [3.0, 6.0], rtol=1e-12)  # 1.2 * 0.5 / 0.2, and twice that


@pytest.mark.parametrize(("form", "version"), [(legacy, "4.0.1"), (modern, "6.23.5.0")])
def test_metadata_and_records(tmp_path, form, version):
    database = read(tmp_path, form(*published()))
    assert (database.version, database.source) == (version, "COMPADRE.RData")
    assert database.sha256 == hashlib.sha256((tmp_path / "COMPADRE.RData").read_bytes()).hexdigest()
    assert len(database) == 3 and "3 matrices" in repr(database)
    table = database.metadata
    assert list(table) == list(published()[0]) and list(table.index) == [0, 1, 2]
    assert table["Authors"].tolist() == ["Salguero\u2013G\u00f3mez", "Bj\u00f8rn", "\u00c3\u00b3"]
    assert table["SpeciesAccepted"].isna().tolist() == [False, False, True]
    assert table["StudyStart"].isna().tolist() == [False, True, False] and table["DicotMonoc"].isna().all()
    assert pd.api.types.is_integer_dtype(table["YearPublication"])
    teasel = database[1]
    assert isinstance(teasel, pop.MatrixRecord)
    assert teasel.metadata["Lat"] is None and teasel.metadata["OrganismType"] is None
    assert teasel.metadata["YearPublication"] == 2001 and database[0].metadata["OrganismType"] == "Mammalia"
    np.testing.assert_array_equal(teasel.A, PUBLISHED["teasel"]["A"])
    assert teasel.class_names == teasel.population.names == tuple(PUBLISHED["teasel"]["stages"])
    assert [record.census for record in database] == ["pre", "post", None]
    assert teasel.population.census == "post" and teasel.population.unit == "years"


@pytest.mark.parametrize("compress", ["gzip", "bzip2", "xz", None])
@pytest.mark.parametrize("version", [2, 3])
def test_every_compression_and_version_of_save(tmp_path, compress, version):
    path = save(tmp_path / "c.RData", legacy(*published()), compress=compress, version=version)
    assert pop.read_compadre(str(path)).problems()["problem"].tolist() == ["", "", ""]


def test_rds_and_lists_with_names(tmp_path):
    columns, matrices, tables = published()
    objects = legacy(columns, dict(zip("xyz", matrices, strict=True)), R(tables, {"names": ("x", "x", "y")}))[
        "compadre"
    ]
    database = pop.read_compadre(save(tmp_path / "c.rds", objects, magic=False))
    assert len(database.batches()) == 2


def test_the_file_reader_agrees_with_the_converter_of_rdata(tmp_path):
    rdata = pytest.importorskip("rdata")
    columns, matrices, tables = published()
    path = save(tmp_path / "c.RData", legacy(columns | {"Authors": ("a", "b", "c")}, matrices, tables))
    theirs, ours = rdata.read_rda(path)["compadre"], pop.read_compadre(path)
    for name in columns:
        theirs_column = [None if pd.isna(v) else v for v in theirs["metadata"][name]]
        assert [record.metadata[name] for record in ours] == theirs_column, name
    for record, mats in zip(ours, theirs["mat"], strict=True):
        np.testing.assert_array_equal(record.A, np.asarray(mats["matA"]))


def with_entry(matrix: np.ndarray, value: float) -> np.ndarray:
    changed = matrix.copy()
    changed[0, 1] = value
    return changed


FAULTS = {
    "indivisible": (mat(U=NA, F=NA, C=NA), UnableError, "not split.*'Divided', without entries: U, F, C.*from_matrix"),
    "no part": ({"matA": U + F, "matU": U, "matF": F}, UnableError, "without entries: C"),
    "no matrices": ([], DataError, "matA is not a square matrix"),
    "nothing": (None, DataError, "matA is not a square matrix"),
    "empty matrix": (mat(A=np.zeros((0, 0))), DataError, "matA is not a square matrix"),
    "text": (mat(A=("0", "1")), DataError, "matA is not a square matrix"),
    "not square": (mat(A=np.ones((2, 3))), DataError, "matA is not a square matrix"),
    "A missing": (mat(A=with_entry(U + F, np.nan)), DataError, "A has 1 missing entries of 4"),
    "F missing": (mat(F=with_entry(F, np.nan)), DataError, r"F\[0, 1\] must be finite.*from 'b' to 'a'"),
    "negative": (mat(F=with_entry(F, -1.2)), DataError, r"F\[0, 1\] must be .*at least 0; got -1.2"),
    "survival": (mat(U + F + 0.25 * np.eye(2), U + 0.25 * np.eye(2)), DataError, "column 1 .'b'. sums to 1.05"),
    "sum": (mat(A=with_entry(U + F, 1.3)), DataError, r"not A in 1 entries: at \[0, 1\] .* 1.2, and A has 1.3"),
}


@pytest.mark.parametrize(("matrices", "error", "match"), FAULTS.values(), ids=FAULTS)
def test_each_fault_of_a_matrix_is_named(tmp_path, matrices, error, match):
    columns = {"SpeciesAccepted": ("Ursus", "Ursus"), "ProjectionInterval": ("1", "1"), "MatrixSplit": ("Divided",) * 2}
    database = read(tmp_path, legacy(columns, [mat(), matrices], [classes(("a", "b"))] * 2))
    with pytest.raises(error, match=match) as caught:
        _ = database[1].population
    assert "'Ursus', row 1 of the file" in str(caught.value)
    problems = database.problems()
    assert problems["problem"][0] == "" and problems["problem"][1] in str(caught.value)
    assert problems["species"].tolist() == ["Ursus", "Ursus"]
    assert [batch.rows.tolist() for batch in database.batches().values()] == [[0]]


def test_a_split_declared_indivisible_is_not_used(tmp_path):
    record = one(tmp_path, mat(), {"MatrixSplit": ("Indivisible",), "ProjectionInterval": ("1",)})
    with pytest.raises(UnableError, match="MatrixSplit is 'Indivisible', without entries: none"):
        _ = record.population


def test_rounding_of_the_parts_is_no_fault(tmp_path):
    assert one(tmp_path, mat(A=with_entry(U + F, 1.2000009))).problem == ""


def test_parts_of_another_shape_than_the_whole(tmp_path):
    record = one(tmp_path, mat(A=np.eye(3)), names=())
    assert record.class_names == () and "U, F and C have shape (2, 2), A has (3, 3)" in record.problem
    assert "F must have the shape of U" in one(tmp_path, mat(F=np.eye(3))).problem


@pytest.mark.parametrize(
    ("columns", "default", "interval"),
    [
        ({"ProjectionInterval": ("0.5",)}, None, 0.5),
        ({"ProjectionInterval": np.array([2])}, 7.0, 2.0),
        ({"AnnualPeriodicity": ("0.2",)}, None, 5.0),  # once in five years
        ({"ProjectionInterval": ("0.5",), "AnnualPeriodicity": ("4",)}, None, 0.5),
        ({"ProjectionInterval": (None,), "AnnualPeriodicity": np.array([4.0])}, None, 0.25),
        ({"ProjectionInterval": ("NA",)}, 3.0, 3.0),
        ({"Lat": np.array([1.0])}, 3.0, 3.0),
        ({"ProjectionInterval": ("irregular",)}, None, None),
        ({"ProjectionInterval": np.array([0.0])}, None, None),
        ({"ProjectionInterval": np.array([np.nan])}, None, None),
    ],
)
def test_the_interval_is_read_or_declared(tmp_path, columns, default, interval):
    record = one(tmp_path, mat(), columns, default)
    assert record.interval == interval
    if interval is None:
        with pytest.raises(DataError, match="interval is not known: ProjectionInterval is .*default_interval"):
            _ = record.population
    else:
        assert record.population.interval == interval


def test_batches_do_not_mix_intervals(tmp_path):
    columns = {"ProjectionInterval": ("5", "1", "5"), "CensusType": ("Prebreeding",) * 3}
    database = read(tmp_path, legacy(columns, [mat()] * 3, [classes(("a", "b"))] * 3))
    batches = database.batches()
    assert {key: batch.rows.tolist() for key, batch in batches.items()} == {(2, 1.0): [1], (2, 5.0): [0, 2]}
    pair = batches[2, 5.0].population
    assert (pair.interval, pair.census, pair.names) == (5.0, "pre", ("a", "b"))


def test_class_names_are_made_different(tmp_path):
    eye = np.eye(5) * 0.5
    names = ("Seedling", " Seedling", None, "Seedling (2)", "")
    record = one(tmp_path, mat(eye, eye, 0 * eye, 0 * eye), names=names)
    assert record.population.names == ("Seedling", "Seedling (3)", "class 3", "Seedling (2)", "class 5")
    ages = frame({"MatrixClassAuthor": np.array([1, 2])})
    columns = {"ProjectionInterval": ("1", "1")}
    database = read(tmp_path, legacy(columns, [mat(), mat()], [ages, None]))
    assert database[0].class_names == ("1", "2") and database[1].class_names == ()
    assert database[1].population.class_names == ("class 1", "class 2")
    assert "3 class names for 2 classes" in one(tmp_path, mat(), names=("a", "b", "c")).problem


def test_select(tmp_path):
    database = read(tmp_path, modern(*published()))
    for rows in ([2, 0], np.array([2, 0]), pd.Index([2, 0])):
        chosen = database.select(rows)
        assert [record.file_row for record in chosen] == [2, 0] and len(chosen.metadata) == 2
        assert chosen.metadata["YearPublication"].tolist() == [2010, 1993] and list(chosen.metadata.index) == [0, 1]
    mammals = database.select(database.metadata["OrganismType"] == "Mammalia")
    assert [record.file_row for record in mammals] == [0, 2] and mammals.sha256 == database.sha256
    assert len(database.select([])) == 0 and database.select([]).batches() == {}
    unknown = pd.array([True, None, False], dtype="boolean")
    for rows in ([True], [3], [-1], ["teasel"], [[0]], [0.5], pd.Series(unknown)):
        with pytest.raises(ValueError, match="rows must be 3 of True and False"):
            database.select(rows)


def test_damaged_and_foreign_files_are_named(tmp_path):
    whole = save(tmp_path / "whole.RData", legacy(*published())).read_bytes()
    plain = save(tmp_path / "plain.RData", legacy(*published()), compress=None).read_bytes()
    saved = {
        "numbers.RData": {"x": np.ones(3), "f": None},
        "twice.RData": legacy(*published()) | {"other": legacy(*published())["compadre"]},
        "columns.RData": {"compadre": {"metadata": frame({"a": np.ones(1)}), "mat": []}},
    }
    _ = [save(tmp_path / name, objects) for name, objects in saved.items()]
    files = {"empty": b"", "cut": whole[:-40], "plain_cut": plain[: len(plain) // 2], "table.csv": b"a,b\n1,2\n"}
    files |= {"zip": b"PK\x03\x04" + bytes(80), "noise": whole[:2] + bytes(range(200))}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"^{name} is not a readable R data file: .*It has {len(content)} bytes"):
            pop.read_compadre(tmp_path / name)
    with pytest.raises(DataError, match=r"numbers.RData holds 0 databases.*'x' \(ndarray of 3\), 'f' \(nothing"):
        pop.read_compadre(tmp_path / "numbers.RData")
    with pytest.raises(DataError, match=r"holds 2 databases.*'compadre' \(with metadata.*'other'"):
        pop.read_compadre(tmp_path / "twice.RData")
    with pytest.raises(DataError, match=r"holds 0 databases.*'compadre' \(with metadata, mat\)"):
        pop.read_compadre(tmp_path / "columns.RData")
    columns, matrices, tables = published()
    with pytest.raises(DataError, match="'Lat': 0.*'mat': 2, 'matrixClass': 3"):
        read(tmp_path, legacy(columns | {"Lat": None}, matrices[:2], tables))
    with pytest.raises(FileNotFoundError):
        pop.read_compadre(tmp_path / "none.RData")


def test_settings_and_the_missing_extra(tmp_path, monkeypatch):
    path = save(tmp_path / "c.RData", legacy(*published()))
    with pytest.raises(ValueError, match="default_interval must be positive"):
        pop.read_compadre(path, default_interval=0.0)
    monkeypatch.setitem(sys.modules, "rdata", None)
    monkeypatch.setitem(sys.modules, "rdata.parser", None)
    with pytest.raises(ImportError, match=r"popmath\[compadre\]"):
        pop.read_compadre(path)
