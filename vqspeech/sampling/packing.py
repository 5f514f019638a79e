"""Pack the weights of a WaveNet in the order in which a CPU reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vqspeech.nn.decoders.mulaw import LEVELS
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.tile import LANES, SHARED

AHEAD = 8
"""Samples for which one stream may compute its past taps together, so that these weights are read once for all."""

WEIGHTS = ("fp32", "bf16")
"""Storage formats of weights."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """Weights and shapes of a WaveNet for `kernel.draw`, zero-padded to whole vectors.

    Parameters
    ----------
    width, padded_width : residual channels, before and after padding
    skip, padded_skip : skip channels, before and after padding
    panel : vectors per panel of weights that are read at every sample; past taps have `tile.SHARED`
    now : weights read at every sample: for each layer the newest tap of the gates, then [residual | skip]; then two
        products of the head
    past : the other taps of each layer, stacked, oldest first
    residual_bias : (layers, padded_width), flat, zero for the last
    head_bias : (2 * padded_skip + 256,) of the skip sum, of the hidden layer, of the logits
    embedding : (256, padded_width), flat
    dilations : (layers,) int64
    blocks : (layers,) int64, samples whose past taps are computed together
    """

    taps: int
    width: int
    padded_width: int
    skip: int
    padded_skip: int
    panel: int
    now: np.ndarray
    past: np.ndarray
    residual_bias: np.ndarray
    head_bias: np.ndarray
    embedding: np.ndarray
    dilations: np.ndarray
    blocks: np.ndarray

    @property
    def bytes_per_sample(self) -> float:
        """Bytes of weights that one stream reads per sample."""
        past_bytes = (self.taps - 1) * self.width * 2 * self.padded_width * self.bytes_per_weight
        return self.now.nbytes + sum(past_bytes / block for block in self.blocks.tolist())

    @property
    def bytes_per_weight(self) -> int:
        """Bytes per weight: 4, or 2 for bfloat16."""
        return 4 if self.now.dtype == np.float32 else 2


def pack(decoder: WaveNet, streams: int, weights: str = "fp32") -> Packed:
    """Pack the weights of a decoder for a number of streams.

    Parameters
    ----------
    decoder : the network; its weights are copied
    streams : 1 takes panels of eight vectors and computes past taps ahead, more take panels of `tile.SHARED`
    weights : ``"fp32"``, or ``"bf16"`` for half the bytes (see `bf16_pairs`)
    """
    vector = LANES if weights == "fp32" else 2 * LANES
    layers, width = len(decoder.dilations), decoder.residual_channels
    padded_width = _rounded_up(width, vector)
    skip = decoder.skip.out_features
    padded_skip = _rounded_up(skip, vector)
    panel = 8 if streams == 1 else SHARED

    def stream(matrices: list[np.ndarray], vectors: int) -> np.ndarray:
        rows = [part for matrix in matrices for part in panels(matrix, vectors * LANES, vector)]
        flat = np.concatenate(rows) if rows else np.zeros(0, np.float32)
        return aligned(flat if weights == "fp32" else bf16_pairs(flat))

    gates = [_array(weight) for weight in decoder.gates]
    now, past = [], []
    skips = _array(decoder.skip.weight).T.reshape(layers, width, skip)
    for layer, gate in enumerate(gates):
        halves = _padded(gate.reshape(-1, 2, width), padded_width).reshape(-1, 2 * padded_width)
        now.append(halves[-width:])
        past.append(halves[:-width])
        out = _padded(skips[layer], padded_skip)
        if layer < layers - 1:
            residual = decoder.residual[layer]
            assert isinstance(residual, nn.Linear)
            out = np.concatenate([_padded(_array(residual.weight).T, padded_width), out], 1)
        now.append(out)
    now += [_padded(_array(decoder.hidden.weight).T, padded_skip), _array(decoder.logits.weight).T]
    biases = [_array(layer.bias) for layer in decoder.residual]  # type: ignore[arg-type]
    head_bias = [_padded(_array(layer.bias), padded_skip) for layer in (decoder.skip, decoder.hidden)]
    return Packed(
        taps=decoder.kernel_size,
        width=width,
        padded_width=padded_width,
        skip=skip,
        padded_skip=padded_skip,
        panel=panel,
        now=stream(now, panel),
        past=stream([matrix for matrix in past if len(matrix)], SHARED),
        residual_bias=aligned(_padded(np.stack([*biases, np.zeros(width, np.float32)]), padded_width).reshape(-1)),
        head_bias=aligned(np.concatenate([*head_bias, _array(decoder.logits.bias)])),
        embedding=aligned(_padded(_array(decoder.embedding.weight), padded_width).reshape(-1)),
        dilations=np.array(decoder.dilations, np.int64),
        blocks=np.array([block(dilation, AHEAD if streams < 4 else 1) for dilation in decoder.dilations], np.int64),
    )


def block(dilation: int, most: int) -> int:
    """Return the largest power of two up to both the dilation and `most`."""
    return 1 << (min(dilation, most).bit_length() - 1)


def panels(matrix: np.ndarray, columns: int, unit: int) -> list[np.ndarray]:
    """Cut a matrix (inputs, outputs) into flat panels of columns, the last ones halved."""
    parts, first = [], 0
    while first < matrix.shape[1]:
        while columns > max(unit, matrix.shape[1] - first):
            columns //= 2
        parts.append(matrix[:, first : first + columns].reshape(-1))
        first += columns
    return parts


def bf16_pairs(flat: np.ndarray) -> np.ndarray:
    """Pack float32 numbers, pairs of vectors, into words with a bfloat16 of each vector.

    The low half of a word is the first number, rounded to bfloat16. The kernel reads the whole word as the second
    number, which saves the instruction that would clear the low half; the high half is chosen so that the word is
    nearest to that number. Both errors are at most half a unit of bfloat16, 2^-9 of the number.
    """
    first, second = np.ascontiguousarray(flat.reshape(-1, 2, LANES).transpose(1, 0, 2), np.float32).view(np.uint32)
    # Round to nearest, ties to even.
    low = (first + (0x7FFF + ((first >> 16) & 1))) >> 16
    magnitude = (second & 0x7FFFFFFF).astype(np.int64)
    high = ((magnitude - low + 0x8000) >> 16).clip(0, 0x7F7F).astype(np.uint32)
    return ((second & 0x80000000) | (high << 16) | low).reshape(-1)


def aligned(array: np.ndarray) -> np.ndarray:
    """Copy to an address that is a multiple of 64 bytes, so that no vector lies in two cache lines."""
    flat = np.empty(array.nbytes + 64, np.uint8)
    first = -flat.ctypes.data % 64
    result = flat[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()


def _padded(array: np.ndarray, width: int) -> np.ndarray:
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])])


def _rounded_up(number: int, unit: int) -> int:
    return -(-number // unit) * unit


assert LEVELS % (2 * LANES) == 0
