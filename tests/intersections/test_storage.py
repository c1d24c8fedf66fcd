"""`save_table`: what is in the file, and that a killed run loses nothing and changes nothing."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import joblib
import pyarrow.parquet as pq
import pytest

from popmath import UnableError
from popmath.intersections import (
    complete_table,
    correlator,
    count_numbers,
    log_correlator,
    save_table,
    saving_cost,
    storage,
    table,
    types_up_to,
)

LEVEL = 9
LAST = 1 + 4 + len(types_up_to(LEVEL)) + 1  # the request, primitives of genus 2 to 5, the pieces, the whole
KILLED = """
import os, sys
from popmath.intersections import save_table
renames, real = [], os.replace
def replace(source, target):
    renames.append(target)
    if len(renames) > int(sys.argv[2]):
        os._exit(9)
    real(source, target)
os.replace = replace
save_table(sys.argv[1], max_level=9, jobs=1)
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return save_table(tmp_path_factory.mktemp("whole") / "numbers.parquet", max_level=LEVEL).read_bytes()


def test_rows_are_all_the_numbers(tmp_path):
    seen = []
    path = save_table(tmp_path / "t.parquet", max_level=LEVEL, progress=lambda done, total: seen.append((done, total)))
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == count_numbers(LEVEL) == seen[-1][0] == seen[-1][1]
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
    expected = iter(complete_table(LEVEL).items())
    position = 0
    for (genus, n), numbers in expected:
        for degrees, value in numbers.items():
            row = rows[position]
            assert (row["genus"], row["num_points"], tuple(row["degrees"])) == (genus, n, degrees)
            assert Fraction(int(row["numerator"]), int(row["denominator"])) == value
            assert int(row["denominator"]) == value.denominator  # reduced
            assert row["log_value"] == pytest.approx(log_correlator(genus, degrees), rel=1e-15)
            position += 1
    assert list(tmp_path.iterdir()) == [path]


def test_one_type(tmp_path):
    path = save_table(tmp_path / "t.parquet", genus=20, num_points=3)
    rows = pq.read_table(path).to_pylist()
    assert {tuple(r["degrees"]): Fraction(int(r["numerator"]), int(r["denominator"])) for r in rows} == dict(
        table(20, 3)
    )


@pytest.mark.parametrize("kills", [[0], [2], [LAST - 1], [3, 1, 9]])
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, undisturbed, kills):
    """The process dies just before its k-th finished file is named, which leaves an unfinished one behind."""
    path = tmp_path / "numbers.parquet"
    finished = 0
    for after in kills:
        ran = subprocess.run([sys.executable, "-c", KILLED, str(path), str(after)], capture_output=True)
        assert ran.returncode == 9, ran.stderr.decode()
        assert not path.exists()
        kept = [p for p in (tmp_path / "numbers.parquet.parts").iterdir() if not p.name.startswith("unfinished")]
        assert len(kept) == finished + after
        finished += after
    pieces = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "numbers.parquet.parts").iterdir()}
    saved = []
    save_table(path, max_level=LEVEL, progress=lambda done, total: saved.append(done))
    assert path.read_bytes() == undisturbed
    assert list(tmp_path.iterdir()) == [path] and pieces


def test_a_signal_at_some_moment(tmp_path, undisturbed):
    path = tmp_path / "numbers.parquet"
    code = f"from popmath.intersections import save_table; save_table({str(path)!r}, max_level={LEVEL})"
    for delay in (0.0, 0.05):
        process = subprocess.Popen([sys.executable, "-c", code])
        deadline = time.time() + 60
        while not (tmp_path / "numbers.parquet.parts").exists() and process.poll() is None and time.time() < deadline:
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    save_table(path, max_level=LEVEL)
    assert path.read_bytes() == undisturbed


def test_finished_pieces_are_not_made_again(tmp_path, monkeypatch, undisturbed):
    def stop(*arguments):
        raise KeyboardInterrupt

    path = tmp_path / "numbers.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(storage, "_join", stop)
        with pytest.raises(KeyboardInterrupt):
            save_table(path, max_level=LEVEL)
    monkeypatch.setattr(storage, "primitives", stop)
    monkeypatch.setattr(storage, "Expansion", stop)
    assert save_table(path, max_level=LEVEL).read_bytes() == undisturbed


def test_processes_give_the_same_bytes(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setattr(storage, "_WORTH_PROCESSES", 0.0)
    assert save_table(tmp_path / "two.parquet", max_level=LEVEL, jobs=2).read_bytes() == undisturbed


def test_a_cluster_gives_the_same_bytes(tmp_path, monkeypatch, undisturbed):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(storage, "_WORTH_PROCESSES", 0.0)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        assert save_table(tmp_path / "many.parquet", max_level=LEVEL).read_bytes() == undisturbed


def test_pieces_of_another_request_are_not_mixed_in(tmp_path, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_join", stop)
    with pytest.raises(KeyboardInterrupt):
        save_table(tmp_path / "t.parquet", max_level=4)
    with pytest.raises(ValueError, match=r"t.parquet.parts holds the pieces of another request.*'max_level': 4"):
        save_table(tmp_path / "t.parquet", max_level=5)


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({}, ValueError, "give either max_level, or genus and num_points"),
        ({"max_level": 3, "genus": 1}, ValueError, "give either max_level"),
        ({"genus": 1}, ValueError, "give either max_level"),
        ({"max_level": 0}, ValueError, "nothing is stable at level 0"),
        ({"max_level": -2}, ValueError, "max_level must be at least 0"),
        ({"max_level": 3.0}, TypeError, "max_level must be an integer"),
        ({"max_level": "3"}, TypeError, "max_level must be an integer"),
        ({"genus": 0, "num_points": 2}, ValueError, "no stable curves"),
        ({"genus": 2, "num_points": 0}, ValueError, "num_points must be at least 1"),
        ({"max_level": 75}, UnableError, r"too large.*numbers, about .* of disk"),
    ],
)
def test_bad_requests(tmp_path, request_, error, message):
    with pytest.raises(error, match=message):
        save_table(tmp_path / "t.parquet", **request_)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_and_a_missing_pyarrow(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="there is no folder"):
        save_table(tmp_path / "no" / "t.parquet", max_level=3)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"popmath\[parquet\]"):
        save_table(tmp_path / "t.parquet", max_level=3)


def test_the_predicted_size_is_of_the_right_order(tmp_path):
    cost = saving_cost(16)
    assert 0.3 < cost.bytes / os.path.getsize(save_table(tmp_path / "t.parquet", max_level=16)) < 3
    assert correlator(2, (4,)) and cost.numbers == count_numbers(16)
