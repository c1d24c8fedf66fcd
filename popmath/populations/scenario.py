"""`Scenario`: a community, where it starts and how long it runs; what a community file describes."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np

from popmath._types import ArrayLike
from popmath.populations.community import Community
from popmath.populations.community_equilibrium import read_state
from popmath.populations.ensemble import Ensemble, Keep
from popmath.populations.model import check_whole, check_whole_numbers
from popmath.populations.simulation import Simulation, simulate


@dataclasses.dataclass(frozen=True, eq=False)
class Scenario:
    """A community and how to run it: the content of a community file.

    Attributes:
        community: the community.
        initial: abundances at time 0, all classes in one row, shape `(states,)`.
        num_steps: number of projection intervals.
        num_replicates: number of replicates; None for a single run.
        seed: of the random numbers.
        extinct_below: a species is extinct while its total is below this, or 0.
        title: one line.
        note: where the numbers come from.
    """

    community: Community
    initial: ArrayLike
    num_steps: int
    num_replicates: int | None = None
    seed: int = 0
    extinct_below: float = 0.0
    title: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Check the start and the numbers."""
        state = read_state(self.community, self.initial)
        check_whole_numbers(self.community, state)
        object.__setattr__(self, "initial", state)
        check_whole("num_steps", self.num_steps, 0)
        check_whole("seed", self.seed, 0)
        if self.num_replicates is not None:
            check_whole("num_replicates", self.num_replicates, 1)
        if not (np.isfinite(self.extinct_below) and self.extinct_below >= 0):
            raise ValueError(f"extinct_below must be finite and at least 0; got {self.extinct_below}.")

    def run(self, *, keep: Keep = "abundances") -> Simulation | Ensemble:
        """Run it: one `Simulation`, or an `Ensemble` of `num_replicates`.

        Args:
            keep: what an ensemble keeps, see `simulate`.

        Example:
            >>> import popmath as pm
            >>> crowded = pm.Regulation("hare", {"hare": 0.01})
            >>> scenario = Scenario(pm.Community({"hare": 2.0}, [crowded]), [10.0], num_steps=40)
            >>> scenario.run().abundances[-1].round(6).tolist()
            [100.0]
        """
        key = jax.random.key(self.seed) if self.community.random else None
        if self.num_replicates is None:
            return simulate(self.community, self.initial, self.num_steps, key=key)
        return simulate(
            self.community,
            self.initial,
            self.num_steps,
            key=key,
            num_replicates=self.num_replicates,
            keep=keep,
            extinct_below=self.extinct_below,
        )
