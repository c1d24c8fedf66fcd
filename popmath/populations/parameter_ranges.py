"""`positive`, `probability` and `real`: domains and starting ranges of the free numbers of a model of your own."""

from __future__ import annotations

import numpy as np

from popmath._types import ArrayLike, Domain, Parameter


def positive(
    low: ArrayLike | float, high: ArrayLike | float, shape: tuple[int, ...] = (), meaning: str = "", unit: str = ""
) -> Parameter:
    """A parameter above 0, searched as its logarithm.

    Args:
        low: lower end of the range that random starts are drawn from (not a bound), above 0; a number, or one for each
            entry.
        high: upper end, at least `low`.
        shape: of the parameter; `()` for one number, or for the shape of `low` and `high`.
        meaning: what it is, for tables.
        unit: its unit, for tables.

    Raises:
        ValueError: for ends that are not finite, outside the domain, in the wrong order, or not of the shape.

    Example:
        >>> positive(0.1, 2.0, (2,), "fertility", "per individual").low.tolist()
        [0.1, 0.1]
    """
    return _parameter("positive", (low, high), shape, meaning, unit)


def probability(
    low: ArrayLike | float = 0.1,
    high: ArrayLike | float = 0.9,
    shape: tuple[int, ...] = (),
    meaning: str = "",
    unit: str = "",
) -> Parameter:
    """A parameter between 0 and 1, searched as its logit; arguments as in `positive`.

    Example:
        >>> probability(shape=(2,), meaning="survival").high.tolist()
        [0.9, 0.9]
    """
    return _parameter("unit", (low, high), shape, meaning, unit)


def real(
    low: ArrayLike | float, high: ArrayLike | float, shape: tuple[int, ...] = (), meaning: str = "", unit: str = ""
) -> Parameter:
    """A parameter that may be any number, searched as it is; arguments as in `positive`.

    Example:
        >>> real(-1.0, [1.0, 2.0]).low.tolist()
        [-1.0, -1.0]
    """
    return _parameter("real", (low, high), shape, meaning, unit)


def _parameter(
    domain: Domain,
    ends: tuple[ArrayLike | float, ArrayLike | float],
    shape: tuple[int, ...],
    meaning: str,
    unit: str,
) -> Parameter:
    low, high = (np.asarray(end, np.float64) for end in ends)
    wanted = tuple(shape) or np.broadcast_shapes(low.shape, high.shape)
    try:
        low, high = (np.array(np.broadcast_to(end, wanted)) for end in (low, high))
    except ValueError:
        raise ValueError(
            f"low and high must have shape {wanted}, or be numbers; got {low.shape}, {high.shape}."
        ) from None
    if not (np.isfinite(low) & np.isfinite(high)).all():
        raise ValueError(f"low and high must be finite; got {low.tolist()} and {high.tolist()}.")
    if (low > high).any():
        raise ValueError(f"low must be at most high; got {low.tolist()} and {high.tolist()}.")
    if domain != "real" and (low <= 0).any():
        raise ValueError(
            f"low must be above 0; got {low.tolist()}. To hold a parameter at 0 use popmath.fit(..., fixed=...)."
        )
    if domain == "unit" and (high >= 1).any():
        raise ValueError(f"high must be below 1; got {high.tolist()}. To hold a probability at 1 use fixed=....")
    return Parameter(domain, low, high, meaning, unit)
