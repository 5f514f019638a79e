"""F0 as codes: a quarter of a semitone, 50 times a second; and the bits that they need."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from vqspeech.audio.pitch import HIGHEST_HZ, LOWEST_HZ, PITCH_RATE
from vqspeech.errors import ConfigError

CODE_RATE = 50
"""Codes per second; each is for two frames of a contour."""

STEPS_PER_OCTAVE = 48
UNVOICED = 0
LEVELS = math.ceil(math.log2(HIGHEST_HZ / LOWEST_HZ) * STEPS_PER_OCTAVE) + 1
"""Levels of voiced codes 1, ..., LEVELS; code 1 is the lowest F0."""

_FRAMES = PITCH_RATE // CODE_RATE
_PRIOR = 1 / 16


def quantize_pitch(f0: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Quantize a contour (frames,) in Hz, 0 for unvoiced, to codes (ceil(frames / 2),).

    A code is the mean log F0 of the voiced ones among its frames, which are at least half.
    """
    padded = np.pad(f0, (0, -len(f0) % _FRAMES), mode="edge" if len(f0) else "constant").reshape(-1, _FRAMES)
    voiced = padded > 0
    logs = np.log2(np.where(voiced, padded, LOWEST_HZ) / LOWEST_HZ)
    counts = voiced.sum(1)
    level = np.rint((logs * voiced).sum(1) / np.maximum(counts, 1) * STEPS_PER_OCTAVE).clip(0, LEVELS - 1)
    return np.where(2 * counts >= _FRAMES, level + 1, UNVOICED).astype(np.uint8)


def pitch_count(samples: int, sample_rate: int) -> int:
    """Return the number of codes of F0 for samples at a rate in Hz."""
    frames = -(-samples * PITCH_RATE // sample_rate)
    return -(-frames // _FRAMES)


def restore_pitch(codes: npt.NDArray[np.uint8], frames: int) -> npt.NDArray[np.float32]:
    """Restore a contour (frames,) in Hz from its codes; log F0 is interpolated between them."""
    voiced = np.flatnonzero(codes)
    if not len(voiced):
        return np.zeros(frames, np.float32)
    logs = (codes[voiced].astype(np.float64) - 1) / STEPS_PER_OCTAVE
    places = (np.arange(frames) + 0.5) / _FRAMES - 0.5
    f0 = LOWEST_HZ * 2 ** np.interp(places, voiced, logs)
    kept = codes[np.minimum(np.arange(frames) // _FRAMES, len(codes) - 1)] > 0
    return np.where(kept, f0, 0).astype(np.float32)


def codes_per_frame(sample_rate: int, hop_samples: int) -> int:
    """Return the number of codes of F0 for each frame of a model's codes.

    Raises
    ------
    ConfigError : when frames do not last a whole number of them
    """
    if not hop_samples or CODE_RATE * hop_samples % sample_rate:
        rate = sample_rate / hop_samples if hop_samples else 0
        raise ConfigError(
            f"F0 has {CODE_RATE} codes per second, and these codes come {rate:g} times a second, not a whole part of "
            "that; set model.pitch = false"
        )
    return CODE_RATE * hop_samples // sample_rate


def beside_codes(pitch: npt.NDArray[np.uint8], frames: int, count: int) -> npt.NDArray[np.int64]:
    """Arrange codes of F0 (length,) as codebooks (count, frames): `count` codes for each frame, the earliest first.

    Unvoiced beyond the end; `from_codebooks` is the inverse.
    """
    padded = np.pad(pitch[: frames * count].astype(np.int64), (0, max(0, frames * count - len(pitch))))
    return padded.reshape(frames, count).T


def from_codebooks(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return the codes of F0 (frames * count,) of codebooks (count, frames)."""
    return codes.T.reshape(-1).astype(np.uint8)


def pitch_bits(utterances: Iterable[npt.NDArray[np.uint8]]) -> float:
    """Count the bits of the codes (count,) of utterances, in an adaptive arithmetic code without side information.

    The symbols are unvoiced, and the difference from the last voiced code. Their probabilities, which depend on whether
    the code before is voiced, are counted while coding, through all utterances.
    """
    symbols = 2 * LEVELS
    counts, totals = np.full((2, symbols), _PRIOR), [_PRIOR * symbols] * 2
    bits = 0.0
    for codes in utterances:
        context, last = 0, LEVELS // 2
        for code in codes.tolist():
            symbol = code - last + LEVELS if code else 0
            bits -= math.log2(counts[context, symbol] / totals[context])
            counts[context, symbol] += 1
            totals[context] += 1
            context, last = int(code > 0), code or last
    return bits
