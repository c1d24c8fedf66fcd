"""A small run: it learns, goes on exactly where it was killed, and refuses what is not its own."""

import dataclasses
import json
import signal
import subprocess
import sys
import time

import equinox as eqx
import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from popmath import ConvergenceError, DataError
from popmath.dynamicformer.batches import Batches
from popmath.dynamicformer.checkpoint import read_checkpoint, read_record, write_checkpoint
from popmath.dynamicformer.network import IntersectionNetwork, NetworkSettings
from popmath.dynamicformer.optimising import State, adam, compiled_update
from popmath.dynamicformer.prediction import mean_error
from popmath.dynamicformer.samples import exact_samples
from popmath.dynamicformer.settings import DataSettings, TrainingSettings, read_settings
from popmath.dynamicformer.splits import Split
from popmath.dynamicformer.tasks import task_of
from popmath.dynamicformer.training import METRICS, STATE, WEIGHTS, load_network, train

SETTINGS = TrainingSettings(
    name="small",
    num_steps=300,
    batch_size=64,
    validate_every=100,
    validation_size=200,
    learning_rate=5e-3,
    network=NetworkSettings(width=8, hidden=16, order=2),
    data=DataSettings(max_level=13),
    split=Split(max_train_genus=5, max_train_points=9, validation_share=0.1, test_share=0.1),
)
SAMPLES = exact_samples(13, range(6))
SCRIPT = """
import sys
from popmath.dynamicformer.settings import read_settings
from popmath.dynamicformer.training import train
train(read_settings(sys.argv[1]), sys.argv[2])
"""
TOML = """
name = "killed"
num_steps = 1200
batch_size = 64
validate_every = 50
validation_size = 200
checkpoint_seconds = 0.05
[network]
width = 8
hidden = 16
order = 2
[data]
max_level = 13
[split]
max_train_genus = 5
max_train_points = 9
validation_share = 0.1
test_share = 0.1
"""


def lines(folder):
    timing = ("samples_per_second", "seconds_left")
    rows = [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in timing} for row in rows]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, train(SETTINGS, folder, samples=SAMPLES)


def test_it_learns(finished):
    folder, result = finished
    assert [row["step"] for row in lines(folder)] == [100, 200, 300]
    held = Batches(SAMPLES.take(SETTINGS.split.rows(SAMPLES.requests, "test")), "residual", 13)
    spread = float(np.mean(np.abs(held.target - np.median(held.target))))
    batch = held.members(np.arange(len(held.target)), np.zeros(len(held.target)))
    assert mean_error(result.network, batch) < 0.4 * spread
    assert lines(folder)[-1]["loss"] < 0.5 * lines(folder)[0]["loss"]
    assert not (folder / STATE).exists()


def test_a_finished_run_is_read_back(finished):
    folder, result = finished
    again = train(SETTINGS, folder, samples=SAMPLES)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), again.network, result.network)
    assert all(jax.tree.leaves(same)) and again.record == result.record
    assert load_network(folder / WEIGHTS)[1] == SETTINGS


def test_in_pieces_it_is_the_same(finished, tmp_path):
    folder, whole = finished
    result, pieces = None, 0
    while result is None:
        result, pieces = train(SETTINGS, tmp_path, samples=SAMPLES, max_seconds=0.0), pieces + 1
    assert pieces == 4 and lines(tmp_path) == lines(folder)
    assert read_record(tmp_path / WEIGHTS) == read_record(folder / WEIGHTS)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), whole.network, result.network)
    assert all(jax.tree.leaves(same))


@pytest.mark.slow  # three processes that load everything: half a minute
def test_killed_it_goes_on(tmp_path):
    (tmp_path / "run.toml").write_text(TOML)
    settings = read_settings(tmp_path / "run.toml")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "run.toml")]
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    killed = subprocess.Popen([*command, str(tmp_path / "killed")])
    while not (tmp_path / "killed" / STATE).exists():
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert 0 < read_record(tmp_path / "killed" / STATE)["step"] < settings.num_steps
    subprocess.run([*command, str(tmp_path / "killed")], check=True)
    assert lines(tmp_path / "killed") == lines(tmp_path / "whole")
    assert (tmp_path / "killed" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()


def test_another_run_in_the_folder_is_refused(finished):
    folder, _ = finished
    with pytest.raises(DataError, match=r"other settings \(seed\)"):
        train(dataclasses.replace(SETTINGS, seed=1), folder, samples=SAMPLES)
    with pytest.raises(DataError, match="other data"):
        train(SETTINGS, folder, samples=SAMPLES.take(slice(0, -1)))


def test_not_a_number_stops_and_keeps_the_last_checkpoint(tmp_path):
    train(SETTINGS, tmp_path, samples=SAMPLES, max_seconds=0.0)
    good = (tmp_path / STATE).read_bytes()
    record, state = read_record(tmp_path / STATE), tmp_path / STATE
    settings = dataclasses.replace(SETTINGS, name="other", checkpoint_seconds=0.0, learning_rate=1e30)
    with pytest.raises(ConvergenceError, match="last good checkpoint is kept"):
        train(settings, tmp_path / "broken", samples=SAMPLES)
    assert not (tmp_path / "broken" / STATE).exists() and state.read_bytes() == good and record["step"] == 100


def test_corrupt_truncated_and_foreign_checkpoints(finished, tmp_path):
    folder, result = finished
    path = tmp_path / "copy.safetensors"
    whole = (folder / WEIGHTS).read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(DataError, match=r"copy.safetensors \(SHA-256 .*truncated"):
        load_network(path)
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    with pytest.raises(DataError, match=r"copy.safetensors is corrupt: .*SHA-256"):
        load_network(path)
    path.write_bytes(b"not a checkpoint at all")
    with pytest.raises(DataError, match="not a checkpoint"):
        load_network(path)
    other = IntersectionNetwork.random(NetworkSettings(width=8, hidden=16, blocks=1), jax.random.key(0))
    with pytest.raises(DataError, match="another network"):
        read_checkpoint(folder / WEIGHTS, other)
    wide = IntersectionNetwork.random(NetworkSettings(width=9, hidden=16, order=2), jax.random.key(0))
    with pytest.raises(DataError, match="shape"):
        read_checkpoint(folder / WEIGHTS, wide)
    with pytest.raises(DataError, match="there is no checkpoint"):
        load_network(tmp_path / "none.safetensors")
    write_checkpoint(path, result.network, {"x": 1})
    assert read_record(path) == {"x": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 1", "speed is not a setting"),
        ("[network]\ndepth = 3", "network.depth is not a setting"),
        ("num_steps = ", "not TOML"),
    ],
)
def test_settings_files(tmp_path, text, message):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_settings(tmp_path / "a.toml")
    with pytest.raises(DataError, match="there is no file"):
        read_settings(tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_steps": 0}, "num_steps must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"data": DataSettings(degree_power=0.5)}, "degree_power goes with preset='published'"),
        ({"preset": "published", "target": "raw", "data": DataSettings(degree_power=-1)}, "between 0 and 1"),
        ({"additive_rate": -0.1}, "additive_rate must be at least 0"),
        ({"data": DataSettings(keep_ones=True)}, "keep_ones goes with"),
    ],
)
def test_settings_that_cannot_work(wrong, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**wrong)


def test_the_same_arrays_make_the_same_bytes(finished, tmp_path):
    folder, result = finished
    for name in ("a", "b"):
        write_checkpoint(tmp_path / name, result.network, {"x": 1, "y": [2.0]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    save_file({"x": np.ones(3)}, tmp_path / "c")
    with pytest.raises(DataError, match="not one that popmath wrote"):
        read_record(tmp_path / "c")


def test_an_altered_record_is_seen(finished, tmp_path):
    folder, _ = finished
    whole = (folder / WEIGHTS).read_bytes()
    (tmp_path / "x").write_bytes(whole.replace(b'\\"steps\\": 300', b'\\"steps\\": 301'))
    assert (tmp_path / "x").read_bytes() != whole
    with pytest.raises(DataError, match="x is corrupt"):
        load_network(tmp_path / "x")


def test_samples_beyond_the_level_are_refused(tmp_path):
    with pytest.raises(ValueError, match="samples go up to level 13, max_level is 12"):
        train(dataclasses.replace(SETTINGS, data=DataSettings(max_level=12)), tmp_path, samples=SAMPLES)


def test_metrics_of_a_run_without_a_checkpoint_are_dropped(tmp_path):
    (tmp_path / METRICS).write_text('{"step": 100}\n')
    assert train(SETTINGS, tmp_path, samples=SAMPLES, max_seconds=0.0) is None
    assert [row["step"] for row in lines(tmp_path)] == [100] and "loss" in lines(tmp_path)[0]


def test_the_average_does_not_stand_still_in_single_precision():
    settings = dataclasses.replace(SETTINGS, learning_rate=1e-12)
    network = IntersectionNetwork.random(settings.network, jax.random.key(0))
    task, optimiser = task_of(settings, SAMPLES), adam(settings)
    state = State.first(network, optimiser)
    state = state._replace(lag=jax.tree.map(lambda w: 1e-5 * w, eqx.filter(network, eqx.is_array)))
    update, batch = compiled_update(settings, task.loss, optimiser), task.draw(0)
    for _ in range(1000):
        state, _ = update(state, batch, np.int32(10_000))
    weight = np.asarray(network.trunk.linears[0].weight)
    np.testing.assert_allclose(state.lag.trunk.linears[0].weight, 1e-5 * 0.999**1000 * weight, rtol=1e-3)


def test_a_run_begins_with_the_weights_of_another(tmp_path):
    short = dataclasses.replace(SETTINGS, num_steps=100, validate_every=100)
    first = train(short, tmp_path / "first", samples=SAMPLES)
    weights = tmp_path / "first" / WEIGHTS
    little = dataclasses.replace(short, learning_rate=1e-9)
    again = train(little, tmp_path / "again", samples=SAMPLES, start=weights)
    for a, b in zip(jax.tree.leaves(first.network), jax.tree.leaves(again.network), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert again.record["start"]["record"]["steps"] == 100 and len(again.record["start"]["weights_sha256"]) == 64
    train(little, tmp_path / "again", samples=SAMPLES, start=weights)
    with pytest.raises(DataError, match="holds a run with other start"):
        train(little, tmp_path / "again", samples=SAMPLES)
    wider = dataclasses.replace(short, network=dataclasses.replace(SETTINGS.network, width=9))
    with pytest.raises(DataError):
        train(wider, tmp_path / "wider", samples=SAMPLES, start=weights)
    with pytest.raises(FileNotFoundError):
        train(short, tmp_path / "none", samples=SAMPLES, start=tmp_path / "none.safetensors")
