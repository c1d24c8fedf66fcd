"""`bifurcation_sweep`: what becomes of a discrete-time model as one parameter changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from popmath._errors import ConvergenceError
from popmath._types import ArrayLike
from popmath.populations.fixed_point import sorted_eigenvalues
from popmath.populations.model import check_whole
from popmath.populations.newton_search import newton
from popmath.populations.stability import check_returned, field_of, loss_of

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

_RESIDUAL = 1e-10  # relative change in an interval that still is a fixed point


class CriticalValue(NamedTuple):
    """Where the leading multiplier of a fixed point passes the unit circle.

    Attributes:
        value: of the parameter.
        kind: `"fold"` (multiplier 1: fold, transcritical or pitchfork), `"flip"` (-1, period doubling) or
            `"Neimark-Sacker"` (a complex pair).
        loses: True if the fixed point is stable below `value` and unstable above; False the other way.
        point: the fixed point there, shape `(states,)`.
        multiplier: the leading one there.
    """

    value: float
    kind: str
    loses: bool
    point: np.ndarray
    multiplier: complex


@dataclasses.dataclass(frozen=True, eq=False)
class BifurcationSweep:
    """A discrete-time model over the values of one parameter.

    Attributes:
        values: of the parameter, rising, shape `(values,)`.
        samples: states after the transient, shape `(values, samples, states)`; NaN where the run escaped.
        escaped: where a run grew beyond all numbers, shape `(values,)`.
        fixed_points: the branch that was followed, shape `(values, states)`; NaN where Newton's method lost it.
        multipliers: eigenvalues of the Jacobian there, by falling modulus, shape `(values, states)`.
        critical: where the largest modulus passes 1.
        names: of the states.
        parameter: name of the parameter.
    """

    values: np.ndarray
    samples: np.ndarray
    escaped: np.ndarray
    fixed_points: np.ndarray
    multipliers: np.ndarray
    critical: tuple[CriticalValue, ...]
    names: tuple[str, ...]
    parameter: str

    @property
    def leading_modulus(self) -> np.ndarray:
        """Largest modulus of the multipliers at each value, shape `(values,)`."""
        return np.abs(self.multipliers[:, 0])

    def summary(self) -> str:
        """The critical values, and how many runs escaped."""
        lines = [
            f"{self.parameter} = {c.value:.10g}: {c.kind}, the fixed point {'loses' if c.loses else 'gains'} stability"
            for c in self.critical
        ]
        low, high = self.values[0], self.values[-1]
        lines = lines or [f"no change of stability for {self.parameter} from {low:g} to {high:g}"]
        if self.escaped.any():
            lines.append(f"{self.escaped.sum()} of {self.values.size} runs grew beyond all numbers")
        return "\n".join(lines)

    def to_dataframe(self) -> pandas.DataFrame:
        """Fixed point and largest modulus, one row per value of the parameter."""
        import pandas as pd

        columns = {f"{name} fixed point": self.fixed_points[:, i] for i, name in enumerate(self.names)}
        columns |= {"leading modulus": self.leading_modulus, "escaped": self.escaped}
        return pd.DataFrame(columns, index=pd.Index(self.values, name=self.parameter))

    def plot(self) -> matplotlib.figure.Figure:
        """Bifurcation diagram above, modulus of the leading multiplier below."""
        from popmath.plots.stability import plot_bifurcation

        return plot_bifurcation(self)


def bifurcation_sweep(
    build: Callable[[Any], Any],
    values: ArrayLike,
    initial: ArrayLike,
    *,
    num_steps: int = 1200,
    discard: int = 1000,
    guess: ArrayLike | None = None,
    parameter: str = "parameter",
    names: Sequence[str] | None = None,
) -> BifurcationSweep:
    r"""Attractor, fixed point and its multipliers of $x(t+1) = f(x(t); \theta)$ as the parameter $\theta$ changes.

    For every value the model is run from `initial`. One fixed point is found at the first value and followed along the
    others, each found by Newton's method from the one before. Where its largest multiplier passes modulus 1 between two
    values, the place is found by Brent's method, to a modulus within about 1e-10 of 1. Two passings between
    neighbouring values are not seen: take values close enough.

    Args:
        build: takes a value as a JAX number, and returns a model or a JAX function of the state (to be used as a map).
        values: of the parameter, rising, at least 2.
        initial: where every run begins, shape `(states,)`.
        num_steps: intervals of a run, transient included.
        discard: intervals at the beginning that are left out, below `num_steps`.
        guess: where Newton's method begins at the first value; by default the mean of that run, then `initial`.
        parameter: its name, for figures.
        names: of the states; by default the species of the model.

    Returns:
        The sweep; runs that escape are marked, not hidden.

    Raises:
        ValueError: for values that do not rise, wrong shapes, or `discard` not below `num_steps`.
        TypeError: if `build` uses NumPy or `float` on the value.
        ConvergenceError: if there is no fixed point at the first value near the guess.

    Example:
        >>> sweep = bifurcation_sweep(lambda r: lambda x: r * x * (1 - x), np.linspace(2.5, 3.2, 15), [0.3])
        >>> print(sweep.summary())
        parameter = 3: flip, the fixed point loses stability

    References:
        Kuznetsov, Y. A. (2004), Elements of Applied Bifurcation Theory, 3rd ed., chapter 4. May, R. M. (1976),
        Nature 261, 459-467.
    """
    grid, start = np.asarray(values, np.float64), np.asarray(initial, np.float64)
    if grid.ndim != 1 or grid.size < 2 or not np.isfinite(grid).all() or not (np.diff(grid) > 0).all():
        raise ValueError(f"values must be at least 2, finite and rising; got {grid.tolist()[:8]}.")
    if start.ndim != 1 or not start.size or not np.isfinite(start).all():
        raise ValueError(f"initial must be finite, of shape (states,); got {start.tolist()}.")
    check_whole("num_steps", num_steps, 1)
    check_whole("discard", discard, 0)
    if discard >= num_steps:
        raise ValueError(f"discard must be below num_steps, or no state is left; got {discard} of {num_steps}.")
    labels = _names(build, grid[0], start, names)
    with jax.enable_x64(True):
        samples = np.asarray(_runs(build, grid, start, num_steps, discard))
        escaped = np.asarray(~np.isfinite(samples).all(axis=(1, 2)))
        samples = np.where(escaped[:, None, None], np.nan, samples)
        branch = _Branch(build)
        tries = [samples[0].mean(axis=0), start] if guess is None else [np.asarray(guess, np.float64)]
        point = next((found for x in tries if (found := branch.solve(grid[0], x)) is not None), None)
        if point is None:
            raise ConvergenceError(
                f"no fixed point was found at {parameter} = {grid[0]:g} near {tries[-1].tolist()}. Pass guess=... "
                "close to one (fixed_points finds them), or begin where the model settles."
            )
        points = np.full((grid.size, start.size), np.nan)
        multipliers = np.full((grid.size, start.size), np.nan, complex)
        for i, value in enumerate(grid):
            point = branch.solve(value, point)
            if point is None:
                break
            points[i], multipliers[i] = point, branch.multipliers(value, point)
        height = np.abs(multipliers[:, 0]) - 1
        with np.errstate(invalid="ignore"):
            passing = np.flatnonzero(height[:-1] * height[1:] < 0)
            exact = np.flatnonzero(height == 0)
        critical = [branch.critical(grid[i], grid[i + 1], points[i], bool(height[i] < 0)) for i in passing]
        for i in exact[(exact > 0) & (exact < grid.size - 1)]:
            if height[i - 1] * height[i + 1] < 0:
                critical.append(branch.critical(grid[i], grid[i], points[i], bool(height[i - 1] < 0)))
    found = tuple(sorted(critical, key=lambda c: c.value))
    return BifurcationSweep(grid, samples, escaped, points, multipliers, found, labels, parameter)


def _names(build: Callable, value: float, start: np.ndarray, names: Sequence[str] | None) -> tuple[str, ...]:
    with jax.enable_x64(True):
        model = build(jnp.asarray(value))
        check_returned(field_of(model, "map"), start)
    own = getattr(model, "species", None) if names is None else names
    labels = tuple(f"state {i + 1}" for i in range(start.size)) if own is None else tuple(own)
    if len(labels) != start.size:
        if names is not None:
            raise ValueError(f"names must be one per state, {start.size}; got {labels}.")
        labels = tuple(f"state {i + 1}" for i in range(start.size))
    return labels


def _runs(build: Callable, grid: np.ndarray, start: np.ndarray, num_steps: int, discard: int) -> jax.Array:
    """States after the transient for all values at once."""

    def run(value):
        field = field_of(build(value), "map")

        def one(state, _):
            after = field(state)
            return after, after

        last = jax.lax.fori_loop(0, discard, lambda _, state: field(state), jnp.asarray(start))
        return jax.lax.scan(one, last, length=num_steps - discard)[1]

    try:
        return jax.jit(jax.vmap(run))(jnp.asarray(grid))
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        raise TypeError(
            "build must take the value as a JAX number: use jax.numpy in place of NumPy, jnp.stack([...]) in place of "
            "a list, and no float(...) or if on it."
        ) from error


class _Branch:
    """The fixed points of a family of maps, compiled once."""

    def __init__(self, build: Callable) -> None:
        def change(value, x):
            return field_of(build(value), "map")(x) - x

        self.value = eqx.filter_jit(jax.vmap(change, in_axes=(None, 0)))
        self.slope = eqx.filter_jit(jax.vmap(jax.jacfwd(change, argnums=1), in_axes=(None, 0)))

    def solve(self, value: float, near: np.ndarray) -> np.ndarray | None:
        if not np.isfinite(near).all():
            return None
        number = jnp.asarray(value)
        point = newton(
            lambda x: np.asarray(self.value(number, x)), lambda x: np.asarray(self.slope(number, x)), near[None]
        )
        residual = np.abs(np.asarray(self.value(number, point))).max()
        good = np.isfinite(point).all() and residual <= _RESIDUAL * max(1.0, float(np.abs(point).max()))
        return point[0] if good else None

    def multipliers(self, value: float, point: np.ndarray) -> np.ndarray:
        jacobian = np.asarray(self.slope(jnp.asarray(value), point[None]))[0] + np.eye(point.size)
        return sorted_eigenvalues(jacobian)

    def critical(self, low: float, high: float, near: np.ndarray, loses: bool) -> CriticalValue:
        """The place between two values where the largest modulus is 1."""

        def height(value: float) -> float:
            point = self.solve(value, near)
            if point is None:
                raise ConvergenceError(f"the fixed point was lost at {value}: take values that are closer together.")
            return float(np.abs(self.multipliers(value, point)[0])) - 1

        value = low if low == high else float(scipy.optimize.brentq(height, low, high, xtol=1e-14, rtol=1e-14))
        point = self.solve(value, near)
        assert point is not None
        first = complex(self.multipliers(value, point)[0])
        return CriticalValue(float(value), loss_of(first, "map"), loses, point, first)
