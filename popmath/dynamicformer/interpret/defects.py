r"""Functional defects: by how much what something predicts misses the Virasoro constraints.

For a predictor $\hat F$ the defect of $L_m$ at $(g; d)$ is $\log \text{left} - \log \text{right}$ of the constraint in
`popmath.intersections.virasoro`: 0 where it holds, and of the size of the relative errors where these are independent.
The string equation is $m = -1$; the dilaton equation, with $\tau_1$ removed, is asked in the form
$\log\hat F(\tau_1\tau_d) - \log\hat F(\tau_d) - \log(2g-2+n)$, which has one number on each side and hides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from popmath.dynamicformer.encoding import encode
from popmath.dynamicformer.interpret.predictor import LogNumber, check_logs
from popmath.intersections.virasoro import Constraint, virasoro_constraint


class Defects(NamedTuple):
    """Defects of one equation.

    Attributes:
        genus: shape `(constraints,)`.
        num_points: number of degrees beside the one that the equation adds, same shape.
        defect: log of the left side over the right side, same shape.
    """

    genus: np.ndarray
    num_points: np.ndarray
    defect: np.ndarray

    def median_by_genus(self) -> dict[int, float]:
        """Median of the absolute defects at each genus."""
        size = np.abs(self.defect)
        return {int(g): float(np.median(size[self.genus == g])) for g in np.unique(self.genus)}


def random_degrees(
    types: Sequence[tuple[int, int]], per_type: int, total: Callable[[int, int], int], seed: int = 0
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Degrees drawn evenly among the ordered ones with a given sum, for each type (g, n).

    Args:
        types: genus and number of degrees.
        per_type: how many of each, at most: 4 draws are made for each.
        total: `total(g, n)`, what they sum to; types where it is below 0 are left out.
        seed: of the draw.

    Returns:
        Genera, and ascending degrees for each, without repetition.

    Example:
        >>> random_degrees([(1, 1), (2, 1)], 3, lambda g, n: 3 * g - 3 + n)
        ([1, 2], [(1,), (4,)])
    """
    rng = np.random.default_rng(seed)
    genera: list[int] = []
    degrees: list[tuple[int, ...]] = []
    for genus, n in types:
        whole = total(genus, n)
        if whole < 0 or n < 1:
            continue
        found: set[tuple[int, ...]] = set()
        for _ in range(4 * per_type):
            bars = np.sort(rng.choice(whole + n - 1, n - 1, replace=False))
            parts = np.diff(np.concatenate([[-1], bars, [whole + n - 1]])) - 1
            found.add(tuple(sorted(parts.tolist())))
            if len(found) == per_type:
                break
        genera += [genus] * len(found)
        degrees += sorted(found)
    return genera, degrees


def virasoro_defects(
    log_number: LogNumber, index: int, genus: Sequence[int], degrees: Sequence[tuple[int, ...]]
) -> Defects:
    """Defects of the constraint $L_m$ at each genus and degrees; every number is asked once, in one batch.

    Args:
        log_number: of requests, e.g. `lambda r: network.predict_requests(r).log_value`.
        index: m >= -1; -1 is the string equation.
        genus: one for each list of degrees.
        degrees: of sum 3g - 3 + n - m.

    Raises:
        TypeError, ValueError: as `popmath.intersections.virasoro_constraint`; for numbers that are not finite.

    Example:
        >>> from popmath.dynamicformer import load_pretrained
        >>> network = load_pretrained("psi-corrected")
        >>> found = virasoro_defects(lambda r: network.predict_requests(r).log_value, -1, [12], [(10, 12, 15)])
        >>> bool(abs(found.defect[0]) < 1e-5)
        True
    """
    constraints = [virasoro_constraint(index, g, d) for g, d in zip(genus, degrees, strict=True)]
    asked: dict[tuple[int, tuple[int, ...]], int] = {}
    for constraint in constraints:
        for factor in (constraint.left, *(f for term in constraint.terms for f in term.factors)):
            asked.setdefault(factor, len(asked))
    known = _asked(log_number, list(asked))
    defect = np.array([_defect(constraint, asked, known) for constraint in constraints])
    return Defects(np.array(genus), np.array([len(d) for d in degrees]), defect)


def dilaton_defects(log_number: LogNumber, genus: Sequence[int], degrees: Sequence[tuple[int, ...]]) -> Defects:
    r"""$\log\hat F(\tau_1\tau_d) - \log\hat F(\tau_d) - \log(2g-2+n)$ at each genus and degrees of sum 3g - 3 + n.

    Of a predictor that removes ones this is 0 by construction: it says nothing of what was learned.

    Example:
        >>> from popmath.dynamicformer import load_pretrained
        >>> network = load_pretrained("psi-residual")
        >>> found = dilaton_defects(lambda r: network.predict_requests(r).log_value, [9], [(2, 24)])
        >>> bool(abs(found.defect[0]) < 1e-9)
        True
    """
    pairs = list(zip(genus, degrees, strict=True))
    known = _asked(log_number, [*((g, (1, *d)) for g, d in pairs), *pairs])
    level = np.array([2 * g - 2 + len(d) for g, d in pairs], float)
    defect = known[: len(pairs)] - known[len(pairs) :] - np.log(level)
    return Defects(np.array(genus), np.array([len(d) for d in degrees]), defect)


def _asked(log_number: LogNumber, asked: list[tuple[int, tuple[int, ...]]]) -> np.ndarray:
    requests = encode([g for g, _ in asked], [d for _, d in asked])
    known = np.asarray(log_number(requests), float)
    check_logs(requests, known)
    return known


def _defect(constraint: Constraint, asked: dict[tuple[int, tuple[int, ...]], int], known: np.ndarray) -> float:
    logs = [np.log(float(t.coefficient)) + sum(known[asked[f]] for f in t.factors) for t in constraint.terms]
    if constraint.constant:
        logs.append(np.log(float(constraint.constant)))
    right = np.logaddexp.reduce(logs)
    return float(np.log(float(constraint.coefficient)) + known[asked[constraint.left]] - right)
