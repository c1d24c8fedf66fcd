"""One series as a fit sees it: its counts in the columns of the model, and which of them are there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from popmath.inference.statistics import species_scale
from popmath.series import Series


@dataclasses.dataclass(frozen=True, eq=False)
class Culture:
    """The counts of one series in the columns of a model.

    Attributes:
        series: what was counted.
        present: whether each species of the model is in this culture, shape `(species,)`.
        times: since the first, shape `(times,)`.
        counts: 0 where nothing was seen, shape `(times, columns)`; columns are species, or species by stage.
        observed: True where `counts` is an observation, same shape.
        scale: what errors are divided by, shape `(columns,)`; 1 for species that are not there.
        largest: of each species, 0 where it is absent, shape `(species,)`.
        first: the first count of each species, 0 where it is absent, shape `(species,)`.
    """

    series: Series
    present: np.ndarray
    times: np.ndarray
    counts: np.ndarray
    observed: np.ndarray
    scale: np.ndarray
    largest: np.ndarray
    first: np.ndarray

    @property
    def num_observed(self) -> int:
        """Entries that count."""
        return int(self.observed.sum())


def read_culture(series: Series, species: tuple[str, ...], by_stage: bool) -> Culture:
    """Bring a series into the columns of a model's species; species that are not in it were not put in.

    Raises:
        ValueError: for species that the model does not have, or stages that are asked for and not there.
    """
    unknown = [name for name in series.species if name not in species]
    if unknown or not isinstance(series, Series):
        raise ValueError(
            f"the model's species are {species}, those of series {series.name!r} are {series.species}: "
            f"{', '.join(unknown)} is not in the model. Give the model the species of all series."
        )
    if by_stage and series.stage_values is None:
        raise ValueError(f"series {series.name!r} has no counts by stage: use observe='totals'.")
    where = [species.index(name) for name in series.species]
    present = np.isin(np.arange(len(species)), where)
    size = len(series.stages) if by_stage else 1
    values = series.stage_values if by_stage else series.values[..., None]
    assert values is not None
    shape = (len(series), len(species), size)
    counts, observed = np.zeros(shape), np.zeros(shape, bool)
    observed[:, where] = series.observed[..., None]
    counts[:, where] = np.where(np.isfinite(values), values, 0.0)
    scale = np.ones((len(species), size))
    scale[where] = stage_scale(series) if by_stage else species_scale(series)[:, None]
    totals = np.where(np.isfinite(series.values), series.values, 0.0)
    largest, first = np.zeros(len(species)), np.zeros(len(species))
    largest[where] = np.max(np.where(series.observed, totals, 0.0), axis=0)
    largest[where] = np.where(largest[where] > 0, largest[where], species_scale(series))
    first[where] = [column[np.isfinite(column)][0] for column in series.values.T]
    columns = (len(series), len(species) * size)
    return Culture(
        series, present, series.times - series.times[0], counts.reshape(columns), observed.reshape(columns),
        scale.ravel(), largest, first,
    )  # fmt: skip


def stage_scale(series: Series) -> np.ndarray:
    """Mean of each stage over the series, shape `(species, stages)`; of a stage never seen the mean of its species."""
    assert series.stage_values is not None
    means = np.nanmean(series.stage_values, axis=0)
    return np.where(means > 0, means, species_scale(series)[:, None] / len(series.stages))


def read_cultures(data: Series | Iterable[Series], species: tuple[str, ...], by_stage: bool) -> tuple[Culture, ...]:
    """One or several series as cultures, with different names.

    Raises:
        ValueError: for no series, repeated names, or a species that is in none of them.
    """
    given = (data,) if isinstance(data, Series) else tuple(data)
    if not given or not all(isinstance(series, Series) for series in given):
        raise ValueError(f"data must be a Series or several of them; got {data!r}.")
    names = [series.name for series in given]
    if len(set(names)) != len(names):
        raise ValueError(f"series that are fitted together need different names; got {names}. Use dataclasses.replace.")
    cultures = tuple(read_culture(series, species, by_stage) for series in given)
    absent = [name for i, name in enumerate(species) if not any(culture.present[i] for culture in cultures)]
    if absent:
        raise ValueError(
            f"the model's species are {species}, and {', '.join(absent)} is in none of the series "
            f"({', '.join(f'{s.name!r}: {s.species}' for s in given)}). Leave it out of the model."
        )
    return cultures


@runtime_checkable
class OfSeries(Protocol):
    """Anything that belongs to one series."""

    @property
    def series(self) -> Series:
        """The series."""
        ...


Owner = TypeVar("Owner", bound=OfSeries)


def only(cultures: tuple[Owner, ...], what: str) -> Owner:
    """The one culture, or a ValueError that says there are several."""
    if len(cultures) > 1:
        names = ", ".join(repr(culture.series.name) for culture in cultures)
        raise ValueError(f"this {what} has {len(cultures)} series: {names}. Say which, by its name.")
    return cultures[0]
