"""One network for four theories beside networks of one theory each, and what it makes of the tensor B.

    python fits/psi/several_theories.py            # half an hour on one core; writes several_theories.json

It trains psi-multi if run.py has not, and with the same settings, steps and numbers of each theory per step: a network
of each theory alone, and one of all theories that is shown no tensors. Then each is asked for the test part of every
theory and for genera of it that none was shown, families counted once; psi-multi also with its context of B at the
mean of all theories (ablated) and with that of the next theory (shuffled). Beside them: least squares on the functions
of the additive part, fitted to each theory's training part, and for psi classes the closed form of order 6.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from popmath._provenance import provenance, write_json
from popmath.dynamicformer.additive import AdditivePart, least_squares
from popmath.dynamicformer.baselines import log_closed_form
from popmath.dynamicformer.batches import as_int32
from popmath.dynamicformer.evaluation import summarise
from popmath.dynamicformer.joint import JointNetwork, OneTheory, tensors_of
from popmath.dynamicformer.joint_task import joint_data, rows_of
from popmath.dynamicformer.prediction import values
from popmath.dynamicformer.samples import Samples, exact_samples
from popmath.dynamicformer.settings import TrainingSettings, read_settings
from popmath.dynamicformer.targets import baseline
from popmath.dynamicformer.theories import PSI, TheorySamples, theory_of, theory_samples
from popmath.dynamicformer.training import Report, train

FOLDER = Path(__file__).parent
MOST_POINTS, BEYOND = 9, 4  # psi classes beyond the training range: points and genera, or the tables get long


def trained(settings: TrainingSettings, data: TheorySamples) -> JointNetwork:
    """A network by its settings; what was begun goes on."""

    def say(report: Report) -> None:
        print(f"{settings.name}: step {report.step:,}, validation {report.validation:.2e}", flush=True)

    samples = TheorySamples({name: data.by_theory[name] for name in settings.data.theories})
    result = train(settings, FOLDER / "runs" / settings.name, say, samples)
    assert result is not None and isinstance(result.network, JointNetwork)
    return result.network


def alone(settings: TrainingSettings, name: str) -> TrainingSettings:
    """The same for one theory, which is seen as often."""
    share = settings.batch_size // len(settings.data.theories)
    only = dataclasses.replace(settings.data, theories=(name,))
    return dataclasses.replace(settings, name=f"alone-{name}", batch_size=share, data=only)


def beyond(name: str) -> Samples:
    """Numbers of higher genus than was shown of this theory; without those that are psi classes, of which more was."""
    theory = theory_of(name)
    first = theory.max_train_genus + 1
    if name == PSI:
        samples = exact_samples(2 * (first + BEYOND) - 4 + MOST_POINTS, range(first + BEYOND), MOST_POINTS)
    else:
        samples = theory_samples(name, theory.max_level, first + BEYOND - 1)
    requests = samples.requests
    is_psi = (requests.total_degree == requests.level + requests.genus - 1) & (name != PSI)
    return samples.take(np.flatnonzero((requests.genus >= first) & ~is_psi))


def errors_of(part: Samples, asked: dict[str, OneTheory], fitted: AdditivePart, is_psi: bool) -> dict[str, Any]:
    """Errors of every method on some numbers of a theory."""
    known = baseline(part.requests, "growth").log
    found = {name: known + values(network, part.requests) for name, network in asked.items()}
    nothing = jnp.zeros((len(known), 1))
    found["least squares"] = known + np.asarray(fitted(as_int32(part.requests), nothing), float)
    if is_psi:
        found["closed form, order 6"] = log_closed_form(part.requests, 6)
    return {name: summarise(value, part.log_scaled)._asdict() for name, value in found.items()}


def main() -> None:
    """Train, ask, write."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    settings = read_settings(FOLDER / "psi-multi.toml")
    names, data = settings.data.theories, joint_data(settings)
    together = trained(settings, data)
    singles = {name: trained(alone(settings, name), data) for name in names}
    hidden = dataclasses.replace(
        settings, name="no-tensors", data=dataclasses.replace(settings.data, show_tensors=False)
    )
    blind = trained(hidden, data)
    contexts = together.tensor(tensors_of(names))
    result: dict[str, Any] = {"command": "python fits/psi/several_theories.py", "versions": provenance()}
    result |= {"settings": settings.to_dict(), "data_sha256": data.digest(), "errors": {}}
    result["contexts"] = {name: np.asarray(c).round(3).tolist() for name, c in zip(names, contexts, strict=True)}
    for number, name in enumerate(names):
        samples = data.by_theory[name]
        learned = samples.take(rows_of(settings, name, samples.requests, "train"))
        target = learned.log_scaled - baseline(learned.requests, "growth").log
        weights = least_squares(as_int32(learned.requests), target, several=True)
        fitted = AdditivePart.through(np.zeros((1, 1)), [weights])
        asked = {
            "psi-multi": together.given(contexts[number]),
            "alone": singles[name].given(singles[name].tensor(tensors_of((name,)))[0]),
            "trained without B": blind.given(blind.tensor(tensors_of((name,), shown=False))[0]),
            "psi-multi, B ablated": together.given(jnp.mean(contexts, axis=0)),
            "psi-multi, B shuffled": together.given(contexts[(number + 1) % len(names)]),
        }
        parts = {
            "test": samples.take(rows_of(settings, name, samples.requests, "test")),
            "beyond in genus": beyond(name),
        }
        result["errors"][name] = {p: errors_of(each, asked, fitted, name == PSI) for p, each in parts.items()}
    write_json(FOLDER / "several_theories.json", result)
    print_table(result["errors"])


def print_table(errors: dict[str, Any]) -> None:
    """Mean, median, 95th percentile and maximum."""
    print("\n|error of log F|: mean / median / 95 % / largest")
    for theory, parts in errors.items():
        for part, rows in parts.items():
            print(f"\n{theory}, {part}: {rows['psi-multi']['num_points']:,} numbers")
            for name, row in rows.items():
                cells = [row[key] for key in ("mean", "median", "percentile_95", "maximum")]
                print(f"  {name:22} {' / '.join(f'{cell:.1e}' for cell in cells)}")


if __name__ == "__main__":
    main()
