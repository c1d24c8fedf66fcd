"""The printed tables that travel with popmath, as records with units, source and hash.

Each `load_*` returns `Cultures`: a named set of `Series`. Files are checked against the SHA-256 in
`data/tables.json` before anything is read from them.

Example:
    >>> table3 = load_gause("table3")
    >>> table3.culture("mixture")
    Series('table3/mixture': 25 times (0 to 25 days), species caudatum, aurelia, 50 of 50 entries observed)
    >>> table3.value_unit
    'individuals per 0.5 cm3'
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popmath._errors import DataError
from popmath.series import Series

if TYPE_CHECKING:
    import pandas

GAUSE_TABLES = ("table3", "table4_one_loop", "table4_half_loop")
_STAGES = ("hexapod", "octapod", "imago")


@dataclasses.dataclass(frozen=True)
class Cultures:
    """A named set of series from one printed table.

    Attributes:
        name: short name of the table.
        title: what it shows.
        source: where it was printed.
        time_unit: unit of the times.
        value_unit: unit of the counts.
        blank: what a blank cell in the file means.
        notes: what a user should know before using it.
        species_names: full name of each species.
        sha256: hash of the file, checked on reading.
        series: the cultures by name.
    """

    name: str
    title: str
    source: str
    time_unit: str
    value_unit: str
    blank: str
    notes: str
    species_names: dict[str, str]
    sha256: str
    series: dict[str, Series]

    def culture(self, name: str) -> Series:
        """The series of one culture.

        Raises:
            KeyError: if there is none of that name; the message lists those there are.
        """
        if name not in self.series:
            raise KeyError(f"{self.name} has no culture {name!r}; it has {', '.join(map(repr, self.series))}.")
        return self.series[name]

    def __iter__(self) -> Iterator[Series]:
        """The cultures in the order of the table."""
        return iter(self.series.values())

    def __len__(self) -> int:
        """Number of cultures."""
        return len(self.series)

    def to_pandas(self) -> pandas.DataFrame:
        """All cultures in long form: culture, time, species, count, observed."""
        import pandas as pd

        rows = []
        for name, s in self.series.items():
            assert s.mask is not None
            for t, i in np.ndindex(s.values.shape):
                rows.append((name, s.times[t], s.species[i], s.values[t, i], bool(s.mask[t, i])))
        frame = pd.DataFrame(rows, columns=["culture", f"time_{self.time_unit}", "species", "count", "observed"])
        frame.attrs.update(source=self.source, unit=self.value_unit)
        return frame


def load_gause(table: str = "table3") -> Cultures:
    """Gause's *Paramecium aurelia* and *P. caudatum*, alone and in mixture (1934, Appendix, Tables 3 and 4).

    Args:
        table: `"table3"` (Osterhout's medium, days 0, 2..25), `"table4_one_loop"` or `"table4_half_loop"`
            (buffered medium, days 0..16).

    Returns:
        Cultures `"aurelia"`, `"caudatum"` and `"mixture"`, in individuals per 0.5 cm3. Row 0 is the inoculum.

    Raises:
        ValueError: for an unknown table.
    """
    if table not in GAUSE_TABLES:
        raise ValueError(f"table must be one of {', '.join(map(repr, GAUSE_TABLES))}; got {table!r}.")
    return _load_columns(table)


def load_lynx_hare() -> Cultures:
    """Hudson Bay Company pelts of snowshoe hare and Canada lynx, 1900-1920, in thousands; one culture, `"pelts"`."""
    return _load_columns("lynx_hare")


def load_mites() -> Cultures:
    """Gause, Smaragdova and Witt's mites (1936, Table 2): predator and prey in three stages, 14 cultures.

    Returns:
        Cultures `"1"` to `"14"`; `values` are the printed totals and `stage_values` the counts of hexapod
        larvae, octapod nymphs and imagos. The food and the inoculum stand in each series' `conditions`.
    """
    record, rows = _read_table("mites")
    series = {}
    for name in dict.fromkeys(row["culture"] for row in rows):
        mine = [row for row in rows if row["culture"] == name]
        totals = [[float(row[f"{who}_total"]) for who in ("prey", "predator")] for row in mine]
        stages = [[[float(row[f"{who}_{k}"]) for k in _STAGES] for who in ("prey", "predator")] for row in mine]
        first = mine[0]
        series[name] = Series(
            np.array([float(row["day"]) for row in mine]),
            np.array(totals),
            ("prey", "predator"),
            name=f"mites/{name}",
            time_unit=record["time_unit"],
            value_unit=record["value_unit"],
            source=record["source"],
            conditions={
                "food": first["food"],
                "initial_prey": float(first["initial_prey"]),
                "initial_predator": float(first["initial_predators"]),
            },
            stages=_STAGES,
            stage_values=np.array(stages),
        )
    return _cultures("mites", record, series)


COMMUNITIES = ("paramecium", "mites", "meadow")


def community_file(name: str) -> Path:
    """The path of a community file that travels along, for `popmath.populations.read_scenario`.

    Args:
        name: one of `COMMUNITIES`.

    Raises:
        DataError: if there is none of that name.

    Example:
        >>> community_file("mites").name
        'mites.toml'
    """
    if name not in COMMUNITIES:
        raise DataError(f"no file {name!r}, and no example of that name; the examples are {', '.join(COMMUNITIES)}.")
    return data_path(f"communities/{name}.toml")


def data_path(name: str) -> Path:
    """Where a file of `data/` lies: inside the installed package, or in the source tree.

    Raises:
        FileNotFoundError: if it is in neither place.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_data", package.parent / "data"):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"popmath's data file {name!r} is missing: the installation is incomplete, reinstall popmath."
    )


def _read_table(name: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    record = json.loads(data_path("tables.json").read_text(encoding="utf-8"))[name]
    content = data_path(record["file"]).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != record["sha256"]:
        raise DataError(
            f"{record['file']} is not the published file: its SHA-256 is {found[:12]}..., expected "
            f"{record['sha256'][:12]}.... Reinstall popmath, or read your own copy with popmath.read_series."
        )
    return record, list(csv.DictReader(content.decode("utf-8").splitlines()))


def _load_columns(name: str) -> Cultures:
    record, rows = _read_table(name)
    times = np.array([float(row[record["time_column"]]) for row in rows])
    series = {}
    for culture, columns in record["cultures"].items():
        cells = [[row[c] for c in columns.values()] for row in rows]
        series[culture] = Series(
            times,
            np.array([[float(c) if c else np.nan for c in row] for row in cells]),
            tuple(columns),
            mask=np.array([[bool(c) for c in row] for row in cells]),
            name=f"{name}/{culture}",
            time_unit=record["time_unit"],
            value_unit=record["value_unit"],
            starts_with_inoculum=record["starts_with_inoculum"],
            source=record["source"],
        )
    return _cultures(name, record, series)


def _cultures(name: str, record: dict[str, Any], series: dict[str, Series]) -> Cultures:
    keep = ("title", "source", "time_unit", "value_unit", "blank", "notes", "species_names", "sha256")
    return Cultures(name=name, series=series, **{k: record[k] for k in keep})
