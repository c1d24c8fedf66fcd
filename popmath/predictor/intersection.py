"""One predictor of psi-class numbers: exact where that is cheap, else the closest method, with its calibrated band."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popmath._errors import UnableError
from popmath.conformal import scores_needed
from popmath.dynamicformer.encoding import Requests, encode, without_degree
from popmath.intersections import log_correlator
from popmath.intersections.number_cost import single_cost
from popmath.predictor.bands import CLOSEST, Band, MethodBand
from popmath.predictor.methods import said_by
from popmath.predictor.prediction import LogPrediction
from popmath.predictor.storage import SHIPPED, read_bands

if TYPE_CHECKING:
    import pandas

EXACT_SECONDS = 0.5
COLUMNS = (
    "log_value", "log_lower", "log_upper", "value", "confidence_level", "method", "reason", "calibrated_from",
    "calibrated_to", "num_calibration", "warnings",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class IntersectionPredictor:
    r"""Psi-class numbers $\langle\tau_{d_1}\cdots\tau_{d_n}\rangle_g$ with error bands, calibrated on exact numbers.

    Exact numbers are given where they are predicted to be cheap. For the rest, the closed form of order 3 and 6 and the
    networks psi-residual and psi-corrected are each asked how large an error is to be expected, and the closest is
    given with its calibrated band (`MethodBand`). Degrees equal to 1 are removed first, exactly. Within the calibrated
    genera, coverage is that of conformal prediction by method and number of points, approximate in the window; beyond,
    no theorem holds, and the prediction says so. How often it holds is measured by `fits/psi_bands/coverage.py`.

    Attributes:
        bands: calibrated bands, of each method and of the closest; those that travel with popmath by default.
        exact_seconds: how much exact computation a call may cost, as predicted: requests are taken from the cheapest
            on until it is spent.

    Example:
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
            allow_exact: compute the exact number where that is cheap; where there is a closed formula (genus 0 and 1,
                one and two points besides ones) it is given in any case.
            method: `"closest"`, or the name of one of `bands`.

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
        scores_needed(confidence_level)
        if method not in self.bands:
            raise ValueError(f"method must be one of {', '.join(self.bands)}; got {method!r}.")
        requests = encode(genus, degrees)
        kept, log_factor = without_degree(requests, 1)
        exact = self._cheap(kept, self.exact_seconds if allow_exact else 0.0)
        rest = np.array([row for row in range(len(requests.genus)) if row not in exact], int)
        found: dict[int, LogPrediction] = {}
        for row, why in exact.items():
            found[row] = _exact(requests, row, confidence_level, why)
        if len(rest):
            some = kept.take(rest)
            chosen = self.bands[method]
            band = chosen.on(some, {name: said_by(name, some) for name in chosen.scales}, confidence_level)
            silent = np.flatnonzero(~np.isfinite(band.half))
            if len(silent):
                raise UnableError(_no_method(requests, kept, int(rest[silent[0]]), allow_exact))
            said = _of_bands(chosen, band, requests.take(rest), log_factor[rest], confidence_level)
            found |= dict(zip(rest.tolist(), said, strict=True))
        return [found[row] for row in range(len(requests.genus))]

    def predict_frame(
        self, requests: pandas.DataFrame, confidence_level: float = 0.9, allow_exact: bool = True
    ) -> pandas.DataFrame:
        """The same of a table with the columns `genus` and `degrees` (sequences, or text such as "1 20 24").

        Returns:
            The table with the columns log_value, log_lower, log_upper, value (text, also beyond the range of floats),
            method, reason, calibrated_from, calibrated_to (genera; missing if exact), num_calibration and warnings.

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
        genera = [_whole(row, each) for row, each in enumerate(requests["genus"].tolist())]
        lists = [_degrees(row, each) for row, each in enumerate(requests["degrees"].tolist())]
        found = [_row(each) for each in self.predict_many(genera, lists, confidence_level, allow_exact)]
        columns = pd.DataFrame(found, index=requests.index, columns=list(COLUMNS))
        genera_columns = ["calibrated_from", "calibrated_to"]
        columns[genera_columns] = columns[genera_columns].astype("Int64")
        return pd.concat([requests, columns], axis=1)

    def _cheap(self, kept: Requests, budget: float) -> dict[int, str]:
        """Rows that are answered exactly, and why: closed formulas, and what fits into the budget, cheapest first."""
        costs = [single_cost(int(kept.genus[row]), _tuple(kept, row)) for row in range(len(kept.genus))]
        found = {row: "exact: there is a closed formula" for row, cost in enumerate(costs) if cost.way == "closed_form"}
        for row in sorted((row for row in range(len(costs)) if row not in found), key=lambda row: costs[row].seconds):
            budget -= costs[row].seconds
            if budget < 0:
                break
            seconds = costs[row].seconds
            took = "less than 1 ms" if seconds < 1e-3 else f"about {seconds * 1e3:.0f} ms"
            found[row] = f"exact: predicted to take {took}"
        return found


def _of_bands(
    chosen: MethodBand, band: Band, requests: Requests, log_factor: np.ndarray, confidence_level: float
) -> list[LogPrediction]:
    """A prediction for each request, of which `log_factor` is what its ones multiply it by."""
    lowest, highest, most, names = chosen.min_genus, chosen.max_genus, chosen.max_points, list(chosen.scales)
    centre = band.expected.log_value + log_factor
    others = (requests.num_points - requests.times(1)).tolist()
    found = []
    for row, genus in enumerate(requests.genus.tolist()):
        notes = []
        if not lowest <= genus <= highest:
            widened = f" (band widened {band.growth[row]:.3g} times)" if band.growth[row] > 1 else ""
            notes.append(
                f"genus {genus} is outside the calibrated genera {lowest} to {highest}: coverage not "
                f"guaranteed{widened}"
            )
        if others[row] > most:
            notes.append(
                f"{others[row]} points besides ones are more than the calibrated {most}: coverage not guaranteed"
            )
        elif band.num_joined[row]:
            notes.append(
                f"too few calibration numbers with {others[row]} points besides ones: joined with those of up to "
                f"{band.num_joined[row]} points more or fewer"
            )
        found.append(
            LogPrediction(
                genus=genus,
                degrees=_tuple(requests, row),
                log_value=float(centre[row]),
                log_lower=float(centre[row] - band.half[row]),
                log_upper=float(centre[row] + band.half[row]),
                confidence_level=float(confidence_level),
                method=names[band.expected.which[row]],
                calibrated_genera=(lowest, highest),
                num_calibration=int(band.num_scores[row]),
                warnings=tuple(notes),
                reason=_why(names, band.expected.sizes[:, row].tolist()) if len(names) > 1 else "as asked for",
            )
        )
    return found


def _why(names: list[str], sizes: list[float]) -> str:
    """Why the method of the smallest size was taken."""
    (least, _), *more = sorted(zip(sizes, names, strict=True))
    ratios = [f"{size / least:.3g} times for {name}" for size, name in more if math.isfinite(size)]
    return f"smallest expected error; {', '.join(ratios)}" if ratios else "the only method with a say here"


def _row(prediction: LogPrediction) -> list[Any]:
    """The columns of a table; warnings as one text."""
    given = {name: getattr(prediction, name) for name in COLUMNS if hasattr(prediction, name)}
    low, high = prediction.calibrated_genera or (None, None)
    given |= {"calibrated_from": low, "calibrated_to": high, "warnings": "; ".join(prediction.warnings)}
    return [given[name] for name in COLUMNS]


def _exact(requests: Requests, row: int, confidence_level: float, why: str) -> LogPrediction:
    genus, degrees = int(requests.genus[row]), _tuple(requests, row)
    value, level = log_correlator(genus, degrees), float(confidence_level)
    return LogPrediction(genus, degrees, value, value, value, level, "exact", None, 0, (), why)


def _tuple(requests: Requests, row: int) -> tuple[int, ...]:
    return tuple(np.repeat(requests.degrees[row], requests.multiplicity[row]).tolist())


def _no_method(requests: Requests, kept: Requests, row: int, allow_exact: bool) -> str:
    genus, degrees = int(requests.genus[row]), _tuple(requests, row)
    cost = single_cost(genus, _tuple(kept, row))
    advice = (
        f"The exact number is predicted to take {cost.seconds:.2g} s: popmath.intersections.correlator, or a larger "
        "exact_seconds"
    )
    allowed = "" if allow_exact else ", or allow_exact=True"
    return (
        f"request {row}: no method has a calibrated band at genus {genus} with degrees {degrees}: the closed forms "
        f"have broken down, or there are more points than the networks saw. {advice}{allowed}."
    )


def _whole(row: int, genus: Any) -> int:
    if isinstance(genus, float | np.floating) and float(genus).is_integer():
        return int(genus)
    if isinstance(genus, str) and genus.strip().lstrip("+-").isdigit():
        return int(genus)
    if isinstance(genus, int | np.integer) and not isinstance(genus, bool):
        return int(genus)
    raise ValueError(f"row {row}: genus must be an integer; got {genus!r}.")


def _degrees(row: int, degrees: Any) -> tuple[int, ...]:
    if isinstance(degrees, str):
        try:
            return tuple(int(each) for each in degrees.replace(",", " ").split())
        except ValueError:
            raise ValueError(f"row {row}: degrees must be integers such as '1 20 24'; got {degrees!r}.") from None
    if isinstance(degrees, int | np.integer) and not isinstance(degrees, bool):
        return (int(degrees),)
    try:
        return tuple(degrees)
    except TypeError:
        raise ValueError(f"row {row}: degrees must be integers such as '1 20 24'; got {degrees!r}.") from None
