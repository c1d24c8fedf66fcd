"""Networks that travel with popmath, and what they say of a request."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln

from popmath.dynamicformer.encoding import Requests, encode, fit_width, log_double_factorials, of_curves, without_degree
from popmath.dynamicformer.joint import JointNetwork, tensors_of
from popmath.dynamicformer.joint_task import split_of
from popmath.dynamicformer.network import IntersectionNetwork
from popmath.dynamicformer.prediction import published_values, values
from popmath.dynamicformer.published import PublishedNetwork
from popmath.dynamicformer.settings import TrainingSettings
from popmath.dynamicformer.targets import baseline
from popmath.dynamicformer.theories import PSI, THEORIES
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
        in_range: whether genus, number of points and level are within what the network was trained on, and it has a
            say. Beyond it, see the page on networks for what was measured.
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

    network: IntersectionNetwork | PublishedNetwork | JointNetwork
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
        """Whether degrees that could be removed exactly are shown to the network."""
        return self.settings.data.keep_ones or self.settings.preset == "published"

    @property
    def theories(self) -> tuple[str, ...]:
        """The theories it was trained on."""
        return self.settings.data.theories or (PSI,)

    @property
    def range(self) -> str:
        """What it was trained on, in words."""
        return "; ".join(self._range_of(name) for name in self.theories)

    def _limits(self, theory: str) -> tuple[int, int, int]:
        """Largest genus, number of points and level that it was trained on."""
        split, level = self.settings.split, self.settings.data.max_level
        if self.settings.data.theories:
            split, level = split_of(self.settings, theory), min(level, THEORIES[theory].max_level)
        return split.max_train_genus, split.max_train_points, level

    def _range_of(self, theory: str) -> str:
        genus, points, level = self._limits(theory)
        word = {None: "", 0: "zeros", 1: "ones"}[None if self.sees_ones else THEORIES[theory].removed]
        begin = f"{theory}: " if len(self.theories) > 1 else ""
        besides = f" besides {word}" if word else ""
        without = f" without {word}" if word else ""
        return f"{begin}genus 0 to {genus}, 1 to {points} points{besides}, 2g - 2 + n up to {level}{without}"

    def predict_log(
        self, genus: int | Sequence[int] | np.ndarray, degrees: Iterable[Any], theory: str = PSI
    ) -> NetworkPrediction:
        r"""Logarithms of psi-class numbers $\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$, or of those of another theory.

        Args:
            genus: one, with the degrees of one request; or one for each request.
            degrees: degrees in any order, or a sequence of such.
            theory: one of `theories`.

        Returns:
            The logarithms, and for each request whether it lies within the training range.

        Raises:
            TypeError, ValueError: for what is no request, with its row; for a theory it was not trained on.

        Example:
            >>> network = load_pretrained("psi-residual")
            >>> found = network.predict_log([2, 15], [(4,), (15, 15, 15)])
            >>> np.round(found.log_value[0], 2), found.in_range.tolist()
            (np.float64(-7.04), [True, False])
        """
        self.check_theory(theory)
        sums = of_curves if theory == PSI else THEORIES[theory].structure().sum_range
        if isinstance(genus, int | np.integer):
            return self._predict(encode(np.array([genus]), [degrees], sums), theory)
        return self._predict(encode(genus, degrees, sums), theory)

    def predict_requests(
        self, requests: Requests, theory: str = PSI, says: Callable[[Requests], np.ndarray] | None = None
    ) -> NetworkPrediction:
        """The same of requests that are encoded already.

        Args:
            requests: as `encode` makes them.
            theory: one of `theories`.
            says: takes the place of the network: a function of the requests as `shown` gives them.
        """
        self.check_theory(theory)
        self._check_sums(requests, theory)
        return self._predict(requests, theory, says)

    def shown(self, requests: Requests, theory: str = PSI) -> Requests:
        """The requests as the network sees them: what is removed exactly is not there."""
        return _filled(self._kept(requests, theory)[0])

    def _kept(self, requests: Requests, theory: str) -> tuple[Requests, np.ndarray]:
        removed = None if self.sees_ones else THEORIES[theory].removed
        return (requests, np.zeros(len(requests.genus))) if removed is None else without_degree(requests, removed)

    def _predict(
        self, requests: Requests, theory: str, says: Callable[[Requests], np.ndarray] | None = None
    ) -> NetworkPrediction:
        removed = None if self.sees_ones else THEORIES[theory].removed
        kept, log_factor = self._kept(requests, theory)
        wide = _filled(kept)
        known = baseline(kept, self.settings.target)
        said = self._says(wide, theory) if says is None else says(wide)
        scaled = known.log + known.unit * said.astype(np.float64)
        log_value = scaled - log_double_factorials(kept) + log_factor
        inside = self._inside(requests, kept, theory)
        inside &= known.unit > 0
        if removed is not None:  # genus 1 and nothing else: (n - 1)! times the number of one point
            of_one = math.log(THEORIES[theory].structure().D(removed))
            exact = (requests.times(removed) == requests.num_points) & (requests.genus == 1)
            log_value = np.where(exact, gammaln(requests.num_points) + of_one, log_value)
            inside |= exact
        else:  # genus 1 and nothing but ones was left out of the data
            inside &= (requests.num_ones < requests.num_points) | (THEORIES[theory].removed != 1)
        return NetworkPrediction(
            requests.genus, requests.num_points, log_value, inside, self.settings.name, self._range_of(theory)
        )

    def _says(self, requests: Requests, theory: str) -> np.ndarray:
        """What the network says of requests that it is shown as they are."""
        if isinstance(self.network, PublishedNetwork):
            return published_values(self.network, requests)
        if isinstance(self.network, JointNetwork):
            tensors = tensors_of((theory,), self.settings.data.show_tensors)
            return values(self.network.given(self.network.tensor(tensors)[0]), requests)
        return values(self.network, requests)

    def check_theory(self, theory: str) -> None:
        """Refuse a theory that it was not trained on.

        Raises:
            ValueError: for that.
        """
        if theory not in self.theories:
            raise ValueError(
                f"theory must be one that {self.settings.name!r} was trained on ({', '.join(self.theories)}); got "
                f"{theory!r}."
            )

    def _check_sums(self, requests: Requests, theory: str) -> None:
        sums = THEORIES[theory].structure().sum_range
        columns = [requests.genus, requests.num_points, requests.total_degree]
        for genus, points, degrees in np.unique(np.stack(columns, axis=1), axis=0):
            if degrees not in sums(int(genus), int(points)):
                raise ValueError(
                    f"genus {genus} with {points} points and degrees that sum to {degrees}: the number of {theory} is "
                    "exactly 0 and has no logarithm. Is it a request of another theory?"
                )

    def _inside(self, requests: Requests, kept: Requests, theory: str) -> np.ndarray:
        """Whether each request is within the training range, given what the network is shown of it."""
        genus, points, level = self._limits(theory)
        removed = THEORIES[theory].removed
        others = requests.num_points - (0 if removed is None else requests.times(removed))
        return (requests.genus <= genus) & (others <= points) & (kept.level <= level)


def _filled(requests: Requests) -> Requests:
    """With a number of tokens of which there are few."""
    return fit_width(requests, -(-requests.degrees.shape[1] // _TOKENS) * _TOKENS)


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
        name: one of `pretrained_names()`. `"psi-residual"` learned what the leading term of the closed form leaves of
            log F, `"psi-corrected"` what order 6 leaves, `"psi-raw"` log F itself, `"psi-multi"` four theories.

    Raises:
        ValueError: for another name.

    Example:
        >>> load_pretrained("psi-residual").range
        'genus 0 to 13, 1 to 24 points besides ones, 2g - 2 + n up to 35 without ones'
    """
    if name not in pretrained_names():
        raise ValueError(f"name must be one of {', '.join(pretrained_names())}; got {name!r}.")
    return TrainedNetwork.read(_WEIGHTS / f"{name}.safetensors")
