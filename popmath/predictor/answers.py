"""Bands put into predictions: what each says, why, and what is not guaranteed."""

from __future__ import annotations

import math

import numpy as np

from popmath.dynamicformer.encoding import Requests
from popmath.intersections import log_correlator
from popmath.predictor.bands import CLOSEST, Band, MethodBand
from popmath.predictor.prediction import LogPrediction

MEASURED_POINTS = 9  # up to which the coverage report finds bands to hold beyond the calibrated genera


def of_bands(
    chosen: MethodBand,
    band: Band,
    rows: np.ndarray,
    requests: Requests,
    log_factor: np.ndarray,
    confidence_level: float,
    reason: str | None,
) -> list[LogPrediction]:
    """A prediction for each of the rows, of which `log_factor` is what its ones multiply it by."""
    names, centre = list(chosen.scales), band.expected.log_value + log_factor
    others, found = (requests.num_points - requests.times(1)).tolist(), []
    for row in rows.tolist():
        which, why = int(band.expected.which[row]), reason
        if why is None:
            why = _why(names, band.expected.sizes[:, row].tolist(), which)
        found.append(
            LogPrediction(
                genus=int(requests.genus[row]),
                degrees=degrees_of(requests, row),
                log_value=float(centre[row]),
                log_lower=float(centre[row] - band.half[row]),
                log_upper=float(centre[row] + band.half[row]),
                confidence_level=float(confidence_level),
                method=names[which],
                calibrated_genera=(int(band.genera[row, 0]), int(band.genera[row, 1])),
                num_calibration=int(band.num_scores[row]),
                warnings=tuple(_notes(chosen, band, row, int(requests.genus[row]), others[row])),
                reason=why,
            )
        )
    return found


def _notes(chosen: MethodBand, band: Band, row: int, genus: int, others: int) -> list[str]:
    """What is not guaranteed of one request."""
    (low, high), notes = band.genera[row].tolist(), []
    if not low <= genus <= high:
        widened = f" (band widened {band.growth[row]:.3g} times)" if band.growth[row] > 1 else ""
        notes.append(
            f"genus {genus} is outside the genera {low} to {high} calibrated for {others} points besides ones: "
            f"coverage not guaranteed{widened}"
        )
        if others > MEASURED_POINTS:
            notes.append(
                f"beyond the calibrated genera coverage was found to hold up to {MEASURED_POINTS} points; with more, "
                "and most of all with many zeros, bands miss far more often"
            )
    if others > chosen.max_points:
        notes.append(
            f"{others} points besides ones are more than the calibrated {chosen.max_points}: coverage not guaranteed"
        )
    elif band.num_joined[row]:
        notes.append(
            f"too few calibration numbers with {others} points besides ones: joined with those of up to "
            f"{band.num_joined[row]} points more or fewer"
        )
    return notes


def _why(names: list[str], sizes: list[float], which: int) -> str:
    """Why this method was taken, and how its expected error compares."""
    more = sorted((size, name) for place, (size, name) in enumerate(zip(sizes, names, strict=True)) if place != which)
    ratios = [f"{size / sizes[which]:.3g} times for {name}" for size, name in more if math.isfinite(size)]
    if not ratios:
        return "the only one with a say here"
    return f"the closest with a say here; expected error {', '.join(ratios)}"


def exact(
    requests: Requests, kept: Requests, log_factor: np.ndarray, row: int, confidence_level: float, why: str
) -> LogPrediction:
    """The exact number as a prediction; its ones, which are not in `kept`, by their factor."""
    genus, degrees = int(requests.genus[row]), degrees_of(requests, row)
    value = log_correlator(genus, degrees_of(kept, row)) + float(log_factor[row])
    level = float(confidence_level)
    return LogPrediction(genus, degrees, value, value, value, level, "exact", None, 0, (), why)


def degrees_of(requests: Requests, row: int) -> tuple[int, ...]:
    """All degrees of a request, ascending."""
    return tuple(np.repeat(requests.degrees[row], requests.multiplicity[row]).tolist())


def no_method(requests: Requests, row: int, method: str) -> str:
    """What to say where no method has a say."""
    genus, degrees = int(requests.genus[row]), degrees_of(requests, row)
    others = int(requests.num_points[row] - requests.times(1)[row])
    what = "no method has" if method == CLOSEST else f"{method} does not have"
    return (
        f"request {row}: {what} a calibrated band at genus {genus} with {others} points besides ones and "
        f"{degrees.count(0)} zeros: the closed forms have broken down there, or networks saw fewer points. Exact "
        "numbers take longer than was allowed: raise exact_seconds, or ask popmath.intersections.correlator."
    )
