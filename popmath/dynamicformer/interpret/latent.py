r"""Structure of latent vectors: what adding a point does to them, their principal components, and string heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from popmath._errors import UnableError
from popmath.dynamicformer.batches import with_ones
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.interpret.activations import observe
from popmath.dynamicformer.interpret.probes import Kind, ProbeResult, probe
from popmath.dynamicformer.pretrained import TrainedNetwork

_PAIRS, _FEWEST = 20_000, 20
_ATTENTION = ("partition.attention", "attention.0.0")


def added_point(trained: TrainedNetwork, requests: Requests, site: str) -> np.ndarray:
    r"""$e(g, d \cup 1) - e(g, d)$, what adding a degree 1 does to the vectors at a site; shape `(requests, width)`.

    Raises:
        UnableError: if the network removes ones exactly: the difference would be 0.
        ValueError: for a site it does not have, or one that is not a vector for each request; for requests with ones.
    """
    if not trained.sees_ones:
        raise UnableError(
            f"{trained.settings.name!r} is not shown degrees 1, they are removed exactly: adding one changes nothing."
        )
    if requests.num_ones.any():
        raise ValueError("added_point needs requests without degrees 1: leave them out.")
    more = with_ones(requests, np.ones(len(requests.genus), int))
    both = [observe(trained, trained.shown(each)).sites for each in (more, requests)]
    for sites in both:
        if site not in sites or sites[site].ndim != 2:
            vectors = [name for name, value in sites.items() if value.ndim == 2]
            raise ValueError(f"site must be one vector for each request ({', '.join(vectors)}); got {site!r}.")
    return both[0][site] - both[1][site]


def dilaton_probe(difference: np.ndarray, requests: Requests, kind: Kind = "linear") -> ProbeResult:
    r"""Read $\log(2g-2+n)$ from differences of vectors, tested on genera never seen.

    The dilaton equation says that this is what adding a 1 adds to log F. In the control task every level has a random
    number instead.

    Raises:
        ValueError, UnableError: as `probe`.
    """
    return probe(difference, np.log(requests.level.astype(float)), requests.genus, requests.level, kind)


class CosineStructure(NamedTuple):
    r"""Cosines of pairs of differences.

    Attributes:
        added: mean cosine between what adding a 1 does to two requests.
        random: the same where the vector after is that of another request of the same type with a 1 added,
            $e(g, d' \cup 1) - e(g, d)$, scaled to the norm of the first.
        low: 2.5 % quantile of `added` less `random` over bootstrap samples of the requests.
        high: 97.5 % quantile.
    """

    added: float
    random: float
    low: float
    high: float


def cosine_structure(difference: np.ndarray, vectors: np.ndarray, requests: Requests, seed: int = 0) -> CosineStructure:
    """Do the differences point one way, more than those to another request of the same (g, n + 1) do?

    Args:
        difference: of `added_point`, shape `(requests, width)`.
        vectors: of the requests at the same site, same shape.
        requests: that they are of.
        seed: of the pairs.

    Raises:
        UnableError: if fewer than 20 requests share their type with another.

    Example:
        >>> from popmath.dynamicformer import encode
        >>> requests = encode([5] * 30, [(14 - k // 10, k // 10) for k in range(30)])
        >>> same = np.ones((30, 4))
        >>> vectors = np.random.default_rng(1).normal(size=(30, 4))
        >>> bool(cosine_structure(same, vectors, requests).added > 0.99)
        True
    """
    rng = np.random.default_rng(seed)
    other = other_of_type(requests, rng)
    rows = np.flatnonzero(other != np.arange(len(other)))
    if len(rows) < _FEWEST:
        raise UnableError(f"{len(rows)} requests share their type with another; at least {_FEWEST} are needed.")
    chosen = difference[rows]
    apart = (vectors + difference)[other[rows]] - vectors[rows]
    norm = np.linalg.norm(chosen, axis=1, keepdims=True)
    matched = apart * norm / np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12)
    first, second = rng.integers(len(rows), size=(2, _PAIRS))
    first, second = first[first != second], second[first != second]
    cosines = [_cosine(each[first], each[second]) for each in (chosen, matched)]
    drawn = []
    for _ in range(200):  # requests are resampled, pairs count as often as both of theirs
        times = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)))
        drawn.append(np.average(cosines[0] - cosines[1], weights=times[first] * times[second]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return CosineStructure(float(cosines[0].mean()), float(cosines[1].mean()), float(low), float(high))


class Components(NamedTuple):
    """Principal components of vectors.

    Attributes:
        scores: shape `(requests, components)`.
        share: of the variance, of each component.
        explained: R2 of each component by a straight line in each property, shape `(properties, components)`.
        properties: names, in order: genus, n, and the multiplicities p_0 to p_4.
    """

    scores: np.ndarray
    share: np.ndarray
    explained: np.ndarray
    properties: tuple[str, ...]


def principal_components(vectors: np.ndarray, requests: Requests, count: int = 4) -> Components:
    """Principal components, and what they go along with.

    Raises:
        ValueError: for fewer requests or numbers than components.
    """
    if min(vectors.shape) < count:
        raise ValueError(f"{count} components need as many requests and numbers; got vectors of shape {vectors.shape}.")
    centred = vectors - vectors.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :count] * size[:count]
    columns = {"genus": requests.genus, "n": requests.num_points} | {f"p{j}": requests.times(j) for j in range(5)}
    explained = [[_squared_correlation(column, score) for score in scores.T] for column in columns.values()]
    return Components(scores, size[:count] ** 2 / np.sum(size**2), np.array(explained), tuple(columns))


def string_heads(
    trained: TrainedNetwork, requests: Requests, offsets: Sequence[int] = (-3, -2, -1, 1, 2, 3)
) -> np.ndarray:
    r"""How much more a token of degree d looks at one of degree d + o than at all others, shape `(heads, offsets)`.

    The logarithm of the attention weight per point, with the means of who looks and of who is looked at taken off
    within each request (large degrees may be looked at more by all), averaged over pairs of tokens. A head that
    implements the string step $d \to d - 1$ stands out at o = -1; one that is only smooth in the degree does not.

    Raises:
        UnableError: for a network without attention, or where an offset does not occur.
    """
    sites = observe(trained, trained.shown(requests)).sites
    names = [name for name in _ATTENTION if name in sites]
    if not names:
        raise UnableError(
            f"{trained.settings.name!r} has no attention: its sites are {', '.join(sites)}. Ask a network with blocks "
            "above 0, or the published one."
        )
    degrees, times = sites["degrees"].astype(int), sites["multiplicity"]
    weights = sites[names[0]]
    if names[0] == _ATTENTION[0]:  # without the memory token before and the padding token after
        weights = weights[:, :, 1 : 1 + degrees.shape[1], 1 : 1 + degrees.shape[1]]
    there = times > 0
    per_point = np.log(np.maximum(weights, 1e-30)) - np.log(np.maximum(times, 1))[:, None, None, :]
    pairs = there[:, :, None] & there[:, None, :] & ~np.eye(degrees.shape[1], dtype=bool)[None]
    pairs &= (there.sum(axis=1) > 3)[:, None, None]
    excess = _centred(per_point, pairs)
    apart = degrees[:, None, :] - degrees[:, :, None]
    found = []
    for offset in offsets:
        where = pairs & (apart == offset)
        if not where.any():
            raise UnableError(f"no request of at least 4 degrees has two that are {offset} apart; take more requests.")
        found.append(np.moveaxis(excess, 1, -1)[where].mean(axis=0))
    return np.array(found).T


def _centred(values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Values less the means of rows and columns over the pairs that are there, by alternating projections."""
    kept = np.where(pairs[:, None], values, 0.0)
    for _ in range(20):
        for axis in (3, 2):
            count = np.maximum(pairs.sum(axis=axis - 1), 1)
            mean = kept.sum(axis=axis) / count[:, None]
            kept = np.where(pairs[:, None], kept - np.expand_dims(mean, axis), 0.0)
    return kept


def other_of_type(requests: Requests, rng: np.random.Generator) -> np.ndarray:
    """The position of another request of the same (g, n) for each; its own where there is none."""
    order = rng.permutation(len(requests.genus))
    kind = requests.genus.astype(np.int64) * 10_000_000 + requests.num_points
    order = order[np.argsort(kind[order], kind="stable")]
    out = np.empty_like(order)
    for rows in np.split(order, np.flatnonzero(np.diff(kind[order])) + 1):
        out[rows] = np.roll(rows, 1)
    return out


def _cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    size = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.sum(x * y, axis=1) / np.maximum(size, 1e-12)


def _squared_correlation(x: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x.astype(float), y)[0, 1] ** 2)
