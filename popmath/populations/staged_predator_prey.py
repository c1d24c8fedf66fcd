"""Prey and predators in stages of development: crowded prey, and predators that are sated."""

from __future__ import annotations

from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._types import Array, Parameter
from popmath.populations.fractional_times import states_by_steps
from popmath.populations.model import (
    PopulationModel,
    as_parameter,
    as_species,
    check_parameters,
    check_positive,
    check_whole,
    parameter_values,
)
from popmath.populations.parameter_ranges import positive, probability
from popmath.populations.predation_blocks import check_pair
from popmath.populations.predator_prey import pair_totals


@final
class StagedPredatorPrey(PopulationModel):
    r"""A stage-structured prey that is crowded, and stage-structured predators that are sated (Holling's type II).

    With $x$ the prey and $y$ the predators by stage, $X = \sum_a x_a$, one interval is

    $$x' = e^{-m}\bigl(G_x x\bigr) + \frac{f x_{\text{last}}}{1 + cX}\,e_1, \qquad
      m = \frac{\sum_b B_b y_b}{1 + h X}, \qquad
      y' = G_y y + q\,\frac{1 - e^{-m}}{m}\,\frac{B_{\text{last}}\, y_{\text{last}}\, X}{1 + hX}\,e_1$$

    $G$ holds what happens to the living: of stage $a$ a share $s_a(1 - d_a)$ stays and $s_a d_a$ passes on, with
    $s$ survival and $d$ development; the last stage stays. $e^{-m}$ is the share of the prey that escapes, so that no
    more is taken than there is and nothing turns negative (with $m$ small it is mass action). Only the last stages
    breed: the prey by themselves, fewer when crowded, the predators in proportion to what the last stage eats. With one
    stage of each it is an unstructured pair.

    Args:
        species: two names, prey and predator.
        fertility: $f$, young per prey of the last stage and interval, one number, at least 0.
        prey_survival: $s$ of the prey, shape `(prey_stages,)`, in [0, 1].
        prey_development: $d$ of the prey, shape `(prey_stages - 1,)`, in [0, 1].
        crowding: $c$, per prey, one number, at least 0.
        attack: $B$, rate at which a predator of each stage takes prey while they are few, shape `(predator_stages,)`,
            per interval, at least 0.
        handling: $h$, per prey, one number, at least 0: at $X = 1/h$ a predator takes half of what it can.
        conversion: $q$, young predators per prey eaten by the last stage, one number, at least 0.
        predator_survival: $s$ of the predators, shape `(predator_stages,)`, in [0, 1].
        predator_development: $d$ of the predators, shape `(predator_stages - 1,)`, in [0, 1].
        prey_stages: number of stages of the prey, at least 1; None for those of `prey_survival`, or 3.
        predator_stages: the same of the predators.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for wrong shapes, numbers outside their domain, or not two names.

    Example:
        >>> model = StagedPredatorPrey(("mite", "hunter"), 2.0, [0.5], [], 0.01, [0.0], 0.0, 0.0, [0.5], [])
        >>> import popmath as pm
        >>> pm.simulate(model, [100.0, 8.0], num_steps=2).states.tolist()
        [[100.0, 8.0], [150.0, 4.0], [195.0, 2.0]]

    References:
        Lefkovitch, L. P. (1965), Biometrics 21, 1-18. Holling, C. S. (1959), Canadian Entomologist 91, 385-398. Rogers,
        D. (1972), Journal of Animal Ecology 41, 369-383. The combination is popmath's own.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    fertility: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    prey_survival: Float[Array, " prey"] | None = eqx.field(default=None, converter=as_parameter)
    prey_development: Float[Array, " prey_steps"] | None = eqx.field(default=None, converter=as_parameter)
    crowding: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    attack: Float[Array, " predators"] | None = eqx.field(default=None, converter=as_parameter)
    handling: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    conversion: Float[Array, ""] | None = eqx.field(default=None, converter=as_parameter)
    predator_survival: Float[Array, " predators"] | None = eqx.field(default=None, converter=as_parameter)
    predator_development: Float[Array, " predator_steps"] | None = eqx.field(default=None, converter=as_parameter)
    prey_stages: int | None = eqx.field(default=None, static=True, kw_only=True)
    predator_stages: int | None = eqx.field(default=None, static=True, kw_only=True)
    interval: float = eqx.field(default=1.0, static=True, kw_only=True)

    def __check_init__(self) -> None:
        """Check names, settings, shapes and signs."""
        check_pair(self.species)
        check_positive("interval", self.interval)
        for name, number in zip(("prey_stages", "predator_stages"), self.num_stages, strict=True):
            check_whole(name, number, 1)
        check_parameters(self)

    @property
    def num_stages(self) -> tuple[int, int]:
        """Number of stages of prey and predators."""
        return (
            _number(self.prey_stages, self.prey_survival),
            _number(self.predator_stages, self.predator_survival),
        )

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state: the prey's stages, then the predators'."""
        return (sum(self.num_stages),)

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domains and starting ranges."""
        (prey, predators), (most, hunters) = self.num_stages, largest
        found = {
            "fertility": positive(0.2, 3.0, (), "young per prey of the last stage", "per interval"),
            "prey_survival": probability(0.6, 0.98, (prey,), "survival of the prey by stage", "per interval"),
            "prey_development": probability(0.05, 0.5, (prey - 1,), "development of the prey", "per interval"),
            "crowding": positive(0.1 / most, 10.0 / most, (), "crowding of the prey", "per prey"),
            "attack": positive(0.02 / hunters, 2.0 / hunters, (predators,), "attack by stage", "per interval"),
            "handling": positive(0.1 / most, 10.0 / most, (), "satiation of the predators", "per prey"),
            "conversion": positive(
                0.1 * hunters / most, 3.0 * hunters / most, (), "young predators per prey", "per prey eaten"
            ),
            "predator_survival": probability(0.6, 0.98, (predators,), "survival of the predators", "per interval"),
            "predator_development": probability(
                0.05, 0.5, (predators - 1,), "development of the predators", "per interval"
            ),
        }
        return {name: parameter._replace(by_species=False) for name, parameter in found.items()}

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """Domain and starting range of the abundances by stage at time 0."""
        each = np.maximum(first, 1e-3 * largest) / np.array(self.num_stages)
        share = np.repeat(each, self.num_stages)
        return Parameter("positive", share / 3, share * 3, "abundance by stage at time 0", "abundance")

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances by stage one interval later; `eaten`: how many prey were taken."""
        p = parameter_values(self)
        prey, predators = state[: self.num_stages[0]], state[self.num_stages[0] :]
        total = jnp.sum(prey)
        hunger = p["attack"] * predators / (1.0 + p["handling"] * total)
        risk = jnp.sum(hunger)
        some = risk > 1e-12
        taken_per_risk = jnp.where(some, -jnp.expm1(-risk) / jnp.where(some, risk, 1.0), 1.0)
        living = jnp.exp(-risk) * _develop(prey, p["prey_survival"], p["prey_development"])
        born = p["fertility"] * prey[-1] / (1.0 + p["crowding"] * total)
        hunters = _develop(predators, p["predator_survival"], p["predator_development"])
        hatched = p["conversion"] * taken_per_risk * hunger[-1] * total
        young = [jnp.zeros_like(group).at[0].set(new) for group, new in ((prey, born), (predators, hatched))]
        after = jnp.concatenate([living + young[0], hunters + young[1]])
        return after, {"eaten": taken_per_risk * risk * total}

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """Abundances by stage at any times from 0 on; between steps they are interpolated geometrically."""
        return states_by_steps(self, state, times, self.interval)

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of prey and predators, summed over their stages."""
        return pair_totals(states, self.num_stages[0])


def _number(given: int | None, survival: Array | None) -> int:
    """As given, else the length of the survivals, else 3."""
    if given is not None:
        return given
    shape = () if survival is None else np.shape(survival)
    return shape[0] if shape else 3


def _develop(abundance: Array, survival: Array, development: Array) -> Array:
    """Those who survive, in the stage they are in then."""
    alive = survival * abundance
    leaving = alive[:-1] * development
    return alive - jnp.pad(leaving, (0, 1)) + jnp.pad(leaving, (1, 0))
