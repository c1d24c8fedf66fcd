"""What a predictor says of one number."""

from __future__ import annotations

import dataclasses
import math

from popmath._text import Summary
from popmath.intersections import decimal_from_log


@dataclasses.dataclass(frozen=True)
class LogPrediction:
    """A predicted psi-class number, by its natural logarithm.

    Attributes:
        genus: genus.
        degrees: degrees, ascending.
        log_value: logarithm of the prediction.
        log_lower: lower end of the band.
        log_upper: upper end of the band.
        confidence_level: nominal coverage.
        method: how it was computed; `"exact"` for what needs no band.
        calibrated_genera: lowest and highest genus of the calibration numbers of its group; None if exact.
        num_calibration: calibration numbers that the band rests on; 0 if exact.
        warnings: what is not guaranteed; empty for a number that calibration numbers are like.
        reason: why this method, where there was a choice.
    """

    genus: int
    degrees: tuple[int, ...]
    log_value: float
    log_lower: float
    log_upper: float
    confidence_level: float
    method: str
    calibrated_genera: tuple[int, int] | None
    num_calibration: int
    warnings: tuple[str, ...]
    reason: str = ""

    @property
    def value(self) -> str:
        """The prediction in decimal notation."""
        return decimal_from_log(self.log_value)

    def covers(self, log_value: float) -> bool:
        """Whether the band holds this logarithm."""
        return self.log_lower <= log_value <= self.log_upper

    def summary(self) -> Summary:
        """Number, band and what the band rests on."""
        lines = [f"<{' '.join(f'tau_{d}' for d in self.degrees)}>_{self.genus} = {self.value}   ({self.method})"]
        if self.calibrated_genera is None:
            return Summary("\n".join([*lines, f"  {self.reason}; log value {self.log_value:.12g}"]))
        relative = math.expm1(0.5 * (self.log_upper - self.log_lower))
        low, high = self.calibrated_genera
        lines += [
            f"  {100 * self.confidence_level:g}% band: within a relative {relative:.2g}; log value "
            f"{self.log_value:.12g}, from {self.log_lower:.12g} to {self.log_upper:.12g}",
            f"  calibrated on {self.num_calibration} exact numbers of its group, which has genus {low} to {high}",
            *([f"  {self.reason}"] if self.reason else []),
        ]
        return Summary("\n".join([*lines, *(f"  * {w}" for w in self.warnings)]))
