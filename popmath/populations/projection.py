"""Projections of matrix populations, and the envelope of all of them relative to long-run growth."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations.eigen import damping_ratio, dominant_value, growth_rate
from popmath.populations.matrix_population import (
    Matrix,
    MatrixPopulation,
    class_numbers,
    compute,
    default_names,
    read_matrix,
    read_one,
)
from popmath.populations.model import check_whole
from popmath.populations.transients import transient_bounds

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas


class TransientEnvelope(NamedTuple):
    """The smallest and the largest density of any start, time by time (see `transient_envelope`).

    Attributes:
        times: in projection intervals, shape `(num_steps + 1,)`.
        lower: smallest density, shape `(*batch, num_steps + 1)`.
        upper: largest density, same shape.
    """

    times: np.ndarray
    lower: Float[Array, "*batch times"]
    upper: Float[Array, "*batch times"]


@final
class TransientProjection(eqx.Module):
    """Densities relative to long-run growth, inside their envelope (see `transient_projection`).

    Attributes:
        names: one per start.
        densities: total density relative to growth at the rate `growth_rate`, 1 at time 0.
        envelope: the smallest and the largest density of any start.
        inertia_lower: smallest density of any start in the long run.
        inertia_upper: largest density of any start in the long run.
        growth_rate: per projection interval.
        interval: length of a projection interval in `unit`.
        unit: time unit.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    densities: Float[Array, "starts times"]
    envelope: TransientEnvelope
    inertia_lower: Float[Array, ""]
    inertia_upper: Float[Array, ""]
    growth_rate: Float[Array, ""]
    interval: float = eqx.field(static=True)
    unit: str = eqx.field(static=True)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per time (in the unit of the model): the density of each start, then the envelope."""
        import pandas as pd

        times = pd.Index(self.envelope.times * self.interval, name=f"time ({self.unit})")
        columns = [*self.names, "smallest of all starts", "largest of all starts"]
        return pd.DataFrame(
            np.vstack([self.densities, self.envelope.lower, self.envelope.upper]).T, index=times, columns=columns
        )

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """The densities over time, inside the shaded envelope."""
        from popmath.plots.matrix_population import plot_projection

        return plot_projection(self, ax)


def project(matrix: Matrix, initial: ArrayLike, num_steps: int) -> Float[Array, "*batch times classes"]:
    r"""Project a population through `num_steps` projection intervals, $n(t + 1) = A\,n(t)$.

    Columns of $A$ are the class an individual leaves, rows the class it enters. Runs under `jax.lax.scan` in float64;
    jits, vmaps and differentiates in `matrix` and `initial`.

    Args:
        matrix: a `MatrixPopulation`, or entries of shape `(*batch, classes, classes)`, at least 0.
        initial: abundance of each class at time 0, shape `(*batch, classes)`, at least 0 and not all 0, in any unit of
            count or density. The batches of `matrix` and `initial` broadcast: one start under many matrices, or many
            starts under one.
        num_steps: number of projection intervals, at least 0; static under `jax.jit`.

    Returns:
        Abundances in the unit of `initial`, shape `(*batch, num_steps + 1, classes)`; row 0 is `initial` itself.
        What falls below about 1e-308 becomes 0.

    Raises:
        ValueError: for a bad matrix, abundances that are negative, not finite, all zero or of the wrong shape, batches
            that do not broadcast, or `num_steps` that is no whole number of at least 0.
        OverflowError: if an abundance exceeds the range of float64, about 1e308. Under `jax.jit` it becomes infinite.

    Example:
        >>> leslie = [[0.0, 1.5, 1.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]]
        >>> print(project(leslie, [8, 4, 4], num_steps=2))
        [[ 8.  4.  4.]
         [10.  4.  1.]
         [ 7.  5.  1.]]

    References:
        Leslie, P. H. (1945), Biometrika 33, 183-212. Caswell, H. (2001), Matrix Population Models, section 2.2.
    """
    check_whole("num_steps", num_steps, 0)
    values = read_matrix(matrix)
    start = class_numbers("initial", initial, np.shape(values)[-1])
    batches = np.shape(values)[:-2], np.shape(start)[:-1]
    try:
        np.broadcast_shapes(*batches)
    except ValueError:
        raise ValueError(
            f"the batches of matrix, {batches[0]}, and initial, {batches[1]}, do not broadcast. For every start under "
            "every matrix give matrix an axis of length 1: matrix[:, None]."
        ) from None
    found = compute(_project, values, start, int(num_steps))
    if not isinstance(found, Tracer) and not np.isfinite(found).all():
        first = int(np.argwhere(~np.isfinite(found))[:, -2].min())
        raise OverflowError(
            f"abundance exceeds the range of float64 (1e308) in interval {first}. Project fewer intervals, or divide "
            "the matrix by its growth rate and read the result relative to growth (transient_projection)."
        )
    return found


def transient_envelope(matrix: Matrix, num_steps: int) -> TransientEnvelope:
    r"""How small and how large a population of total 1 can be at each time, relative to long-run growth.

    With $\hat A = A/\lambda$, the total density at time $t$ of a start $n$ of total 1 is $1^\top\hat A^t n$. Over all
    starts it ranges between the smallest and the largest column sum of $\hat A^t$: the extremes are reached by starts
    in a single class, which may be another one at another time. At time 1 they are the first-step attenuation and the
    reactivity of `transient_bounds`; their extremes over time are the maximal attenuation and amplification.

    Args:
        matrix: a `MatrixPopulation`, or entries of shape `(*batch, classes, classes)`.
        num_steps: number of projection intervals, at least 0; static under `jax.jit`.

    Returns:
        Times in projection intervals, and bounds of shape `(*batch, num_steps + 1)`, ratios without unit. NaN where
        the growth rate is 0.

    Raises:
        ValueError: for a bad matrix, or `num_steps` that is no whole number of at least 0.

    Example:
        >>> envelope = transient_envelope([[0.0, 2.0], [0.5, 0.5]], num_steps=2)
        >>> print(envelope.lower.round(4), envelope.upper.round(4))
        [1.     0.3904 0.762 ] [1.     1.9519 1.3716]

    References:
        Townley, S. & Hodgson, D. J. (2008), J. Appl. Ecol. 45, 1836-1839. Stott, I., Townley, S. & Hodgson, D. J.
        (2011), Ecol. Lett. 14, 959-970.
    """
    check_whole("num_steps", num_steps, 0)
    lower, upper = compute(_envelope, read_matrix(matrix), int(num_steps))
    return TransientEnvelope(np.arange(num_steps + 1), lower, upper)


def transient_projection(
    matrix: Matrix, initial: ArrayLike | None = None, num_steps: int | None = None
) -> TransientProjection:
    r"""Project starts of total 1 relative to long-run growth, with the envelope of all starts around them.

    Total density at time $t$ is $1^\top (A/\lambda)^t n / 1^\top n$: it begins at 1 and, if the matrix is primitive,
    tends to the inertia of the start. `plot()` draws it.

    Args:
        matrix: one `MatrixPopulation`, or entries of shape `(classes, classes)`.
        initial: abundances at time 0, shape `(classes,)`, or `(starts, classes)` for several starts; only their
            proportions matter. By default one start per class, all in that class.
        num_steps: projection intervals; by default as many as it takes the second eigenvalue to fade to 1 %, at least
            10 and at most 100.

    Returns:
        Densities of the starts, envelope and inertia bounds, ratios without unit.

    Raises:
        ValueError: for a batch or a bad matrix, abundances that are negative, all zero or of the wrong shape, or
            `num_steps` that is no whole number of at least 0.
        UnableError: if the growth rate is 0.

    Example:
        >>> found = transient_projection([[0.0, 2.0], [0.5, 0.5]], num_steps=2)
        >>> print(found.names, found.densities[1].round(4))
        ('class 1', 'class 2') [1.     1.9519 1.3716]

    References:
        Stott, I., Townley, S. & Hodgson, D. J. (2011), Ecol. Lett. 14, 959-970.
    """
    values = read_one(matrix)
    rate, size = growth_rate(values), len(values)
    if rate == 0:
        raise UnableError(
            "the growth rate is 0: the population dies out within a lifetime, and there is no growth to compare with. "
            "Use project for its abundances."
        )
    names = matrix.class_names if isinstance(matrix, MatrixPopulation) else default_names(size)
    if initial is None:
        starts = np.eye(size)
    else:
        starts = class_numbers("initial", initial, size)
        names = ["given start"] if starts.ndim == 1 else [f"start {i + 1}" for i in range(len(starts))]
        if starts.ndim > 2:
            raise ValueError(f"initial must have shape ({size},) or (starts, {size}); got {starts.shape}.")
        starts = np.atleast_2d(starts / starts.sum(axis=-1, keepdims=True))
    steps = _steps_to_settle(values) if num_steps is None else num_steps
    bounds = transient_bounds(values)
    return TransientProjection(
        names=tuple(names),
        densities=project(values / rate, starts, steps).sum(axis=-1),
        envelope=transient_envelope(values, steps),
        inertia_lower=bounds.inertia_lower,
        inertia_upper=bounds.inertia_upper,
        growth_rate=rate,
        interval=matrix.interval if isinstance(matrix, MatrixPopulation) else 1.0,
        unit=matrix.unit if isinstance(matrix, MatrixPopulation) else "intervals",
    )


def _steps_to_settle(matrix: Array) -> int:
    ratio = damping_ratio(matrix)
    return int(np.clip(np.ceil(np.log(100) / np.log(max(ratio, 1 + 1e-6))), 10, 100))


@functools.partial(jax.jit, static_argnums=2)
def _project(matrix: jax.Array, initial: jax.Array, num_steps: int) -> jax.Array:
    if not jnp.issubdtype(matrix.dtype, jnp.floating):
        matrix = matrix.astype(float)
    batch = jnp.broadcast_shapes(matrix.shape[:-2], initial.shape[:-1])
    start = jnp.broadcast_to(initial.astype(matrix.dtype), (*batch, matrix.shape[-1]))

    def step(now: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        after = jnp.einsum("...ij,...j->...i", matrix, now)
        return after, after

    later = jax.lax.scan(step, start, length=num_steps)[1]
    return jnp.moveaxis(jnp.concatenate([start[None], later]), 0, -2)


def _envelope_one(matrix: jax.Array, num_steps: int) -> tuple[jax.Array, jax.Array]:
    value = dominant_value(matrix)
    scaled = matrix / jnp.where(value > 0, value, jnp.nan)
    sums = jnp.where(value > 0, jnp.ones(matrix.shape[0], matrix.dtype), jnp.nan)
    _, found = jax.lax.scan(lambda now, _: (jnp.dot(now, scaled), now), sums, length=num_steps + 1)
    return jnp.min(found, axis=-1), jnp.max(found, axis=-1)


@functools.partial(jax.jit, static_argnums=1)
def _envelope(matrix: jax.Array, num_steps: int) -> tuple[jax.Array, jax.Array]:
    return jnp.vectorize(lambda one: _envelope_one(one, num_steps), signature="(n,n)->(t),(t)")(matrix)
