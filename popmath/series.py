"""`Series`: counts of one or more species over time, with units and a mask for missing values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from popmath._columns import choose_columns, read_number, read_rows
from popmath._errors import DataError

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """Counts of one or more species in one culture or place.

    `values[t, i]` is the count of `species[i]` at `times[t]`; it is a real entry where `mask[t, i]` is
    True and NaN where it is False (the field calls that a missing value).

    Args:
        times: observation times, shape `(times,)`, strictly increasing, in `time_unit`.
        values: counts or densities, shape `(times, species)`, at least 0, in `value_unit`.
        species: one name per column of `values`.
        mask: True where an entry was really observed, shape `(times, species)`. Default: all of them.
        name: what the series is called in tables and figures.
        time_unit: unit of `times`.
        value_unit: unit of `values`.
        starts_with_inoculum: True if row 0 is what was put in rather than what was counted; a fit then
            leaves it out of the errors (Gause's cultures start with 2 individuals by design).
        source: where the numbers come from.
        stages: names of the stages, if `stage_values` is given.
        stage_values: counts by stage, shape `(times, species, stages)`, or None; NaN where `mask` is False.
        conditions: what else is known of the culture, such as its food or its inoculum.

    Raises:
        DataError: if there is no time or no species, times are not strictly increasing, a count is negative,
            NaN or infinite without being masked, something is not a number, or the shapes disagree.

    Example:
        >>> s = Series([0, 1, 3], [[2.0], [5.0], [20.0]], species=("yeast",), name="my culture")
        >>> s
        Series('my culture': 3 times (0 to 3 days), species yeast, 3 of 3 entries observed)
    """

    times: np.ndarray
    values: np.ndarray
    species: tuple[str, ...]
    mask: np.ndarray | None = None
    name: str = "series"
    time_unit: str = "days"
    value_unit: str = "individuals"
    starts_with_inoculum: bool = False
    source: str = ""
    stages: tuple[str, ...] = ()
    stage_values: np.ndarray | None = None
    conditions: Mapping[str, float | str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Copy into read-only float64 arrays and check them."""
        times = _float_array("times", self.times)
        values = _float_array("values", self.values)
        if values.ndim == 1:
            values = values[:, None]
        species, stages = _names("species", self.species), _names("stages", self.stages)
        if times.ndim != 1:
            raise DataError(f"times must have shape (times,); got {times.shape}.")
        if times.size == 0 or not species:
            raise DataError(f"{'species' if times.size else 'times'} is empty: a series needs at least one of each.")
        _check_shape("values", values, {"times": times.size, "species": len(species)})
        _check_times(times, self.name)
        mask = np.ones(values.shape, bool) if self.mask is None else np.array(self.mask)
        if mask.dtype != bool:
            raise DataError(f"mask must hold True (observed) and False (missing); got entries of type {mask.dtype}.")
        mask = mask[:, None] if mask.ndim == 1 else mask
        _check_shape("mask", mask, {"times": times.size, "species": len(species)})
        _check_counts("values", values, mask, times, species, self.time_unit)
        values = np.where(mask, values, np.nan)
        arrays = {"times": times, "values": values, "mask": mask}
        if self.stage_values is not None or stages:
            by_stage = _float_array("stage_values", () if self.stage_values is None else self.stage_values)
            _check_shape(
                "stage_values", by_stage, {"times": times.size, "species": len(species), "stages": len(stages)}
            )
            _check_counts("stage_values", by_stage, mask, times, species, self.time_unit)
            arrays["stage_values"] = np.where(mask[:, :, None], by_stage, np.nan)
        for array in arrays.values():
            array.flags.writeable = False
        for field, value in {**arrays, "species": species, "stages": stages}.items():
            object.__setattr__(self, field, value)

    @property
    def observed(self) -> np.ndarray:
        """True where an entry counts as an observation (the mask, less an inoculum row)."""
        assert self.mask is not None
        observed = self.mask.copy()
        if self.starts_with_inoculum:
            observed[0] = False
        return observed

    def __len__(self) -> int:
        """Number of times."""
        return self.times.size

    def __repr__(self) -> str:
        """One line: name, span, species and how much of it was observed."""
        assert self.mask is not None
        span = f"{self.times[0]:g} to {self.times[-1]:g} {self.time_unit}"
        seen = f"{int(self.mask.sum())} of {self.mask.size} entries observed"
        return f"Series({self.name!r}: {len(self)} times ({span}), species {', '.join(self.species)}, {seen})"

    def until(self, time: float) -> Series:
        """The part of the series up to and including `time`.

        Example:
            >>> len(Series([0, 1, 3], [2.0, 5.0, 20.0], species=("yeast",)).until(1))
            2
        """
        keep = self.times <= time
        if not keep.any():
            raise ValueError(f"time={time:g} lies before the first observation at {self.times[0]:g} {self.time_unit}.")
        assert self.mask is not None
        stage_values = None if self.stage_values is None else self.stage_values[keep]
        return dataclasses.replace(
            self, times=self.times[keep], values=self.values[keep], mask=self.mask[keep], stage_values=stage_values
        )

    def to_pandas(self) -> pandas.DataFrame:
        """A `pandas.DataFrame` indexed by time, one column per species (per species and stage if staged)."""
        import pandas as pd

        index = pd.Index(self.times, name=f"time_{self.time_unit}")
        frame = pd.DataFrame(self.values, index=index, columns=list(self.species))
        if self.stage_values is not None:
            for i, species in enumerate(self.species):
                for k, stage in enumerate(self.stages):
                    frame[f"{species}_{stage}"] = self.stage_values[:, i, k]
        frame.attrs.update(name=self.name, unit=self.value_unit, source=self.source)
        return frame

    def to_xarray(self) -> xarray.Dataset:
        """An `xarray.Dataset` with variables `count` and `observed` (and `stage_count`); needs the extra `xarray`."""
        try:
            import xarray as xr
        except ImportError as error:
            raise ImportError("to_xarray needs xarray: pip install 'popmath[xarray]'.") from error
        assert self.mask is not None
        data = {
            "count": (("time", "species"), self.values, {"units": self.value_unit}),
            "observed": (("time", "species"), self.mask),
        }
        coords = {"time": ("time", self.times, {"units": self.time_unit}), "species": list(self.species)}
        if self.stage_values is not None:
            data["stage_count"] = (("time", "species", "stage"), self.stage_values, {"units": self.value_unit})
            coords["stage"] = list(self.stages)
        return xr.Dataset(data, coords=coords, attrs={"name": self.name, "source": self.source})

    @classmethod
    def from_pandas(
        cls,
        frame: pandas.DataFrame,
        *,
        time: str,
        species: Sequence[str] = (),
        missing: str = "error",
        name: str = "",
        time_unit: str = "days",
        inoculum: bool = False,
    ) -> Series:
        """A series from a table with one row per time.

        Args:
            frame: the table.
            time: the column that holds the times.
            species: the columns that hold the counts; default all others.
            missing: `"error"` refuses NaN (and None, NA), `"mask"` takes it as a missing value. Infinity is
                refused either way.
            name: name of the series.
            time_unit: unit of the time column.
            inoculum: True if the first row is what was put in rather than counted.

        Raises:
            ValueError: if `missing` is neither of the two.
            DataError: for unknown or repeated columns, columns that are not numeric (dates, text), or whatever
                `Series` refuses.
        """
        from pandas.api import types

        if missing not in ("error", "mask"):
            raise ValueError(f"missing must be 'error' or 'mask'; got {missing!r}.")
        columns = choose_columns(list(frame.columns), time, species)
        for c in (time, *columns):
            if not types.is_any_real_numeric_dtype(frame[c]):
                raise DataError(
                    f"column {c!r} holds {frame[c].dtype}, not numbers; convert it first (pandas.to_numeric, or dates "
                    f"to days since the start)."
                )
        times = frame[time].to_numpy(float, na_value=np.nan)
        values = np.column_stack([frame[c].to_numpy(float, na_value=np.nan) for c in columns])
        mask = ~np.isnan(values) if missing == "mask" else None
        names = tuple(str(c) for c in columns)
        return cls(times, values, names, mask, name or "table", time_unit=time_unit, starts_with_inoculum=inoculum)


def read_series(
    path: str | Path, *, time: str = "", species: Sequence[str] = (), time_unit: str = "days", inoculum: bool = False
) -> Series:
    """Read a comma-separated file with a header, one row per time and one column per species.

    Lines that start with `#` are comments. An empty cell is a missing value; anything else has to be a number.

    Args:
        path: the file.
        time: the time column; default the first one.
        species: the columns to read; default all the others.
        time_unit: unit of the time column.
        inoculum: True if the first row is what was put in rather than counted.

    Raises:
        DataError: for an empty file, unknown, repeated or unnamed columns, cells that are not numbers, or
            whatever `Series` refuses; the message names the line of the file.
        FileNotFoundError: if there is no such file.
    """
    path = Path(path)
    header, rows = read_rows(path)
    time = time or header[0]
    columns = choose_columns(header, time, species)
    table = [[read_number(row[header.index(c)], path.name, i, c) for c in (time, *columns)] for i, row in rows]
    for (i, _), cells in zip(rows, table, strict=True):
        if cells[0] is None:
            raise DataError(f"{path.name}, line {i}: column {time!r} is empty; every row needs its time.")
    numbers = np.array(table, float)  # None becomes NaN
    return Series(
        numbers[:, 0],
        numbers[:, 1:],
        tuple(columns),
        mask=np.array([[c is not None for c in cells[1:]] for cells in table]),
        name=path.stem,
        time_unit=time_unit,
        starts_with_inoculum=inoculum,
        source=str(path),
    )


def _float_array(name: str, value) -> np.ndarray:
    try:
        array = np.array(value)
        if array.dtype.kind not in "iufO" or any(isinstance(x, str | bytes) for x in array.astype(object).flat):
            raise TypeError(f"entries of type {array.dtype}")
        return array.astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be a rectangular array of numbers; got {value!r}.") from error


def _names(field: str, value: str | Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise DataError(f"{field} must be different, non-empty names; got {names}.")
    return names


def _check_shape(name: str, array: np.ndarray, axes: dict[str, int]) -> None:
    if array.shape != tuple(axes.values()):
        raise DataError(f"{name} must have shape ({', '.join(axes)}) = {tuple(axes.values())}; got {array.shape}.")


def _check_times(times: np.ndarray, name: str) -> None:
    if not np.isfinite(times).all():
        raise DataError(f"times[{int(np.argmin(np.isfinite(times)))}] of {name!r} is not a finite number.")
    step = np.diff(times)
    if (step <= 0).any():
        i = int(np.argmax(step <= 0))
        problem = "repeated" if step[i] == 0 else "out of order"
        raise DataError(
            f"times of {name!r} must increase: times[{i + 1}] = {times[i + 1]:g} is {problem} after "
            f"times[{i}] = {times[i]:g}. Sort the rows, and average or drop repeated times."
        )


def _check_counts(
    name: str, counts: np.ndarray, mask: np.ndarray, times: np.ndarray, species: tuple[str, ...], unit: str
) -> None:
    missing = "if it is missing, leave the cell empty, pass a mask, or (from pandas) missing='mask'"
    for bad, what, hint in (
        (~np.isfinite(counts), "not a finite number", missing),
        (counts < 0, "negative", "counts and densities are at least 0"),
    ):
        wrong = np.argwhere(bad & (mask if counts.ndim == 2 else mask[:, :, None]))
        if wrong.size:
            t, i = wrong[0][:2]
            value = counts[tuple(wrong[0])]
            raise DataError(f"{name}: {species[i]} at {times[t]:g} {unit} is {what} ({value:g}); {hint}.")
