"""The WaveNet decoder: dilated gated convolutions over past samples, conditioned on codes and on the speaker."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.decoders.gated import gated_stack
from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.softmax import softmax_nll


class Conditioner(nn.Module):
    """Latents and speaker to one vector per conditioning frame.

    A convolution over neighbouring latents (looks both ways), `upsampling` conditioning frames for each latent by a transposed
    convolution, a speaker embedding added to every frame, and a second convolution. Beyond both ends latents are zero.

    Parameters
    ----------
    dim : channels of the latents
    channels : channels of the result
    kernel : odd width of the convolutions, in latents and in conditioning frames
    upsampling : conditioning frames per latent
    speakers : number of speakers; 0 for none
    """

    def __init__(self, dim: int, channels: int, *, kernel: int = 3, upsampling: int = 1, speakers: int = 0) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.context = nn.Conv1d(dim, channels, kernel)
        self.expand = nn.ConvTranspose1d(channels, channels, upsampling, upsampling)
        self.smooth = nn.Conv1d(channels, channels, kernel)
        self.speaker = nn.Embedding(speakers, channels) if speakers else None
        self.margin = kernel // 2 + math.ceil(kernel // 2 / upsampling)
        """Neighbouring latents on either side that the conditioning frames of one latent depend on, at most."""

    def forward(self, latents: Tensor, speaker: Tensor | None, *, with_margin: bool = False) -> Tensor:
        """Conditioning frames.

        Parameters
        ----------
        latents : (batch, dim, frames)
        speaker : (batch,) int64 indices; None when built without speakers
        with_margin : the latents have `margin` more frames on either side, which only give context

        Returns
        -------
        (batch, frames * upsampling, channels)
        """
        if not with_margin:
            latents = F.pad(latents, (self.margin, self.margin))
        frames = (latents.shape[-1] - 2 * self.margin) * self.upsampling
        hidden = self.expand(F.relu(self.context(latents)))
        if self.speaker is not None:
            hidden = hidden + self.speaker(speaker)[:, :, None]
        hidden = F.relu(self.smooth(F.relu(hidden)))
        spare = (hidden.shape[-1] - frames) // 2
        return hidden[..., spare : spare + frames].transpose(1, 2)


class WaveNet(nn.Module):
    """A WaveNet over mu-law levels (van den Oord et al. 2016, arXiv 1609.03499), conditioned on latents and speaker.

    Layer l: [f, g] = W_l * x + V_l c, z = tanh(f) sigmoid(g) (eq. 3 there), x <- x + R_l z. The skip paths of all layers are one product
    over the concatenated z, then ReLU, a product, ReLU, and the logits of 256 levels. Inside, tensors are (batch, time, channels) and
    every convolution is a matrix product: see `vqspeech.nn.decoders.gated` and, for the loss, `vqspeech.nn.decoders.softmax`.

    The past before the first sample is zero activations in every layer; the first input is the level of silence.

    Parameters
    ----------
    dim : channels of the latents
    hop_samples : samples per latent
    dilations : of each layer, in samples
    kernel_size : taps of each dilated convolution
    residual_channels, skip_channels : width of the residual and of the output path
    condition_channels, condition_kernel, condition_upsampling : see `Conditioner`; the upsampling must divide the hop
    speakers : number of speakers; 0 for none
    """

    def __init__(
        self,
        *,
        dim: int,
        hop_samples: int,
        dilations: Sequence[int],
        kernel_size: int = 2,
        residual_channels: int = 64,
        skip_channels: int = 256,
        condition_channels: int = 64,
        condition_kernel: int = 3,
        condition_upsampling: int = 1,
        speakers: int = 0,
    ) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        self.dilations = tuple(dilations)
        self.kernel_size = kernel_size
        self.residual_channels = residual_channels
        self.condition_samples = hop_samples // condition_upsampling
        layers, width = len(self.dilations), residual_channels
        self.conditioner = Conditioner(
            dim, condition_channels, kernel=condition_kernel, upsampling=condition_upsampling, speakers=speakers
        )
        self.condition = nn.Linear(condition_channels, layers * 2 * width)
        self.embedding = nn.Embedding(LEVELS, width)
        self.gates = nn.ParameterList(
            nn.Parameter(torch.randn(kernel_size, width, 2 * width) / math.sqrt(kernel_size * width))
            for _ in self.dilations
        )
        self.residual = nn.ModuleList(nn.Linear(width, width) for _ in self.dilations[1:])
        self.skip = nn.Linear(layers * width, skip_channels)
        self.hidden = nn.Linear(skip_channels, skip_channels)
        self.logits = nn.Linear(skip_channels, LEVELS)
        with torch.no_grad():
            self.embedding.weight.copy_(_smooth_rows(width))

    @property
    def receptive_field(self) -> int:
        """Past samples that the distribution of one sample depends on."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Weights of gates, residual and skip paths: all but embedding, conditions and logits; the last dimension is the output of gates."""
        mixes = [layer.weight for layer in self.residual if isinstance(layer, nn.Linear)]
        return [*self.gates, *mixes, self.skip.weight, self.hidden.weight]

    def conditions(self, latents: Tensor, speaker: Tensor | None, *, with_margin: bool = False) -> Tensor:
        """What every layer adds to its gates, per conditioning frame: (batch, frames * upsampling, layers, 2 * residual_channels).

        One conditioning frame holds for ``condition_samples`` samples. Arguments as in `Conditioner.forward`.
        """
        frames = self.conditioner(latents, speaker, with_margin=with_margin)
        return self.condition(frames).unflatten(-1, (len(self.dilations), 2 * self.residual_channels))

    def forward(self, past: Tensor, latents: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Logits of every sample given the samples before it.

        Parameters
        ----------
        past : (batch, time) int64 mu-law levels, entry t is sample t - 1; time a multiple of ``hop_samples``
        latents : (batch, dim, time / hop_samples)
        speaker : (batch,) int64, or None

        Returns
        -------
        (batch, 256, time)
        """
        return self.logits(self._output(past, self.conditions(latents, speaker))).transpose(1, 2)

    def negative_log_likelihood(self, levels: Tensor, conditions: Tensor, past: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each sample, teacher-forced, in nats.

        Parameters
        ----------
        levels : (batch, time) int64 mu-law levels, time a multiple of ``condition_samples``
        conditions : of these samples, as `conditions` gives them
        past : (batch, time) levels shifted by one; taken from `levels` with silence before the first sample when None

        Returns
        -------
        (batch, time) float32
        """
        if past is None:
            past = F.pad(levels[:, :-1], (1, 0), value=ZERO_LEVEL)
        output = self._output(past, conditions).flatten(0, 1)
        return softmax_nll(output, self.logits.weight, self.logits.bias, levels.flatten()).view(levels.shape)

    def _output(self, past: Tensor, conditions: Tensor) -> Tensor:
        """(batch, time) levels and (batch, frames, layers, 2 * width) conditions to what the logits are a product of."""
        hidden = self.embedding(past)
        if torch.is_autocast_enabled(past.device.type):
            hidden = hidden.to(torch.get_autocast_dtype(past.device.type))
        gated = gated_stack(
            hidden,
            conditions,
            list(self.gates),
            [(layer.weight, layer.bias) for layer in self.residual if isinstance(layer, nn.Linear)],
            self.dilations,
        )
        skip = F.linear(gated, 0.5 * self.skip.weight.to(gated.dtype), self.skip.bias.to(gated.dtype))
        return F.relu(self.hidden(F.relu(skip)))


def _smooth_rows(width: int) -> Tensor:
    """Random rows for the levels, (256, width), alike for neighbouring levels: mixtures of smooth functions of the level.

    Independent rows have to learn from the data that levels are ordered: 0.4 bit/sample behind after 400 steps of the demo recipe.
    """
    level = torch.linspace(-1, 1, LEVELS)  # companded, -1 to 1
    amplitude = level.sign() * ((LEVELS ** level.abs()) - 1) / (LEVELS - 1)
    waves = [torch.cos(math.pi / 2 * k * (level + 1)) for k in range(1, 7)]
    return torch.stack([2 * level, 4 * amplitude, *waves], 1) @ (0.3 * torch.randn(8, width))
