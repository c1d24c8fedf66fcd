"""Predictions with bands per second, in one run: IntersectionPredictor beside the closed form with its band.

python benchmarks/predictions.py              # half a minute
python benchmarks/predictions.py --count 2000
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from popmath import AsymptoticPredictor, IntersectionPredictor

ONE_BY_ONE = 500  # requests that the closed form is asked for


def requests_of(count: int) -> tuple[list[int], list[list[int]]]:
    """Genus 8 to 25, 3 to 9 points, drawn at random."""
    rng, genera, lists = random.Random(0), [], []
    for _ in range(count):
        genus, points = rng.randint(8, 25), rng.randint(3, 9)
        total = 3 * genus - 3 + points
        cuts = sorted(rng.randint(0, total) for _ in range(points - 1))
        genera.append(genus)
        lists.append([b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)])
    return genera, lists


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    genera, lists = requests_of(count)
    predictor = IntersectionPredictor()
    first = seconds(lambda: predictor.predict_many(genera, lists, allow_exact=False))
    estimates = min(seconds(lambda: predictor.predict_many(genera, lists, allow_exact=False)) for _ in range(3))
    whole = min(seconds(lambda: predictor.predict_many(genera, lists)) for _ in range(3))
    closed = AsymptoticPredictor.calibrate()
    alone = seconds(lambda: [closed.predict(g, d) for g, d in zip(genera[:ONE_BY_ONE], lists, strict=False)])
    ratio = alone / min(count, ONE_BY_ONE) / (estimates / count)
    print(f"{count:,} predictions with bands: {estimates:.2f} s; first call, compiling: {first:.2f} s")
    print(f"with exact numbers up to {predictor.exact_seconds} s of predicted cost: {whole:.2f} s")
    print(f"closed form one by one: {alone / min(count, ONE_BY_ONE) * count:.2f} s for as many; ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
