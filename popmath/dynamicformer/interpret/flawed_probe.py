"""The published test of the action by a linear probe, and why it can select nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np


def scale_probe(latent: np.ndarray, level: np.ndarray, candidates: Sequence[Fraction]) -> np.ndarray:
    r"""$R^2$ of a linear probe of $L\log A$ for each candidate A: the published test, which can select nothing.

    With $\hat w$ the least squares weights of $L$ on the latent vectors, those of $cL$ are $c\hat w$: residuals and
    spread are both multiplied by $c = \log A$, and $R^2 = 1 - c^2\,\mathrm{RSS}/(c^2\,\mathrm{TSS})$ is the same for
    every A but 1.

    Args:
        latent: shape `(requests, width)`.
        level: $2g-2+n$, shape `(requests,)`.
        candidates: positive, none of them 1.

    Raises:
        ValueError: for a candidate of 1 or below 0, or fewer requests than the width.

    Example:
        >>> latent = np.random.default_rng(0).normal(size=(50, 3))
        >>> found = scale_probe(latent, latent[:, 0] + np.arange(50.0), [Fraction(2, 3), Fraction(5, 2)])
        >>> bool(abs(found[0] - found[1]) < 1e-12)
        True
    """
    if any(c <= 0 or c == 1 for c in candidates):
        raise ValueError(f"candidates must be positive and not 1, where log A is 0; got {list(map(str, candidates))}.")
    if len(latent) <= latent.shape[1] + 1:
        raise ValueError(f"{len(latent)} requests cannot fix a probe of {latent.shape[1]} numbers; give more.")
    columns = np.column_stack([np.ones(len(latent)), latent])
    found = []
    for candidate in candidates:
        target = np.asarray(level, float) * math.log(candidate)
        error = target - columns @ np.linalg.lstsq(columns, target, rcond=1e-10)[0]
        found.append(1 - np.sum(error**2) / np.sum((target - target.mean()) ** 2))
    return np.array(found)
