"""`Series`: what it accepts, what it refuses, and the way in and out of files and tables."""

import numpy as np
import pandas as pd
import pytest

from popmath import DataError, Series, read_series

DAYS, COUNTS, SPECIES = [0, 1, 3], [[2.0, 1.0], [5.0, 3.0], [20.0, 4.0]], ("yeast", "mould")


def test_a_plain_series():
    s = Series(DAYS, COUNTS, SPECIES)
    assert (len(s), s.species, s.values.shape, s.values.dtype) == (3, SPECIES, (3, 2), float)
    assert s.mask.all() and s.observed.all()
    assert repr(s) == "Series('series': 3 times (0 to 3 days), species yeast, mould, 6 of 6 entries observed)"


def test_one_point_is_a_series():
    s = Series([4], [7], "yeast")
    assert (len(s), s.species, float(s.values[0, 0])) == (1, ("yeast",), 7.0)
    assert not Series([4], [7], "yeast", starts_with_inoculum=True).observed.any()


def test_masked_entries_are_nan_and_unobserved():
    s = Series(DAYS, [2, -9, 20], "yeast", mask=[True, False, True], starts_with_inoculum=True)
    assert np.array_equal(s.values[:, 0], [2, np.nan, 20], equal_nan=True)
    assert list(s.observed[:, 0]) == [False, False, True]
    assert Series(DAYS, [2, None, 20], "yeast", mask=[True, False, True]).mask.sum() == 2


def test_arrays_are_copied_and_read_only():
    times, values, mask = np.array([0.0, 1.0]), np.array([[2.0], [5.0]]), np.array([[True], [True]])
    s = Series(times, values, ("yeast",), mask=mask)
    times[0], values[0], mask[0] = -1.0, -1.0, False  # the caller's arrays stay the caller's
    assert (s.times[0], s.values[0, 0], s.mask[0, 0]) == (0.0, 2.0, True)
    for array in (s.times, s.values, s.mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 3.0
    s.observed[0] = False  # a new array each time
    assert s.observed[0]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("times", "values", "options", "message"),
    [
        ([], [], {}, "times is empty"),
        (DAYS, np.zeros((3, 0)), {"species": ()}, "species is empty"),
        ([0, 3, 1], [1, 2, 3], {}, r"times\[2\] = 1 is out of order after times\[1\] = 3. Sort"),
        ([0, 1, 1], [1, 2, 3], {}, r"times\[2\] = 1 is repeated after times\[1\] = 1"),
        ([0, NAN, 3], [1, 2, 3], {}, r"times\[1\] of 'series' is not a finite number"),
        ([0, INF], [1, 2], {}, r"times\[1\] of 'series' is not a finite number"),
        (DAYS, [1, -2, 3], {}, r"values: yeast at 1 days is negative \(-2\)"),
        (DAYS, [1, NAN, 3], {}, r"values: yeast at 1 days is not a finite number \(nan\); if it is missing"),
        (DAYS, [1, INF, 3], {}, r"values: yeast at 1 days is not a finite number \(inf\)"),
        (DAYS, [1, 2], {}, r"values must have shape \(times, species\) = \(3, 1\); got \(2, 1\)"),
        (DAYS, COUNTS, {}, r"values must have shape \(times, species\) = \(3, 1\); got \(3, 2\)"),
        (DAYS, [[[1]], [[2]], [[3]]], {}, "values must have shape"),
        ([[0], [1]], [1, 2], {}, r"times must have shape \(times,\); got \(2, 1\)"),
        (5, [1], {}, r"times must have shape \(times,\); got \(\)"),
        (DAYS, [[1], [2, 3], [4]], {}, "values must be a rectangular array of numbers"),
        (DAYS, ["1", "2", "3"], {}, "values must be a rectangular array of numbers"),
        (DAYS, np.array([1, "2", 3], object), {}, "values must be a rectangular array of numbers"),
        (DAYS, [True, False, True], {}, "values must be a rectangular array of numbers"),
        (DAYS, [1j, 2, 3], {}, "values must be a rectangular array of numbers"),
        (np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), [1, 2], {}, "times must be a rectangular array"),
        (DAYS, COUNTS, {"species": ("yeast", "yeast")}, "species must be different, non-empty names"),
        (DAYS, COUNTS, {"species": ("yeast", 2)}, "species must be different, non-empty names"),
        (DAYS, [1, 2, 3], {"mask": [True, False]}, r"mask must have shape \(times, species\) = \(3, 1\)"),
        (DAYS, [1, 2, 3], {"mask": [1, 0, 1]}, "mask must hold True .* and False"),
        (DAYS, [1, 2, 3], {"mask": [1.0, NAN, 1.0]}, "mask must hold True .* and False"),
        (DAYS, [1, 2, 3], {"stages": ("egg",)}, "stage_values must have shape"),
        (DAYS, [1, 2, 3], {"stage_values": np.ones((3, 1, 2))}, "stage_values must have shape"),
        (
            DAYS,
            [1, 2, 3],
            {"stages": ("egg", "adult"), "stage_values": [[[1, 0]], [[1, -1]], [[3, 0]]]},
            "stage_values: yeast at 1 days is negative",
        ),
    ],
)
def test_what_is_refused(times, values, options, message):
    with pytest.raises(DataError, match=message):
        Series(times, values, **{"species": ("yeast",), **options})


def test_until():
    s = Series(DAYS, COUNTS, SPECIES, mask=[[True, True], [True, False], [True, True]], starts_with_inoculum=True)
    part = s.until(1)
    assert (len(part), part.species, part.starts_with_inoculum) == (2, SPECIES, True)
    assert list(part.mask.ravel()) == [True, True, True, False]
    assert len(s.until(100)) == 3
    with pytest.raises(ValueError, match="time=-1 lies before the first observation at 0 days"):
        s.until(-1)
    with pytest.raises(ValueError, match="time=nan"):
        s.until(NAN)


@pytest.fixture
def staged():
    stages = np.arange(12.0).reshape(3, 2, 2)
    mask = [[True, True], [False, True], [True, True]]
    options = {"stages": ("egg", "adult"), "stage_values": stages, "mask": mask, "time_unit": "weeks", "source": "me"}
    return Series(DAYS, COUNTS, SPECIES, name="mine", value_unit="per leaf", **options)


def test_there_and_back_through_pandas(staged):
    frame = staged.to_pandas()
    assert frame.index.name == "time_weeks" and frame.attrs == {"name": "mine", "unit": "per leaf", "source": "me"}
    assert list(frame.columns) == ["yeast", "mould", "yeast_egg", "yeast_adult", "mould_egg", "mould_adult"]
    assert np.array_equal(frame["mould_adult"], staged.stage_values[:, 1, 1])
    assert np.isnan(frame.loc[1.0, ["yeast", "yeast_egg", "yeast_adult"]]).all()
    back = Series.from_pandas(
        frame.reset_index(), time="time_weeks", species=SPECIES, missing="mask", name="mine", time_unit="weeks"
    )
    for field in ("times", "values", "mask"):
        assert np.array_equal(getattr(back, field), getattr(staged, field), equal_nan=field == "values")
    assert (back.species, back.name, back.time_unit) == (SPECIES, "mine", "weeks")


def test_there_and_back_through_xarray(staged):
    data = staged.to_xarray()
    assert data["count"].attrs == {"units": "per leaf"} and data["time"].attrs == {"units": "weeks"}
    assert data.sel(species="mould", stage="adult")["stage_count"].values.tolist() == [3.0, 7.0, 11.0]
    back = Series(data["time"].values, data["count"].values, tuple(data["species"].values), data["observed"].values)
    assert np.array_equal(back.values, staged.values, equal_nan=True) and (back.mask == staged.mask).all()
    assert "stage_count" not in Series(DAYS, COUNTS, SPECIES).to_xarray()


@pytest.mark.parametrize("missing", [[2, None, 20], pd.array([2, pd.NA, 20], "Int64"), pd.array([2.0, None, 20.0])])
def test_missing_values_from_pandas(missing):
    frame = pd.DataFrame({"day": DAYS, 7: missing})
    s = Series.from_pandas(frame, time="day", missing="mask", inoculum=True)
    assert (s.species, s.name, list(s.mask[:, 0])) == (("7",), "table", [True, False, True])
    assert s.starts_with_inoculum and np.array_equal(s.values[:, 0], [2, np.nan, 20], equal_nan=True)
    with pytest.raises(DataError, match=r"7 at 1 days is not a finite number .*missing='mask'"):
        Series.from_pandas(frame, time="day")


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        ({"day": DAYS, "a": [1, INF, 3]}, {"missing": "mask"}, "a at 1 days is not a finite number"),
        ({"day": [0, NAN, 3], "a": [1, 2, 3]}, {"missing": "mask"}, r"times\[1\] of 'table' is not a finite"),
        ({"day": DAYS, "a": ["1", "2", "3"]}, {}, "column 'a' holds .*, not numbers"),
        ({"day": DAYS, "a": [True, False, True]}, {}, "column 'a' holds bool, not numbers"),
        ({"day": pd.to_datetime(["2020", "2021", "2022"]), "a": [1, 2, 3]}, {}, "column 'day' holds datetime64"),
        ({"day": DAYS, "a": [1, 2, 3]}, {"species": ["b"]}, "unknown column 'b'; the table has 'day', 'a'"),
        ({"day": DAYS, "a": [1, 2, 3]}, {"time": "week"}, "unknown column 'week'"),
        ({"day": DAYS, "a": [1, 2, 3]}, {"species": ["day"]}, "no species column beside the time column 'day'"),
        ({"day": DAYS}, {}, "no species column beside the time column 'day'"),
        ({"day": DAYS, "a": [1, 2, 3]}, {"species": ["a", "a"]}, "species must be different"),
    ],
)
def test_what_from_pandas_refuses(frame, options, message):
    with pytest.raises(DataError, match=message):
        Series.from_pandas(pd.DataFrame(frame), **{"time": "day", **options})


def test_from_pandas_refuses_repeated_columns_and_unknown_modes():
    frame = pd.DataFrame([[0, 1, 2]], columns=["day", "a", "a"])
    with pytest.raises(DataError, match="column 'a' occurs 2 times"):
        Series.from_pandas(frame, time="day")
    with pytest.raises(ValueError, match="missing must be 'error' or 'mask'; got 'drop'"):
        Series.from_pandas(frame, time="day", missing="drop")


# Files


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "mine.csv").write_bytes(text.encode(encoding))
        return tmp_path / "mine.csv"

    return write


def test_read_series(file):
    path = file("\ufeff# my own\r\nday, a ,b\r\n\r\n0,2,3.5\r\n  # a remark\r\n1,,1e1\r\n4,7,0\r\n")
    s = read_series(str(path), inoculum=True, time_unit="hours")
    assert (s.species, s.name, s.source, s.time_unit) == (("a", "b"), "mine", str(path), "hours")
    assert list(s.times) == [0, 1, 4] and s.starts_with_inoculum
    assert np.array_equal(s.values, [[2, 3.5], [np.nan, 10], [7, 0]], equal_nan=True)
    assert list(s.mask.ravel()) == [True, True, False, True, True, True]
    assert read_series(path, species="b").species == ("b",)


def test_read_chosen_columns(file):
    path = file("count,day,note,other\n2,0,x,1\n5,1,y,2\n")
    s = read_series(path, time="day", species=("other", "count"))
    assert s.species == ("other", "count") and s.values.tolist() == [[1, 2], [2, 5]]
    assert len(read_series(file("day,a\n3,1\n"))) == 1  # one point is a series


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "mine.csv is empty"),
        ("# nothing\n\n", {}, "mine.csv is empty"),
        ("day,a\n", {}, "mine.csv is empty"),
        ("day\n0\n1\n", {}, "no species column beside the time column 'day'"),
        ("day;a\n0;1\n", {}, "no species column beside the time column 'day;a'"),
        ("day,a\n0,1\n", {"species": ["b"]}, "unknown column 'b'; the table has 'day', 'a'"),
        ("day,a\n0,1\n", {"time": "week"}, "unknown column 'week'"),
        ("day,a\n0,1\n", {"species": ["day", "a"]}, "no species column beside the time column 'day'"),
        ("day,a, a\n0,1,2\n", {}, "column 'a' occurs 2 times"),
        ("day,day\n0,1\n", {}, "column 'day' occurs 2 times"),
        (",a\n0,1\n", {}, "column 1 has no name"),
        ("day,a\n0,1\n# remark\n1,2,3\n", {}, "mine.csv, line 4: 3 cells, but the header has 2"),
        ("day,a\n0,1\n\n1,two\n", {}, "mine.csv, line 4, column 'a': 'two' is not a number; leave the cell empty"),
        ("day,a\n0,NA\n", {}, "line 2, column 'a': 'NA' is not a number"),
        ("day,a\n0,1\n,2\n", {}, "line 3: column 'day' is empty; every row needs its time"),
        ("day,a\n0,nan\n", {}, "a at 0 days is not a finite number"),
        ("day,a\nnan,1\n", {}, r"times\[0\] of 'mine' is not a finite number"),
        ("day,a\n0,-1\n", {}, "a at 0 days is negative"),
        ("day,a\n1,1\n0,2\n", {}, "out of order"),
        ("day,a\n1,1\n1,2\n", {}, "repeated"),
    ],
)
def test_what_read_series_refuses(file, text, options, message):
    with pytest.raises(DataError, match=message):
        read_series(file(text), **options)


def test_a_file_that_is_no_text_or_not_there(file, tmp_path):
    with pytest.raises(DataError, match="mine.csv is not UTF-8 text"):
        read_series(file("day,käfer\n0,1\n", encoding="latin-1"))
    with pytest.raises(FileNotFoundError):
        read_series(tmp_path / "other.csv")
