"""The reference engine: a WaveNet one sample at a time in PyTorch, with the past of every layer kept in a ring."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet


class ReferenceSampler:
    """Draws samples of a batch of streams; the work per sample does not grow with time (Paine et al. 2016, arXiv 1611.09482).

    It keeps, for each layer, the activations of the last (kernel_size - 1) * dilation samples, and may be called again and again: the streams
    go on where the last call ended.

    Parameters
    ----------
    decoder : the network; its weights are copied
    batch : number of streams
    dtype : of all computation, torch.float32 or torch.float64
    """

    name = "reference"

    def __init__(self, decoder: WaveNet, batch: int, dtype: torch.dtype = torch.float32) -> None:
        width, taps = decoder.residual_channels, decoder.kernel_size

        def copied(tensor: Tensor) -> Tensor:
            return tensor.detach().to("cpu", dtype, copy=True)

        def linear(layer: nn.Module) -> tuple[Tensor, Tensor]:
            assert isinstance(layer, nn.Linear)
            return copied(layer.weight).T.contiguous(), copied(layer.bias)

        self.condition_samples = decoder.condition_samples
        self._embedding = copied(decoder.embedding.weight)
        self._gates = [copied(weight).flatten(0, 1) for weight in decoder.gates]
        self._residual = [linear(layer) for layer in decoder.residual]
        self._head = [linear(layer) for layer in (decoder.skip, decoder.hidden, decoder.logits)]
        self._dilations = decoder.dilations
        self._taps = taps
        self._rings = [
            torch.zeros(max(1, (taps - 1) * dilation), batch, width, dtype=dtype) for dilation in decoder.dilations
        ]
        self._level = torch.full((batch,), ZERO_LEVEL)
        self._time = 0

    @torch.inference_mode()
    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """The next samples of every stream; with fewer rows than streams, only the first streams go on, for good.

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
        rows = conditions.to("cpu", self._embedding.dtype).permute(1, 2, 0, 3).contiguous()
        levels = torch.empty(uniforms.shape, dtype=torch.int64)
        self._level = self._level[: len(uniforms)]
        for time in range(uniforms.shape[1]):
            logits = self.logits(rows[time // self.condition_samples])
            levels[:, time] = self._level = choose(logits, uniforms[:, time], temperature)
        return levels

    def logits(self, condition: Tensor) -> Tensor:
        """Logits (batch, 256) of the next sample, given its condition (layers, batch, 2 * width); the past moves on by one sample."""
        hidden = self._embedding[self._level]
        rows, gated = len(hidden), []
        for layer, (dilation, ring) in enumerate(zip(self._dilations, self._rings, strict=True)):
            span = (self._taps - 1) * dilation
            taps = [ring[(self._time - lag) % span, :rows] for lag in range(span, 0, -dilation)]
            gates = torch.addmm(condition[layer], torch.cat([*taps, hidden], 1), self._gates[layer])
            if span:
                ring[self._time % span, :rows] = hidden
            signal, gate = gates.chunk(2, 1)
            gated.append(torch.tanh(signal) * torch.sigmoid(gate))
            if layer < len(self._residual):
                weight, bias = self._residual[layer]
                hidden = hidden + torch.addmm(bias, gated[-1], weight)
        self._time += 1
        output = torch.cat(gated, 1)
        (skip, skip_bias), (inner, inner_bias), (last, last_bias) = self._head
        output = F.relu(torch.addmm(skip_bias, output, skip))
        output = F.relu(torch.addmm(inner_bias, output, inner))
        return torch.addmm(last_bias, output, last)


def choose(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Levels (batch,) where the cumulative distribution of softmax(logits / temperature) passes `uniform` (batch,); in float64."""
    return logits.argmax(1) if temperature == 0 else pass_uniform(logits, uniform, temperature)


def pass_uniform(logits: Tensor, uniform: Tensor, temperature: float | Tensor) -> Tensor:
    """`choose` for a temperature above 0, which may be a tensor that only the device knows."""
    logits = logits.double()
    below = logits - logits.max(1, keepdim=True).values  # divided by however little, the most likely level keeps its 0
    cumulative = F.softmax(below / temperature, 1).cumsum(1)
    return (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(1).clamp_max(LEVELS - 1)
