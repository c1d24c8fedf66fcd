"""Demographic stochasticity: a stage-structured population as a multitype Galton-Watson process."""

from __future__ import annotations

import dataclasses

import numpy as np

from popmath._errors import ConvergenceError
from popmath._types import ArrayLike
from popmath.populations.matrix_population import MatrixPopulation

_LAWS = ("poisson", "bernoulli")
_MOST_STEPS = 200
_TOLERANCE = 1e-13
_LARGEST = 1e15  # whole numbers up to here are exact in float64


@dataclasses.dataclass(frozen=True, eq=False)
class BranchingExtinction:
    """Probability that the descendants of single individuals die out.

    Attributes:
        ultimate: for one individual of each class, shape `(classes,)`.
        by_time: to be extinct at each time, shape `(num_steps + 1, classes)`; row 0 is 0.
        residual: largest difference between `ultimate` and its own image under the generating functions.
    """

    ultimate: np.ndarray
    by_time: np.ndarray
    residual: float

    def of_population(self, initial: ArrayLike) -> float:
        """Ultimate extinction probability of a population of `initial` whole numbers of individuals by class."""
        return float(np.prod(self.ultimate ** _individuals(initial, self.ultimate.size)))

    def of_population_by_time(self, initial: ArrayLike) -> np.ndarray:
        """The same at each time, shape `(num_steps + 1,)`."""
        return np.prod(self.by_time ** _individuals(initial, self.ultimate.size)[None, :], axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class BranchingMoments:
    """Mean and covariance of the numbers of individuals.

    Attributes:
        mean: shape `(num_steps + 1, classes)`.
        covariance: shape `(num_steps + 1, classes, classes)`.
    """

    mean: np.ndarray
    covariance: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class BranchingSimulation:
    """Replicates of a branching process.

    Attributes:
        states: whole numbers of individuals, shape `(num_steps + 1, replicates, classes)`.
        seed: of the random numbers.
    """

    states: np.ndarray
    seed: int

    @property
    def extinct(self) -> np.ndarray:
        """Fraction of replicates without individuals at each time, shape `(num_steps + 1,)`."""
        return (self.states.sum(axis=2) == 0).mean(axis=1)


def branching_extinction(
    population: MatrixPopulation, num_steps: int = 0, *, offspring: str = "poisson"
) -> BranchingExtinction:
    r"""Extinction probabilities by the generating functions of the classes.

    An individual of class j moves to class i with probability $U_{ij}$ (or dies) and, independently, has offspring of
    each class i with mean $F_{ij}$ (clonal ones included). Its generating function, for Poisson and for Bernoulli
    offspring, is

    $$g_j(s) = \Bigl(1 - \sum_i U_{ij} + \sum_i U_{ij} s_i\Bigr) \prod_i e^{F_{ij}(s_i - 1)},\qquad
      \prod_i (1 - F_{ij} + F_{ij} s_i).$$

    Iterates of $g$ from 0 are the probabilities to be extinct by each time; their limit, the least fixed point, is the
    ultimate probability. It is found by Newton's method from below, which cannot pass it. At $\lambda = 1$ exactly the
    root is double, and good to about 1e-7 only.

    Args:
        population: one model; `F + C` are the mean offspring per individual and interval.
        num_steps: projection intervals for `by_time`, at least 0.
        offspring: law of the offspring, `"poisson"` or `"bernoulli"` (at most one of each class: F at most 1).

    Returns:
        Extinction probabilities of one individual of each class, ultimate and by time.

    Raises:
        ValueError: for a batch, or Bernoulli means above 1.
        ConvergenceError: if no fixed point was reached.

    Example:
        >>> fission = branching_extinction(MatrixPopulation([[0.6]], [[0.6]]), offspring="bernoulli")
        >>> print(fission.ultimate.round(6))
        [0.444444]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 15.4. Harris, T. E. (1963), The Theory of
        Branching Processes, chapter 2. Etessami, K. & Yannakakis, M. (2009), J. ACM 56(1) (Newton from below).
    """
    survival, births = _process(population, offspring)
    _check_steps(num_steps)
    by_time = np.zeros((num_steps + 1, len(survival)))
    for step in range(num_steps):
        by_time[step + 1] = _generate(survival, births, offspring, by_time[step])[0]
    point = np.zeros(len(survival))
    for _ in range(_MOST_STEPS):
        image, jacobian = _generate(survival, births, offspring, point)
        move = np.linalg.lstsq(np.eye(point.size) - jacobian, image - point, rcond=None)[0]
        newton = point + move
        # the least fixed point is above image; a Newton step outside [image, 1] comes of a singular system
        sound = np.isfinite(newton).all() and (newton >= image - 1e-12).all() and (newton <= 1 + 1e-7).all()
        after = np.minimum(np.maximum(newton, image), 1.0) if sound else image
        step_size = float(np.abs(after - point).max())
        point = after
        if step_size < _TOLERANCE:
            break
    residual = float(np.abs(_generate(survival, births, offspring, point)[0] - point).max())
    if residual > 1e-11:
        raise ConvergenceError(
            f"extinction probabilities have not converged after {_MOST_STEPS} steps (residual {residual:.2g}): use "
            f"num_steps=... for the probabilities by time, which need no limit."
        )
    return BranchingExtinction(point, by_time, residual)


def branching_moments(
    population: MatrixPopulation, initial: ArrayLike, num_steps: int, *, offspring: str = "poisson"
) -> BranchingMoments:
    r"""Mean and covariance of the numbers of individuals over time, exactly.

    $$m(t+1) = A\,m(t),\qquad V(t+1) = A\,V(t)\,A^T + \sum_j m_j(t)\,\Sigma_j,\qquad A = U + F$$

    with $\Sigma_j = \mathrm{diag}(U_{\cdot j}) - U_{\cdot j} U_{\cdot j}^T + \mathrm{diag}(F_{\cdot j})$ for Poisson
    offspring, and $\mathrm{diag}(F_{\cdot j}(1 - F_{\cdot j}))$ in its last term for Bernoulli offspring.

    Args:
        population: one model; `F + C` are the mean offspring per individual and interval.
        initial: individuals by class at time 0, whole numbers, shape `(classes,)`.
        num_steps: projection intervals, at least 0.
        offspring: `"poisson"` or `"bernoulli"`.

    Returns:
        Means and covariances at times 0 to `num_steps`.

    Raises:
        ValueError: for a batch, or Bernoulli means above 1.

    Example:
        >>> moments = branching_moments(MatrixPopulation([[0.5]], [[0.5]]), [10], 3)
        >>> moments.mean[:, 0].tolist(), moments.covariance[:, 0, 0].tolist()
        ([10.0, 10.0, 10.0, 10.0], [0.0, 7.5, 15.0, 22.5])

    References:
        Pollard, J. H. (1966), Biometrika 53, 397-415. Caswell, H. (2001), Matrix Population Models, 2nd ed.,
        section 15.2.
    """
    survival, births = _process(population, offspring)
    _check_steps(num_steps)
    start = _individuals(initial, len(survival))
    matrix, classes = survival + births, len(survival)
    variance = births if offspring == "poisson" else births * (1 - births)
    per_parent = np.einsum("ij,ik->jik", survival + variance, np.eye(classes)) - np.einsum(
        "ij,kj->jik", survival, survival
    )
    mean = np.zeros((num_steps + 1, classes))
    covariance = np.zeros((num_steps + 1, classes, classes))
    mean[0] = start
    for step in range(num_steps):
        mean[step + 1] = matrix @ mean[step]
        covariance[step + 1] = matrix @ covariance[step] @ matrix.T + np.tensordot(mean[step], per_parent, axes=1)
    return BranchingMoments(mean, covariance)


def simulate_branching(
    population: MatrixPopulation,
    initial: ArrayLike,
    num_steps: int,
    *,
    offspring: str = "poisson",
    num_replicates: int = 1000,
    seed: int = 0,
) -> BranchingSimulation:
    """Simulate whole individuals: multinomial survival and growth, Poisson or Bernoulli offspring.

    Args:
        population: one model; `F + C` are the mean offspring per individual and interval.
        initial: individuals by class at time 0, whole numbers, shape `(classes,)`.
        num_steps: projection intervals, at least 0.
        offspring: `"poisson"` or `"bernoulli"`.
        num_replicates: independent replicates, at least 1.
        seed: of the random numbers; the same seed gives the same numbers.

    Returns:
        All replicates at times 0 to `num_steps`.

    Raises:
        ValueError: for a batch, Bernoulli means above 1, or an `initial` that is not of whole numbers.
        OverflowError: if a replicate passes 1e15 individuals.

    Example:
        >>> simulate_branching(MatrixPopulation([[1.0]], [[0.0]]), [7], 2, num_replicates=1).states[:, 0, 0].tolist()
        [7, 7, 7]

    References:
        Caswell, H. (2001), Matrix Population Models, 2nd ed., section 15.1.
    """
    survival, births = _process(population, offspring)
    _check_steps(num_steps)
    if num_replicates < 1:
        raise ValueError(f"num_replicates must be at least 1; got {num_replicates}.")
    classes = len(survival)
    rng = np.random.default_rng(seed)
    fates = np.vstack([survival, np.maximum(1 - survival.sum(axis=0), 0.0)])  # the last fate is death
    fates = fates / fates.sum(axis=0)
    states = np.zeros((num_steps + 1, num_replicates, classes), np.int64)
    states[0] = _individuals(initial, classes).astype(np.int64)
    for step in range(num_steps):
        now, after = states[step], states[step + 1]
        for parent in range(classes):
            after += rng.multinomial(now[:, parent], fates[:, parent])[:, :classes]
            if offspring == "bernoulli":
                after += rng.binomial(now[:, parent, None], births[None, :, parent])
        if offspring == "poisson":
            after += rng.poisson(now @ births.T)
        if after.max() > _LARGEST:
            raise OverflowError(
                f"a replicate has {after.max():.3g} individuals after {step + 1} intervals: numbers so large have no "
                f"demographic stochasticity worth simulating; take fewer steps."
            )
    return BranchingSimulation(states, seed)


def _generate(survival: np.ndarray, births: np.ndarray, offspring: str, point: np.ndarray):
    """Generating functions at `point`, and their derivatives: `jacobian[j, i]` = d g_j / d s_i."""
    fate = 1 - survival.sum(axis=0) + point @ survival
    if offspring == "poisson":
        litter = np.exp((point - 1) @ births)
        slopes = births * litter[None, :]
    else:
        factors = 1 - births * (1 - point[:, None])
        litter = factors.prod(axis=0)
        others = np.stack([np.delete(factors, i, axis=0).prod(axis=0) for i in range(len(point))])
        slopes = births * others
    return fate * litter, (survival * litter[None, :] + fate[None, :] * slopes).T


def _process(population: MatrixPopulation, offspring: str) -> tuple[np.ndarray, np.ndarray]:
    if offspring not in _LAWS:
        raise ValueError(f"offspring must be one of {_LAWS}; got {offspring!r}.")
    stays, born = np.asarray(population.U), np.asarray(population.reproduction)
    if stays.ndim != 2:
        raise ValueError(f"a branching process is of one model; this is a batch of shape {stays.shape[:-2]}.")
    if offspring == "bernoulli" and (born > 1).any():
        i, j = (int(k) for k in np.argwhere(born > 1)[0])
        to, of = population.class_names[i], population.class_names[j]
        raise ValueError(
            f"Bernoulli offspring need means of at most 1; F[{i}, {j}] (from {of!r} to {to!r}) is {born[i, j]:g}. "
            "Use 'poisson'."
        )
    return stays, born


def _individuals(initial: ArrayLike, classes: int) -> np.ndarray:
    numbers = np.asarray(initial, np.float64)
    if numbers.shape != (classes,):
        raise ValueError(f"initial must have shape ({classes},), one number per class; got {numbers.shape}.")
    if not ((numbers >= 0) & (numbers == np.rint(numbers)) & (numbers < _LARGEST)).all():
        raise ValueError(f"initial must be whole numbers of individuals, at least 0; got {numbers.tolist()}.")
    return numbers


def _check_steps(num_steps: int) -> None:
    if num_steps < 0:
        raise ValueError(f"num_steps must be at least 0; got {num_steps}.")
