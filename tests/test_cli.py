"""The command line: what it prints, writes and refuses."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from popmath.cli import app

CSV = "day,a,b\n" + "\n".join(
    f"{t},{round(100 / (1 + 9 * 2.0**-t), 2)},{round(60 / (1 + 5 * 1.7**-t), 2)}" for t in range(14)
)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text(CSV)
    return path


def test_psi_exact():
    result = run("psi", 2, 2, 3)
    assert result.exit_code == 0
    assert "29/5760" in result.stdout
    assert json.loads(run("psi", 2, 3, 2, "--json").stdout) == {
        "genus": 2,
        "degrees": [2, 3],
        "exact": "29/5760",
        "log_value": pytest.approx(-5.2913969237),
    }
    assert "= 0 " in run("psi", 2, 2, 2).stdout


def test_psi_interval():
    result = run("psi", 10, 0, 6, 24, "--interval", "--exact", "--json")
    record = json.loads(result.stdout)
    assert record["covered"] is True
    assert record["interval"]["log_lower"] <= record["log_value"] <= record["interval"]["log_upper"]
    assert record["interval"]["calibrated_genera"] == [8, 13]
    assert "calibrating" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("psi", 0, 0, 0), "no stable curves"),
        (("psi", 5, 4, 5, "--interval"), "exactly 0"),
        (("psi", 10, 0, 6, 24, "--interval", "--confidence", 1.5), "confidence_level"),
        (("fit", "missing.csv"), "no file 'missing.csv'"),
        (("fit", "table3/mixture", "--model", "logistic"), "--model must be one of"),
        (("fit", "table3/nobody"), "no culture 'nobody'"),
    ],
)
def test_errors_are_one_line(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_fit_a_file(table, tmp_path):
    picture = tmp_path / "fit.png"
    result = run("fit", table, "--starts", 8, "--plot", picture, "--forecast", 2)
    assert result.exit_code == 0, result.output
    assert "growth_factor[a]" in result.stdout
    assert "forecast of 'counts'" in result.stdout
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert "fitting LeslieGower" in result.stderr


def test_fit_as_json(table):
    record = json.loads(run("fit", table, "--species", "b", "--model", "ricker", "--starts", 8, "--json").stdout)
    assert record["converged"] is True
    assert set(record["rmse"]) == {"b"}
    assert "jax" in record["versions"]


def test_unknown_column(table):
    result = run("fit", table, "--species", "wolves")
    assert result.exit_code == 2
    assert "wolves" in result.stderr


def test_demo(tmp_path):
    result = run("demo", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for part in ("persistence", "LinearLeslieCompetition", "three ways", "covered", "wrote"):
        assert part in result.stdout
    record = json.loads((tmp_path / "demo.json").read_text())
    rows = {row["model"]: row for row in record["populations"]}
    assert rows["Ricker"]["sum_of_squares"] <= 0.8715
    assert rows["persistence"]["holdout_rmse_caudatum"] > rows["Ricker"]["holdout_rmse_caudatum"]
    assert len(record["data"]["sha256"]) == 64
    assert all(isinstance(number["covered"], bool) for number in record["intersections"]["numbers"])
    assert (tmp_path / "paramecium.png").stat().st_size > 10_000


def test_help_loads_no_jax():
    code = (
        "import sys; sys.argv = ['popmath', '--help']\ntry:\n    import popmath.__main__\n"
        "except SystemExit:\n    print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout
    assert done.stdout.strip().endswith("False")
