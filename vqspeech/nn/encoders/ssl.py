"""Encoders on self-supervised features of torchaudio: HuBERT, WavLM and wav2vec 2.0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.errors import ConfigError, InputError
from vqspeech.nn.encoders.protocol import Encoder
from vqspeech.nn.frozen import Frozen

RATE = 16_000
HOP, WINDOW = 320, 400
"""Samples per feature frame and of its receptive field in the convolutions, of all networks here."""

MOST_FRAMES = 50
"""Most feature frames of a latent: a second."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network and its published weights.

    Parameters
    ----------
    name : name of the weights
    build : function that builds the network with random weights, a ``torchaudio.models.Wav2Vec2Model``
    weights : loads the published weights from the user's cache, or downloads them
    width : channels of a layer
    layers : transformer layers
    normalised : whether a waveform is normalised to mean 0 and variance 1 first
    """

    name: str
    build: Callable[[], nn.Module]
    weights: Callable[[], dict[str, Tensor]]
    width: int
    layers: int
    normalised: bool = False


def _published(factory: str, bundle: str, width: int, layers: int, normalised: bool = False) -> Network:
    def build() -> nn.Module:
        from torchaudio import models

        network: nn.Module = getattr(models, factory)()
        return network

    def weights() -> dict[str, Tensor]:
        from torchaudio import pipelines

        state: dict[str, Tensor] = getattr(pipelines, bundle).get_model().state_dict()
        # networks that normalise their input are wrapped
        return {name.removeprefix("model."): tensor for name, tensor in state.items()}

    return Network(
        name=f"torchaudio.pipelines.{bundle}",
        build=build,
        weights=weights,
        width=width,
        layers=layers,
        normalised=normalised,
    )


NETWORKS: dict[str, dict[str, Network]] = {
    "hubert": {
        "base": _published("hubert_base", "HUBERT_BASE", 768, 12),
        "large": _published("hubert_large", "HUBERT_LARGE", 1024, 24, normalised=True),
        "xlarge": _published("hubert_xlarge", "HUBERT_XLARGE", 1280, 48, normalised=True),
    },
    "wavlm": {
        "base": _published("wavlm_base", "WAVLM_BASE", 768, 12),
        "base-plus": _published("wavlm_base", "WAVLM_BASE_PLUS", 768, 12),
        "large": _published("wavlm_large", "WAVLM_LARGE", 1024, 24, normalised=True),
    },
    "wav2vec2": {
        "base": _published("wav2vec2_base", "WAV2VEC2_BASE", 768, 12),
        "large": _published("wav2vec2_large", "WAV2VEC2_LARGE", 1024, 24),
        "large-lv60k": _published("wav2vec2_large_lv60k", "WAV2VEC2_LARGE_LV60K", 1024, 24, normalised=True),
    },
}
"""Family -> size -> network."""


def hubert(
    sample_rate: int, *, size: str = "base", layer: int = 9, frozen: bool = True, dim: int = 64, frames: int = 1
) -> SelfSupervisedEncoder:
    """Build the encoder of ``[model.encoder] name = "hubert"`` (Hsu et al. 2021, arXiv 2106.07447).

    Parameters
    ----------
    sample_rate : must be 16,000 Hz
    size : ``"base"``, ``"large"`` or ``"xlarge"``
    layer : transformer layer whose output is used, from 1
    frozen : keep the published weights; otherwise they are fine-tuned
    dim : channels of the latents
    frames : feature frames of 20 ms, whose mean a latent is; 2 give 25 Hz

    Raises
    ------
    ConfigError : for another rate, an unknown size, or a layer that the network does not have
    """
    return _build("hubert", sample_rate, size, layer, frozen, dim, frames)


def wavlm(
    sample_rate: int, *, size: str = "base", layer: int = 11, frozen: bool = True, dim: int = 64, frames: int = 1
) -> SelfSupervisedEncoder:
    """Build the encoder `wavlm` (Chen et al. 2022, arXiv 2110.13900).

    Sizes are ``"base"``, ``"base-plus"`` (more hours of speech) and ``"large"``; other parameters and errors as in
    `hubert`.
    """
    return _build("wavlm", sample_rate, size, layer, frozen, dim, frames)


def wav2vec2(
    sample_rate: int, *, size: str = "base", layer: int = 6, frozen: bool = True, dim: int = 64, frames: int = 1
) -> SelfSupervisedEncoder:
    """Build the encoder `wav2vec2` (Baevski et al. 2020, arXiv 2006.11477).

    Sizes are ``"base"``, ``"large"`` and ``"large-lv60k"``; other parameters and errors as in `hubert`.
    """
    return _build("wav2vec2", sample_rate, size, layer, frozen, dim, frames)


def _build(
    family: Literal["hubert", "wavlm", "wav2vec2"],
    sample_rate: int,
    size: str,
    layer: int,
    frozen: bool,
    dim: int,
    frames: int,
) -> SelfSupervisedEncoder:
    if sample_rate != RATE:
        raise ConfigError(f"model.sample_rate = {sample_rate}; the encoder {family!r} takes {RATE} Hz")
    sizes = NETWORKS[family]
    if size not in sizes:
        raise ConfigError(f"model.encoder.size = {size!r}; the encoder {family!r} has {', '.join(sizes)}")
    if not 1 <= layer <= sizes[size].layers:
        raise ConfigError(f"model.encoder.layer = {layer}; {family} {size} has layers 1 to {sizes[size].layers}")
    if dim < 1:
        raise ConfigError(f"model.encoder.dim = {dim}; at least 1")
    if not 1 <= frames <= MOST_FRAMES:
        raise ConfigError(f"model.encoder.frames = {frames}; from 1 to {MOST_FRAMES}")
    return SelfSupervisedEncoder(sizes[size], layer=layer, frozen=frozen, dim=dim, frames=frames)


def _lower_layers(network: nn.Module, layer: int) -> nn.Module:
    """Remove the layers above the one that is used; what remains unused is not trained."""
    transformer: Any = network.get_submodule("encoder.transformer")
    del transformer.layers[layer:]
    # networks that normalise after each layer normalise once more after the last, which is not this one
    transformer.layer_norm.requires_grad_(transformer.layer_norm_first)
    return network


class SelfSupervisedEncoder(Encoder):
    """Latents from a layer of a self-supervised network: means of frames, normalised, then a linear projection.

    Frames are centred on their own samples: the waveform is padded with silence on both sides. A code depends on the
    whole utterance, through attention. Rows of different lengths are computed apart, since the network's normalisation
    over time would see the padding. Dropout is off, so that training resumes exactly.

    Parameters
    ----------
    network : network and weights
    layer : transformer layer whose output is used, from 1
    frozen : keep the published weights, which checkpoints then do not hold
    dim : channels of the latents
    frames : feature frames of a latent
    """

    loaded: Tensor

    def __init__(self, network: Network, *, layer: int, frozen: bool, dim: int, frames: int = 1) -> None:
        super().__init__()
        self.dim, self.frames, self.hop_samples = dim, frames, HOP * frames
        self.layer, self.published = layer, network
        built = _lower_layers(network.build(), layer).eval()
        self.features: Frozen[Any] | nn.Module = Frozen(built) if frozen else built
        self.register_buffer("loaded", torch.tensor(False))
        self.norm = nn.LayerNorm(network.width)
        self.head = nn.Linear(network.width, dim)

    def load_pretrained(self) -> Self:
        """Load the published weights: always where they are frozen, else once, before training.

        Raises
        ------
        InputError : when they are neither in the cache nor to be downloaded
        CheckpointError : when they are not those that the model was trained with
        """
        frozen = isinstance(self.features, Frozen)
        if bool(self.loaded) and not frozen:
            return self
        try:
            state = self.published.weights()
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"the weights {self.published.name} are not in the cache {torch.hub.get_dir()} and cannot be "
                f"downloaded: {error}. Put them there, or run once with network"
            ) from error
        network = self.features.network if isinstance(self.features, Frozen) else self.features
        used = {name: state[name] for name in network.state_dict()}
        if isinstance(self.features, Frozen):
            self.features.load(used, self.published.name)
        else:
            self.features.load_state_dict(used)
        self.loaded.fill_(True)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode; the network stays without dropout."""
        super().train(mode)
        self.features.eval()
        return self

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute latents (batch, dim, ceil(time / hop_samples)); see `Encoder.forward`."""
        hop = self.hop_samples
        frames = -(-waveform.shape[1] // hop)
        waveform = F.pad(waveform, (0, frames * hop - waveform.shape[1]))
        if lengths is None:
            return self._latents(waveform)
        counts = -(-lengths // hop)
        latents = waveform.new_zeros(len(waveform), self.dim, frames)
        for count in counts.unique().tolist():
            rows = counts == count
            if count:
                latents[rows, :, :count] = self._latents(waveform[rows, : count * hop]).to(latents.dtype)
        return latents

    def _latents(self, waveform: Tensor) -> Tensor:
        if not len(waveform):
            return waveform.new_zeros(0, self.dim, waveform.shape[1] // self.hop_samples)
        if self.published.normalised:
            waveform = F.layer_norm(waveform, waveform.shape[1:])
        padded = F.pad(waveform, ((WINDOW - HOP) // 2, WINDOW - HOP - (WINDOW - HOP) // 2))
        network: Any = self.features.network if isinstance(self.features, Frozen) else self.features
        with torch.set_grad_enabled(torch.is_grad_enabled() and not isinstance(self.features, Frozen)):
            layers, _ = network.extract_features(padded, num_layers=self.layer)
        features = layers[-1]
        if self.frames > 1:
            features = features.unflatten(1, (-1, self.frames)).mean(dim=2)
        return self.head(self.norm(features)).transpose(1, 2)
