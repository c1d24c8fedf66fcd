"""Linear structured models after any number of intervals at once, and their equilibrium under migration."""

from __future__ import annotations

import dataclasses
import functools
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations.fixed_point import sorted_eigenvalues
from popmath.populations.life_history import matrix_power
from popmath.populations.matrix_population import MatrixPopulation, check_square, compute
from popmath.populations.model import PopulationModel
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks, refuse_clipped
from popmath.populations.simulation import check_state

LONGEST = 2**62
NEAR_ONE = 1e-9  # relative size of the smallest singular value of I - M that still counts as 0


@runtime_checkable
class LinearModel(Protocol):
    """A model whose step is multiplication by one matrix."""

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state."""
        ...

    def projection_matrix(self) -> Array:
        """The matrix, all classes of all species in one row."""
        ...


Linear = LinearModel | PopulationModel | MatrixPopulation | ArrayLike


@dataclasses.dataclass(frozen=True, eq=False)
class MigrationEquilibrium:
    r"""The state $z^* = (I - M)^{-1}\mu$ at which migration makes up for what the matrix changes.

    Attributes:
        abundance: $z^*$, prey and then predators by class, shape `(states,)`; entries can be negative.
        prey: its first part, shape `(prey_classes,)`.
        predators: its second part, shape `(predator_classes,)`.
        eigenvalues: of $M$, by falling modulus, shape `(states,)`.
    """

    abundance: np.ndarray
    prey: np.ndarray
    predators: np.ndarray
    eigenvalues: np.ndarray

    @property
    def spectral_radius(self) -> float:
        """Largest modulus of the eigenvalues: how a deviation from the equilibrium grows in an interval."""
        return float(np.abs(self.eigenvalues[0]))

    @property
    def stable(self) -> bool:
        """Whether every deviation dies away: spectral radius below 1."""
        return self.spectral_radius < 1

    @property
    def feasible(self) -> bool:
        """Whether no class is negative."""
        return bool((self.abundance >= 0).all())

    def summary(self) -> str:
        """One line: abundances, stability, feasibility."""
        kind = f"{'stable' if self.stable else 'unstable'} (spectral radius {self.spectral_radius:.4g})"
        where = "" if self.feasible else ", not feasible: a class is negative"
        return f"equilibrium {np.array2string(self.abundance, precision=5)}: {kind}{where}"


def evolve(model: Linear, initial: ArrayLike, t: int | np.integer | ArrayLike) -> Array:
    r"""A linear model after `t` intervals, without the ones between, by repeated squaring.

    $$z_t = M^t z_0, \qquad\text{with migration}\qquad \begin{pmatrix} z_t\\ 1\end{pmatrix} =
    \begin{pmatrix} M & \mu\\ 0 & 1\end{pmatrix}^{t} \begin{pmatrix} z_0\\ 1\end{pmatrix}$$

    which holds whether or not 1 is an eigenvalue of $M$. About $2\log_2 t$ products of matrices; the relative error
    is about $10^{-16}\,t$ for a matrix whose growth factor is well conditioned, as that of any $\lambda^t$ is.

    Args:
        model: a `LesliePredatorPrey` (mode `"linear"`), another model with `projection_matrix()`, a
            `MatrixPopulation`, or any square matrix, real or complex, shape `(states, states)`.
        initial: state at time 0, in the shape of the model's states, at least 0; for a matrix any finite numbers,
            shape `(states,)`.
        t: number of intervals, a whole number from 0 to 2**62 - 1, or an array of them, shape `(times,)`. It may be
            traced under `jax.jit`.

    Returns:
        The state at `t`, or states stacked along a first axis; float64 (complex128) NumPy unless JAX is tracing.
        Differentiable in the matrix, the migration and `initial`, in forward and reverse mode.

    Raises:
        ValueError: for times that are negative or not whole, an `initial` of the wrong shape, negative or not finite.
        UnableError: for a clipped model, or if the result exceeds what float64 holds. Under tracing the latter is a
            runtime error.

    Example:
        >>> hunt = LesliePredatorPrey([[1.1]], [[0.9]], predation=[[0.2]], conversion=[[0.2]])
        >>> evolve(hunt, [10.0, 2.0], [0, 1, 2]).round(6).tolist()
        [[10.0, 2.0], [10.6, 3.8], [10.9, 5.54]]
        >>> evolve([[0.0, -1.0], [1.0, 0.0]], [1.0, 0.0], 10**9 + 1).tolist()
        [0.0, 1.0]

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction). Caswell, H. (2001), Matrix Population Models,
        2nd ed., section 4.5.
    """
    matrix, migration, state = _read_linear(model, initial)
    times = _read_times(t)
    if not isinstance(times, Tracer) and not np.size(times):
        return np.zeros((0, *np.shape(initial)))
    count = max(1, np.size(times))
    if not isinstance(times, Tracer):  # as many as the next power of two: fewer lengths to compile for
        times = np.pad(times.reshape(-1), (0, (1 << (count - 1).bit_length()) - count))
    with jax.enable_x64(True):
        states = compute(_evolve, matrix, migration, state.reshape(-1), times)[:count]
    if not isinstance(states, Tracer) and not np.isfinite(states).all():
        late = int(np.max(times))
        size = float(np.abs(np.linalg.eigvals(np.asarray(matrix))).max())
        raise UnableError(
            f"after {late} intervals the abundances are beyond the largest float64, 1.8e308: the growth factor "
            f"{size:.6g} makes 10^{late * np.log10(max(size, 1e-300)):.4g} of them. Ask for fewer intervals, or for "
            "the growth factor (growth_factor(model), numpy.linalg.eigvals) and work with logarithms."
        )
    return states.reshape(*np.shape(t), *np.shape(state))


def migration_equilibrium(model: LesliePredatorPrey) -> MigrationEquilibrium:
    r"""The state that migration holds, $z^* = M z^* + \mu$, and whether it is stable.

    $$z^* = (I - M)^{-1}\mu, \qquad z_t = M^t (z_0 - z^*) + z^*$$

    Args:
        model: with migration. Mode `"clipped"` is answered where no class of $z^*$ is negative.

    Raises:
        ValueError: if the model has no migration.
        UnableError: if 1 is an eigenvalue of $M$, or nearly; if a clipped model has a negative class at $z^*$.

    Example:
        >>> fed = LesliePredatorPrey([[0.5]], [[0.5]], [[0.25]], [[0.25]], migration=[10.0, 0.0])
        >>> print(migration_equilibrium(fed).summary())
        equilibrium [16.  8.]: stable (spectral radius 0.559)
    """
    if model.migration is None:
        raise ValueError(
            "the model has no migration, so that its equilibrium is 0. Give LesliePredatorPrey(..., migration=...), "
            "one number per class."
        )
    lx, p, q, ly = linear_blocks(dataclasses.replace(model, mode="linear"))
    matrix = np.block([[lx, -p], [q, ly]])
    system = np.eye(len(matrix)) - matrix
    singular = np.linalg.svd(system, compute_uv=False)
    values = sorted_eigenvalues(matrix)
    if singular[-1] <= NEAR_ONE * max(1.0, singular[0]):
        near = values[np.argmin(np.abs(values - 1))]
        raise UnableError(
            f"1 is an eigenvalue of the projection matrix, or nearly (the nearest is {near:.12g}): migration then adds "
            "up from interval to interval and no equilibrium is determined. evolve(model, initial, t) is exact all "
            "the same."
        )
    found = np.linalg.solve(system, np.asarray(model.migration, np.float64))
    if model.mode == "clipped" and (found < 0).any():
        raise UnableError(
            f"the linear equilibrium {found.tolist()} has a negative class, which a model with mode='clipped' never "
            "reaches. Use simulate to see where it settles."
        )
    return MigrationEquilibrium(found, found[: model.num_prey], found[model.num_prey :], values)


def _read_linear(model: Linear, initial: ArrayLike) -> tuple[Array, Array | None, Array]:
    """Matrix, migration and state, checked; the matrix of a clipped model is refused."""
    if isinstance(model, LesliePredatorPrey):
        refuse_clipped(model)
    if isinstance(model, PopulationModel):
        with jax.enable_x64(True):
            state = check_state(model, initial)
    if isinstance(model, LinearModel):
        migration = model.migration if isinstance(model, LesliePredatorPrey) else None
        with jax.enable_x64(True):
            return model.projection_matrix(), migration, state if isinstance(state, Tracer) else np.asarray(state)
    if isinstance(model, PopulationModel):
        raise ValueError(
            f"evolve needs a linear model, one with projection_matrix(), or a matrix; {type(model).__name__} is none. "
            "Use simulate(model, initial, num_steps)."
        )
    matrix = model.A if isinstance(model, MatrixPopulation) else _as_numbers(model)
    check_square("matrix", matrix)
    numbers = _as_numbers(initial)
    if np.ndim(matrix) != 2 or np.shape(numbers) != np.shape(matrix)[:1]:
        raise ValueError(
            f"evolve takes one matrix, shape (states, states), and initial of shape (states,); got {np.shape(matrix)} "
            f"and {np.shape(numbers)}."
        )
    for name, values in (("matrix", matrix), ("initial", numbers)):
        if not isinstance(values, Tracer) and not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite; got {values.tolist()}.")
    return matrix, None, numbers


def _as_numbers(values: ArrayLike) -> Array:
    """Real or complex entries in double precision; tracers as they are."""
    if isinstance(values, Tracer):
        return values
    return np.asarray(values, np.complex128 if np.iscomplexobj(values) else np.float64)


def _read_times(t: int | np.integer | ArrayLike) -> Array:
    if isinstance(t, Tracer):
        if t.ndim > 1 or not jnp.issubdtype(t.dtype, jnp.integer):
            raise ValueError(f"t must be a whole number or a row of them; got shape {t.shape} of {t.dtype}.")
        return t
    times = np.asarray(t)
    whole = np.issubdtype(times.dtype, np.integer) or not times.size
    if not whole or times.ndim > 1 or (times < 0).any() or (times >= LONGEST).any():
        raise ValueError(f"t must be a whole number from 0 to 2**62 - 1, or a row of them; got {t!r}.")
    return times.astype(np.int64)


def _evolve(matrix: Array, migration: Array | None, state: Array, times: Array) -> jax.Array:
    """The states at `times`; what exceeds the floating-point range is an error under tracing."""
    traced = any(isinstance(values, Tracer) for values in (matrix, migration, state, times))
    is_complex = jnp.iscomplexobj(matrix) or jnp.iscomplexobj(state)
    dtype = jnp.complex128 if is_complex else jnp.float64
    matrix, state = jnp.asarray(matrix, dtype), jnp.asarray(state, dtype)
    if migration is not None:
        size = state.size
        bottom = jnp.zeros((1, size + 1), dtype).at[0, size].set(1.0)
        side = jnp.asarray(migration, dtype)[:, None]
        matrix = jnp.concatenate([jnp.concatenate([matrix, side], axis=1), bottom])
        state = jnp.concatenate([state, jnp.ones(1, dtype)])
    times = jnp.asarray(times)
    states = _powers(matrix, state, jnp.ravel(times))
    states = states if migration is None else states[:, :-1]
    if traced:
        wrong = ~jnp.isfinite(states).all() | (times < 0).any()
        message = "evolve: t is negative, or the abundances exceed the floating-point range; use the growth factor."
        states = eqx.error_if(states, wrong, message)
    return states


@functools.partial(jax.jit)
def _powers(matrix: jax.Array, state: jax.Array, times: jax.Array) -> jax.Array:
    bits = jnp.iinfo(times.dtype).bits - 1
    return jax.vmap(lambda t: jnp.dot(matrix_power(matrix, t, bits), state))(times)
