"""The configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from vqspeech.config.values import Strict, at_least, require


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Strict):
    """The training loop.

    Lengths are in samples. The decoder is trained on a window of `window_samples` of each crop; encoder, quantizer and
    spectral head process the whole crop. 0 selects the whole crop. `batch_size` counts crops over all processes; each
    process computes its share in `accumulate` consecutive parts, which needs less memory. `matrix_learning_rate` is the
    learning rate of the decoder's hidden matrices under the optimiser ``muon``. Speakers are drawn in proportion to
    their speech to the power of 1 - `speaker_balance`. `compile` compiles the decoder's
    training step with ``torch.compile``: ``"auto"`` on GPUs, true on every device, false on none. `cuda_graph`:
    ``"auto"`` replays the steps of small models on a single GPU as a CUDA graph, false never.
    """

    steps: int = 100_000
    batch_size: int = 16
    accumulate: int = 1
    crop_samples: int = 20_480
    window_samples: int = 0
    speaker_balance: float = 0.0
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: float = 5e-4
    matrix_learning_rate: float = 0.02
    final_learning_rate_share: float = 0.05
    warmup_steps: int = 500
    gradient_clip: float = 1.0
    weight_average: float = 0.999
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    compile: Literal["auto", True, False] = "auto"
    cuda_graph: Literal["auto", False] = "auto"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    log_every: int = 50
    validate_every: int = 1_000
    validation_batches: int = 4
    checkpoint_every: int = 1_000
    keep_last: int = 2
    start_crops: int = 256
    tensorboard: bool = False

    def __post_init__(self) -> None:
        at_least(
            1, self, "train", "steps", "batch_size", "crop_samples", "start_crops", "keep_last", "devices", "nodes"
        )
        at_least(1, self, "train", "accumulate")
        at_least(1, self, "train", "log_every", "validate_every", "validation_batches", "checkpoint_every")
        at_least(0, self, "train", "window_samples", "warmup_steps", "gradient_clip")
        self.require_shares(self.devices * self.nodes)
        require(0 < self.learning_rate < float("inf"), "train.learning_rate: above 0")
        require(0 < self.matrix_learning_rate < float("inf"), "train.matrix_learning_rate: above 0")
        require(0 <= self.final_learning_rate_share <= 1, "train.final_learning_rate_share: between 0 and 1")
        require(0 <= self.speaker_balance <= 1, "train.speaker_balance: between 0 and 1")
        require(0 <= self.weight_average < 1, "train.weight_average: at least 0 and below 1")
        require(self.window_samples <= self.crop_samples, "train.window_samples: at most train.crop_samples")

    def require_shares(self, processes: int) -> None:
        """Raise `ConfigError` unless the batch has a crop for each part of each process."""
        require(
            self.batch_size >= processes * self.accumulate,
            f"train.batch_size = {self.batch_size}; at least one crop for each of {processes} processes x "
            f"train.accumulate = {self.accumulate}",
        )


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(Strict):
    """The corpus of a run.

    `name` and `options` are those of its registered reader; `trim_db` trims silence; `aligner` is the registered
    aligner of utterances that have a text and no phone alignment.
    """

    name: str = "vctk"
    options: dict[str, Any] = field(default_factory=dict)
    trim_db: float | None = None
    aligner: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunConfig(Strict):
    """A training run; the modality checks `model`."""

    modality: str = "audio"
    seed: int = 0
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    model: dict[str, Any] = field(default_factory=dict)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        require(-(2**63) <= self.seed < 2**64, f"seed = {self.seed}; at least -2^63 and below 2^64")
