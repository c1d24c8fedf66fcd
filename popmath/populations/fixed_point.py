"""A positive fixed point of a map, by Newton's method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MOST_MOVES = 60
RESIDUAL = 1e-11  # relative change in one interval that still is an equilibrium


def positive_fixed_point(
    step: Callable[[np.ndarray], np.ndarray], slopes: Callable[[np.ndarray], np.ndarray], start: np.ndarray
) -> np.ndarray | None:
    """The fixed point that Newton's method reaches from `start` through positive states, or None.

    Args:
        step: the map.
        slopes: its Jacobian.
        start: a positive state, shape `(classes,)`.
    """
    state = start
    for _ in range(MOST_MOVES):
        system = np.eye(state.size) - slopes(state)
        move = np.linalg.lstsq(system, step(state) - state, rcond=None)[0]
        falls = move < 0
        shrink = np.min(0.9 * state[falls] / -move[falls], initial=1.0)  # stay positive
        state = state + shrink * move
        if not np.isfinite(state).all():
            return None
        if shrink == 1 and np.abs(move).max() <= 1e-14 * np.abs(state).max():
            break
    return state if relative_change(step, state) < RESIDUAL else None


def relative_change(step: Callable[[np.ndarray], np.ndarray], state: np.ndarray) -> float:
    """Largest change of a class in one interval over the largest class."""
    return float(np.abs(step(state) - state).max() / max(np.abs(state).max(), np.finfo(float).tiny))


def sorted_eigenvalues(jacobian: np.ndarray) -> np.ndarray:
    """Complex eigenvalues by falling modulus."""
    values = np.linalg.eigvals(jacobian).astype(complex)
    return values[np.argsort(-np.abs(values), kind="stable")]


def stability_in_words(eigenvalues: np.ndarray) -> str:
    """How a small deviation behaves, from the eigenvalues of one interval by falling modulus."""
    first, radius = eigenvalues[0], float(np.abs(eigenvalues[0]))
    turn = "oscillating" if abs(first.imag) > 1e-12 or first.real < 0 else "steady"
    return f"{'stable' if radius < 1 else 'unstable'}, {turn} (spectral radius {radius:.4g})"
