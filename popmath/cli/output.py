"""What all commands do alike: JSON, progress on standard error, errors in one line."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator
from typing import Any

import typer


def json_text(record: dict[str, Any]) -> str:
    """A record as JSON."""
    from popmath._provenance import to_json

    return to_json(record)


@contextlib.contextmanager
def progress_of(what: str) -> Generator[None]:
    """Say on standard error what is being done, and how long it took."""
    begun = time.perf_counter()
    print(f"{what} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    except BaseException:
        print(file=sys.stderr)
        raise
    print(f" {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)


@contextlib.contextmanager
def errors_as_text() -> Generator[None]:
    """An error the user can act on is one line on standard error and exit code 2, without a traceback."""
    from popmath._errors import ConvergenceError, UnableError

    try:
        yield
    except (ValueError, TypeError, KeyError, OSError, ImportError, UnableError, ConvergenceError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"popmath: {text}", file=sys.stderr)
        raise typer.Exit(2) from None
