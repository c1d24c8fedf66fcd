"""Stability of the fixed points of small smooth systems, flows or maps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from popmath._types import Array, ArrayLike
from popmath.populations.model import PopulationModel

Kind = Literal["flow", "map"]
System = PopulationModel | Callable[[Any], Any]
_TURNING = 1e-6  # imaginary part, relative to the modulus, above which an eigenvalue is complex
_EDGE = 1e-9  # distance of a modulus to 1, or relative one of a real part to 0, that cannot be told from 0


@runtime_checkable
class HasRate(Protocol):
    """A model with a vector field."""

    def rate(self, state: Array) -> Array:
        """Change per unit of time."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Stability:
    r"""What the linear part of a system says of a fixed point.

    Attributes:
        point: shape `(states,)`.
        kind: `"flow"` or `"map"`.
        residual: largest entry of $f(x)$, for a map of $f(x) - x$.
        jacobian: of $f$, shape `(states, states)`.
        eigenvalues: complex, those that decide first: by falling real part for a flow, by falling modulus for a map.
        trace: of the Jacobian.
        determinant: of the Jacobian.
        stable: whether small deviations die away; None if the linear part does not say.
        classification: `"stable node"`, `"unstable focus"`, `"saddle"`, ..., or `"undecided"`.
        loss: for a map, the way in which the leading multiplier leaves the unit circle: `"fold"` (at 1),
            `"flip"` (at -1, period doubling) or `"Neimark-Sacker"` (a complex pair). For a flow, `"fold"` or `"Hopf"`.
    """

    point: np.ndarray
    kind: Kind
    residual: float
    jacobian: np.ndarray
    eigenvalues: np.ndarray
    trace: float
    determinant: float
    stable: bool | None
    classification: str
    loss: str

    @property
    def leading(self) -> float:
        """What decides: largest real part of a flow, largest modulus of a map."""
        first = complex(self.eigenvalues[0])
        return first.real if self.kind == "flow" else abs(first)

    def summary(self) -> str:
        """One line."""
        what = "largest real part" if self.kind == "flow" else "largest modulus"
        return f"{np.array2string(self.point, precision=6)}: {self.classification} ({what} {self.leading:.6g})"


def stability_at(system: System, point: ArrayLike, *, kind: Kind = "flow") -> Stability:
    r"""Jacobian, eigenvalues and kind of a fixed point.

    A flow is stable where all real parts are below 0, a map where all moduli are below 1; within 1e-9 of the border
    (relative to the largest eigenvalue of a flow) the linear part decides nothing, and `stable` is None.

    Args:
        system: a JAX function of a state, shape `(states,)`, that returns the same shape; or a model: its `rate` for a
            flow, its `step` for a map.
        point: a fixed point, shape `(states,)`.
        kind: `"flow"` or `"map"`.

    Raises:
        ValueError: if `point` is no fixed point (residual above 1e-6), or its shape does not fit.
        TypeError: for a flow of a model without `rate`.

    Example:
        >>> print(stability_at(lambda x: 3.2 * x * (1 - x), [1 - 1 / 3.2], kind="map").summary())
        [0.6875]: unstable node (largest modulus 1.2)

    References:
        Strogatz, S. H. (2015), Nonlinear Dynamics and Chaos, 2nd ed., chapters 5, 6 and 10. Kuznetsov, Y. A. (2004),
        Elements of Applied Bifurcation Theory, 3rd ed., chapter 4.
    """
    place = np.asarray(point, np.float64)
    if place.ndim != 1 or not place.size or not np.isfinite(place).all():
        raise ValueError(f"point must be finite, of shape (states,); got {place.tolist()}.")
    with jax.enable_x64(True):
        field = field_of(system, kind)
        after = check_returned(field, place)
        residual = float(np.abs(after - place if kind == "map" else after).max())
        if not residual <= 1e-6 * max(1.0, float(np.abs(place).max())):
            raise ValueError(
                f"{place.tolist()} is no fixed point of this {kind}: the residual is {residual:.3g}. Find one with "
                "fixed_points first."
            )
        jacobian = np.asarray(jax.jacfwd(field)(jnp.asarray(place)))
    if not np.isfinite(jacobian).all():
        raise ValueError(f"the system has no finite derivative at {place.tolist()}: {jacobian.tolist()}.")
    return _record(place, kind, residual, jacobian)


def critical_euler_step(trace: float, determinant: float) -> tuple[float, str]:
    r"""The Euler step from which on a stable fixed point of a flow in the plane is unstable for the map.

    An eigenvalue $\mu$ of the flow becomes the multiplier $1 + h\mu$. For a complex pair
    $|1 + h\mu|^2 = 1 + h\,\mathrm{tr} + h^2\det$ is 1 at $h = -\mathrm{tr}/\det$ (Neimark-Sacker); for real ones the
    more negative reaches $-1$ first, at $h = 4/(-\mathrm{tr} + \sqrt{\mathrm{tr}^2 - 4\det})$ (flip).

    Args:
        trace: of the Jacobian of the flow, below 0.
        determinant: of the Jacobian of the flow, above 0.

    Returns:
        The step and the kind of loss, `"Neimark-Sacker"` or `"flip"`.

    Raises:
        ValueError: if the flow itself is not stable.

    Example:
        >>> critical_euler_step(-1.0, 2.0), critical_euler_step(-3.0, 2.0)
        ((0.5, 'Neimark-Sacker'), (1.0, 'flip'))
    """
    if not (math.isfinite(trace) and math.isfinite(determinant) and trace < 0 < determinant):
        raise ValueError(
            f"the flow must be stable: trace below 0 and determinant above 0; got {trace:g} and {determinant:g}."
        )
    spread = trace**2 - 4 * determinant
    if spread < 0:
        return -trace / determinant, "Neimark-Sacker"
    return 4 / (-trace + math.sqrt(spread)), "flip"


def loss_of(eigenvalue: complex, kind: Kind) -> str:
    """How stability is lost where `eigenvalue` crosses the border."""
    turning = abs(eigenvalue.imag) > _TURNING * abs(eigenvalue)
    if kind == "flow":
        return "Hopf" if turning else "fold"
    return "Neimark-Sacker" if turning else "fold" if eigenvalue.real > 0 else "flip"


def field_of(system: System, kind: Kind) -> Callable[[Array], Array]:
    """The vector field or map of a function or a model."""
    if kind not in ("flow", "map"):
        raise ValueError(f"kind must be 'flow' or 'map'; got {kind!r}.")
    if not isinstance(system, PopulationModel):
        return lambda x: jnp.asarray(system(x))
    if kind == "map":
        return lambda x: system.step(jnp.reshape(x, system.state_shape), jnp.asarray(0), None)[0].reshape(x.shape)
    if not isinstance(system, HasRate):
        raise TypeError(f"{type(system).__name__} has no rate(state): it is a map. Pass kind='map'.")
    return system.rate


def check_returned(field: Callable[[Array], Array], place: np.ndarray) -> np.ndarray:
    """What a system returns for a state, refused unless it has its shape."""
    after = np.asarray(field(jnp.asarray(place)))
    if after.shape != place.shape:
        raise ValueError(f"the system must return the shape of its state, {place.shape}; got {after.shape}.")
    return after


def _record(place: np.ndarray, kind: Kind, residual: float, jacobian: np.ndarray) -> Stability:
    values = np.linalg.eigvals(jacobian).astype(complex)
    height = values.real / max(float(np.abs(values).max()), 1e-300) if kind == "flow" else np.abs(values) - 1
    order = np.argsort(-height, kind="stable")
    values, height = values[order], height[order]
    turning = abs(values[0].imag) > _TURNING * abs(values[0])
    shape = "focus" if turning else "node"
    stable: bool | None = bool(height[0] < 0)
    if (np.abs(height) <= _EDGE).any() and not (height > _EDGE).any():
        stable, name = None, "undecided"
    elif height[-1] < 0 < height[0]:
        name = "saddle"
    else:
        name = f"{'stable' if stable else 'unstable'} {shape}"
    trace, determinant = float(np.trace(jacobian)), float(np.linalg.det(jacobian))
    loss = loss_of(complex(values[0]), kind)
    return Stability(place, kind, residual, jacobian, values, trace, determinant, stable, name, loss)
