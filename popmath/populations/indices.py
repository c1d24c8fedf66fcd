"""`demography`: every index of a matrix population at once, with the reasons where one is undefined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from popmath._types import Array
from popmath.populations.eigen import eigen_analysis, structure_of
from popmath.populations.life_history import (
    age_at_maturity,
    fundamental_matrix,
    generation_time,
    generation_time_cohort,
    generation_time_parents,
    life_expectancy,
    life_expectancy_variance,
    longevity,
    maturity_probability,
    net_reproductive_rate,
)
from popmath.populations.matrix_population import MatrixPopulation
from popmath.populations.transients import transient_bounds

ROWS = (
    ("growth_rate", "growth rate", "per interval"),
    ("log_growth_rate", "log growth rate", "1/{unit}"),
    ("damping_ratio", "damping ratio", "per interval"),
    ("oscillation_period", "period of oscillation", "{unit}"),
    ("net_reproductive_rate", "net reproductive rate", "per generation"),
    ("generation_time", "generation time, log R0 / log lambda", "{unit}"),
    ("generation_time_cohort", "generation time, cohort to 1 % survival", "{unit}"),
    ("generation_time_parents", "generation time, mean age difference", "{unit}"),
    ("longevity", "longevity, to 1 % survival", "{unit}"),
    ("maturity_probability", "probability of maturity", "probability"),
    ("age_at_maturity", "age at maturity (first interval: 1)", "{unit}"),
    ("reactivity", "reactivity", "ratio"),
    ("first_step_attenuation", "first-step attenuation", "ratio"),
    ("max_amplification", "maximal amplification", "ratio"),
    ("max_attenuation", "maximal attenuation", "ratio"),
    ("inertia_upper", "inertia, upper bound", "ratio"),
    ("inertia_lower", "inertia, lower bound", "ratio"),
    ("kreiss_upper", "Kreiss bound, upper", "ratio"),
    ("kreiss_lower", "Kreiss bound, lower", "ratio"),
)
ASYMPTOTIC = ("stable_distribution", "reproductive_value", "sensitivity", "elasticity", "generation_time_parents")
TRANSIENT = ("inertia_upper", "inertia_lower", "max_amplification", "max_attenuation", "kreiss_upper", "kreiss_lower")


@final
class Demography(eqx.Module):
    """What `demography` found; leading axes are those of the batch. Times are in projection intervals.

    `notes` says, by field, why it is NaN, or how a number of a reducible or imprimitive matrix is to be read. The
    fields are described with the functions of their names in `eigen`, `life_history` and `transients`.
    """

    population: MatrixPopulation
    growth_rate: Float[Array, "*batch"]
    log_growth_rate: Float[Array, "*batch"]
    stable_distribution: Float[Array, "*batch classes"]
    reproductive_value: Float[Array, "*batch classes"]
    sensitivity: Float[Array, "*batch classes classes"]
    elasticity: Float[Array, "*batch classes classes"]
    damping_ratio: Float[Array, "*batch"]
    oscillation_period: Float[Array, "*batch"]
    fundamental_matrix: Float[Array, "*batch classes classes"]
    net_reproductive_rate: Float[Array, "*batch"]
    generation_time: Float[Array, "*batch"]
    generation_time_cohort: Float[Array, "*batch"]
    generation_time_parents: Float[Array, "*batch"]
    life_expectancy: Float[Array, "*batch classes"]
    life_expectancy_variance: Float[Array, "*batch classes"]
    longevity: Float[Array, "*batch"]
    maturity_probability: Float[Array, "*batch"]
    age_at_maturity: Float[Array, "*batch"]
    reactivity: Float[Array, "*batch"]
    first_step_attenuation: Float[Array, "*batch"]
    inertia_upper: Float[Array, "*batch"]
    inertia_lower: Float[Array, "*batch"]
    max_amplification: Float[Array, "*batch"]
    max_amplification_time: Float[Array, "*batch"]
    max_attenuation: Float[Array, "*batch"]
    max_attenuation_time: Float[Array, "*batch"]
    kreiss_upper: Float[Array, "*batch"]
    kreiss_lower: Float[Array, "*batch"]
    notes: Mapping[str, str] = eqx.field(static=True)

    def summary(self) -> str:
        """The indices with their units, class by class where they are by class; of one population.

        Raises:
            ValueError: for a batch; its fields are arrays to be looked at by themselves.
        """
        if np.ndim(self.growth_rate):
            raise ValueError(
                f"summary describes one population; this is a batch of shape {np.shape(self.growth_rate)}. Take the "
                "fields, or call demography on one of them."
            )
        model = self.population
        lines = [f"{model.num_classes} classes, projection interval {model.interval:g} {model.unit}", ""]
        for field, title, unit in ROWS:
            value = float(getattr(self, field))
            if unit == "{unit}":
                value *= model.interval
            elif unit == "1/{unit}":
                value /= model.interval
            shown = "-" if np.isnan(value) else f"{value:.6g}"
            mark = " *" if field in self.notes else ""
            lines.append(f"{title:<42}{shown:>12}  {unit.format(unit=model.unit)}{mark}")
        width = max(5, *(len(name) for name in model.class_names))
        lines += ["", f"{'class':<{width}}{'stable':>10}{'rep. value':>12}{'life exp.':>12}{'st. dev.':>10}"]
        spread = np.sqrt(np.maximum(self.life_expectancy_variance, 0)) * model.interval
        for i, name in enumerate(model.class_names):
            lines.append(
                f"{name:<{width}}{self.stable_distribution[i]:>10.4g}{self.reproductive_value[i]:>12.4g}"
                f"{self.life_expectancy[i] * model.interval:>12.4g}{spread[i]:>10.4g}"
            )
        if self.notes:
            lines += ["", *(f"* {field}: {note}" for field, note in self.notes.items())]
        return "\n".join(lines)


def demography(population: MatrixPopulation) -> Demography:
    r"""Every asymptotic, life-history and transient index of a matrix population.

    Of a cohort, the first class is the one it begins in. Reducible and imprimitive matrices are analysed and
    `notes` says what they are; an index that is undefined is NaN and `notes` says why.

    Args:
        population: the model, or a batch of models along leading axes. Notes are made for one model of numbers, not
            for a batch and not under `jax.jit`.

    Returns:
        A `Demography`; times in projection intervals, `summary()` in the unit of the model.

    Example:
        >>> found = demography(MatrixPopulation(U=[[0, 0], [0.5, 0.75]], F=[[0, 1], [0, 0]]))
        >>> print(found.growth_rate.round(6), found.net_reproductive_rate.round(6), found.life_expectancy)
        1.175391 2.0 [3. 4.]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed. Stott, I., Townley, S. & Hodgson, D. J. (2011), Ecol.
        Lett. 14, 959-970.
    """
    asymptotic = eigen_analysis(population)
    bounds = transient_bounds(population)
    rate = asymptotic.growth_rate
    values: dict[str, Array] = {
        **asymptotic._asdict(),
        **bounds._asdict(),
        "log_growth_rate": _log(rate),
        "fundamental_matrix": fundamental_matrix(population),
        "net_reproductive_rate": net_reproductive_rate(population),
        "generation_time": generation_time(population),
        "generation_time_cohort": generation_time_cohort(population),
        "generation_time_parents": generation_time_parents(population),
        "life_expectancy": life_expectancy(population),
        "life_expectancy_variance": life_expectancy_variance(population),
        "longevity": longevity(population),
        "maturity_probability": maturity_probability(population),
        "age_at_maturity": age_at_maturity(population),
    }
    notes: dict[str, str] = {}
    if isinstance(rate, np.ndarray) and rate.ndim == 0:
        values, notes = _annotate(population, values)
    return Demography(population=population, notes=notes, **values)


def _log(rate: Array) -> Array:
    if not isinstance(rate, np.ndarray):
        return jax.numpy.log(rate)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(rate))


def _annotate(population: MatrixPopulation, values: dict[str, Array]) -> tuple[dict[str, Array], dict[str, str]]:
    """NaN in what is undefined, and a note on that and on what has to be read with care."""
    shape, notes = structure_of(population), {}
    names = ", ".join(population.class_names[i] for i in shape.dominant_classes)
    births = np.asarray(population.reproduction)
    if values["growth_rate"] == 0:
        for field in (*ASYMPTOTIC, *TRANSIENT, "damping_ratio", "reactivity", "first_step_attenuation"):
            notes[field] = "undefined: the growth rate is 0, the population dies out within a lifetime."
    elif shape.num_dominant > 1:
        for field in (*ASYMPTOTIC, *TRANSIENT):
            notes[field] = f"undefined: {shape.num_dominant} separate groups of classes share the largest eigenvalue."
    elif shape.period > 1:
        for field in ("inertia_upper", "inertia_lower"):
            notes[field] = f"undefined: the matrix is imprimitive, every start cycles with period {shape.period}."
    if not values["reproductive_value"][0] > 0:
        notes.setdefault("reproductive_value", "undefined: the first class leaves no lasting descent to scale by.")
    if not births.any():
        for field in ("generation_time", "generation_time_cohort", "generation_time_parents"):
            notes.setdefault(field, "undefined: there is no reproduction.")
    elif np.isnan(values["generation_time"]):
        notes.setdefault("generation_time", "undefined: log lambda = 0, the population neither grows nor declines.")
    elif not np.isfinite(values["generation_time"]):
        notes.setdefault("generation_time", "undefined: the growth rate or the net reproductive rate is 0.")
    if not values["maturity_probability"] > 0:
        for field in ("age_at_maturity", "generation_time_cohort"):
            notes.setdefault(field, "undefined: no class that reproduces is reached from the first class.")
    life = ("fundamental_matrix", "life_expectancy", "life_expectancy_variance", "net_reproductive_rate")
    for field in (*life, "generation_time", "generation_time_cohort"):
        if not np.isfinite(values[field]).all():
            notes.setdefault(field, "undefined: some class never loses anyone, I - U has no inverse.")
    if np.isinf(values["longevity"]):
        notes["longevity"] = "infinite: 1 % or more of a cohort lives after 100,000 intervals."
    missing = {field: np.full(np.shape(values[field]), np.nan) for field in notes if field != "longevity"}
    if not shape.irreducible and shape.num_dominant == 1:
        notes["growth_rate"] = f"the matrix is reducible; the growth rate is that of: {names}."
    elif shape.irreducible and shape.period > 1:
        notes["growth_rate"] = f"the matrix is imprimitive with period {shape.period}: growth is the mean over a cycle."
    return values | missing, notes
