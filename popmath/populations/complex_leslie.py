"""The complex-valued Leslie model: prey and predator as real and imaginary part of one population."""

from __future__ import annotations

import dataclasses
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Complex, Float

from popmath._errors import UnableError
from popmath._types import Array, ArrayLike
from popmath.populations.linear_evolution import evolve
from popmath.populations.matrix_population import compute
from popmath.populations.model import PopulationModel, as_species, check_positive
from popmath.populations.predation_blocks import as_block, check_blocks, check_pair, names_of
from popmath.populations.predator_prey import LesliePredatorPrey, block_matrix, pair_totals

_PROPORTIONAL = 1e-10


@final
class ComplexLeslie(PopulationModel):
    r"""One complex-valued population: the prey are its real part, the predators its imaginary part.

    $$\zeta(t+1) = (R + iS)\,\zeta(t), \qquad \zeta = x + iy$$

    that is $x' = R x - S y$ and $y' = R y + S x$: `LesliePredatorPrey` with $L_x = L_y = R$ and $P = Q = S$. Both
    species grow alike alone, so that any predation between them makes them oscillate.

    Args:
        R: projection matrix of either species alone, shape `(classes, classes)`, at least 0; an array or a
            `MatrixPopulation`.
        S: `S[a, b]` is what a predator of class b takes from the prey of class a, and what a prey of class b yields of
            predators of class a, per individual and interval, same shape, at least 0.
        species: two names, of the real and the imaginary part.
        class_names: names of the classes; None for those of `R`, or `"class 1"`, ...
        interval: length of the projection interval, in the time unit of the data.

    Raises:
        ValueError: for matrices not square or of different shapes, entries negative or not finite, names that repeat.

    Example:
        >>> model = ComplexLeslie([[0.0, 2.0], [0.5, 0.0]], [[0.0, 0.5], [0.125, 0.0]])
        >>> print(model.complex_matrix()[0].tolist(), round(model.growth_factor(), 6))
        [0j, (2+0.5j)] 1.030776

    References:
        Gilman, S., Miller, S., Son, T., Waheed, A. & Wang, T. (2024), arXiv:2412.19831 (the form is a reconstruction).
    """

    species: tuple[str, ...] = eqx.field(static=True, converter=as_species)
    R: Float[Array, "classes classes"] = eqx.field(converter=as_block)
    S: Float[Array, "classes classes"] = eqx.field(converter=as_block)
    class_names: tuple[str, ...] = eqx.field(default=(), static=True)
    interval: float = eqx.field(default=1.0, static=True)

    def __init__(self, R, S, *, species=("prey", "predator"), class_names=None, interval=1.0) -> None:
        """See the class."""
        self.species, self.R, self.S, self.interval = species, R, S, float(interval)
        self.class_names = names_of(class_names, R)

    def __check_init__(self) -> None:
        """Check names, interval, shapes and signs."""
        check_pair(self.species)
        check_positive("interval", self.interval)
        names = (self.class_names, self.class_names)
        check_blocks(self.species, (("R", self.R), ("R", self.R)), (("S", self.S), ("S", self.S)), names)

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one state: the prey's classes (real parts), then the predators' (imaginary parts)."""
        return (2 * np.shape(self.R)[0],)

    def complex_matrix(self) -> Complex[Array, "classes classes"]:
        """`R + iS`."""
        return compute(lambda r, s: jax.lax.complex(jnp.asarray(r), jnp.asarray(s)), self.R, self.S)

    def projection_matrix(self) -> Float[Array, "states states"]:
        """The real matrix that takes prey and predators, in one row, one interval on."""
        return compute(block_matrix, self.R, self.S, self.S, self.R)

    def growth_factor(self) -> float:
        r"""Growth per interval in the long run, $\rho(R + iS)$."""
        return float(np.abs(np.linalg.eigvals(_numbers(self)[0] + 1j * _numbers(self)[1])).max())

    def to_predator_prey(self) -> LesliePredatorPrey:
        """The same model with real matrices."""
        return LesliePredatorPrey(
            self.R,
            self.R,
            self.S,
            self.S,
            species=self.species,
            prey_classes=self.class_names,
            predator_classes=self.class_names,
            interval=self.interval,
        )

    def step(self, state: Array, t: Array, key: Array | None) -> tuple[Array, dict[str, Array]]:
        """Abundances by class one interval later; `negative` says whether one of them is below 0."""
        prey, predators = jnp.split(jnp.asarray(state), 2)
        after = jnp.concatenate(
            [
                jnp.dot(self.R, prey) - jnp.dot(self.S, predators),
                jnp.dot(self.R, predators) + jnp.dot(self.S, prey),
            ]
        )
        return after, {"negative": jnp.any(after < 0)}

    def totals(self, states: Array) -> Float[Array, "*batch species"]:
        """Abundance of prey and predators, summed over their classes."""
        return pair_totals(states, np.shape(self.R)[0])


@dataclasses.dataclass(frozen=True, eq=False)
class SolvableComplexLeslie:
    r"""The complex model with $S = \kappa R$.

    Attributes:
        kappa: $\kappa$.
        theta: $\arctan\kappa$, radians by which the population turns in an interval.
        period: $2\pi/\theta$ in intervals; infinite for $\kappa$ = 0.
        growth_factor: $\sqrt{1 + \kappa^2}\,\rho(R)$.
    """

    kappa: float
    theta: float
    period: float
    growth_factor: float

    def summary(self) -> str:
        """One line."""
        return f"S = {self.kappa:.6g} R: growth factor {self.growth_factor:.6g}, period {self.period:.6g} intervals"


def solvable_case(model: ComplexLeslie) -> SolvableComplexLeslie:
    r"""$\kappa$, turn, period and growth factor of a complex model whose `S` is proportional to `R`.

    Args:
        model: a complex model with $S = \kappa R$ to within 1e-10 of the largest entry.

    Raises:
        UnableError: if `S` is not proportional to `R`.

    Example:
        >>> print(solvable_case(ComplexLeslie([[0.0, 2.0], [0.5, 0.0]], [[0.0, 2.0], [0.5, 0.0]])).summary())
        S = 1 R: growth factor 1.41421, period 8 intervals

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction).
    """
    r, s = _numbers(model)
    if not r.any():
        raise UnableError("R is all 0, so that no kappa with S = kappa R is determined. Use evolve(model, initial, t).")
    kappa = float((r / np.abs(r).max()).ravel() @ s.ravel() / ((r / np.abs(r).max()).ravel() @ r.ravel()))
    off = np.abs(s - kappa * r)
    if off.max() > _PROPORTIONAL * max(np.abs(s).max(), kappa * np.abs(r).max()):
        i, j = (int(k) for k in np.unravel_index(off.argmax(), off.shape))
        raise UnableError(
            f"S is not proportional to R: with the best kappa, {kappa:.6g}, S[{i}, {j}] would be {kappa * r[i, j]:.6g} "
            f"but is {s[i, j]:.6g}. There is no closed form then; use evolve(model, initial, t)."
        )
    theta = float(np.arctan(kappa))
    period = 2 * np.pi / theta if theta > 0 else np.inf
    radius = float(np.abs(np.linalg.eigvals(r)).max())
    return SolvableComplexLeslie(kappa, theta, float(period), float(np.hypot(1.0, kappa) * radius))


def evolve_solvable(model: ComplexLeslie, initial: ArrayLike, t: int | np.integer | ArrayLike) -> np.ndarray:
    r"""The state after `t` intervals in closed form, where $S = \kappa R$.

    $$x_t = (1+\kappa^2)^{t/2}\,[\cos(t\theta)\,R^t x_0 - \sin(t\theta)\,R^t y_0], \qquad
      y_t = (1+\kappa^2)^{t/2}\,[\sin(t\theta)\,R^t x_0 + \cos(t\theta)\,R^t y_0]$$

    Args:
        model: a complex model with $S = \kappa R$.
        initial: prey and then predators by class at time 0, shape `(2 * classes,)`, at least 0.
        t: number of intervals, or an array of them, as in `evolve`.

    Returns:
        The state, shape `(2 * classes,)`, or states along a first axis.

    Raises:
        ValueError: for a wrong `initial` or `t`.
        UnableError: if `S` is not proportional to `R`, or the result exceeds what float64 holds.

    Example:
        >>> model = ComplexLeslie([[1.0]], [[1.0]])
        >>> evolve_solvable(model, [3.0, 1.0], [0, 1, 8]).round(9).tolist()
        [[3.0, 1.0], [2.0, 4.0], [48.0, 16.0]]
    """
    case = solvable_case(model)
    start = evolve(model, initial, 0)
    half = start.size // 2
    stretched = np.hypot(1.0, case.kappa) * _numbers(model)[0]
    x, y = evolve(stretched, start[:half], t), evolve(stretched, start[half:], t)
    turn = np.asarray(t, np.float64)[..., None] * case.theta
    cos, sin = np.cos(turn), np.sin(turn)
    return np.concatenate([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _numbers(model: ComplexLeslie) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(model.R, Tracer) or isinstance(model.S, Tracer):
        raise TypeError(
            "this needs a model of numbers, not one that JAX is tracing: call it outside jit, vmap and grad."
        )
    return np.asarray(model.R, np.float64), np.asarray(model.S, np.float64)
