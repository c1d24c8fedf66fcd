"""Equilibria of a community, and their stability against small deviations and absent species."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from popmath._errors import ConvergenceError
from popmath._types import Array, ArrayLike
from popmath.populations.community import Community
from popmath.populations.fixed_point import (
    positive_fixed_point,
    relative_change,
    sorted_eigenvalues,
    stability_in_words,
)

_WARM_UP = 5000  # projection intervals before Newton's method
_GONE = 1e-9  # of the largest species: one that has fallen so far is taken for extinct


@dataclasses.dataclass(frozen=True, eq=False)
class Equilibrium:
    r"""A state that an interval leaves as it is, $z^* = f(z^*)$, without noise.

    Attributes:
        species: names.
        state: $z^*$, all classes in one row, shape `(states,)`; 0 for species that died out.
        abundances: total of each species, shape `(species,)`.
        jacobian: of one interval at $z^*$ with harvest, absent species included, shape `(states, states)`.
        eigenvalues: of the Jacobian, complex, by falling modulus, shape `(states,)`.
        residual: largest change in one interval over the largest class.
        reached: whether the run from the start ends here; False where it goes on in a cycle around the equilibrium.
    """

    species: tuple[str, ...]
    state: np.ndarray
    abundances: np.ndarray
    jacobian: np.ndarray
    eigenvalues: np.ndarray
    residual: float
    reached: bool

    @property
    def spectral_radius(self) -> float:
        """Largest modulus of the eigenvalues: how a small deviation grows in an interval."""
        return float(np.abs(self.eigenvalues[0]))

    @property
    def stable(self) -> bool:
        """Whether small deviations die away, small numbers of absent species among them."""
        return self.spectral_radius < 1

    @property
    def extinct(self) -> tuple[str, ...]:
        """Species that are not there."""
        return tuple(name for name, total in zip(self.species, self.abundances, strict=True) if total == 0)

    def summary(self) -> str:
        """Two lines: abundances and stability."""
        totals = ", ".join(f"{name} {total:.5g}" for name, total in zip(self.species, self.abundances, strict=True))
        end = "" if self.reached else "; the run from the start does not settle here"
        return f"equilibrium: {totals}\n{stability_in_words(self.eigenvalues)}{end}"


def equilibrium(community: Community, initial: ArrayLike | Mapping[str, ArrayLike | float]) -> Equilibrium:
    r"""Equilibrium of a community without noise, and its stability.

    $$z^* = f(z^*),\qquad J = \frac{\partial f}{\partial z}\Big|_{z^*},\qquad \text{stable iff } \rho(J) < 1$$

    The community is run from `initial` for 5,000 intervals, species that fall below $10^{-9}$ of the largest are taken
    as extinct, and Newton's method goes on from where the run ends and from its mean, so that the unstable
    equilibrium inside a cycle is found as well. With several equilibria, the one found depends on `initial`. At the
    boundary, where species are absent, $J$ is the derivative towards positive abundances; a class that is clipped at 0
    has none.

    Args:
        community: its noise is left out, its years are replaced by their mean.
        initial: where to begin, shape `(states,)` or by name as for `Community.state`; at least 0.

    Raises:
        ValueError: if `initial` is negative, not finite, all 0 or of the wrong shape.
        ConvergenceError: if the abundances grow without bound, or no equilibrium is found.

    Example:
        >>> import popmath as pm
        >>> crowd = [pm.Regulation("a", {"a": 0.01, "b": 0.005}), pm.Regulation("b", {"a": 0.004, "b": 0.01})]
        >>> found = equilibrium(pm.Community({"a": 2.0, "b": 1.8}, crowd), {"a": 10, "b": 10})
        >>> print(found.summary())
        equilibrium: a 75, b 50
        stable, steady (spectral radius 0.8259)

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., sections 16.2 and 16.4.
    """
    quiet = community.deterministic()
    start = read_state(quiet, initial)
    if not start.any():
        raise ValueError("initial must not be all 0: that is an equilibrium of every community without migration.")
    with jax.enable_x64(True):
        last, mean, before = (np.asarray(state) for state in _run(quiet, jnp.asarray(start)))
        if not np.isfinite(last).all() or last.max() > 1e12 * max(start.max(), 1.0):
            raise ConvergenceError(
                f"the abundances grow without bound from {start.tolist()}: nothing regulates the community. Add a "
                "Regulation, or ask for growth with linear_matrix() and growth_rate."
            )
        settled = bool(np.abs(last - before).max() <= 1e-6 * max(last.max(), np.finfo(float).tiny))
        for guess in (last, mean, start):
            state = _solve(quiet, guess)
            if state is not None:
                return _record(
                    quiet, state, settled and bool(np.allclose(state, last, rtol=1e-3, atol=1e-6 * last.max()))
                )
        raise ConvergenceError(
            f"no equilibrium was found from {start.tolist()}: after {_WARM_UP} intervals the abundances are "
            f"{last.tolist()}. Try another start."
        )


def read_state(community: Community, initial: ArrayLike | Mapping[str, ArrayLike | float]) -> np.ndarray:
    """A state given as a row or by name, checked."""
    if isinstance(initial, Mapping):
        initial = community.state(initial)
    state = np.asarray(initial, np.float64)
    if state.shape != community.state_shape:
        raise ValueError(
            f"initial must have shape {community.state_shape}, all classes of {', '.join(community.species)} in one "
            f"row, or be given by name; got shape {state.shape}."
        )
    if not (np.isfinite(state) & (state >= 0)).all():
        raise ValueError(f"initial must be finite and at least 0; got {state.tolist()}.")
    return state


def _solve(community: Community, guess: np.ndarray) -> np.ndarray | None:
    """The fixed point near `guess` of the species that are there, the others at 0."""
    totals = np.asarray(community.totals(jnp.asarray(guess)))
    there = np.zeros(guess.size, bool)
    for where, total in zip(community.slices.values(), totals, strict=True):
        there[where] = total > _GONE * max(totals.max(), 1e-300)
    after = np.asarray(_interval(community, jnp.asarray(np.where(there, guess, 0.0))))
    there |= after > _GONE * max(after.max(), 1e-300)  # migration keeps a species there
    if guess.max() < _GONE or not there.any():
        return None if after.any() else np.zeros_like(guess)

    def whole(part: np.ndarray) -> jax.Array:
        state = np.zeros_like(guess)
        state[there] = part
        return jnp.asarray(state)

    part = positive_fixed_point(
        lambda part: np.asarray(_interval(community, whole(part)))[there],
        lambda part: np.asarray(_jacobian(community, whole(part)))[np.ix_(there, there)],
        np.maximum(guess[there], 1e-12 * guess.max()),
    )
    return None if part is None else np.asarray(whole(part))


def _record(community: Community, state: np.ndarray, reached: bool) -> Equilibrium:
    jacobian = np.asarray(_jacobian(community, jnp.asarray(state)))
    change = relative_change(lambda z: np.asarray(_interval(community, jnp.asarray(z))), state)
    totals = np.asarray(community.totals(jnp.asarray(state)))
    return Equilibrium(community.species, state, totals, jacobian, sorted_eigenvalues(jacobian), change, reached)


@eqx.filter_jit
def _run(community: Community, state: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The state at the end, its mean over the last thousand intervals, and the state a hundred before the end."""

    def one(now, _):
        after, _ = community.step(now, 0, None)
        return after, after

    last, path = jax.lax.scan(one, state, length=_WARM_UP)
    return last, jnp.mean(path[-1000:], axis=0), path[-100]


@eqx.filter_jit
def _interval(community: Community, state: jax.Array) -> jax.Array:
    return jnp.asarray(community.step(state, 0, None)[0])


@eqx.filter_jit
def _jacobian(community: Community, state: jax.Array) -> jax.Array:
    """Derivative of an interval towards positive abundances: clipping at 0 counts where a class would be below 0."""

    def unclipped(now: Array) -> Array:
        after = community.expected(now)
        return community.kept(jnp.maximum(after, 0.0)) * after

    slopes = jax.jacfwd(unclipped)(state)
    clipped = (community.expected(state) < 0) & (community.mode == "clipped")
    return jnp.where(clipped[:, None], 0.0, slopes)
