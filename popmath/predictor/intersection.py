"""One predictor of psi-class numbers: exact where that is cheap, else the closest method, with its calibrated band."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popmath._errors import UnableError
from popmath.conformal import scores_needed
from popmath.dynamicformer.encoding import Requests, encode, without_degree
from popmath.intersections.number_cost import single_cost
from popmath.predictor.answers import degrees_of, exact, no_method, of_bands
from popmath.predictor.bands import CLOSEST, MethodBand
from popmath.predictor.methods import CLOSED_FORMS, said_by
from popmath.predictor.prediction import LogPrediction
from popmath.predictor.reading import read_degrees, whole_number
from popmath.predictor.storage import SHIPPED, read_bands

if TYPE_CHECKING:
    import pandas

EXACT_SECONDS = 0.5
_FORMULA_SECONDS = 0.01
COLUMNS = (
    "log_value", "log_lower", "log_upper", "value", "confidence_level", "method", "reason", "calibrated_from",
    "calibrated_to", "num_calibration", "warnings",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class IntersectionPredictor:
    r"""Psi-class numbers $\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$ with error bands, calibrated on exact numbers.

    Exact numbers are given where they are predicted to be cheap. For the rest, the closest method that has a say is
    given with its calibrated band (`MethodBand`): psi-corrected, which corrects the closed form of order 6 and is
    silent where that has broken down, then psi-residual, then the closed form of order 6 or 3. Degrees equal to 1 are
    removed first, exactly. Where it was calibrated, coverage is that of conformal prediction by method and number of
    points, approximate in the window; beyond, no theorem holds, and the prediction says so. How often it holds is
    measured by `fits/psi_bands/coverage.py`.

    Attributes:
        bands: calibrated bands, of each method and of the closest; those that travel with popmath by default.
        exact_seconds: how much exact computation a call may cost, as predicted: requests are taken from the cheapest
            on until it is spent.

    Example:
        >>> from popmath.intersections import log_correlator
        >>> predictor = IntersectionPredictor()
        >>> prediction = predictor.predict(genus=15, degrees=(1, 8, 18, 19), allow_exact=False)
        >>> prediction.method, prediction.covers(log_correlator(15, (1, 8, 18, 19)))
        ('psi-corrected', True)
        >>> predictor.predict(genus=2, degrees=(2, 3)).method
        'exact'
    """

    bands: Mapping[str, MethodBand] = dataclasses.field(default_factory=lambda: read_bands()[0])
    exact_seconds: float = EXACT_SECONDS

    def __post_init__(self) -> None:
        """Check that there is something to predict with."""
        if not self.bands:
            raise ValueError("bands is empty: a predictor needs at least one calibrated method.")
        if not self.exact_seconds >= 0:
            raise ValueError(f"exact_seconds must be at least 0; got {self.exact_seconds}.")

    @classmethod
    def read(cls, path: str | Path = SHIPPED, exact_seconds: float = EXACT_SECONDS) -> IntersectionPredictor:
        """With bands from a file of `write_bands`.

        Raises:
            DataError: if it is none, or was calibrated for other weights.
        """
        return cls(read_bands(path)[0], exact_seconds)

    def predict(
        self,
        genus: int,
        degrees: Iterable[int],
        confidence_level: float = 0.9,
        allow_exact: bool = True,
        method: str = CLOSEST,
    ) -> LogPrediction:
        """One number with its band.

        Args:
            genus: $g$, at least 0.
            degrees: in any order, of sum $3g - 3 + n$.
            confidence_level: of the band, between 0 and 1.
            allow_exact: compute the exact number where that is cheap. Without it, exact numbers are given only where
                there is a closed formula (genus 0 and 1, one and two points besides ones).
            method: `"closest"`, or the name of another of `bands`, which is then asked whatever the exact number costs.

        Raises:
            TypeError, ValueError: for what is no request, a wrong sum of degrees (the number is 0), a level out of
                range or too high for the calibration numbers there are, or an unknown method.
            UnableError: if no method has a say.
        """
        return self.predict_many([genus], [degrees], confidence_level, allow_exact, method)[0]

    def predict_many(
        self,
        genus: Sequence[int] | np.ndarray,
        degrees: Iterable[Iterable[int]],
        confidence_level: float = 0.9,
        allow_exact: bool = True,
        method: str = CLOSEST,
    ) -> list[LogPrediction]:
        """Many at once; arguments and errors as of `predict`, errors with the row.

        Example:
            >>> [each.method for each in IntersectionPredictor().predict_many([2, 30], [(4,), (20, 30, 40)])]
            ['exact', 'exact']
        """
        self._check(confidence_level, method)
        requests = encode(genus, degrees)
        found, silent = self._predicted(requests, confidence_level, allow_exact, method)
        if silent:
            raise UnableError(no_method(requests, silent[0], method))
        return [found[row] for row in range(len(requests.genus))]

    def predict_frame(
        self,
        requests: pandas.DataFrame,
        confidence_level: float = 0.9,
        allow_exact: bool = True,
        method: str = CLOSEST,
    ) -> pandas.DataFrame:
        """The same of a table with the columns `genus` and `degrees` (sequences, or text such as "1 20 24").

        Returns:
            The table with the columns log_value, log_lower, log_upper, value (text, also beyond the range of floats),
            method, reason, calibrated_from, calibrated_to (genera; missing if exact), num_calibration and warnings.
            A row for which no method has a say has the method "none", no numbers, and a warning.

        Raises:
            ValueError: for a column that is missing or already there, or degrees that cannot be read, with the row.

        Example:
            >>> import pandas as pd
            >>> table = pd.DataFrame({"genus": [2, 1], "degrees": ["2 3", "1"]})
            >>> IntersectionPredictor().predict_frame(table)["value"].tolist()
            ['5.0347222e-03', '4.1666667e-02']
        """
        import pandas as pd

        missing = {"genus", "degrees"} - set(requests.columns)
        if missing:
            raise ValueError(
                f"the table needs the columns genus and degrees; {sorted(missing)[0]!r} is not among "
                f"{', '.join(map(str, requests.columns))}."
            )
        there = [name for name in COLUMNS if name in requests.columns]
        if there:
            raise ValueError(f"the table already has the columns {', '.join(there)}: they would be written twice.")
        twice = [name for name in ("genus", "degrees") if list(requests.columns).count(name) > 1]
        if twice:
            raise ValueError(f"the table has more than one column {twice[0]!r}.")
        self._check(confidence_level, method)
        genera = [whole_number(f"row {row}: genus", each) for row, each in enumerate(requests["genus"].tolist())]
        lists = [read_degrees(row, each) for row, each in enumerate(requests["degrees"].tolist())]
        encoded = encode(genera, lists)
        found, silent = self._predicted(encoded, confidence_level, allow_exact, method)
        written = [
            _row(found[row]) if row in found else _empty(no_method(encoded, row, method), confidence_level)
            for row in range(len(genera))
        ]
        columns = pd.DataFrame(written, index=requests.index, columns=list(COLUMNS))
        floats, whole = ["log_value", "log_lower", "log_upper"], ["calibrated_from", "calibrated_to", "num_calibration"]
        columns[floats], columns[whole] = columns[floats].astype(float), columns[whole].astype("Int64")
        return pd.concat([requests, columns], axis=1)

    def _check(self, confidence_level: float, method: str) -> None:
        scores_needed(confidence_level)
        if method not in self.bands:
            raise ValueError(f"method must be one of this predictor's bands: {', '.join(self.bands)}; got {method!r}.")

    def _predicted(
        self, requests: Requests, confidence_level: float, allow_exact: bool, method: str
    ) -> tuple[dict[int, LogPrediction], list[int]]:
        """Predictions by row, and the rows for which no method has a say."""
        kept, log_factor = without_degree(requests, 1)
        found: dict[int, LogPrediction] = {}
        if method == CLOSEST:
            for row, why in self._cheap(kept, self.exact_seconds if allow_exact else 0.0).items():
                found[row] = exact(requests, kept, log_factor, row, confidence_level, why)
        fallbacks = [name for name in reversed(CLOSED_FORMS) if name in self.bands] if method == CLOSEST else []
        for name in [method, *fallbacks]:
            rest = np.array([row for row in range(len(requests.genus)) if row not in found], int)
            if not len(rest):
                break
            some, chosen = kept.take(rest), self.bands[name]
            band = chosen.on(some, {each: said_by(each, some) for each in chosen.scales}, confidence_level)
            said = np.flatnonzero(np.isfinite(band.half))
            why = None if name == CLOSEST else "as asked for" if name == method else "no closer method has a say here"
            found |= dict(
                zip(
                    rest[said].tolist(),
                    of_bands(chosen, band, said, requests.take(rest), log_factor[rest], confidence_level, why),
                    strict=True,
                )
            )
        return found, [row for row in range(len(requests.genus)) if row not in found]

    def _cheap(self, kept: Requests, budget: float) -> dict[int, str]:
        """Rows that are answered exactly, and why: closed formulas, and what fits into the budget, cheapest first."""
        costs = [single_cost(int(kept.genus[row]), degrees_of(kept, row)) for row in range(len(kept.genus))]
        found = {
            row: "exact: there is a closed formula"
            for row, cost in enumerate(costs)
            if cost.way == "closed_form" and cost.seconds < _FORMULA_SECONDS
        }
        for row in sorted((row for row in range(len(costs)) if row not in found), key=lambda row: costs[row].seconds):
            budget -= costs[row].seconds
            if budget < 0:
                break
            seconds = costs[row].seconds
            took = "less than 1 ms" if seconds < 1e-3 else f"about {seconds * 1e3:.0f} ms"
            found[row] = f"exact: predicted to take {took}"
        return found


def _row(prediction: LogPrediction) -> list[Any]:
    """The columns of a table; warnings as one text."""
    given = {name: getattr(prediction, name) for name in COLUMNS if hasattr(prediction, name)}
    low, high = prediction.calibrated_genera or (None, None)
    given |= {"calibrated_from": low, "calibrated_to": high, "warnings": "; ".join(prediction.warnings)}
    return [given[name] for name in COLUMNS]


def _empty(why: str, confidence_level: float) -> list[Any]:
    given = {"value": "", "confidence_level": confidence_level, "method": "none", "reason": "", "warnings": why}
    return [given.get(name) for name in COLUMNS]
