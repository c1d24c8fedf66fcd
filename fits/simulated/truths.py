"""Models with parameters drawn at random, to simulate from."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import numpy as np

import popmath as pm
from popmath.populations.model import PopulationModel

SPECIES = ("x", "y")


def template(name: str) -> PopulationModel:
    """The model to fit."""
    if name == "DensityDependentLeslie":
        return pm.DensityDependentLeslie(SPECIES, num_classes=2)
    if name == "LinearLeslieCompetition":
        return pm.LinearLeslieCompetition(SPECIES, num_classes=1)
    if name == "LinearPredatorPrey":
        return pm.populations.linear_predator_prey(1, 1, species=SPECIES)
    if name == "StagedPredatorPrey":
        return pm.populations.structured_predator_prey(2, 2, species=SPECIES)
    return getattr(pm, name)(SPECIES)


def fixed(name: str) -> dict[str, list[list[float]]]:
    """What is known: young do not reproduce; where there is one class, survival, which only adds to fertility."""
    return {
        "DensityDependentLeslie": {"fertility": [[0.0, np.nan]] * 2},
        "LinearLeslieCompetition": {"survival": [[0.5]] * 2},
        "LinearPredatorPrey": {"prey_survival": [0.5], "predator_survival": [0.5]},
    }.get(name, {})


def observed_as(name: str) -> str:
    """Whether stages are counted, or totals."""
    return "stages" if name == "StagedPredatorPrey" else "totals"


def draw(name: str, rng: np.random.Generator, num_days: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameters by name, and the state at time 0.

    Competitors start from 1.5 to 4 individuals, would reach 80 to 300 alone, and compete with coefficients of 0.2 to 1.
    Predators and prey cycle around 20 to 60 of each. Linear and staged models are drawn again until every expected
    count of the days that are simulated is between 2 and 3,000: linear ones turn negative sooner or later.
    """
    if name in DRAWS:
        return _until_inside(name, rng, num_days)
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


@functools.cache
def curve(name: str, num_days: int) -> Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]:
    """Counts without noise, given parameters and state at time 0: totals, shape `(days, 2)`, or stages, `(days, 4)`."""

    def states(values: dict[str, np.ndarray], start: np.ndarray):
        known = template(name).with_values(values)
        found = known.states_at(start, np.arange(float(num_days)))
        return known.totals(found) if observed_as(name) == "totals" else found

    compiled = jax.jit(states)

    def counts(values: dict[str, np.ndarray], start: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(compiled(values, start))

    return counts


def _linear_competition(rng: np.random.Generator) -> tuple[dict, np.ndarray]:
    competition = rng.uniform(0.02, 0.1, (2, 1, 1))
    values = {"fertility": rng.uniform(0.55, 0.7, (2, 1)), "survival": np.full((2, 1), 0.5), "competition": competition}
    return values, rng.uniform(20, 60, (2, 1))


def _linear_predator_prey(rng: np.random.Generator) -> tuple[dict, np.ndarray]:
    values = {"prey_fertility": rng.uniform(0.55, 0.75, 1), "prey_survival": [0.5], "predator_survival": [0.5]}
    values |= {"predator_fertility": rng.uniform(0.2, 0.45, 1), "predation": rng.uniform(0.02, 0.3, (1, 1))}
    return values | {"conversion": rng.uniform(0.02, 0.2, (1, 1))}, rng.uniform(20, 60, 2)


def _staged(rng: np.random.Generator) -> tuple[dict, np.ndarray]:
    values = {"fertility": rng.uniform(2, 4), "crowding": rng.uniform(0.01, 0.03), "handling": rng.uniform(0.005, 0.02)}
    values |= {"attack": rng.uniform(0.05, 0.3, 2), "conversion": rng.uniform(0.2, 0.6)}
    values |= {"prey_survival": rng.uniform(0.6, 0.9, 2), "prey_development": rng.uniform(0.4, 0.7, 1)}
    values |= {"predator_survival": rng.uniform(0.6, 0.85, 2), "predator_development": rng.uniform(0.3, 0.7, 1)}
    return values, np.concatenate([rng.uniform(20, 60, 2), rng.uniform(5, 15, 2)])


DRAWS = {
    "LinearLeslieCompetition": _linear_competition,
    "LinearPredatorPrey": _linear_predator_prey,
    "StagedPredatorPrey": _staged,
}


def _until_inside(name: str, rng: np.random.Generator, num_days: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    for _ in range(10_000):
        values, start = DRAWS[name](rng)
        values = _as_arrays(values)
        expected = curve(name, num_days)(values, start)
        if 2 <= expected.min() and expected.max() <= 3000:
            return values, start
    raise RuntimeError(
        f"no parameters of {name} give counts between 2 and 3,000; widen the ranges they are drawn from."
    )


def _as_arrays(values: dict) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, float) for name, value in values.items()}
