"""Throughput of the networks, in one run: training beside the published design, prediction beside the closed form.

python benchmarks/networks.py            # 2 minutes on 2 cores
python benchmarks/networks.py --seconds 5
"""

from __future__ import annotations

import argparse
import time

import jax
import numpy as np

from popmath.dynamicformer import TrainingSettings, exact_samples, load_pretrained
from popmath.dynamicformer.optimising import State, adam, compiled_update
from popmath.dynamicformer.sharing import on_all_devices
from popmath.dynamicformer.tasks import new_network, task_of
from popmath.intersections import asymptotic, correlator

PUBLISHED = {"preset": "published", "target": "raw", "batch_size": 64, "learning_rate": 5e-4, "weight_decay": 1e-5}


def samples_per_second(settings: TrainingSettings, samples, seconds: float) -> float:
    """Of training steps, batches included, once everything they need has been compiled."""
    task, optimiser = task_of(settings, samples), adam(settings)
    network = new_network(settings, jax.random.key(0))
    state = State.first(network, optimiser)
    update = compiled_update(settings, task.loss, optimiser)
    done, begun, step = 0, time.perf_counter(), 0
    seen: set[tuple[int, ...]] = set()
    while time.perf_counter() - begun < seconds or done == 0:
        batch = task.draw(step)
        shapes = tuple(size for leaf in jax.tree.leaves(batch) for size in leaf.shape)
        if shapes not in seen:  # compile outside of the measurement
            paused = time.perf_counter()
            jax.block_until_ready(update(state, on_all_devices(batch), np.int32(step))[1])
            seen.add(shapes)
            begun += time.perf_counter() - paused
            paused = time.perf_counter()
        state, loss = update(state, on_all_devices(batch), np.int32(step))
        jax.block_until_ready(loss)
        done, step = done + settings.batch_size, step + 1
    return done / (time.perf_counter() - begun)


def prediction_times(count: int) -> dict[str, float]:
    """Seconds for each thousand requests, genus 14 to 17 with up to 9 points."""
    rng = np.random.default_rng(0)
    requests = []
    for _ in range(count):
        genus, points = int(rng.integers(14, 18)), int(rng.integers(1, 10))
        cuts = np.sort(rng.integers(0, 3 * genus - 3 + points + 1, points - 1))
        degrees = np.diff(np.concatenate([[0], cuts, [3 * genus - 3 + points]]))
        requests.append((genus, tuple(int(d) for d in degrees)))
    network = load_pretrained("psi-residual")
    network.predict_log(*zip(*requests, strict=True))
    out = {}
    begun = time.perf_counter()
    network.predict_log(*zip(*requests, strict=True))
    out["network"] = time.perf_counter() - begun
    few = requests[: count // 50]
    for name, function in (("closed form, order 3", lambda g, d: asymptotic(g, d, 3)), ("exact", correlator)):
        begun = time.perf_counter()
        for genus, degrees in few:
            function(genus, degrees)
        out[name] = (time.perf_counter() - begun) * count / len(few)
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of training, each")
    parser.add_argument("--predictions", type=int, default=100_000)
    arguments = parser.parse_args()
    samples = exact_samples(35, range(14))
    shipped = load_pretrained("psi-residual").settings
    ours = samples_per_second(shipped, samples, arguments.seconds)
    published = samples_per_second(TrainingSettings.of(PUBLISHED), samples, arguments.seconds)
    print(f"training, {jax.devices()[0].device_kind}: ours {ours:,.0f} samples/s, published {published:,.0f} samples/s")
    print(f"  ratio {ours / published:.0f}")
    times = prediction_times(arguments.predictions)
    for name, seconds in times.items():
        ratio = seconds / times["network"]
        print(f"{arguments.predictions:,} predictions, {name:22} {seconds:8.2f} s   ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
