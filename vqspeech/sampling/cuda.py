"""The CUDA engine: replays a CUDA graph of sixteen samples for many streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vqspeech.errors import unknown_name
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.packing import WEIGHTS
from vqspeech.sampling.step import Step

WAYS = ("graph", "eager")
"""How samples are drawn: see `CudaSampler`."""

REPLAYED_SAMPLES = 16
"""Samples per graph: enough that the host does less than the device."""

CONDITION_BYTES = 256 * 2**20
"""Limit of the memory for conditions on the device; further frames are drawn in turns."""

WARM_UPS = 3
"""Runs before recording, in which libraries choose kernels and allocate memory."""


class CudaSampler:
    """Draws samples of a batch of streams as `ReferenceSampler` does, up to rounding.

    Libraries choose kernels by the size of a product, so the bits of a stream depend on the size of its batch.

    Parameters
    ----------
    decoder : the network; its weights are copied
    batch : number of streams
    weights : ``"fp32"``, or ``"bf16"``: rounded to bfloat16 and multiplied by tensor cores, which round the other
        factor to 10 bits of mantissa (TF32); all sums are float32
    device : a CUDA device; None for the decoder's or the current one. Elsewhere operations run one by one, for tests
    way : ``"graph"`` replays the operations of `step.Step`; ``"eager"`` runs them one by one

    Raises
    ------
    RuntimeError : a device that cannot record a graph, or has too little memory
    """

    name = "cuda"

    def __init__(
        self,
        decoder: WaveNet,
        batch: int,
        *,
        weights: str = "fp32",
        device: torch.device | str | None = None,
        way: str = "graph",
    ) -> None:
        if weights not in WEIGHTS:
            raise unknown_name("storage of weights", weights, WEIGHTS)
        if way not in WAYS:
            raise unknown_name("way of drawing", way, WAYS)
        if device is None:
            own = decoder.embedding.weight.device
            device = own if own.type == "cuda" else torch.device("cuda", torch.cuda.current_device())
        self._device = torch.device(device)
        self._tensor_cores = weights == "bf16"
        frame_bytes = 4 * max(1, batch) * len(decoder.dilations) * 2 * decoder.residual_channels
        fewest = -(-REPLAYED_SAMPLES // decoder.condition_samples)
        self._frames = max(fewest, min(32, CONDITION_BYTES // frame_bytes))
        self._step = Step(decoder, batch, self._device, weights=weights, frames=self._frames)
        self._graph = self._record() if way == "graph" and self._device.type == "cuda" else None

    @torch.inference_mode()
    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """Draw the next samples of every stream, or of the first; see `ReferenceSampler.draw`."""
        rows, time = uniforms.shape
        levels = torch.empty(rows, time, dtype=torch.int64)
        with self._on_device():
            for first in range(0, time, self._step.capacity):
                last = min(first + self._step.capacity, time)
                frame = first // self._step.condition_samples
                self._step.begin(conditions[:, frame : frame + self._frames], uniforms[:, first:last], temperature)
                rest = last - first
                while self._graph is not None and rest >= REPLAYED_SAMPLES:
                    self._graph.replay()
                    rest -= REPLAYED_SAMPLES
                if rest:
                    self._step.advance(rest)
                levels[:, first:last] = self._step.drawn(rows, last - first)
        return levels

    @torch.inference_mode()
    def logits(self, conditions: Tensor, levels: Tensor) -> Tensor:
        """Return logits (batch, time, 256) of the next samples, which become `levels` (batch, time)."""
        seen, given = [], levels.to(self._device)
        with self._on_device():
            for time in range(levels.shape[1]):
                frame, place = divmod(time, self._step.condition_samples)
                if place == 0:
                    self._step.begin(conditions[:, frame : frame + 1], given[:, :1].double(), 1.0)
                seen.append(self._step.forced(given[:, time]))
        return torch.stack(seen, 1).cpu()

    @torch.inference_mode()
    def _record(self) -> torch.cuda.CUDAGraph:
        with self._on_device():
            side_stream, here = torch.cuda.Stream(), torch.cuda.current_stream()
            side_stream.wait_stream(here)
            with torch.cuda.stream(side_stream):
                for _ in range(WARM_UPS):
                    self._step.advance(REPLAYED_SAMPLES)
                    self._step.reset()
            here.wait_stream(side_stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._step.advance(REPLAYED_SAMPLES)
            torch.cuda.synchronize()
        return graph

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """Compute on this device, with float32 products in float32 or TF32."""
        if self._device.type != "cuda":
            yield
            return
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high" if self._tensor_cores else "highest")
        try:
            with torch.cuda.device(self._device):
                yield
        finally:
            torch.set_float32_matmul_precision(before)
