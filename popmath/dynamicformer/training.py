"""Training: checkpointed, resumed exactly, selected on validation data only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from popmath._errors import ConvergenceError, DataError
from popmath.dynamicformer.checkpoint import read_checkpoint, read_record, write_checkpoint
from popmath.dynamicformer.joint import JointNetwork
from popmath.dynamicformer.network import IntersectionNetwork
from popmath.dynamicformer.optimising import State, adam, compiled_update, finite, schedule
from popmath.dynamicformer.published import PublishedNetwork
from popmath.dynamicformer.samples import Samples
from popmath.dynamicformer.settings import TrainingSettings
from popmath.dynamicformer.sharing import on_all_devices, replicated
from popmath.dynamicformer.tasks import data_of, new_network, task_of
from popmath.dynamicformer.theories import TheorySamples

STATE, METRICS, WEIGHTS = "state.safetensors", "metrics.jsonl", "weights.safetensors"


class Report(NamedTuple):
    """What is said at each validation.

    Attributes:
        step: steps done.
        num_steps: of how many.
        loss: mean of the training loss since the last report.
        validation: mean absolute error of the averaged network on validation data, weighed by type.
        best: the least so far.
        learning_rate: at this step.
        samples_per_second: since the last report.
        seconds_left: at this speed.
    """

    step: int
    num_steps: int
    loss: float
    validation: float
    best: float
    learning_rate: float
    samples_per_second: float
    seconds_left: float


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
        network: the averaged network of the best validation.
        settings: of the run.
        record: what `weights.safetensors` says: steps, validation, data hash.
    """

    network: IntersectionNetwork | PublishedNetwork | JointNetwork
    settings: TrainingSettings
    record: dict[str, Any]


def train(
    settings: TrainingSettings,
    folder: str | Path,
    progress: Callable[[Report], None] | None = None,
    samples: Samples | TheorySamples | None = None,
    max_seconds: float | None = None,
    start: str | Path | None = None,
) -> TrainingResult | None:
    """Train a network, or go on with what was begun in `folder`; a finished run is read back.

    Batches depend on seed and step alone, so that a run that was killed and goes on gives the same losses and the same
    weights as one that was not. Everything is written whole: `state.safetensors` (at the latest every
    `checkpoint_seconds`), `metrics.jsonl` (one line per validation), and at the end `weights.safetensors`.

    Args:
        settings: of the run.
        folder: made if it is not there; several processes must see the same one.
        progress: called at each validation.
        samples: the data, if they are there already; otherwise the exact engine makes them.
        max_seconds: stop at the first validation after this time, with a checkpoint, and return None; call again to go
            on. With one process only.
        start: weights of another run to begin with, of a network of the same shape; what they were is recorded.

    Raises:
        TypeError, ValueError: for samples that do not go with the settings, `max_seconds` with several processes, or
            `hold_tensor` without a start.
        DataError: if `folder` holds a run with other settings, on other data or from another start, or if the start
            is no weights of such a network.
        ConvergenceError: for a loss that is not a number; the last good checkpoint is kept.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole = samples or data_of(settings)
    if max_seconds is not None and jax.process_count() > 1:
        raise ValueError("max_seconds is for one process: several would not stop at the same step.")
    digest = whole.digest()
    beginning = None if start is None else _beginning(start)
    if (folder / WEIGHTS).exists():
        return _finished(folder, settings, digest, beginning)
    run = _Run(settings, folder, whole, digest, start, beginning)
    began = time.monotonic()
    while run.step < settings.num_steps and not run.out_of_patience:
        run.advance(progress)
        if max_seconds is not None and time.monotonic() - began > max_seconds:
            run.save()
            return None
    return run.finish()


def load_network(path: str | Path) -> tuple[Any, TrainingSettings, dict[str, Any]]:
    """A trained network with its settings and record."""
    record = read_record(path)
    settings = TrainingSettings.of(record["settings"])
    template = new_network(settings, jax.random.key(0))
    return read_checkpoint(path, template), settings, record


def _beginning(start: str | Path) -> dict[str, Any]:
    """What is recorded of the weights a run begins with."""
    return {"weights_sha256": hashlib.sha256(Path(start).read_bytes()).hexdigest(), "record": read_record(start)}


def _finished(
    folder: Path, settings: TrainingSettings, digest: str, beginning: dict[str, Any] | None
) -> TrainingResult:
    network, _, record = load_network(folder / WEIGHTS)
    _check_same(folder, record, settings, digest, beginning)
    return TrainingResult(network, settings, record)


def _check_same(
    folder: Path, record: dict[str, Any], settings: TrainingSettings, digest: str, beginning: dict[str, Any] | None
) -> None:
    old, new = TrainingSettings.of(record["settings"]).to_dict(), settings.to_dict()
    other = sorted(key for key in new if old[key] != new[key])
    if other or record["data_sha256"] != digest or record.get("start") != beginning:
        what = f"settings ({', '.join(other)})" if other else "start" if record["data_sha256"] == digest else "data"
        raise DataError(f"{folder.name} holds a run with other {what}. Give another folder, or remove this one.")


class _Run:
    """A run in progress."""

    def __init__(
        self,
        settings: TrainingSettings,
        folder: Path,
        samples: Samples | TheorySamples,
        digest: str,
        start: str | Path | None,
        beginning: dict[str, Any] | None,
    ) -> None:
        if settings.hold_tensor and start is None:
            raise ValueError("hold_tensor needs a start: the weights of a run that has trained the encoder of B.")
        self.settings, self.folder, self.digest = settings, folder, digest
        self.beginning = beginning
        self.task, self.optimiser = task_of(settings, samples), adam(settings)
        network = new_network(settings, jax.random.key(settings.seed))
        network = self.task.begin(network) if start is None else read_checkpoint(start, network)
        self.state = State.first(network, self.optimiser)
        self.step, self.best, self.since_best, self.losses = 0, math.inf, 0, []
        if (folder / STATE).exists():
            self._resume()
        elif jax.process_index() == 0:  # of a run that never came to a checkpoint
            (folder / METRICS).unlink(missing_ok=True)
        self.task.hold(self.state.network)
        self.state = replicated(self.state)
        self.update = compiled_update(settings, self.task.loss, self.optimiser)
        self.saved, self.reported, self.reported_step = time.monotonic(), time.monotonic(), self.step

    @property
    def out_of_patience(self) -> bool:
        return 0 < self.settings.patience <= self.since_best

    def advance(self, progress: Callable[[Report], None] | None) -> None:
        """Up to the next validation."""
        settings = self.settings
        until = min(settings.num_steps, (self.step // settings.validate_every + 1) * settings.validate_every)
        while self.step < until:
            batch = on_all_devices(self.task.draw(self.step))
            self.state, loss = self.update(self.state, batch, jnp.asarray(self.step))
            self.losses.append(loss)
            self.step += 1
            pause = self.step % 50 == 0 and self.step < until  # a checkpoint at a validation comes after it
            if pause and time.monotonic() - self.saved > settings.checkpoint_seconds:
                self.save()
        self._validate(progress)
        if time.monotonic() - self.saved > settings.checkpoint_seconds:
            self.save()

    def _validate(self, progress: Callable[[Report], None] | None) -> None:
        settings, losses = self.settings, np.array([float(loss) for loss in self.losses])
        score = self.task.score(self.state.average)
        if not (np.isfinite(losses).all() and np.isfinite(score)):
            raise ConvergenceError(
                f"the loss is not a number before step {self.step} of {settings.name!r}. The last good checkpoint is "
                f"kept in {self.folder.name}/{STATE}; lower learning_rate ({settings.learning_rate:g}) or clip, and "
                "start anew."
            )
        self.losses = []
        self.since_best += 1
        if score < self.best:
            self.best, self.since_best = score, 0
            self.state = self.state._replace(best=self.state.average)
        now = time.monotonic()
        speed = (self.step - self.reported_step) / max(now - self.reported, 1e-9)
        self.reported, self.reported_step = now, self.step
        rate = float(np.asarray(schedule(settings)(self.step)))
        report = Report(
            self.step, settings.num_steps, float(losses.mean()), score, self.best, rate,
            speed * settings.batch_size, (settings.num_steps - self.step) / speed,
        )  # fmt: skip
        if jax.process_index() == 0:
            with (self.folder / METRICS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(report._asdict()) + "\n")
        if progress is not None:
            progress(report)

    def save(self) -> None:
        """Write the state, unless it is not finite."""
        self.saved = time.monotonic()
        losses = [float(loss) for loss in self.losses]
        if not np.isfinite(losses).all() or not finite(self.state) or jax.process_index() != 0:
            return
        record = {"settings": self.settings.to_dict(), "data_sha256": self.digest, "step": self.step, "losses": losses}
        record |= {} if self.beginning is None else {"start": self.beginning}
        record |= {"best": None if math.isinf(self.best) else self.best, "since_best": self.since_best}
        write_checkpoint(self.folder / STATE, self.state, record)

    def _resume(self) -> None:
        record = read_record(self.folder / STATE)
        _check_same(self.folder, record, self.settings, self.digest, self.beginning)
        self.state = read_checkpoint(self.folder / STATE, self.state)
        self.step, self.since_best, self.losses = record["step"], record["since_best"], record["losses"]
        self.best = math.inf if record["best"] is None else record["best"]
        metrics = self.folder / METRICS
        if metrics.exists() and jax.process_index() == 0:  # what was said after the checkpoint will be said again
            lines = metrics.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= self.step]
            metrics.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def finish(self) -> TrainingResult:
        """The best network, written."""
        record = {"settings": self.settings.to_dict(), "data_sha256": self.digest, "steps": self.step}
        record |= {"validation": self.best, "num_train": self.task.num_train}
        record |= {} if self.beginning is None else {"start": self.beginning}
        if jax.process_index() == 0:
            write_checkpoint(self.folder / WEIGHTS, self.state.best, record)
            (self.folder / STATE).unlink(missing_ok=True)
        if jax.process_count() > 1:  # nobody leaves before the weights are written
            multihost_utils.sync_global_devices("written")
        return TrainingResult(self.state.best, self.settings, record)
