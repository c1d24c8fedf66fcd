"""Networks that travel with popmath, and what they say of a request."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests, encode, fit_width, log_double_factorials, without_ones
from popmath.dynamicformer.network import IntersectionNetwork
from popmath.dynamicformer.prediction import published_values, values
from popmath.dynamicformer.published import PublishedNetwork
from popmath.dynamicformer.settings import TrainingSettings
from popmath.dynamicformer.targets import baseline
from popmath.dynamicformer.training import load_network

if TYPE_CHECKING:
    import pandas

_WEIGHTS = Path(__file__).parent / "weights"
_TOKENS = 4  # widths are filled up to multiples of this, so that few are compiled


@dataclasses.dataclass(frozen=True)
class NetworkPrediction:
    """What a network says of some requests.

    Attributes:
        genus: shape `(requests,)`.
        num_points: same shape.
        log_value: natural logarithm of the plain number, same shape. An estimate without a band.
        in_range: whether genus, number of points and level are within what the network was trained on. Beyond it, see
            the page on networks for what was measured.
        name: of the network.
        range: that range in words.
    """

    genus: np.ndarray
    num_points: np.ndarray
    log_value: np.ndarray
    in_range: np.ndarray
    name: str
    range: str

    def __len__(self) -> int:
        """How many requests."""
        return len(self.log_value)

    def summary(self) -> str:
        """A few lines."""
        outside = int(np.sum(~self.in_range))
        note = f"; {outside} of them outside of it" if outside else ""
        lines = [f"{self.name}: {len(self)} requests, trained on {self.range}{note}"]
        for row in range(min(len(self), 5)):
            flag = "" if self.in_range[row] else "   outside of the training range"
            lines.append(f"genus {self.genus[row]}, {self.num_points[row]} points: {self.log_value[row]:.6f}{flag}")
        return "\n".join(lines + ([f"... and {len(self) - 5} more"] if len(self) > 5 else []))

    def to_dataframe(self) -> pandas.DataFrame:
        """One row for each request."""
        import pandas as pd

        columns = ("genus", "num_points", "log_value", "in_range")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A trained network with what it was trained on.

    Attributes:
        network: the network.
        settings: of its training.
        record: steps, validation error, data hash.
    """

    network: IntersectionNetwork | PublishedNetwork
    settings: TrainingSettings
    record: dict[str, Any]

    @classmethod
    def read(cls, path: str | Path) -> TrainedNetwork:
        """From `weights.safetensors` of a training run.

        Raises:
            DataError: if it is not there, corrupt, or not one of these.
        """
        return cls(*load_network(path))

    @property
    def sees_ones(self) -> bool:
        """Whether degrees 1 are shown to the network; otherwise they are removed exactly."""
        return self.settings.data.keep_ones or self.settings.preset == "published"

    @property
    def range(self) -> str:
        """What it was trained on, in words."""
        split = self.settings.split
        return (
            f"genus 0 to {split.max_train_genus}, 1 to {split.max_train_points} points besides ones, "
            f"2g - 2 + n up to {self.settings.data.max_level}{'' if self.sees_ones else ' without ones'}"
        )

    def predict_log(self, genus: int | Sequence[int] | np.ndarray, degrees: Iterable[Any]) -> NetworkPrediction:
        r"""Logarithms of psi-class numbers $\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$.

        Args:
            genus: one, with the degrees of one request; or one for each request.
            degrees: degrees in any order, or a sequence of such.

        Returns:
            The logarithms, and for each request whether it lies within the training range.

        Raises:
            TypeError, ValueError: for what is no request, with its row.

        Example:
            >>> network = load_pretrained("psi-residual")
            >>> found = network.predict_log([2, 15], [(4,), (15, 15, 15)])
            >>> np.round(found.log_value[0], 2), found.in_range.tolist()
            (np.float64(-7.05), [True, False])
        """
        if isinstance(genus, int | np.integer):
            return self.predict_requests(encode(np.array([genus]), [degrees]))
        return self.predict_requests(encode(genus, degrees))

    def predict_requests(self, requests: Requests) -> NetworkPrediction:
        """The same of requests that are encoded already."""
        kept, log_factor = (requests, 0.0) if self.sees_ones else without_ones(requests)
        wide = fit_width(kept, -(-kept.degrees.shape[1] // _TOKENS) * _TOKENS)
        if isinstance(self.network, PublishedNetwork):
            says = published_values(self.network, kept)
        else:
            says = values(self.network, wide)
        known = baseline(kept, self.settings.target)
        scaled = known.log + known.unit * says.astype(np.float64)
        log_value = scaled - log_double_factorials(kept) + log_factor
        only_ones = requests.num_ones == requests.num_points
        if not self.sees_ones:  # genus 1 and nothing but ones: (n - 1)! / 24
            log_value = np.where(only_ones, gammaln(requests.num_points) - math.log(24.0), log_value)
        inside = self._inside(requests, kept) & (~only_ones | (not self.sees_ones))
        name = self.settings.name
        return NetworkPrediction(requests.genus, requests.num_points, log_value, inside, name, self.range)

    def _inside(self, requests: Requests, kept: Requests) -> np.ndarray:
        """Whether each request is within the training range, given what the network is shown of it."""
        split = self.settings.split
        others = requests.num_points - requests.num_ones
        inside = (requests.genus <= split.max_train_genus) & (others <= split.max_train_points)
        return inside & (kept.level <= self.settings.data.max_level)


def pretrained_names() -> list[str]:
    """Names of the networks that travel with popmath.

    Example:
        >>> "psi-residual" in pretrained_names()
        True
    """
    return sorted(path.stem for path in _WEIGHTS.glob("*.safetensors"))


def load_pretrained(name: str) -> TrainedNetwork:
    """A network that travels with popmath; its card is in the documentation.

    Args:
        name: one of `pretrained_names()`; `"psi-residual"` learned what the leading term leaves of log F.

    Raises:
        ValueError: for another name.

    Example:
        >>> load_pretrained("psi-residual").range
        'genus 0 to 13, 1 to 24 points besides ones, 2g - 2 + n up to 35 without ones'
    """
    if name not in pretrained_names():
        raise ValueError(f"name must be one of {', '.join(pretrained_names())}; got {name!r}.")
    return TrainedNetwork.read(_WEIGHTS / f"{name}.safetensors")
