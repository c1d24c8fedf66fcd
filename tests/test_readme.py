"""What README says works: its Python runs, its commands are those of .ci/run."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_there_is_python_for_both_halves():
    assert any("pm.fit(" in block for block in BLOCKS)
    assert any("correlator(" in block for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block):
    exec(compile(block, "README.md", "exec"), {})
    plt.close("all")


def test_ci_uses_the_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = re.search(r"(python3 -m venv .venv && .venv/bin/pip install .*) && (.venv/bin/python -m pytest)", README)
    assert command is not None
    assert command.group(1).replace(" -e", " -q -e") in script
    assert command.group(2) in script


def test_links_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target
