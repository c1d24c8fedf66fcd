"""`Ensemble`: the record of many replicates of a model, and the checks of what is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, ArrayLike
from popmath.populations.model import PopulationModel, check_whole
from popmath.populations.streaming import EnsembleStatistics

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

Keep = Literal["abundances", "states", "summary"]
Progress = Callable[[int, int], Any]
QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Many replicates of a model.

    Attributes:
        species: names.
        times: shape `(num_steps + 1,)`, in projection intervals.
        num_replicates: how many.
        keep: what was kept: `"abundances"`, `"states"` (and the abundances) or `"summary"`.
        statistics: mean, variance, extremes, quantiles and extinction by time and species.
        abundances: total of each species, shape `(num_replicates, num_steps + 1, species)`; None if not kept.
        states: shape `(num_replicates, num_steps + 1, ...)`; None if not kept.
    """

    species: tuple[str, ...]
    times: np.ndarray
    num_replicates: int
    keep: Keep
    statistics: EnsembleStatistics
    abundances: np.ndarray | None = None
    states: np.ndarray | None = None

    def summary(self) -> str:
        """One line per species: where it stands at the last time, and whether it has died out."""
        s = self.statistics
        lines = [f"{self.num_replicates:,} replicates, {len(self.times) - 1} projection intervals"]
        for i, name in enumerate(self.species):
            text = f"{name}: mean {s.mean[-1, i]:.5g} +- {s.standard_error[-1, i]:.2g} (standard error)"
            if len(s.levels):
                low, high = s.levels.argmin(), s.levels.argmax()
                text += f", {s.levels[low]:g} to {s.levels[high]:g} quantiles "
                text += f"{s.quantiles[low, -1, i]:.4g} to {s.quantiles[high, -1, i]:.4g}"
            if s.ever_extinct[-1, i] > 0:
                text += f"; died out in {100 * s.ever_extinct[-1, i]:.3g} % of the replicates, after "
                text += f"{s.mean_extinction_time[i]:.4g} intervals on average"
            else:
                text += "; never died out"
            lines.append(text)
        return "\n".join(lines)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per time and species: mean, sd, quantiles, shares extinct now and ever."""
        import pandas as pd

        s = self.statistics
        columns = {
            "time": np.repeat(self.times, len(self.species)),
            "species": np.tile(np.array(self.species, object), len(self.times)),
            "mean": s.mean.ravel(),
            "sd": np.sqrt(s.variance).ravel(),
            "minimum": s.minimum.ravel(),
            "maximum": s.maximum.ravel(),
        }
        columns |= {f"q{level:g}": values.ravel() for level, values in zip(s.levels, s.quantiles, strict=True)}
        columns |= {"extinct": s.extinct.ravel(), "ever_extinct": s.ever_extinct.ravel()}
        return pd.DataFrame(columns)

    def plot(self) -> matplotlib.figure.Figure:
        """A fan chart for each species, and the shares of replicates in which it has died out."""
        from popmath.plots.ensemble import plot_ensemble

        return plot_ensemble(self)


@dataclasses.dataclass(frozen=True, eq=False)
class EnsembleRequest:
    """What `simulate` is asked to do with its replicates, checked.

    Attributes:
        num_replicates: how many.
        keep: what to keep.
        levels: of the quantiles, shape `(levels,)`.
        below: extinction threshold of each species, shape `(species,)`.
        chunk_size: most replicates under way at the same time; None for a block on each core.
        progress: called with the numbers of replicates done and wanted.
    """

    num_replicates: int
    keep: Keep
    levels: np.ndarray
    below: np.ndarray
    chunk_size: int | None = None
    progress: Progress | None = None


def check_request(
    model: PopulationModel,
    num_replicates: int,
    keep: Keep,
    quantiles: ArrayLike,
    extinct_below: ArrayLike | float,
    chunk_size: int | None,
    progress: Progress | None,
) -> EnsembleRequest:
    """The request, or a ValueError that says what is wrong with it."""
    check_whole("num_replicates", num_replicates, 1)
    if chunk_size is not None:
        check_whole("chunk_size", chunk_size, 1)
    if keep not in get_args(Keep):
        raise ValueError(f"keep must be one of {get_args(Keep)}; got {keep!r}.")
    levels = np.asarray(quantiles, np.float64)
    if levels.ndim != 1 or not ((levels >= 0) & (levels <= 1)).all() or len(np.unique(levels)) < levels.size:
        raise ValueError(f"quantiles must be different levels from 0 to 1, such as (0.05, 0.5, 0.95); got {quantiles}.")
    below = np.asarray(extinct_below, np.float64)
    species = len(model.species)
    if below.shape not in ((), (species,)) or not (np.isfinite(below) & (below >= 0)).all():
        raise ValueError(
            f"extinct_below must be at least 0 and finite, one number or one for each of {model.species}; got "
            f"{extinct_below}."
        )
    below = np.broadcast_to(below, (species,)).copy()
    return EnsembleRequest(int(num_replicates), keep, np.sort(levels), below, chunk_size, progress)


def as_threefry(key: Array) -> jax.Array:
    """The key as one of the threefry kind, which alone gives every replicate of a batch numbers of its own."""
    typed = jnp.asarray(key)
    if not jax.dtypes.issubdtype(typed.dtype, jax.dtypes.prng_key):
        typed = jax.random.wrap_key_data(typed)
    if str(jax.random.key_impl(typed)) != "threefry2x32":
        return jax.random.wrap_key_data(jax.random.bits(typed, (2,), "uint32"), impl="threefry2x32")
    return typed
