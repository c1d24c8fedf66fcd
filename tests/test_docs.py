"""The pages of the documentation: their Python runs, from top to bottom, in a folder with the table they speak of."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.slow  # half a minute
@pytest.mark.parametrize("page", ["fitting.md", "dynamicformer.md", "bands.md", "interpretation.md"])
def test_pages_run_as_they_are_written(page, tmp_path, monkeypatch):
    if page == "fitting.md":
        table = blocks(page, "text")[0].replace("...\n", "")
        (tmp_path / "counts.csv").write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks(page, "python")), page, "exec"), {})
    plt.close("all")
