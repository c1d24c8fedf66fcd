"""Growth of a rare species among residents, and coexistence by mutual invasibility."""

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
from popmath.populations.community_checks import check_species
from popmath.populations.community_equilibrium import read_state
from popmath.populations.model import check_whole

_BATCHES = 20  # means of so many parts of the run give the standard error


@dataclasses.dataclass(frozen=True, eq=False)
class InvasionGrowth:
    """Long-run growth of a species while it is rare.

    Attributes:
        invader: its name.
        rate: mean logarithm of growth per interval; `-inf` if it cannot grow from few individuals at all.
        standard_error: of `rate` over a run with noise; 0 without noise.
        residents: species that were there at the end of the run, and their mean totals.
        settled: without noise, whether the residents came to rest (False in a cycle, where `rate` is a mean over it).
    """

    invader: str
    rate: float
    standard_error: float
    residents: dict[str, float]
    settled: bool

    @property
    def invades(self) -> bool | None:
        """Whether the species grows when rare; None if the run with noise cannot tell (within two standard errors)."""
        if abs(self.rate) <= 2 * self.standard_error:
            return None
        return self.rate > 0

    def summary(self) -> str:
        """One line: who invades whom, and how fast."""
        verb = {True: "invades", False: "does not invade", None: "may or may not invade"}[self.invades]
        among = ", ".join(f"{name} ({total:.4g})" for name, total in self.residents.items()) or "nobody"
        error = f" +- {self.standard_error:.2g}" if self.standard_error else ""
        return f"{self.invader} {verb} {among}: {self.rate:.4g}{error} per interval"


@dataclasses.dataclass(frozen=True, eq=False)
class MutualInvasibility:
    """Each species of a community as the invader of the others.

    Attributes:
        invasions: one record per species.
        coexistence: True if every species invades, False if one does not, None if the runs cannot tell.
        verdict: what that means in words.
    """

    invasions: dict[str, InvasionGrowth]
    coexistence: bool | None
    verdict: str

    def summary(self) -> str:
        """A line per species, and the verdict."""
        return "\n".join([*(growth.summary() for growth in self.invasions.values()), self.verdict])


def invasion_growth_rate(
    community: Community,
    invader: str,
    initial: ArrayLike | Mapping[str, ArrayLike | float],
    *,
    num_steps: int = 4000,
    discard: int = 2000,
    key: Array | None = None,
) -> InvasionGrowth:
    r"""Long-run growth of a species that is rare among residents.

    $$r = \lim_{T\to\infty}\frac1T \log \bigl\|A(T-1)\cdots A(0)\,w\bigr\|_1,\qquad
      A(t) = \frac{\partial x_\text{inv}(t+1)}{\partial x_\text{inv}(t)}\Big|_{x_\text{inv}=0,\ \text{residents}(t)}$$

    At an equilibrium of the residents that is the logarithm of the leading eigenvalue of the invader's block of the
    Jacobian; in a cycle or with environmental noise it is the Lyapunov exponent along the run. Individuals have no
    fates of their own here: `demographic_noise` is left out.

    Args:
        community: the community with the invader in it; its mode must be `"clipped"`.
        invader: name of the species.
        initial: abundances of the residents to begin with, shape `(states,)` or by name; those of the invader are
            taken as 0.
        num_steps: intervals that are counted, at least 20.
        discard: intervals before them.
        key: a `jax.random.key`, needed with environmental noise or years.

    Raises:
        ValueError: for an unknown name, an invader with migration (it is never absent), or a linear community.
        ConvergenceError: if the residents grow without bound.

    Example:
        >>> import popmath as pm
        >>> crowd = [pm.Regulation("a", {"a": 0.01, "b": 0.005}), pm.Regulation("b", {"a": 0.004, "b": 0.01})]
        >>> print(invasion_growth_rate(pm.Community({"a": 2.0, "b": 1.8}, crowd), "b", {"a": 10, "b": 0}).summary())
        b invades a (100): 0.2513 per interval

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 16.5. Chesson, P. (1994), Theoretical Population
        Biology 45, 227-276.
    """
    check_species("invader", (invader,), community.species)
    check_whole("num_steps", num_steps, _BATCHES)
    check_whole("discard", discard, 0)
    if community.mode != "clipped":
        raise ValueError("invasion needs mode='clipped': in a linear community an absent species does not stay at 0.")
    if invader in community.migration and np.any(community.migration[invader]):
        raise ValueError(f"{invader!r} has migration and is never absent; leave that out to ask whether it invades.")
    where = community.slices[invader]
    start = read_state(community, initial)
    start[where] = 0.0
    noisy = community.environment is not None or community.year_probabilities is not None
    if noisy and key is None:
        raise ValueError("the environment is random: pass key=jax.random.key(seed).")
    if np.any(community.quota.get(invader, 0.0)):  # a quota takes the last of a few individuals
        return InvasionGrowth(invader, -np.inf, 0.0, _means(community, start), True)
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0) if key is None else key, discard + num_steps)
        path, logs = (np.asarray(out) for out in _rare(community, jnp.asarray(start), keys, where.start, where.stop))
    states, growth = path[discard:], logs[discard:]
    if not np.isfinite(states).all():
        raise ConvergenceError("the residents grow without bound; add a Regulation.")
    rate = float(np.mean(growth))
    spread = 0.0
    if noisy and np.isfinite(rate):
        means = [part.mean() for part in np.array_split(growth, _BATCHES)]
        spread = float(np.std(means, ddof=1) / np.sqrt(_BATCHES))
    settled = bool(np.ptp(states[-100:], axis=0).max() <= 1e-6 * max(states[-1].max(), 1e-300))
    return InvasionGrowth(invader, rate, spread, _means(community, states.mean(axis=0)), settled)


def mutual_invasibility(
    community: Community,
    initial: ArrayLike | Mapping[str, ArrayLike | float],
    *,
    num_steps: int = 4000,
    discard: int = 2000,
    key: Array | None = None,
) -> MutualInvasibility:
    """Whether every species of a community grows when it is rare among the others.

    For two species this is the criterion of coexistence: neither can be lost. For three and more it is no more than
    that nobody is lost last: subcommunities of fewer species, and several attractors of the residents, need to be
    looked at as well, and the verdict says so.

    Args:
        community: two species or more; see `invasion_growth_rate`.
        initial: abundances of all species to begin with; each in turn is set to 0.
        num_steps: see `invasion_growth_rate`; so are `discard` and `key`.
        discard: see `num_steps`.
        key: see `num_steps`.

    Raises:
        ValueError: for a single species, or what `invasion_growth_rate` refuses.

    Example:
        >>> import popmath as pm
        >>> crowd = [pm.Regulation("a", {"a": 0.01, "b": 0.005}), pm.Regulation("b", {"a": 0.004, "b": 0.01})]
        >>> print(mutual_invasibility(pm.Community({"a": 2.0, "b": 1.8}, crowd), {"a": 10, "b": 10}).verdict)
        each of the two species invades the other: they coexist

    References:
        Turelli, M. (1978), Theoretical Population Biology 13, 244-267. Hofbauer, J. & Sigmund, K. (1998), Evolutionary
        Games and Population Dynamics, chapter 13.
    """
    if len(community.species) < 2:
        raise ValueError(f"mutual invasibility needs two species or more; got {community.species}.")
    found = {
        name: invasion_growth_rate(community, name, initial, num_steps=num_steps, discard=discard, key=key)
        for name in community.species
    }
    answers = [growth.invades for growth in found.values()]
    failed = [name for name, growth in found.items() if growth.invades is False]
    if failed:
        return MutualInvasibility(found, False, f"not every species invades the others: {', '.join(failed)} cannot")
    if None in answers:
        return MutualInvasibility(found, None, "the noise is too large for this run to tell: raise num_steps")
    if len(answers) == 2:
        return MutualInvasibility(found, True, "each of the two species invades the other: they coexist")
    return MutualInvasibility(
        found,
        True,
        f"each of the {len(answers)} species invades the others; with more than two species this does not by itself "
        "rule out that several are lost: look at the communities of fewer species too",
    )


def _means(community: Community, state: np.ndarray) -> dict[str, float]:
    """Totals of the species that are there."""
    totals = {name: float(classes.sum()) for name, classes in community.by_species(state).items()}
    return {name: total for name, total in totals.items() if total > 1e-9 * max(totals.values())}


@eqx.filter_jit
def _rare(community: Community, state: jax.Array, keys: jax.Array, first: int, last: int):
    """Residents over time, and the log of the growth of an invader that follows them at infinitesimal abundance."""

    def one(carry, key):
        now, rare = carry
        year, noise = community.draw(key, now)
        tangent = jnp.zeros_like(now).at[first:last].set(rare)
        after, change = jax.jvp(lambda z: community.expected(z, year, noise), (now,), (tangent,))
        clipped = jnp.maximum(after, 0.0)
        left = jnp.asarray(community.kept(clipped))
        growing = jnp.where(after[first:last] < 0, 0.0, jnp.maximum(change[first:last], 0.0)) * left[first:last]
        total = jnp.sum(growing)
        direction = jnp.where(total > 0, growing / jnp.where(total > 0, total, 1.0), rare)
        return ((left * clipped).at[first:last].set(0.0), direction), ((left * clipped), jnp.log(total))

    size = last - first
    _, out = jax.lax.scan(one, (state, jnp.full(size, 1.0 / size, state.dtype)), keys)
    return out
