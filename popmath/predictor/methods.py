"""The methods that `IntersectionPredictor` chooses from: what each says, and how far off it may be expected to be."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests, log_double_factorials
from popmath.dynamicformer.pretrained import TrainedNetwork, load_pretrained
from popmath.dynamicformer.targets import CORRECTED_ORDER, baseline, bracket_terms, log_leading

CLOSED_FORMS = {"closed form, order 3": 3, "closed form, order 6": 6}
NETWORKS = ("psi-residual", "psi-corrected")
METHODS = (*CLOSED_FORMS, *NETWORKS)
PREFERRED = ("psi-corrected", "psi-residual", "closed form, order 6", "closed form, order 3")  # the closest first
_ROUNDING = 2e-14  # relative; sums of a million logarithms lose as much


class Said(NamedTuple):
    """What a method says of requests without ones.

    Attributes:
        log_value: of the plain numbers, float64, shape `(requests,)`; 0 where it has no say.
        size: size to expect of its error before anything is learned, same shape; 1 where nothing is known, 0 where it
            has no say.
        rounding: size of what float64 adds to that, from the large terms of the logarithm.
    """

    log_value: np.ndarray
    size: np.ndarray
    rounding: np.ndarray


@cache
def network(name: str) -> TrainedNetwork:
    """One of the networks, read once."""
    return load_pretrained(name)


def said_by(method: str, requests: Requests) -> Said:
    """What a method says of requests without ones.

    Example:
        >>> from popmath.dynamicformer.encoding import encode
        >>> said = said_by("closed form, order 6", encode([15, 2], [(20, 24), (2, 3)]))
        >>> said.size[0] < 1e-5, said.size[1]
        (np.True_, np.float64(0.0))
    """
    if method in CLOSED_FORMS:
        return _closed_form(requests, CLOSED_FORMS[method])
    trained = network(method)
    most = trained.settings.split.max_train_points
    unit = baseline(requests, trained.settings.target).unit
    known = np.flatnonzero((requests.num_points <= most) & (unit > 0))
    value, size = np.zeros(len(requests.genus)), np.zeros(len(requests.genus))
    if len(known):
        value[known] = trained.predict_requests(requests.take(known)).log_value
        size[known] = unit[known]
    return Said(value, size, _rounding(requests))


def _closed_form(requests: Requests, order: int) -> Said:
    """As `popmath.intersections.asymptotic`; no say where it has broken down."""
    terms = np.concatenate([np.ones((1, len(requests.genus))), bracket_terms(requests, order)])
    total = terms.sum(axis=0)
    good = (requests.genus >= 1) & (requests.level > order + 1) & (np.abs(terms[-1]) < 0.5 * total)
    leading = log_leading(requests.level, requests.num_points) - log_double_factorials(requests)
    value = np.where(good, leading + np.log(np.where(good, total, 1.0)), 0.0)
    size = _omitted(requests, terms)
    if order == CORRECTED_ORDER:  # beside terms that happen to be small, what is known of the next one
        size = np.hypot(size, baseline(requests, "corrected").unit)
    return Said(value, np.where(good, size, 0.0), _rounding(requests))


def _rounding(requests: Requests) -> np.ndarray:
    """Of log Gamma of the level, the double factorials, and their difference."""
    return _ROUNDING * (1.0 + gammaln(requests.level) + 2 * requests.level + log_double_factorials(requests))


def _omitted(requests: Requests, terms: np.ndarray) -> np.ndarray:
    """Size to expect of the first omitted term, as in `popmath.predictor.asymptotic.expected_error`."""
    order, x = len(terms) - 1, requests.level - 1.0
    total = np.zeros(len(x))
    for k in range(max(0, order - 2), order + 1):
        carried = np.abs(terms[k])
        for j in range(k + 1, order + 1):
            carried = carried * j / np.maximum(x - j + 1, 1.0)
        total += carried
    return total * (order + 1) / (x + 1)


def features(requests: Requests, max_genus: np.ndarray | None = None) -> np.ndarray:
    r"""What the size of an error is learned from.

    $\log x$, $\log(1 + p_0)$, $p_0/\sqrt x$, $m/x$ and its square, and whether $p_0$ is 0, 1 or 2, with $x = 2g - 3 +
    m$ (at least 1), $m$ the number of points and $p_0$ of zeros. Linear in $\log x$: sizes go on as a power of x beyond
    the genera they were learned from. With `max_genus`, of each request, as if the genus were at most that.
    """
    genus = requests.genus.astype(float)
    if max_genus is not None:
        genus = np.minimum(genus, max_genus)
    points, zeros = requests.num_points.astype(float), requests.times(0).astype(float)
    x = np.maximum(2 * genus - 3 + points, 1.0)
    ratio, few = points / x, [zeros == count for count in (0, 1, 2)]
    return np.column_stack([np.log(x), np.log1p(zeros), zeros / np.sqrt(x), ratio, ratio**2, *few])
