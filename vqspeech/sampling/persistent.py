"""Buffers and weights of the persistent kernel: the same steps as `step.Step`, as many at once as there are samples to draw."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet

STREAMS = 16
"""Streams of one program: the fewest that tensor cores take."""

WARPS = 8
"""Warps of one program."""


class PersistentStep:
    """What `step.Step` does, by `persistent_kernel.draw`: one launch however many samples.

    Weights go through the second-level cache once per sample and program. With ``"fp32"`` a product is three TF32 products, which is
    exact to float32 rounding; with ``"bf16"`` it is one, of weights that are stored in bfloat16.

    Arguments and methods as in `step.Step`.
    """

    def __init__(
        self, decoder: WaveNet, streams: int, device: torch.device, *, weights: str = "fp32", frames: int = 1
    ) -> None:
        layers, taps = len(decoder.dilations), decoder.kernel_size
        self._width, self._skip = (
            _power_of_two(size) for size in (decoder.residual_channels, decoder.skip.out_features)
        )
        self._real_width = decoder.residual_channels
        self.condition_samples = decoder.condition_samples
        self._programs = -(-max(1, streams) // STREAMS)
        self._streams = self._programs * STREAMS
        dtype = torch.bfloat16 if weights == "bf16" else torch.float32
        width, skip, real = self._width, self._skip, self._real_width

        def padded(tensor: Tensor, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            """Zeros behind the last dimensions up to a shape."""
            missing = [size - have for size, have in zip(shape, tensor.shape[-len(shape) :], strict=True)]
            ends = [number for gap in reversed(missing) for number in (0, gap)]
            return F.pad(tensor.detach().to(device, torch.float32), ends).to(dtype).contiguous()

        def buffer(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=device)

        def linear(layer: nn.Module) -> tuple[Tensor, Tensor]:
            assert isinstance(layer, nn.Linear)
            return layer.weight.T, layer.bias

        gates = torch.stack(list(decoder.gates)).unflatten(-1, (2, real)).permute(0, 1, 3, 2, 4)
        residual = [linear(layer) for layer in decoder.residual]
        nothing = torch.zeros(real, real, device=gates.device), torch.zeros(real, device=gates.device)
        residual.append(nothing)  # the last layer has no residual path
        (to_skip, skip_bias), (inner, inner_bias), (last, last_bias) = (
            linear(layer) for layer in (decoder.skip, decoder.hidden, decoder.logits)
        )
        biases = [padded(skip_bias, skip), padded(inner_bias, skip), padded(last_bias, LEVELS)]
        self._weights = {
            "embedding": padded(decoder.embedding.weight, width),
            "gates": padded(gates, width, width, dtype=dtype),
            "residual": padded(torch.stack([weight for weight, _ in residual]), width, width, dtype=dtype),
            "residual_bias": padded(torch.stack([bias for _, bias in residual]), width),
            "skip": padded(to_skip.unflatten(0, (layers, real)), width, skip, dtype=dtype),
            "inner": padded(inner, skip, skip, dtype=dtype),
            "last": padded(last, skip, LEVELS, dtype=dtype),
            "head_bias": torch.cat(biases),
        }
        dilations = torch.tensor(decoder.dilations, dtype=torch.int64)
        lengths = (taps - 1) * dilations + 1
        time = frames * self.condition_samples
        self._state = {
            "level_of": buffer(self._streams, dtype=torch.int64),
            "rings": buffer(int(lengths.sum()), self._streams, width),
            "starts": (lengths.cumsum(0) - lengths).to(device),
            "dilations": dilations.to(device),
            "scratch": buffer(self._streams, skip),
        }
        self._conditions = buffer(frames, layers, 2, self._streams, width)
        self._uniforms = buffer(time, self._streams, dtype=torch.float64)
        self._levels = buffer(time, self._streams, dtype=torch.int64)
        self._temperature = buffer(1, dtype=torch.float64)
        self._shape: dict[str, Any] = {
            "LAYERS": layers, "TAPS": taps, "WIDTH": width, "SKIP": skip, "STREAMS": STREAMS,
            "PRECISION": "tf32" if weights == "bf16" else "tf32x3",
        }  # fmt: skip
        self._place = self._clock = 0
        self._greedy = False
        self.reset()

    @property
    def capacity(self) -> int:
        """Samples that fit between two calls of `begin`."""
        return len(self._uniforms)

    def reset(self) -> None:
        """To silence, before the first sample."""
        self._state["rings"].zero_()
        self._state["level_of"].fill_(ZERO_LEVEL)
        self._clock = self._place = 0

    def begin(self, conditions: Tensor, uniforms: Tensor, temperature: float) -> None:
        """What the next samples are drawn with; see `Step.begin`."""
        rows, frames = conditions.shape[:2]
        ready = conditions.unflatten(-1, (2, self._real_width)).permute(1, 2, 3, 0, 4)
        self._conditions[:frames, :, :, :rows, : self._real_width].copy_(ready)
        self._uniforms[: uniforms.shape[1], :rows].copy_(uniforms.T)
        self._temperature.fill_(temperature or 1.0)
        self._greedy, self._place = temperature == 0, 0

    def advance(self, samples: int) -> None:
        """Draw so many samples of every stream, from a frame's first sample on."""
        self._launch(samples, self._levels, self._levels, forced=False)

    def drawn(self, rows: int, time: int) -> Tensor:
        """The samples since `begin`, (rows, time) int64 in the memory of the host."""
        return self._levels[:time, :rows].T.to("cpu", copy=True)

    def forced(self, level: Tensor) -> Tensor:
        """Logits (streams, 256) of the next sample, which then is `level` (streams,)."""
        self._levels[0, : len(level)].copy_(level)
        seen = torch.zeros(1, self._streams, LEVELS, device=level.device)
        self._launch(1, self._levels, seen, forced=True)
        return seen[0, : len(level)]

    def _launch(self, samples: int, levels: Tensor, seen: Tensor, *, forced: bool) -> None:
        from vqspeech.sampling.persistent_kernel import draw

        draw[(self._programs,)](
            conditions=self._conditions,
            uniforms=self._uniforms,
            temperature=self._temperature,
            levels=levels,
            seen=seen,
            clock=self._clock,
            count=samples,
            condition_samples=self.condition_samples,
            streams=self._streams,
            GREEDY=self._greedy,
            FORCED=forced,
            num_warps=WARPS,
            num_stages=1,
            **self._state,
            **self._weights,
            **self._shape,
        )
        self._clock += samples


def _power_of_two(size: int) -> int:
    return max(16, 1 << (size - 1).bit_length())
