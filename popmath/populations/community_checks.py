"""What a community refuses: unknown names, blocks that do not fit, numbers out of range, settings that clash."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from jax.core import Tracer

from popmath._types import Array, ArrayLike
from popmath.populations.interactions import Interaction, LinearEffect, MassAction, check_not_negative
from popmath.populations.matrix_population import MatrixPopulation


def check_interactions(slices: Mapping[str, slice], interactions: Sequence[Interaction]) -> None:
    """Refuse names that are not species of the community, and blocks that do not fit their classes."""
    sizes = {name: where.stop - where.start for name, where in slices.items()}
    for item in interactions:
        if isinstance(item, LinearEffect):
            what = f"the {item.kind} block of {item.of!r} on {item.on!r}"
            _check_block(what, item.block, (item.on, item.of), sizes)
            if item.on == item.of:
                raise ValueError(f"{what} is of a species on itself; put it into its matrix or into a Regulation.")
        elif isinstance(item, MassAction):
            where = f"of {item.predator!r} on {item.prey!r}"
            _check_block(f"attack {where}", item.attack, (item.prey, item.predator), sizes)
            _check_block(f"conversion {where}", item.conversion, (item.predator, item.prey), sizes)
            _check_numbers(f"handling_time {where}", item.handling_time, item.predator, sizes)
            born = item.offspring_class
            if born is not None and not 0 <= born < sizes[item.predator]:
                raise ValueError(f"offspring_class {where} must be from 0 to {sizes[item.predator] - 1}; got {born!r}.")
        else:
            check_species(f"the regulation of {item.on!r}", (item.on,), sizes)
            for name, values in item.weights.items():
                _check_numbers(f"the weight of {name!r} in the regulation of {item.on!r}", values, name, sizes)


def check_species(what: str, names: Sequence[str], species: Collection[str]) -> None:
    """Refuse a name that is not a species."""
    for name in names:
        if name not in species:
            raise ValueError(f"{what} names {name!r}, which is not a species; the community has {', '.join(species)}.")


def check_by_species(what: str, values: Mapping[str, Array], slices: Mapping[str, slice]) -> None:
    """Refuse what is not a number, or one number per class, of species of the community."""
    for name, numbers in values.items():
        _check_numbers(f"{what} of {name!r}", numbers, name, {n: w.stop - w.start for n, w in slices.items()})


def _check_block(what: str, block: Array, names: tuple[str, str], sizes: Mapping[str, int]) -> None:
    check_species(what, names, sizes)
    want = (sizes[names[0]], sizes[names[1]])
    if np.shape(block) != want:
        raise ValueError(
            f"{what} must have shape {want}: one row per class of {names[0]!r} ({want[0]}), one column per class of "
            f"{names[1]!r} ({want[1]}); got shape {np.shape(block)}."
        )


def _check_numbers(what: str, values: Array, name: str, sizes: Mapping[str, int]) -> None:
    check_species(what, (name,), sizes)
    if np.shape(values) not in ((), (sizes[name],)):
        raise ValueError(
            f"{what} must be a number or one per class, shape ({sizes[name]},); got shape {np.shape(values)}."
        )


def check_harvest(harvest: Mapping[str, Array], quota: Mapping[str, Array], slices: Mapping[str, slice]) -> None:
    """Refuse proportions outside [0, 1] and quotas below 0 or by class."""
    check_by_species("harvest", harvest, slices)
    check_by_species("quota", quota, slices)
    for what, values in (("harvest", harvest), ("quota", quota)):
        for name, value in values.items():
            check_not_negative(f"{what} of {name!r}", value)
            if what == "harvest" and not isinstance(value, Tracer) and np.any(value > 1):
                raise ValueError(
                    f"harvest of {name!r} is a proportion, at most 1; got {value.tolist()}. For numbers use quota."
                )
            if what == "quota" and np.ndim(value):
                raise ValueError(f"quota of {name!r} is one number for the species; got shape {np.shape(value)}.")


def check_migration(migration: Mapping[str, Array], slices: Mapping[str, slice]) -> None:
    """Refuse numbers that are not finite or do not fit the classes."""
    check_by_species("migration", migration, slices)
    for name, value in migration.items():
        if not isinstance(value, Tracer) and not np.isfinite(value).all():
            raise ValueError(f"migration of {name!r} must be finite; got {value.tolist()}.")


def number_of_years(populations: Sequence[MatrixPopulation]) -> int:
    """How many kinds of interval the matrices hold; 0 if they are always the same."""
    shapes = [np.shape(population.U)[:-2] for population in populations]
    found = set(shapes) - {()}
    if len(found) > 1 or any(len(shape) != 1 for shape in found):
        raise ValueError(
            "the matrices of a species may have one leading axis, the years, of the same length for all species that "
            f"have it; got leading shapes {shapes}."
        )
    return found.pop()[0] if found else 0


def check_years(probabilities: Array | None, years: int) -> None:
    """Refuse what are no probabilities of the years."""
    if probabilities is None or isinstance(probabilities, Tracer):
        return
    if not years:
        raise ValueError("year_probabilities need matrices of several years: a leading axis, shape (years, ...).")
    if probabilities.shape != (years,) or (probabilities < 0).any() or abs(probabilities.sum() - 1) > 1e-9:
        raise ValueError(
            f"year_probabilities must be {years} numbers, at least 0, that sum to 1; got {probabilities.tolist()}."
        )


def common_interval(
    populations: Sequence[MatrixPopulation], interval: float | None, unit: str | None
) -> tuple[float, str]:
    """The projection interval and its unit, that all populations must share."""
    spans = sorted({(population.interval, population.unit) for population in populations})
    if len(spans) > 1:
        raise ValueError(f"all species must have the same projection interval; got {spans}.")
    found = spans[0] if spans else (1.0, "intervals")
    given = (found[0] if interval is None else float(interval), unit or found[1])
    if spans and given != found:
        raise ValueError(f"the matrices have the projection interval {found}, but the community was given {given}.")
    return given


def state_from_names(abundances: Mapping[str, ArrayLike | float], sizes: Mapping[str, int]) -> np.ndarray:
    """All classes in one row; a name missing or unknown, or a wrong number of classes, is refused."""
    check_species("the state", tuple(abundances), sizes)
    missing = [name for name in sizes if name not in abundances]
    if missing:
        raise ValueError(f"the state has no abundances for {', '.join(missing)}; give 0 for a species not there.")
    parts = {name: np.atleast_1d(np.asarray(abundances[name], np.float64)) for name in sizes}
    for name, size in sizes.items():
        if parts[name].shape != (size,):
            raise ValueError(f"{name!r} has {size} classes; got shape {parts[name].shape}.")
    return np.concatenate(list(parts.values()))
