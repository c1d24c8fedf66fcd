"""Models with parameters drawn at random, to simulate from."""

from __future__ import annotations

import jax
import numpy as np

import popmath as pm
from popmath.populations.model import PopulationModel

SPECIES = ("x", "y")


def template(name: str) -> PopulationModel:
    """The model to fit."""
    if name == "DensityDependentLeslie":
        return pm.DensityDependentLeslie(SPECIES, num_classes=2)
    return getattr(pm, name)(SPECIES)


def fixed(name: str) -> dict[str, list[list[float]]]:
    """What is known: in the Leslie model the young do not reproduce."""
    return {"fertility": [[0.0, np.nan]] * 2} if name == "DensityDependentLeslie" else {}


def draw(name: str, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameters by name, and the state at time 0.

    Competitors start from 1.5 to 4 individuals, would reach 80 to 300 alone, and compete with coefficients of 0.2 to 1.
    Predators and prey cycle around 20 to 60 of each.
    """
    if name == "LotkaVolterraPredatorPrey":
        prey, predator = rng.uniform(20, 60, 2)
        growth, death = rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.7)
        values = {"growth_rate": growth, "attack": growth / predator, "conversion": death / prey, "mortality": death}
        return _as_arrays(values), np.array([prey * rng.uniform(1.2, 2.0), predator * rng.uniform(0.5, 1.0)])
    capacity, growth, start = rng.uniform(80, 300, 2), rng.uniform(1.6, 3.0, 2), rng.uniform(1.5, 4.0, 2)
    alpha = np.array([[1.0, rng.uniform(0.2, 1.0)], [rng.uniform(0.2, 1.0), 1.0]])
    if name in ("LeslieGower", "ThetaLeslieGower"):
        values = {"growth_factor": growth, "competition": alpha * ((growth - 1) / capacity)[:, None]}
        if name == "ThetaLeslieGower":
            theta = rng.uniform(0.8, 2.0, 2)
            effect = alpha * ((growth - 1) ** (1 / theta) / capacity)[:, None]
            values = {"growth_factor": growth, "competition": effect, "theta": theta}
        return _as_arrays(values), start
    if name == "DensityDependentLeslie":
        survival = rng.uniform(0.5, 0.8, (2, 1))
        fertility = np.column_stack([np.zeros(2), growth**2 / survival[:, 0]])
        effect = alpha[:, :, None] * ((growth - 1) / capacity)[:, None, None] * np.array([0.8, 1.2])
        return _as_arrays({"fertility": fertility, "survival": survival, "competition": effect}), np.column_stack(
            [start, start / 2]
        )
    rate = np.log(growth)
    return _as_arrays({"growth_rate": rate, "competition": alpha * (rate / capacity)[:, None]}), start


def expected_counts(model: PopulationModel, values: dict[str, np.ndarray], start: np.ndarray, days: np.ndarray):
    """Totals without noise, shape `(days, species)`."""
    with jax.enable_x64(True):
        known = model.with_values(values)
        return np.asarray(known.totals(known.states_at(start, days)))


def _as_arrays(values: dict) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, float) for name, value in values.items()}
