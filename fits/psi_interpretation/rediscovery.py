r"""The large-genus expansion recovered from numbers alone: exact ones, those of networks, and those of another theory.

    python fits/psi_interpretation/rediscovery.py   # prints a summary; about 2 minutes on 2 cores

Nothing here is told A = 2/3, a constant, or a coefficient: these are compared with what was found, afterwards. What the
networks themselves were given stands beside what was found with them.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.interpret.expansion_law import GrowthLaw
from popmath.dynamicformer.interpret.expansion_recovery import RecoveredExpansion, numbers_needed, recover_expansion
from popmath.dynamicformer.interpret.expansion_regression import RegressedExpansion, recover_by_regression
from popmath.dynamicformer.interpret.rationals import Reconstruction
from popmath.dynamicformer.interpret.sparse_polynomials import RecoveredPolynomial, monomials_up_to
from popmath.dynamicformer.pretrained import TrainedNetwork, load_pretrained
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.theories import PSI, theory_samples
from popmath.intersections import correlator, theta_correlator
from popmath.intersections.alpha_polynomials import alpha

NETWORKS = ("psi-raw", "psi-residual", "psi-corrected", "psi-multi")
GIVEN = {
    "raw": "the double factorials only: what is found was learned",
    "growth": "2^n Gamma(2g - 2 + n) / (4 pi), without A: factor per point and constant are given, A was learned",
    "residual": "the leading term with A = 2/3, 2^n and 4 pi: of these nothing is discovered, alpha_k was learned",
    "corrected": "the closed form of order 6 with A = 2/3: this asks only whether the network keeps what it was given",
}
ORDER = 3
PSI_GENERA, THETA_GENERA = range(20, 44), range(22, 54)
THETA_ORDER, THETA_WEIGHT = 6, 6
HELD_OUT = ((60, (59,)), (60, (0, 0, 59)), (60, (1, 58)), (60, (0, 1, 2, 56)), (60, (2, 2, 55)), (60, (1, 1, 3, 54)))
FAR = (60, (59,)), (80, (79,))  # to see how errors fall with the genus, beyond all that were used
MOST_DIGITS = 40
REQUESTS, SEED = 5000, 2
SMALL_WEIGHT = {PSI: 8, "Bessel": 40}  # of the degrees below 8: multiplicities matter less for Bessel
RANGES = {"inside": (7, 13, 2, 4), "window": (14, 17, 1, 3), "both": (7, 17, 2, 4)}  # genera, order, most terms
BESSEL_RANGES = {"inside": (8, 20, 2, 3), "both": (8, 25, 2, 3)}
SCRAMBLE = 5

Keys = list[tuple[int, tuple[int, ...]]]


def rediscovery(networks: dict[str, TrainedNetwork]) -> dict[str, Any]:
    """Everything as plain values: rationals as strings, measured numbers with errors.

    Args:
        networks: by name; those that know the Bessel theory are asked for its numbers too.
    """
    begun = time.perf_counter()
    exact, psi_numbers = _exact_psi()
    theta, theta_numbers = _theta()
    found: dict[str, Any] = {
        "told": "the form of the expansion, the factors (2d + 1)!! and the library of monomials with sum of (j + 1) "
        f"e_j up to 2 k + 2 (Theta: up to {THETA_WEIGHT}; regression: 2 k); not A, constants or coefficients",
        "psi": exact,
        "theta": theta,
        "shuffled": {
            "psi": _shuffled(psi_numbers, ORDER),
            "theta": _shuffled(theta_numbers, 2),
        },
        "seconds_exact": time.perf_counter() - begun,
    }
    found["networks"] = _networks(networks, {PSI: exact["alpha"], "Bessel": theta["alpha"]})
    found["seconds"] = time.perf_counter() - begun
    return found


def _exact_psi() -> tuple[dict[str, Any], dict[tuple[int, tuple[int, ...]], Fraction]]:
    number = partial(correlator, method="dvv")
    numbers = {(g, d): number(g, d) for g, d in numbers_needed(ORDER, PSI_GENERA, lambda g, n: 3 * g - 3 + n)}
    begun = time.perf_counter()
    expansion = recover_expansion(numbers, ORDER)
    record: dict[str, Any] = _expansion(expansion) | {"seconds": time.perf_counter() - begun}
    for polynomial, entry in zip(expansion.polynomials, record["alpha"], strict=True):
        at = monomials_up_to(2 * ORDER + 4)
        entry["equal_to_closed_form"] = all(
            polynomial.value(e) == alpha(polynomial.order, dict(enumerate(e))) for e in at
        )
    record["action_error"] = abs(expansion.law.action.value - 2 / 3)
    floats = {key: float(value) for key, value in numbers.items()}
    record["from_floats"] = _expansion(recover_expansion(floats, ORDER, digits=15))
    record["least_digits"] = _least_digits(expansion)
    record["least_genera"] = _least_genera(number)
    return record, numbers


def _least_digits(whole: RecoveredExpansion) -> dict[str, int | None]:
    """Significant digits of the numbers at which each alpha_k is still found, with the numbers it needs itself."""
    found = {}
    for k in range(1, ORDER + 1):
        needed = numbers_needed(k, PSI_GENERA, lambda g, n: 3 * g - 3 + n)
        numbers = {(g, d): correlator(g, d, method="dvv") for g, d in needed}

        def holds(digits: int, k: int = k, numbers: dict = numbers) -> bool:
            rounded = {key: _rounded(value, digits) for key, value in numbers.items()}
            again = recover_expansion(rounded, k, digits=digits)
            same = [p.rational == q.rational for p, q in zip(again.polynomials, whole.polynomials, strict=False)]
            return len(same) == k and all(same)

        if not holds(MOST_DIGITS):
            found[f"alpha_{k}"] = None
            continue
        low, high = 2, MOST_DIGITS  # not enough, enough
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
        found[f"alpha_{k}"] = high
    return found


def _least_genera(number: Callable[[int, tuple[int, ...]], Fraction]) -> dict[str, dict[str, int]]:
    """From genus 20 on: how many genera, and so how many exact numbers, each alpha_k needs."""
    found = {}
    for k in range(1, ORDER + 1):
        for count in range(8, len(PSI_GENERA) + 1):
            genera = PSI_GENERA[:count]
            needed = numbers_needed(k, genera, lambda g, n: 3 * g - 3 + n)
            expansion = recover_expansion({(g, d): number(g, d) for g, d in needed}, k)
            if expansion.exact_orders == k:
                found[f"alpha_{k}"] = {"genera": count, "numbers": len(needed)}
                break
    return found


def _rounded(value: Fraction, digits: int) -> Fraction:
    """To so many significant digits."""
    exponent = math.floor((value.numerator.bit_length() - value.denominator.bit_length()) * math.log10(2))
    power = Fraction(10) ** (digits - 1 - exponent)
    scaled = value * power
    while scaled >= 10**digits:
        scaled, power = scaled / 10, power / 10
    while scaled < 10 ** (digits - 1):
        scaled, power = scaled * 10, power * 10
    return round(scaled) / power


def _theta() -> tuple[dict[str, Any], dict[tuple[int, tuple[int, ...]], Fraction]]:
    needed = numbers_needed(THETA_ORDER, THETA_GENERA, lambda g, n: g - 1, max_weight=THETA_WEIGHT)
    numbers = {(g, d): theta_correlator(g, d) for g, d in needed}
    begun = time.perf_counter()
    expansion = recover_expansion(numbers, THETA_ORDER, max_weight=THETA_WEIGHT)
    record: dict[str, Any] = _expansion(expansion) | {"seconds": time.perf_counter() - begun}
    orders = range(expansion.exact_orders + 1)
    record["held_out"] = [
        {"genus": g, "degrees": list(d), "relative_error_by_order": [_error(expansion, g, d, k) for k in orders]}
        for g, d in (*HELD_OUT, FAR[1])
    ]
    low, high = FAR
    record["power_of_genus_by_order"] = [
        math.log(_error(expansion, *low, k) / _error(expansion, *high, k)) / math.log(high[0] / low[0]) for k in orders
    ]
    wide = [(g, d) for g, d in numbers_needed(ORDER, PSI_GENERA, lambda g, n: g - 1)]
    whole = recover_expansion({(g, d): theta_correlator(g, d) for g, d in wide}, ORDER)
    record["same_with_library_2k_plus_2"] = [
        p.rational == q.rational for p, q in zip(whole.polynomials, expansion.polynomials, strict=False)
    ]
    return record, {(g, d): theta_correlator(g, d) for g, d in numbers_needed(2, PSI_GENERA, lambda g, n: g - 1)}


def _error(expansion: RecoveredExpansion, genus: int, degrees: tuple[int, ...], order: int) -> float:
    return abs(float(expansion.value(genus, degrees, order) / theta_correlator(genus, degrees) - 1))


def _shuffled(numbers: dict[tuple[int, tuple[int, ...]], Fraction], order: int) -> dict[str, Any]:
    """Numbers exchanged among all requests, and only among those of a genus and number of points."""
    rng, keys = random.Random(SEED), list(numbers)
    everywhere = recover_expansion(dict(zip(keys, rng.sample(list(numbers.values()), len(keys)), strict=True)), order)
    within: dict[tuple[int, tuple[int, ...]], Fraction] = {}
    by_type: dict[tuple[int, int], Keys] = {}
    for genus, degrees in keys:
        by_type.setdefault((genus, len(degrees)), []).append((genus, degrees))
    for rows in by_type.values():
        within |= dict(zip(rows, (numbers[key] for key in rng.sample(rows, len(rows))), strict=True))
    return {"all": _expansion(everywhere), "within_types": _expansion(recover_expansion(within, order))}


def _networks(networks: dict[str, TrainedNetwork], exact: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What regression finds with each network inside and beyond its training range; `exact` only to compare with."""
    psi = exact_samples(41, range(7, 18), 9)
    found: dict[str, Any] = {PSI: {}, "Bessel": {}}
    jobs = [(PSI, psi, RANGES)]
    if any("Bessel" in network.theories for network in networks.values()):
        jobs.append(("Bessel", theory_samples("Bessel", 60, 25), BESSEL_RANGES))
    for theory, samples, ranges in jobs:
        for where, (first, last, order, terms) in ranges.items():
            drawn = _drawn(samples, first, last, SMALL_WEIGHT[theory])
            plain = drawn.log_scaled - log_double_factorials(drawn.requests)
            sources = {"exact": ("exact numbers, as the limit of the design", plain)}
            sources |= {
                name: (
                    GIVEN[network.settings.target],
                    network.predict_requests(drawn.requests, theory).log_value,
                )
                for name, network in networks.items()
                if theory in network.theories
            }
            sources["shuffled"] = "a control", np.random.default_rng(SCRAMBLE).permutation(plain)
            found[theory][where] = {"genera": [first, last]} | {
                name: {"given": given}
                | _regressed(recover_by_regression(drawn.requests, logs, order, max_terms=terms), exact[theory])
                for name, (given, logs) in sources.items()
            }
    return found


def _drawn(samples: Samples, first: int, last: int, most: int) -> Samples:
    """Numbers with few small degrees, where the expansion holds."""
    requests = samples.requests
    weight = sum((j + 1) * requests.times(j) for j in range(8))
    rows = np.flatnonzero((weight <= most) & (requests.genus >= first) & (requests.genus <= last))
    return samples.take(np.random.default_rng(SEED).permutation(rows)[:REQUESTS])


def _regressed(found: RegressedExpansion, exact: list[dict[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "action": _number(found.action),
        "per_point": _number(found.per_point),
        "constant": _number(found.constant) | {"pi_power": found.pi_power},
        "terms": found.terms,
        "rms_left": found.residual,
        "numbers": found.requests,
        "types": found.types,
        "alpha": [],
    }
    for polynomial, (determined, chance) in zip(found.polynomials, found.determined, strict=True):
        entry: dict[str, Any] = _polynomial(polynomial) | {
            "determined": {_key(e): str(c) for e, c in determined.items()},
            "chance_of_determined": chance,
        }
        right = exact[polynomial.order - 1]["rational"]
        entry["off_in_errors"] = {
            key: (value - float(Fraction(right.get(key, 0)))) / error
            for key, (value, error) in entry["estimates"].items()
        }
        record["alpha"].append(entry)
    return record


def _expansion(found: RecoveredExpansion) -> dict[str, Any]:
    return {
        "law": _law(found.law),
        "alpha": [_polynomial(polynomial) for polynomial in found.polynomials],
        "exact_orders": found.exact_orders,
        "numbers": found.numbers,
        "genera": list(found.genera),
        "summary": found.summary(),
    }


def _law(law: GrowthLaw) -> dict[str, Any]:
    names = ("power", "action", "shift", "per_point", "constant")
    record: dict[str, Any] = {name: _number(getattr(law, name)) for name in names}
    return record | {
        "pi_power": law.pi_power,
        "series": law.series,
        "agreeing": law.agreeing,
        "found": law.exact() is not None,
    }


def _number(found: Reconstruction) -> dict[str, Any]:
    finite = math.isfinite(found.value) and math.isfinite(found.error)
    return {
        "value": found.value if finite else None,
        "error": found.error if finite else None,
        "rational": None if found.rational is None else str(found.rational),
        "chance": found.chance,
    }


def _polynomial(found: RecoveredPolynomial) -> dict[str, Any]:
    rational = None if found.rational is None else {_key(e): str(c) for e, c in found.rational.items()}
    return {
        "order": found.order,
        "rational": rational,
        "estimates": {_key(e): list(pair) for e, pair in found.estimates.items()},
        "denominator": found.denominator,
        "chance": found.chance,
        "library": found.library,
        "equations": found.equations,
        "missed": found.missed,
    }


def _key(exponents: tuple[int, ...]) -> str:
    """As in alpha_polynomials.json: exponents of p_0, p_1, ..."""
    return ",".join(map(str, exponents or (0,)))


def _print(found: dict[str, Any]) -> None:
    for theory in ("psi", "theta"):
        record = found[theory]
        print(f"{theory}: {record['numbers']} numbers of genus {record['genera']}, {record['seconds']:.1f} s")
        print(record["summary"])
        print({name: f"{record['law'][name]['value']:.12g}" for name in ("action", "per_point", "constant")})
    print("digits needed", found["psi"]["least_digits"], "genera needed", found["psi"]["least_genera"])
    print("psi closed form equal", [entry["equal_to_closed_form"] for entry in found["psi"]["alpha"]])
    for row in found["theta"]["held_out"]:
        print(row["genus"], row["degrees"], [f"{error:.1e}" for error in row["relative_error_by_order"]])
    print("powers of the genus", [f"{power:.2f}" for power in found["theta"]["power_of_genus_by_order"]])
    for theory, kinds in found["shuffled"].items():
        print("shuffled", theory, {kind: (r["law"]["found"], r["exact_orders"]) for kind, r in kinds.items()})
    for theory, wheres in found["networks"].items():
        for where, records in wheres.items():
            for name, r in records.items():
                if name != "genera":
                    a, c, k = (r[each] for each in ("action", "per_point", "constant"))
                    alphas = [entry["determined"] for entry in r["alpha"]]
                    print(theory, where, name, *(_shown(each) for each in (a, c, k)), r["terms"], alphas)
    print(f"{found['seconds_exact']:.0f} s exact, {found['seconds']:.0f} s in all")


def _shown(number: dict[str, Any]) -> str:
    if number["value"] is None:
        return "unknown"
    return f"{number['value']:.6g} +- {number['error']:.1e} ({number['rational']})"


if __name__ == "__main__":
    result = rediscovery({name: load_pretrained(name) for name in NETWORKS})
    json.dumps(result, allow_nan=False)
    _print(result)
