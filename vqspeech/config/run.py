"""The configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt

from vqspeech.config.values import Count, Share, Size, Strict, Weight, require


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

    steps: Count = 100_000
    batch_size: Count = 16
    accumulate: Count = 1
    crop_samples: Count = 20_480
    window_samples: Size = 0
    speaker_balance: Share = 0.0
    optimizer: Literal["adam", "muon"] = "adam"
    learning_rate: Annotated[float, Gt(0)] = 5e-4
    matrix_learning_rate: Annotated[float, Gt(0)] = 0.02
    final_learning_rate_share: Share = 0.05
    warmup_steps: Size = 500
    gradient_clip: Weight = 1.0
    weight_average: Annotated[float, Ge(0), Lt(1)] = 0.999
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    compile: Literal["auto", True, False] = "auto"
    cuda_graph: Literal["auto", False] = "auto"
    accelerator: str = "auto"
    devices: Count = 1
    nodes: Count = 1
    log_every: Count = 50
    validate_every: Count = 1_000
    validation_batches: Count = 4
    checkpoint_every: Count = 1_000
    keep_last: Count = 2
    start_crops: Count = 256
    tensorboard: bool = False

    def __post_init__(self) -> None:
        self.require_shares(self.devices * self.nodes)
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
