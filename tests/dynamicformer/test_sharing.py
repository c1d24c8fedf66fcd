"""Training over several devices and several processes gives what one gives."""

import json
import os
import socket
import subprocess
import sys

import pytest

CONFIG = """
name = "shared"
num_steps = 40
batch_size = 32
validate_every = 10
validation_size = 100
[network]
width = 8
hidden = 16
order = 2
[data]
max_level = 10
[split]
max_train_genus = 4
max_train_points = 7
validation_share = 0.1
test_share = 0.1
"""
PUBLISHED = """
preset = "published"
target = "raw"
types_per_batch = 4
[published]
width = 16
heads = 2
embedding = 8
hidden = 16
"""
SCRIPT = """
import sys
import jax
config, folder, address, processes, number = sys.argv[1:]
if int(processes) > 1:
    jax.distributed.initialize(address, int(processes), int(number))
from popmath.dynamicformer import read_settings, train
train(read_settings(config), folder)
print(len(jax.devices()), "devices")
"""


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(row["loss"], row["validation"]) for row in rows]


def free_address():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def run(tmp_path, name, processes, devices, config=CONFIG):
    path = tmp_path / "run.toml"
    path.write_text(config)
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    address = free_address()
    arguments = [sys.executable, "-c", SCRIPT, str(path), str(tmp_path / name), address, str(processes)]
    running = [
        subprocess.Popen(
            [*arguments, str(i)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for i in range(processes)
    ]
    ended = [each.communicate(timeout=300) for each in running]
    assert all(each.returncode == 0 for each in running), ended
    assert all(f"{processes * devices} devices" in out for out, _ in ended)
    return losses(tmp_path / name)


@pytest.mark.slow  # four processes that load everything: a minute
def test_two_processes_and_two_devices_give_the_result_of_one(tmp_path):
    alone = run(tmp_path, "alone", 1, 1)
    for name, processes, devices in (("devices", 1, 2), ("processes", 2, 1)):
        shared = run(tmp_path, name, processes, devices)
        assert len(shared) == len(alone) == 4
        for (loss, score), (wanted, best) in zip(shared, alone, strict=True):
            assert loss == pytest.approx(wanted, rel=1e-3) and score == pytest.approx(best, rel=1e-2)


@pytest.mark.slow  # half a minute
def test_the_published_network_over_two_devices(tmp_path):
    head, _, data = CONFIG.partition("[network]")
    config = head + PUBLISHED + "[data]" + data.partition("[data]")[2]
    alone, shared = (run(tmp_path, name, 1, devices, config) for name, devices in (("alone", 1), ("devices", 2)))
    for (loss, score), (wanted, best) in zip(shared, alone, strict=True):
        assert loss == pytest.approx(wanted, rel=1e-3) and score == pytest.approx(best, rel=1e-2)
