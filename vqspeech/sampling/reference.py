"""The reference engine: one sample at a time, with a ring buffer per layer."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet


class ReferenceSampler:
    """Draws samples of a batch of streams (Paine et al. 2016, arXiv 1611.09482).

    It keeps the inputs of each layer for the last (kernel_size - 1) * dilation samples. A further call continues the
    streams.

    Parameters
    ----------
    decoder : the network; its weights are copied
    batch : number of streams
    dtype : type of all computation, torch.float32 or torch.float64
    """

    name = "reference"

    def __init__(self, decoder: WaveNet, batch: int, dtype: torch.dtype = torch.float32) -> None:
        self._decoder = copy.deepcopy(decoder).to("cpu", dtype).requires_grad_(False)
        self.condition_samples = decoder.condition_samples
        spans = [(decoder.kernel_size - 1) * dilation for dilation in decoder.dilations]
        self._rings = [torch.zeros(span, batch, decoder.residual_channels, dtype=dtype) for span in spans]
        self._level = torch.full((batch,), ZERO_LEVEL)
        self._time = 0

    @torch.inference_mode()
    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """Draw the next samples of every stream, or of the first.

        Parameters
        ----------
        conditions : (batch, frames, layers, 2 * width), as `WaveNet.conditions` gives them
        uniforms : (batch, time) float64 in [0, 1), time <= frames * condition_samples; sample t is where the cumulative
            distribution passes uniforms[:, t]
        temperature : divides the logits; 0 takes the most likely level

        Returns
        -------
        (batch, time) int64 mu-law levels
        """
        rows = conditions.to("cpu", self._decoder.embedding.weight.dtype).permute(1, 2, 0, 3).contiguous()
        levels = torch.empty(uniforms.shape, dtype=torch.int64)
        self._level = self._level[: len(uniforms)]
        for time in range(uniforms.shape[1]):
            logits = self.logits(rows[time // self.condition_samples])
            levels[:, time] = self._level = choose(logits, uniforms[:, time], temperature)
        return levels

    def logits(self, condition: Tensor) -> Tensor:
        """Compute logits (batch, 256) from a condition (layers, batch, 2 * width); advance one step."""
        decoder, outputs = self._decoder, []
        x = decoder.embedding(self._level)[:, None]
        for index, (dilation, ring) in enumerate(zip(decoder.dilations, self._rings, strict=True)):
            span, now = len(ring), x
            past = [ring[(self._time - lag) % span, : len(x)][:, None] for lag in range(span, 0, -dilation)]
            z, x = decoder.layer(index, now, torch.cat([*past, now], -1), condition[index][:, None])
            outputs.append(z)
            if span:
                ring[self._time % span, : len(x)] = now[:, 0]
        self._time += 1
        return decoder.head(torch.cat(outputs, -1))[:, 0]


def choose(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Draw levels (batch,) where the cumulative softmax passes `uniform` (batch,)."""
    return logits.argmax(1) if temperature == 0 else pass_uniform(logits, uniform, temperature)


def pass_uniform(logits: Tensor, uniform: Tensor, temperature: float | Tensor) -> Tensor:
    """Draw levels as `choose` does, with a temperature above 0, number or tensor."""
    logits = logits.double()
    # the most likely level keeps 0 after division by any temperature
    below = logits - logits.max(1, keepdim=True).values
    cumulative = F.softmax(below / temperature, 1).cumsum(1)
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(1).clamp_max(LEVELS - 1)
