"""Intersection numbers predicted by the closed large-genus form, with a conformal band calibrated on exact numbers."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Iterable

import numpy as np

from popmath._errors import UnableError
from popmath.conformal import SplitBand, calibrate_split, scores_needed
from popmath.intersections import (
    Asymptotic,
    asymptotic,
    count_degree_tuples,
    degree_tuples,
    log_correlator,
)
from popmath.predictor.prediction import LogPrediction


@dataclasses.dataclass(frozen=True)
class AsymptoticPredictor:
    r"""The closed form of `popmath.intersections.asymptotic` with a band; made by `calibrate`.

    The conformity score is the error of the logarithm divided by its expected size, the first omitted term as
    extrapolated from the last ones (`expected_error`). That ratio hardly depends on the genus, which is why a band
    calibrated at genera where exact numbers are cheap nearly holds above them. There the band is widened by the drift
    seen inside the calibration, from its lower to its upper half of genera; no theorem says that this is enough, and
    the prediction carries a warning. Numbers with the same number of points form a group.

    Attributes:
        order: corrections used.
        genera: lowest and highest genus of the calibration numbers.
        max_points: highest number of points calibrated.
        band: the calibrated band.
        drift: for each group, the factor by which its band is widened outside the calibrated genera, at least 1.
        group_of: the group of each number of points.
        calibration: the numbers it was calibrated on, as (genus, degrees).
    """

    order: int
    genera: tuple[int, int]
    max_points: int
    band: SplitBand
    drift: dict[str, float]
    group_of: dict[int, str]
    calibration: frozenset[tuple[int, tuple[int, ...]]]

    @classmethod
    def calibrate(
        cls,
        *,
        order: int = 6,
        genera: Iterable[int] = range(8, 14),
        max_points: int = 9,
        confidence_level: float = 0.9,
        per_type: int = 40,
        seed: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> AsymptoticPredictor:
        """Calibrate on exact numbers drawn at random.

        Args:
            order: corrections of the closed form, 0 to 8.
            genera: genera to draw from, each at least 1.
            max_points: numbers with 1 to `max_points` points are drawn.
            confidence_level: of the band, between 0 and 1.
            per_type: numbers drawn from each type (genus, points), all of them where there are fewer.
            seed: of the drawing.
            progress: called with a line per genus.

        Raises:
            ValueError: if there are too few numbers for the level.

        Example:
            >>> predictor = AsymptoticPredictor.calibrate(max_points=3)
            >>> prediction = predictor.predict(genus=15, degrees=(1, 20, 24))
            >>> prediction.covers(log_correlator(15, (1, 20, 24)))
            True
        """
        levels, rng = sorted(set(genera)), random.Random(seed)
        if not levels or max_points < 1 or per_type < 1:
            raise ValueError("genera must not be empty, and max_points and per_type must be at least 1.")
        numbers, errors, scales = [], [], []
        for genus in levels:
            if progress is not None:
                progress(f"exact numbers of genus {genus}")
            for n in range(1, max_points + 1):
                for degrees in draw_degrees(genus, n, per_type, rng):
                    try:
                        approximate = asymptotic(genus, degrees, order)
                    except UnableError:  # many zeros at small genus: the predictor refuses those as well
                        continue
                    if order and not approximate.corrections:  # one point, ones not counted: exact already
                        continue
                    numbers.append((genus, degrees))
                    errors.append(log_correlator(genus, degrees) - approximate.log_value)
                    scales.append(expected_error(approximate))
        needed = scores_needed(confidence_level)
        group_of = _join_small_groups([len(degrees) for _, degrees in numbers], max_points, needed)
        groups = np.array([group_of[len(degrees)] for _, degrees in numbers])
        errors, scales = np.array(errors), np.array(scales)

        def calibrated(rows: np.ndarray) -> SplitBand:
            return calibrate_split(
                np.zeros(rows.sum()),
                errors[rows],
                scale=scales[rows],
                groups=groups[rows].tolist(),
                confidence_level=confidence_level,
            )

        upper = np.array([genus for genus, _ in numbers]) >= levels[len(levels) // 2]
        drift = dict.fromkeys(group_of.values(), 1.0)
        for group in drift:
            halves = [(groups == group) & half for half in (~upper, upper)]
            if min(half.sum() for half in halves) >= needed:
                below, above = (calibrated(half).quantiles[group] for half in halves)
                drift[group] = max(1.0, above / below)
        band = calibrated(np.ones(len(numbers), bool))
        return cls(order, (levels[0], levels[-1]), max_points, band, drift, group_of, frozenset(numbers))

    def predict(self, genus: int, degrees: Iterable[int]) -> LogPrediction:
        """The closed form with its band.

        Raises:
            TypeError, ValueError, UnableError: whatever `popmath.intersections.asymptotic` raises.
        """
        approximate = asymptotic(genus, degrees, self.order)
        n = len(approximate.degrees)
        group = self.group_of[min(n, self.max_points)]
        warnings, scale = [], expected_error(approximate)
        low, high = self.genera
        if not low <= approximate.genus <= high:
            drift = self.drift[group]
            scale *= drift
            widened = f" (band widened {drift:.3g} times)" if drift > 1.0 else ""
            warnings.append(
                f"genus {approximate.genus} is outside the calibrated genera {low} to {high}: coverage not "
                f"guaranteed{widened}"
            )
        lower, upper = self.band.predict_interval(np.zeros(1), scale=scale, groups=[group])
        if n > self.max_points:
            warnings.append(f"{n} points are more than the calibrated {self.max_points}: coverage not guaranteed")
        return LogPrediction(
            genus=approximate.genus,
            degrees=approximate.degrees,
            log_value=approximate.log_value,
            log_lower=approximate.log_value + float(lower[0]),
            log_upper=approximate.log_value + float(upper[0]),
            confidence_level=self.band.confidence_level,
            method=f"large-genus closed form, order {self.order}",
            calibrated_genera=self.genera,
            num_calibration=self.band.num_scores_by_group[group],
            warnings=tuple(warnings),
        )


def expected_error(approximate: Asymptotic) -> float:
    r"""Size to expect of the error of the logarithm: the omitted term, from the last terms and their known growth.

    The coefficients grow like $\alpha_{k+1} \approx -\tfrac32 (k+1) \alpha_k$, so each correction $c_k$ suggests
    $|c_k| \prod_{j=k+1}^{K} \frac{j}{x-j+1} \cdot \frac{K+1}{x+1}$ for the term after the last; the suggestions of the
    last three are added up, as one of them may vanish by accident.
    """
    rounding = 4e-15 * max(1.0, abs(approximate.log_value))
    order, terms = approximate.order, (1.0, *approximate.corrections)
    if len(terms) <= order:  # one point, ones not counted: exact but for rounding
        return rounding
    x = 2 * approximate.genus - 3 + max(1, len(approximate.degrees) - approximate.degrees.count(1))
    total = 0.0
    for k in range(max(0, order - 2), order + 1):
        total += abs(terms[k]) * math.prod(j / (x - j + 1) for j in range(k + 1, order + 1))
    return total * (order + 1) / (x + 1) + rounding


def draw_degrees(genus: int, num_points: int, count: int, rng: random.Random) -> list[tuple[int, ...]]:
    """Up to `count` different degree tuples of one type, each equally likely."""
    total = 3 * genus - 3 + num_points
    size = count_degree_tuples(total, num_points)
    if size <= count:
        return list(degree_tuples(total, num_points))
    wanted = set(rng.sample(range(size), count))
    return [d for i, d in enumerate(degree_tuples(total, num_points)) if i in wanted]


def _join_small_groups(points: list[int], max_points: int, needed: int) -> dict[int, str]:
    """A group for every number of points; neighbours are joined from below until each group has enough numbers."""
    groups: list[list[int]] = []
    pending: list[int] = []
    for n in range(1, max_points + 1):
        pending.append(n)
        if sum(points.count(m) for m in pending) >= needed:
            groups.append(pending)
            pending = []
    if pending:
        if not groups:
            raise ValueError(
                f"{len(points)} calibration numbers are too few: this confidence level needs {needed}. Take more "
                f"genera, more per type, or a lower level."
            )
        groups[-1] += pending
    names = {tuple(g): f"n = {g[0]}" if len(g) == 1 else f"n = {g[0]}..{g[-1]}" for g in groups}
    return {n: name for g, name in names.items() for n in g}
