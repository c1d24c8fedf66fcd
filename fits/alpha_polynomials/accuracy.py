"""How well the closed form does on a grid of exact numbers: chosen orders, error estimates, rate in the genus."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from statistics import median
from typing import Any

from popmath import UnableError
from popmath.intersections import asymptotic, degree_tuples, log_correlator, max_order
from popmath.intersections.correlators import log_ratio
from popmath.intersections.partitions import count_degree_tuples
from popmath.intersections.recursion import IntegerRecursion, integer_scale

FLOOR = 1e-14  # of an error of the logarithm, times the size of the logarithm where that is above 1
GENERA, POINTS = range(2, 21), range(1, 11)

Number = tuple[int, tuple[int, ...], float]


def draw(genera: Iterable[int], points: Iterable[int], per_type: int, seed: int) -> list[Number]:
    """Numbers (genus, degrees, exact logarithm), up to `per_type` of each type, each equally likely."""
    rng, recursion, drawn = random.Random(seed), IntegerRecursion(), []
    columns = list(points)
    for genus in genera:
        for num_points in columns:
            total = 3 * genus - 3 + num_points
            size = count_degree_tuples(total, num_points)
            chosen = set(rng.sample(range(size), min(size, per_type)))
            for i, degrees in enumerate(degree_tuples(total, num_points)):
                if i in chosen:
                    exact = log_ratio(recursion.value(genus, degrees), integer_scale(genus, degrees))
                    drawn.append((genus, degrees, exact))
    return drawn


def orders(genus: int, degrees: tuple[int, ...]) -> dict[int, Any]:
    """The closed form at every order at which it exists; empty where it is exact at all of them."""
    found = {}
    for order in range(max_order() + 1):
        try:
            found[order] = asymptotic(genus, degrees, order)
        except UnableError:
            continue
    return found if found and any(a.corrections for a in found.values()) else {}


def smallest_term_order(corrections: tuple[float, ...]) -> int:
    """The textbook rule: stop before the smallest correction."""
    return min(range(len(corrections)), key=lambda k: abs(corrections[k]))


def measure(numbers: list[Number]) -> dict[str, Any]:
    """Ratios of the chosen order's error to that of the best order, and how often the error estimates hold."""
    ratios: dict[str, dict[str, list[float]]] = {}
    estimates: dict[str, list[tuple[float, float]]] = {}
    beaten: list[dict[str, Any]] = []
    types: dict[tuple[int, int], list[tuple[float, dict[int, float]]]] = {}
    for genus, degrees, exact in numbers:
        every = orders(genus, degrees)
        if not every:
            continue
        errors = {k: abs(a.log_value - exact) for k, a in every.items()}
        best, floor = min(errors.values()), FLOOR * max(1.0, abs(exact))
        longest = max(every.values(), key=lambda a: a.order)
        before = smallest_term_order(longest.corrections) if longest.corrections else 0
        auto = asymptotic(genus, degrees, "auto")
        floored = {k: max(error, floor) for k, error in errors.items()}
        types.setdefault((genus, len(degrees)), []).append((floored[auto.order], floored))
        chosen = {
            "auto": auto.order,
            "before the smallest term": before if before in errors else 0,
            "smallest term": before + 1 if before + 1 in errors else 0,
            "highest order": longest.order,
        }
        if 6 in errors:
            chosen["order 6"] = 6
        for rule, order in chosen.items():
            ratio = max(errors[order], floor) / max(best, floor)
            if rule == "auto" and ratio > 2.0:
                by = min(errors, key=errors.__getitem__)
                beaten.append(
                    {"genus": genus, "degrees": degrees, "order": order, "best_order": by}
                    | {"error": errors[order], "best_error": best, "estimate": auto.error_estimate}
                )
            for group in ("all", "genus 2 to 9" if genus < 10 else "genus 10 to 20"):
                ratios.setdefault(rule, {}).setdefault(group, []).append(ratio)
        for name, approximate in [("auto", auto), *((f"order {k}", a) for k, a in every.items())]:
            error = abs(approximate.log_value - exact)
            for key in (name, f"{name}, genus 10 to 20") if genus >= 10 else (name,):
                estimates.setdefault(key, []).append((error, approximate.error_estimate))
    return {
        "numbers": len(numbers),
        "exact_at_every_order": len(numbers) - len(ratios["auto"]["all"]),
        "chosen_order": {rule: {g: _ratios(values) for g, values in groups.items()} for rule, groups in ratios.items()},
        "auto_worse_than_twice_the_best": beaten,
        "auto_by_type": _ratios([_ratio_of_type(rows) for rows in types.values()]),
        "error_estimate": {name: _estimates(pairs) for name, pairs in sorted(estimates.items())},
    }


def _ratio_of_type(rows: list[tuple[float, dict[int, float]]]) -> float:
    """Largest error of the chosen orders over that of the best single order, for the numbers of one type."""
    shared = set.intersection(*(set(errors) for _, errors in rows))
    return max(chosen for chosen, _ in rows) / min(max(errors[k] for _, errors in rows) for k in shared)


def _ratios(values: list[float]) -> dict[str, float]:
    worse = sum(ratio > 2.0 for ratio in values)
    return {
        "numbers": len(values),
        "worse_than_twice_the_best": worse,
        "fraction": worse / len(values),
        "worst_ratio": max(values),
    }


def _estimates(pairs: list[tuple[float, float]]) -> dict[str, float]:
    ratios = [estimate / error for error, estimate in pairs if error > 0.0]
    return {
        "numbers": len(pairs),
        "infinite": sum(math.isinf(estimate) for _, estimate in pairs),
        "error_at_most_estimate": sum(error <= estimate for error, estimate in pairs) / len(pairs),
        "median_estimate_over_error": median(ratios),
        "median_error": median(error for error, _ in pairs),
        "largest_error": max(error for error, _ in pairs),
    }


def remainders(small: tuple[int, ...], order: int, genera: Iterable[int]) -> dict[str, float]:
    """The error of the logarithm at this order times genus^(order + 1), which tends to a constant."""
    out = {}
    for genus in genera:
        degrees = (*small, 3 * genus - 2 + len(small) - sum(small))
        out[str(genus)] = (asymptotic(genus, degrees, order).log_value - log_correlator(genus, degrees)) * float(
            genus
        ) ** (order + 1)
    return out


def largest_errors(genus: int, num_points: int, per_type: int, seed: int) -> list[float]:
    """Largest error of the logarithm at orders 0, 1, ... on numbers of one type."""
    numbers = draw([genus], [num_points], per_type, seed)
    return [
        max(abs(asymptotic(g, degrees, order).log_value - exact) for g, degrees, exact in numbers)
        for order in range(max_order() + 1)
    ]
