"""Requests as arrays a network can read: distinct degrees with their multiplicities, never one token per point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from popmath._errors import UnableError

LARGEST_GENUS = 1_000_000  # so that tables by degree stay small
EMPTY = -1  # the degree of a token that is not there; 0 is a degree


class Requests(NamedTuple):
    """Types and degrees, one row each.

    Attributes:
        genus: shape `(requests,)`.
        num_points: shape `(requests,)`.
        degrees: distinct degrees, ascending, shape `(requests, tokens)`; -1 where there is no token.
        multiplicity: how often each occurs, same shape; 0 where there is no token.
    """

    genus: np.ndarray
    num_points: np.ndarray
    degrees: np.ndarray
    multiplicity: np.ndarray

    def take(self, rows: np.ndarray | slice) -> Requests:
        """Some of the rows."""
        return Requests(*(column[rows] for column in self))

    @property
    def level(self) -> np.ndarray:
        """2g - 2 + n."""
        return 2 * self.genus.astype(np.int64) - 2 + self.num_points

    def times(self, degree: int) -> np.ndarray:
        """How often a degree occurs in each."""
        return np.sum(self.multiplicity * (self.degrees == degree), axis=1)

    @property
    def total_degree(self) -> np.ndarray:
        """Sum of the degrees of each (a token that is not there has multiplicity 0)."""
        return (self.degrees * self.multiplicity).sum(axis=1)

    @property
    def num_ones(self) -> np.ndarray:
        """How many degrees are 1."""
        return self.times(1)


def of_curves(genus: int, num_points: int) -> range:
    """The one sum of degrees at which psi-class numbers are not 0: 3g - 3 + n."""
    return range(3 * genus - 3 + num_points, 3 * genus - 2 + num_points)


def encode(
    genus: Sequence[int] | np.ndarray,
    degrees: Iterable[Iterable[int]],
    sums: Callable[[int, int], range] = of_curves,
) -> Requests:
    """Requests from genera and degree sequences; the order of the degrees is lost, as it should be.

    Args:
        genus: one for each request.
        degrees: the same.
        sums: `sums(genus, num_points)`, the sums of degrees at which the theory's numbers are not 0.

    Raises:
        TypeError, ValueError: for unequal lengths, what is not an integer, negative degrees, an unstable type, or a
            sum of degrees at which the number is 0, with the row.

    Example:
        >>> encode([2], [(3, 2)]).degrees.tolist(), encode([3], [(2, 5, 2)]).multiplicity.tolist()
        ([[2, 3]], [[2, 1]])
    """
    lists = [_listed(row, each) for row, each in enumerate(degrees)]
    genera = list(genus)
    if len(genera) != len(lists):
        raise ValueError(f"genus has {len(genera)} entries and degrees {len(lists)}: there must be one per request.")
    counted = [_counted(row, g, each, sums) for row, (g, each) in enumerate(zip(genera, lists, strict=True))]
    width = max((len(each) for each in counted), default=1)
    parts = np.full((len(lists), width), EMPTY, np.int32)
    times = np.zeros((len(lists), width), np.int32)
    for row, pairs in enumerate(counted):
        parts[row, : len(pairs)] = [d for d, _ in pairs]
        times[row, : len(pairs)] = [m for _, m in pairs]
    points = np.array([len(each) for each in lists], np.int32)
    return Requests(np.array(genera, np.int32), points, parts, times)


def _listed(row: int, degrees: Iterable[int]) -> tuple[int, ...]:
    if isinstance(degrees, set | frozenset | dict | str) or not isinstance(degrees, Iterable):
        raise TypeError(f"request {row}: degrees must be a sequence of integers such as (2, 3); got {degrees!r}.")
    return tuple(degrees)


def _counted(
    row: int, genus: int, degrees: tuple[int, ...], sums: Callable[[int, int], range]
) -> list[tuple[int, int]]:
    """Distinct degrees and how often each occurs, checked."""
    numbers = (genus, *degrees)
    if any(isinstance(each, bool) or not isinstance(each, int | np.integer) for each in numbers):
        raise TypeError(f"request {row}: genus and degrees must be integers; got genus {genus!r}, degrees {degrees!r}.")
    genus, degrees = int(genus), tuple(int(d) for d in degrees)
    n, total = len(degrees), sum(degrees)
    if min(numbers) < 0 or n == 0 or 2 * genus - 2 + n <= 0:
        raise ValueError(f"request {row}: genus {genus} with degrees {degrees} is not a stable type, or is negative.")
    if genus > LARGEST_GENUS or n > LARGEST_GENUS:
        raise ValueError(
            f"request {row}: genus and number of points may be {LARGEST_GENUS:,} at most; got genus {genus:,} and "
            f"{n:,} points."
        )
    allowed = sums(genus, n)
    if total not in allowed:
        one = f"{allowed.start}" if len(allowed) == 1 else f"one of {allowed.start} to {allowed.stop - 1}"
        what = f"3g - 3 + n = {one}" if sums is of_curves else one
        raise ValueError(
            f"request {row}: degrees {degrees} sum to {total}, not to {what}: the number is exactly 0 and has no "
            "logarithm."
        )
    return sorted(Counter(degrees).items())


def without_degree(requests: Requests, degree: int) -> tuple[Requests, np.ndarray]:
    r"""The requests with every point of a degree removed, and the logarithm of what that divides the numbers by.

    For degrees with a dilaton equation: 1 for psi classes,
    $\langle\tau_1^o\,\tau_D\rangle_g = (2g-2+m)(2g-1+m)\cdots\langle\tau_D\rangle_g$ with $m$ the number of other
    points. Of a genus 1 request of nothing else, one point is kept: the others give $(n-1)!$.

    Example:
        >>> kept, log_factor = without_degree(encode([2], [(1, 1, 4)]), 1)
        >>> kept.degrees.tolist(), round(float(np.exp(log_factor[0])))
        ([[4, -1]], 12)
    """
    count = requests.times(degree)
    only = count == requests.num_points
    removed = count - only
    is_it = requests.degrees == degree
    times = np.where(is_it, np.where(only, 1, 0)[:, None], requests.multiplicity)
    parts = np.where(is_it & (times == 0), EMPTY, requests.degrees)
    order = np.argsort(parts == EMPTY, axis=1, kind="stable")
    parts, times = np.take_along_axis(parts, order, axis=1), np.take_along_axis(times, order, axis=1)
    points = requests.num_points - removed
    level = 2 * requests.genus - 2 + points
    log_factor = gammaln(level + removed) - gammaln(level)
    return Requests(requests.genus, points.astype(requests.num_points.dtype), parts, times), log_factor


def log_double_factorials(requests: Requests) -> np.ndarray:
    r"""$\sum_i \log (2 d_i + 1)!!$ of each request."""
    largest = int(requests.degrees.max(initial=0))
    known = np.concatenate([[0.0], np.cumsum(np.log(2.0 * np.arange(1, largest + 1) + 1))])
    return np.sum(known[np.maximum(requests.degrees, 0)] * requests.multiplicity, axis=1)


def fit_width(requests: Requests, width: int) -> Requests:
    """The same with exactly `width` tokens.

    Raises:
        UnableError: if a request has more distinct degrees than that.
    """
    have = requests.degrees.shape[1]
    if have <= width:
        pad = ((0, 0), (0, width - have))
        parts = np.pad(requests.degrees, pad, constant_values=EMPTY)
        return requests._replace(degrees=parts, multiplicity=np.pad(requests.multiplicity, pad))
    if (requests.multiplicity[:, width:] > 0).any():
        raise UnableError(f"a request has more than {width} distinct degrees: this batch cannot hold it.")
    return requests._replace(degrees=requests.degrees[:, :width], multiplicity=requests.multiplicity[:, :width])
