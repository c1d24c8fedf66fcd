"""The linear Leslie predator-prey model."""

from __future__ import annotations

from typing import Literal, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import Array
from popmath.populations.matrix_population import as_optional_entries, compute
from popmath.populations.model import PopulationModel, as_species, check_positive
from popmath.populations.predation_blocks import as_block, check_blocks, check_numbers, check_pair, names_of

Mode = Literal["linear", "clipped"]


@final
class LesliePredatorPrey(PopulationModel):
    r"""A structured prey and its structured predator, each a matrix population, coupled linearly.

    $$x(t+1) = L_x x(t) - P y(t) + \mu_x, \qquad y(t+1) = L_y y(t) + Q x(t) + \mu_y$$

    with $x$ the prey and $y$ the predators by class. In one row $z = (x, y)$ that is $z(t+1) = M z(t) + \mu$ with
    $M = \begin{pmatrix} L_x & -P\\ Q & L_y\end{pmatrix}$. What is taken does not depend on what is there, so that
    nothing keeps the prey positive: mode `"linear"` lets them fall below 0 and `step` reports `negative`; mode
    `"clipped"` sets what falls below 0 to 0 after each step (and still reports it). `first_negative` tells when.

    Args:
        prey_matrix: $L_x$, projection matrix of the prey alone, shape `(prey_classes, prey_classes)`, at least 0; an
            array or a `MatrixPopulation`.
        predator_matrix: $L_y$, the same of the predators, shape `(predator_classes, predator_classes)`.
        predation: $P$; `predation[a, b]` is how many prey of class a one predator of class b takes in an interval,
            shape `(prey_classes, predator_classes)`, at least 0.
        conversion: $Q$; `conversion[b, a]` is how many predators of class b one prey of class a yields in an interval,
            shape `(predator_classes, prey_classes)`, at least 0.
        species: two names, prey and predator.
        migration: $\mu$, individuals that come (negative: leave) in an interval, first the prey's classes, then the
            predators', shape `(prey_classes + predator_classes,)`; None for none.
        mode: `"linear"` or `"clipped"`.
        prey_classes: names of the prey's classes; None for those of `prey_matrix`, or `"class 1"`, ...
        predator_classes: the same of the predators.
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for blocks whose shapes disagree, entries negative or not finite, migration not finite, an unknown
            mode, or names that repeat.

    Example:
        >>> prey, predator = [[0.0, 2.0], [0.5, 0.0]], [[0.5]]
        >>> model = LesliePredatorPrey(prey, predator, predation=[[0.1], [0.0]], conversion=[[0.0, 0.2]])
        >>> model.projection_matrix().tolist()
        [[0.0, 2.0, -0.1], [0.5, 0.0, -0.0], [0.0, 0.2, 0.5]]

    References:
        Gilman, S., Miller, S., Son, T., Waheed, A. & Wang, T. (2024), arXiv:2412.19831 (the form is a reconstruction
        from the abstract). Jensen, A. L. & Miller, D. H. (2001), Ecological Modelling 141, 21-30.
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    prey_matrix: Float[Array, "prey prey"] = eqx.field(converter=as_block)
    predator_matrix: Float[Array, "predators predators"] = eqx.field(converter=as_block)
    predation: Float[Array, "prey predators"] = eqx.field(converter=as_block)
    conversion: Float[Array, "predators prey"] = eqx.field(converter=as_block)
    migration: Float[Array, " states"] | None = eqx.field(default=None, converter=as_optional_entries)
    mode: Mode = eqx.field(default="linear", static=True)
    prey_classes: tuple[str, ...] = eqx.field(default=(), static=True)
    predator_classes: tuple[str, ...] = eqx.field(default=(), static=True)
    interval: float = eqx.field(default=1.0, static=True)

    def __init__(
        self,
        prey_matrix,
        predator_matrix,
        predation,
        conversion,
        *,
        species=("prey", "predator"),
        migration=None,
        mode: str = "linear",
        prey_classes=None,
        predator_classes=None,
        interval=1.0,
    ) -> None:
        """See the class."""
        if mode not in ("linear", "clipped"):
            raise ValueError(f"mode must be 'linear' or 'clipped' (at 0 after each step); got {mode!r}.")
        self.species = species
        self.prey_matrix, self.predator_matrix = prey_matrix, predator_matrix
        self.predation, self.conversion = predation, conversion
        self.migration, self.mode, self.interval = migration, mode, float(interval)
        self.prey_classes = names_of(prey_classes, prey_matrix)
        self.predator_classes = names_of(predator_classes, predator_matrix)

    def __check_init__(self) -> None:
        """Check names, interval, shapes and signs."""
        check_pair(self.species)
        check_positive("interval", self.interval)
        check_blocks(
            self.species,
            (("prey_matrix", self.prey_matrix), ("predator_matrix", self.predator_matrix)),
            (("predation", self.predation), ("conversion", self.conversion)),
            (self.prey_classes, self.predator_classes),
        )
        check_numbers("migration", self.migration, self.num_states, "one number per class, prey first")

    @property
    def num_prey(self) -> int:
        """Number of prey classes."""
        return np.shape(self.prey_matrix)[0]

    @property
    def num_states(self) -> int:
        """Number of classes of both species."""
        return np.shape(self.prey_matrix)[0] + np.shape(self.predator_matrix)[0]

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state: the prey's classes, then the predators'."""
        return (self.num_states,)

    @property
    def state_names(self) -> tuple[tuple[str, str], ...]:
        """(species, class) of each number in a state."""
        prey, predator = self.species
        return (*((prey, name) for name in self.prey_classes), *((predator, name) for name in self.predator_classes))

    def projection_matrix(self) -> Float[Array, "states states"]:
        r"""$M$, which takes all classes of both species one interval on (migration left out)."""
        return compute(block_matrix, self.prey_matrix, self.predation, self.conversion, self.predator_matrix)

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances by class one interval later; `negative`: whether one is below 0 (or was, before clipping)."""
        prey, predators = state[: self.num_prey], state[self.num_prey :]
        after = jnp.concatenate(
            [
                jnp.dot(self.prey_matrix, prey) - jnp.dot(self.predation, predators),
                jnp.dot(self.predator_matrix, predators) + jnp.dot(self.conversion, prey),
            ]
        )
        if self.migration is not None:
            after = after + self.migration
        negative = jnp.any(after < 0)
        return jnp.maximum(after, 0.0) if self.mode == "clipped" else after, {"negative": negative}

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of prey and predators, summed over their classes."""
        return pair_totals(states, self.num_prey)


def pair_totals(states: Array, num_prey: int) -> Array:
    """Sums over the first `num_prey` classes and over the others."""
    parts = (states[..., :num_prey], states[..., num_prey:])
    return jnp.stack([jnp.sum(part, axis=-1) for part in parts], axis=-1)


def block_matrix(prey: Array, predation: Array, conversion: Array, predators: Array) -> Array:
    r"""$\begin{pmatrix} L_x & -P\\ Q & L_y\end{pmatrix}$."""
    return jnp.block([[jnp.asarray(prey), -jnp.asarray(predation)], [jnp.asarray(conversion), jnp.asarray(predators)]])


def linear_blocks(model: LesliePredatorPrey) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""The blocks $L_x, P, Q, L_y$ as NumPy arrays.

    Raises:
        UnableError: for a clipped model, which is not linear.
        TypeError: where JAX is tracing them.
    """
    refuse_clipped(model)
    blocks = (model.prey_matrix, model.predation, model.conversion, model.predator_matrix)
    if any(isinstance(block, Tracer) for block in blocks):
        raise TypeError(
            "this needs a model of numbers, not one that JAX is tracing: call it outside jit, vmap and grad."
        )
    lx, p, q, ly = (np.asarray(block, np.float64) for block in blocks)
    return lx, p, q, ly


def refuse_clipped(model: LesliePredatorPrey) -> None:
    """Refuse a model that is linear only as long as nothing is clipped."""
    if model.mode == "clipped":
        raise UnableError(
            "this is linear theory, and a model with mode='clipped' is not linear once something is clipped. Use "
            "simulate(model, initial, num_steps), or dataclasses.replace(model, mode='linear') and first_negative to "
            "see how long the two agree."
        )
