"""The CPU engine, in numba: streams over all cores, with ring buffers of the past."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vqspeech.errors import InputError, unknown_name
from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import kernel
from vqspeech.sampling.packing import WEIGHTS, Packed, aligned, pack


class Net(NamedTuple):
    """The network for `kernel.draw`: fields of `Packed`, and weights per number of `now`."""

    taps: int
    width: int
    padded_width: int
    skip: int
    padded_skip: int
    panel: int
    per_word: int
    now: np.ndarray
    past: np.ndarray
    residual_bias: np.ndarray
    head_bias: np.ndarray
    embedding: np.ndarray
    dilations: np.ndarray
    blocks: np.ndarray


class State(NamedTuple):
    """The state between samples, and scratch memory.

    Parameters
    ----------
    level : (streams,) int64, the last sample
    clock : (1,) int64, number of samples drawn
    rings : per layer (slots, streams, padded_width) hidden activations, slot t mod slots for sample t; flat
    ahead : per layer (streams, block, 2 * padded_width), the past taps' output for the samples of a block; flat
    x : scratch, inputs of the past taps of a block
    y, g, z : scratch, one row per stream: [hidden | skip sum], gates, gated
    head : scratch, (streams, padded_skip) hidden layer of the head, then (streams, 256) logits
    """

    level: np.ndarray
    clock: np.ndarray
    rings: np.ndarray
    ahead: np.ndarray
    x: np.ndarray
    y: np.ndarray
    g: np.ndarray
    z: np.ndarray
    head: np.ndarray


class CpuSampler:
    """Draws samples of a batch of streams as `ReferenceSampler` does, up to rounding.

    A single stream is limited by reading all weights once per sample; taps of the past are computed for up to eight
    samples at a time, since they depend only on samples that are at least a dilation old. Several streams share each
    weight that is read. A stream has the same bits in any batch and with any number of threads.

    Parameters
    ----------
    decoder : the network; its weights are copied
    batch : number of streams
    weights : ``"fp32"``, or ``"bf16"``: half the bytes to read, rounded to 8 bits of mantissa; all sums are float32
    threads : upper limit, each with its own streams; `torch.get_num_threads` when None
    """

    name = "cpu"

    def __init__(self, decoder: WaveNet, batch: int, *, weights: str = "fp32", threads: int | None = None) -> None:
        if weights not in WEIGHTS:
            raise unknown_name("storage of weights", weights, WEIGHTS)
        threads = torch.get_num_threads() if threads is None else threads
        if threads < 1:
            raise InputError(f"{threads} threads cannot sample; give 1 or more")
        self.condition_samples = decoder.condition_samples
        self.shards = max(1, min(threads, batch))
        # Streams r, r + shards, r + 2 shards, ... are drawn by thread r.
        self.packed = pack(decoder, -(-batch // self.shards), weights)
        self._net = _net(self.packed)
        self._states = [_state(self.packed, len(range(shard, batch, self.shards))) for shard in range(self.shards)]
        self._pool = ThreadPoolExecutor(self.shards) if self.shards > 1 else None
        # Compile.
        nothing = torch.zeros(0, 0, len(decoder.dilations), 2 * decoder.residual_channels)
        self._run(nothing, np.zeros((0, 0)))

    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """Draw the next samples of every stream, or of the first; see `ReferenceSampler.draw`."""
        levels, _ = self._run(conditions, uniforms.numpy(), temperature)
        return torch.from_numpy(levels)

    def logits(self, conditions: Tensor, levels: Tensor) -> Tensor:
        """Return logits (batch, time, 256) of the next samples, which become `levels` (batch, time)."""
        _, seen = self._run(conditions, np.zeros(levels.shape), forced=levels.numpy())
        return torch.from_numpy(seen)

    def _run(
        self, conditions: Tensor, uniforms: np.ndarray, temperature: float = 1.0, forced: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        packed, rows = self.packed, len(uniforms)
        halves = conditions.detach().to("cpu", torch.float32).unflatten(-1, (2, packed.width)).permute(1, 2, 0, 3, 4)
        ready = F.pad(halves, (0, packed.padded_width - packed.width)).flatten(-2).numpy()
        levels = np.empty(uniforms.shape, np.int64)
        seen = np.empty((*uniforms.shape, LEVELS) if forced is not None else (0, 0, 0), np.float32)

        def run(shard: int) -> None:
            own = slice(shard, rows, self.shards)
            out, logits = (
                np.empty(levels[own].shape, np.int64),
                np.empty(seen[own].shape, np.float32),
            )
            kernel.draw(
                self._net,
                self._states[shard],
                np.ascontiguousarray(ready[:, :, own]).reshape(-1),
                self.condition_samples,
                np.ascontiguousarray(uniforms[own], np.float64),
                float(temperature),
                np.ascontiguousarray(forced[own], np.int64) if forced is not None else np.empty((0, 0), np.int64),
                out,
                logits,
            )
            levels[own], seen[own] = out, logits

        if self._pool is None:
            run(0)
        else:
            list(self._pool.map(run, range(self.shards)))
        return levels, seen


def _net(packed: Packed) -> Net:
    fields = {name: getattr(packed, name) for name in Net._fields if name != "per_word"}
    return Net(per_word=4 // packed.bytes_per_weight, **fields)


def _state(packed: Packed, streams: int) -> State:
    def zeros(*shape: int) -> np.ndarray:
        return aligned(np.zeros(int(np.prod(shape)), np.float32))

    spans = (packed.taps - 1) * packed.dilations
    return State(
        level=np.full(streams, ZERO_LEVEL, np.int64),
        clock=np.zeros(1, np.int64),
        rings=zeros(int(spans.sum()), streams, packed.padded_width),
        ahead=zeros(int(packed.blocks.sum()) if packed.taps > 1 else 0, streams, 2 * packed.padded_width),
        x=zeros(int(packed.blocks.max()), streams, (packed.taps - 1) * packed.width),
        y=zeros(streams, packed.padded_width + packed.padded_skip),
        g=zeros(streams, 2 * packed.padded_width),
        z=zeros(streams, packed.padded_width),
        head=zeros(streams, packed.padded_skip + LEVELS),
    )
