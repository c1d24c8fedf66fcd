"""Test settings: shapes and types are checked, dtype and rank promotion are errors, figures are drawn off screen.

The fixtures below fit once what several files look at.
"""

import os

os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("MPLBACKEND", "Agg")

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hypothesis
import jaxtyping
import pytest
from typer.testing import CliRunner

if TYPE_CHECKING:
    import click.testing

    import popmath.inference

_hook = jaxtyping.install_import_hook(
    ["popmath.populations", "popmath.inference"],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",  # an int is a float, as in PEP 484
)
_hook.__enter__()

hypothesis.settings.register_profile("popmath", deadline=None, derandomize=True)
hypothesis.settings.load_profile("popmath")


MAPPINGS = Path("/proc/self/maps")


@pytest.fixture(scope="module", autouse=True)
def few_memory_mappings():
    """Drop compiled code before a process runs into the kernel's limit of 65,530 mappings, where XLA would crash."""
    yield
    if MAPPINGS.exists() and len(MAPPINGS.read_bytes().splitlines()) > 30_000:
        import jax

        jax.clear_caches()


@pytest.fixture(scope="session")
def mixture():
    """Gause's Table 3, both species together: 25 times, row 0 the inoculum."""
    import popmath as pm

    return pm.datasets.load_gause("table3").culture("mixture")


class DemoRun(NamedTuple):
    """What `popmath demo` did: how the command ended, where it wrote, and the comparison it made."""

    ended: "click.testing.Result"
    folder: Path
    comparison: "popmath.inference.Comparison"


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory):
    """`popmath demo` run once, as a user runs it; its fits serve the other tests as well."""
    import popmath.demo
    from popmath.cli import app

    made = []

    def compare(*args, **kwargs):
        made.append(popmath.compare(*args, **kwargs))
        return made[-1]

    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(popmath.demo, "compare", compare)
        ended = CliRunner().invoke(app, ["demo", "--out", str(folder)], catch_exceptions=False)
    assert len(made) == 1, ended.output
    return DemoRun(ended, folder, made[0])


@pytest.fixture(scope="session")
def comparison(demo_run):
    """Four models on the mixture, whole and up to day 12, with seed 0: the one the demo shows."""
    return demo_run.comparison


@pytest.fixture(scope="session")
def fitted(comparison):
    """Leslie-Gower on the whole mixture."""
    return comparison.row("LeslieGower").fit
