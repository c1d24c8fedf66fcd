"""Ready families: linear and structured models of two species, with the ranges that a fit starts from."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from popmath._types import Array, Parameter
from popmath.populations.family import ModelFamily
from popmath.populations.leslie_competition import LinearLeslieCompetition
from popmath.populations.parameter_ranges import positive, probability
from popmath.populations.predator_prey import LesliePredatorPrey
from popmath.populations.staged_predator_prey import StagedPredatorPrey


def linear_leslie_competition(species: Sequence[str], num_classes: int = 2, interval: float = 1.0) -> ModelFamily:
    r"""Linear competition of two age-structured species, all numbers free; the state is not clipped.

    $x' = L_1 x - C_1 y$, $y' = L_2 y - C_2 x$ (`LinearLeslieCompetition`). With 2 classes there are 20 free numbers,
    the state at time 0 included. It bends through data only with many free numbers, and forecasts negative populations.

    Args:
        species: two names.
        num_classes: age classes of each species, at least 1.
        interval: length of the projection interval, in the time unit of the data.

    Example:
        >>> family = linear_leslie_competition(("caudatum", "aurelia"))
        >>> family.name, sum(p.low.size for p in family.parameters(np.ones(2)).values()) + 4
        ('linear Leslie competition, 2 classes', 20)

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (the form is a reconstruction from the abstract).
    """
    template = LinearLeslieCompetition(tuple(species), num_classes=num_classes, interval=interval)
    name = f"linear Leslie competition, {_classes(num_classes)}"
    return ModelFamily(template.species, template.parameters, template.with_values, initial=template.initial, name=name)


def linear_predator_prey(
    prey_classes: int = 2,
    predator_classes: int = 2,
    species: Sequence[str] = ("prey", "predator"),
    mode: str = "linear",
    interval: float = 1.0,
) -> ModelFamily:
    r"""The linear Leslie predator-prey model with all numbers free.

    $x' = L_x x - P y$, $y' = L_y y + Q x$ (`LesliePredatorPrey`), each $L$ a Leslie matrix of a `fertility` by class in
    row 0 and a `survival` below the diagonal, whose last entry is to stay in the oldest class.

    Args:
        prey_classes: age classes of the prey, at least 1.
        predator_classes: age classes of the predators, at least 1.
        species: two names, prey and predator.
        mode: `"linear"`, or `"clipped"` at 0 after each step.
        interval: length of the projection interval, in the time unit of the data.

    Example:
        >>> family = linear_predator_prey(1, 1, species=("hare", "lynx"))
        >>> values = {"prey_fertility": [1.0], "prey_survival": [0.5], "predator_fertility": [0.0]}
        >>> values |= {"predator_survival": [0.5], "predation": [[0.25]], "conversion": [[0.125]]}
        >>> family.with_values(values).model.projection_matrix().tolist()
        [[1.5, -0.25], [0.125, 0.5]]

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (the form is a reconstruction from the abstract).
    """
    m, n = prey_classes, predator_classes

    def ranges(largest: np.ndarray) -> dict[str, Parameter]:
        prey, predator = largest
        take, gain = prey / predator, predator / prey
        found = {
            "prey_fertility": positive(0.1, 2.0, (m,), "young by class of the prey", "per interval"),
            "prey_survival": probability(0.2, 0.9, (m,), "survival of the prey", "per interval"),
            "predator_fertility": positive(0.05, 1.0, (n,), "young by class of the predators", "per interval"),
            "predator_survival": probability(0.2, 0.9, (n,), "survival of the predators", "per interval"),
            "predation": positive(take / 100, take, (m, n), "prey taken by one predator", "per interval"),
            "conversion": positive(gain / 100, gain, (n, m), "predators gained from one prey", "per interval"),
        }
        return {name: parameter._replace(by_species=False) for name, parameter in found.items()}

    def build(p: dict[str, Array]) -> LesliePredatorPrey:
        prey = _leslie(p["prey_fertility"], p["prey_survival"])
        predators = _leslie(p["predator_fertility"], p["predator_survival"])
        return LesliePredatorPrey(
            prey, predators, p["predation"], p["conversion"], species=tuple(species), mode=mode, interval=interval
        )

    name = f"linear Leslie predator-prey, {_classes(m, n)}"
    return ModelFamily(tuple(species), ranges, build, name=name if mode == "linear" else f"{name}, {mode}")


def structured_predator_prey(
    prey_classes: int = 3,
    predator_classes: int = 3,
    species: Sequence[str] = ("prey", "predator"),
    interval: float = 1.0,
) -> ModelFamily:
    """Crowded prey and sated predators in stages, all numbers free (`StagedPredatorPrey`).

    Gause's mites have three stages each, hexapod, octapod and imago; with one class of each it is the same without
    structure. A state is the prey's stages and then the predators', as `observe="stages"` of a fit has them.

    Args:
        prey_classes: stages of the prey, at least 1.
        predator_classes: stages of the predators, at least 1.
        species: two names, prey and predator.
        interval: length of the projection interval, in the time unit of the data.

    Example:
        >>> family = structured_predator_prey()
        >>> family.state_shape, sum(p.low.size for p in family.parameters(np.ones(2)).values())
        ((6,), 17)

    References:
        Gause, G. F., Smaragdova, N. P. & Witt, A. A. (1936), Journal of Animal Ecology 5, 1-18 (the data).
    """
    template = StagedPredatorPrey(
        tuple(species), prey_stages=prey_classes, predator_stages=predator_classes, interval=interval
    )
    name = f"structured predator-prey, {_classes(prey_classes, predator_classes)}"
    return ModelFamily(template.species, template.parameters, template.with_values, initial=template.initial, name=name)


def _leslie(fertility: Array, survival: Array) -> Array:
    """Leslie matrix with a plus group: fertilities in row 0, survivals below the diagonal, the last one on it."""
    survival = jnp.asarray(survival)
    matrix = jnp.diag(survival[:-1], k=-1).at[0].set(fertility)
    return matrix.at[-1, -1].add(survival[-1])


def _classes(*numbers: int) -> str:
    return f"{' + '.join(map(str, numbers))} class{'' if numbers == (1,) else 'es'}"
