"""Matrix populations: popmath beside NumPy, matpopmod and R's popbio and popdemo in one run; ratios and memory.

    python benchmarks/demography.py                                   # five to ten minutes
    python benchmarks/demography.py --peer-python peers/bin/python    # matpopmod in an environment of its own
    python benchmarks/demography.py --quick                           # small sizes: does it all run?

Four tasks: all eigenvalue indices of 20,000 6x6 matrices; stochastic growth, 10,000 replicates of 500 steps among five
6x6 environments; transient bounds of 2,000 matrices; every index (`demography`) of one matrix and of 2,000. Every
tool reads the same matrices and does each task in fresh processes, three (`--rounds`) that take turns with those of the
other tools, one where that is slow. Seconds count from after the imports: `cold` is the first call, with all
compilation in it, `warm` the median of the next five (fewer where they take over a minute). Memory is the peak of a
process, imports and data included. Ratios are the time of the tool over that of popmath.

Answers are compared number by number to 1e-8, or as a line says. Simulations have random numbers of their own: their
means must agree within 5 standard errors of the difference, which tools that are right miss about once in 1.7 million
comparisons. The seeds of popmath and NumPy are fixed, so that what has passed passes again; the variants of NumPy
share their uniform numbers and are no check on each other.

matpopmod has no random environments and no transient bounds. It installs with pip:

    python3 -m venv peers
    peers/bin/pip install matpopmod

R takes part where `Rscript` finds popbio or popdemo; with those packages it has never been run (`demography_work.py`
says what has).
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from json import loads
from pathlib import Path

import numpy as np
from demography_work import TOOLS, r_script, stage_matrices

WORK = Path(__file__).with_name("demography_work.py")
R_PACKAGES = ("popbio", "popdemo")
EIGEN = ("popmath", "numpy-eig", "numpy-inverse", "matpopmod", "popbio")
SIMULATION = ("numpy-gather", "numpy-matmul", "numpy-group", "numpy-masked", "numpy-group-rare", "numpy-masked-rare")
TASKS = [  # name, task, sizes, quick sizes, tools
    ("eigen-analysis of {0:,} 6x6 matrices", "eigen", (20_000,), (500,), EIGEN),
    (
        "stochastic growth, {0:,} replicates x {1} steps, 5 environments",
        "stochastic",
        (10_000, 500),
        (500, 100),
        ("popmath", *SIMULATION, "popbio"),
    ),
    ("transient bounds of {0:,} matrices", "transient", (2_000,), (50,), ("popmath", "numpy-eig", "popdemo")),
    ("demography, every index of {0} matrix", "indices", (1,), (1,), ("popmath", "matpopmod")),
    ("demography, every index of {0:,} matrices", "indices", (2_000,), (50,), ("popmath", "matpopmod")),
]
REMARKS = {
    ("eigen", "numpy-eig"): "eig of the stack, left vectors by its inverse",
    ("eigen", "numpy-inverse"): "eigvals, vectors by inverse iteration",
    ("eigen", "popbio"): "eigen.analysis in a loop",
    ("stochastic", "numpy-gather"): "matrices gathered, einsum",
    ("stochastic", "numpy-matmul"): "matrices gathered, matmul",
    ("stochastic", "numpy-group"): "sorted by environment, one product each",
    ("stochastic", "numpy-masked"): "masked states, one wide product",
    ("stochastic", "numpy-group-rare"): "sorted; rescaled every 10th step",
    ("stochastic", "numpy-masked-rare"): "masked; rescaled every 10th step",
    ("stochastic", "popbio"): "one stoch.growth.rate per replicate",
    ("transient", "numpy-eig"): "6 of 10 indices: no Kreiss bounds, no times",
    ("transient", "popdemo"): "8 of 10 indices: no times; Kreiss by search",
    ("indices", "matpopmod"): "11 of 28 indices",
}
# popbio rounds the eigenvalues to 5 decimals for the damping ratio; popdemo projects until growth is within 1e-5, and
# seeks the Kreiss bounds by steps up to the first extremum, which need not be the highest: told, not asked for.
TOLERANCE = {
    ("popbio", "damping_ratio"): 1e-3,
    ("popdemo", "max_amplification"): 1e-3,
    ("popdemo", "max_attenuation"): 1e-3,
    ("popdemo", "kreiss_upper"): np.inf,
    ("popdemo", "kreiss_lower"): np.inf,
}
SLOW = 30.0  # seconds of all calls, above which a tool gets no further rounds
REPORTED_POPBIO = 2.9  # seconds for 20,000 eigen.analysis, on another machine


class Failed(Exception):
    """A tool that gave no answer, and why."""


def run(command: list[str], limit: float) -> dict:
    """The record that a process prints."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failed(f"> {limit:.0f} s") from None
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        raise Failed(lines[-1] if lines else f"exit {ran.returncode}")
    return loads(ran.stdout.splitlines()[-1])


def missing(peer_python: str) -> dict[str, str]:
    """The tools that are not here, and why."""
    absent = {}
    try:
        subprocess.run([peer_python, "-c", "import matpopmod"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
        absent["matpopmod"] = f"{why} (see the top of this file for how to install it)"
    for package in R_PACKAGES:
        if shutil.which("Rscript") is None:
            absent[package] = "there is no Rscript"
        elif subprocess.run(["Rscript", "-e", f"library({package})"], capture_output=True).returncode:
            absent[package] = "Rscript does not find the package"
    return absent


def split(record: dict, path: Path) -> dict[str, np.ndarray]:
    """The answers of a tool by name."""
    ends = np.cumsum(list(record["lengths"].values()))
    return dict(zip(record["lengths"], np.split(np.fromfile(path), ends[:-1]), strict=True))


def compared(tool: str, mine: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    """Largest difference from popmath's answers, relative above 1, or in standard errors; stops if it is too large."""
    if "standard_error" in mine:
        error = np.hypot(mine["standard_error"], theirs["standard_error"])
        off = float(np.abs(mine["value"] - theirs["value"])[0] / error[0])
        if not off <= 5:
            raise SystemExit(f"stochastic growth rate: {tool} is {off:.1f} standard errors from popmath")
        return off
    largest = 0.0
    for name, value in theirs.items():
        if mine[name].shape != value.shape:
            raise SystemExit(f"{name}: {tool} has {value.size} numbers, popmath {mine[name].size}")
        off = float(np.max(np.abs(mine[name] - value) / np.maximum(1, np.abs(mine[name]))))
        allowed = TOLERANCE.get((tool, name), 1e-8)
        if not off <= allowed:
            raise SystemExit(f"{name}: {tool} and popmath differ by {off:.2g}, {allowed:g} is allowed")
        if allowed > 1e-8:
            print(f"  {tool}, {name}: differs by up to {off:.2g}")
        largest = max(largest, off if allowed <= 1e-8 else 0.0)
    return largest


def seconds(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def megabytes(kib: float | None) -> str:
    return "-" if kib is None else f"{kib / 1024:.0f}"


def command_for(tool: str, task: str, sizes: tuple[int, ...], peer_python: str, folder: Path) -> list[str]:
    last = [str(size) for size in sizes]
    if tool in R_PACKAGES:
        script = [str(folder / name) for name in ("work.R", "matrices", "answers")]
        return ["Rscript", script[0], task, *script[1:], *last]
    python = peer_python if tool == "matpopmod" else sys.executable
    files = ["--data", str(folder / "matrices"), "--answers", str(folder / "answers")]
    return [python, str(WORK), tool, task, *last, *files]


def merged(rounds: list[dict]) -> dict:
    """One record of several processes: medians of the seconds, the largest memory."""
    warm = [value for record in rounds for value in record["seconds"][1:]]
    most = max(rounds, key=lambda record: record["peak_kib"] or 0)
    memory = {name: most[name] for name in ("peak_kib", "before_kib")}
    cold = statistics.median(record["cold"] for record in rounds)
    seconds = [record["seconds"] for record in rounds]
    times = {"cold": cold, "warm": statistics.median(warm), "repeats": len(warm), "seconds": seconds}
    return {**rounds[0], **times, **memory}


def measure(entry: tuple, settings: argparse.Namespace, absent: dict[str, str], folder: Path) -> dict:
    """Run one task with every tool that is here, and print its part of the table."""
    title, task, full, small, tools = entry
    sizes = small if settings.quick else full
    title = title.format(*sizes)
    stage_matrices(5 if task == "stochastic" else sizes[0]).tofile(folder / "matrices")
    (folder / "work.R").write_text(r_script())
    print(f"\n{title}", flush=True)
    found: dict[str, list[dict]] = {tool: [] for tool in tools if tool not in absent}
    records: dict[str, dict] = {}
    mine: dict[str, np.ndarray] = {}
    for turn in range(1 if settings.quick else settings.rounds):
        for tool, rounds in found.items():
            if tool in records or (turn and sum(rounds[0]["seconds"]) > SLOW):
                continue
            try:
                record = run(command_for(tool, task, sizes, settings.peer_python, folder), settings.limit)
            except Failed as why:
                if tool == "popmath":
                    raise SystemExit(f"popmath, {title}: {why}") from None
                records[tool] = {"why": str(why)}
                continue
            answers = split(record, folder / "answers")
            mine = mine or answers
            record["agreement"] = compared(tool, mine, answers) if tool != "popmath" else None
            rounds.append(record)
    unit = "st. errors off" if task == "stochastic" else "largest diff."
    heads = f"{'cold s':>8s} {'warm s':>8s} {'MiB':>5s} {'added':>6s} {'x cold':>7s} {'x warm':>7s}"
    print(f"  {'tool':18s} {heads} {unit:>15s}")
    for tool, rounds in found.items():
        if tool in records:
            print(f"  {tool:18s} {records[tool]['why']}")
            continue
        record = records[tool] = merged(rounds)
        ratios = [record[kind] / records["popmath"][kind] for kind in ("cold", "warm")]
        record["ratio_cold"], record["ratio_warm"] = ratios
        added = None if record["peak_kib"] is None else record["peak_kib"] - record["before_kib"]
        times = f"{seconds(record['cold']):>8s} {seconds(record['warm']):>8s}"
        memory = f"{megabytes(record['peak_kib']):>5s} {megabytes(added):>6s}"
        shown = " ".join(f"{ratio:7.2f}" if ratio < 100 else f"{ratio:7.0f}" for ratio in ratios)
        agreement = "" if tool == "popmath" else f"{record['agreement']:.2g}"
        print(f"  {tool:18s} {times} {memory} {shown} {agreement:>15s}  {REMARKS.get((task, tool), '')}", flush=True)
    return {"work": title, "task": task, "sizes": list(sizes), "tools": records}


def verdicts(results: list[dict], quick: bool) -> list[str]:
    """What was asked for, with what was measured."""
    lines = []
    for result in results:
        here = {tool: record for tool, record in result["tools"].items() if "warm" in record}
        if result["task"] == "eigen":
            for tool, asked in (("matpopmod", 40), ("popbio", 10)):
                if tool in here:
                    warm, cold = here[tool]["ratio_warm"], here[tool]["ratio_cold"]
                    lines.append(f"popmath is {warm:.1f} x faster than {tool} (cold {cold:.1f} x); asked: {asked} x")
                elif tool == "popbio":
                    lines.append(
                        f"popbio: not measured here; {REPORTED_POPBIO} s are reported from another machine for 20,000 "
                        f"matrices, popmath takes {seconds(here['popmath']['warm'])} s for {result['sizes'][0]:,} "
                        f"here. Two machines make no ratio; asked: 10 x in one run"
                    )
                else:
                    lines.append(f"{tool}: not measured here; asked: {asked} x")
        if result["task"] == "stochastic":
            for name, tools in (
                ("rescaled every step, as popmath is", [t for t in SIMULATION if not t.endswith("rare")]),
                ("of all variants", list(SIMULATION)),
            ):
                best = min((tool for tool in tools if tool in here), key=lambda tool: here[tool]["warm"], default=None)
                if best is None:
                    continue
                share = 1 / here[best]["ratio_warm"]
                cold = here["popmath"]["cold"] / here[best]["cold"]
                lines.append(
                    f"popmath takes {share:.2f} of the time of the fastest NumPy {name}, {best} (cold {cold:.2f}); "
                    "asked: at most 1"
                )
    return [line + " [quick sizes: no claim]" for line in lines] if quick else lines


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has matpopmod")
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds a tool may take for one task, all calls")
    parser.add_argument("--rounds", type=int, default=3, help="processes for each tool and task, in turn")
    parser.add_argument("--only", default="", help="only the tasks whose name contains this: eigen, stochastic, ...")
    parser.add_argument("--out", type=Path, help="write all records to this JSON file")
    settings = parser.parse_args()
    machine = f"{processor()}, {platform.machine()}, {os.cpu_count()} cores"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    print(f"{machine}, Python {platform.python_version()}, load {load}")
    absent = missing(settings.peer_python)
    for tool, why in absent.items():
        print(f"{tool}: skipped, {why}")
    results, versions = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for entry in TASKS:
            if settings.only in entry[0] or settings.only in entry[1]:
                results.append(measure(entry, settings, absent, Path(folder)))
    for result in results:
        for tool, record in result["tools"].items():
            if "versions" in record:
                group = "popmath" if tool in TOOLS and tool != "matpopmod" else tool
                versions.setdefault(group, {}).update(record["versions"])
    print(
        "\nx is the time of the tool over that of popmath; MiB the peak of the process, `added` what came after imports"
    )
    for tool, found in versions.items():
        print(f"{tool}: {', '.join(f'{name} {version}' for name, version in found.items())}")
    lines = verdicts(results, settings.quick)
    print("\n" + "\n".join(lines))
    if settings.out:
        from popmath._provenance import provenance, write_json

        record = {"machine": machine, "load_before": load, "quick": settings.quick, "versions": provenance()}
        peers = {"tool_versions": versions, "skipped": absent}
        write_json(settings.out, {**record, **peers, "results": results, "verdicts": lines})


if __name__ == "__main__":
    main()
