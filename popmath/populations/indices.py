"""`demography`: every index of a matrix population at once, with the reasons where one is undefined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from popmath._types import Array, ArrayLike
from popmath.populations.demography_tables import class_frame, html_summary, index_frame, one_model, text_summary
from popmath.populations.eigen import eigen_analysis, loop_period, strong_groups
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
from popmath.populations.matrix_population import Matrix, MatrixPopulation, compute, read_matrix
from popmath.populations.projection import TransientProjection, transient_projection
from popmath.populations.transients import transient_bounds

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

ASYMPTOTIC = ("stable_distribution", "reproductive_value", "sensitivity", "elasticity", "generation_time_parents")
TRANSIENT = ("inertia_upper", "inertia_lower", "max_amplification", "max_attenuation", "kreiss_upper", "kreiss_lower")
LIFE = ("fundamental_matrix", "life_expectancy", "life_expectancy_variance", "net_reproductive_rate")
GENERATION = ("generation_time", "generation_time_cohort")


@final
class Demography(eqx.Module):
    """What `demography` found; leading axes are those of the batch. Times are in projection intervals.

    `notes` says, by field, why it is NaN, or how a number of a reducible or imprimitive matrix is to be read; of a
    batch, also of how many models. The fields are described with the functions of their names in `eigen`,
    `life_history` and `transients`; the tables are in the unit of the model.
    """

    population: MatrixPopulation
    growth_rate: Float[Array, "*batch"]
    eigenvalues: Complex[Array, "*batch classes"]
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
            ValueError: for a batch; see `to_dataframe`.
        """
        one_model(self, "summary")
        return text_summary(self)

    def projection(self, initial: ArrayLike | None = None, num_steps: int | None = None) -> TransientProjection:
        """Densities over time relative to long-run growth, in their envelope (see `transient_projection`)."""
        one_model(self, "projection")
        return transient_projection(self.population, initial, num_steps)

    def plot(self) -> matplotlib.figure.Figure:
        """Four panels: projection, stable structure, elasticities, eigenvalues; of one population.

        Raises:
            ValueError: for a batch.
        """
        from popmath.plots.matrix_population import plot_demography

        one_model(self, "plot")
        return plot_demography(self)

    def to_dataframe(self) -> pandas.DataFrame:
        """The scalar indices: one row per index with value, unit and note; of a batch, one row per model."""
        return index_frame(self)

    def class_table(self) -> pandas.DataFrame:
        """By class: stable distribution, reproductive value, life expectancy and its standard deviation."""
        return class_frame(self)

    def _repr_html_(self) -> str:
        return html_summary(self)


def eigenvalues(matrix: Matrix) -> Complex[Array, "*batch classes"]:
    r"""All eigenvalues of $A$, the dominant one first, then by falling modulus.

    Of a pair, the one with the positive imaginary part comes first. For the growth rate alone `growth_rate` is more
    precise.

    Args:
        matrix: a `MatrixPopulation`, or entries of shape `(*batch, classes, classes)`.

    Returns:
        Shape `(*batch, classes)`, per projection interval, in complex128 unless JAX is tracing.

    Raises:
        ValueError: if the matrix is not square or has negative or non-finite entries.

    Example:
        >>> print(eigenvalues([[0.0, 2.0], [0.5, 0.0]]).real)
        [ 1. -1.]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 4.4.
    """
    return compute(_eigenvalues, read_matrix(matrix))


def demography(population: MatrixPopulation) -> Demography:
    r"""Every asymptotic, life-history and transient index of a matrix population.

    Of a cohort, the first class is the one it begins in. Reducible and imprimitive matrices are analysed and
    `notes` says what they are; an index that is undefined is NaN and `notes` says why.

    Args:
        population: the model, or a batch of models along leading axes. Under `jax.jit` there are no notes, and what
            is undefined may be any number.

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
        "eigenvalues": eigenvalues(population),
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
    if isinstance(rate, np.ndarray):
        values, notes = _annotate(population, values)
    return Demography(population=population, notes=notes, **values)


def _log(rate: Array) -> Array:
    if not isinstance(rate, np.ndarray):
        return jnp.log(rate)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(rate))


def _annotate(population: MatrixPopulation, values: dict[str, Array]) -> tuple[dict[str, Array], dict[str, str]]:
    """NaN in what is undefined, and notes on that and on what has to be read with care."""
    batch = np.shape(values["growth_rate"])
    flat = {field: np.reshape(value, (-1, *np.shape(value)[len(batch) :])) for field, value in values.items()}
    size, births = population.num_classes, np.asarray(population.reproduction)
    survival, births = (np.reshape(part, (-1, size, size)) for part in (population.U, births))
    reasons: dict[str, np.ndarray] = {}

    def say(fields: Sequence[str], where: np.ndarray, text: str | np.ndarray) -> None:
        """A reason for the models `where` there is none yet."""
        for field in fields:
            found = reasons.setdefault(field, np.full(len(births), "", object))
            found[:] = np.where(where & (found == ""), text, found)

    def unfinished(field: str) -> np.ndarray:
        return np.asarray(~np.isfinite(flat[field]).reshape(len(births), -1).all(axis=1))

    rate, period, groups, core = flat["growth_rate"], *_structures(survival + births)
    alive = rate != 0
    extinct = "undefined: the growth rate is 0, the population dies out within a lifetime."
    say((*ASYMPTOTIC, *TRANSIENT, "damping_ratio", "reactivity", "first_step_attenuation"), ~alive, extinct)
    for count in np.unique(groups[groups > 1]):
        text = f"undefined: {count} separate groups of classes share the largest eigenvalue."
        say((*ASYMPTOTIC, *TRANSIENT), alive & (groups == count), text)
    for cycle in np.unique(period[period > 1]):
        text = f"undefined: the matrix is imprimitive, every start cycles with period {cycle}."
        say(("inertia_upper", "inertia_lower"), alive & (groups == 1) & (period == cycle), text)
    text = "undefined: the first class leaves no lasting descent to scale by."
    say(("reproductive_value",), ~(flat["reproductive_value"][:, 0] > 0), text)
    say((*GENERATION, "generation_time_parents"), births.max(axis=(1, 2)) == 0, "undefined: there is no reproduction.")
    immortal = (np.abs(np.linalg.eigvals(survival)).max(axis=-1) >= 1 - 1e-12) | unfinished("fundamental_matrix")
    text = "undefined: some class never loses anyone, I - U has no inverse."
    say((*LIFE, *GENERATION), immortal, text)
    time = flat["generation_time"]
    text = "undefined: log lambda = 0, the population neither grows nor declines."
    say(("generation_time",), np.isnan(time), text)
    text = "undefined: the growth rate or the net reproductive rate is 0."
    say(("generation_time",), ~np.isfinite(time), text)
    text = "undefined: no class that reproduces is reached from the first class."
    say(("age_at_maturity", "generation_time_cohort"), ~(flat["maturity_probability"] > 0), text)
    undefined = list(reasons)
    text = "infinite: 1 % or more of a cohort lives after 100,000 intervals."
    say(("longevity",), np.isinf(flat["longevity"]), text)
    for classes in sorted(set(core)):
        names = ", ".join(population.class_names[i] for i in classes)
        here = np.asarray([other == classes for other in core]) & (groups == 1) & alive
        if len(classes) < size:
            say(("growth_rate",), here, f"reducible matrix: the growth rate is that of {names}.")
        for cycle in np.unique(period[here & (period > 1)]):
            text = f"imprimitive matrix: period {cycle}, growth is the mean over a cycle."
            say(("growth_rate",), here & (period == cycle), text)
    for field in undefined:
        where = np.reshape(reasons[field] != "", (-1,) + (1,) * (flat[field].ndim - 1))
        values[field] = np.where(where, np.nan, flat[field]).reshape(np.shape(values[field]))
    return values, {field: _note(texts, not batch) for field, texts in reasons.items() if (texts != "").any()}


def _note(texts: np.ndarray, single: bool) -> str:
    """The reason of one model; of several, each reason with the number of models it holds for."""
    notes = []
    for text in dict.fromkeys(texts[texts != ""]):
        what, _, why = text.partition(": ")
        notes.append(text if single else f"{what} in {(texts == text).sum()} of {len(texts)} models: {why}")
    return " ".join(notes)


def _structures(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[int, ...]]]:
    """Period, number of dominant groups and dominant classes of each matrix, as in `structure_of`.

    Matrices with the same zeros have the same life-cycle graph, which is looked at once.
    """
    period, groups = np.ones(len(matrices), int), np.ones(len(matrices), int)
    core: list[tuple[int, ...]] = [()] * len(matrices)
    size = matrices.shape[-1]
    patterns, which = np.unique(matrices.reshape(-1, size * size) > 0, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns.reshape(-1, size, size)):
        here = np.flatnonzero(which.ravel() == number)
        parts = strong_groups(pattern)
        blocks = [matrices[here][:, part[:, None], part] for part in parts]
        roots = np.stack([np.abs(np.linalg.eigvals(block)).max(axis=-1) for block in blocks])
        top = roots.argmax(axis=0)
        groups[here] = (roots >= roots.max(axis=0) * (1 - 1e-9)).sum(axis=0)
        for i in np.unique(top):
            cycle = loop_period(pattern[np.ix_(parts[i], parts[i])])
            for model in here[top == i]:
                period[model], core[model] = cycle, tuple(int(j) for j in parts[i])
    return period, groups, core


def _eigenvalues_one(matrix: jax.Array) -> jax.Array:
    values = jnp.linalg.eigvals(matrix)
    modulus = jnp.abs(values).at[jnp.argmax(values.real)].set(jnp.inf)
    return values[jnp.lexsort((-values.imag, -values.real, -modulus))]


_eigenvalues = jax.jit(jnp.vectorize(_eigenvalues_one, signature="(n,n)->(n)"))
