"""The evolution of the linear predator-prey model as a sum over predation events."""

from __future__ import annotations

import dataclasses
import itertools

import jax
import numpy as np
from jaxtyping import Float

from popmath._errors import UnableError
from popmath._types import ArrayLike
from popmath.populations.model import check_whole
from popmath.populations.predator_prey import LesliePredatorPrey, linear_blocks
from popmath.populations.simulation import check_state

MOST_INTERVALS = 14


@dataclasses.dataclass(frozen=True, eq=False)
class EventExpansion:
    r"""$M^t$ by the number of predation events in the histories that make it up.

    Attributes:
        power: $M^t$, shape `(states, states)`: all four blocks.
        by_events: the part with k events at `[k]`, signs included, shape `(t + 1, states, states)`; sums to `power`.
        num_terms: number of products of blocks in the sum, $2^{t+1}$.
    """

    power: np.ndarray
    by_events: np.ndarray
    num_terms: int

    def summary(self) -> str:
        """How many histories, and how much each number of events weighs (sum of moduli)."""
        weights = ", ".join(f"{k}: {weight:.4g}" for k, weight in enumerate(np.abs(self.by_events).sum(axis=(1, 2))))
        return f"{self.num_terms} histories; weight by number of events: {weights}"


def event_expansion(model: LesliePredatorPrey, t: int) -> EventExpansion:
    r"""$M^t$ as the finite sum over all histories of predation events, without one power of $M$.

    $$[M^t]_{xx} = \sum_j (-1)^j \sum_{a_0 + \dots + a_{2j} = t - 2j} L_x^{a_0} P L_y^{a_1} Q L_x^{a_2} \cdots
      L_x^{a_{2j}}$$

    and likewise $[M^t]_{xy}$, $[M^t]_{yx}$, $[M^t]_{yy}$: in every interval a lineage either stays in its species
    ($L$) or passes to the other ($P$ with a minus sign, or $Q$). Which of the t intervals are events makes $2^t$
    histories from each species, $2^{t+1}$ products in all.

    Args:
        model: in mode `"linear"`; migration plays no part.
        t: number of intervals, 0 to 14.

    Raises:
        ValueError: if `t` is no whole number of at least 0.
        UnableError: for t above 14 or a clipped model.

    Example:
        >>> hunt = LesliePredatorPrey([[2.0]], [[1.0]], predation=[[0.5]], conversion=[[1.0]])
        >>> found = event_expansion(hunt, 2)
        >>> print(found.power.tolist(), found.by_events[2].tolist(), found.num_terms)
        [[3.5, -1.5], [3.0, 0.5]] [[-0.5, 0.0], [0.0, -0.5]] 8

    References:
        Gilman, S. et al. (2024), arXiv:2412.19831 (reconstruction; the identity is proved by induction on t).
    """
    check_whole("t", t, 0)
    if t > MOST_INTERVALS:
        raise UnableError(
            f"the sum over predation events has 2**(t + 1) terms, about 10**{0.30103 * (t + 1):.3g} for t = {t}; it is "
            f"a check for t up to {MOST_INTERVALS}. Use evolve(model, initial, t)."
        )
    lx, p, q, ly = linear_blocks(model)
    stay = [_powers(lx, t), _powers(ly, t)]
    events = (-p, q)  # into prey, into predators
    m = len(lx)
    part = (slice(0, m), slice(m, None))
    by_events = np.zeros((t + 1, m + len(ly), m + len(ly)))
    for count, end in itertools.product(range(t + 1), (0, 1)):
        for when in itertools.combinations(range(t), count):
            species, last, product = end, -1, np.eye(len(stay[end][0]))
            for event in when:  # intervals counted back from the end, as the product is written
                product = product @ stay[species][event - last - 1] @ events[species]
                species, last = 1 - species, event
            by_events[count, part[end], part[species]] += product @ stay[species][t - last - 1]
    return EventExpansion(by_events.sum(axis=0), by_events, 2 ** (t + 1))


def evolve_events(model: LesliePredatorPrey, initial: ArrayLike, t: int) -> Float[np.ndarray, " states"]:
    r"""The state after `t` intervals by the sum over predation events: a check on `evolve` that shares nothing with it.

    $$z_t = [M^t]\,z_0 + \sum_{s<t} [M^s]\,\mu$$

    with every $[M^s]$ from `event_expansion`: $2^{t+1}$ products, with migration about twice as many.

    Args:
        model: in mode `"linear"`.
        initial: state at time 0, shape `(states,)`, at least 0.
        t: number of intervals, 0 to 14.

    Raises:
        ValueError: if `t` is no whole number of at least 0, or `initial` has another shape, is negative or not finite.
        UnableError: for t above 14 or a clipped model.

    Example:
        >>> hunt = LesliePredatorPrey([[2.0]], [[1.0]], predation=[[0.5]], conversion=[[1.0]])
        >>> evolve_events(hunt, [4.0, 2.0], 2).tolist()
        [11.0, 13.0]
    """
    found = event_expansion(model, t).power @ _state(model, initial)
    for s in range(t if model.migration is not None else 0):
        found = found + event_expansion(model, s).power @ np.asarray(model.migration)
    return found


def _state(model: LesliePredatorPrey, initial: ArrayLike) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(check_state(model, initial))


def _powers(matrix: np.ndarray, most: int) -> list[np.ndarray]:
    found = [np.eye(len(matrix))]
    for _ in range(most):
        found.append(found[-1] @ matrix)
    return found
