"""`Posterior`: draws of a fit's parameters with their diagnostics, predictions and checks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import jax
import jax.numpy as jnp
import numpy as np

from popmath._text import Summary, html_table, number, text_table
from popmath.conformal.split import check_confidence_level
from popmath.inference.default_priors import ERROR_SD
from popmath.inference.domains import ParameterSpace, constrain
from popmath.inference.posterior_checks import (
    PredictiveBand,
    PredictiveCheck,
    PredictiveScore,
    check_statistics,
    draw_counts,
    import_arviz,
    loo_score,
    sampler_verdict,
    waic_score,
)
from popmath.inference.priors import Prior
from popmath.inference.result import FitResult, check_times

if TYPE_CHECKING:
    import pandas

_BATCH = 64  # draws whose curves are computed at once


@final
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """Draws from the posterior of a fit.

    Attributes:
        result: the fit.
        space: its free numbers with their priors; `error_sd` is the last under least squares.
        vectors: draws on the unconstrained scale, shape `(chains, draws, numbers)`.
        samples: draws by parameter in their domains, shape `(chains, draws, *shape)`.
        labels: of the numbers.
        diverging: whether the trajectory to a draw diverged, shape `(chains, draws)`.
        num_steps: gradients taken for each draw, same shape.
        r_hat: split R-hat of each number on the unconstrained scale, shape `(numbers,)`.
        effective_sample_size: of each number, same shape.
        num_warmup: draws left out before.
        seed: of the sampler.
        seconds: wall time, compilation included.
    """

    result: FitResult
    space: ParameterSpace
    vectors: np.ndarray
    samples: dict[str, np.ndarray]
    labels: tuple[str, ...]
    diverging: np.ndarray
    num_steps: np.ndarray
    r_hat: np.ndarray
    effective_sample_size: np.ndarray
    num_warmup: int
    seed: int
    seconds: float

    @property
    def priors(self) -> Mapping[str, Prior]:
        """Of every parameter, by name: those given, and the weak ones of the others."""
        return {b.name + (f" in {b.where}" if b.where else ""): b.prior for b in self.space.blocks if b.prior}

    @property
    def num_divergences(self) -> int:
        """Draws whose trajectory diverged."""
        return int(self.diverging.sum())

    @property
    def verdict(self) -> tuple[str, ...]:
        """What to know before using the draws."""
        return sampler_verdict(
            self.labels, self.r_hat, self.effective_sample_size, self.num_divergences, self.diverging.size
        )

    @functools.cached_property
    def numbers(self) -> np.ndarray:
        """Draws of the free numbers in their domains, in the order of the labels, shape `(chains, draws, numbers)`."""
        with jax.enable_x64(True):
            domains = self.space.domains()
            columns = [np.asarray(constrain(d, jnp.asarray(self.vectors[..., i]))) for i, d in enumerate(domains)]
        return np.stack(columns, axis=-1)

    def samples_at(self, times: Iterable[float], culture: str | None = None) -> np.ndarray:
        """Curves of the draws without observation noise, shape `(chains, draws, times, species)`.

        Args:
            times: increasing, in the time of the series, from its first time on.
            culture: name of the series, where several were fitted together.

        Raises:
            ValueError: for times that are none.
            KeyError: for a culture that is not there.
        """
        return self._species(self._columns_at(times, culture), culture)

    def predict(
        self, times: Iterable[float], confidence_level: float = 0.9, *, culture: str | None = None, seed: int = 0
    ) -> PredictiveBand:
        """Quantiles of counts that are drawn, with the noise of the loss, around the curves of the draws; at least 0.

        Args:
            times: increasing, in the time of the series; they may go on beyond it.
            confidence_level: between 0 and 1.
            culture: name of the series, where several were fitted together.
            seed: of the noise.

        Raises:
            ValueError: for times or a level out of range.
            UnableError: for a loss of one's own.
        """
        check_confidence_level(confidence_level)
        times = check_times(times, self.result.cultures[self.result.number_of(culture)].series.times[0])
        counts = self.predictive_draws(times, culture, seed=seed)
        ends = np.array([0.5, (1 - confidence_level) / 2, (1 + confidence_level) / 2])
        middle, lower, upper = np.quantile(counts, ends, axis=0)
        return PredictiveBand(times, middle, lower, upper, confidence_level)

    def predictive_draws(self, times: Iterable[float], culture: str | None = None, *, seed: int = 0) -> np.ndarray:
        """The counts whose quantiles `predict` gives, shape `(draws of all chains, times, species)`."""
        counts = self._species(self._drawn(self._columns_at(times, culture), culture, seed), culture)
        return counts.reshape(-1, *counts.shape[2:])

    def predictive_check(self, culture: str | None = None, *, seed: int = 0) -> tuple[PredictiveCheck, ...]:
        """Posterior predictive p-values of the total of each species, and of its errors over the root of the curve.

        References:
            Gelman, A., Meng, X.-L. & Stern, H. (1996), Statistica Sinica 6, 733-760.
        """
        series = self.result.cultures[self.result.number_of(culture)].series
        columns = self._columns_at(series.times, culture)
        curves = self._species(columns, culture).reshape(-1, *series.values.shape)
        made = self._species(self._drawn(columns, culture, seed), culture).reshape(curves.shape)
        counts = np.where(series.observed, series.values, 0.0)
        return check_statistics(counts, made, curves, series.observed, series.species)

    @functools.cached_property
    def log_likelihood(self) -> np.ndarray:
        """Of each observation in each draw, shape `(chains, draws, observations)`; only what counts in the fit."""
        problem = self.result.problem
        data, squared = problem.data(), problem.settings.loss.is_squared

        def terms(vector):
            own, sd = (vector[:-1], jnp.exp(vector[-1])) if squared else (vector, None)
            return problem.curves.log_likelihoods(problem.curves.all_abundances(own), own, data, sd)

        with jax.enable_x64(True):
            found = np.asarray(jax.jit(lambda v: jax.lax.map(terms, v, batch_size=_BATCH))(self._flat()))
        return found[:, data.weights > 0].reshape(*self.vectors.shape[:2], -1)

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per number: mean, sd, quantiles, R-hat and effective sample size."""
        import pandas as pd

        flat = self.numbers.reshape(-1, len(self.labels))
        low, middle, high = np.quantile(flat, [0.025, 0.5, 0.975], axis=0)
        columns = {
            "label": self.labels,
            "mean": flat.mean(axis=0),
            "sd": flat.std(axis=0, ddof=1),
            "low": low,
            "median": middle,
            "high": high,
            "r_hat": self.r_hat,
            "effective_sample_size": self.effective_sample_size,
        }
        return pd.DataFrame(columns).set_index("label")

    def to_arviz(self) -> Any:
        """An `arviz.InferenceData`: posterior, predictive draws, log-likelihood, counts and sampler statistics.

        Raises:
            ImportError: without ArviZ.
            UnableError: with ArviZ 1 or later, which has another interface.
        """
        az = import_arviz()
        shape, problem = self.vectors.shape[:2], self.result.problem
        data = problem.data()
        seen = data.weights > 0
        made = [
            self._drawn(self._columns_at(c.series.times, c.series.name), c.series.name, i)
            for i, c in enumerate(problem.cultures)
        ]
        rows = np.zeros((*shape, *seen.shape))
        for block, at in zip(made, problem.rows, strict=True):
            rows[:, :, at] = block
        return az.from_dict(
            posterior=self.samples,
            posterior_predictive={"counts": rows[:, :, seen]},
            log_likelihood={"counts": self.log_likelihood},
            observed_data={"counts": data.counts[seen]},
            sample_stats={"diverging": self.diverging, "n_steps": self.num_steps},
        )

    def loo(self) -> PredictiveScore:
        """Leave-one-out predictive density, by Pareto-smoothed importance sampling (ArviZ).

        References:
            Vehtari, A., Gelman, A. & Gabry, J. (2017), Statistics and Computing 27, 1413-1432.
        """
        return loo_score(self.to_arviz())

    def waic(self) -> PredictiveScore:
        """The widely applicable information criterion as a predictive density (ArviZ).

        References:
            Watanabe, S. (2010), Journal of Machine Learning Research 11, 3571-3594.
        """
        return waic_score(self.to_arviz())

    def summary(self) -> Summary:
        """Verdict and a table of the numbers as text."""
        lines = [self._caption(), *(f"  * {line}" for line in self.verdict), ""]
        return Summary("\n".join([*lines, text_table(_HEADER, self._rows())]))

    def __repr__(self) -> str:
        """One line."""
        return f"Posterior({self._caption()})"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{line}</li>" for line in self.verdict)
        return html_table(_HEADER, self._rows(), self._caption()) + f"<ul>{notes}</ul>"

    def _caption(self) -> str:
        chains, draws = self.diverging.shape
        names = ", ".join(repr(c.series.name) for c in self.result.cultures)
        return (
            f"{self.result.name} on {names}: {chains} chains of {draws} draws, {self.seconds:.1f} s, seed {self.seed}"
        )

    def _rows(self) -> list[list[str]]:
        frame = self.to_dataframe()
        parts = ("mean", "sd", "low", "high")
        return [
            [label, *(number(row[p]) for p in parts), f"{row['r_hat']:.3f}", f"{row['effective_sample_size']:.0f}"]
            for label, row in zip(self.labels, frame.to_dict("records"), strict=True)
        ]

    def _flat(self) -> jax.Array:
        return jnp.asarray(self.vectors.reshape(-1, self.vectors.shape[-1]))

    def _columns_at(self, times: Iterable[float], culture: str | None) -> np.ndarray:
        """Curves with the columns of the fit, which may be stages."""
        which, problem = self.result.number_of(culture), self.result.problem
        first = self.result.cultures[which].series.times[0]
        since = check_times(times, first) - first
        size = problem.space.size
        with jax.enable_x64(True):
            curves = jax.jit(
                lambda vectors: jax.lax.map(
                    lambda v: problem.curves.abundances(v[:size], which, since), vectors, batch_size=_BATCH
                )
            )
            found = np.asarray(curves(self._flat()))
        return found.reshape(*self.vectors.shape[:2], *found.shape[1:])

    def _drawn(self, columns: np.ndarray, culture: str | None, seed: int) -> np.ndarray:
        """Counts around curves with the columns of the fit."""
        problem, which = self.result.problem, self.result.number_of(culture)
        names = problem.settings.loss.nuisance(columns.shape[-1])
        noise = {name: self.samples[name][:, :, None] for name in names}
        if problem.settings.loss.is_squared:
            noise = {"sd": self.samples[ERROR_SD][:, :, None, None]}
        rng = np.random.default_rng([self.seed, seed])
        return draw_counts(problem.settings.loss, columns, problem.cultures[which].scale, noise, rng)

    def _species(self, columns: np.ndarray, culture: str | None) -> np.ndarray:
        problem = self.result.problem
        return problem.of_species(problem.totals(columns), self.result.number_of(culture))


_HEADER = ("number", "mean", "sd", "95 % from", "to", "R-hat", "ESS")
