"""Ensembles: popmath beside NumPy, numba and gillespy2 in one run; ratios, memory, and how cost grows.

    python benchmarks/ensembles.py                                     # about ten minutes
    python benchmarks/ensembles.py --peer-python peers/bin/python      # numba, gillespy2 in a place of their own
    python benchmarks/ensembles.py --quick                             # small sizes: does it all run?

Five models with 10,000 replicates of 500 steps: two species of Leslie-Gower competitors without noise, with log-normal
environmental noise, and with Poisson demographic noise; two species of three age classes with environmental noise; and
a birth-death process by tau-leaping (one species, tau = 0.05). Every tool gives mean, variance, extremes, five
quantiles and the share ever extinct, for every time and species. Each is run in fresh processes, `--rounds` of them,
that take turns. Seconds count from after the imports: `cold` is the first call, with all compilation, `warm` the median
of the further ones. Memory is the peak of a process, imports included. Ratios are the time of the tool over that of
popmath-summary. Random numbers differ: means at the last time must agree within 5 standard errors of their difference,
which right tools miss about once in 1.7 million comparisons. gillespy2 chooses its steps itself, so that it solves a
slightly different problem: 1 % is allowed on top, and its ratio is for the same output, not for the same steps. Its
NumPy solver runs a hundredth of the replicates; its ratios are those seconds as they are, so that they are too small.

The cost is measured from 64 classes on: with fewer, the random numbers of the two species take most of the time.

NumPy comes in three variants: all abundances kept and summarised at the end, the same in two threads (half of the
replicates each), and summarised step by step with nothing kept. The peers install with pip:

    python3 -m venv peers
    peers/bin/pip install numba gillespy2 scons

pyssa and StochPy could not be installed here (their builds fail with Python 3.11), so they take no part.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

WORK = Path(__file__).with_name("ensembles_work.py")
MINE = ("popmath-summary", "popmath-abundances")
NUMPY = ("numpy-kept", "numpy-threads", "numpy-stepwise")
PEERS = ("numba-kept", "gillespy2-c", "gillespy2-numpy")
TASKS = [  # title, task, classes, tools
    ("Leslie-Gower, 2 species, no noise", "fixed", 1, (*MINE, *NUMPY)),
    ("Leslie-Gower, 2 species, environmental noise", "environment", 1, (*MINE, *NUMPY, "numba-kept")),
    ("Leslie-Gower, 2 species, Poisson noise", "poisson", 1, (*MINE, *NUMPY, "numba-kept")),
    ("2 species of 3 classes, environmental noise", "structured", 3, (*MINE, *NUMPY)),
    ("birth-death process, tau-leaping", "birth-death", 1, (*MINE, *NUMPY, *PEERS)),
]
FEWER = {"gillespy2-numpy": 100}  # runs so many times fewer replicates; its seconds and ratios are as measured
SCALING = {
    "replicates": [(5_000, 500, 3), (10_000, 500, 3), (20_000, 500, 3), (40_000, 500, 3)],
    "steps": [(10_000, 250, 3), (10_000, 500, 3), (10_000, 1_000, 3), (10_000, 2_000, 3)],
    "classes": [(10_000, 100, 64), (10_000, 100, 128), (10_000, 100, 256), (10_000, 100, 512)],
}
TARGET, TARGET_MIB = 1.0, 500  # seconds and memory asked for, for ten million species-steps


class Failed(Exception):
    """A tool that gave no answer, and why."""


def run(tool: str, task: str, sizes: tuple[int, ...], settings: argparse.Namespace, once: bool = False) -> dict:
    """The record of one process."""
    python = settings.peer_python if tool in PEERS else sys.executable
    command = [python, str(WORK), tool, task, *map(str, sizes), *(["--once"] if once else [])]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=settings.limit)
    except subprocess.TimeoutExpired:
        raise Failed(f"> {settings.limit:.0f} s") from None
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        raise Failed(lines[-1] if lines else f"exit {ran.returncode}")
    return json.loads(ran.stdout.splitlines()[-1])


def absent(peer_python: str) -> dict[str, str]:
    """The peers that are not here, and why."""
    found = {}
    for tool in PEERS:
        package = tool.partition("-")[0]
        try:
            subprocess.run([peer_python, "-c", f"import {package}"], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            found[tool] = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
    return found


def agreement(tool: str, mine: dict, theirs: dict) -> float:
    """Largest difference of the means in standard errors; stops if it is above 5."""
    apart = np.abs(np.subtract(mine["mean"], theirs["mean"]))
    if tool.startswith("gillespy2"):
        apart = np.maximum(apart - 0.01 * np.abs(mine["mean"]), 0)
    error = np.hypot(mine["error"], theirs["error"])
    rounding = 1e-9 * np.abs(mine["mean"])
    off = float(np.max(np.maximum(apart - rounding, 0) / np.maximum(error, rounding)))
    if not off <= 5:
        raise SystemExit(f"{tool} and popmath differ by {off:.1f} standard errors: {theirs['mean']}, {mine['mean']}")
    return off


def measure(entry: tuple, settings: argparse.Namespace, missing: dict[str, str]) -> dict:
    """Run one model with every tool that is here, and print its part of the table."""
    title, task, classes, tools = entry
    replicates, steps = (1_000, 200) if settings.quick else (10_000, 500)
    print(f"\n{title}: {replicates:,} replicates x {steps} steps", flush=True)
    found: dict[str, list[dict]] = {tool: [] for tool in tools if tool not in missing}
    failed: dict[str, str] = {}
    for turn in range(1 if settings.quick else settings.rounds):
        for tool, rounds in found.items():
            if tool in failed or (turn and sum(rounds[0]["seconds"]) > 40):
                continue
            try:
                count = max(2, replicates // FEWER.get(tool, 1))
                rounds.append(run(tool, task, (count, steps, classes), settings))
            except Failed as why:
                failed[tool] = str(why)
    records = {}
    print(f"  {'tool':20s} {'cold s':>8s} {'warm s':>8s} {'MiB':>5s} {'x cold':>7s} {'x warm':>7s}  st. errors off")
    for tool, rounds in found.items():
        if tool in failed:
            print(f"  {tool:20s} {failed[tool]}")
            continue
        factor = FEWER.get(tool, 1)
        record = records[tool] = {
            "cold": statistics.median(one["seconds"][0] for one in rounds),
            "warm": statistics.median(value for one in rounds for value in one["seconds"][1:]),
            "mib": max(one["peak_kib"] or 0 for one in rounds) / 1024,
            "before_mib": max(one["before_kib"] or 0 for one in rounds) / 1024,
            "seconds": [one["seconds"] for one in rounds],
        }
        mine = records[MINE[0]]
        record["ratios"] = [record[kind] / mine[kind] for kind in ("cold", "warm")]
        record["off"] = 0.0 if tool == MINE[0] else agreement(tool, found[MINE[0]][0], rounds[0])
        shown = " ".join(f"{ratio:7.2f}" for ratio in record["ratios"])
        note = f"  ({replicates // factor:,} replicates only: at least)" if factor > 1 else ""
        times = f"{record['cold']:8.3f} {record['warm']:8.3f} {record['mib']:5.0f}"
        print(f"  {tool:20s} {times} {shown}  {record['off']:.1f}{note}", flush=True)
    return {"title": title, "task": task, "replicates": replicates, "steps": steps, "tools": records, "failed": failed}


def scaling(settings: argparse.Namespace) -> dict:
    """Seconds by replicates, steps and classes, and the exponents of a power law fitted to them."""
    print("\nhow the cost of the structured model grows (popmath-summary, warm seconds)")
    found = {}
    for place, (name, sizes) in enumerate(SCALING.items()):
        if settings.quick:
            sizes = [(count // 10, steps // 5, classes) for count, steps, classes in sizes]
        seconds = []
        for one in sizes:
            record = run(MINE[0], "structured", one, settings)
            seconds.append(min(record["seconds"][1:]))
        points = [one[place] for one in sizes]
        exponent = float(np.polyfit(np.log(points), np.log(seconds), 1)[0])
        last = float(np.log(seconds[-1] / seconds[-2]) / np.log(points[-1] / points[-2]))
        shown = ", ".join(f"{point:,}: {value:.3f}" for point, value in zip(points, seconds, strict=True))
        print(f"  {name:10s} {shown}; exponent {exponent:.2f}, of the last doubling {last:.2f}", flush=True)
        found[name] = {"sizes": sizes, "seconds": seconds, "exponent": exponent, "last": last}
    return found


def million(settings: argparse.Namespace) -> dict:
    """The streamed run of a million replicates: bounded memory."""
    count, steps = (20_000, 100) if settings.quick else (1_000_000, 500)
    print(f"\n{count:,} replicates x {steps} steps, environmental noise, keep='summary'", flush=True)
    record = run(MINE[0], "environment", (count, steps, 1), settings, once=True)
    kept = 8 * 2 * count * (steps + 1) / 2**20
    peak = "-" if record["peak_kib"] is None else f"{record['peak_kib'] / 1024:.0f} MiB"
    before = "-" if record["before_kib"] is None else f"{record['before_kib'] / 1024:.0f} MiB"
    print(
        f"  {record['seconds'][0]:.1f} s, peak {peak}, of which imports {before}; kept, they would be {kept:,.0f} MiB"
    )
    return record


def verdicts(results: list[dict], quick: bool) -> list[str]:
    """What was asked for, with what was measured."""
    lines = []
    for result in results:
        mine = [result["tools"][tool] for tool in MINE if tool in result["tools"]]
        if result["task"] == "birth-death" or not mine:
            continue
        warm, memory = max(one["warm"] for one in mine), max(one["mib"] for one in mine)
        said = "met" if warm <= TARGET and memory <= TARGET_MIB else "NOT met"
        asked = f"asked: {TARGET:g} s and {TARGET_MIB} MiB for ten million species-steps"
        lines.append(f"{result['title']}: {warm:.2f} s, {memory:.0f} MiB; {asked}: {said}")
    return [line + " [quick sizes: no claim]" for line in lines] if quick else lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has numba and gillespy2")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds a process may take")
    parser.add_argument("--rounds", type=int, default=3, help="processes for each tool and model, in turn")
    parser.add_argument("--only", default="", help="only the parts whose name contains this: poisson, scaling, million")
    parser.add_argument("--out", type=Path, help="write all records to this JSON file")
    settings = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load}"
    print(machine)
    missing = absent(settings.peer_python)
    for tool, why in missing.items():
        print(f"{tool}: skipped, {why}")
    results = [measure(entry, settings, missing) for entry in TASKS if settings.only in entry[1]]
    records: dict = {"machine": machine, "models": results}
    for name, part in (("scaling", scaling), ("million", million)):
        if settings.only in name:
            records[name] = part(settings)
    print()
    for line in verdicts(results, settings.quick):
        print(line)
    if settings.out:
        settings.out.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
