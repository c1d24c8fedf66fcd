"""Imports go one way: the table of docs/architecture.md, read from the import statements."""

import ast
import graphlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "popmath"
EVERYTHING = None
ALLOWED = {
    "__init__": set(),
    "__main__": {"cli"},
    "_errors": set(),
    "_text": set(),
    "_types": set(),
    "_provenance": set(),
    "_columns": {"_errors"},
    "series": {"_errors", "_columns"},
    "datasets": {"_errors", "series"},
    "intersections": {"_errors"},
    "populations": {"_types", "_errors"},
    "conformal": {"_errors"},
    "inference": {"_types", "_errors", "_text", "series", "conformal"},
    "dynamicformer": {"_types", "_errors", "intersections"},
    "predictor": {"_errors", "_text", "intersections", "conformal", "dynamicformer"},
    "plots": set(),
    "demo": EVERYTHING,
    "cli": EVERYTHING,
}
LAZY = {"populations": {"plots"}, "inference": {"plots"}}  # inside plot methods only
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(source: str) -> set[tuple[str, bool]]:
    """(imported module, whether only when a function runs); blocks under TYPE_CHECKING do not count."""
    found = set()

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.update((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(("." * node.level + (node.module or ""), inside))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(source), False)
    return found


def violations(room: str, source: str) -> set[str]:
    allowed, bad = ALLOWED[room], set()
    for module, inside in imports(source):
        top, _, rest = module.partition(".")
        if module.startswith("."):  # one way to write an import, so that it can be read
            bad.add(module)
        if room == "intersections" and top in ("jax", "jaxlib", "equinox"):
            bad.add(module)
        target = rest.partition(".")[0]
        if top != "popmath" or target == room or allowed is EVERYTHING:
            continue
        if target not in allowed and not (inside and target in LAZY.get(room, set())):
            bad.add(module)
    return bad


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way_and_files_are_short(path):
    source = path.read_text(encoding="utf-8")
    assert not violations(room_of(path), source)
    assert len(source.splitlines()) <= 300
    assert path.name != "utils.py"


def test_every_room_is_in_the_table():
    assert {room_of(path) for path in FILES} == set(ALLOWED)


def test_a_wrong_import_is_seen():
    assert violations("conformal", "from popmath.inference import fit") == {"popmath.inference"}
    assert violations("populations", "from popmath.plots.series import plot_fit") == {"popmath.plots.series"}
    assert violations("intersections", "import jax.numpy as jnp") == {"jax.numpy"}
    assert violations("conformal", "from ..inference import fit") == {"..inference"}
    assert violations("plots", "from popmath.series import Series") == {"popmath.series"}
    assert not violations("plots", "if TYPE_CHECKING:\n    from popmath.series import Series")
    assert not violations("populations", "def plot():\n    from popmath.plots.series import plot_fit")


def test_no_keyword_catch_alls():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.args.kwarg is None, f"{path.name}: {node.name}"


def test_no_file_imports_itself_by_a_detour():
    names = {
        ".".join(("popmath", *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__") for p in FILES
    }
    graph = {}
    for path in FILES:
        name = ".".join(("popmath", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {
            module for module, inside in imports(path.read_text(encoding="utf-8")) if module in names and not inside
        }
        graph[name].discard("popmath")
    list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the cycle
    graph["popmath.conformal.split"] = {"popmath.inference.forecast"}  # negative control
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(graph).static_order())
