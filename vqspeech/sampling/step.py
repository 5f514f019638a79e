"""Sampling as a fixed sequence of tensor operations, for a CUDA graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vqspeech.nn.decoders.mulaw import ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.reference import pass_uniform


class Step:
    """Draws samples of streams on the device, without synchronising with the host.

    A GPU spends its time between operations, so there are as few as possible:

    - Past taps of all layers are one batched product, since they depend on earlier samples only.
    - Skip paths of all layers are one product over the concatenated gated outputs; rings are read and written once per
      sample.
    - Residual biases need no operation. Layer l works on h - c, where c is the sum of the biases before it: the effect
      of c on its gates is added to the conditions, and the past before the first sample, h = 0, is -c.

    Parameters
    ----------
    decoder : the network; its weights are copied
    streams : number of streams
    device : device of all buffers
    weights : ``"fp32"``, or ``"bf16"``: rounded to bfloat16, with all sums in float32
    frames : conditioning frames for which `conditions` has room
    """

    def __init__(
        self, decoder: WaveNet, streams: int, device: torch.device, *, weights: str = "fp32", frames: int = 1
    ) -> None:
        layers, width, taps = len(decoder.dilations), decoder.residual_channels, decoder.kernel_size

        def copied(tensor: Tensor) -> Tensor:
            return tensor.detach().to(device, torch.float32, copy=True)

        def matrix(tensor: Tensor) -> Tensor:
            return copied(tensor).bfloat16().float() if weights == "bf16" else copied(tensor)

        def linear(layer: nn.Module) -> tuple[Tensor, Tensor]:
            assert isinstance(layer, nn.Linear)
            return matrix(layer.weight).T.contiguous(), copied(layer.bias)

        def buffer(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        def whole(numbers: list[int]) -> Tensor:
            return torch.tensor(numbers, dtype=torch.int64, device=device)

        self.condition_samples = decoder.condition_samples
        self._width = width
        self._embedding = copied(decoder.embedding.weight)
        # (layers, taps, width, 2 * width)
        gates = matrix(torch.stack(list(decoder.gates)))
        self._past, self._now = gates[:, :-1].transpose(0, 1).contiguous(), gates[:, -1].contiguous()
        residual = [linear(layer) for layer in decoder.residual]
        self._residual = [weight for weight, _ in residual]
        self._head = [linear(layer) for layer in (decoder.skip, decoder.hidden, decoder.logits)]
        biases = torch.stack([torch.zeros(width, device=device), *(bias for _, bias in residual)])
        self._shift = biases.cumsum(0)[:, None]
        # (layers, 1, 2 * width)
        self._offset = self._shift @ gates.sum(1)

        spans = [(taps - 1) * dilation for dilation in decoder.dilations]
        self._spans = whole(spans)
        self._starts = self._spans.cumsum(0) - self._spans
        self._lags = whole(list(range(taps - 1)))[:, None] * whole(list(decoder.dilations))
        # One (span, streams, width) per layer, one after the other.
        self._rings = buffer(sum(spans), streams, width)
        self._hidden = buffer(layers, streams, width)
        self._gates = buffer(layers, streams, 2 * width)
        self._gated = buffer(streams, layers * width)
        self._level = buffer(streams, dtype=torch.int64)
        self._clock = buffer(1, dtype=torch.int64)
        self._place = buffer(1, dtype=torch.int64)
        self._temperature = buffer(1, dtype=torch.float64)
        self._greedy = buffer(1, dtype=torch.bool)
        self._conditions = buffer(frames, layers, streams, 2 * width)
        self._uniforms = buffer(frames * self.condition_samples, streams, dtype=torch.float64)
        self._levels = buffer(frames * self.condition_samples, streams, dtype=torch.int64)
        self.reset()

    @property
    def capacity(self) -> int:
        """Number of samples between two calls of `begin`."""
        return len(self._uniforms)

    def reset(self) -> None:
        """Reset to silence, before the first sample."""
        if len(self._rings):
            spans = self._spans.tolist()
            for ring, shift in zip(self._rings.split(spans), self._shift, strict=True):
                ring.copy_((-shift).expand_as(ring))
        self._level.fill_(ZERO_LEVEL)
        self._clock.zero_()
        self._place.zero_()

    def begin(self, conditions: Tensor, uniforms: Tensor, temperature: float) -> None:
        """Set conditions and random numbers of the next samples.

        Parameters
        ----------
        conditions : (rows, frames, layers, 2 * width)
        uniforms : (rows, time) float64, time <= `capacity`
        temperature : as in `reference.choose`
        """
        rows, frames = conditions.shape[:2]
        ready = conditions.to(self._conditions, non_blocking=True).permute(1, 2, 0, 3)
        torch.add(ready, self._offset, out=self._conditions[:frames, :, :rows])
        self._uniforms[: uniforms.shape[1], :rows].copy_(uniforms.T)
        self._temperature.fill_(temperature or 1.0)
        self._greedy.fill_(temperature == 0)
        self._place.zero_()

    def advance(self, samples: int) -> None:
        """Draw the next samples of every stream."""
        places, frames, slots = self._counters(samples)
        uniforms, drawn = self._uniforms.index_select(0, places), []
        for sample in range(samples):
            logits = self._logits(frames[sample : sample + 1], slots[sample])
            level = pass_uniform(logits, uniforms[sample], self._temperature)
            drawn.append(torch.where(self._greedy, logits.argmax(1), level))
            self._level.copy_(drawn[-1])
        self._levels.index_copy_(0, places, torch.stack(drawn))

    def drawn(self, rows: int, time: int) -> Tensor:
        """Return the samples since `begin`, (rows, time) int64 on the host."""
        return self._levels[:time, :rows].T.to("cpu", copy=True)

    def forced(self, level: Tensor) -> Tensor:
        """Return logits (streams, 256) of the next sample, and set it to `level` (streams,)."""
        _, frames, slots = self._counters(1)
        logits = self._logits(frames, slots[0])
        self._level.copy_(level)
        return logits

    def _counters(self, samples: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return places since `begin`, frames and slots (samples, taps - 1, layers) of the next samples."""
        steps = torch.arange(samples, device=self._place.device)
        places = self._place + steps
        times = (self._clock + steps)[:, None, None]
        slots = (times + self._lags) % self._spans + self._starts if len(self._lags) else times[:, :0]
        self._place += samples
        self._clock += samples
        return places, places // self.condition_samples, slots

    def _logits(self, frame: Tensor, slots: Tensor) -> Tensor:
        width, hidden, gates, gated = self._width, self._hidden, self._gates, self._gated
        torch.index_select(self._conditions, 0, frame, out=gates[None])
        for tap, weight in zip(slots, self._past, strict=True):
            gates.baddbmm_(self._rings.index_select(0, tap), weight)
        torch.index_select(self._embedding, 0, self._level, out=hidden[0])
        for layer, weight in enumerate(self._now):
            z = gated[:, layer * width : (layer + 1) * width]
            gates[layer].addmm_(hidden[layer], weight)
            gates[layer, :, :width].tanh_()
            torch.ops.aten.glu.out(gates[layer], 1, out=z)
            if layer < len(self._residual):
                torch.addmm(hidden[layer], z, self._residual[layer], out=hidden[layer + 1])
        if len(slots):
            # Into the slot of the oldest tap, which has been read.
            self._rings.index_copy_(0, slots[0], hidden)
        (skip, skip_bias), (inner, inner_bias), (last, last_bias) = self._head
        output = torch.addmm(skip_bias, gated, skip).relu_()
        output = torch.addmm(inner_bias, output, inner).relu_()
        return torch.addmm(last_bias, output, last)
