"""`Community`: any number of structured species, each with its classes, that act on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations.community_checks import (
    check_harvest,
    check_interactions,
    check_migration,
    check_species,
    check_years,
    common_interval,
    number_of_years,
    state_from_names,
)
from popmath.populations.community_noise import EnvironmentalNoise, Pathways, draw_year, pathways, random_flows
from popmath.populations.community_rates import (
    Rates,
    as_population,
    assemble,
    flows,
    harvest_left,
    mean_year,
    species_slices,
    year_product,
)
from popmath.populations.interactions import (
    Interaction,
    LinearEffect,
    as_weights,
    check_choice,
)
from popmath.populations.matrix_population import MatrixPopulation, as_entries, compute
from popmath.populations.model import PopulationModel, as_species
from popmath.populations.random_counts import binomial

MODES = ("clipped", "linear")


@final
class Community(PopulationModel):
    r"""Structured species that compete, eat, help and regulate each other, with noise and harvest.

    With $x_i$ the abundances of species $i$ by class at the start of an interval,

    $$x_i' = (1 - h_i)\,\bigl[\,g^U_i U_i x_i + g^F_i \epsilon_i F_i x_i
      + \textstyle\sum_j (A_{ij} - C_{ij}) x_j + \text{gain}_i - \text{loss}_i + \mu_i\,\bigr]_+$$

    $U_i$, $F_i$ survival and reproduction (`populations`), $g_i$ the factors of every `Regulation`, $A_{ij}$ and
    $C_{ij}$ the blocks of every `LinearEffect`, loss and gain those of every `MassAction`, $\epsilon_i$ the
    `EnvironmentalNoise`, $\mu_i$ migration, $h_i$ harvest. All depend on the abundances at the start of the interval;
    harvest comes last. One state is all classes in one row, species after species: `state` makes it from names.

    With `demographic_noise` abundances are whole numbers: each individual survives and moves by chance (multinomial
    with the probabilities $g^U U$), births, losses, gains and migration are Poisson with the means above, losses are
    limited to what is there, and harvest takes each individual with probability $h$.

    Args:
        populations: by name of species, a `MatrixPopulation`; or a number, the growth factor of a species without
            classes whose adults do not survive. A leading axis of its matrices is a choice of years (kinds of
            interval), drawn independently for each interval and together for all species; all species that have one
            have the same number of years.
        interactions: `LinearEffect`, `MassAction` and `Regulation` records, any number.
        environment: noise of the environment, None for none.
        year_probabilities: of the years, shape `(years,)`; None for equal.
        demographic_noise: whether individuals have fates of their own.
        harvest: proportion taken at the end of an interval by species, a number or one per class, in [0, 1].
        quota: number taken after that, by species, from its classes in proportion to their abundance; all that are
            there if they are fewer.
        migration: individuals added per interval by species (negative: leaving), a number for every class or one
            per class.
        mode: `"clipped"` keeps abundances at 0 or above; `"linear"` lets them turn negative, as in the theory.
        interval: length of a projection interval; None for that of the matrices.
        unit: its time unit; None for that of the matrices.

    Raises:
        ValueError: for unknown species, blocks of the wrong shape, numbers outside their range, matrices of
            different intervals or numbers of years, or settings that exclude each other; species and block are named.

    Example:
        >>> import popmath as pm
        >>> hare = MatrixPopulation(U=[[0, 0], [0.4, 0.6]], F=[[0, 3], [0, 0]], names=("young", "adult"))
        >>> eaten = pm.MassAction("hare", "lynx", attack=[[0.02], [0.01]], conversion=[[0.003, 0.003]])
        >>> crowded = pm.Regulation("hare", {"hare": 0.005}, acts_on="fertility")
        >>> pair = Community({"hare": hare, "lynx": 0.9}, [eaten, crowded])
        >>> run = pm.simulate(pair, pair.state({"hare": [50, 40], "lynx": 8}), num_steps=1)
        >>> {name: classes.round(2).tolist() for name, classes in pair.by_species(np.asarray(run.states[-1])).items()}
        {'hare': [74.76, 40.8], 'lynx': [9.36]}

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., chapters 14 to 16. Gilman, S. et al. (2024),
        arXiv:2412.19831 (linear interactions; reconstructed from the abstract).
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    populations: tuple[MatrixPopulation, ...]
    interactions: tuple[Interaction, ...]
    environment: EnvironmentalNoise | None
    year_probabilities: Float[Array, " years"] | None
    demographic_noise: bool = eqx.field(static=True)
    harvest: dict[str, Array] = eqx.field(converter=as_weights)
    quota: dict[str, Array] = eqx.field(converter=as_weights)
    migration: dict[str, Array] = eqx.field(converter=as_weights)
    mode: str = eqx.field(static=True)
    interval: float = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    ways: Pathways = eqx.field(static=True)

    def __init__(
        self,
        populations: Mapping[str, MatrixPopulation | ArrayLike | float],
        interactions: Sequence[Interaction] = (),
        *,
        environment: EnvironmentalNoise | None = None,
        year_probabilities: ArrayLike | None = None,
        demographic_noise: bool = False,
        harvest: Mapping[str, ArrayLike | float] | None = None,
        quota: Mapping[str, ArrayLike | float] | None = None,
        migration: Mapping[str, ArrayLike | float] | None = None,
        mode: str = "clipped",
        interval: float | None = None,
        unit: str | None = None,
    ) -> None:
        """See the class."""
        self.species, self.interactions = tuple(populations), tuple(interactions)
        given = [population for population in populations.values() if isinstance(population, MatrixPopulation)]
        self.interval, self.unit = common_interval(given, interval, unit)
        self.populations = tuple(as_population(*item, self.interval, self.unit) for item in populations.items())
        self.environment, self.demographic_noise, self.mode = environment, demographic_noise, mode
        self.harvest, self.quota, self.migration = harvest or {}, quota or {}, migration or {}
        years = number_of_years(self.populations)
        odds = np.full(years, 1.0 / years) if years and year_probabilities is None else year_probabilities
        self.year_probabilities = None if odds is None else as_entries(odds)
        self.ways = pathways(self.populations, self.interactions, bool(self.migration))

    def __check_init__(self) -> None:
        """Check names, shapes, ranges, and settings that exclude each other."""
        slices = self.slices
        check_interactions(slices, self.interactions)
        check_harvest(self.harvest, self.quota, slices)
        check_migration(self.migration, slices)
        check_years(self.year_probabilities, number_of_years(self.populations))
        check_choice("mode", self.mode, MODES)
        if self.environment is not None:
            check_species("the environmental noise", tuple(self.environment.sd), self.species)
        if self.demographic_noise and self.mode == "linear":
            raise ValueError("demographic_noise counts individuals, which cannot be negative: use mode='clipped'.")
        if self.demographic_noise and self.environment is not None and self.environment.acts_on == "all":
            raise ValueError(
                "with demographic_noise survival must stay a probability: use environmental noise that acts on "
                "'fertility', or matrices of several years."
            )

    @property
    def slices(self) -> dict[str, slice]:
        """Where the classes of each species stand in a state."""
        return species_slices(self.species, self.populations)

    @property
    def whole_numbers(self) -> bool:
        """Whether abundances count individuals."""
        return self.demographic_noise

    @property
    def state_shape(self) -> tuple[int, ...]:
        """`(states,)`: all classes of all species."""
        return (sum(population.num_classes for population in self.populations),)

    @property
    def class_labels(self) -> tuple[tuple[str, str], ...]:
        """Species and class of each number of a state."""
        return tuple((n, c) for n, p in zip(self.species, self.populations, strict=True) for c in p.class_names)

    @property
    def random(self) -> bool:
        """Whether a step needs a key."""
        return self.demographic_noise or self.environment is not None or self.year_probabilities is not None

    def state(self, abundances: Mapping[str, ArrayLike | float]) -> Float[np.ndarray, " states"]:
        """All classes in one row, from abundances by name: one per class, or a number for a species of one class."""
        return state_from_names(
            abundances, {n: p.num_classes for n, p in zip(self.species, self.populations, strict=True)}
        )

    def by_species(self, states: Array) -> dict[str, Array]:
        """The classes of each species in `states`, whose last axis is one state."""
        return {name: states[..., where] for name, where in self.slices.items()}

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of each species, summed over its classes."""
        return jnp.stack([jnp.sum(states[..., where], axis=-1) for where in self.slices.values()], axis=-1)

    def deterministic(self) -> Community:
        """The same community without chance; years are replaced by their mean."""
        populations = self.populations
        if self.year_probabilities is not None:
            populations = tuple(mean_year(population, self.year_probabilities) for population in populations)
        return Community(
            dict(zip(self.species, populations, strict=True)),
            self.interactions,
            harvest=self.harvest,
            quota=self.quota,
            migration=self.migration,
            mode=self.mode,
        )

    def linear_matrix(self) -> Float[Array, "states states"]:
        r"""The matrix $M$ of a linear community, $z' = M z + \mu$ but for clipping and chance.

        Raises:
            UnableError: if there is regulation, mass action or a quota.
        """
        bent = sorted({type(item).__name__ for item in self.interactions if not isinstance(item, LinearEffect)})
        if bent or self.quota:
            raise UnableError(
                f"the community is not linear: it has {', '.join(bent) or 'a quota'}. A matrix has only a community "
                "of LinearEffect interactions; for others take the Jacobian of `equilibrium`."
            )

        def build(quiet):
            rates = quiet.rates()
            keep = quiet.kept(jnp.ones(quiet.state_shape))
            return keep[:, None] * (rates.survival + rates.births + rates.added - rates.taken)

        return compute(build, self.deterministic())

    def rates(self) -> Rates:
        """All matrices in their places; those of several years are stacked."""
        return assemble(self.slices, self.populations, self.interactions, self.migration)

    def expected(self, state: Array, year: Array | None = None, noise: Array | None = None) -> Array:
        """The state after an interval on average over individuals, before clipping and harvest.

        Args:
            state: abundances, shape `(states,)`.
            year: weights of the years, shape `(years,)`; None where there are none.
            noise: environmental factors by class, shape `(states,)`; None for 1.
        """
        rates = self.rates()
        flow = flows(state, rates, self.interactions, self.slices)
        kept, born = (year_product(matrix, state, year) for matrix in (rates.survival, rates.births))
        if noise is not None:
            born = noise * born
            if self.environment is not None and self.environment.acts_on == "all":
                kept = noise * kept
        own = flow.survival_factor * kept + flow.fertility_factor * born
        return own + flow.gain - flow.loss + rates.migration

    def draw(self, key: Array, state: Array) -> tuple[Array | None, Array | None]:
        """The environment of one interval: weights of the years and factors by class, None where there are none."""
        both = self.year_probabilities is not None and self.environment is not None
        first, second = jax.random.split(key) if both else (key, key)
        year = None if self.year_probabilities is None else draw_year(first, self.year_probabilities)
        return year, None if self.environment is None else self.environment.by_class(second, state, self.slices)

    def kept(self, state: Array) -> Array:
        """The share of each class that harvest leaves of `state`, shape `(states,)`."""
        return harvest_left(state, self.harvest, self.quota, self.slices)

    def step(self, state: Array, t: Array | int, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """The state one interval later; `negative` says whether a class fell below 0, `harvested` what was taken."""
        year = noise = individual = None
        if self.random and key is None:
            raise ValueError("this community has noise: pass key=jax.random.key(seed), or use deterministic().")
        if key is not None and self.demographic_noise:
            key, individual = jax.random.split(key)
        if key is not None:
            year, noise = self.draw(key, state)
        one = (state, year, noise)
        after = self.expected(*one) if individual is None else self._individuals(individual, *one)
        info = {"negative": jnp.any(after < 0)}
        if self.mode == "clipped":
            after = jnp.maximum(after, 0.0)
        if not (self.harvest or self.quota):
            return after, info
        left = self.kept(after)
        if individual is not None:
            last = binomial(jax.random.fold_in(individual, 1), after, left)
        else:
            last = left * after
        return last, info | {"harvested": self.totals(after - last)}

    def _individuals(self, key: Array, state: Array, year: Array | None, noise: Array | None) -> Array:
        rates = self.rates()
        flow = flows(state, rates, self.interactions, self.slices)
        moves = rates.survival if year is None else jnp.tensordot(year, rates.survival, 1)
        born = flow.fertility_factor * year_product(rates.births, state, year)
        born = born if noise is None else noise * born
        probabilities = flow.survival_factor[:, None] * moves
        return random_flows(key, state, self.ways, probabilities, born, flow.loss, flow.gain, rates.migration)
