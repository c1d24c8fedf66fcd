"""The negative controls: networks trained on shuffled numbers, and ones that were not trained at all.

Their weights are in controls/; remove it and they are trained anew (a minute each). If the settings of the shipped
networks are others than theirs, `train` refuses: then they have to be.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax

from popmath.dynamicformer import TrainedNetwork, load_pretrained
from popmath.dynamicformer.samples import Samples
from popmath.dynamicformer.tasks import new_network
from popmath.dynamicformer.training import train

FOLDER = Path(__file__).parent / "controls"
STEPS = 2_000


def controls(names: tuple[str, ...], samples: Samples) -> dict[str, TrainedNetwork]:
    """`NAME, shuffled` and `NAME, short` (true numbers, as many steps) of each, and `NAME, untrained`."""
    found = {}
    for name in names:
        trained = load_pretrained(name)
        for kind in ("shuffled", "short"):
            settings = dataclasses.replace(
                trained.settings,
                name=f"{name}, {kind}",
                num_steps=STEPS,
                validate_every=STEPS // 2,
                data=dataclasses.replace(trained.settings.data, shuffled=kind == "shuffled"),
            )
            result = train(settings, FOLDER / f"{name}-{kind}", samples=samples)
            assert result is not None
            found[settings.name] = TrainedNetwork(result.network, settings, result.record)
        found |= untrained(trained)
    return found


def untrained(trained: TrainedNetwork) -> dict[str, TrainedNetwork]:
    """The same network before training, as `NAME, untrained`."""
    network = new_network(trained.settings, jax.random.key(1))
    return {f"{trained.settings.name}, untrained": dataclasses.replace(trained, network=network)}
