"""Harvest of matrix populations: the rate a linear model bears, equilibrium yield, and maximum sustainable yield."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from popmath._errors import UnableError
from popmath._types import ArrayLike
from popmath.populations.density import DensityBuilder, DensityEquilibrium, DensityModel
from popmath.populations.eigen import stable_distribution
from popmath.populations.matrix_population import Matrix, read_one

_GRID = 24  # harvest rates tried before the search between the best one's neighbours


@dataclasses.dataclass(frozen=True, eq=False)
class HarvestLimit:
    """The proportional harvest that holds a linear model constant.

    Attributes:
        rate: proportion of the fully selected classes taken per interval; above it the population declines.
        growth_rate: without harvest.
        stable_distribution: class structure just after the harvest, sums to 1.
        yield_distribution: share of each class in the harvest, sums to 1.
    """

    rate: float
    growth_rate: float
    stable_distribution: np.ndarray
    yield_distribution: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class HarvestEquilibrium:
    """Equilibrium of a density-dependent model under a proportional harvest.

    Attributes:
        rate: proportion of the fully selected classes taken per interval.
        yield_by_class: individuals taken per interval, shape `(classes,)`.
        total_yield: their sum, weighted if weights were given.
        equilibrium: abundances just after the harvest, and their stability.
    """

    rate: float
    yield_by_class: np.ndarray
    total_yield: float
    equilibrium: DensityEquilibrium

    def summary(self) -> str:
        """Rate, yield and equilibrium."""
        return f"harvest rate {self.rate:.6g}, yield {self.total_yield:.6g} per interval; {self.equilibrium.summary()}"


def harvest_limit(matrix: Matrix, selectivity: ArrayLike | None = None) -> HarvestLimit:
    r"""Proportional harvest that brings the growth rate of a linear model to 1.

    $$\lambda\bigl((I - h\,\mathrm{diag}(q))\,A\bigr) = 1;\qquad h = 1 - 1/\lambda(A)\ \text{ if all } q_i = 1$$

    Harvest before or after the projection gives the same rate, as $\lambda(AB) = \lambda(BA)$.

    Args:
        matrix: a model, or its projection matrix of shape `(classes, classes)`.
        selectivity: $q$, how strongly each class is taken, in [0, 1] with largest value 1, shape `(classes,)`; all 1 by
            default.

    Returns:
        The rate, and the structure of population and harvest.

    Raises:
        ValueError: for a wrong shape or entry, or a population that does not grow without harvest.
        UnableError: if the population grows even when the selected classes are taken whole.

    Example:
        >>> round(harvest_limit([[0.0, 2.0], [1.0, 0.0]]).rate, 6)
        0.292893

    References:
        Lefkovitch, L. P. (1967), Biometrics 23, 233-239 (harvest that holds a matrix population constant). Caswell, H.
        (2001), Matrix Population Models, 2nd ed., section 18.2.
    """
    entries = np.asarray(read_one(matrix))
    share = _selectivity(selectivity, len(entries))

    def growth(rate: float) -> float:
        return float(np.max(np.linalg.eigvals((1 - rate * share)[:, None] * entries).real))

    free = growth(0.0)
    if free <= 1:
        raise ValueError(f"the population does not grow without harvest (growth rate {free:.6g}): it bears none.")
    if growth(1.0) > 1:
        raise UnableError(
            f"even with the selected classes taken whole the growth rate is {growth(1.0):.6g}: no proportional harvest "
            f"with this selectivity stops the growth. Select more classes."
        )
    rate = scipy.optimize.brentq(lambda h: growth(h) - 1, 0.0, 1.0, xtol=1e-15, rtol=1e-14)
    before = stable_distribution(entries * (1 - rate * share)[None, :])
    after, taken = (1 - rate * share) * before, share * before
    return HarvestLimit(rate, free, after / after.sum(), taken / taken.sum())


def harvest_equilibrium(
    build: DensityBuilder,
    initial: ArrayLike,
    rate: float,
    *,
    selectivity: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> HarvestEquilibrium:
    r"""Equilibrium and yield of a density-dependent model under a proportional harvest.

    $$n(t+1) = (I - h\,\mathrm{diag}(q))\,A(n(t))\,n(t),\qquad Y_i = h\,q_i\,\bigl(A(n^*)\,n^*\bigr)_i$$

    Args:
        build: takes the abundances, shape `(classes,)`, and returns the projection matrix at that density.
        initial: where to begin, shape `(classes,)`.
        rate: $h$, proportion of the fully selected classes taken per interval, in [0, 1].
        selectivity: $q$, in [0, 1] with largest value 1, shape `(classes,)`; all 1 by default.
        weights: what an individual of each class is worth in `total_yield`, shape `(classes,)`; 1 by default.

    Returns:
        Yield and equilibrium (all 0 if the harvest is more than the population bears).

    Raises:
        ValueError: for a rate outside [0, 1] or wrong shapes.
        TypeError: if `build` uses NumPy or `float`, which derivatives do not pass.
        ConvergenceError: if no equilibrium was found.

    Example:
        >>> fished = harvest_equilibrium(lambda n: [[4.0 / (1 + 0.01 * n[0])]], [5.0], rate=0.5)
        >>> round(fished.total_yield, 6), fished.equilibrium.abundance.round(6).tolist()
        (100.0, [100.0])

    References:
        Beverton, R. J. H. & Holt, S. J. (1957), On the Dynamics of Exploited Fish Populations. Caswell, H. (2001),
        Matrix Population Models, 2nd ed., chapter 16.
    """
    share, worth = _selectivity(selectivity, np.size(initial)), _worth(weights, np.size(initial))
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must be a proportion in [0, 1]; got {rate}.")
    with jax.enable_x64(True):
        return _harvested(DensityModel(build, initial, share), float(rate), share, worth)


def maximum_sustainable_yield(
    build: DensityBuilder,
    initial: ArrayLike,
    *,
    selectivity: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> HarvestEquilibrium:
    r"""The proportional harvest with the largest yield at equilibrium.

    Maximises $Y(h)$ of `harvest_equilibrium` over $0 \le h \le 1$: on a grid, then by Brent's method between the
    neighbours of the best rate. If taking the selected classes whole is best, that is the answer (`rate` 1). Where the
    population grows at density 0, rates above the `harvest_limit` of that matrix are not tried: density is taken only
    to slow growth. With an Allee effect, where growth is best at some higher density, a population may bear more, and
    what it bears depends on `initial`. See `equilibrium.stable`: an unstable one is not held by a constant proportion.

    Args:
        build: takes the abundances, shape `(classes,)`, and returns the projection matrix at that density.
        initial: where to begin, shape `(classes,)`.
        selectivity: $q$, in [0, 1] with largest value 1, shape `(classes,)`; all 1 by default.
        weights: what an individual of each class is worth, shape `(classes,)`; 1 by default.

    Returns:
        The best rate (to about 1e-7) with its yield and equilibrium.

    Raises:
        ValueError: for wrong shapes, or if no rate gives a yield.
        TypeError: if `build` uses NumPy or `float`, which derivatives do not pass.
        ConvergenceError: if no equilibrium was found.

    Example:
        >>> best = maximum_sustainable_yield(lambda n: [[4.0 / (1 + 0.01 * n[0])]], [5.0])
        >>> round(best.rate, 5), round(best.total_yield, 5)  # 1 - 1/sqrt(4), (sqrt(4) - 1)^2 / 0.01
        (0.5, 100.0)

    References:
        Beverton, R. J. H. & Holt, S. J. (1957), On the Dynamics of Exploited Fish Populations. Getz, W. M. & Haight,
        R. G. (1989), Population Harvesting, chapter 3.
    """
    share, worth = _selectivity(selectivity, np.size(initial)), _worth(weights, np.size(initial))
    with jax.enable_x64(True):
        model = DensityModel(build, initial, share)

        def loss(rate: float) -> float:
            return -_harvested(model, rate, share, worth).total_yield

        grid = np.linspace(0.0, _most(model, share), _GRID + 1)
        losses = [loss(float(rate)) for rate in grid]
        best = int(np.argmin(losses))
        if losses[best] >= 0:
            raise ValueError("no harvest rate gives a yield: the population dies out from this initial in any case.")
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _GRID)])
        found = scipy.optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
        rate = float(found.x) if found.fun < losses[best] else float(grid[best])
        return _harvested(model, rate, share, worth)


def _harvested(model: DensityModel, rate: float, share: np.ndarray, worth: np.ndarray) -> HarvestEquilibrium:
    equilibrium = model.equilibrium(rate)
    taken = rate * share * (equilibrium.matrix @ equilibrium.abundance)
    return HarvestEquilibrium(rate, taken, float(worth @ taken), equilibrium)


def _most(model: DensityModel, share: np.ndarray) -> float:
    """Largest rate worth trying: what the growth at density 0 bears, if density only ever slows growth."""
    try:
        return harvest_limit(np.asarray(model.matrix(jnp.zeros(model.size))), share).rate
    except (UnableError, ValueError):  # grows whatever is taken, or grows only when not too rare
        return 1.0


def _selectivity(selectivity: ArrayLike | None, classes: int) -> np.ndarray:
    share = np.ones(classes) if selectivity is None else np.asarray(selectivity, np.float64)
    if share.shape != (classes,):
        raise ValueError(f"selectivity must have shape ({classes},), one number per class; got {share.shape}.")
    if not ((share >= 0) & (share <= 1)).all() or share.max() != 1:
        raise ValueError(
            f"selectivity must be in [0, 1] with largest value 1; got {share.tolist()}: divide by the largest."
        )
    return share


def _worth(weights: ArrayLike | None, classes: int) -> np.ndarray:
    worth = np.ones(classes) if weights is None else np.asarray(weights, np.float64)
    if worth.shape != (classes,) or not np.isfinite(worth).all():
        raise ValueError(f"weights must be finite, with shape ({classes},); got {worth.tolist()}.")
    return worth
