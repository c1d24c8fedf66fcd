"""Errors of the trained networks and of everything they are compared with, on numbers nobody has trained on.

    python fits/psi/evaluate.py   # 7 minutes on 2 cores; writes result.json

`figures.py` draws the result.

Numbers: every psi-class number with n <= 9 of genus 14 to 25 (exact engine), the test part of genus 0 to 13, and the
families of more than 24 points; psi-multi is evaluated by several_theories.py, and the published network to genus 17.
Networks, closed forms and Aggarwal's are asked after all ones are removed, which is exact: they have the same error on
a whole family, which counts as often as it has members. Networks that see ones are asked for every member. Least
squares is fitted to the training part.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from popmath._provenance import provenance, write_json
from popmath.dynamicformer.baselines import LinearFit, log_aggarwal, log_closed_form
from popmath.dynamicformer.batches import log_of_ones, with_ones
from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.evaluation import summarise
from popmath.dynamicformer.pretrained import TrainedNetwork, load_pretrained, pretrained_names
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.splits import Split
from popmath.intersections.recursion import IntegerRecursion, dvv

FOLDER = Path(__file__).parent
GENERA, MOST_POINTS, LEVEL = range(14, 26), 9, 35
LAST_PUBLISHED = 17  # the published network answers about a thousand requests a second
ROUNDED = IntegerRecursion(lambda recursion, genus, degrees: float(dvv(recursion, genus, degrees)))


def with_members(samples: Samples, most: np.ndarray) -> Samples:
    """Every member of each family with at most `most` points: log_scaled becomes that with the ones."""
    rows = np.repeat(np.arange(len(most)), most - samples.requests.num_points + 1)
    begins = np.concatenate([[0], np.cumsum(most - samples.requests.num_points + 1)[:-1]])
    ones = np.arange(len(rows)) - begins[rows]
    requests = samples.requests.take(rows)
    whole = with_ones(requests, ones)
    grown = samples.log_scaled[rows] + log_of_ones(requests, ones) + ones * np.log(3.0)
    return Samples(whole, grown)


def said_by(samples: Samples, networks: list[TrainedNetwork]) -> dict[str, np.ndarray]:
    """What each network that removes ones says of the families, as log_scaled."""
    plain = log_double_factorials(samples.requests)
    return {
        network.settings.name: network.predict_requests(samples.requests).log_value + plain
        for network in networks
        if not network.sees_ones
    }


def rows_of(samples: Samples, said: dict[str, np.ndarray], fits: dict[str, LinearFit], members: np.ndarray) -> dict:
    """Errors of every method on families, each repeated as often as it has members."""
    requests, truth = samples.requests, np.repeat(samples.log_scaled, members)
    values = said | {"Aggarwal": log_aggarwal(requests)}
    values |= {f"closed form, order {order}": log_closed_form(requests, order) for order in range(7)}
    values |= {name: fit.log_value(requests) for name, fit in fits.items()}
    return {name: summarise(np.repeat(value, members), truth)._asdict() for name, value in values.items()}


def raw_errors(
    samples: Samples, most: np.ndarray, networks: list[TrainedNetwork]
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Errors of networks that see ones, on every member, and on those of each number of points."""
    networks = [network for network in networks if network.sees_ones]
    if samples.requests.genus.min() > LAST_PUBLISHED:
        networks = [network for network in networks if network.settings.preset != "published"]
    if not networks:
        return {}, {}
    whole = with_members(samples, most)
    truth, points = whole.log_scaled - log_double_factorials(whole.requests), whole.requests.num_points
    found = {n.settings.name: n.predict_requests(whole.requests).log_value for n in networks}
    by_points = {
        name: [
            {"points": int(n)} | summarise(value[points == n], truth[points == n])._asdict() for n in np.unique(points)
        ]
        for name, value in found.items()
    }
    return {name: summarise(value, truth)._asdict() for name, value in found.items()}, by_points


def float_recursion(samples: Samples) -> dict[str, Any]:
    """Errors of the DVV recursion with numbers rounded to float64 from genus 2 on; 1,000 families, each once."""
    some = samples.take(np.random.default_rng(0).permutation(len(samples.log_scaled))[:1000])
    value = []
    for row, genus in enumerate(some.requests.genus.tolist()):
        degrees = tuple(np.repeat(some.requests.degrees[row], some.requests.multiplicity[row]).tolist())
        power = (4 * genus - 1) * math.log(2.0) if genus else 0.0
        value.append(math.log(ROUNDED.value(genus, degrees)) - power)
    return summarise(np.array(value), some.log_scaled)._asdict()


def by_type(samples: Samples, said: np.ndarray) -> list[dict[str, Any]]:
    """Errors for each number of points, ones counted, of a network that removes ones."""
    rows = []
    for points in range(1, MOST_POINTS + 1):
        chosen = samples.requests.num_points <= points
        summary = summarise(said[chosen], samples.log_scaled[chosen])
        rows.append({"points": points} | summary._asdict())
    return rows


def evaluated(
    name: str, part: Samples, most: np.ndarray, networks: list[TrainedNetwork], fits: dict[str, LinearFit]
) -> dict[str, Any]:
    """Errors on all members of the families with at most `most` points, on those without zeros, and by points."""
    said, members = said_by(part, networks), most - part.requests.num_points + 1
    zeros = part.requests.times(0)
    bare = np.flatnonzero(zeros == 0)
    of_raw, by_points = raw_errors(part, most, networks)
    rows = {name: rows_of(part, said, {}, members) | of_raw | {"float64 recursion": float_recursion(part)}}
    if len(bare):
        on_bare = {key: value[bare] for key, value in said.items()}
        rows[f"{name}, no zeros or ones"] = rows_of(part.take(bare), on_bare, fits, np.ones(len(bare), int))
    if name.startswith("genus"):
        rows[f"{name}, by points"] = {key: by_type(part, value) for key, value in said.items()} | by_points
    return rows


def main() -> None:
    """Evaluate, write, print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    begun, split = time.perf_counter(), Split()
    networks = [load_pretrained(name) for name in pretrained_names() if name != "psi-multi"]
    networks.append(TrainedNetwork.read(FOLDER / "published.safetensors"))
    inside = exact_samples(LEVEL, range(split.max_train_genus + 1))
    zeros = inside.requests.times(0)
    is_train = np.isin(np.arange(len(zeros)), split.rows(inside.requests, "train"))
    chosen = inside.take(np.flatnonzero(is_train & (zeros == 0) & (inside.requests.genus >= 7)))
    fits = {"13 features": LinearFit.to(chosen, 4), "39 features": LinearFit.to(chosen, 6)}
    result: dict[str, Any] = {"command": "python fits/psi/evaluate.py", "versions": provenance()}
    result["networks"] = {n.settings.name: n.record for n in networks}
    for name in ("test", "out_in_points"):
        part = inside.take(split.rows(inside.requests, name))
        most = LEVEL + 2 - 2 * part.requests.genus.astype(np.int64)
        result |= evaluated(name, part, most, networks, fits)
    beyond = exact_samples(2 * GENERA.stop - 4 + MOST_POINTS, range(GENERA.stop), MOST_POINTS)
    for genus in GENERA:
        part = beyond.take(np.flatnonzero(beyond.requests.genus == genus))
        rows = evaluated(f"genus {genus}", part, np.full(len(part.log_scaled), MOST_POINTS), networks, fits)
        result |= rows
        print(f"genus {genus}: {rows[f'genus {genus}']['Aggarwal']['num_points']:,} numbers", flush=True)
    result["seconds"] = round(time.perf_counter() - begun)
    write_json(FOLDER / "result.json", result)
    print_table(result)


def print_table(result: dict[str, Any]) -> None:
    """Median, 95th percentile and maximum."""
    print("\n|error of log F|: median / 95 % / largest")
    for part, rows in result.items():
        if isinstance(rows, dict) and "Aggarwal" in rows:
            print(f"\n{part}: {rows['Aggarwal']['num_points']:,} numbers")
            for name, row in rows.items():
                print(f"  {name:22} {row['median']:.1e} / {row['percentile_95']:.1e} / {row['maximum']:.1e}")


if __name__ == "__main__":
    main()
