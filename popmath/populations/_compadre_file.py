"""What a COMPADRE or COMADRE file holds, out of R's serialization: columns, matrices and class names.

rdata parses the bytes; its objects are turned into plain Python here rather than by its own converter, which builds a
pandas or xarray object for each of the tens of thousands of small tables and matrices, and stops at text that is
neither ASCII nor marked (files saved by R before 3.5 have such names of authors).
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from popmath._errors import DataError

PARTS = ("A", "U", "F", "C")


class FileContent(NamedTuple):
    """The columns of the metadata by name, and for each row its matrices `A, U, F, C` and its class names."""

    version: str
    columns: dict[str, Any]
    matrices: list[tuple[np.ndarray | None, ...]]
    class_names: list[tuple[str, ...]]


def read_file(content: bytes, name: str) -> FileContent:
    """The one database in `content`.

    Raises:
        DataError: if it cannot be read, or holds anything else.
        ImportError: without rdata.
    """
    objects = _read_objects(content, name)
    found = [layout for layout in map(_layout, objects.values()) if layout is not None]
    if len(found) != 1:
        held = ", ".join(f"{key!r} ({_describe(value)})" for key, value in objects.items()) or "nothing"
        raise DataError(
            f"{name} holds {len(found)} databases and has to hold one: a list with metadata, mat and matrixClass, or a "
            f"CompadreDB object. It holds {held}."
        )
    columns, mats, classes, version = found[0]
    lengths = {key: 0 if column is None else len(column) for key, column in columns.items()}
    lengths |= {"mat": len(mats), "matrixClass": len(classes)}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{name}: every row needs its matrices and its classes, but the lengths are {lengths}.")
    matrices = [tuple(_matrix(_entry(mat, f"mat{part}")) for part in PARTS) for mat in mats]
    return FileContent(_text_of(version), columns, matrices, [_class_names(table) for table in classes])


def _read_objects(content: bytes, name: str) -> dict[str, Any]:
    try:
        import rdata.parser
    except ImportError:
        raise ImportError("reading COMPADRE files needs rdata: pip install 'popmath[compadre]'.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rdata warns where it guesses the type of a file; errors follow here
            root = rdata.parser.parse_data(content).object
        return _pairs(root) if root.info.type.name == "LIST" else {"(unnamed)": _plain(root)}
    except Exception as error:  # the parser meets damage anywhere, with whatever error the next step gives
        raise DataError(
            f"{name} is not a readable R data file: {type(error).__name__}: {error}. It has {len(content)} bytes and "
            f"begins with {content[:12]!r}. Download it again, as the .RData file that R's load() reads."
        ) from error


def _pairs(node: Any) -> dict[str, Any]:
    """An R pairlist, in which attributes, slots and the objects of a file are kept."""
    found = {}
    while node is not None and node.info.type.name == "LIST":
        found[_plain(node.tag)] = _plain(node.value[0])
        node = node.value[1]
    return found


def _plain(node: Any) -> Any:
    """Numbers as NumPy (missing entries NaN), text and factors as lists of strings and None, lists as list or dict."""
    kind = node.info.type.name
    if kind == "REF":
        return _plain(node.referenced_object)
    if kind == "SYM":
        return _plain(node.value)
    if kind == "CHAR":
        return None if node.value is None else _decode(node.value, node.info.gp)
    attributes = _pairs(node.attributes)
    if kind == "S4":
        return attributes
    if kind == "STR":
        return [_plain(text) for text in node.value]
    if kind in ("LGL", "INT", "REAL"):
        values = np.ma.filled(node.value.astype(float), np.nan) if np.ma.is_masked(node.value) else node.value
        if "levels" in attributes:
            return [None if code != code else attributes["levels"][int(code) - 1] for code in values]
        values = np.array(np.ma.getdata(values))
        return values.reshape(attributes["dim"], order="F") if "dim" in attributes else values
    if kind == "VEC":
        names, values = attributes.get("names"), [_plain(part) for part in node.value]
        unique = names is not None and len(set(names)) == len(values)
        return dict(zip(names, values, strict=True)) if unique else values
    return None  # NULL, and what no database needs: functions, environments


def _decode(raw: bytes, flags: int) -> str:
    """Text in the encoding that it is marked with (4 is Latin-1), else UTF-8, else the one of Western Windows."""
    encodings = ("latin-1",) if flags & 4 else ("utf-8", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _layout(value: Any) -> tuple[dict[str, Any], list[Any], list[Any], Any] | None:
    """Columns, matrices, class tables and version of a database in either form; None for anything else."""
    data = value.get("data") if isinstance(value, dict) else None
    if isinstance(data, dict) and "mat" in data:
        mats = _items(data["mat"])
        columns = {name: column for name, column in data.items() if name != "mat"}
        return columns, mats, [_entry(mat, "matrixClass") for mat in mats], value.get("version")
    if isinstance(value, dict) and isinstance(value.get("metadata"), dict) and {"mat", "matrixClass"} <= set(value):
        return value["metadata"], _items(value["mat"]), _items(value["matrixClass"]), value.get("version")
    return None


def _items(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value) if value is not None else []


def _entry(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _matrix(value: Any) -> np.ndarray | None:
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.size == 0 or value.shape[0] != value.shape[1]:
        return None
    return value.astype(np.float64)


def _class_names(table: Any) -> tuple[str, ...]:
    """The author's names, made different from each other; empty if there is no such column."""
    column = _entry(table, "MatrixClassAuthor")
    given = [] if column is None else [_label(value) for value in column]
    given = [name or f"class {i + 1}" for i, name in enumerate(given)]
    names: list[str] = []
    for name in given:
        number, candidate = 1, name
        while candidate in names or (number > 1 and candidate in given):
            number += 1
            candidate = f"{name} ({number})"
        names.append(candidate)
    return tuple(names)


def _label(value: Any) -> str:
    if value is None or value != value:
        return ""
    return value.strip() if isinstance(value, str) else f"{value:g}"


def _text_of(version: Any) -> str:
    """The number of the version: the element `Version` of a list, or the first of a vector."""
    value = version.get("Version") if isinstance(version, dict) else version
    return "" if value is None or len(value) == 0 else _label(value[0])


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return f"with {', '.join(map(str, list(value)[:6]))}"
    return f"{type(value).__name__} of {len(value)}" if value is not None else "nothing that is data"
