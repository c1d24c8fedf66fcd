"""R data files for the tests, written after the chapter "Serialization Formats" of R Internals; no R, no rdata."""

import bz2
import dataclasses
import gzip
import lzma
import struct
from pathlib import Path
from typing import Any

import numpy as np

OPEN = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open, None: open}
NA_INT = -(2**31)
NA_REAL = struct.pack(">Q", 0x7FF00000000007A2)  # the NaN that R calls NA
NIL, SYMBOL, PAIRLIST, CHAR, LOGICAL, INTEGER, REAL, STRING, LIST, S4TYPE = 254, 1, 2, 9, 10, 13, 14, 16, 19, 25


@dataclasses.dataclass
class R:
    """A value with attributes: arrays (masked or NaN entries are NA), tuples of text (None is NA), lists, dicts."""

    value: Any
    attributes: dict[str, Any]


@dataclasses.dataclass
class S4:
    """An S4 object: the name of its class, and its slots."""

    name: str
    slots: dict[str, Any]


def frame(columns: dict[str, Any], kind: tuple[str, ...] = ("data.frame",)) -> R:
    first = next(iter(columns.values()))
    rows = len(first.value if isinstance(first, R) else first)
    row_names = np.ma.array([0, -rows], mask=[True, False])  # the compact form that R writes
    return R(list(columns.values()), {"names": tuple(columns), "row.names": row_names, "class": kind})


def factor(values: tuple[str | None, ...]) -> R:
    levels = tuple(dict.fromkeys(v for v in values if v is not None))
    codes = np.ma.array([levels.index(v) + 1 if v else 0 for v in values], mask=[v is None for v in values])
    return R(codes, {"levels": levels, "class": ("factor",)})


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray()
        self.symbols: list[str] = []

    def integer(self, *values: int) -> None:
        self.out += struct.pack(f">{len(values)}i", *values)

    def head(self, kind: int, attributes: object = None, tag: bool = False, gp: int = 0) -> None:
        is_object = isinstance(attributes, dict) and "class" in attributes
        self.integer(kind | is_object << 8 | bool(attributes) << 9 | tag << 10 | gp << 12)

    def char(self, text: str | bytes | tuple[bytes, int] | None) -> None:
        """Text in ASCII (mark 64) or UTF-8 (mark 8), bytes without a mark, or bytes with one (Latin-1 is 4)."""
        if text is None:
            self.integer(CHAR, -1)
            return
        if isinstance(text, str):
            text = (text.encode(), 64 if text.isascii() else 8)
        raw, mark = text if isinstance(text, tuple) else (text, 0)
        self.head(CHAR, gp=mark)
        self.integer(len(raw))
        self.out += raw

    def pairs(self, items: dict[str, Any]) -> None:
        for name, value in items.items():
            self.head(PAIRLIST, tag=True)
            if name in self.symbols:
                self.integer(255 | (self.symbols.index(name) + 1) << 8)
            else:
                self.symbols.append(name)
                self.integer(SYMBOL)
                self.char(name)
            self.item(value)
        self.integer(NIL)

    def item(self, value: Any) -> None:
        attributes: dict[str, Any] = {}
        if isinstance(value, R):
            value, attributes = value.value, dict(value.attributes)
        if value is None:
            self.integer(NIL)
            return
        if isinstance(value, S4):
            attributes = value.slots | {"class": R((value.name,), {"package": ("Rcompadre",)})}
            self.head(S4TYPE, attributes, gp=16)
        elif isinstance(value, dict | list):
            if isinstance(value, dict):
                attributes, value = {"names": tuple(value)} | attributes, list(value.values())
            self.head(LIST, attributes)
            self.integer(len(value))
            for part in value:
                self.item(part)
        elif isinstance(value, tuple):
            self.head(STRING, attributes)
            self.integer(len(value))
            for text in value:
                self.char(text)
        else:
            self.numbers(np.ma.asarray(value), attributes)
        if attributes:
            self.pairs(attributes)

    def numbers(self, values: np.ma.MaskedArray, attributes: dict[str, Any]) -> None:
        if values.ndim == 2:
            attributes |= {"dim": np.array(values.shape)}
        self.head({"b": LOGICAL, "i": INTEGER, "f": REAL}[values.dtype.kind], attributes)
        flat = values.ravel(order="F")
        self.integer(flat.size)
        if values.dtype.kind == "f":
            for number in flat.filled(np.nan):
                self.out += NA_REAL if np.isnan(number) else struct.pack(">d", number)
        else:
            self.integer(*(int(v) for v in flat.astype(np.int64).filled(NA_INT)))


def save(path: Path, objects: Any, *, compress: str | None = "gzip", version: int = 3, magic: bool = True) -> Path:
    """What R's `save(list = names(objects), file = path)` writes; without `magic`, what `saveRDS` writes."""
    writer = _Writer()
    writer.integer(version, 0x40201, 0x30500 if version == 3 else 0x20300)
    if version == 3:
        writer.integer(5)
        writer.out += b"UTF-8"
    (writer.pairs if magic else writer.item)(objects)
    with OPEN[compress](path, "wb") as file:
        file.write((f"RDX{version}\n".encode() if magic else b"") + b"X\n" + writer.out)
    return path
