"""Mu-law companding with 256 levels (the continuous curve of ITU-T G.711)."""

from __future__ import annotations

from torch import Tensor

LEVELS = 256
"""Number of mu-law levels."""

ZERO_LEVEL = 128
"""The level of a silent sample."""


def mu_law_encode(waveform: Tensor) -> Tensor:
    """Quantize a waveform to levels.

    Parameters
    ----------
    waveform : any shape, float, in [-1, 1]

    Returns
    -------
    Tensor of the same shape, int64, in [0, 255]
    """
    from torchaudio.functional import mu_law_encoding

    return mu_law_encoding(waveform.clamp(-1, 1), LEVELS)


def mu_law_decode(levels: Tensor) -> Tensor:
    """Convert levels to a waveform: the inverse of `mu_law_encode` up to rounding to 256 levels.

    Parameters
    ----------
    levels : any shape, int64, in [0, 255]

    Returns
    -------
    Tensor of the same shape, float32, in [-1, 1]
    """
    from torchaudio.functional import mu_law_decoding

    return mu_law_decoding(levels, LEVELS)
