"""What is asked where numbers alone are looked at: a function that gives logarithms, and the check of what it gave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from popmath.dynamicformer.encoding import Requests

LogNumber = Callable[[Requests], np.ndarray]  # natural logarithms of the plain numbers


def check_logs(requests: Requests, log_value: np.ndarray) -> None:
    """Refuse what is not one finite logarithm for each request.

    Raises:
        ValueError: for that.
    """
    value = np.asarray(log_value)
    if value.shape != requests.genus.shape or not np.isfinite(value).all():
        raise ValueError(
            f"one finite logarithm for each of {len(requests.genus)} requests is needed; got shape {value.shape}, "
            f"{int(np.sum(~np.isfinite(value)))} of them not finite."
        )
