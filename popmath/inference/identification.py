"""Which fitted numbers the data determine: curvature and profiles side by side, and the flattest directions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from popmath._text import Summary, html_table, number, text_table
from popmath.inference.profile_likelihood import Profile, profile
from popmath.inference.result import FitResult
from popmath.inference.uncertainty import Estimate, information_root, some

if TYPE_CHECKING:
    import pandas

_SHOWN = 0.25  # of a direction's largest share: smaller shares are not named
_FLAT = 1.0  # log units of error along a direction above which it is reported


@dataclasses.dataclass(frozen=True, eq=False)
class Direction:
    """A combination of numbers that the data determine badly.

    Attributes:
        error: standard error along it, on the unconstrained scale (1 is a factor of e); inf if it is flat.
        shares: label and coefficient of the numbers that make it up, the largest first; same signs move together.
    """

    error: float
    shares: tuple[tuple[str, float], ...]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Identifiability:
    """What the data say of each fitted number; made by `identifiability`.

    Attributes:
        name: of the model.
        estimates: with 95 % intervals from the curvature.
        profiles: with 95 % intervals from the profile likelihoods, in the same order.
        directions: combinations of numbers with a standard error above 1 on the unconstrained scale, the worst first.
    """

    name: str
    estimates: tuple[Estimate, ...]
    profiles: tuple[Profile, ...]
    directions: tuple[Direction, ...]

    @property
    def verdict(self) -> tuple[str, ...]:
        """What is not determined, and what to do."""
        loose = [f"{p.label} ({p.kind})" for p in self.profiles if p.kind != "determined"]
        if not loose:
            said = [f"the data determine all {len(self.profiles)} numbers within a factor of a million"]
        else:
            said = [
                f"the data do not determine {len(loose)} of {len(self.profiles)} numbers: {some(loose)}",
                "forecasts may still be good; to quote these numbers fix some (fixed=...), give priors (priors=...) or "
                "fit more series together",
            ]
        for direction in self.directions[:2]:
            made = ", ".join(f"{label} ({share:+.2f})" for label, share in direction.shares[:4])
            size = "flat" if np.isinf(direction.error) else f"error {direction.error:.1f} log units"
            said.append(f"badly determined together, {size}: {made}")
        return tuple(said)

    def summary(self) -> Summary:
        """Verdict and intervals as text."""
        lines = [f"Identifiability of {self.name}", *(f"  * {line}" for line in self.verdict), ""]
        return Summary("\n".join([*lines, text_table(self._header(), self._rows())]))

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per number, with both intervals."""
        import pandas as pd

        rows = [
            (e.label, e.value, e.low, e.high, p.low, p.high, p.kind)
            for e, p in zip(self.estimates, self.profiles, strict=True)
        ]
        columns = ["label", "value", "curvature_low", "curvature_high", "profile_low", "profile_high", "kind"]
        return pd.DataFrame(rows, columns=columns).set_index("label")

    def __repr__(self) -> str:
        """One line."""
        loose = sum(p.kind != "determined" for p in self.profiles)
        return f"Identifiability({self.name}: {len(self.profiles) - loose} of {len(self.profiles)} numbers determined)"

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{line}</li>" for line in self.verdict)
        return html_table(self._header(), self._rows(), repr(self)) + f"<ul>{said}</ul>"

    def _header(self) -> list[str]:
        return ["number", "value", "curvature from", "to", "profile from", "to", ""]

    def _rows(self) -> list[list[str]]:
        return [
            [e.label, *(number(x) for x in (e.value, e.low, e.high, p.low, p.high)), p.kind]
            for e, p in zip(self.estimates, self.profiles, strict=True)
        ]


def identifiability(result: FitResult) -> Identifiability:
    r"""Which numbers of a fit the data determine.

    Two views: 95 % intervals from the curvature at the optimum (on the unconstrained scale, where positive numbers are
    logarithms) and from profile likelihoods, which see how far a number can really move. The directions are
    eigenvectors of the covariance, $C v = s^2 v$, with $s > 1$: numbers that can move together with little loss.

    Args:
        result: a converged fit.

    Raises:
        ValueError: if the fit did not converge: its curvature says nothing.

    Example:
        >>> import popmath as pm
        >>> counts = pm.Series(range(10), 100 / (1 + 9 * 0.5 ** np.arange(10.0)) + np.resize([1.0, -1.0], 10), "yeast")
        >>> identifiability(pm.fit(pm.LeslieGower("yeast"), counts, num_starts=8))
        Identifiability(LeslieGower: 3 of 3 numbers determined)

    References:
        Raue, A. et al. (2009), Bioinformatics 25, 1923-1929. Gutenkunst, R. N. et al. (2007), PLoS Computational
        Biology 3, e189.
    """
    if not result.converged:
        raise ValueError(
            f"{result.name} did not converge, so its curvature says nothing: fit again with more starts "
            f"(num_starts={2 * result.num_starts}) first."
        )
    root, _ = information_root(result.problem, result.vector)
    _, singular, right = np.linalg.svd(root, full_matrices=False)
    labels = [estimate.label for estimate in result.estimates]
    directions = []
    with np.errstate(divide="ignore"):
        errors = np.where(singular > 1e-7 * singular[0], 1.0 / singular, np.inf)
    for error, shares in zip(errors[::-1], right[::-1], strict=True):
        if error > _FLAT:
            order = np.argsort(-np.abs(shares))
            kept = [i for i in order if abs(shares[i]) >= _SHOWN * abs(shares[order[0]])]
            directions.append(Direction(float(error), tuple((labels[i], float(shares[i])) for i in kept)))
    return Identifiability(result.name, result.estimates, profile(result), tuple(directions))
