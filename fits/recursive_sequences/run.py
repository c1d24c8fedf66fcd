"""Train small networks of every activation to continue four recursive sequences, beside straight lines.

python fits/recursive_sequences/run.py            # 10 minutes on 2 cores; writes result.json and figure.png
python fits/recursive_sequences/run.py --quick    # does it all run?
"""

from __future__ import annotations

import argparse
import time
import tomllib
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

from popmath._provenance import provenance, write_json
from popmath.dynamicformer.evaluation import r_squared
from popmath.dynamicformer.layers import Perceptron
from popmath.dynamicformer.sequences import SEQUENCES, straight_line

FOLDER = Path(__file__).parent


def continued(name: str, activation: str, config: dict[str, Any]) -> np.ndarray:
    """What networks of all seeds say of n = 0 ... `test_to`, each at the step that validation liked best."""
    values = SEQUENCES[name](config["test_to"] + 1)
    n = np.arange(len(values))
    inside = n <= config["train_to"]
    held = inside & (n % config["validate_each"] == config["validate_each"] - 1)
    kept = inside & ~held
    centre, scale = values[kept].mean(), values[kept].std()
    x = jnp.asarray((n / config["train_to"] * 2 - 1)[:, None], jnp.float32)
    y = jnp.asarray((values - centre) / scale, jnp.float32)
    sizes = (1, *[config["hidden"]] * config["layers"], 1)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(optax.cosine_decay_schedule(config["learning_rate"], config["num_steps"])),
    )

    def error(network: Perceptron, rows: np.ndarray) -> jax.Array:
        return jnp.mean((network(x[rows])[:, 0] - y[rows]) ** 2)

    def one_seed(seed: jax.Array) -> jax.Array:
        network = Perceptron.random(sizes, activation, jax.random.key(seed))
        dynamic, static = eqx.partition(network, eqx.is_array)

        def step(carry, _):
            now, best, least, memory = carry
            gradient = jax.grad(lambda d: error(eqx.combine(d, static), np.flatnonzero(kept)))(now)
            change, memory = optimiser.update(gradient, memory)
            now = eqx.apply_updates(now, change)
            score = error(eqx.combine(now, static), np.flatnonzero(held))
            better = score < least
            best = jax.tree.map(lambda a, b: jnp.where(better, a, b), now, best)
            return (now, best, jnp.minimum(score, least), memory), None

        begin = (dynamic, dynamic, jnp.inf, optimiser.init(dynamic))
        (_, best, _, _), _ = jax.lax.scan(step, begin, None, length=config["num_steps"])
        return eqx.combine(best, static)(x)[:, 0]

    found = jax.jit(jax.vmap(one_seed))(jnp.asarray(config["seeds"]))
    return np.asarray(found, float) * scale + centre


def row_of(predicted: np.ndarray, values: np.ndarray, config: dict[str, Any]) -> dict[str, Any]:
    """R2 on the training range and beyond, of each seed."""
    cut = config["train_to"] + 1
    inside = [r_squared(p[:cut], values[:cut]) for p in predicted]
    beyond = [r_squared(p[cut:], values[cut:]) for p in predicted]
    return {"inside": inside, "beyond": beyond, "beyond_median": float(np.median(beyond))}


def lines(values: np.ndarray, config: dict[str, Any]) -> dict[str, Any]:
    """The line fitted to the training range, and the best one there is for the test range."""
    n, cut = np.arange(len(values)), config["train_to"] + 1
    fitted = straight_line(n[:cut], values[:cut], n)
    best = straight_line(n[cut:], values[cut:], n)
    rows = {"straight line": row_of(fitted[None], values, config), "last value": None}
    rows["last value"] = row_of(np.full((1, len(values)), values[cut - 1]), values, config)
    return rows | {"best line on the test range": row_of(best[None], values, config)}


def draw(found: dict[str, dict[str, np.ndarray]], config: dict[str, Any], path: Path) -> None:
    """Each sequence with what DRA, ReLU and Snake say of it."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 6), layout="constrained")
    for axis, (name, predictions) in zip(axes.flat, found.items(), strict=False):
        values = SEQUENCES[name](config["test_to"] + 1)
        n = np.arange(len(values))
        axis.plot(n, values, "k.", markersize=3, label="sequence")
        for activation in ("dra", "snake", "relu"):
            if activation in predictions:
                axis.plot(n, predictions[activation][0], linewidth=1, label=activation)
        axis.axvline(config["train_to"], color="0.7", linewidth=0.8)
        low, high = values.min(), values.max()
        axis.set(title=name.replace("_", " "), xlabel="n", ylim=(low - 0.3 * (high - low), high + 0.3 * (high - low)))
    axes.flat[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50 steps, nothing is kept")
    quick = parser.parse_args().quick
    config = tomllib.loads((FOLDER / "config.toml").read_text(encoding="utf-8"))
    config["num_steps"] = 50 if quick else config["num_steps"]
    begun, record, found = time.perf_counter(), {}, {}
    for name in config["sequences"]:
        values = SEQUENCES[name](config["test_to"] + 1)
        predictions = {a: continued(name, a, config) for a in config["activations"]}
        record[name] = lines(values, config) | {a: row_of(p, values, config) for a, p in predictions.items()}
        found[name] = predictions
        for label, row in record[name].items():
            inside = " ".join(f"{v:9.3f}" for v in row["inside"])
            print(
                f"{name:15} {label:28} inside {inside:30} beyond {' '.join(f'{v:9.3f}' for v in row['beyond'])}",
                flush=True,
            )
    if not quick:
        result = {"command": "python fits/recursive_sequences/run.py", "settings": config, "r_squared": record}
        result |= {"versions": provenance(), "seconds": round(time.perf_counter() - begun)}
        write_json(FOLDER / "result.json", result)
        draw(found, config, FOLDER / "figure.png")


if __name__ == "__main__":
    main()
