"""Rates of age-structured species in continuous time: ageing, death, birth and predation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.linalg
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import ArrayLike


@dataclasses.dataclass(frozen=True, eq=False, init=False)
class AgeRates:
    r"""Rates of one age-structured species in continuous time, each an event per individual and unit of time.

    Between events nothing happens; an individual of class $k$ moves to class $k + 1$ at rate $\alpha_k$, dies at rate
    $\mu_k$, and has a newborn (of class 1) at rate $\phi_k$, itself staying where it is.

    Args:
        ageing: $\alpha_k$, shape `(classes - 1,)`: the last class has no next one. May be left out for one class.
        death: $\mu_k$, shape `(classes,)`.
        birth: $\phi_k$, shape `(classes,)`.

    Attributes:
        ageing: as given, in float64.
        death: as given, in float64.
        birth: as given, in float64.

    Raises:
        ValueError: for rates negative or not finite, or shapes that do not agree.

    Example:
        >>> AgeRates(ageing=[0.5], death=[0.1, 0.3], birth=[0.0, 0.8]).num_classes
        2
    """

    ageing: Float[np.ndarray, " passages"]
    death: Float[np.ndarray, " classes"]
    birth: Float[np.ndarray, " classes"]

    def __init__(self, ageing: ArrayLike = (), *, death: ArrayLike, birth: ArrayLike) -> None:
        """See the class."""
        for name, values in (("ageing", ageing), ("death", death), ("birth", birth)):
            object.__setattr__(self, name, read_rates(name, values, 1))
        classes = len(self.death)
        if not classes or len(self.birth) != classes or len(self.ageing) != classes - 1:
            raise ValueError(
                "death and birth must have one rate per class and ageing one fewer; got "
                f"{classes}, {len(self.birth)} and {len(self.ageing)}."
            )

    @property
    def num_classes(self) -> int:
        """Number of age classes."""
        return len(self.death)


@dataclasses.dataclass(frozen=True, eq=False, init=False)
class Predation:
    r"""One species eats another, $x_i + y_j \to y_j$: the prey dies, the predator is unchanged.

    Args:
        prey: name of the species that is eaten.
        predator: name of the species that eats.
        rates: $\beta_{ij}$, events per prey of class i, predator of class j and unit of time, shape `(prey classes,
            predator classes)`.

    Attributes:
        prey: as given.
        predator: as given.
        rates: as given, in float64.

    Raises:
        ValueError: for rates negative, not finite or not of two dimensions, or a species that eats itself.
    """

    prey: str
    predator: str
    rates: Float[np.ndarray, "prey predators"]

    def __init__(self, prey: str, predator: str, rates: ArrayLike) -> None:
        """See the class."""
        if prey == predator:
            raise ValueError(f"prey and predator must be different species; got {prey!r} twice.")
        object.__setattr__(self, "prey", prey)
        object.__setattr__(self, "predator", predator)
        object.__setattr__(self, "rates", read_rates("rates", rates, 2))


Species = AgeRates | Mapping[str, AgeRates]


def generator_matrix(species: Species, predation: Sequence[Predation] = ()) -> Float[np.ndarray, "types types"]:
    r"""The matrix $G$ of the means, $dn/dt = G n$.

    $$G_{kk} = -\alpha_k - \mu_k,\qquad G_{k+1,k} = \alpha_k,\qquad G_{1k} \mathrel{+}= \phi_k$$

    Columns are the class left, rows the class entered; off the diagonal nothing is negative. Several species stand in
    blocks on the diagonal. **[derived]** in this project.

    Args:
        species: rates of one species, or of several by name.
        predation: must be empty; see Raises.

    Returns:
        $G$, per unit of time; the means at time t are `expm(G * t) @ start`.

    Raises:
        UnableError: with predation whose rates are not all 0: the means then depend on the mean products of prey and
            predators, and so on without end.

    Example:
        >>> print(generator_matrix(AgeRates([0.5], death=[0.1, 0.3], birth=[0.0, 0.8])).tolist())
        [[-0.6, 0.8], [0.5, -0.3]]
    """
    if any(event.rates.any() for event in predation):
        raise UnableError(
            "with predation the means obey no equation of their own: d<x>/dt holds <x y>, the mean of products. Use "
            "DoiPeliti(...).evolve(...).means, which takes them from the distribution."
        )
    blocks = []
    for rates in as_species_rates(species).values():
        out = np.append(rates.ageing, 0.0) + rates.death
        block = np.diag(rates.ageing, -1) - np.diag(out)
        block[0] += rates.birth
        blocks.append(block)
    return scipy.linalg.block_diag(*blocks)


def as_species_rates(species: Species) -> dict[str, AgeRates]:
    """Rates by name; one species without a name is "population"."""
    found = {"population": species} if isinstance(species, AgeRates) else dict(species)
    if not found or not all(isinstance(name, str) and name for name in found):
        raise ValueError(f"species must be one or more rates by name; got {list(found)}.")
    return found


def read_rates(name: str, values: ArrayLike, dimensions: int) -> np.ndarray:
    """Rates as float64, finite and at least 0."""
    found = np.array(values, dtype=np.float64)
    if found.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimension(s); got shape {found.shape}.")
    wrong = np.argwhere(~(np.isfinite(found) & (found >= 0)))
    if wrong.size:
        place = wrong[0].tolist()
        raise ValueError(
            f"{name}{place} must be a rate, finite and at least 0 (per unit of time); got {found[tuple(place)]}."
        )
    found.flags.writeable = False
    return found
