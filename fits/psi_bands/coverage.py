"""How often the bands hold, and how wide they are: in distribution, and for genus 14 to 25.

    python fits/psi_bands/coverage.py   # minutes on 2 cores; writes result.json; figures.py draws it

In distribution: the coverage part (a hundredth of the families of genus 1 to 13, seen by no network and no band), every
number of each family with 2g - 2 + n <= 35, ones and zeros too, and each family once. Beyond: genus 14 to 25 with
n <= 9, up to 1,000 families of each genus and number of points besides ones, drawn by seed; shares and widths count
each as often as there are numbers like it. A last part asks for many points and many zeros. Widths are of log F. Bands
are asked directly: numbers that the predictor would give exactly are among them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from recipes import RECIPES, Points

from popmath._provenance import provenance, write_json
from popmath.conformal import binomial_interval, calibrate_split, calibrate_window, learn_scale
from popmath.dynamicformer.baselines import LinearFit, log_aggarwal
from popmath.dynamicformer.encoding import encode, log_double_factorials, without_degree
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.splits import Split
from popmath.intersections import log_correlator
from popmath.predictor.bands import CLOSEST, SHARE, SMALLEST, WEIGHTS, expected_errors, last_genus, positions_of
from popmath.predictor.calibration import MAX_LEVEL, part_of, plain_logs
from popmath.predictor.methods import METHODS, Said, features, said_by
from popmath.predictor.storage import read_bands

FOLDER = Path(__file__).parent
LEVELS, GENERA, MOST_POINTS, PER_TYPE, SEED = (0.8, 0.9, 0.95, 0.99), range(14, 26), 9, 1_000, 0
FEWEST = 200  # test points for a row of the table by points
CENTRE = "psi-corrected"  # of the other recipes
STRETCHED = ((13, 9, 6), (13, 14, 0), (13, 18, 0), (10, 18, 16), (13, 18, 16), (16, 12, 0), (20, 12, 0), (16, 12, 10))


class Bands(NamedTuple):
    """Errors and half-widths of one method on families.

    Attributes:
        low: lower ends minus the truth, by level, shape `(families,)`; NaN where the method has no say.
        high: upper ends minus the truth.
    """

    low: dict[float, np.ndarray]
    high: dict[float, np.ndarray]

    def covers(self, level: float) -> np.ndarray:
        """Whether the truth is inside, as 0 or 1, or NaN."""
        inside = (self.low[level] <= 0) & (self.high[level] >= 0)
        return np.where(np.isfinite(self.low[level]), inside, np.nan)

    def width(self, level: float) -> np.ndarray:
        """Width, or NaN."""
        return self.high[level] - self.low[level]


def of_methods(part: Samples) -> tuple[dict[str, Bands], np.ndarray, np.ndarray]:
    """Bands of the predictor and of every method; which method it takes; calibration numbers of its windows at 90 %."""
    truth, found = plain_logs(part), {}
    said = {method: said_by(method, part.requests) for method in METHODS}
    which = numbers = np.zeros(0)
    for name, calibrated in read_bands()[0].items():
        low, high = {}, {}
        for level in LEVELS:
            band = calibrated.on(part.requests, said, level)
            error = band.expected.log_value - truth
            half = np.where(np.isfinite(band.half), band.half, np.nan)
            low[level], high[level] = error - half, error + half
            if name == CLOSEST and level == 0.9:
                which, numbers = np.array(list(calibrated.scales))[band.expected.which], band.num_scores
        found["predictor" if name == CLOSEST else name] = Bands(low, high)
    return found, which, numbers


def aggarwal_bands(held: Samples, part: Samples) -> dict[str, Bands]:
    """Bands around Aggarwal's leading term: one error for all (split), or for each number of points (Mondrian)."""
    known, error = (log_aggarwal(each.requests) - each.log_scaled for each in (held, part))
    groups, new = (each.requests.num_points.astype(int) for each in (held, part))
    mondrian = calibrate_window(
        np.zeros(len(known)), known, positions=np.zeros((len(known), 1)), groups=groups, share=1.0, smallest=1
    )
    found = {name: ({}, {}) for name in ("Aggarwal, split", "Aggarwal, by points")}
    for level in LEVELS:
        split = calibrate_split(np.zeros(len(known)), known, confidence_level=level)
        ends = [split.predict_interval(np.zeros(len(error)))]
        ends.append(mondrian.at_level(level).predict_interval(np.zeros(len(error)), np.zeros((len(error), 1)), new)[:2])
        for (low, high), (lower, upper) in zip(found.values(), ends, strict=True):
            low[level], high[level] = error + lower, error + upper
    return {name: Bands(*ends) for name, ends in found.items()}


def fitted_band(learned: Samples, held: Samples, part: Samples, fit: LinearFit) -> Bands:
    """The 39-coefficient fit with a scale learned and a window of its own, on numbers without zeros."""

    def usable(samples: Samples) -> np.ndarray:
        return np.flatnonzero((samples.requests.times(0) == 0) & (samples.requests.level > 7))

    parts = [each.take(usable(each)) for each in (learned, held, part)]
    errors = [fit.log_value(each.requests) - each.log_scaled for each in parts]
    scale = learn_scale(features(parts[0].requests), errors[0])
    low, high = ({level: np.full(len(part.log_scaled), np.nan) for level in LEVELS} for _ in range(2))
    places = [
        positions_of(each.requests, fit.log_value(each.requests) - log_double_factorials(each.requests))
        for each in parts
    ]
    band = calibrate_window(
        np.zeros(len(errors[1])),
        errors[1],
        positions=places[1],
        groups=parts[1].requests.num_points.astype(int),
        scale=scale(features(parts[1].requests)),
        smallest=SMALLEST,
        share=SHARE,
        weights=WEIGHTS,
    )
    edge = last_genus(parts[2].requests, 13, MAX_LEVEL)
    sizes = np.maximum(scale(features(parts[2].requests)), scale(features(parts[2].requests, edge)))
    points = parts[2].requests.num_points.astype(int)
    for level in LEVELS:
        found = band.at_level(level).predict_interval(errors[2], places[2], points, sizes)
        rows = usable(part)
        low[level][rows], high[level][rows] = found.lower, found.upper
    return Bands(low, high)


def points_of(samples: Samples) -> tuple[Points, np.ndarray]:
    """What the recipes see, and the rows where their centre has a say."""
    said = said_by(CENTRE, samples.requests)
    rows = np.flatnonzero(said.size > 0)
    some = samples.take(rows)
    kept = Said(said.log_value[rows], said.size[rows], said.rounding[rows])
    own = read_bands()[0][CENTRE]
    edge = last_genus(some.requests, own.max_genus, own.max_level)
    size = expected_errors(some.requests, {CENTRE: kept}, own.scales, edge).size
    columns = [features(some.requests), some.requests.genus[:, None], some.requests.num_points[:, None]]
    columns += [kept.log_value[:, None], np.log(size)[:, None]]
    errors = plain_logs(some) - kept.log_value
    points, genus = (np.asarray(each, int) for each in (some.requests.num_points, some.requests.genus))
    return Points(errors, size, points, genus, np.concatenate(columns, axis=1).astype(float)), rows


def of_recipes(learned: Samples, held: Samples, part: Samples) -> dict[str, Bands]:
    """The other recipes around the same centre."""
    (first, _), (second, _), (new, rows) = (points_of(each) for each in (learned, held, part))
    found = {}
    for name, recipe in RECIPES.items():
        low, high = ({level: np.full(len(part.log_scaled), np.nan) for level in LEVELS} for _ in range(2))
        for level in LEVELS:
            lower, upper = recipe(first, second, new, level)
            low[level][rows], high[level][rows] = lower - new.errors, upper - new.errors
        found[name] = Bands(low, high)
    return found


def summed(bands: dict[str, Bands], rows: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Share covered and median width by method and level, of these rows with these weights."""
    out: dict[str, Any] = {}
    for name, band in bands.items():
        said = np.isfinite(band.low[0.9][rows])
        if not said.any():
            continue
        weight = weights[said]
        out[name] = {
            f"{level:g}": {
                "coverage": float(np.average(band.covers(level)[rows][said], weights=weight)),
                "width": _median(band.width(level)[rows][said], weight),
                "width_at_level": level_width(band, level, rows[said], weight),
            }
            for level in LEVELS
        } | {"share_with_say": float(weight.sum() / weights.sum())}
    return out


def level_width(band: Bands, level: float, rows: np.ndarray, weights: np.ndarray) -> float:
    """Median width if the band were stretched or shrunk about its middle until it held this share: fair to compare."""
    low, high = band.low[level][rows], band.high[level][rows]
    needed = np.abs(low + high) / (high - low)  # stretch at which the truth is just inside
    order = np.argsort(needed)
    total = np.cumsum(weights[order])
    stretch = needed[order][np.searchsorted(total, level * total[-1])]
    return float(stretch * _median(high - low, weights))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def inside_report(part: Samples, bands: dict[str, Bands], numbers: np.ndarray) -> dict[str, Any]:
    """By number of points with ones, by type, and by how many zeros and ones."""
    requests = part.requests
    members = MAX_LEVEL + 3 - 2 * requests.genus.astype(int) - requests.num_points
    rows = np.repeat(np.arange(len(members)), members)
    ones = np.arange(len(rows)) - np.repeat(np.cumsum(members) - members, members)
    points, genus, zeros = requests.num_points[rows] + ones, requests.genus[rows].astype(int), requests.times(0)[rows]
    out: dict[str, Any] = {"by_points": [], "by_type": [], "by_zeros": [], "by_ones": []}
    for n in range(1, int(points.max()) + 1):
        chosen = rows[points == n]
        if len(chosen) < FEWEST:
            continue
        found = summed(bands, chosen, np.ones(len(chosen)))
        row = {"points": n, "num": len(chosen)} | found
        for level in LEVELS:
            low, high = binomial_interval(level, len(chosen))
            row[f"within_{level:g}"] = low <= found["predictor"][f"{level:g}"]["coverage"] <= high
        out["by_points"].append(row)
    only = {"predictor": bands["predictor"]}
    for g, n in sorted(set(zip(genus.tolist(), points.tolist(), strict=True))):
        chosen = rows[(genus == g) & (points == n)]
        row = {"genus": g, "points": n, "num": len(chosen), "num_calibration": float(np.median(numbers[chosen]))}
        out["by_type"].append(row | summed(only, chosen, np.ones(len(chosen)))["predictor"])
    for name, value in (("by_zeros", zeros), ("by_ones", ones)):
        for low, high in ((0, 0), (1, 1), (2, 2), (3, 4), (5, 9), (10, 99)):
            chosen = rows[(value >= low) & (value <= high)]
            if len(chosen):
                row = {"from": low, "to": high, "num": len(chosen)}
                out[name].append(row | summed(bands, chosen, np.ones(len(chosen))))
    out["all"] = {"num": len(rows)} | summed(bands, rows, np.ones(len(rows)))
    shared = rows[np.all([np.isfinite(bands[name].low[0.9][rows]) for name in METHODS], axis=0)]
    once = np.arange(len(requests.genus))
    out["families"] = {"num": len(once)} | summed(bands, once, np.ones(len(once)))
    out["where_every_method_has_a_say"] = {"num": len(shared)} | summed(bands, shared, np.ones(len(shared)))
    return out


def drawn(samples: Samples) -> tuple[Samples, np.ndarray]:
    """Up to `PER_TYPE` families of each genus and number of points, and how many families each stands for."""
    rng, rows, weights = np.random.default_rng(SEED), [], []
    key = samples.requests.genus.astype(int) * 100 + samples.requests.num_points
    for each in np.unique(key[samples.requests.genus >= GENERA.start]):
        those = np.flatnonzero(key == each)
        some = those if len(those) <= PER_TYPE else rng.choice(those, PER_TYPE, replace=False)
        rows.append(some)
        weights.append(np.full(len(some), len(those) / len(some)))
    return samples.take(np.concatenate(rows)), np.concatenate(weights)


def beyond_report(
    part: Samples, weights: np.ndarray, bands: dict[str, Bands], numbers: np.ndarray, bare: bool
) -> list[dict[str, Any]]:
    """By genus, and in each by number of points with ones."""
    requests, out = part.requests, []
    kept = (requests.times(0) == 0) if bare else np.ones(len(weights), bool)
    for genus in GENERA:
        rows = np.flatnonzero((requests.genus == genus) & kept)
        members = np.ones(len(rows)) if bare else MOST_POINTS + 1.0 - requests.num_points[rows]
        row = {"genus": genus, "num_families": len(rows), "num": round(float((weights[rows] * members).sum()))}
        row |= summed(bands, rows, weights[rows] * members)
        if not bare:
            row["by_points"] = []
            for n in range(1, MOST_POINTS + 1):
                chosen = rows[requests.num_points[rows] <= n]
                if len(chosen):
                    here = summed({"predictor": bands["predictor"]}, chosen, weights[chosen])["predictor"]
                    sizes = {"num_families": len(chosen), "num_calibration": float(np.median(numbers[chosen]))}
                    row["by_points"].append({"points": n} | sizes | here)
        out.append(row)
    return out


def stretched() -> list[dict[str, Any]]:
    """Many points, and many zeros, beyond the calibrated genera: coverage of the predictor's band at 90 %."""
    rng, out = np.random.default_rng(SEED), []
    for genus, points, zeros in STRETCHED:
        total, degrees = 3 * genus - 3 + points, []
        for _ in range(40):
            cuts = np.sort(rng.integers(0, total + 1, points - zeros - 1))
            drawn = np.diff(np.concatenate([[0], cuts, [total]])).tolist()
            degrees.append([*[0] * zeros, *drawn])
        requests, factor = without_degree(encode([genus] * len(degrees), degrees), 1)
        truth = np.array([log_correlator(genus, each) for each in degrees]) - factor
        part = Samples(requests, truth + log_double_factorials(requests))
        found = of_methods(part)[0]["predictor"]
        out.append({"genus": genus, "points": points, "zeros": zeros, "num": len(degrees)})
        out[-1] |= {"coverage": float(np.mean(found.covers(0.9))), "width": float(np.median(found.width(0.9)))}
    return out


def main() -> None:
    """Measure, write, print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    begun, split = time.perf_counter(), Split()
    inside = exact_samples(MAX_LEVEL, range(14))
    learned, held, coverage = (part_of(inside, name) for name in ("scale", "calibration", "coverage"))
    train = inside.take(split.rows(inside.requests, "train"))
    chosen = np.flatnonzero((train.requests.times(0) == 0) & (train.requests.genus >= 7))
    fit = LinearFit.to(train.take(chosen), 6)
    beyond, weights = drawn(exact_samples(2 * GENERA.stop - 4 + MOST_POINTS, range(GENERA.stop), MOST_POINTS))
    result: dict[str, Any] = {"command": "python fits/psi_bands/coverage.py", "versions": provenance(), "seed": SEED}
    result |= {"data": inside.digest(), "levels": LEVELS, "per_type": PER_TYPE, "bands": read_bands()[1]}
    for name, part in (("inside", coverage), ("beyond", beyond)):
        bands, which, numbers = of_methods(part)
        bands |= aggarwal_bands(held, part)
        fitted = {"39 features": fitted_band(learned, held, part, fit)}
        others = of_recipes(learned, held, part)
        if name == "inside":
            result[name] = inside_report(part, bands | others, numbers)
        else:
            result[name] = beyond_report(part, weights, bands | others, numbers, bare=False)
            result["beyond_without_zeros_and_ones"] = beyond_report(part, weights, bands | fitted, numbers, bare=True)
        result[f"chosen_{name}"] = {method: int(np.sum(which == method)) for method in METHODS}
        print(f"{name}: {len(part.log_scaled):,} families, {time.perf_counter() - begun:.0f} s", flush=True)
    result["stretched"] = stretched()
    result["seconds"] = round(time.perf_counter() - begun)
    write_json(FOLDER / "result.json", result)
    print_tables(result)


def print_tables(result: dict[str, Any]) -> None:
    """Coverage at 90 % and median width."""

    def cell(row: dict[str, Any], name: str, level: str = "0.9") -> str:
        if name not in row:
            return "-"
        found = row[name][level]
        return f"{found['coverage']:.3f} {found['width']:.1e} {found['width_at_level']:.1e}"

    print("\nin distribution, predictor, coverage by points at " + " / ".join(f"{level:g}" for level in LEVELS))
    for row in result["inside"]["by_points"]:
        shares = " ".join(
            f"{row['predictor'][f'{level:g}']['coverage']:.3f}{'' if row[f'within_{level:g}'] else '*'}"
            for level in LEVELS
        )
        print(f"  n = {row['points']:2}, {row['num']:6,} numbers: {shares}")
    print("\nat 90 %: coverage, median width, and that of the band stretched to hold 90 %")
    names = list(result["beyond"][0])[3:-1]
    for name in names:
        cells = [cell(result["inside"]["all"], name)] + [cell(row, name) for row in result["beyond"][::3]]
        print(f"  {name:26} " + "   ".join(cells))
    print("  (in distribution, genus " + ", ".join(str(row["genus"]) for row in result["beyond"][::3]) + ")")


if __name__ == "__main__":
    main()
