r"""Derive the large-genus coefficients alpha_k from exact numbers and measure the closed form they give.

    python fits/alpha_polynomials/run.py            # derive, compare with the stored polynomials, write result.json
    python fits/alpha_polynomials/run.py --write    # also write popmath/intersections/alpha_polynomials.json

The derivation (`derivation.py` says how) never reads the stored polynomials:

1. At every multiplicity of doubled weight up to 2K + 2 (p_j weighs (j + 1)/2) the values alpha_0 .. alpha_K come from
   exact numbers, interpolated in the genus with checks to spare, and again from the Virasoro constraints on the series.
2. Newton's interpolation gives alpha_k from the weights up to k. Every coefficient of the shell above has to vanish:
   these are the equations to spare.
3. Without zeros and ones the constraints give more orders, again with a shell that has to vanish.
4. Held-out multiplicities, drawn with a seed above all those weights, come from exact numbers and have to agree.

Then the errors are measured against exact numbers on a held grid drawn with its own seed: what `order="auto"` chooses
against the best order in hindsight, and how often the error estimate holds. Its rule was chosen on the development grid
(`--grid development`), which shares neither seed nor file with the held one.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

from accuracy import GENERA, POINTS, draw, largest_errors, measure, remainders
from derivation import Derivation, Exponents, evaluate, lattice, monomials, newton, small_degrees, weight

from popmath._provenance import provenance, write_json

GRIDS = {"held": 20271, "development": 1001}
HELD_OUT_SEED = 77
Polynomials = dict[int, dict[Exponents, Fraction]]


def derive(
    derivation: Derivation, first: int, margin: int, by_constraints_only: bool, report: Callable[[str], None]
) -> tuple[Polynomials, list[dict[str, Any]]]:
    """alpha_1 .. alpha_order in p_first, p_first+1, ... and what each one rests on.

    Raises:
        ArithmeticError: if the two routes disagree, or a coefficient above the weight k does not vanish.
    """
    points = lattice(2 * derivation.order + margin, first)
    values: dict[Exponents, list[Fraction]] = {}
    for e in points:
        values[e] = derivation.from_constraints(small_degrees(e))
        if not by_constraints_only and derivation.from_exact_numbers(small_degrees(e)) != values[e]:
            raise ArithmeticError(f"exact numbers and constraints disagree at multiplicities {e}.")
    polynomials, records = {}, []
    for k in range(1, derivation.order + 1):
        near = [e for e in points if weight(e) <= 2 * k + margin]
        table = newton(near, lambda e, k=k: values[e][k])
        shell = [e for e in near if weight(e) > 2 * k]
        if any(table[e] for e in shell):
            raise ArithmeticError(f"alpha_{k} has terms of weight above {k}.")
        polynomials[k] = monomials(table)
        records.append(
            {
                "k": k,
                "unknowns": len(near) - len(shell),
                "equations": len(near),
                "terms": len(polynomials[k]),
                "highest_degree": max((len(e) - 1 for e in polynomials[k]), default=0),
            }
        )
        report(f"alpha_{k}: {records[-1]}")
    return polynomials, records


def held_out(polynomials: Polynomials, above: int, first: int, count: int, seed: int) -> dict[str, Any]:
    """The polynomials against exact numbers at multiplicities of doubled weight `above` + 1 to `above` + 5."""
    rng, highest, failures, configurations = random.Random(seed), max(polynomials), [], []
    derivation = Derivation(highest)
    while len(configurations) < count:
        target, small = above + rng.randint(1, 5), []
        while (left := target - sum(s + 1 for s in small)) > first:
            small.append(rng.randint(first, min(left - 1, first + 5)))
        exponents = tuple(small.count(j) for j in range(max(small) + 1))
        if weight(exponents) <= above or exponents in configurations:
            continue
        configurations.append(exponents)
        values = derivation.from_exact_numbers(tuple(sorted(small)))
        failures += [
            {"k": k, "multiplicities": exponents}
            for k in range(1, highest + 1)
            if values[k] != evaluate(polynomials[k], exponents)
        ]
    return {
        "seed": seed,
        "first_degree": first,
        "configurations": [small_degrees(e) for e in configurations],
        "values": count * highest,
        "exact_numbers": derivation.exact_numbers,
        "failures": failures,
    }


def stored_form(whole: Polynomials, primitive: Polynomials) -> dict[str, Any]:
    """What `popmath/intersections/alpha_polynomials.json` holds."""
    record: dict[str, Any] = {
        "note": "alpha_k as exact polynomials; the keys are explained in popmath/intersections/alpha_polynomials.py, "
        "the derivation in fits/alpha_polynomials/run.py, which writes this file.",
        "alpha": {},
        "primitive": {},
    }
    for k, polynomial in whole.items():
        record["alpha"][str(k)] = {",".join(map(str, e or (0,))): str(c) for e, c in sorted(polynomial.items())}
    for k in range(len(whole) + 1, len(primitive) + 1):
        denominator = math.lcm(*(c.denominator for c in primitive[k].values()))
        terms = {" ".join(map(str, small_degrees(e))): str(int(c * denominator)) for e, c in primitive[k].items()}
        record["primitive"][str(k)] = {"denominator": str(denominator), "terms": terms}
    return record


def main() -> None:
    """Derive, check, measure and write."""
    parser = argparse.ArgumentParser(description="Derive alpha_1 .. alpha_K from exact numbers and measure them.")
    parser.add_argument("--max-order", type=int, default=8, help="K: orders with zeros and ones")
    parser.add_argument("--primitive-order", type=int, default=14, help="orders without zeros and ones")
    parser.add_argument("--held-out", type=int, default=60, help="held-out multiplicities, a third of them primitive")
    parser.add_argument("--grid", choices=GRIDS, default="held")
    parser.add_argument("--per-type", type=int, default=50, help="numbers of each genus and number of points")
    parser.add_argument("--write", action="store_true", help="write the polynomials into the package")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("result.json"))
    settings = parser.parse_args()
    begun = time.perf_counter()

    def report(line: str) -> None:
        print(f"{time.perf_counter() - begun:7.1f} s  {line}", flush=True)

    derivation = Derivation(settings.max_order)
    whole, rests_on = derive(derivation, 0, 2, False, report)
    primitive, primitive_rests_on = derive(Derivation(settings.primitive_order), 2, 1, True, report)
    for k, polynomial in whole.items():
        if k in primitive and primitive[k] != {e: c for e, c in polynomial.items() if not any(e[:2])}:
            raise ArithmeticError(f"alpha_{k} without zeros and ones is not what the constraints give.")
    derived_seconds = time.perf_counter() - begun
    report(f"{derivation.exact_numbers} exact numbers used")
    checks = [
        held_out(whole, 2 * settings.max_order + 2, 0, settings.held_out - settings.held_out // 3, HELD_OUT_SEED),
        held_out(primitive, 2 * settings.primitive_order + 1, 2, settings.held_out // 3, HELD_OUT_SEED),
    ]
    failed = sum(len(check["failures"]) for check in checks)
    report(f"held-out failures: {failed}")
    if failed:
        raise SystemExit(f"held-out values differ: {[check['failures'] for check in checks]}")
    target = Path(str(resources.files("popmath.intersections").joinpath("alpha_polynomials.json")))
    record = stored_form(whole, primitive)
    if settings.write:
        target.write_text(json.dumps(record, indent=0) + "\n", encoding="utf-8")
    stored = json.loads(target.read_text(encoding="utf-8"))
    same = {part: all(stored[part].get(k) == v for k, v in record[part].items()) for part in ("alpha", "primitive")}
    report(f"equal to the stored polynomials: {same}")

    grid = draw(GENERA, POINTS, settings.per_type, GRIDS[settings.grid])
    report(f"{len(grid)} exact numbers of the {settings.grid} grid")
    measured = measure(grid)
    report("measured")
    if not settings.write and not all(same.values()):
        raise SystemExit(
            "the stored polynomials are not the derived ones; nothing written. Use --write to replace them."
        )
    result = {
        "settings": {
            "max_order": settings.max_order,
            "primitive_order": settings.primitive_order,
            "grid": settings.grid,
            "grid_seed": GRIDS[settings.grid],
            "genera": [min(GENERA), max(GENERA)],
            "points": [min(POINTS), max(POINTS)],
            "per_type": settings.per_type,
        },
        "versions": provenance(("popmath", "numpy")),
        "exact_numbers": derivation.exact_numbers,
        "alpha": rests_on,
        "primitive": primitive_rests_on,
        "held_out": checks,
        "held_out_failures": failed,
        "equal_to_stored": same,
        "largest_error_by_order": {
            f"({g}, {n})": largest_errors(g, n, 40, 7) for g, n in ((14, 5), (17, 5), (30, 3), (30, 5))
        },
        "error_times_genus_to_the_8_at_order_7": {
            str(small): remainders(small, 7, (14, 17, 20, 30)) for small in ((), (2,), (0, 3), (2, 3), (2, 2, 5, 7))
        },
        "errors": measured,
        "seconds": {"derivation": derived_seconds, "all": time.perf_counter() - begun},
    }
    write_json(settings.output, result)
    report(f"wrote {settings.output}")


if __name__ == "__main__":
    main()
