"""Columns of a user's table: choosing them, and reading them from a comma-separated file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from popmath._errors import DataError


def choose_columns(header: list[Any], time: Any, species: str | Sequence[Any]) -> list[Any]:
    """The columns with counts: those asked for, or all but the time. Refuses a header that is not unique."""
    for c in header:
        if c == "":
            raise DataError(f"column {header.index(c) + 1} has no name; the table has {_listed(header)}.")
        if header.count(c) > 1:
            raise DataError(f"column {c!r} occurs {header.count(c)} times; every column needs a name of its own.")
    columns = [species] if isinstance(species, str) and species else list(species)
    columns = columns or [c for c in header if c != time]
    for c in (time, *columns):
        if c not in header:
            raise DataError(f"unknown column {c!r}; the table has {_listed(header)}.")
    if not columns or time in columns:
        raise DataError(f"no species column beside the time column {time!r}; the table has {_listed(header)}.")
    return columns


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a CSV file, and each row of cells with its line number. Blank and `#` lines are left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not UTF-8 text: {error}.") from error
    lines = [(i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    lines = [(i, line) for i, line in lines if not line.lstrip().startswith("#")]
    if len(lines) < 2:
        raise DataError(f"{path.name} is empty: expected a header line and at least one row of numbers.")
    reader = csv.reader(line for _, line in lines)
    header = [cell.strip() for cell in next(reader)]
    rows = [(lines[reader.line_num - 1][0], row) for row in reader]
    for line, row in rows:
        if len(row) != len(header):
            raise DataError(f"{path.name}, line {line}: {len(row)} cells, but the header has {len(header)}.")
    return header, rows


def read_number(text: str, file: str, line: int, column: str) -> float | None:
    """The number in a cell, or None if the cell is empty."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        hint = "leave the cell empty if it is missing"
        raise DataError(f"{file}, line {line}, column {column!r}: {text!r} is not a number; {hint}.") from error


def _listed(header: list[Any]) -> str:
    return ", ".join(map(repr, header))
