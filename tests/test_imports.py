"""`import popmath` is cheap, exact numbers load no heavy library, and every public name exists and is documented."""

import ast
import importlib
import inspect
import subprocess
import sys
import time
from pathlib import Path

import pytest

import popmath

STUB = Path(popmath.__file__).with_name("__init__.pyi")
ROOMS = (
    "conformal",
    "datasets",
    "dynamicformer",
    "dynamicformer.interpret",
    "inference",
    "intersections",
    "plots",
    "populations",
)


def best_time(code: str) -> float:
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - begun)
    return min(times)


def test_import_costs_less_than_three_tenths_of_a_second():
    assert best_time("import popmath") - best_time("pass") < 0.3


def test_exact_numbers_load_no_heavy_library():
    code = (
        "import sys, popmath as pm; pm.intersections.correlator(2, (2, 3)); pm.intersections.asymptotic(5, (4, 5, 6));"
        "print([m for m in ('jax', 'mapie', 'sklearn', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def stub_names() -> list[str]:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    statements = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [alias.asname or alias.name for node in statements for alias in node.names]


@pytest.mark.parametrize("name", stub_names())
def test_public_names_resolve_and_are_documented(name):
    thing = getattr(popmath, name)
    assert inspect.getdoc(thing)
    assert name in dir(popmath)


def named_in_tests() -> set[str]:
    """Every identifier that a test uses: imported, looked up, or called; text and comments do not count."""
    found = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.ImportFrom):
                found.update((node.module or "").split("."))
            elif isinstance(node, ast.alias):
                found.add(node.name.rpartition(".")[2])
    return found


def public_names(room: str) -> dict[str, object]:
    return {
        name: thing
        for name, thing in vars(importlib.import_module(f"popmath.{room}")).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__.startswith("popmath.")
    }


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_documented_and_in_a_test(room):
    used = named_in_tests()
    for name, thing in public_names(room).items():
        assert inspect.getdoc(thing), f"{room}.{name} has no docstring"
        assert name in used, f"{room}.{name} is in no test"
        for part, member in vars(thing).items() if inspect.isclass(thing) else ():
            if not part.startswith("_") and inspect.isfunction(member):
                assert inspect.getdoc(getattr(thing, part)), f"{room}.{name}.{part} has no docstring"


def test_the_names_of_the_front_door_are_in_a_test():
    assert set(stub_names()) <= named_in_tests()
    assert "never_called_anywhere" not in named_in_tests()


def test_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert popmath.__version__ == version("popmath")
