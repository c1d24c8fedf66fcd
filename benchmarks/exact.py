"""Exact psi-class numbers: popmath beside its peers in one run, with ratios, memory and growth.

    python benchmarks/exact.py                                    # a few minutes
    python benchmarks/exact.py --peer-python peers/bin/python     # peers that live in an environment of their own
    python benchmarks/exact.py --long                             # the complete table of level 20, levels 45 and 50

The public functions of the peers are timed, but the inner recursion of admcycles, which is faster than its public one.
Every piece of work runs in a fresh process; seconds count from after the imports, so that caches are cold and start-up
is free for everybody. Answers are compared. admcycles needs parts of Sage, which pip can install:

    python3 -m venv peers
    peers/bin/pip install passagemath-standard-no-symbolics passagemath-symbolics sympy
    peers/bin/pip install --no-deps admcycles surface-dynamics
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

WORK = Path(__file__).with_name("exact_work.py")
PEERS = ("admcycles", "surface-dynamics")
SAME = [
    ("complete table, level 10", ("table", 10), 1),
    ("complete table, level 12", ("table", 12), 1),
    ("complete table, level 15", ("table", 15), 10),
    ("complete table, level 20", ("table", 20), 300),
    ("(g, n) = (50, 1)", ("single", 50, 1), 1),
    ("(g, n) = (50, 2)", ("single", 50, 2), 1),
    ("(g, n) = (50, 3)", ("single", 50, 3), 10),
    ("(g, n) = (10, 5)", ("single", 10, 5), 1),
    ("(g, n) = (20, 5)", ("single", 20, 5), 10),
    ("(g, n) = (10, 8)", ("single", 10, 8), 10),
    ("(g, n) = (10, 12)", ("single", 10, 12), 60),
    ("(g, n) = (14, 10)", ("single", 14, 10), 60),
    ("kappa_1^(3g-3), g = 4", ("kappa", 4), 5),
    ("kappa_1^(3g-3), g = 6", ("kappa", 6), 60),
    ("lambda_1^(3g-3), g = 2", ("hodge", 2), 5),
    ("lambda_1^(3g-3), g = 3", ("hodge", 3), 100),
]
ALONE = [
    *(
        (f"all exact integers, level {n}", ("integers", n), s)
        for n, s in ((20, 1), (25, 1), (30, 1), (35, 5), (40, 10))
    ),
    *((f"all exact integers, level {n}", ("integers", n), 300) for n in (45, 50)),
    *((f"primitives (lazy), level {n}", ("primitives", n), s) for n, s in ((30, 1), (40, 5), (50, 60))),
    *(
        (f"(g, n) = ({g}, {n})", ("single", g, n), s)
        for g, n, s in ((50, 5, 5), (100, 3, 5), (30, 12, 60), (1000, 1, 1), (1000, 2, 5))
    ),
    *((f"kappa_1^(3g-3), g = {g}", ("kappa", g), 5) for g in (8, 10)),
]


def run(python: str, peer: str, work: tuple, limit: float) -> dict:
    """The record of one piece of work, or why there is none."""
    command = [python, str(WORK), peer, *map(str, work)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "why": f"> {limit:.0f} s"}
    if ran.returncode:
        lines = ran.stderr.strip().splitlines()
        return {"seconds": None, "why": lines[-1] if lines else f"exit {ran.returncode}"}
    return json.loads(ran.stdout.splitlines()[-1])


def available(python: str) -> list[str]:
    """The peers that can be imported, with a message for those that cannot."""
    found = []
    for peer in PEERS:
        answer = run(python, peer, ("single", 2, 1), 120)
        if answer["seconds"] is None:
            print(f"{peer}: skipped, {answer['why']} (see the top of this file for how to install it)")
        else:
            found.append(peer)
    return found


def shown(seconds: float | None, why: str = "") -> str:
    return why if seconds is None else f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--long", action="store_true", help="also what takes minutes")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a peer may take for one piece of work")
    parser.add_argument("--only", default="", help="only the work whose name contains this")
    parser.add_argument("--out", type=Path, help="write all records to this JSON file")
    settings = parser.parse_args()
    allowed, limit = (1e9, max(240.0, settings.limit)) if settings.long else (60, settings.limit)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    peers = available(settings.peer_python)
    records = []

    print(
        f"\n{'work':28s} {'popmath s':>10s} {'MiB':>6s}"
        + "".join(f" {p + ' s':>18s} {'MiB':>6s} {'ratio':>8s}" for p in peers)
    )
    for name, work, usual in SAME:
        if settings.only not in name or (usual > allowed and name != "lambda_1^(3g-3), g = 3"):
            continue
        mine = run(sys.executable, "popmath", work, 900)
        line = f"{name:28s} {shown(mine['seconds'], mine.get('why', '')):>10s} {mine['peak_kib'] / 1024:6.0f}"
        record = {"work": name, "popmath": mine}
        for peer in peers:
            if peer == "surface-dynamics" and work[0] in ("kappa", "hodge"):
                continue
            theirs = run(settings.peer_python, peer, work, limit)
            record[peer] = theirs
            if theirs["seconds"] is None:
                more = f"> {limit / mine['seconds']:.0f}" if ">" in theirs["why"] else ""
                line += f" {theirs['why'][:18]:>18s} {'':6s} {more:>8s}"
                continue
            if theirs["answer"] != mine["answer"]:
                raise SystemExit(f"{name}: {peer} says {theirs['answer']}, popmath {mine['answer']}")
            ratio = theirs["seconds"] / mine["seconds"]
            line += f" {shown(theirs['seconds']):>18s} {theirs['peak_kib'] / 1024:6.0f} {ratio:8.0f}"
        print(line, flush=True)
        records.append(record)

    print(
        f"\n{'popmath alone':32s} {'numbers':>12s} {'seconds':>9s} {'peak MiB':>9s} {'us/number':>10s} {'x before':>9s}"
    )
    before: dict[str, float] = {}
    for name, work, usual in ALONE:
        if settings.only not in name or usual > allowed:
            continue
        mine = run(sys.executable, "popmath", work, 1800)
        if mine["seconds"] is None:
            raise SystemExit(f"{name}: {mine['why']}")
        kind = work[0] if len(work) == 2 else ""
        growth = f"{mine['seconds'] / before[kind]:9.1f}" if kind in before else ""
        if kind:
            before[kind] = mine["seconds"]
        each = f"{mine['seconds'] / mine['count'] * 1e6:10.2f}" if work[0] == "integers" else f"{'':10s}"
        sizes = f"{mine['count']:12,d} {shown(mine['seconds']):>9s} {mine['peak_kib'] / 1024:9.0f}"
        print(f"{name:32s} {sizes} {each} {growth}", flush=True)
        records.append({"work": name, "popmath": mine})
    if settings.out:
        from popmath._provenance import provenance, write_json

        write_json(settings.out, {"versions": provenance(), "cores": os.cpu_count(), "records": records})


if __name__ == "__main__":
    main()
