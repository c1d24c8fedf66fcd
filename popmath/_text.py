"""Plain-text and HTML tables for summaries."""

from __future__ import annotations

import html
from collections.abc import Sequence


class Summary(str):
    """A text that shows itself without quotes at the prompt and in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The text itself."""
        return str(self)


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first flush left, the others flush right.

    Example:
        >>> print(text_table(["name", "x"], [["a", "1.5"], ["long", "-2"]]))
        name    x
        a     1.5
        long   -2
    """
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = []
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """The same as an HTML table."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    top = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return f"<table>{top}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def number(value: float, digits: int = 4) -> str:
    """A number with `digits` significant digits; a dash for NaN.

    Example:
        >>> number(0.123456), number(float("nan")), number(1234567.0)
        ('0.1235', '-', '1.235e+06')
    """
    return "-" if value != value else f"{value:.{digits}g}"
