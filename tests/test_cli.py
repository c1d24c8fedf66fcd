"""The command line: what it prints, writes and refuses."""

import csv
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
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
    assert record["interval"]["calibrated_genera"][1] == 13
    assert "the closest with a say here" in record["interval"]["reason"]
    for idle in (("--confidence", 0.8), ("--order", 3), ("--interval", "--method", "dvv")):
        assert run("psi", 10, 0, 6, 24, *idle).exit_code == 2
    closed = run("psi", 10, 0, 6, 24, "--interval", "--order", 5, "--json")
    assert json.loads(closed.stdout)["interval"]["calibrated_genera"] == [8, 13]
    assert "calibrating" in closed.stderr


def test_psi_batch(tmp_path):
    (tmp_path / "in.csv").write_text("genus,degrees,label\n9,2 3 4 19,a\n30,20 30 40,b\n", encoding="utf-8")
    tables = []
    for name in ("out.csv", "out.parquet", "out.json"):
        out = tmp_path / name
        result = run("psi-batch", tmp_path / "in.csv", "--out", out, "--no-exact")
        assert result.exit_code == 0 and result.stdout.startswith(f"wrote {out}: 2 psi-corrected")
        assert "2 numbers" in result.stderr
        read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[name.rpartition(".")[2]]
        tables.append(read(out))
    for table in tables:
        assert table["label"].tolist() == ["a", "b"] and (table["log_lower"] < table["log_upper"]).all()
        np.testing.assert_allclose(table["log_value"], tables[0]["log_value"])
    exact = run("psi-batch", tmp_path / "out.parquet", "--out", tmp_path / "exact.csv")
    assert exact.exit_code == 2 and "already has the columns" in exact.stderr
    again = run("psi-batch", tmp_path / "in.csv", "--out", tmp_path / "exact.csv")
    assert "2 exact" in again.stdout
    for bad, message in ((("none.csv", "out.csv"), "no file"), (("in.csv", "out.txt"), "must end in .csv")):
        refused = run("psi-batch", tmp_path / bad[0], "--out", tmp_path / bad[1])
        assert refused.exit_code == 2 and message in refused.stderr


def test_table(tmp_path):
    out = tmp_path / "numbers.parquet"
    result = run("table", "--max-level", 7, "--out", out)
    assert result.exit_code == 0 and result.stdout.startswith(f"wrote {out}")
    assert "to write: 133 numbers, about 0.1 s, about" in result.stderr
    assert "133 of 133 numbers (100%)" in result.stderr
    assert pq.read_table(out).num_rows == 133
    one = run("table", "--genus", 3, "--points", 2, "--out", tmp_path / "one.parquet")
    assert one.exit_code == 0 and "to write: 5 numbers" in one.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table", "--max-level", 80, "--out", "t.parquet"), "too large to begin without asking"),
        (("table", "--genus", 2, "--out", "t.parquet"), "give either max_level, or genus and num_points"),
        (("table", "--genus", 0, "--points", 2, "--out", "t.parquet"), "no stable curves"),
        (("psi", 0, 0, 0), "no stable curves"),
        (("psi", 5, 4, 5, "--interval"), "exactly 0"),
        (("psi", 10, 0, 6, 24, "--interval", "--confidence", 1.5), "confidence_level"),
        (("fit", "missing.csv"), "no file 'missing.csv'"),
        (("fit", "table3/mixture", "--model", "logistic"), "--model must be one of"),
        (("fit", "table3/nobody"), "no culture 'nobody'"),
        (("fit", "table3/mixture", "--starts", 0), "num_starts must be"),
        (("fit", "table3/mixture", "--seed", -1), "seed must be"),
        (("psi", 2, "--", -1, 6), "degrees[0] must be at least 0"),
        (("psi", 5, 4, 5, 6, "--interval", "--order", 9), "order must be at most 8"),
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


def test_fit_a_table_that_travels_along():
    result = run("fit", "table3/mixture", "--starts", 8, "--json", "--forecast", 2, "--confidence", 0.8)
    record = json.loads(result.stdout)
    assert (record["model"], record["series"], record["num_starts"]) == ("LeslieGower", "table3/mixture", 8)
    assert record["sum_of_squares"] <= 0.9090
    assert record["forecast"]["confidence_level"] == 0.8
    assert [row["time"] for row in record["forecast"]["rows"]] == [26, 26, 27, 27]
    assert all(0 <= row["lower"] <= row["predicted"] <= row["upper"] for row in record["forecast"]["rows"])


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    result = run("demo", "--out", tmp_path / "file")
    assert result.exit_code == 2 and "popmath: " in result.stderr and "Traceback" not in result.output


def test_unknown_column(table):
    result = run("fit", table, "--species", "wolves")
    assert result.exit_code == 2
    assert "wolves" in result.stderr


def test_demo(demo_run):
    assert demo_run.ended.exit_code == 0, demo_run.ended.output
    for part in ("persistence", "LinearLeslieCompetition", "three ways", "covered", "wrote", "Gause, G. F. (1934)"):
        assert part in demo_run.ended.stdout
    assert demo_run.comparison.summary() in demo_run.ended.stdout
    assert "fitting four models" in demo_run.ended.stderr
    assert sorted(path.name for path in demo_run.folder.iterdir()) == ["demo.json", "paramecium.png"]
    record = json.loads((demo_run.folder / "demo.json").read_text())
    assert set(record) == {
        "command",
        "seed",
        "data",
        "holdout_after",
        "populations",
        "intersections",
        "versions",
    }
    rows = {row["model"]: row for row in record["populations"]}
    assert rows["Ricker"]["sum_of_squares"] <= 0.8715
    assert rows["persistence"]["rmse_caudatum_after_12"] > rows["Ricker"]["rmse_caudatum_after_12"]
    assert len(record["data"]["sha256"]) == 64
    numbers = record["intersections"]
    assert all(number["covered"] is True for number in numbers["numbers"])
    assert numbers["numbers"][0]["exact"] == "424987/3065610240"
    assert sorted(map(int, numbers["coverage_by_genus"])) == list(range(8, 18))
    assert {"python", "popmath", "jax", "mapie"} <= set(record["versions"])
    picture = (demo_run.folder / "paramecium.png").read_bytes()
    assert picture[:4] == b"\x89PNG" and len(picture) > 10_000


def test_help_loads_no_jax():
    code = (
        "import sys; sys.argv = ['popmath', '--help']\ntry:\n    import popmath.__main__\n"
        "except SystemExit:\n    print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout
    assert done.stdout.strip().endswith("False")


def test_simulate_an_example_and_write_its_tables(tmp_path):
    copy, table = tmp_path / "mine.toml", tmp_path / "out.csv"
    ended = run("simulate", "paramecium", "--replicates", "20", "--steps", "5", "--copy", copy, "--out", table)
    assert ended.exit_code == 0, ended.output
    assert "20 replicates, 5 projection intervals" in ended.output
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 6 * 2
    assert float(rows[-1]["q0.5"]) > float(rows[1]["q0.5"])
    again = run("simulate", copy, "--replicates", "3", "--steps", "5", "--every", "--out", tmp_path / "all.parquet")
    assert again.exit_code == 0, again.output
    import pandas as pd

    written = pd.read_parquet(tmp_path / "all.parquet")
    assert written.columns.tolist() == ["replicate", "time", "caudatum", "aurelia"]
    assert len(written) == 18
    figure = tmp_path / "run.png"
    single = run("simulate", copy, "--replicates", "0", "--steps", "4", "--plot", figure, "--json")
    assert single.exit_code == 0, single.output
    record = json.loads(single.stdout)
    assert len(record["rows"]) == 5
    assert record["num_replicates"] is None
    assert figure.stat().st_size > 5000


def test_simulate_refuses(tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("num_steps = 3")
    for words, message in (
        (("simulate", "wolves"), "the examples are paramecium, mites, meadow"),
        (("simulate", wrong), "wrong.toml: species is missing"),
        (("simulate", "paramecium", "--out", tmp_path / "out.xls"), "must end in .csv or .parquet"),
        (("simulate", "paramecium", "--replicates", "0", "--every"), "--every is for replicates"),
        (("simulate", "paramecium", "--steps", "-1"), "num_steps must be a whole number"),
    ):
        ended = run(*words)
        assert ended.exit_code == 2
        assert message in ended.stderr
