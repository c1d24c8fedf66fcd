"""Recursive sequences that a network of one number can be asked to continue."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def bitwise_sequence(count: int) -> np.ndarray:
    """r(0) = 0, r(n) = n + (n AND r(n - 1)): the toy task of the authors of the Dynamic Range Activator.

    Example:
        >>> bitwise_sequence(8).astype(int).tolist()
        [0, 1, 2, 5, 8, 5, 10, 9]
    """
    found = [0]
    for n in range(1, count):
        found.append(n + (n & found[-1]))
    return np.array(found[:count], float)


def hofstadter_q(count: int) -> np.ndarray:
    """Hofstadter's Q(n) = Q(n - Q(n - 1)) + Q(n - Q(n - 2)), Q(1) = Q(2) = 1, with Q(0) = 0 before it (OEIS A005185).

    Example:
        >>> hofstadter_q(11).astype(int).tolist()
        [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 6]
    """
    found = [0, 1, 1]
    for n in range(3, count):
        found.append(found[n - found[n - 1]] + found[n - found[n - 2]])
    return np.array(found[:count], float)


def stern_diatomic(count: int) -> np.ndarray:
    """Stern's s(2n) = s(n), s(2n + 1) = s(n) + s(n + 1) (OEIS A002487).

    Example:
        >>> stern_diatomic(10).astype(int).tolist()
        [0, 1, 1, 2, 1, 3, 2, 3, 1, 4]
    """
    found = [0, 1]
    for n in range(2, count):
        half = n // 2
        found.append(found[half] + (found[half + 1] if n % 2 else 0))
    return np.array(found[:count], float)


def log_catalan(count: int) -> np.ndarray:
    """Logarithms of the Catalan numbers, C(n + 1) = sum of C(i) C(n - i), by that convolution (OEIS A000108).

    Example:
        >>> np.exp(log_catalan(6)).round().astype(int).tolist()
        [1, 1, 2, 5, 14, 42]
    """
    found = [1]
    for n in range(count - 1):
        found.append(sum(found[i] * found[n - i] for i in range(n + 1)))
    return np.array([math.log(number) for number in found[:count]])


SEQUENCES: dict[str, Callable[[int], np.ndarray]] = {
    "bitwise": bitwise_sequence,
    "hofstadter_q": hofstadter_q,
    "stern_diatomic": stern_diatomic,
    "log_catalan": log_catalan,
}


def straight_line(n: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The line of least squares through (n, value), at other places."""
    slope, intercept = np.polyfit(n, value, 1)
    return slope * at + intercept
