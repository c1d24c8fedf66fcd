"""The linear predator-prey model taken apart: the prey alone, and predation that goes one way."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
import scipy.linalg

from popmath._errors import UnableError
from popmath._types import ArrayLike
from popmath.populations.linear_evolution import evolve
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks
from popmath.populations.simulation import check_state

SINGULAR = 1e-12
SHARED = 1e-7  # distance of two eigenvalues, relative to the largest, below which they count as shared


class PreyRecurrence(NamedTuple):
    r"""The prey by themselves: $x_{t+2}$ = `latest` $x_{t+1}$ - `previous` $x_t$ + `constant`.

    Attributes:
        latest: $L_x + K$ with $K = P L_y P^{-1}$, shape `(prey_classes, prey_classes)`.
        previous: $K L_x + P Q$, same shape.
        constant: $(I - K)\mu_x - P\mu_y$, from migration, shape `(prey_classes,)`; 0 without.
    """

    latest: np.ndarray
    previous: np.ndarray
    constant: np.ndarray


def prey_recurrence(model: LesliePredatorPrey) -> PreyRecurrence:
    r"""The second-order recurrence of the prey, with the predators eliminated.

    $$x_{t+2} = (L_x + K)\,x_{t+1} - (K L_x + P Q)\,x_t + (I - K)\mu_x - P\mu_y, \qquad K = P L_y P^{-1}$$

    A series of the prey alone therefore shows the predators. With one class each it is
    $x_{t+2} = (a + d)\,x_{t+1} - (a d + p q)\,x_t$.

    Args:
        model: in mode `"linear"`, with a square and invertible `predation`.

    Raises:
        UnableError: if `predation` is not square or not invertible, or the model is clipped.

    Example:
        >>> found = prey_recurrence(LesliePredatorPrey([[1.5]], [[0.5]], [[0.5]], [[0.25]]))
        >>> print(found.latest.tolist(), found.previous.tolist())
        [[2.0]] [[0.875]]

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction).
    """
    lx, p, q, ly = linear_blocks(model)
    m, n = p.shape
    if m != n:
        raise UnableError(
            f"the predators can be eliminated only where predation is square; its shape is ({m}, {n}), {m} classes of "
            f"prey and {n} of predators. Use evolve(model, initial, times) and read the prey off."
        )
    singular = np.linalg.svd(p, compute_uv=False)
    if singular[-1] <= SINGULAR * singular[0]:
        raise UnableError(
            f"the predators can be eliminated only where predation is invertible; its singular values are "
            f"{singular.tolist()}, so that some structure of the predators leaves no trace in the prey. Use "
            "evolve(model, initial, times)."
        )
    k = np.linalg.solve(p.T, (p @ ly).T).T
    moved = np.zeros(m + n) if model.migration is None else np.asarray(model.migration, np.float64)
    return PreyRecurrence(lx + k, k @ lx + p @ q, moved[:m] - k @ moved[:m] - p @ moved[m:])


def evolve_one_way(model: LesliePredatorPrey, initial: ArrayLike, t: int | ArrayLike) -> np.ndarray:
    r"""The state after `t` intervals where predation goes one way, by a Sylvester equation.

    Where predators gain nothing ($Q = 0$), with $L_x X - X L_y = P$:

    $$x_t = L_x^t (x_0 - X y_0) + X L_y^t y_0, \qquad y_t = L_y^t y_0$$

    and where prey lose nothing ($P = 0$) the same with the species exchanged and $-Q$ for $P$. The eigenvalues of the
    whole are those of $L_x$ and of $L_y$.

    Args:
        model: in mode `"linear"`, without migration, with `conversion` or `predation` all 0.
        initial: state at time 0, shape `(states,)`, at least 0.
        t: number of intervals, or an array of them, as in `evolve`.

    Returns:
        The state, or states along a first axis. Digits are lost as eigenvalues of the two come near each other.

    Raises:
        ValueError: for a wrong `initial` or `t`.
        UnableError: if both species act on each other, migration is present, the model is clipped, or the two matrices
            share an eigenvalue.

    Example:
        >>> pest = LesliePredatorPrey([[1.5]], [[0.5]], predation=[[0.25]], conversion=[[0.0]])
        >>> evolve_one_way(pest, [8.0, 4.0], [1, 2]).tolist()
        [[11.0, 2.0], [16.0, 1.0]]

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction).
    """
    lx, p, q, ly = linear_blocks(model)
    if p.any() and q.any():
        raise UnableError(
            "predation goes both ways: neither predation nor conversion is all 0, so that the species do not "
            "decouple. Use evolve(model, initial, t)."
        )
    if model.migration is not None:
        raise UnableError("evolve_one_way leaves migration out; use evolve(model, initial, t), which has it.")
    with jax.enable_x64(True):
        state = np.asarray(check_state(model, initial))
    x, y = state[: len(lx)], state[len(lx) :]
    if q.any():
        joint = _sylvester(ly, lx, -q)
        prey = evolve(lx, x, t)
        return np.concatenate([prey, evolve(ly, y - joint @ x, t) + prey @ joint.T], axis=-1)
    joint = _sylvester(lx, ly, p)
    predators = evolve(ly, y, t)
    return np.concatenate([evolve(lx, x - joint @ y, t) + predators @ joint.T, predators], axis=-1)


def _sylvester(left: np.ndarray, right: np.ndarray, value: np.ndarray) -> np.ndarray:
    """X with `left X - X right = value`; 0 for 0."""
    if not value.any():
        return np.zeros_like(value)
    first, second = np.linalg.eigvals(left), np.linalg.eigvals(right)
    apart = np.abs(first[:, None] - second[None, :])
    size = max(np.abs(first).max(), np.abs(second).max())
    if apart.min() <= SHARED * size:
        i = np.unravel_index(np.argmin(apart), apart.shape)[0]
        raise UnableError(
            f"both species alone have the eigenvalue {first[i]:.9g} (within {apart.min():.2g}), and the Sylvester "
            "equation then has no unique solution: with one driving the other in resonance, abundances gain a factor "
            "t. Use evolve(model, initial, t)."
        )
    return scipy.linalg.solve_sylvester(left, -right, value)
