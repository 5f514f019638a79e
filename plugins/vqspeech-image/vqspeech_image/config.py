"""The table ``model`` of the modality ``image``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vqspeech.config import RunConfig, Strict, TrainConfig, at_least, parse
from vqspeech.errors import ConfigError

Kind = Literal["vqvae", "vqvae2", "vae", "vimco"]
Network = Literal["residual", "tfp"]
Grid = Literal["full", "single"]
LikelihoodName = Literal["softmax256", "logistic", "gaussian", "bernoulli"]


@dataclass(frozen=True, kw_only=True)
class VimcoConfig(Strict):
    """The VIMCO baseline: `samples` of the bound, `variables` and `categories` per position."""

    samples: int = 50
    variables: int = 1
    categories: int = 512

    def __post_init__(self) -> None:
        at_least(2, self, "model.vimco", "samples", "categories")
        at_least(1, self, "model.vimco", "variables")


@dataclass(frozen=True, kw_only=True)
class ImageModelConfig(Strict):
    """A model of images; see `vqspeech_image.models.build`.

    Parameters
    ----------
    kind : ``vqvae``, ``vqvae2`` (two levels), or a baseline on the same encoder and decoder
    network : ``residual``, the paper's; ``tfp``, that of the TensorFlow Probability blog, see `vqspeech_image.nn.tfp`:
        one latent of a whole image, kind ``vqvae``, likelihood ``bernoulli``; it ignores the sizes below
    width : channels of all hidden layers, except `edge_width`
    edge_width : channels after the first strided and the last transposed convolution, whose grids are largest; 0 for
        `width`
    downsamplings : 4 x 4 convolutions of stride 2; the grid of latents is 2^downsamplings times smaller than the image
    residual_blocks : number of residual blocks, in encoder and decoder each
    normalisation : ``batch`` puts BatchNorm after every convolution, ``none`` nothing
    frozen_share : last share of the training in which BatchNorm keeps its averages, as it does afterwards, and no
        longer takes those of the batch: codes that only tell batches apart come into use again
    grid : ``full`` keeps the positions, ``single`` makes one latent of the whole image
    dim : channels of latents
    likelihood : likelihood of pixels given latents
    mixtures : logistics of the ``logistic`` likelihood
    pixel_share : share of positions, drawn in each step, on which the training loss is computed
    quantizer : ``name`` and hyper-parameters; of ``vqvae``, and of the finer grid of ``vqvae2``
    top_quantizer : quantizer of the coarser grid of ``vqvae2``; like `quantizer` when empty
    top_downsamplings : between the two grids of ``vqvae2``
    vimco : settings of the model ``vimco``
    """

    kind: Kind = "vqvae"
    network: Network = "residual"
    width: int = 256
    edge_width: int = 0
    downsamplings: int = 2
    residual_blocks: int = 2
    normalisation: Literal["batch", "none"] = "batch"
    frozen_share: float = 0.0
    grid: Grid = "full"
    dim: int = 256
    likelihood: LikelihoodName = "softmax256"
    mixtures: int = 5
    pixel_share: float = 1.0
    quantizer: dict[str, Any] = field(
        default_factory=lambda: {"name": "grouped", "groups": 8, "codebook_size": 128, "decay": 0.999}
    )
    top_quantizer: dict[str, Any] = field(default_factory=dict)
    top_downsamplings: int = 1
    vimco: VimcoConfig = field(default_factory=VimcoConfig)

    def __post_init__(self) -> None:
        at_least(1, self, "model", "width", "downsamplings", "dim", "mixtures", "top_downsamplings")
        at_least(0, self, "model", "residual_blocks", "edge_width")
        if not 0 < self.pixel_share <= 1:
            raise ConfigError(f"model.pixel_share = {self.pixel_share}; above 0 and at most 1")
        if not 0 <= self.frozen_share <= 1:
            raise ConfigError(f"model.frozen_share = {self.frozen_share}; between 0 and 1")
        if not isinstance(self.quantizer.get("name"), str):
            raise ConfigError("model.quantizer.name: the name of a quantizer")
        if self.top_quantizer and not isinstance(self.top_quantizer.get("name"), str):
            raise ConfigError("model.top_quantizer.name: the name of a quantizer")
        if self.kind == "vqvae2" and self.grid != "full":
            raise ConfigError(
                f"model.grid = {self.grid!r} makes one latent; model.kind = 'vqvae2' has two grids of them"
            )
        if self.network == "tfp":
            required = {"kind": "vqvae", "grid": "single", "downsamplings": 2, "likelihood": "bernoulli"}
            for name, value in required.items():
                if getattr(self, name) != value:
                    raise ConfigError(
                        f"model.{name} = {getattr(self, name)!r}; model.network = 'tfp' is one latent of black and "
                        f"white pixels: {', '.join(f'{key} = {one!r}' for key, one in required.items())}"
                    )

    @property
    def quantizers(self) -> tuple[dict[str, Any], ...]:
        """Return ``name`` and hyper-parameters of the quantizers, the coarsest first."""
        if self.kind == "vqvae2":
            return self.top_quantizer or self.quantizer, self.quantizer
        return (self.quantizer,) if self.kind == "vqvae" else ()

    @property
    def stride(self) -> int:
        """Pixels of one position of the coarsest grid of latents, in either direction."""
        return int(2 ** (self.downsamplings + (self.top_downsamplings if self.kind == "vqvae2" else 0)))


def image_model(values: Mapping[str, Any]) -> ImageModelConfig:
    """Check the ``model`` table of the modality ``image``."""
    return parse(ImageModelConfig, values, "model.")


def refuse_crops(config: RunConfig) -> None:
    """Raise `ConfigError` for keys of `TrainConfig` on crops of sound."""
    usual = TrainConfig()
    for name in ("crop_samples", "window_samples"):
        if getattr(config.train, name) != getattr(usual, name):
            raise ConfigError(f"train.{name} is about crops of sound; images are taken whole, omit it")
