"""One ensemble for `ensembles.py`, in a process of its own: seconds, peak memory and the means.

    python benchmarks/ensembles_work.py TOOL TASK REPLICATES STEPS CLASSES

TASK is `fixed`, `environment`, `poisson`, `structured` or `birth-death`. Every tool gives mean, variance, extremes,
five quantiles and the share ever extinct, for every time and species. One JSON line is printed: seconds of each call
after the imports (the first includes all compilation), peak resident memory before and after, and the means at the last
time with their standard errors. The interpreter of gillespy2 and numba runs this file too: popmath is imported only
where it is the tool.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

GROWTH, COMPETITION = np.array([2.0, 1.8]), np.array([[0.01, 0.003], [0.002, 0.01]])
START, SD = 20.0, 0.2
LEVELS = (0.025, 0.25, 0.5, 0.75, 0.975)
BIRTH, DEATH, CROWDING, TAU = 1.0, 0.5, 0.005, 0.05  # of the birth-death process, per unit of time
REPEATS, ENOUGH = 3, 60.0


def leslie_rows(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Fertility and survival by class of both species: 3 and 2.7 offspring in a life, for any number of classes."""
    survival = np.full(classes - 1, 0.5 ** (1 / (classes - 1)))  # half of them reach the last class
    fertility = np.linspace(0.0, 1.0, classes)
    fertility *= 3.0 / (fertility @ np.cumprod(np.append(1.0, survival)))
    return np.stack([fertility, 0.9 * fertility]), np.stack([survival, survival])


class Popmath:
    """`simulate` with small models; `keep` is the rest of the tool's name."""

    def __init__(self, keep: str):
        import ensembles_models

        self.models, self.keep = ensembles_models, keep

    def run(self, task, replicates, steps, classes, seed):
        from popmath.populations.simulation import simulate

        model, start = self.models.model_for(task, classes)
        key = None if task == "fixed" else self.models.key(seed)
        if task == "fixed":
            start = starts(replicates)
        found = simulate(model, start, steps, key=key, num_replicates=replicates, keep=self.keep).statistics
        return found.mean[-1], found.standard_error[-1]


def starts(replicates: int) -> np.ndarray:
    """Where the replicates without noise start, the same for every tool."""
    return np.random.default_rng(1).uniform(1, 100, (replicates, 2))


def step_function(task: str, classes: int, replicates: int):
    """The first states, and a step of all replicates at once in NumPy; states have the replicates on the last axis."""
    if task == "structured":
        fertility, survival = leslie_rows(classes)

        def step(now, rng):
            total = now.sum(axis=1)
            crowded = 1 + 0.1 * (COMPETITION @ total)
            good = np.exp(SD * rng.standard_normal((2, now.shape[-1])))
            born = np.einsum("sc,scr->sr", fertility, now) * good / crowded
            return np.concatenate([born[:, None], survival[:, :, None] * now[:, :-1]], axis=1)

        return np.full((2, classes, replicates), START), step
    if task == "birth-death":

        def step(now, rng):
            births = rng.poisson(BIRTH * TAU * now)
            return np.maximum(now + births - rng.poisson((DEATH + CROWDING * now) * TAU * now), 0)

        return np.full((1, replicates), START), step

    def step(now, rng):
        mean = GROWTH[:, None] * now / (1 + COMPETITION @ now)
        if task == "environment":
            return mean * np.exp(SD * rng.standard_normal(mean.shape))
        return rng.poisson(mean).astype(float) if task == "poisson" else mean

    first = starts(replicates).T.copy() if task == "fixed" else np.full((2, replicates), START)
    return first, step


def totals(now: np.ndarray) -> np.ndarray:
    """Abundance of each species."""
    return now.sum(axis=1) if now.ndim == 3 else now


class Numpy:
    """Vectorised over replicates: all abundances kept, statistics step by step, or kept by two threads."""

    def __init__(self, how: str):
        self.how = how

    def run(self, task, replicates, steps, classes, seed):
        first, step = step_function(task, classes, replicates)
        rng = np.random.default_rng(seed)
        if self.how == "stepwise":
            return self.stepwise(first, step, steps, rng)
        kept = np.empty((steps + 1, *totals(first).shape))
        if self.how == "kept":
            simulate_part(first, step, rng, kept)
        else:
            halves = [slice(0, replicates // 2), slice(replicates // 2, replicates)]
            with ThreadPoolExecutor(2) as pool:
                jobs = zip(halves, rng.spawn(2), strict=True)
                list(pool.map(lambda job: simulate_part(first[..., job[0]], step, job[1], kept[..., job[0]]), jobs))
        return statistics_of(kept)

    def stepwise(self, now, step, steps, rng):
        gone = np.zeros(totals(now).shape, bool)
        for t in range(steps + 1):
            seen = totals(now)
            gone |= seen <= 0
            found = seen.mean(axis=-1), seen.var(axis=-1, ddof=1), seen.min(axis=-1), seen.max(axis=-1)
            found += (np.quantile(seen, LEVELS, axis=-1), gone.mean(axis=-1))
            if t < steps:
                now = step(now, rng)
        return found[0], np.sqrt(found[1] / seen.shape[-1])


def simulate_part(now: np.ndarray, step, rng: np.random.Generator, kept: np.ndarray) -> None:
    kept[0] = totals(now)
    for t in range(1, len(kept)):
        now = step(now, rng)
        kept[t] = totals(now)


def statistics_of(kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All statistics of abundances with the replicates on the last axis; the last mean and its standard error."""
    mean, variance = kept.mean(axis=-1), kept.var(axis=-1, ddof=1)
    found = mean, variance, kept.min(axis=-1), kept.max(axis=-1), np.quantile(kept, LEVELS, axis=-1)
    found += (np.logical_or.accumulate(kept <= 0, axis=0).mean(axis=-1),)
    return found[0][-1], np.sqrt(found[1][-1] / kept.shape[-1])


class Numba:
    """Loops over replicates compiled by numba on all cores, then statistics in NumPy."""

    def __init__(self, how: str):
        import numba

        @numba.njit(parallel=True)
        def birth_death(kept, seed):
            parts = 64
            for part in numba.prange(parts):
                np.random.seed(seed * parts + part)
                for r in range(part * kept.shape[2] // parts, (part + 1) * kept.shape[2] // parts):
                    now = START
                    kept[0, 0, r] = now
                    for t in range(1, kept.shape[0]):
                        births = np.random.poisson(BIRTH * TAU * now)
                        now = max(now + births - np.random.poisson((DEATH + CROWDING * now) * TAU * now), 0.0)
                        kept[t, 0, r] = now

        @numba.njit(parallel=True)
        def leslie_gower(kept, seed, noise):
            parts = 64
            for part in numba.prange(parts):
                np.random.seed(seed * parts + part)
                for r in range(part * kept.shape[2] // parts, (part + 1) * kept.shape[2] // parts):
                    a = b = START
                    kept[0, 0, r], kept[0, 1, r] = a, b
                    for t in range(1, kept.shape[0]):
                        x = GROWTH[0] * a / (1 + COMPETITION[0, 0] * a + COMPETITION[0, 1] * b)
                        y = GROWTH[1] * b / (1 + COMPETITION[1, 0] * a + COMPETITION[1, 1] * b)
                        if noise:
                            a, b = float(np.random.poisson(x)), float(np.random.poisson(y))
                        else:
                            a, b = x * np.exp(SD * np.random.normal()), y * np.exp(SD * np.random.normal())
                        kept[t, 0, r], kept[t, 1, r] = a, b

        self.birth_death, self.leslie_gower = birth_death, leslie_gower

    def run(self, task, replicates, steps, classes, seed):
        kept = np.empty((steps + 1, 1 if task == "birth-death" else 2, replicates))
        if task == "birth-death":
            self.birth_death(kept, seed)
        else:
            self.leslie_gower(kept, seed, task == "poisson")
        return statistics_of(kept)


class Gillespy2:
    """gillespy2's tau-leaping, in C++ (`c`) or NumPy (`numpy`): steps of its own choice, results at the same times."""

    def __init__(self, how: str):
        import gillespy2

        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)  # it starts SCons by itself
        self.how, self.library, self.solver = how, gillespy2, None

    def run(self, task, replicates, steps, classes, seed):
        if self.solver is None:  # compiles, in the first call
            model = self.model(steps)
            solver = self.library.TauLeapingCSolver if self.how == "c" else self.library.TauLeapingSolver
            self.solver = solver(model=model)
        found = self.solver.run(number_of_trajectories=replicates, seed=seed + 1)
        return statistics_of(np.stack([one["N"] for one in found], axis=-1)[:, None].astype(float))

    def model(self, steps):
        g = self.library
        model = g.Model(name="birth_death")
        animals = g.Species(name="N", initial_value=int(START), mode="discrete")
        rates = [g.Parameter(name=n, expression=v) for n, v in (("b", BIRTH), ("d", DEATH), ("c", CROWDING))]
        model.add_species([animals])
        model.add_parameter(rates)
        model.add_reaction(g.Reaction(name="birth", reactants={animals: 1}, products={animals: 2}, rate=rates[0]))
        model.add_reaction(
            g.Reaction(name="death", reactants={animals: 1}, products={}, propensity_function="d*N + c*N*N")
        )
        model.timespan(g.TimeSpan.linspace(t=steps * TAU, num_points=steps + 1))
        return model


FAMILIES = {"popmath": Popmath, "numpy": Numpy, "numba": Numba, "gillespy2": Gillespy2}


def peak_kib() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", help="popmath-summary, popmath-abundances, numpy-kept, ...")
    parser.add_argument("task")
    parser.add_argument("sizes", type=int, nargs=3, metavar=("REPLICATES", "STEPS", "CLASSES"))
    parser.add_argument("--once", action="store_true", help="one call only")
    settings = parser.parse_args()
    family, _, how = settings.tool.partition("-")
    tool = FAMILIES[family](how)
    before, seconds = peak_kib(), []
    for repeat in range(1 if settings.once else 1 + REPEATS):
        started = time.perf_counter()
        mean, error = tool.run(settings.task, *settings.sizes, seed=repeat)
        seconds.append(time.perf_counter() - started)
        if not repeat:
            first = {"mean": np.asarray(mean).tolist(), "error": np.asarray(error).tolist()}
        if repeat and sum(seconds) > ENOUGH:
            break
    print(json.dumps({"seconds": seconds, "before_kib": before, "peak_kib": peak_kib(), **first}))


if __name__ == "__main__":
    main()
