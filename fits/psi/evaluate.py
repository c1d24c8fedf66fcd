"""Errors of the trained networks and of everything they are compared with, on numbers nobody has trained on.

    python fits/psi/evaluate.py            # 5 minutes on 2 cores; writes result.json and the figures

Numbers: every psi-class number with n <= 9 of genus 14 to 25 (exact engine), the test part of genus 0 to 13, and the
families of more than 24 points. A network that removes ones has the same error on a whole family; a family counts as
often as it has members.
"""

from __future__ import annotations

import argparse
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

FOLDER = Path(__file__).parent
GENERA, MOST_POINTS, LEVEL = range(14, 26), 9, 35


def with_members(samples: Samples, most: np.ndarray) -> Samples:
    """Every member of each family with at most `most` points: log_scaled becomes that with the ones."""
    rows = np.repeat(np.arange(len(most)), most - samples.requests.num_points + 1)
    begins = np.concatenate([[0], np.cumsum(most - samples.requests.num_points + 1)[:-1]])
    ones = np.arange(len(rows)) - begins[rows]
    requests = samples.requests.take(rows)
    whole = with_ones(requests, ones)
    grown = samples.log_scaled[rows] + log_of_ones(requests, ones) + ones * np.log(3.0)
    return Samples(whole, grown)


def without_zeros(samples: Samples) -> Samples:
    """The families without zeros."""
    zeros = np.sum(samples.requests.multiplicity * (samples.requests.degrees == 0), axis=1)
    return samples.take(np.flatnonzero(zeros == 0))


def rows_of(samples: Samples, networks: list[TrainedNetwork], fits: dict[str, LinearFit], members: np.ndarray) -> dict:
    """Errors of every method on families, each repeated as often as it has members."""
    requests, truth = samples.requests, np.repeat(samples.log_scaled, members)
    plain = log_double_factorials(requests)
    out: dict[str, Any] = {}
    for network in networks:
        if not network.settings.data.keep_ones:
            found = network.predict_requests(requests).log_value + plain
            out[network.settings.name] = summarise(np.repeat(found, members), truth)._asdict()
    out["Aggarwal"] = summarise(np.repeat(log_aggarwal(requests), members), truth)._asdict()
    for order in range(7):
        value = np.repeat(log_closed_form(requests, order), members)
        out[f"closed form, order {order}"] = summarise(value, truth)._asdict()
    for name, fit in fits.items():
        out[name] = summarise(np.repeat(fit.log_value(requests), members), truth)._asdict()
    return out


def raw_rows(samples: Samples, most: np.ndarray, networks: list[TrainedNetwork]) -> dict:
    """Errors of networks that see ones, on every member."""
    networks = [network for network in networks if network.settings.data.keep_ones]
    if not networks:
        return {}
    whole = with_members(samples, most)
    truth = whole.log_scaled - log_double_factorials(whole.requests)
    found = {n.settings.name: n.predict_requests(whole.requests).log_value for n in networks}
    return {name: summarise(value, truth)._asdict() for name, value in found.items()}


def by_type(samples: Samples, network: TrainedNetwork) -> list[dict[str, Any]]:
    """Errors of one network for each genus and number of points, ones counted."""
    requests = samples.requests
    found = network.predict_requests(requests).log_value + log_double_factorials(requests)
    rows = []
    for genus in np.unique(requests.genus):
        for points in range(1, MOST_POINTS + 1):
            chosen = (requests.genus == genus) & (requests.num_points <= points)
            rows.append({"genus": int(genus), "points": points})
            rows[-1] |= summarise(found[chosen], samples.log_scaled[chosen])._asdict()
    return rows


def main() -> None:
    """Evaluate, write, draw."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    begun, split = time.perf_counter(), Split()
    networks = [load_pretrained(name) for name in pretrained_names()]
    inside = exact_samples(LEVEL, range(split.max_train_genus + 1))
    chosen = without_zeros(inside)
    chosen = chosen.take(np.flatnonzero(chosen.requests.genus >= 7))
    fits = {"13 features": LinearFit.to(chosen, 4), "39 features": LinearFit.to(chosen, 6)}
    result: dict[str, Any] = {"command": "python fits/psi/evaluate.py", "versions": provenance()}
    result["networks"] = {n.settings.name: n.record for n in networks}
    for name in ("test", "out_in_points"):
        part = inside.take(split.rows(inside.requests, name))
        most = LEVEL + 2 - 2 * part.requests.genus.astype(np.int64)
        members = most - part.requests.num_points + 1
        result[name] = rows_of(part, networks, {}, members) | raw_rows(part, most, networks)
        bare = without_zeros(part)
        if len(bare.log_scaled):
            result[f"{name}_without_zeros"] = rows_of(bare, networks, fits, np.ones(len(bare.log_scaled), int))
    beyond = exact_samples(2 * GENERA.stop - 4 + MOST_POINTS, range(GENERA.stop), MOST_POINTS)
    result["by_genus"], result["by_genus_without_zeros"], result["by_type"] = {}, {}, {}
    for genus in GENERA:
        part = beyond.take(np.flatnonzero(beyond.requests.genus == genus))
        most = np.full(len(part.log_scaled), MOST_POINTS)
        members = most - part.requests.num_points + 1
        result["by_genus"][genus] = rows_of(part, networks, {}, members) | raw_rows(part, most, networks)
        bare = without_zeros(part)
        result["by_genus_without_zeros"][genus] = rows_of(bare, networks, fits, np.ones(len(bare.log_scaled), int))
        print(f"genus {genus}: {len(truth_of(part, members)):,} numbers", flush=True)
        for network in networks:
            if not network.settings.data.keep_ones:
                result["by_type"].setdefault(network.settings.name, []).extend(by_type(part, network))
    result["seconds"] = round(time.perf_counter() - begun)
    write_json(FOLDER / "result.json", result)
    print_table(result)


def truth_of(samples: Samples, members: np.ndarray) -> np.ndarray:
    """The logarithms, as often as there are members."""
    return np.repeat(samples.log_scaled, members)


def print_table(result: dict[str, Any]) -> None:
    """Median, 95th percentile and maximum by genus."""
    for part in ("by_genus", "by_genus_without_zeros"):
        print(f"\n{part}: |error of log F|, median / 95 % / largest")
        names = list(next(iter(result[part].values())))
        for genus, rows in result[part].items():
            for name in names:
                row = rows[name]
                print(f"{genus}  {name:22} {row['median']:.1e} / {row['percentile_95']:.1e} / {row['maximum']:.1e}")


if __name__ == "__main__":
    main()
