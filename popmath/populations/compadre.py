"""COMPADRE and COMADRE: the matrices of a database file that the user has, and what is wrong with each."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np
from jaxtyping import Float

from popmath._errors import DataError, UnableError
from popmath._types import ArrayLike
from popmath.populations._compadre_file import read_file
from popmath.populations.matrix_population import Census, MatrixPopulation
from popmath.populations.model import check_positive

if TYPE_CHECKING:
    import pandas

TOLERANCE = 1e-6  # of A = U + F + C, absolute and relative: the parts are printed to a few digits


class MatrixBatch(NamedTuple):
    """Usable matrices of one size and one projection interval, as one model.

    Attributes:
        rows: their row numbers in the database, shape `(matrices,)`.
        population: the model, entries of shape `(matrices, classes, classes)`. It has the class names and the census
            of its matrices where these are the same for all, and None where not.
    """

    rows: np.ndarray
    population: MatrixPopulation


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MatrixRecord:
    """One matrix of a database, as it is in the file.

    Attributes:
        metadata: the columns of its row; None where a value is missing.
        A: the projection matrix, shape `(classes, classes)`, missing entries NaN; None if the file has no matrix here.
        U: survival and growth, likewise.
        F: sexual reproduction, likewise.
        C: clonal reproduction, likewise.
        class_names: the author's names of the classes. Names that occur again are numbered (`"Seedling"`,
            `"Seedling (2)"`), empty ones become `"class 3"`; an empty tuple if the file has none.
        interval: projection interval in years; None if neither the file nor the caller says.
        census: `"pre"` or `"post"` breeding; None for the database's other types, or if unknown.
        file_row: its row in the file, from 0.

    Example:
        >>> U, F, C = (np.array(m) for m in ([[0.0, 0], [0.5, 0.8]], [[0.0, 2], [0, 0]], [[0.0, 0], [0, 0]]))
        >>> MatrixRecord({"SpeciesAccepted": "Nucella lapillus"}, U + F, U, F, C, interval=1.0).population.A.tolist()
        [[0.0, 2.0], [0.5, 0.8]]
        >>> MatrixRecord({"MatrixSplit": "Divided"}, U + F, U, F, C).problem[:50]
        'its projection interval is not known: ProjectionIn'
    """

    metadata: Mapping[str, Any]
    A: Float[np.ndarray, "classes classes"] | None
    U: np.ndarray | None
    F: np.ndarray | None
    C: np.ndarray | None
    class_names: tuple[str, ...] = ()
    interval: float | None = None
    census: Census | None = None
    file_row: int = 0

    @property
    def population(self) -> MatrixPopulation:
        """The matrix as a model, with its class names, projection interval in years and census.

        Raises:
            UnableError: for a matrix that the database has not split into U, F and C: the split is never guessed.
            DataError: if entries are missing or impossible, if survival out of a class is above 1, if `U + F + C` is
                not `A`, or if the projection interval is not known.
        """
        try:
            return self._build()
        except (UnableError, DataError) as error:
            raise type(error)(f"{self!r}: {error}") from None

    @property
    def problem(self) -> str:
        """Why there is no `population`; empty if there is one."""
        try:
            self._build()
        except (UnableError, DataError) as error:
            return str(error)
        return ""

    def __repr__(self) -> str:
        """Species and row."""
        return f"MatrixRecord({self.metadata.get('SpeciesAccepted')!r}, row {self.file_row} of the file)"

    def _build(self) -> MatrixPopulation:
        if self.A is None:
            raise DataError("matA is not a square matrix of numbers.")
        split = str(self.metadata.get("MatrixSplit") or "")
        lost = [name for name in "UFC" if getattr(self, name) is None or np.isnan(getattr(self, name)).all()]
        if split.lower() == "indivisible" or lost:
            raise UnableError(
                f"not split into U, F and C: MatrixSplit is {split!r}, without entries: {', '.join(lost) or 'none'}. "
                "If you know which entries are fertility, declare them: "
                "MatrixPopulation.from_matrix(record.A, fertility_entries=...)."
            )
        if np.isnan(self.A).any():
            raise DataError(f"A has {np.isnan(self.A).sum()} missing entries of {self.A.size}.")
        if self.class_names and len(self.class_names) != len(self.A):
            raise DataError(f"{len(self.class_names)} class names for {len(self.A)} classes: {self.class_names}.")
        if self.interval is None:
            found = {name: self.metadata.get(name) for name in ("ProjectionInterval", "AnnualPeriodicity")}
            raise DataError(
                f"its projection interval is not known: {', '.join(f'{k} is {v!r}' for k, v in found.items())}. "
                "Declare one for all such matrices: read_compadre(..., default_interval=1.0)."
            )
        assert self.U is not None and self.F is not None and self.C is not None
        names = self.class_names or None
        try:
            model = MatrixPopulation(self.U, self.F, self.C, names=names, interval=self.interval, census=self.census)
        except ValueError as error:
            raise DataError(str(error)) from None
        if np.shape(model.A) != self.A.shape:
            raise DataError(f"U, F and C have shape {np.shape(model.A)}, A has {self.A.shape}.")
        wrong = np.argwhere(~np.isclose(model.A, self.A, rtol=TOLERANCE, atol=TOLERANCE))
        if wrong.size:
            at = tuple(int(k) for k in wrong[0])
            raise DataError(
                f"U + F + C is not A in {len(wrong)} entries: at {list(at)} the parts add up to {model.A[at]:.6g}, "
                f"and A has {self.A[at]:.6g}."
            )
        return model


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class MatrixDatabase:
    """The matrices of a COMPADRE or COMADRE file; `database[i]` is the `MatrixRecord` of row `i`.

    Attributes:
        version: of the database, as the file has it; empty if it has none.
        source: name of the file.
        sha256: hash of the file.
        metadata: one row per matrix, numbered from 0 in the order of the file.
        records: the matrices in that order.
    """

    version: str
    source: str
    sha256: str
    metadata: pandas.DataFrame
    records: tuple[MatrixRecord, ...]

    def __len__(self) -> int:
        """Number of matrices."""
        return len(self.records)

    def __getitem__(self, row: SupportsIndex) -> MatrixRecord:
        """The matrix of one row."""
        return self.records[row]

    def __repr__(self) -> str:
        """Source, version and size."""
        return f"MatrixDatabase({self.source!r}, version {self.version or 'unknown'}, {len(self)} matrices)"

    def select(self, rows: ArrayLike | pandas.Series | pandas.Index) -> MatrixDatabase:
        """The database with some rows only, numbered anew from 0; `file_row` of a record stays what it was.

        Args:
            rows: True for each row to keep, shape `(matrices,)`, or a list of row numbers.

        Raises:
            ValueError: for anything else, or row numbers that there are not.

        Example:
            Trees in Panama::

                metadata = plants.metadata
                plants.select((metadata["OrganismType"] == "Tree") & (metadata["Country"] == "PAN"))
        """
        chosen = np.asarray(rows)
        if chosen.size == 0 and chosen.dtype != bool:
            chosen = np.zeros(0, int)
        if chosen.dtype == bool and chosen.shape == (len(self),):
            chosen = np.flatnonzero(chosen)
        elif chosen.ndim != 1 or chosen.dtype.kind not in "iu" or ((chosen < 0) | (chosen >= len(self))).any():
            raise ValueError(
                f"rows must be {len(self)} of True and False (none missing: fillna(False)), or row numbers from "
                f"0 to {len(self) - 1}; got shape {chosen.shape} of {chosen.dtype}."
            )
        records = tuple(self.records[row] for row in chosen)
        return dataclasses.replace(self, metadata=self.metadata.iloc[chosen].reset_index(drop=True), records=records)

    def problems(self) -> pandas.DataFrame:
        """For each row its species, and why it has no `population` (empty if it has one)."""
        import pandas as pd

        species = [record.metadata.get("SpeciesAccepted") for record in self.records]
        return pd.DataFrame({"species": species, "problem": [record.problem for record in self.records]})

    def batches(self) -> dict[tuple[int, float], MatrixBatch]:
        """The usable matrices, stacked: `growth_rate`, `eigen_analysis` and `demography` take each in one call.

        Returns:
            A `MatrixBatch` for each number of classes and projection interval in years, in this order: growth rates
            are per interval, so matrices of different intervals do not share a model.
        """
        groups: dict[tuple[int, float], list[tuple[int, MatrixPopulation]]] = {}
        for row, record in enumerate(self.records):
            try:
                model = record.population
            except (UnableError, DataError):  # told by `problems`
                continue
            groups.setdefault((model.num_classes, model.interval), []).append((row, model))
        return {key: _stack(groups[key]) for key in sorted(groups)}


def read_compadre(path: str | os.PathLike[str], *, default_interval: float | None = None) -> MatrixDatabase:
    """Read a COMPADRE or COMADRE file (`.RData`) that you have downloaded from https://compadre-db.org.

    Both forms are read: the list with `metadata`, `mat`, `matrixClass` and `version`, and the `CompadreDB` object of
    the R package Rcompadre. No matrix is changed or left out; `problems()` says which are not usable and why. The
    projection interval is `ProjectionInterval`, defined as its length in years, or in older files the inverse of
    `AnnualPeriodicity`, defined as the inverse of the length.

    Args:
        path: the file.
        default_interval: projection interval in years of matrices for which the file gives none.

    Raises:
        DataError: if the file is damaged or holds something else; what was found is named.
        ImportError: without rdata (extra `compadre`).
        ValueError: for a `default_interval` that is not positive.

    Example:
        All growth rates in a few calls::

            plants = read_compadre("COMPADRE_v.6.23.5.0.RData")
            growth = np.full(len(plants), np.nan)
            for (classes, interval), (rows, population) in plants.batches().items():
                growth[rows] = growth_rate(population) ** (1 / interval)  # per year

    References:
        Salguero-Gómez, R. et al. (2015), Journal of Ecology 103, 202-218, and (2016), Journal of Animal Ecology 85,
        371-384; the variables are defined in https://jonesor.github.io/CompadreGuides/user-guide.html.
    """
    if default_interval is not None:
        check_positive("default_interval", default_interval)
    path = Path(path)
    content = path.read_bytes()
    version, columns, matrices, class_names = read_file(content, path.name)
    import pandas as pd

    records = []
    for row, ((A, U, F, C), names) in enumerate(zip(matrices, class_names, strict=True)):
        cells = {name: _cell(column[row]) for name, column in columns.items()}
        interval = _interval(cells)
        interval = default_interval if interval is None else interval
        records.append(MatrixRecord(cells, A, U, F, C, names, interval, _census(cells), row))
    metadata = pd.DataFrame({name: pd.Series(column) for name, column in columns.items()}, index=range(len(records)))
    return MatrixDatabase(version, path.name, hashlib.sha256(content).hexdigest(), metadata, tuple(records))


def _stack(members: list[tuple[int, MatrixPopulation]]) -> MatrixBatch:
    rows, models = zip(*members, strict=True)
    U, F, C = (np.stack([np.asarray(getattr(model, part)) for model in models]) for part in "UFC")
    names = models[0].names if len({model.names for model in models}) == 1 else None
    census = models[0].census if len({model.census for model in models}) == 1 else None
    return MatrixBatch(np.array(rows), MatrixPopulation(U, F, C, names, models[0].interval, census=census))


def _cell(value: Any) -> Any:
    """A cell as plain Python, None where it is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _interval(metadata: Mapping[str, Any]) -> float | None:
    """Years of a projection interval; `AnnualPeriodicity` is defined as the inverse of the length."""
    length, frequency = (_positive(metadata.get(name)) for name in ("ProjectionInterval", "AnnualPeriodicity"))
    return length if length is not None else None if frequency is None else 1 / frequency


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def _census(metadata: Mapping[str, Any]) -> Census | None:
    kind = str(metadata.get("CensusType") or "").lower()
    return "pre" if kind.startswith("pre") else "post" if kind.startswith("post") else None
