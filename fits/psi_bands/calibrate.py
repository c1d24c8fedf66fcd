"""Calibrate the bands that travel with popmath, on exact numbers of genus 1 to 13 that no network was trained on.

    python fits/psi_bands/calibrate.py   # half a minute; after every change of the weights

Writes popmath/predictor/bands.safetensors.
"""

from __future__ import annotations

import argparse
import time

from popmath._provenance import provenance
from popmath.dynamicformer.samples import exact_samples
from popmath.predictor.calibration import MAX_LEVEL, calibrated_bands, part_of
from popmath.predictor.storage import SHIPPED, write_bands


def main() -> None:
    """Calibrate, write, say what was written."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    begun = time.perf_counter()
    samples = exact_samples(MAX_LEVEL, range(14))
    bands = calibrated_bands(samples)
    about = {
        "command": "python fits/psi_bands/calibrate.py",
        "versions": provenance(),
        "data": samples.digest(),
        "num_scale": len(part_of(samples, "scale").log_scaled),
        "num_calibration": {name: len(each.band.scores) for name, each in bands.items()},
    }
    write_bands(SHIPPED, bands, about)
    for name, each in bands.items():
        print(f"{name}: {len(each.band.scores):,} calibration numbers, genus up to {each.max_genus}")
    print(f"wrote {SHIPPED.name}, {SHIPPED.stat().st_size / 1024:.0f} KiB, in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
