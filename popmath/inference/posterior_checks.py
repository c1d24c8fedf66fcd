"""Draws of counts around a curve, predictive p-values and scores, and the verdict of a sampler."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from popmath._errors import UnableError
from popmath.inference.losses import LogNormalError, Loss, NegativeBinomial, Poisson, SquaredError
from popmath.inference.uncertainty import some

_LARGEST_R_HAT = 1.01
_LEAST_EFFECTIVE = 400.0  # below which R-hat and quantiles are themselves uncertain (Vehtari and others 2021)
_BAD_PARETO = 0.7


class PredictiveBand(NamedTuple):
    """Where new counts would lie, shape `(times, species)` each.

    Attributes:
        times: shape `(times,)`.
        median: of the draws.
        lower: lower end, at least 0.
        upper: upper end.
        confidence_level: probability between the ends.
    """

    times: np.ndarray
    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    confidence_level: float


class PredictiveScore(NamedTuple):
    """How well new counts would be predicted.

    Attributes:
        elpd: expected log pointwise predictive density, summed over the observations; larger is better.
        se: its standard error.
        p: effective number of parameters.
        num_bad: observations for which it cannot be relied on (for LOO: Pareto k above 0.7).
        note: what to know before using it; empty if nothing.
    """

    elpd: float
    se: float
    p: float
    num_bad: int
    note: str


class PredictiveCheck(NamedTuple):
    """Share of draws in which a statistic of replicated counts is at least that of the counts; near 0 or 1 is bad.

    Attributes:
        statistic: `total`, `mean`, `variance` and `autocorrelation`, all of scaled errors but the first.
        species: which the p-value is of.
        p_value: the share.
    """

    statistic: str
    species: str
    p_value: float


def draw_counts(
    loss: Loss, mean: np.ndarray, scale: np.ndarray, noise: dict[str, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Counts around `mean`, at least 0; `noise` broadcasts against it.

    Raises:
        UnableError: for a loss of one's own, which says nothing of how counts are drawn.
    """
    mean = np.maximum(mean, 1e-8 * scale)
    if isinstance(loss, SquaredError):
        return np.maximum(mean + scale * noise["sd"] * rng.normal(size=mean.shape), 0.0)
    if isinstance(loss, Poisson):
        return rng.poisson(np.minimum(mean, 1e18)).astype(float)
    if isinstance(loss, NegativeBinomial):
        size, chance = mean / noise["dispersion"], 1 / (1 + noise["dispersion"])
        return rng.negative_binomial(np.minimum(size, 1e9), np.broadcast_to(chance, mean.shape)).astype(float)
    if isinstance(loss, LogNormalError):
        spread = np.exp(noise["log_sd"] * rng.normal(size=mean.shape))
        return np.maximum((mean + loss.offset) * spread - loss.offset, 0.0)
    raise UnableError(
        f"{type(loss).__name__} does not say how counts are drawn: use samples_at for curves without observation noise."
    )


def check_statistics(
    counts: np.ndarray, replicated: np.ndarray, curves: np.ndarray, seen: np.ndarray, species: tuple[str, ...]
) -> tuple[PredictiveCheck, ...]:
    """Compare counts with replicated ones.

    Args:
        counts: shape `(times, species)`.
        replicated: drawn around the curves, shape `(draws, times, species)`.
        curves: shape `(draws, times, species)`.
        seen: whether each count is an observation, shape `(times, species)`.
        species: their names.
    """
    found = []
    for i, name in enumerate(species):
        at = seen[:, i]
        if not at.any():
            continue
        curve, made, own = curves[:, at, i], replicated[:, at, i], counts[at, i]
        size = np.sqrt(np.maximum(curve, 1e-2 * max(float(own.mean()), 1e-300)))
        for statistic in ("total", "mean", "variance", "autocorrelation"):
            pair = (made, np.broadcast_to(own, made.shape))
            ours = [_statistic(statistic, x, (x - curve) / size) for x in pair]
            found.append(PredictiveCheck(statistic, name, float(np.mean(ours[0] >= ours[1]))))
    return tuple(found)


def _statistic(name: str, counts: np.ndarray, error: np.ndarray) -> np.ndarray:
    if name == "total":
        return counts.sum(axis=1)
    if name == "mean":
        return error.mean(axis=1)
    centred = error - error.mean(axis=1, keepdims=True)
    if name == "variance":
        return (centred**2).mean(axis=1)
    total = np.maximum((centred**2).sum(axis=1), 1e-300)
    return (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / total


def sampler_verdict(
    labels: tuple[str, ...], r_hat: np.ndarray, effective: np.ndarray, num_diverging: int, num_draws: int
) -> tuple[str, ...]:
    """What to know before using the draws.

    Args:
        labels: of the numbers.
        r_hat: split R-hat of each number.
        effective: effective sample size of each.
        num_diverging: draws whose trajectory diverged.
        num_draws: draws of all chains together.

    References:
        Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. & Bürkner, P.-C. (2021), Bayesian Analysis 16, 667-718.
    """
    said = []
    mixed = np.isfinite(r_hat) & (r_hat <= _LARGEST_R_HAT)
    if mixed.all() and not num_diverging:
        said.append(f"converged; largest R-hat {np.max(r_hat):.3f}, no divergences")
    elif mixed.all():
        said.append(f"the chains agree: largest R-hat {np.max(r_hat):.3f}")
    else:
        worst = int(np.argmax(np.where(np.isfinite(r_hat), r_hat, np.inf)))
        others = some([labels[i] for i in np.flatnonzero(~mixed)])
        said.append(
            f"NOT converged: R-hat of {labels[worst]} is {r_hat[worst]:.3f}, above {_LARGEST_R_HAT} ({others}): try "
            "more warm-up and draws (num_warmup, num_samples), or priors that say more"
        )
    if num_diverging:
        said.append(
            f"{num_diverging} of {num_draws} draws diverged: parts of the posterior may be missing; try more warm-up, "
            "priors that say more, or hold a number that the data do not determine (fixed=... in fit)"
        )
    least = int(np.argmin(np.where(np.isfinite(effective), effective, 0.0)))
    if not effective[least] >= _LEAST_EFFECTIVE:
        said.append(
            f"effective sample size of {labels[least]} is only {effective[least]:.0f}: its tails are uncertain; "
            "draw more (num_samples)"
        )
    else:
        said.append(f"effective sample sizes from {effective[least]:.0f} ({labels[least]})")
    return tuple(said)


def loo_score(data: Any) -> PredictiveScore:
    """Leave-one-out by Pareto-smoothed importance sampling, through ArviZ."""
    az = import_arviz()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said in the note
        found = az.loo(data, pointwise=True)
    bad = int(np.sum(np.asarray(found.pareto_k) > _BAD_PARETO))
    note = f"Pareto k is above {_BAD_PARETO} for {bad} observations: fit again without them instead" if bad else ""
    return PredictiveScore(float(found.elpd_loo), float(found.se), float(found.p_loo), bad, note)


def waic_score(data: Any) -> PredictiveScore:
    """The widely applicable information criterion, through ArviZ, on the scale of the log-density."""
    az = import_arviz()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said in the note
        found = az.waic(data, pointwise=True)
    terms = np.asarray(data.log_likelihood["counts"])
    bad = int(np.sum(terms.reshape(-1, terms.shape[-1]).var(axis=0) > 0.4))
    note = f"the log-likelihood of {bad} observations varies by more than 0.4: use loo" if bad else ""
    return PredictiveScore(float(found.elpd_waic), float(found.se), float(found.p_waic), bad, note)


def import_arviz() -> Any:
    """ArviZ 0.x, or an error that says how to get it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of its next version, said once a day
            import arviz
    except ImportError as error:
        raise ImportError("this needs ArviZ: pip install 'popmath[bayes]'.") from error
    if int(arviz.__version__.split(".")[0]) >= 1:
        raise UnableError(
            f"ArviZ {arviz.__version__} has another interface than 0.x, which this is written for: pip install "
            "'arviz<1', or take the draws from Posterior.samples and Posterior.log_likelihood."
        )
    return arviz
