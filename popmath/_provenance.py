"""What a stored result has to say about where it came from."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any


def provenance(packages: Iterable[str] = ("popmath", "jax", "numpy", "scipy", "mapie")) -> dict[str, str]:
    """Versions of Python and of these packages."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in packages}


def write_json(path: str | Path, record: dict[str, Any]) -> Path:
    """Write a record as JSON, with NaN and infinities as null."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(record) + "\n", encoding="utf-8")
    return path


def to_json(record: Any) -> str:
    """A record as JSON text, with NaN and infinities as null."""
    return json.dumps(_finite(record), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
