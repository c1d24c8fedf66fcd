"""The action from the derivative of what something predicts in the genus."""

from __future__ import annotations

import numpy as np

from popmath.dynamicformer.encoding import Requests
from popmath.dynamicformer.interpret.action import ActionEstimate, blocks_of, reduced_logarithms
from popmath.dynamicformer.interpret.predictor import LogNumber, check_logs

_FALLS = 3  # by how much the largest degree falls when the genus falls by one


def gradient_action(log_number: LogNumber, requests: Requests, resamples: int = 400, seed: int = 0) -> ActionEstimate:
    r"""A from the derivative in the genus at fixed small degrees: $\hat A = \exp(\psi(L) - \tfrac12 \partial_g l)$.

    $l = z + \log\Gamma(L)$. The genus is whole, so the derivative is a central difference, in which the largest degree
    takes 3 for each step, and $\psi(L)$ that of $\log\Gamma$:
    $-\log\hat A = [l(g+1) - l(g-1) - \log\Gamma(L+2) + \log\Gamma(L-2)]/4$, averaged. It neglects what the
    $\alpha_k$ do, $O(1/L^2)$: give it exact numbers too.

    Args:
        log_number: logarithms of plain numbers of requests; it is asked at g - 1 and g + 1.
        requests: of genus 2 and above, whose largest degree occurs once and is 6 or more, and at least 4 above all
            others; see `movable`.
        resamples: of the bootstrap over blocks of levels.
        seed: of the bootstrap.

    Raises:
        ValueError: for requests of another kind.
        UnableError: for fewer than 5 blocks of levels.

    Example:
        >>> from popmath.dynamicformer import encode, load_pretrained
        >>> network = load_pretrained("psi-raw")
        >>> requests = encode([9] * 15, [(2,) * n + (25 - n,) for n in range(15)])
        >>> found = gradient_action(lambda r: network.predict_requests(r).log_value, requests)
        >>> abs(found.value - 2 / 3) < 0.02
        True
    """
    last = requests.degrees.argmax(axis=1)[:, None]
    if not movable(requests).all():
        raise ValueError(
            "gradient_action needs requests of genus 2 and above whose largest degree, 6 or more, occurs once and is 4 "
            "or more above all others, as it falls by 3: see `movable`."
        )
    largest = np.take_along_axis(requests.degrees, last, axis=1)[:, 0]
    kind, count = blocks_of(requests)

    def moved(step: int) -> Requests:
        degrees = requests.degrees.copy()
        np.put_along_axis(degrees, last, (largest + _FALLS * step)[:, None].astype(degrees.dtype), axis=1)
        return requests._replace(genus=requests.genus + step, degrees=degrees)

    up, down = moved(1), moved(-1)
    apart = []
    for each in (up, down):
        said = np.asarray(log_number(each), float)
        check_logs(each, said)
        apart.append(reduced_logarithms(each, said))
    found = -(apart[0] - apart[1]) / 4
    means = np.bincount(kind, found, minlength=count) / np.bincount(kind, minlength=count)
    rng = np.random.default_rng(seed)
    drawn = np.quantile(means[rng.integers(count, size=(resamples, count))].mean(axis=1), [0.025, 0.975])
    value, low, high = np.exp([means.mean(), *drawn])
    return ActionEstimate(float(value), float(low), float(high), len(found), count)


def movable(requests: Requests) -> np.ndarray:
    """Which requests `gradient_action` can ask at one genus more and less, shape `(requests,)`.

    Example:
        >>> from popmath.dynamicformer import encode
        >>> movable(encode([5, 5, 1], [(2, 3, 10), (6, 8), (0, 2)])).tolist()
        [True, False, False]
    """
    degrees = np.where(requests.multiplicity > 0, requests.degrees, -1)
    largest = degrees.max(axis=1)
    is_largest = degrees == largest[:, None]
    times = np.sum(requests.multiplicity * is_largest, axis=1)
    second = np.where(is_largest, -1, degrees).max(axis=1)
    return (requests.genus >= 2) & (largest >= 2 * _FALLS) & (times == 1) & (largest - _FALLS > second)
