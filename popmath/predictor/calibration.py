"""Calibrating every method on exact numbers that the networks have not seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from popmath.dynamicformer.encoding import log_double_factorials
from popmath.dynamicformer.samples import Samples
from popmath.dynamicformer.splits import Split, family_numbers
from popmath.predictor.bands import CLOSEST, SHARE, SMALLEST, MethodBand, calibrate_band, learned_scale
from popmath.predictor.methods import METHODS, NETWORKS, PREFERRED

MAX_LEVEL = 35
Part = Literal["scale", "calibration", "coverage"]
_CALIBRATED = 0.8  # of the test part
_SEED = 1


def part_of(samples: Samples, part: Part) -> Samples:
    """A part of the families of genus 1 to 13 that no network was trained on.

    Args:
        samples: `exact_samples(MAX_LEVEL, range(14))`.
        part: `"scale"`, the validation part of `Split`, from which scales are learned; `"calibration"` and
            `"coverage"`, four fifths and one fifth of its test part at random, by which bands are calibrated and
            tested.

    Raises:
        ValueError: for another part.
    """
    if part not in ("scale", "calibration", "coverage"):
        raise ValueError(f"part must be 'scale', 'calibration' or 'coverage'; got {part!r}.")
    rows = Split().rows(samples.requests, "validation" if part == "scale" else "test")
    rows = rows[samples.requests.genus[rows] > 0]
    if part != "scale":
        calibrates = family_numbers(samples.requests.take(rows), _SEED) / 2.0**64 < _CALIBRATED
        rows = rows[calibrates == (part == "calibration")]
    return samples.take(rows)


def plain_logs(samples: Samples) -> np.ndarray:
    """Logarithms of the plain numbers."""
    return samples.log_scaled - log_double_factorials(samples.requests)


def calibrated_bands(
    samples: Samples, methods: Iterable[str] = METHODS, smallest: int = SMALLEST, share: float = SHARE
) -> dict[str, MethodBand]:
    """Bands of each method, and of the closest of them, calibrated on the parts of these samples.

    The closest is psi-corrected where it has a say, then psi-residual; then the closed forms, if those are not among
    the methods. Choosing number by number by the expected error was tried: it picks out numbers of which a form's terms
    happen to be small, which are no closer for that.
    """
    learned, held = (part_of(samples, part) for part in ("scale", "calibration"))
    scales = {method: learned_scale(method, learned.requests, plain_logs(learned)) for method in methods}
    preferred = [method for method in PREFERRED if method in scales]
    considered = [method for method in preferred if method in NETWORKS] or preferred
    groups = {CLOSEST: {method: scales[method] for method in considered}}
    groups |= {method: {method: scale} for method, scale in scales.items()}
    return {
        name: calibrate_band(group, held.requests, plain_logs(held), smallest, share) for name, group in groups.items()
    }
