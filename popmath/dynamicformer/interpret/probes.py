r"""Probes: can a property of a request be read from the vectors that a network makes of it?

A probe that succeeds may have learned the property by itself. Beside every probe stands its control task: the same
property with its values given to the classes of requests at random, so that there is nothing to read but which class a
request is of. Selectivity is the difference (Hewitt & Liang 2019). Genera are never shared by training and test.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from popmath._errors import UnableError
from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.targets import alphas

Kind = Literal["linear", "kernel"]
_KINDS: tuple[str, ...] = get_args(Kind)
_RIDGE = 1e-3


class ProbeResult(NamedTuple):
    r"""How well a property is read.

    Attributes:
        r_squared: of predictions for genera that the probe was not trained on.
        control: the same of the control task, mean over its draws.
        num_requests: requests.
        num_genera: genera they are of.
    """

    r_squared: float
    control: float
    num_requests: int
    num_genera: int

    @property
    def selectivity(self) -> float:
        r"""$R^2$ less that of the control task; an $R^2$ below 0 counts as 0."""
        return max(self.r_squared, 0.0) - max(self.control, 0.0)


def probe(
    vectors: np.ndarray,
    target: np.ndarray,
    genus: np.ndarray,
    classes: np.ndarray,
    kind: Kind = "linear",
    folds: int = 5,
    draws: int = 3,
    seed: int = 0,
) -> ProbeResult:
    """Read a number from vectors, tested on genera never seen, beside its control task.

    Args:
        vectors: shape `(requests, width)`.
        target: what is to be read, shape `(requests,)`.
        genus: same shape; whole genera are left out.
        classes: same shape; requests of one class have the same target, and in the control task the same random number.
        kind: `"linear"`: ridge regression; `"kernel"`: with a Gaussian kernel, on at most 1,500 requests a fold.
        folds: parts that the genera are divided into.
        draws: of the control task.
        seed: of the control task and of the choice of requests.

    Raises:
        ValueError: for unequal lengths, what is not finite, another kind, or a target that is not one number per class.
        UnableError: for fewer genera than folds, fewer than 2 classes, or a target that is constant.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> classes = np.arange(200) % 4
        >>> found = probe(rng.normal(size=(200, 3)), classes * 1.0, np.arange(200) // 20, classes)
        >>> found.r_squared < 0.2 and found.num_genera == 10
        True

    References:
        Hewitt, J. & Liang, P. (2019), Designing and interpreting probes with control tasks, EMNLP.
    """
    vectors, target = np.asarray(vectors, float), np.asarray(target, float)
    genus, classes = np.asarray(genus), np.asarray(classes)
    _check(vectors, target, genus, classes, kind, folds)
    rng = np.random.default_rng(seed)
    _, class_ = np.unique(classes, return_inverse=True)
    numbers = rng.normal(size=(draws, class_.max() + 1))
    score = [_score(vectors, each, genus, kind, folds, seed) for each in (target, *numbers[:, class_])]
    return ProbeResult(score[0], float(np.mean(score[1:])), len(target), len(np.unique(genus)))


def polynomial_probe(
    vectors: np.ndarray, requests: Requests, order: int, kind: Kind = "linear", seed: int = 0
) -> ProbeResult:
    r"""Read $\alpha_k$, the k-th coefficient of the large-genus expansion, from vectors of requests.

    In the control task every value that occurs is a random number instead.

    Args:
        vectors: shape `(requests, width)`, e.g. a site of `observe`.
        requests: that they are of.
        order: k, 1 to 8.
        kind: see `probe`.
        seed: see `probe`.

    Raises:
        ValueError, UnableError: as `probe`.
    """
    target = alphas(requests, order)[-1]
    return probe(vectors, target, requests.genus, np.unique(target, return_inverse=True)[1], kind, seed=seed)


def _score(vectors: np.ndarray, target: np.ndarray, genus: np.ndarray, kind: Kind, folds: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    said = np.empty(len(target))
    for train, test in GroupKFold(folds).split(vectors, target, genus):
        some = train if kind == "linear" or len(train) <= 1500 else rng.choice(train, 1500, replace=False)
        width = vectors.shape[1]
        curved = KernelRidge(alpha=_RIDGE, kernel="rbf", gamma=0.3 / width)
        inner = Ridge(_RIDGE) if kind == "linear" else curved
        centre, spread = target[some].mean(), target[some].std()
        model = make_pipeline(StandardScaler(), inner).fit(vectors[some], (target[some] - centre) / (spread or 1.0))
        said[test] = centre + (spread or 1.0) * model.predict(vectors[test])
    return float(1 - np.sum((said - target) ** 2) / np.sum((target - target.mean()) ** 2))


def _check(
    vectors: np.ndarray, target: np.ndarray, genus: np.ndarray, classes: np.ndarray, kind: str, folds: int
) -> None:
    if kind not in _KINDS:
        raise ValueError(f"kind must be one of {', '.join(map(repr, _KINDS))}; got {kind!r}.")
    lengths = {len(each) for each in (vectors, target, genus, classes)}
    if vectors.ndim != 2 or len(lengths) != 1:
        raise ValueError(
            f"vectors must have shape (requests, width), and target, genus and classes one number for each; got "
            f"{vectors.shape}, {target.shape}, {genus.shape}, {classes.shape}."
        )
    if not (np.isfinite(vectors).all() and np.isfinite(target).all()):
        raise ValueError("vectors and target must be finite.")
    genera, kinds = len(np.unique(genus)), np.unique(classes, return_inverse=True)[1]
    if genera < folds:
        raise UnableError(f"requests of {genera} genera cannot be divided into {folds} parts; take more genera.")
    means = np.bincount(kinds, target) / np.bincount(kinds)
    if kinds.max() < 1 or np.ptp(target) == 0:
        raise UnableError("all requests have the same target or class: there is nothing to read. Take more of them.")
    if np.max(np.abs(target - means[kinds])) > 1e-6 * np.max(np.abs(target)):
        raise ValueError("requests of one class must have the same target: the control task would be an easier one.")
