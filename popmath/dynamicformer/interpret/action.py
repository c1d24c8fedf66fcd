r"""The action A of the large-genus expansion, estimated from what something predicts: what three ways have in common.

With $L = 2g-2+n$ and $z = \log\prod(2d_i+1)!!\,\hat F - n\log 2 - \log\Gamma(L)$ the expansion says

$$z = -\log 4\pi - L \log A + \log\Bigl[1 + \sum_k \frac{A^k\alpha_k}{(L-1)\cdots(L-k)}\Bigr].$$

A linear probe of $L \log A$ is no fourth way: see `popmath.dynamicformer.interpret.scale_probe`. Intervals are those of
resampling or of the likelihood: they hold neither what a wrong order leaves nor what training anew would change.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from popmath._errors import UnableError
from popmath.dynamicformer.encoding import Requests, log_double_factorials

_TOGETHER, _FEWEST = 3, 5  # levels in a block, and blocks


class ActionEstimate(NamedTuple):
    """An estimate of A.

    Attributes:
        value: the estimate.
        low: lower end of its 95 % interval; 0 if there is none.
        high: upper end; infinite if there is none.
        num_numbers: numbers it is from.
        num_blocks: blocks of three neighbouring 2g - 2 + n it is from. They are resampled as wholes: the errors of a
            network are smooth in the level, and numbers of one block err together.
        order: of the slope: how many powers of 1/L were fitted beside it.
    """

    value: float
    low: float
    high: float
    num_numbers: int
    num_blocks: int
    order: int | None = None


def reduced_logarithms(requests: Requests, log_value: np.ndarray) -> np.ndarray:
    """The numbers z of the module, from logarithms of plain numbers; shape `(requests,)`."""
    scaled = np.asarray(log_value, float) + log_double_factorials(requests)
    return scaled - requests.num_points * math.log(2.0) - gammaln(requests.level)


def blocks_of(requests: Requests) -> tuple[np.ndarray, int]:
    """Number of the block of three neighbouring levels of each request, and how many there are.

    Raises:
        UnableError: for fewer than 5.
    """
    found, kind = np.unique(requests.level // _TOGETHER, return_inverse=True)
    if len(found) < _FEWEST:
        raise UnableError(
            f"requests of {len(found)} blocks of {_TOGETHER} neighbouring 2g - 2 + n; at least {_FEWEST} are needed. "
            "Widen the window of genera, or take more numbers of points."
        )
    return kind.ravel(), len(found)
