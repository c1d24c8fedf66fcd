"""Which numbers of a fit are free: fixed, shared or separate parameters, initial states, and the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from popmath._types import Parameter
from popmath.inference.culture import Culture
from popmath.inference.curves import INITIAL
from popmath.inference.domains import Block, ParameterSpace
from popmath.inference.priors import check_prior

if TYPE_CHECKING:
    from popmath.inference.problem import FitSettings, FittableModel


def build_space(template: FittableModel, cultures: tuple[Culture, ...], settings: FitSettings) -> ParameterSpace:
    """The free numbers of a model on its cultures.

    Raises:
        ValueError: for names the model does not have, fixed values of the wrong shape or outside their domain.
    """
    largest = np.max([culture.largest for culture in cultures], axis=0)
    own = template.parameters(largest)
    noise = settings.loss.nuisance(cultures[0].counts.shape[1])
    known = [*own, *noise, INITIAL]
    for what, names in (("fixed", settings.fixed), ("separate", settings.separate), ("priors", settings.priors)):
        allowed = list(own) if what == "separate" else known
        unknown = [name for name in names if name not in allowed]
        if unknown:
            raise ValueError(f"{what}: {type(template).__name__} has no {unknown[0]!r}; it has {', '.join(allowed)}.")
    blocks: list[Block] = []
    for name, parameter in {**own, **noise}.items():
        fixed, prior = _fixed(name, parameter, settings), settings.priors.get(name)
        if prior is not None:
            check_prior(name, prior, parameter)
        if name in settings.separate and len(cultures) > 1:
            blocks += [
                Block(name, parameter, _without_absent(fixed, parameter, c), i, c.series.name, prior)
                for i, c in enumerate(cultures)
            ]
        else:
            blocks.append(Block(name, parameter, fixed, None, "", prior))
    for i, culture in enumerate(cultures):
        blocks.append(_initial(template, culture, largest, i if len(cultures) > 1 else None, settings))
    return ParameterSpace(tuple(blocks))


def _fixed(name: str, parameter: Parameter, settings: FitSettings) -> np.ndarray:
    """The values that are given, NaN where the fit is free."""
    shape = parameter.low.shape
    if name not in settings.fixed:
        return np.full(shape, np.nan)
    given = np.asarray(settings.fixed[name], float)
    try:
        fixed = np.array(np.broadcast_to(given, shape))
    except ValueError:
        raise ValueError(f"fixed: {name} has shape {shape}; got {given.shape}. Put NaN where it is free.") from None
    there = fixed[~np.isnan(fixed)]
    low, high = {"positive": (0.0, np.inf), "unit": (0.0, 1.0), "real": (-np.inf, np.inf)}[parameter.domain]
    if not ((there >= low) & (there <= high) & np.isfinite(there)).all():
        raise ValueError(f"fixed: {name} is {parameter.domain} ({parameter.meaning}); got {given.tolist()}.")
    return fixed


def _without_absent(fixed: np.ndarray, parameter: Parameter, culture: Culture) -> np.ndarray:
    """Hold what belongs to species that are not in a culture: no count there bears on it."""
    absent = ~culture.present
    for axis in range(min(fixed.ndim, 2)):
        if fixed.shape[axis] == absent.size and (axis == 0 or fixed.shape[0] == absent.size):
            gone = np.moveaxis(np.broadcast_to(absent, np.moveaxis(fixed, axis, -1).shape), -1, axis)
            fixed = np.where(np.isnan(fixed) & gone, parameter.middle, fixed)
    return fixed


def _initial(
    template: FittableModel, culture: Culture, largest: np.ndarray, number: int | None, settings: FitSettings
) -> Block:
    """The state at the first time of a culture: 0 for species that are not there, free or as counted for others."""
    where = "" if number is None else culture.series.name
    here = np.where(culture.present, culture.largest, largest)
    parameter = template.initial(here, np.where(culture.present, culture.first, here))
    shape = parameter.low.shape
    entries = np.eye(parameter.low.size).reshape(-1, *shape)
    feeds = np.asarray(_totals(template, culture, entries))
    absent = (feeds[:, ~culture.present] != 0).any(axis=1).reshape(shape)
    fixed = _fixed(INITIAL, parameter, settings)
    fixed[absent] = 0.0
    if settings.initial == "counted":
        fixed = np.where(np.isnan(fixed), _counted(template, culture, shape, settings), fixed)
    prior = settings.priors.get(INITIAL)
    if prior is not None:
        check_prior(INITIAL, prior, parameter)
    return Block(INITIAL, parameter, fixed, number, where, prior)


def _totals(template: FittableModel, culture: Culture, entries: np.ndarray) -> np.ndarray:
    """Totals of states that have a 1 in one entry: which species each entry belongs to."""
    ranges = template.parameters(np.maximum(culture.largest, 1.0))
    middle = {name: parameter.middle for name, parameter in ranges.items()}
    return np.asarray(template.with_values(middle).totals(entries))


def _counted(template: FittableModel, culture: Culture, shape: tuple[int, ...], settings: FitSettings) -> np.ndarray:
    series = culture.series
    species = len(culture.present)
    if int(np.prod(shape)) == culture.counts.shape[1]:
        first = culture.counts[0].reshape(shape)
    elif int(np.prod(shape)) == species:
        first = culture.first.reshape(shape)
    else:
        raise ValueError(
            f"initial='counted' needs counts of all {int(np.prod(shape))} classes at the first time of "
            f"{series.name!r}; there are {culture.counts.shape[1]}. Use observe='stages' with counts by stage, or "
            "initial='free'."
        )
    assert series.mask is not None
    if not series.mask[0].all():
        raise ValueError(f"initial='counted': the first row of {series.name!r} has missing values; use 'free'.")
    return first
