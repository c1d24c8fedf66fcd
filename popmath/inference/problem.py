"""One model on one or several series as a fitting problem, with any part of the series left out by its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, ArrayLike, Parameter
from popmath.inference.culture import only, read_cultures
from popmath.inference.curves import Curves, Data
from popmath.inference.expected_error import ExpectedError, Refitted
from popmath.inference.losses import Loss, SquaredError, check_counts
from popmath.inference.priors import Prior
from popmath.inference.search import Optima
from popmath.inference.space import build_space
from popmath.series import Series

Optimiser = Literal["levenberg_marquardt", "bfgs", "adam"]
OPTIMISERS = ("levenberg_marquardt", "bfgs", "adam")


@runtime_checkable
class FittableModel(Protocol):
    """What a fit needs of a model; see `popmath.populations.ModelFamily` for one of your own."""

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species."""
        ...

    def parameters(self, largest: np.ndarray) -> dict[str, Parameter]:
        """Domain and starting range of each parameter."""
        ...

    def initial(self, largest: np.ndarray, first: np.ndarray) -> Parameter:
        """The same for the state at time 0."""
        ...

    def with_values(self, values: Mapping[str, Array]) -> Any:
        """A copy with these parameters."""
        ...

    def states_at(self, state: Array, times: np.ndarray) -> Array:
        """States at times from 0 on."""
        ...

    def totals(self, states: Array) -> Array:
        """Abundance of each species."""
        ...


@dataclasses.dataclass(frozen=True)
class FitSettings:
    """What a fit does with a model and series; see `fit`.

    Attributes:
        loss: what is made small.
        optimiser: how.
        fixed: values that are given, by parameter; NaN where they are free.
        separate: parameters with a value for each culture.
        priors: by parameter.
        initial: whether the state at the first time is free, or what was counted then.
        observe: what the counts are.
    """

    loss: Loss = dataclasses.field(default_factory=SquaredError)
    optimiser: Optimiser = "levenberg_marquardt"
    fixed: Mapping[str, ArrayLike | float] = dataclasses.field(default_factory=dict)
    separate: Collection[str] = ()
    priors: Mapping[str, Prior] = dataclasses.field(default_factory=dict)
    initial: Literal["free", "counted"] = "free"
    observe: Literal["totals", "stages"] = "totals"

    def __post_init__(self) -> None:
        """Check the words."""
        for name, value, choices in (
            ("optimiser", self.optimiser, OPTIMISERS),
            ("initial", self.initial, ("free", "counted")),
            ("observe", self.observe, ("totals", "stages")),
        ):
            if value not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")


class Problem:
    """A model, series and settings: starts, solutions, predictions.

    Args:
        template: the model; parameter values it may have are ignored.
        data: one or several series.
        settings: what is fitted how.
        curves: those of a longer problem, to go on with what is compiled.
    """

    def __init__(
        self,
        template: FittableModel,
        data: Series | Iterable[Series],
        settings: FitSettings | None = None,
        curves: Curves | None = None,
    ) -> None:
        """Check that model and series belong together and that there is enough to fit."""
        if not isinstance(template, FittableModel):
            raise TypeError(
                f"{type(template).__name__} cannot be fitted: it has no free parameters of its own. Say which of its "
                "numbers are free with popmath.populations.ModelFamily(species, parameters, build)."
            )
        self.template, self.settings = template, settings or FitSettings()
        self.cultures = read_cultures(data, tuple(template.species), self.settings.observe == "stages")
        for culture in self.cultures:
            check_counts(self.settings.loss, culture.counts[culture.observed], culture.series.name)
        self.space = build_space(template, self.cultures, self.settings)
        self.num_observed = sum(culture.num_observed for culture in self.cultures)
        if self.num_observed <= self.space.size - self.space.num_with_prior:
            names = ", ".join(repr(culture.series.name) for culture in self.cultures)
            raise ValueError(
                f"series {names} has {self.num_observed} observations, {type(template).__name__} has "
                f"{self.space.size} free numbers (initial values included): there must be more observations. Take a "
                "longer series or a smaller model, fix some parameters (fixed=...) or give them priors (priors=...)."
            )
        self.curves = curves or Curves(template, self.space, self.cultures, self.settings)
        self.rows = self.curves.rows_of(self.cultures)

    @property
    def name(self) -> str:
        """Of the model; a model may have a name of its own."""
        return str(getattr(self.template, "name", type(self.template).__name__))

    @property
    def series(self) -> Series:
        """The series, of a problem with one."""
        return only(self.cultures, "problem").series

    def before(self, time: float) -> Problem:
        """The problem of the series' beginnings up to `time`, on the curves already compiled."""
        kept = [culture.series.until(time) for culture in self.cultures]
        return Problem(self.template, kept, self.settings, self.curves)

    def data(self, kept: np.ndarray | None = None) -> Data:
        """Counts and weights on the rows of the curves: observations have the weight of their time (1 if None)."""
        counts = np.zeros((self.curves.num_rows, self.curves.num_columns))
        weights, scale = np.zeros_like(counts), np.ones_like(counts)
        used = np.ones(sum(len(rows) for rows in self.rows)) if kept is None else np.asarray(kept, float)
        at = 0
        for culture, rows in zip(self.cultures, self.rows, strict=True):
            counts[rows] = culture.counts
            weights[rows] = culture.observed * used[at : at + len(rows), None]
            scale[rows] = culture.scale
            at += len(rows)
        return Data(counts, weights, scale)

    def solve(
        self,
        num_starts: int,
        seed: int,
        kept: np.ndarray | None = None,
        start: Mapping[str, ArrayLike | float] | None = None,
    ) -> Optima:
        """Fit from random starts, the first at the values of `start`, to the times that are kept."""
        starts = self.space.starts(num_starts, np.random.default_rng(seed))
        if start:
            starts[0] = self.space.vector(start, np.median(starts, axis=0))
        return self.search_from(starts, kept)

    def search_from(self, starts: np.ndarray, kept: np.ndarray | None = None) -> Optima:
        """Fit from these unconstrained vectors, shape `(starts, free)`."""
        with jax.enable_x64(True):
            return self.curves.search(self.settings.optimiser).solve(starts, self.data(kept))

    def refit(self, weights: np.ndarray, seed: int, number: int = 0, new: np.ndarray | None = None) -> Refitted:
        """Fit with these weights of the times of one culture, shape `(times,)`; the others count whole."""
        sizes = [len(rows) for rows in self.rows]
        kept = np.ones(sum(sizes))
        start = sum(sizes[:number])
        kept[start : start + sizes[number]] = weights
        vector = self.solve(self.curves.batch_size, seed, kept).vectors[0]
        return self.refitted(vector, number, kept, new)

    def refitted(
        self, vector: np.ndarray, number: int, kept: np.ndarray | None = None, new: np.ndarray | None = None
    ) -> Refitted:
        """Predictions of one culture at its own times and at `new` times, with their expected errors."""
        series, error = self.cultures[number].series, ExpectedError(self, vector, number, self.data(kept))
        inside = self.predict(vector, series.times, number)
        if new is None:
            return Refitted(inside, error.at(series.times, inside), None, None)
        ahead = self.predict(vector, new, number)
        return Refitted(inside, error.at(series.times, inside), ahead, error.at(new, ahead))

    def of_culture(self, curve: np.ndarray, number: int) -> np.ndarray:
        """Abundances of the species of one series at its times, from a curve of all cultures."""
        return self.of_species(self.totals(curve)[self.rows[number]], number)

    def totals(self, curve: np.ndarray) -> np.ndarray:
        """Abundance of species from a curve whose columns may be stages."""
        return curve.reshape(*curve.shape[:-1], len(self.template.species), -1).sum(axis=-1)

    def curve(self, vector: np.ndarray) -> np.ndarray:
        """Abundances of all cultures at the times of the curves, one below the other, shape `(rows, columns)`."""
        return self.curves.rows_at(vector)

    def predict(self, vector: np.ndarray, times: np.ndarray, number: int = 0) -> np.ndarray:
        """Abundances of the species of one series at absolute times, shape `(times, species)`."""
        found = self.curves.at(vector, number, times - self.cultures[number].series.times[0])
        return self.of_species(self.totals(found), number)

    def sum_of_squares(self, curve: np.ndarray) -> float:
        r"""$\sum ((\hat N - N)/\bar N)^2$ over what was observed."""
        data = self.data()
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(data.weights > 0, (curve - data.counts) / data.scale, 0.0)
            return float(np.sum(error**2))

    def log_likelihood(self, vector: np.ndarray, curve: np.ndarray) -> float:
        """Of the observations, given the curve at `vector`; of least squares with its best variance."""
        data = self.data()
        with jax.enable_x64(True):
            return float(np.sum(self.curves.log_likelihood_terms(vector, curve, data)))

    def free_of(self, number: int) -> int:
        """Free numbers that bear on one culture."""
        return sum(block.size for block in self.space.blocks if block.culture in (None, number))

    def of_species(self, totals: np.ndarray, number: int) -> np.ndarray:
        """Columns in the order of the series, without species that are not in it."""
        order = [self.template.species.index(name) for name in self.cultures[number].series.species]
        return totals[..., order]

    def fitted(self, vector: np.ndarray, number: int) -> tuple[FittableModel, np.ndarray]:
        """The model of a culture with fitted values, and its state at the first time."""
        with jax.enable_x64(True):
            values = {n: np.asarray(value) for n, value in self.space.values(jnp.asarray(vector), number).items()}
        model, initial = self.curves.model_of(values)
        return model, np.asarray(initial)
