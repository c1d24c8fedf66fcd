"""`CountDistribution`: the probability of every count at several times, with what the truncation lost."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from popmath.populations.fock_space import FockSpace

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas


@dataclasses.dataclass(frozen=True, eq=False)
class CountDistribution:
    """Joint distribution of the counts of all classes at each time, from `DoiPeliti.evolve`.

    Where probability is lost, each probability is a lower bound, and so are the moments; `lost` bounds the error of
    every probability, and of the distribution in all.

    Attributes:
        times: in the unit of the rates, shape `(times,)`.
        probabilities: of each state of `space`, shape `(times, states)`.
        space: the states.
        species: their names.
        type_names: names of the classes of all species, in the order of the states.
        expected: means from `expm(G t)`, shape `(times, types)`; None with predation, where they obey no equation of
            their own.
        tolerance: most probability that may be lost.
    """

    times: Float[np.ndarray, " times"]
    probabilities: Float[np.ndarray, "times states"]
    space: FockSpace
    species: tuple[str, ...]
    type_names: tuple[str, ...]
    expected: Float[np.ndarray, "times types"] | None
    tolerance: float

    @property
    def lost(self) -> Float[np.ndarray, " times"]:
        """Probability lost by the truncation up to each time (what is missing from 1)."""
        return np.maximum(0.0, 1.0 - self.probabilities.sum(axis=1))

    @property
    def converged(self) -> bool:
        """Whether no more than `tolerance` is lost at any time."""
        return bool((self.lost <= self.tolerance).all())

    @property
    def means(self) -> Float[np.ndarray, "times types"]:
        """Mean count of each class."""
        return self.probabilities @ self.space.states

    @property
    def mean_products(self) -> Float[np.ndarray, "times types types"]:
        """Mean of the product of the counts of each two classes (on the diagonal of their squares)."""
        states = self.space.states
        return np.stack([(states * weights[:, None]).T @ states for weights in self.probabilities])

    @property
    def covariances(self) -> Float[np.ndarray, "times types types"]:
        """Covariance of the counts of each two classes."""
        return self.mean_products - self.means[:, :, None] * self.means[:, None, :]

    @property
    def variances(self) -> Float[np.ndarray, "times types"]:
        """Variance of the count of each class."""
        return np.diagonal(self.covariances, axis1=1, axis2=2).copy()

    def totals(self, species: str | None = None) -> Float[np.ndarray, "times numbers"]:
        """Distribution of the total of a species (may be left out for the only one), shape `(times, max_number + 1)`.

        Raises:
            ValueError: for a name that is no species.
        """
        which = self._species(species)
        numbers = self.space.totals[:, which]
        most = self.space.max_number[which]
        return np.stack([np.bincount(numbers, weights, minlength=most + 1) for weights in self.probabilities])

    def extinction_probability(self, species: str | None = None) -> Float[np.ndarray, " times"]:
        """Probability that nothing is left of a species by each time; the truth is at most `lost` above.

        Raises:
            ValueError: for a name that is no species.
        """
        return self.totals(species)[:, 0]

    def summary(self) -> str:
        """Means and standard deviations at the last time, and what was lost."""
        spread = np.sqrt(np.maximum(self.variances[-1], 0))
        parts = [
            f"{name} {mean:.4g} ± {width:.4g}"
            for name, mean, width in zip(self.type_names, self.means[-1], spread, strict=True)
        ]
        verdict = "within" if self.converged else "ABOVE"
        return (
            f"t = {self.times[-1]:g}: {', '.join(parts)}; {self.space.size} states, lost {self.lost[-1]:.2g} "
            f"({verdict} the tolerance {self.tolerance:g})"
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per time: mean and standard deviation of each class, extinction probabilities, what was lost."""
        import pandas as pd

        spread = np.sqrt(np.maximum(self.variances, 0))
        columns = {f"mean {name}": self.means[:, k] for k, name in enumerate(self.type_names)}
        columns |= {f"sd {name}": spread[:, k] for k, name in enumerate(self.type_names)}
        columns |= {f"extinct {name}": self.extinction_probability(name) for name in self.species}
        return pd.DataFrame(columns | {"lost": self.lost}, index=pd.Index(self.times, name="time"))

    def plot(self) -> matplotlib.figure.Figure:
        """Means over time with their spread, beside the distribution of totals at the last time."""
        from popmath.plots.operators import plot_counts

        return plot_counts(self)

    def _species(self, name: str | None) -> int:
        if name is None and len(self.species) == 1:
            return 0
        if name not in self.species:
            raise ValueError(f"species must be one of {self.species}; got {name!r}.")
        return self.species.index(name)
