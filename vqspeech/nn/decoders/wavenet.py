"""The WaveNet decoder: dilated causal convolutions, conditioned on codes and speaker."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.decoders.compiled import Compiled
from vqspeech.nn.decoders.conditioner import Conditioner
from vqspeech.nn.decoders.dilated import dilated_taps, residual_block
from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL, mu_law_encode, smooth_rows
from vqspeech.nn.decoders.protocol import MAIN, Decoder
from vqspeech.nn.decoders.wavenet_cpu import Affine, Weights, fused_nll
from vqspeech.nn.decoders.wavenet_triton import TritonLikelihood
from vqspeech.nn.perturb import noisy
from vqspeech.nn.pieces import number_of_pieces
from vqspeech.nn.share import at_least_one

PLAIN, FUSED, COMPILED, TRITON = "plain", "fused cpu", "plain compiled", "fused triton"
"""Ways to compute the loss of a `WaveNet`; see there."""


class WaveNet(Decoder):
    """A WaveNet over mu-law levels (van den Oord et al. 2016, arXiv 1609.03499).

    Each layer is a `residual_block`. The skip paths of all layers are one product over the concatenated z, followed by
    ReLU, a product, ReLU, and the logits of 256 levels. Tensors are (batch, time, channels) inside, and every
    convolution is a matrix product. Before the first sample activations are zero; the first input is the level of
    silence.

    `negative_log_likelihood` is computed in one of four ways, which differ by rounding only:

    - ``"fused triton"``: the kernels of `vqspeech.nn.decoders.gated_triton`, when gradients are computed on a CUDA
      device, `compilation` is ``"auto"`` and they fit;
    - ``"plain compiled"``: these layers and the cross-entropy under `torch.compile`, when gradients are computed and
      `compilation` includes the device otherwise;
    - ``"fused cpu"``: hand-written passes in float32 and bfloat16, see `vqspeech.nn.decoders.wavenet_cpu`;
    - ``"plain"``: these layers, in every other case.

    Parameters
    ----------
    dim : channels of the latents
    hop_samples : samples per latent
    dilations : dilations of each layer, in samples
    kernel_size : taps of each dilated convolution
    residual_channels, skip_channels : width of the residual and of the output path
    condition_channels, condition_kernel, condition_upsampling : see `Conditioner`; the upsampling must divide the hop
    speakers : number of speakers; 0 for none
    sample_rate : rate of the waveform, in Hz
    past_noise : most noise, in levels, on the past samples in training; see `vqspeech.nn.perturb.noisy`

    Attributes
    ----------
    compilation : ``"auto"`` compiles on CUDA devices, True on every device, False on none
    computation : the one that computed the last loss with gradients; empty before the first
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
        sample_rate: int = 16_000,
        past_noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.hop_samples = hop_samples
        self.past_noise = past_noise
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
        self.compilation: Literal["auto", True, False] = False
        self.computation = ""
        self._compiled, self._triton = Compiled(_plain_nll), TritonLikelihood(_plain_nll, _head_nll)
        with torch.no_grad():
            self.embedding.weight.copy_(smooth_rows(width))

    @property
    def receptive_field(self) -> int:
        """Past samples that the distribution of one sample depends on."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    @property
    def speaker_embedding(self) -> nn.Embedding | None:
        """The table of speakers (speakers, condition_channels); None without speakers."""
        return self.conditioner.speaker

    def pieces(self, batch: int, samples: int) -> int:
        """Return the number of pieces that ``"fused cpu"`` computes a batch of windows of `samples` in."""
        return number_of_pieces(batch, samples, self.residual_channels)

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the weights of gates, residual and skip paths; gates have the output last."""
        mixes = [layer.weight for layer in self.residual if isinstance(layer, nn.Linear)]
        return [*self.gates, *mixes, self.skip.weight, self.hidden.weight]

    def conditions(self, latents: Tensor, speaker: Tensor | None, *, with_margin: bool = False) -> Tensor:
        """Compute V c of every layer, (batch, frames * upsampling, layers, 2 * residual_channels).

        One conditioning frame holds for ``condition_samples`` samples. Arguments as in `Conditioner.forward`.
        """
        frames = self.conditioner(latents, speaker, with_margin=with_margin)
        return self.condition(frames).unflatten(-1, (len(self.dilations), 2 * self.residual_channels))

    def forward(self, past: Tensor, latents: Tensor, speaker: Tensor | None = None) -> Tensor:
        """Compute the logits of every sample given the samples before it.

        Parameters
        ----------
        past : (batch, time) int64 mu-law levels, entry t is sample t - 1; time a multiple of ``hop_samples``
        latents : (batch, dim, time / hop_samples)
        speaker : (batch,) int64, or None

        Returns
        -------
        (batch, 256, time)
        """
        x, conditions = self._inputs(past, self.conditions(latents, speaker))
        return self.head(self.stack(x, conditions)).transpose(1, 2)

    def layer(self, index: int, x: Tensor, taps: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the `residual_block` with this index."""
        residual = self.residual[index] if index < len(self.residual) else None
        return residual_block(x, taps, condition, self.gates[index], residual)

    def stack(self, x: Tensor, conditions: Tensor) -> Tensor:
        """Concatenate the outputs z of all layers: (batch, time, width) to (batch, time, layers * width)."""
        outputs = []
        for index, dilation in enumerate(self.dilations):
            z, x = self.layer(index, x, dilated_taps(x, self.kernel_size, dilation), conditions[:, :, index])
            outputs.append(z)
        return torch.cat(outputs, -1)

    def head(self, z: Tensor) -> Tensor:
        """Compute logits (..., 256) from the outputs of all layers, (..., layers * width)."""
        return self.logits(F.relu(self.hidden(F.relu(self.skip(z)))))

    def negative_log_likelihood(
        self, levels: Tensor, conditions: Tensor, past: Tensor | None = None, *, computation: str | None = None
    ) -> Tensor:
        """Compute the teacher-forced negative log-likelihood of each sample, in nats.

        Parameters
        ----------
        levels : (batch, time) int64 mu-law levels, time a multiple of ``condition_samples``
        conditions : conditions of these samples, as `conditions` gives them
        past : (batch, time) levels shifted by one; None shifts `levels`, with silence before the first sample
        computation : one of the four ways; chosen by device, dtype and `compilation` when None

        Returns
        -------
        (batch, time) float32
        """
        if past is None:
            past = F.pad(levels[:, :-1], (1, 0), value=ZERO_LEVEL)
        chosen = computation or self._choose(past)
        if chosen != FUSED:
            inputs = (*self._inputs(past, conditions), levels)
            chosen = computation or self._possible(chosen, *inputs)
        self.computation = chosen if torch.is_grad_enabled() else self.computation
        if chosen == FUSED:
            return self._fused_nll(past, conditions, levels)
        ways: dict[str, Callable[..., Tensor]] = {TRITON: self._triton, COMPILED: self._compiled}
        return ways.get(chosen, _plain_nll)(self, *inputs)

    def losses(
        self, z_q: Tensor, batch: SpeechBatch, generator: torch.Generator | None = None, *, group: str = MAIN
    ) -> dict[str, Tensor]:
        """Compute ``nll``, the negative log-likelihood of the crops' windows in nats per real sample.

        With a generator the past samples carry noise (`past_noise`).
        """
        nll, real = self.window_nll(z_q, batch, generator)
        samples = real.sum() if batch.share is None else batch.share.samples
        return {"nll": real_sum(nll, real) / at_least_one(samples)}

    def window_nll(
        self, z_q: Tensor, batch: SpeechBatch, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the negative log-likelihood of the windows in nats, and which samples are real; (batch, time)."""
        hop, frames, margin = self.hop_samples, batch.window_frames, self.conditioner.margin
        rows = torch.arange(len(batch.waveform), device=z_q.device)[:, None]
        columns = batch.window_start[:, None] + torch.arange(-margin, frames + margin, device=z_q.device)
        inside = (columns >= 0) & (columns < z_q.shape[-1])
        latents = z_q.transpose(1, 2)[rows, columns.clamp(0, z_q.shape[-1] - 1)] * inside[..., None]
        conditions = self.conditions(latents.transpose(1, 2), batch.speaker, with_margin=True)

        positions = batch.window_start[:, None] * hop + torch.arange(frames * hop, device=z_q.device)
        levels = mu_law_encode(batch.waveform)
        window = levels[rows, positions]
        before = torch.where(positions > 0, levels[rows, (positions - 1).clamp_min(0)], ZERO_LEVEL)
        if generator is not None and self.past_noise > 0:
            before = noisy(before, self.past_noise, generator, batch.share)
        nll = self.negative_log_likelihood(window, conditions, before)
        return nll, positions < batch.lengths[:, None]

    def _fused_nll(self, past: Tensor, conditions: Tensor, levels: Tensor) -> Tensor:
        layers = (*self.residual, self.skip, self.hidden, self.logits)
        linear = [Affine(layer.weight, layer.bias) for layer in layers if isinstance(layer, nn.Linear)]
        weights = Weights(self.embedding.weight, list(self.gates), linear)
        return fused_nll(past, conditions, levels, weights, self.dilations, self._dtype(past))

    def _inputs(self, past: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the input of the first layer, (batch, time, width), and the conditions."""
        dtype = self._dtype(past)
        return self.embedding(past).to(dtype), conditions.to(dtype)

    def _dtype(self, past: Tensor) -> torch.dtype:
        """Return the dtype to compute in."""
        device = past.device.type
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.embedding.weight.dtype

    def _choose(self, past: Tensor) -> str:
        """Return the computation for these levels."""
        if torch.is_grad_enabled() and (self.compilation is True or (self.compilation == "auto" and past.is_cuda)):
            fused = self.compilation == "auto" and self._triton.fits(self.residual_channels, self._dtype(past))
            return TRITON if fused else COMPILED
        fits = past.device.type == "cpu" and self._dtype(past) in (torch.float32, torch.bfloat16)
        return FUSED if fits and past.numel() else PLAIN

    def _possible(self, chosen: str, *inputs: Tensor) -> str:
        """Return the chosen way, or what takes its place where it fails; new shapes are compiled here."""
        if chosen == TRITON and not self._triton.ready(self, *inputs):
            chosen = COMPILED
        if chosen == COMPILED and not self._compiled.ready(self, *inputs, required=inputs[0].device.type == "cpu"):
            chosen = PLAIN
        return chosen


def real_sum(nll: Tensor, real: Tensor) -> Tensor:
    """Sum nll where real is True; selecting, whose order of sums CPUs keep, would wait for a GPU."""
    return nll[real].sum() if nll.device.type == "cpu" else torch.where(real, nll, 0).sum()


def _plain_nll(decoder: WaveNet, x: Tensor, conditions: Tensor, levels: Tensor) -> Tensor:
    """Compute the negative log-likelihood (batch, time) by the plain layers, to be compiled."""
    return _head_nll(decoder, decoder.stack(x, conditions), levels)


def _head_nll(decoder: WaveNet, z: Tensor, levels: Tensor) -> Tensor:
    """Compute it from the outputs of all layers, (batch, time, layers * width)."""
    logits = decoder.head(z).flatten(0, 1)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(logits, levels.flatten(), reduction="none").view(levels.shape)
