"""EnbPI: bands from an ensemble of block-bootstrap fits, by MAPIE's `TimeSeriesRegressor`."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from popmath._errors import UnableError
from popmath.conformal._adapters import MemberRegressor, given_splits
from popmath.conformal.split import scores_needed


@dataclasses.dataclass(frozen=True, eq=False)
class EnbpiBand:
    """An EnbPI band at given new times, made by `enbpi_band`.

    Attributes:
        predicted: centre, aggregated over the members, the shape of one member's new predictions.
        lower: lower end, same shape.
        upper: upper end, same shape.
        residuals: standardised out-of-bag residuals that the band is calibrated on, shape `(scores,)`.
        num_never_out: finite observations that every member was fitted with, which have no residual.
        confidence_level: nominal coverage of each entry.
    """

    predicted: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    residuals: np.ndarray
    num_never_out: int
    confidence_level: float


def enbpi_band(
    member_predictions: np.ndarray,
    truth: np.ndarray,
    inclusion: np.ndarray,
    new_predictions: np.ndarray,
    *,
    confidence_level: float = 0.9,
    scale: np.ndarray | float = 1.0,
    new_scale: np.ndarray | float = 1.0,
    aggregate: Literal["mean", "median"] = "mean",
    symmetric: bool = True,
    nonnegative: bool = True,
) -> EnbpiBand:
    r"""Band from the residuals that members of an ensemble leave where they were not fitted.

    With $B_t$ the members whose bootstrap sample left time $t$ out and $\phi$ the mean or median, the residual is
    $(y_t - \phi_{b \in B_t} \hat f_b(t)) / s_t$. The centre at a new time is the mean over $t$ of $\phi_{b \in B_t}
    \hat f_b$ (or the median over $t$), and the band adds the conformal quantile of the residuals times the new scale.

    The residuals lie inside the series: for forecasts far ahead the band is too narrow (benchmarks/bands.py finds 40 to
    70 per cent at a nominal 90); it is meant for one step, or with a scale that includes the spread of the members.

    Args:
        member_predictions: at the times of the series, shape `(members, times)` or `(members, times, species)`.
        truth: shape `(times,)` or `(times, species)`; NaN where nothing was observed.
        inclusion: True where the member's bootstrap sample has the time, shape `(members, times)`.
        new_predictions: shape `(members, new times)` or `(members, new times, species)`.
        confidence_level: nominal coverage of each entry.
        scale: expected size of the error at the times of the series, positive, to broadcast to `truth`.
        new_scale: the same at the new times, to broadcast to one member's new predictions.
        aggregate: $\phi$.
        symmetric: one quantile of absolute residuals; False takes one on each side and needs twice as many.
        nonnegative: cut the band at 0.

    Raises:
        ValueError: if shapes disagree, or numbers are not finite where they have to be.
        UnableError: if too few observations were left out by some member.

    Example:
        >>> days = np.arange(12)
        >>> inclusion = np.array([days % 3 != b for b in range(3)])
        >>> band = enbpi_band(np.full((3, 12), 5.0), days * 1.0, inclusion, np.full((3, 1), 5.0), confidence_level=0.8)
        >>> band.lower, band.upper
        (array([0.]), array([10.]))

    References:
        Xu, C. & Xie, Y. (2021), Conformal prediction interval for dynamic time-series, ICML; arXiv:2010.09107. MAPIE's
        `TimeSeriesRegressor(method="enbpi")` aggregates and calibrates; its members are columns and its resamplings
        those given.
    """
    from mapie.conformity_scores import AbsoluteConformityScore
    from mapie.regression import TimeSeriesRegressor

    members, new = np.asarray(member_predictions, dtype=float), np.asarray(new_predictions, dtype=float)
    target, inside = np.asarray(truth, dtype=float), np.asarray(inclusion, dtype=bool)
    if members.ndim not in (2, 3) or members.shape[1:] != target.shape:
        raise ValueError(f"member_predictions {members.shape} must be members times the shape of truth {target.shape}.")
    if inside.shape != members.shape[:2]:
        raise ValueError(f"inclusion must have shape {members.shape[:2]}, members and times; got {inside.shape}.")
    if new.ndim != members.ndim or (new.shape[0], new.shape[2:]) != (members.shape[0], members.shape[2:]):
        raise ValueError(f"new_predictions {new.shape} must have the members and species of {members.shape}.")
    if aggregate not in ("mean", "median"):
        raise ValueError(f"aggregate must be 'mean' or 'median'; got {aggregate!r}.")
    divide = _positive("scale", scale, target.shape)
    multiply = _positive("new_scale", new_scale, new.shape[1:])
    out = np.broadcast_to(~inside.reshape(*inside.shape, *(1,) * (target.ndim - 1)), members.shape)
    usable = out.any(axis=0) & np.isfinite(target)
    if not (np.isfinite(members[:, usable]).all() and np.isfinite(new).all()):
        raise ValueError("a member's prediction is not finite; leave that member out.")
    needed = scores_needed(confidence_level) * (1 if symmetric else 2)
    if usable.sum() < needed:
        raise UnableError(
            f"confidence_level {confidence_level:g} needs {needed} observations that some member left out; there are "
            f"{int(usable.sum())} with {len(members)} members. Draw more members, or lower the level."
        )
    regressor: Any = MemberRegressor(len(members))
    mapie = TimeSeriesRegressor(
        regressor,
        method="enbpi",
        cv=given_splits(out[:, usable]),
        agg_function=aggregate,
        conformity_score=AbsoluteConformityScore(sym=symmetric),
    )
    mapie.fit((members / divide)[:, usable].T, (target / divide)[usable])
    columns = (new / multiply).reshape(len(new), -1).T
    centre, ends = mapie.predict(columns, ensemble=True, confidence_level=confidence_level)
    low, high = ends[:, 0, 0].reshape(multiply.shape) * multiply, ends[:, 1, 0].reshape(multiply.shape) * multiply
    bottom = 0.0 if nonnegative else -np.inf
    return EnbpiBand(
        np.asarray(centre).reshape(multiply.shape) * multiply,
        np.maximum(low, bottom),
        np.maximum(high, bottom),
        np.asarray(mapie.conformity_scores),
        int((np.isfinite(target) & ~out.any(axis=0)).sum()),
        float(confidence_level),
    )


def _positive(name: str, scale: np.ndarray | float, shape: tuple[int, ...]) -> np.ndarray:
    array = np.broadcast_to(np.asarray(scale, dtype=float), shape)
    if not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} must be positive and finite.")
    return array
