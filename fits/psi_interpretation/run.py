"""Open the shipped networks: every measurement of the page on interpretation, from the weights, in one command.

    python fits/psi_interpretation/run.py                     # all: result.json and the figures
    python fits/psi_interpretation/run.py action tracing      # some parts; the others stay if they are of these weights
    python fits/psi_interpretation/figures.py                 # the figures alone

Nothing is trained but the controls, and those only where their weights in controls/ are not there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import figures
import knowledge
import tracing
import virasoro
from controls import controls, untrained
from numbers_shown import Shown, said_by_closed_form, said_by_least_squares, said_by_network
from rediscovery import rediscovery

from popmath._provenance import provenance, write_json
from popmath.dynamicformer import TrainedNetwork, load_pretrained, pretrained

FOLDER = Path(__file__).parent
PUBLISHED = FOLDER.parent / "psi" / "published.safetensors"
SHIPPED = ("psi-residual", "psi-raw", "psi-corrected", "psi-multi")
CONTROLLED = ("psi-residual", "psi-raw")
GIVEN = {
    "psi-residual": "the leading term, with A = 2/3",
    "psi-corrected": "the closed form of order 6, with A = 2/3",
    "psi-multi": "the growth that four theories share, without A",
    "closed form, order 6": "all of it",
    "exact": "-",
}


def parts(shown: Shown) -> dict[str, Callable[[], Any]]:
    """Every part by name."""
    shipped = {name: load_pretrained(name) for name in SHIPPED}
    published = TrainedNetwork.read(PUBLISHED)
    control = controls(CONTROLLED, shown.training)
    trained_controls = {name: each for name, each in control.items() if not name.endswith("untrained")}
    says = {name: said_by_network(each) for name, each in (shipped | trained_controls).items()}
    says |= {"published": said_by_network(published), "closed form, order 6": said_by_closed_form(6)}
    ours = {name: shipped[name] for name in ("psi-residual", "psi-raw", "psi-corrected")}
    raws = {name: each for name, each in (shipped | control).items() if name.startswith("psi-raw")}
    raws = {name: each for name, each in raws.items() if not name.endswith("short")}
    both = {"published": published} | untrained(published)
    read = {name: each for name, each in (ours | control).items() if not name.endswith("short")}
    without = {name: each for name, each in read.items() if name != "psi-corrected"}
    return {
        "defects": lambda: virasoro.defects(says | {"39 features": said_by_least_squares(shown)}),
        "latent": lambda: virasoro.latent(raws | both, shown),
        "heads": lambda: virasoro.heads(ours | both, shown),
        "action": lambda: knowledge.action(says, shown, GIVEN),
        "flawed_probe": lambda: knowledge.flawed_probe(without, shown),
        "polynomials": lambda: knowledge.polynomials(without, shown),
        "tracing": lambda: tracing.tracing(without | {"published": published}, shown),
        "theories": lambda: tracing.theories(shipped["psi-multi"]),
        "rediscovery": lambda: rediscovery(shipped),
    }


def digests() -> dict[str, str]:
    """SHA-256 of every file of weights that is read."""
    shipped = Path(pretrained.__file__).parent / "weights"
    files = [*(shipped / f"{name}.safetensors" for name in SHIPPED), PUBLISHED]
    files += sorted((FOLDER / "controls").glob("*/weights.safetensors"))
    return {f"{f.parent.name}/{f.name}": hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="defects, latent, heads, action, flawed_probe, polynomials, ...")
    asked = parser.parse_args().parts
    begun = time.perf_counter()
    shown = Shown.exact()
    print(f"exact numbers: {time.perf_counter() - begun:.0f} s", flush=True)
    every = parts(shown)
    print(f"controls: {time.perf_counter() - begun:.0f} s", flush=True)
    unknown = [name for name in asked if name not in every]
    if unknown:
        parser.error(f"{unknown[0]!r} is not a part; those are {', '.join(every)}")
    path = FOLDER / "result.json"
    head = {"command": "python fits/psi_interpretation/run.py", "versions": provenance(), "weights_sha256": digests()}
    head["data_sha256"] = {"training": shown.training.digest(), "beyond": shown.beyond.digest()}
    kept = json.loads(path.read_text(encoding="utf-8")) if asked and path.exists() else {}
    same = all(kept.get(key) == value for key, value in head.items())
    result: dict[str, Any] = head | (kept if same else {})  # parts of other weights or versions do not count
    seconds = result.get("seconds", {})
    for name in asked or every:
        start = time.perf_counter()
        result[name] = every[name]()
        seconds[name] = round(time.perf_counter() - start, 1)
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
        write_json(path, result | {"seconds": seconds})  # what is finished is kept
    if not asked:
        seconds["total"] = round(time.perf_counter() - begun, 1)
        write_json(path, result | {"seconds": seconds})
    figures.draw_all(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
