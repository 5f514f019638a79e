"""The tables ``model`` of the modalities: image models and priors over their codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from vqspeech.config import RunConfig, TrainConfig, parse
from vqspeech.errors import ConfigError

Kind = Literal["vqvae", "vqvae2", "vae", "vimco"]
Network = Literal["residual", "tfp"]
LevelName = Literal["", "top", "bottom"]
Grid = Literal["full", "single"]
LikelihoodName = Literal["softmax256", "logistic", "gaussian", "bernoulli"]


@dataclass(frozen=True, kw_only=True)
class VimcoConfig:
    """Latents of the VIMCO baseline: `samples` of each in the bound, `variables` per position with `categories` each."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    samples: int = 50
    variables: int = 1
    categories: int = 512

    def __post_init__(self) -> None:
        _at_least(2, self, "model.vimco", "samples", "categories")
        _at_least(1, self, "model.vimco", "variables")


@dataclass(frozen=True, kw_only=True)
class ImageModelConfig:
    """A model of images; see `vqspeech_image.models.build`.

    Parameters
    ----------
    kind : ``vqvae``, ``vqvae2`` (two levels), or a baseline on the same encoder and decoder
    network : ``residual``, the paper's; ``tfp``, that of the TensorFlow Probability blog, see `vqspeech_image.nn.tfp`: one latent
        of a whole image, kind ``vqvae``, likelihood ``bernoulli``, and no use for the sizes below
    width : channels of all hidden layers, but for `edge_width`
    edge_width : channels behind the first strided convolution and behind the last transposed one, whose grids are the largest; 0 for `width`
    downsamplings : 4 x 4 convolutions of stride 2; the grid of latents is 2^downsamplings times smaller than the image
    residual_blocks : in the encoder, and in the decoder
    normalisation : ``batch`` puts BatchNorm behind every convolution, ``none`` nothing
    grid : ``full`` keeps the positions, ``single`` makes one latent of the whole image
    dim : channels of the latents
    likelihood : of pixels given latents
    mixtures : logistics of the ``logistic`` likelihood
    pixel_share : of the positions, drawn anew for each step, on which the training loss is taken
    quantizer : ``name`` and hyper-parameters; of ``vqvae``, and of the finer grid of ``vqvae2``
    top_quantizer : of the coarser grid of ``vqvae2``; where it is empty as `quantizer`
    top_downsamplings : between the two grids of ``vqvae2``
    vimco : of ``vimco`` alone
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: Kind = "vqvae"
    network: Network = "residual"
    width: int = 256
    edge_width: int = 0
    downsamplings: int = 2
    residual_blocks: int = 2
    normalisation: Literal["batch", "none"] = "batch"
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
        _at_least(1, self, "model", "width", "downsamplings", "dim", "mixtures", "top_downsamplings")
        _at_least(0, self, "model", "residual_blocks", "edge_width")
        if not 0 < self.pixel_share <= 1:
            raise ConfigError(f"model.pixel_share = {self.pixel_share}; above 0 and at most 1")
        if not isinstance(self.quantizer.get("name"), str):
            raise ConfigError("model.quantizer.name: the name of a quantizer")
        if self.top_quantizer and not isinstance(self.top_quantizer.get("name"), str):
            raise ConfigError("model.top_quantizer.name: the name of a quantizer")
        if self.kind == "vqvae2" and self.grid != "full":
            raise ConfigError(
                f"model.grid = {self.grid!r} makes one latent; model.kind = 'vqvae2' has two grids of them"
            )
        if self.network == "tfp":
            wanted = {"kind": "vqvae", "grid": "single", "downsamplings": 2, "likelihood": "bernoulli"}
            for name, value in wanted.items():
                if getattr(self, name) != value:
                    raise ConfigError(
                        f"model.{name} = {getattr(self, name)!r}; model.network = 'tfp' is one latent of black and white pixels: "
                        f"{', '.join(f'{key} = {one!r}' for key, one in wanted.items())}"
                    )

    @property
    def quantizers(self) -> tuple[dict[str, Any], ...]:
        """``name`` and hyper-parameters of the quantizer of each level, the coarsest first; none for a baseline."""
        if self.kind == "vqvae2":
            return self.top_quantizer or self.quantizer, self.quantizer
        return (self.quantizer,) if self.kind == "vqvae" else ()

    @property
    def stride(self) -> int:
        """Pixels of one position of the coarsest grid of latents, in either direction."""
        return int(2 ** (self.downsamplings + (self.top_downsamplings if self.kind == "vqvae2" else 0)))


@dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Causal self-attention within a PixelCNN: `blocks` spread evenly over its layers (0 for none), `heads` of `head_width` channels each."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    blocks: int = 0
    heads: int = 4
    head_width: int = 16

    def __post_init__(self) -> None:
        _at_least(0, self, "model.attention", "blocks")
        _at_least(1, self, "model.attention", "heads", "head_width")


@dataclass(frozen=True, kw_only=True)
class PriorConfig:
    """A gated PixelCNN over codes; see `vqspeech_image.nn.pixelcnn.GatedPixelCNN`.

    Parameters
    ----------
    layers : gated layers, the first with mask A
    width : channels of each stack
    first_kernel, kernel : odd sides of the first layer's filters and of the others'
    head_width : channels between the stacks and the logits
    by_class : whether it is told the class of each image
    level : of the codes of a model of two levels: ``top``, or ``bottom``, which is told the top codes; empty for a model of one
    top_blocks : residual blocks over the top codes, for ``bottom``
    attention : self-attention, as PixelSNAIL has
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    layers: int = 12
    width: int = 64
    first_kernel: int = 7
    kernel: int = 3
    head_width: int = 256
    by_class: bool = False
    level: LevelName = ""
    top_blocks: int = 3
    attention: AttentionConfig = field(default_factory=AttentionConfig)

    def __post_init__(self) -> None:
        _at_least(1, self, "model", "layers", "width", "head_width")
        _at_least(0, self, "model", "top_blocks")
        _odd_kernels(self)
        if self.attention.blocks > self.layers:
            raise ConfigError(
                f"model.attention.blocks = {self.attention.blocks}; at most one behind each of {self.layers} layers"
            )


@dataclass(frozen=True, kw_only=True)
class TwoStageConfig:
    """A second VQ-VAE over codes; see `vqspeech_image.nn.two_stage.CodeVQVAE`.

    Parameters
    ----------
    dim : channels of the latents of an image, all together
    encoder_width, downsamplings : of the convolutions that read the grid of codes
    quantizer : ``name`` and hyper-parameters; of the three latents of 512 of the paper, each with its own codebook, by default
    layers, width, first_kernel, kernel, head_width : of the decoder, as in `PriorConfig`
    level : ``top`` for the coarser codes of a model of two levels; empty for a model of one
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    dim: int = 96
    encoder_width: int = 64
    downsamplings: int = 2
    quantizer: dict[str, Any] = field(
        default_factory=lambda: {"name": "grouped", "groups": 3, "codebook_size": 512, "decay": 0.99}
    )
    layers: int = 8
    width: int = 64
    first_kernel: int = 5
    kernel: int = 3
    head_width: int = 128
    level: Literal["", "top"] = ""

    def __post_init__(self) -> None:
        _at_least(1, self, "model", "dim", "encoder_width", "layers", "width", "head_width")
        _at_least(0, self, "model", "downsamplings")
        _odd_kernels(self)
        if not isinstance(self.quantizer.get("name"), str):
            raise ConfigError("model.quantizer.name: the name of a quantizer")


def image_model(values: Mapping[str, Any]) -> ImageModelConfig:
    """A checked ``model`` table of the modality ``image``."""
    return parse(ImageModelConfig, values, "model.")


def prior_model(values: Mapping[str, Any]) -> PriorConfig:
    """A checked ``model`` table of the modality ``image-prior``."""
    return parse(PriorConfig, values, "model.")


def two_stage_model(values: Mapping[str, Any]) -> TwoStageConfig:
    """A checked ``model`` table of the modality ``image-two-stage``."""
    return parse(TwoStageConfig, values, "model.")


def refuse_crops(config: RunConfig) -> None:
    """Raise `ConfigError` for the keys of `TrainConfig` that are about crops of sound: images are taken whole."""
    usual = TrainConfig()
    for name in ("crop_samples", "window_samples"):
        if getattr(config.train, name) != getattr(usual, name):
            raise ConfigError(f"train.{name} is about crops of sound; images are taken whole, so leave it away")


def _at_least(least: int, config: Any, table: str, *names: str) -> None:
    for name in names:
        if getattr(config, name) < least:
            raise ConfigError(f"{table}.{name} = {getattr(config, name)!r}; at least {least}")


def _odd_kernels(config: Any) -> None:
    for name in ("first_kernel", "kernel"):
        value = getattr(config, name)
        if value < 3 or value % 2 == 0:
            raise ConfigError(f"model.{name} = {value}; odd and at least 3")
