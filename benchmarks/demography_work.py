"""One piece of work for `demography.py`, in a process of its own: seconds, peak memory and the answers.

    python benchmarks/demography_work.py TOOL TASK SIZES... --data FILE --answers FILE

TASK is `eigen`, `stochastic`, `transient` or `indices`; `demography.py` writes the file of matrices that all tools
read. One JSON line is printed: seconds of the first call (after the imports; compilation included), the median of
further calls, the peak of resident memory, and the mean of every answer; the answers themselves go to a file. The
interpreter of matpopmod runs this file too, so that popmath is imported only where it is the tool.

`R_SCRIPT` does the same in R with popbio and popdemo. It was written from the sources of those packages, which no
machine of this project has had: it has run in R 4.2 on stand-ins of their functions, never on the packages themselves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np

PROBABILITIES = (0.3, 0.25, 0.2, 0.15, 0.1)  # of the five environments
CLASSES = 6
REPEATS, ENOUGH = 5, 60.0  # further calls, but no more of them once so many seconds are spent


def stage_matrices(count: int, seed: int = 20) -> np.ndarray:
    """Survival and fertility of random stage-structured populations, shape `(2, count, 6, 6)`.

    Individuals stay, grow by one stage or shrink by one; the last three stages reproduce. Every matrix is primitive:
    the stages form a cycle and those who stay make it aperiodic.
    """
    rng = np.random.default_rng(seed)
    survives = rng.uniform(0.5, 0.98, (count, CLASSES))
    grow, shrink = rng.uniform(0.2, 0.6, (count, CLASSES)), rng.uniform(0.0, 0.2, (count, CLASSES))
    grow[:, -1], shrink[:, 0] = 0, 0
    matrices = np.zeros((2, count, CLASSES, CLASSES))
    for i in range(CLASSES):
        matrices[0, :, i, i] = survives[:, i] * (1 - grow[:, i] - shrink[:, i])
        if i + 1 < CLASSES:
            matrices[0, :, i + 1, i] = survives[:, i] * grow[:, i]
        if i:
            matrices[0, :, i - 1, i] = survives[:, i] * shrink[:, i]
    matrices[1, :, 0, 3:] = rng.uniform(0.2, 5.0, (count, 3))
    return matrices


def dominant(matrices: np.ndarray) -> tuple[np.ndarray, ...]:
    """Eigenvalues, which is dominant, and its right and left vectors with product 1, by `eig` and `inv`."""
    values, vectors = np.linalg.eig(matrices)
    first = np.argmax(values.real, axis=-1)
    right = np.take_along_axis(vectors, first[:, None, None], axis=2)[:, :, 0].real
    left = np.take_along_axis(np.linalg.inv(vectors), first[:, None, None], axis=1)[:, 0].real
    total = right.sum(axis=-1, keepdims=True)
    return values, first, right / total, left * total


def asymptotic(matrices, values, first, right, left) -> dict:
    """All indices from eigenvalues and vectors (with product 1)."""
    rows = np.arange(len(matrices))
    growth = values[rows, first].real
    sizes = np.abs(values)
    sizes[rows, first] = 0
    sensitivity = left[:, :, None] * right[:, None, :]
    return {
        "growth_rate": growth,
        "stable_distribution": right,
        "reproductive_value": left / left[:, :1],
        "sensitivity": sensitivity,
        "elasticity": sensitivity * matrices / growth[:, None, None],
        "damping_ratio": growth / sizes.max(axis=-1),
    }


def start_of(matrices: np.ndarray) -> np.ndarray:
    """Where all replicates start: the stable distribution of the mean matrix."""
    mean = np.einsum("e,eij->ij", PROBABILITIES, matrices)
    return dominant(mean[None])[2][0]


class Popmath:
    """popmath's public functions."""

    packages = ("popmath", "jax", "numpy")

    def __init__(self):
        import popmath.populations as room

        self.room = room

    def eigen(self, matrices, count):
        return self.room.eigen_analysis(matrices[0] + matrices[1])._asdict()

    def stochastic(self, matrices, replicates, steps):
        environments = matrices[0] + matrices[1]
        settings = {"num_steps": steps, "num_replicates": replicates, "burn_in": 0, "initial": start_of(environments)}
        found = self.room.stochastic_growth_rate(environments, PROBABILITIES, **settings)
        return {"value": found.value, "standard_error": found.standard_error}

    def transient(self, matrices, count):
        return self.room.transient_bounds(matrices[0] + matrices[1])._asdict()

    def indices(self, matrices, count):
        survival, fertility = matrices[:, 0] if count == 1 else matrices
        found = self.room.demography(self.room.MatrixPopulation(survival, fertility))
        names = [name for name in vars(found) if name not in ("population", "notes")]
        return {name: getattr(found, name) for name in names}


class NumpyEig:
    """NumPy over the whole stack: `eig`, left vectors from the inverse of the matrix of right ones."""

    packages = ("numpy",)

    def eigen(self, matrices, count):
        full = matrices[0] + matrices[1]
        return asymptotic(full, *dominant(full))

    def transient(self, matrices, count):
        """Without Kreiss bounds and times: those take more than an array expression."""
        full = matrices[0] + matrices[1]
        values, first, right, left = dominant(full)
        scaled = full / values[np.arange(count), first].real[:, None, None]
        rest = scaled - right[:, :, None] * left[:, None, :]
        now = away = np.broadcast_to(np.eye(CLASSES), full.shape)
        top, low = np.maximum(left.max(axis=-1), 1), np.minimum(left.min(axis=-1), 1)
        for step in range(20_000):
            now, away = scaled @ now, rest @ away
            sums = now.sum(axis=1)
            if step == 0:
                once = sums
            np.maximum(top, sums.max(axis=-1), out=top)
            np.minimum(low, sums.min(axis=-1), out=low)
            if np.abs(away).max() < 1e-16:
                break
        return {
            "reactivity": once.max(axis=-1),
            "first_step_attenuation": once.min(axis=-1),
            "inertia_upper": left.max(axis=-1),
            "inertia_lower": left.min(axis=-1),
            "max_amplification": top,
            "max_attenuation": low,
        }


class NumpyInverse:
    """NumPy over the whole stack: `eigvals`, and both vectors by inverse iteration, all real (as popmath does)."""

    packages = ("numpy",)

    def eigen(self, matrices, count):
        full = matrices[0] + matrices[1]
        values = np.linalg.eigvals(full)
        first = np.argmax(values.real, axis=-1)
        near = values[np.arange(count), first].real * (1 + 1e-8)
        inverse = np.linalg.inv(near[:, None, None] * np.eye(CLASSES) - full)
        right, left = inverse.sum(axis=2), inverse.sum(axis=1)
        for _ in range(2):
            right, left = np.matvec(inverse, right), np.vecmat(left, inverse)
            right /= right.sum(axis=-1, keepdims=True)
            left /= left.sum(axis=-1, keepdims=True)
        left /= np.sum(left * right, axis=-1, keepdims=True)
        return asymptotic(full, values, first, right, left)


class NumpySimulation:
    """Stochastic growth in NumPy: all replicates at once, a column for each; buffers are reused.

    Every step draws a uniform number per replicate, projects by the matrix of its environment, and divides by the
    total, whose logarithm is summed; `every` = 10 divides every tenth step only, which is safe for matrices like these.
    """

    packages = ("numpy",)
    every = 1

    def stochastic(self, matrices, replicates, steps):
        environments = matrices[0] + matrices[1]
        rng, states = np.random.default_rng(1), np.tile(start_of(environments)[:, None], (1, replicates))
        self.prepare(environments, replicates)
        logs, uniform = np.zeros(replicates), np.empty(replicates)
        bounds = np.cumsum(PROBABILITIES)[:-1, None]
        for step in range(1, steps + 1):
            states, logs = self.project(rng.random(out=uniform), bounds, states, logs)
            if step % self.every == 0 or step == steps:
                total = states.sum(axis=0)
                states /= total
                logs += np.log(total, out=total)
        rates = logs / steps
        return {"value": rates.mean(), "standard_error": rates.std(ddof=1) / np.sqrt(replicates)}


class NumpyGather(NumpySimulation):
    """The matrix of every replicate copied out, one stacked product."""

    def prepare(self, environments, replicates):
        self.environments = environments

    def project(self, uniform, bounds, states, logs):
        chosen = self.environments[(uniform >= bounds).sum(axis=0)]
        return np.einsum("rij,jr->ir", chosen, states), logs


class NumpyMatmul(NumpyGather):
    """The same by `matmul`."""

    def project(self, uniform, bounds, states, logs):
        chosen = self.environments[(uniform >= bounds).sum(axis=0)]
        return (chosen @ states.T[:, :, None])[:, :, 0].T, logs


class NumpyGroup(NumpySimulation):
    """Replicates sorted by environment (which replicate is which does not matter), one product for each."""

    def prepare(self, environments, replicates):
        self.environments, self.after = environments, np.empty((CLASSES, replicates))

    def project(self, uniform, bounds, states, logs):
        which = (uniform >= bounds).sum(axis=0, dtype=np.int8)
        order = np.argsort(which, kind="stable")
        cuts = np.searchsorted(which[order], range(len(self.environments) + 1))
        states, after = states[:, order], self.after
        for matrix, begin, end in zip(self.environments, cuts[:-1], cuts[1:], strict=True):
            np.matmul(matrix, states[:, begin:end], out=after[:, begin:end])
        self.after = states
        return after, logs[order]


class NumpyMasked(NumpySimulation):
    """States repeated for each environment with zeros where it is not, one wide product with all matrices."""

    def prepare(self, environments, replicates):
        self.wide = np.ascontiguousarray(environments.transpose(1, 0, 2).reshape(CLASSES, -1))
        self.masked = np.empty((len(environments), CLASSES, replicates))

    def project(self, uniform, bounds, states, logs):
        above = np.concatenate([np.ones((1, uniform.size), bool), uniform >= bounds])
        above[:-1] &= ~above[1:]
        np.multiply(above[:, None, :], states, out=self.masked)
        return np.matmul(self.wide, self.masked.reshape(-1, uniform.size), out=states), logs


class NumpyGroupRare(NumpyGroup):
    """The same, rescaled every tenth step."""

    every = 10


class NumpyMaskedRare(NumpyMasked):
    """The same, rescaled every tenth step."""

    every = 10


class Matpopmod:
    """matpopmod: one object per matrix, its properties. It has no random environments and no transient bounds."""

    packages = ("matpopmod", "numpy")

    def __init__(self):
        from matpopmod.model import MPM

        self.model = MPM

    def eigen(self, matrices, count):
        found = []
        for matrix in matrices[0] + matrices[1]:
            m = self.model(A=matrix)
            found.append((m.lmbd, m.w, m.v, m.sensitivities, m.elasticities, m.damping_ratio))
        names = "growth_rate stable_distribution reproductive_value sensitivity elasticity damping_ratio".split()
        return dict(zip(names, zip(*found, strict=True), strict=True))

    def indices(self, matrices, count):
        """What it shares with `popmath.populations.demography`, eleven of its indices."""
        found = []
        for survival, fertility in zip(*matrices, strict=True):
            m = self.model(S=survival, F=fertility)
            first = (m.lmbd, m.w, m.v, m.sensitivities, m.elasticities, m.damping_ratio)
            found.append((*first, m.fundamental_matrix, m.R0, m.T_R0, m.T_a, m.remaining_life_expectancy))
        names = "growth_rate stable_distribution reproductive_value sensitivity elasticity damping_ratio".split()
        names += "fundamental_matrix net_reproductive_rate generation_time generation_time_parents".split()
        return dict(zip([*names, "life_expectancy"], zip(*found, strict=True), strict=True))


TOOLS = {
    "popmath": Popmath,
    "numpy-eig": NumpyEig,
    "numpy-inverse": NumpyInverse,
    "numpy-gather": NumpyGather,
    "numpy-matmul": NumpyMatmul,
    "numpy-group": NumpyGroup,
    "numpy-masked": NumpyMasked,
    "numpy-group-rare": NumpyGroupRare,
    "numpy-masked-rare": NumpyMaskedRare,
    "matpopmod": Matpopmod,
}

# Arguments: task, file of matrices (float64: survival, then fertility), file of answers, sizes.
R_SCRIPT = r"""
arguments <- commandArgs(trailingOnly = TRUE)
task <- arguments[1]
sizes <- as.integer(arguments[-(1:3)])
package <- if (task == "transient") "popdemo" else "popbio"
suppressMessages(library(package, character.only = TRUE))
peak <- function() {
  line <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line))
}
values <- readBin(arguments[2], "double", file.size(arguments[2]) / 8)
count <- length(values) / 72
stack <- aperm(array(values, c(6, 6, count, 2)), c(2, 1, 3, 4))   # the file is row by row
full <- lapply(seq_len(count), function(i) {
  A <- stack[, , i, 1] + stack[, , i, 2]
  dimnames(A) <- list(1:6, 1:6)
  A
})
probabilities <- c(PROBABILITIES)
rows <- function(found, name) unlist(lapply(found, function(one) if (is.matrix(one[[name]])) t(one[[name]])
                                                                 else one[[name]]), use.names = FALSE)
work <- list(
  eigen = function() lapply(full, eigen.analysis, zero = FALSE),
  stochastic = function() vapply(seq_len(sizes[1]), function(i) {
    stoch.growth.rate(full, prob = probabilities, maxt = sizes[2], verbose = FALSE)$sim
  }, 0),
  transient = function() lapply(full, function(A) list(
    reactivity = reac(A, bound = "upper"), first_step_attenuation = reac(A, bound = "lower"),
    inertia_upper = inertia(A, bound = "upper"), inertia_lower = inertia(A, bound = "lower"),
    max_amplification = maxamp(A), max_attenuation = maxatt(A),
    kreiss_upper = Kreiss(A, bound = "upper"), kreiss_lower = Kreiss(A, bound = "lower")))
)[[task]]
before <- peak()
seconds <- numeric(0)
while (length(seconds) < REPEATS + 1 && (length(seconds) < 2 || sum(seconds[-1]) < ENOUGH)) {
  begun <- proc.time()[["elapsed"]]
  found <- work()
  seconds <- c(seconds, proc.time()[["elapsed"]] - begun)
}
top <- peak()
if (task == "eigen") {
  names <- c(growth_rate = "lambda1", stable_distribution = "stable.stage", reproductive_value = "repro.value",
             sensitivity = "sensitivities", elasticity = "elasticities", damping_ratio = "damping.ratio")
  answers <- lapply(names, function(name) rows(found, name))
} else if (task == "stochastic") {
  # popbio starts from the stable distribution with length 1, not sum 1: its first total is too large by the sum
  average <- eigen(Reduce(`+`, Map(`*`, full, probabilities)))
  w <- abs(Re(average$vectors[, which.max(Re(average$values))]))
  rates <- found - log(sum(w)) / sizes[2]
  answers <- list(value = mean(rates), standard_error = sd(rates) / sqrt(length(rates)))
} else {
  answers <- lapply(setNames(nm = names(found[[1]])), function(name) rows(found, name))
}
writeBin(unlist(answers, use.names = FALSE), arguments[3])
pairs <- function(numbers, form) paste0("{", paste(sprintf(paste0('"%s": ', form), names(numbers), numbers),
                                                   collapse = ", "), "}")
cat(sprintf(paste0('{"cold": %.6f, "warm": %.6f, "repeats": %d, "seconds": [%s], ',
                   '"peak_kib": %.0f, "before_kib": %.0f, "lengths": %s, "means": %s, ',
                   '"versions": {"R": "%s", "%s": "%s"}}\n'),
            seconds[1], median(seconds[-1]), length(seconds) - 1L, paste(seconds, collapse = ", "), top, before,
            pairs(lengths(answers), "%d"), pairs(sapply(answers, mean), "%.17g"),
            as.character(getRversion()), package, as.character(packageVersion(package))))
"""


def r_script() -> str:
    """The script with the numbers of this file in it."""
    numbers = {"PROBABILITIES": ", ".join(map(str, PROBABILITIES)), "REPEATS": REPEATS, "ENOUGH": ENOUGH}
    script = R_SCRIPT
    for name, value in numbers.items():
        script = script.replace(name, str(value))
    return script


def peak_kib() -> int | None:
    """Peak of resident memory of this process alone (what `getrusage` says may be that of the parent); Linux only."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("task", choices=("eigen", "stochastic", "transient", "indices"))
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--answers", type=Path, required=True)
    settings = parser.parse_args()
    warnings.simplefilter("ignore")
    tool = TOOLS[settings.tool]()
    matrices = np.fromfile(settings.data).reshape(2, -1, CLASSES, CLASSES)
    work = getattr(tool, settings.task)
    before, seconds = peak_kib(), []
    while len(seconds) < REPEATS + 1 and (len(seconds) < 2 or sum(seconds[1:]) < ENOUGH):
        begun = time.perf_counter()
        found = work(matrices, *settings.sizes)
        seconds.append(time.perf_counter() - begun)
    peak = peak_kib()
    answers = {name: np.asarray(value, np.float64) for name, value in found.items()}
    if "reproductive_value" in answers:  # the length of the vector is each tool's own affair
        answers["reproductive_value"] = answers["reproductive_value"] / answers["reproductive_value"][..., :1]
    np.concatenate([value.ravel() for value in answers.values()]).tofile(settings.answers)
    record = {
        "cold": seconds[0],
        "warm": statistics.median(seconds[1:]),
        "repeats": len(seconds) - 1,
        "seconds": seconds,
        "peak_kib": peak,
        "before_kib": before,
        "lengths": {name: value.size for name, value in answers.items()},
        "means": {name: float(value.mean()) for name, value in answers.items()},
        "versions": {name: metadata.version(name) for name in tool.packages},
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
