"""Genera and degrees as tables hold them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?", re.ASCII)


def whole_number(name: str, value: Any) -> int:
    """An integer from an integer, a float without fraction, or text of one of these.

    Raises:
        ValueError: for anything else.

    Example:
        >>> whole_number("genus", 2.0), whole_number("genus", " 15 ")
        (2, 15)
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    raise ValueError(f"{name} must be an integer; got {value!r}.")


def read_degrees(row: int, value: Any) -> tuple[int, ...]:
    """Degrees from a sequence, one number, or text such as "1 20 24", "1,20,24" or "[1, 20, 24]".

    Raises:
        ValueError: for what cannot be read, with the row.

    Example:
        >>> read_degrees(0, "[1, 20, 24]"), read_degrees(0, 4.0)
        ((1, 20, 24), (4,))
    """
    if isinstance(value, str):
        text = value.strip()
        if (text[:1], text[-1:]) in (("[", "]"), ("(", ")")):
            text = text[1:-1]
        parts: list[Any] = text.replace(",", " ").split()
    elif isinstance(value, list | tuple | np.ndarray):
        parts = list(value)
    else:
        parts = [value]
    if not parts:
        raise ValueError(f"row {row}: degrees are empty; write them as '1 20 24'.")
    return tuple(whole_number(f"row {row}: each degree in {value!r}", part) for part in parts)
