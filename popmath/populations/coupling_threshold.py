"""The strength of predation at which the leading eigenvalue ceases to be the real one it starts from."""

from __future__ import annotations

import dataclasses
from typing import Literal, NamedTuple

import jax
import numpy as np
import scipy.optimize

from popmath._errors import ConvergenceError, UnableError
from popmath.populations.eigen import perron_vectors, structure_of
from popmath.populations.matrix_population import compute
from popmath.populations.model import check_positive
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks

ThresholdKind = Literal["collision", "overtaken by a complex pair", "overtaken by a real eigenvalue", "never"]
TIED = 1e-10  # relative difference of the two growth rates that counts as none
_FIRST_STEP, _LONGEST_STEP, _SHORTEST_STEP = 1e-3, 0.02, 1e-14
_TURN = 0.15  # radians between neighbouring tangents
_MOST_STEPS = 20_000
_perron = jax.jit(perron_vectors)


@dataclasses.dataclass(frozen=True, eq=False)
class GrowthThreshold:
    r"""Where the real branch that starts at the larger growth rate ceases to lead.

    Attributes:
        kind: `"collision"`: it meets another real eigenvalue and both turn complex; `"overtaken by a complex pair"` or
            `"overtaken by a real eigenvalue"`: another one has the same modulus there and a larger one beyond;
            `"never"` up to `max_scale`.
        scale: the scale $s$ of $M(s)$ at which it happens; None for never.
        value: the branch there, per interval; None for never.
        max_scale: how far was looked; infinite where no scale changes the eigenvalues.
    """

    kind: ThresholdKind
    scale: float | None
    value: float | None
    max_scale: float

    @property
    def turns_complex(self) -> bool:
        """Whether the leading eigenvalues beyond the threshold are a complex pair."""
        return self.kind in ("collision", "overtaken by a complex pair")

    def summary(self) -> str:
        """One line."""
        if self.scale is None:
            return f"the leading eigenvalue stays real up to scale {self.max_scale:.4g}"
        return f"{self.kind} at scale {self.scale:.10g}, growth factor {self.value:.6g}"


class Leading(NamedTuple):
    """The larger of the growth rates alone, with its vectors padded to both species, and the other growth rate."""

    value: float
    right: np.ndarray
    left: np.ndarray
    other: float
    of_prey: bool


def growth_threshold(model: LesliePredatorPrey, *, max_scale: float | None = None) -> GrowthThreshold:
    r"""The scale of predation and conversion at which the growth factor ceases to be the real branch it starts as.

    $$M(s) = \begin{pmatrix} L_x & -sP\\ sQ & L_y\end{pmatrix}$$

    At $s = 0$ the larger of $\rho(L_x)$, $\rho(L_y)$ leads. Its branch $\lambda(s)$ is followed as a curve in the
    plane of $\lambda$ and $s$ by pseudo-arclength continuation of a bordered system, which passes smoothly through
    the fold $ds = 0$ where the branch meets another and both turn complex. With one class each that is
    $s = |a - d|/(2\sqrt{pq})$. Where both species grow alike alone, any predation makes a complex pair: the threshold
    is 0. Another eigenvalue that is larger for less than a step of the continuation (2 % of the way) may be missed.

    Args:
        model: in mode `"linear"`; its own predation and conversion are scale 1. Migration plays no part.
        max_scale: how far to look; None for 1000 times the scale at which the coupling is as large as the matrices.

    Returns:
        Kind, scale and growth factor of the threshold; the scale is good to about 1e-10 relative, or to 1e-15 over
        the relative difference of the two growth rates if that is worse.

    Raises:
        ValueError: if `max_scale` is not positive.
        UnableError: where no simple real eigenvalue leads alone: the faster species has several groups of classes of
            the same growth rate, is imprimitive (individuals reproduce at one age only, say), or does not grow at all;
            or both grow alike and the coupling passes by their leading vectors; or the model is clipped.
        ConvergenceError: if the branch could not be followed.

    Example:
        >>> hunt = LesliePredatorPrey([[1.2]], [[0.8]], predation=[[0.5]], conversion=[[0.125]])
        >>> print(growth_threshold(hunt).summary())
        collision at scale 0.8, growth factor 1

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction). Keller, H. B. (1977), in: Applications of
        Bifurcation Theory, 359-384 (continuation through folds).
    """
    if max_scale is not None:
        check_positive("max_scale", max_scale)
    lx, p, q, ly = linear_blocks(model)
    start = leading_branch(lx, ly)
    size = max(np.abs(lx).max(), np.abs(ly).max())
    if not (p.any() and q.any()):
        return GrowthThreshold("never", None, None, np.inf)
    unit = size / np.sqrt(np.abs(p).max() * np.abs(q).max())
    if start.value - start.other <= TIED * start.value:
        if degenerate_coupling(lx, p, q, ly) <= 1e-12 * p.max() * q.max():
            raise UnableError(
                "both species have the same growth rate alone and predation passes by their leading vectors, so that "
                "the first order vanishes; look at the eigenvalues themselves: growth_factor at several scales."
            )
        return GrowthThreshold("collision", 0.0, start.value, 0.0)
    furthest = 1000 * unit if max_scale is None else float(max_scale)
    return _Curve(lx, p, q, ly, size, unit).follow(start, furthest)


def leading_branch(prey: np.ndarray, predators: np.ndarray) -> Leading:
    """The Perron pair that leads at scale 0.

    Raises:
        UnableError: if it is not simple, or shares its modulus with eigenvalues of the same species.
    """
    rates = [float(compute(_perron, matrix)[0]) for matrix in (prey, predators)]
    of_prey = rates[0] >= rates[1]
    matrix, name = (prey, "prey") if of_prey else (predators, "predator")
    value, right, left = (np.asarray(found) for found in compute(_perron, matrix))
    structure = structure_of(matrix)
    if value <= 1e-12 * max(np.abs(prey).max(), np.abs(predators).max()):
        raise UnableError("neither species reproduces alone (all eigenvalues are 0): there is no branch to follow.")
    overlap = float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))
    if structure.num_dominant > 1 or overlap < 1e-8:
        raise UnableError(
            f"the growth rate {float(value):.6g} of the {name} alone is no simple eigenvalue, or nearly so: "
            f"{structure.num_dominant} groups of its classes share it. Give growth_factor at each scale instead."
        )
    if structure.period > 1:
        raise UnableError(
            f"the {name} matrix is imprimitive: {structure.period} eigenvalues share the modulus {float(value):.6g} at "
            "scale 0, and predation moves each of them, so that no single branch leads. growth_factor gives the exact "
            "value at each scale."
        )
    rest = np.zeros(len(predators if of_prey else prey))
    ends = [np.concatenate([v, rest] if of_prey else [rest, v]) for v in (right, left)]
    return Leading(float(value), ends[0], ends[1], min(rates), of_prey)


def degenerate_coupling(lx: np.ndarray, p: np.ndarray, q: np.ndarray, ly: np.ndarray) -> float:
    r"""$(w_x^\top P v_y)(w_y^\top Q v_x)/((w_x^\top v_x)(w_y^\top v_y))$."""
    (_, vx, wx), (_, vy, wy) = (compute(_perron, matrix) for matrix in (lx, ly))
    return float((wx @ p @ vy) * (wy @ q @ vx) / ((wx @ vx) * (wy @ vy)))


class _Point(NamedTuple):
    """A point of the curve, (value, scale) in its units, with the null vectors and the slopes of h there."""

    place: np.ndarray
    right: np.ndarray
    left: np.ndarray
    slopes: np.ndarray  # dh/dvalue, dh/dscale


class _Curve:
    """The curve det(M(s) - value) = 0 as the zeros of h, the corner of the inverse of a bordered matrix."""

    def __init__(self, lx, p, q, ly, size, unit) -> None:
        """Take the blocks and the units of the two axes."""
        self.m, self.size, self.unit = len(lx), size, unit
        zero = np.zeros_like
        self.base = np.block([[lx, zero(p)], [zero(q), ly]]) / size
        self.coupling = np.block([[zero(lx), -p], [q, zero(ly)]]) * unit / size

    def matrix(self, scale: float) -> np.ndarray:
        return self.base + scale * self.coupling

    def evaluate(self, place: np.ndarray, right: np.ndarray, left: np.ndarray) -> tuple[float, _Point]:
        """The corner h at a place, bordered by the given vectors."""
        n = len(self.base)
        system = np.zeros((n + 1, n + 1))
        system[:n, :n] = self.matrix(place[1]) - place[0] * np.eye(n)
        system[:n, n], system[n, :n] = left, right
        end = np.eye(n + 1)[n]
        solved, solved_left = np.linalg.solve(system, end), np.linalg.solve(system.T, end)
        v, w = solved[:n], solved_left[:n]
        slopes = np.array([w @ v, -w @ self.coupling @ v])
        return solved[n], _Point(place, v / np.linalg.norm(v), w / np.linalg.norm(w), slopes)

    def correct(self, near: np.ndarray, direction: np.ndarray, border: _Point) -> _Point | None:
        """The point of the curve on the line through `near` across `direction`."""
        place = near
        for _ in range(12):
            try:
                h, found = self.evaluate(place, border.right, border.left)
            except np.linalg.LinAlgError:
                return None
            jacobian = np.array([found.slopes, direction])
            if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-300:
                return None
            move = np.linalg.solve(jacobian, -np.array([h, direction @ (place - near)]))
            if np.abs(move).max() <= 4e-16 * max(1.0, np.abs(place).max()):
                return found
            place = place + move
            if np.abs(move).max() > 1:
                return None
        return found if np.abs(move).max() < 1e-12 * max(1.0, np.abs(place).max()) else None

    def follow(self, start: Leading, max_scale: float) -> GrowthThreshold:
        """From scale 0 until the branch folds, is overtaken or `max_scale` is passed."""
        right, left = (v / np.linalg.norm(v) for v in (start.right, start.left))
        _, here = self.evaluate(np.array([start.value / self.size, 0.0]), right, left)
        direction = np.array([0.0, 1.0])
        gap = (start.value - start.other) / self.size
        step = _FIRST_STEP * gap
        for _ in range(_MOST_STEPS):
            ahead = self.advance(here, direction, step)
            if ahead is not None:
                after, turned = ahead
                folds = bool(turned[1] <= 0)
                place = self.fold(here, direction, step) if folds else after.place
                beaten = self.overtakes(place, 2 if folds else 1)
                if beaten is None and folds:
                    return self.report("collision", place, max_scale)
                if beaten is None and place[1] * self.unit >= max_scale:
                    return GrowthThreshold("never", None, None, max_scale)
                if beaten is None:
                    here, direction = after, turned
                    step = min(1.5 * step, _LONGEST_STEP * (gap + here.place[1]))
                    continue
                if step <= _SHORTEST_STEP * (1 + here.place[1]):
                    return self.report(beaten, place, max_scale)
            elif step <= _SHORTEST_STEP * (1 + here.place[1]):
                break
            step /= 2
        raise ConvergenceError(
            f"the branch of the leading eigenvalue could not be followed beyond scale {here.place[1] * self.unit:.8g}; "
            "look at growth_factor at scales around it."
        )

    def advance(self, here: _Point, direction: np.ndarray, step: float) -> tuple[_Point, np.ndarray] | None:
        """The next point and the tangent there, or None if the step is too long for the bend of the curve."""
        after = self.correct(here.place + step * direction, direction, here)
        if after is None or after.right @ here.right < 0.9:
            return None
        turned = _tangent(after.slopes, direction)
        return (after, turned) if turned @ direction > np.cos(_TURN) else None

    def overtakes(self, place: np.ndarray, meeting: int) -> ThresholdKind | None:
        """How an eigenvalue of the matrix is larger than the branch, if one is beside the `meeting` that are on it."""
        values = np.linalg.eigvals(self.matrix(place[1]))
        values = values[np.argsort(np.abs(values - place[0]))][meeting:]
        if not values.size or np.abs(values).max() <= place[0] * (1 + 1e-12):
            return None
        largest = values[np.argmax(np.abs(values))]
        real = abs(largest.imag) <= 1e-12 * abs(largest)
        return "overtaken by a real eigenvalue" if real else "overtaken by a complex pair"

    def fold(self, here: _Point, direction: np.ndarray, step: float) -> np.ndarray:
        """The fold between `here` and `step` further, where the derivative of h in the value is 0."""

        def point(length: float) -> _Point:
            found = self.correct(here.place + length * direction, direction, here)
            if found is None:
                raise ConvergenceError(f"the fold near scale {here.place[1] * self.unit:.8g} could not be located.")
            return found

        root = scipy.optimize.brentq(lambda length: point(length).slopes[0], 0.0, step, xtol=1e-18, rtol=1e-14)
        return point(root).place

    def report(self, kind: ThresholdKind, place: np.ndarray, max_scale: float) -> GrowthThreshold:
        """What was found at a place, if that is not too far."""
        value, scale = place * (self.size, self.unit)
        if scale >= max_scale:
            return GrowthThreshold("never", None, None, max_scale)
        return GrowthThreshold(kind, float(scale), float(value), max_scale)


def _tangent(slopes: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Unit vector along the curve, pointing on from `before`."""
    along = np.array([-slopes[1], slopes[0]]) / np.hypot(*slopes)
    return along if along @ before > 0 else -along
