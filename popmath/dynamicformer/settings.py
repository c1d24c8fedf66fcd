"""Settings of a training run: a TOML file of differences from the defaults."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from popmath._errors import DataError
from popmath.dynamicformer.network import NetworkSettings
from popmath.dynamicformer.published import PublishedSettings
from popmath.dynamicformer.splits import Split
from popmath.dynamicformer.targets import Target
from popmath.dynamicformer.theories import THEORIES


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """Which numbers there are.

    Attributes:
        max_level: all with 2g - 2 + n up to this.
        keep_ones: draw members of each family at random; without ones only the smallest, which determines the others.
        group_power: types (g, n) are drawn in proportion to this power of how many numbers they have: 1 draws numbers
            evenly, 0 types.
        degree_power: of `preset="published"`: the same for largest degrees within a type: 1 draws its families evenly,
            0 each largest degree alike. One that leaves little for the other points is rare else. Validation draws so
            too.
        theories: of `preset="joint"`: names from `THEORIES`; each has a level and a genus of its own beyond which it
            is not trained on, whatever `max_level` and `max_train_genus` say.
        show_tensors: of the same: whether the network is shown the theories' tensors B, or nothing.
        shuffled: of `preset="ours"`: give the numbers of each batch to its requests at random, a negative control.
    """

    max_level: int = 35
    keep_ones: bool = False
    group_power: float = 0.5
    degree_power: float = 1.0
    theories: tuple[str, ...] = ()
    show_tensors: bool = True
    shuffled: bool = False

    def __post_init__(self) -> None:
        """Names from a file come as a list."""
        object.__setattr__(self, "theories", tuple(self.theories))


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Attributes:
        name: of the result.
        preset: `"ours"` trains an `IntersectionNetwork`, `"published"` a `PublishedNetwork`, on log F itself, `"joint"`
            a `JointNetwork` on several theories.
        target: what it learns; see `baseline`.
        loss: `"absolute"`: mean of sqrt(e^2 + 1e-10), e the error of the target; `"relative"`: of e over the size of
            the expansion's first term; `"balanced"`, of several theories: mean over them of the logarithm of the mean
            of sqrt(e^2 + 1e-14).
        num_steps: of Adam.
        batch_size: numbers in each.
        learning_rate: at the end of the warm-up, from where it falls as a half cosine.
        warmup_steps: steps over which it rises.
        weight_decay: of Adam.
        clip: largest norm of a gradient.
        average: weight of the past in the exponential moving average that is kept as the result.
        seed: of weights and batches.
        validate_every: steps from one validation to the next.
        patience: validations without a new best after which it stops; 0 for none.
        checkpoint_seconds: longest time between checkpoints.
        validation_size: how many numbers of the validation part are looked at (the published network: whole batches).
        types_per_batch: of the published network: types (g, n) in each batch, in equal parts.
        hold_tensor: of the published network: keep its encoder of B as the run begins, so that the tensor of each type
            is encoded once and not at every step; needs a start that has learned it.
        tensor_rate: of the joint network: learning rate of what reads the tensors B, over that of the rest; all else
            depends on it, and 0 leaves it as it begins. It is read in steps of 1/256.
        additive_rate: of the joint network: the same of its additive part, which begins as least squares; of a theory
            that needs little more, what its steps add is the error.
        network: its shape.
        published: the shape of the published network.
        data: what it is trained on.
        split: what it is not.
    """

    name: str = "psi"
    preset: Literal["ours", "published", "joint"] = "ours"
    target: Target = "residual"
    loss: Literal["absolute", "relative", "balanced"] = "absolute"
    num_steps: int = 20_000
    batch_size: int = 512
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    weight_decay: float = 0.0
    clip: float = 1.0
    average: float = 0.999
    seed: int = 0
    validate_every: int = 1_000
    patience: int = 0
    checkpoint_seconds: float = 120.0
    validation_size: int = 20_000
    types_per_batch: int = 4
    hold_tensor: bool = False
    tensor_rate: float = 0.0
    additive_rate: float = 0.0
    network: NetworkSettings = dataclasses.field(default_factory=NetworkSettings)
    published: PublishedSettings = dataclasses.field(default_factory=PublishedSettings)
    data: DataSettings = dataclasses.field(default_factory=DataSettings)
    split: Split = dataclasses.field(default_factory=Split)

    def __post_init__(self) -> None:
        """Check what cannot work."""
        for name, choices in (
            ("preset", ("ours", "published", "joint")),
            ("target", ("raw", "growth", "residual", "corrected")),
            ("loss", ("absolute", "relative", "balanced")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}; got {getattr(self, name)!r}.")
        for name in ("num_steps", "batch_size", "validate_every", "validation_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        for name in ("tensor_rate", "additive_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0; got {getattr(self, name)}.")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0; got {self.learning_rate}.")
        if self.preset == "published" and (self.target != "raw" or self.batch_size % self.types_per_batch):
            raise ValueError(
                "preset='published' needs target='raw', and a batch_size that is a multiple of types_per_batch."
            )
        if self.hold_tensor and self.preset != "published":
            raise ValueError(f"hold_tensor goes with preset='published'; got preset={self.preset!r}.")
        if self.data.degree_power != 1 and self.preset != "published":
            raise ValueError(f"degree_power goes with preset='published'; got preset={self.preset!r}.")
        if not 0 <= self.data.degree_power <= 1:
            raise ValueError(f"degree_power must be between 0 and 1; got {self.data.degree_power}.")
        if self.data.shuffled and self.preset != "ours":
            raise ValueError(f"shuffled data go with preset='ours'; got preset={self.preset!r}.")
        joint, theories = self.preset == "joint", self.data.theories
        if joint != bool(theories) or joint != bool(self.network.context):
            raise ValueError("preset='joint', theories in [data] and context in [network] go together.")
        if joint and (self.target not in ("raw", "growth") or self.batch_size % len(theories)):
            raise ValueError(
                "preset='joint' needs target='growth' or 'raw', and a batch_size that is a multiple of the "
                f"{len(theories)} theories."
            )
        if (self.loss == "relative" and self.preset != "ours") or (self.loss == "balanced" and not joint):
            raise ValueError(f"loss={self.loss!r} does not go with preset={self.preset!r}.")
        if joint and self.validation_size < len(theories):
            raise ValueError(f"validation_size must be at least {len(theories)}, one for each theory.")
        unknown = [name for name in theories if name not in THEORIES]
        if unknown:
            raise ValueError(f"theories must be among {', '.join(THEORIES)}; got {unknown[0]!r}.")
        if self.data.keep_ones and (self.target != "raw" or joint):
            raise ValueError(
                "keep_ones goes with target='raw' of the psi classes: other targets are the same for a whole family."
            )

    def to_dict(self) -> dict[str, Any]:
        """As nested dictionaries that JSON gives back as they are."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def of(cls, given: dict[str, Any]) -> TrainingSettings:
        """From nested dictionaries; what is left out has its default.

        Raises:
            DataError: for a name that is not there.
        """
        return _build(cls, given, "")


def read_settings(path: str | Path) -> TrainingSettings:
    """Settings from a TOML file with the tables `[network]`, `[published]`, `[data]` and `[split]`.

    Raises:
        DataError: if it is not there, not TOML, or has a name that is not a setting.
    """
    path = Path(path)
    try:
        return TrainingSettings.of(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise DataError(f"there is no file {path.name}.") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name} is not TOML: {error}.") from None


def _build(kind: Any, given: dict[str, Any], where: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise DataError(f"{where}{unknown[0]} is not a setting; those are {', '.join(sorted(fields))}.")
    inner = {"network": NetworkSettings, "published": PublishedSettings, "data": DataSettings, "split": Split}
    values = {n: _build(inner[n], v, f"{n}.") if n in inner and isinstance(v, dict) else v for n, v in given.items()}
    return kind(**values)
