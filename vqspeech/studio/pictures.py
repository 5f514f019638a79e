"""Spectrograms of a studio as PNG pictures without axes, which the page lays on its time axis."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from vqspeech.analysis.figures.spectrograms import RANGE_DB, spectrogram_db
from vqspeech.audio import resample

PICTURE_RATE = 16000
"""All sounds are drawn at this rate, from 0 to 8 kHz, so that pictures of several rates can be compared."""

COLUMNS = 1600
"""Most columns of a picture."""


def spectrogram_png(waveform: npt.NDArray[np.float32], sample_rate: int) -> bytes:
    """Draw a mel spectrogram as a PNG file, in the colours of the report, in steps of 1 dB.

    Parameters
    ----------
    waveform : (time,)
    sample_rate : in Hz

    Raises
    ------
    InputError : when the waveform is empty or not finite
    """
    from matplotlib import colormaps
    from PIL import Image

    levels = round(RANGE_DB)
    drawn = resample(waveform, sample_rate, PICTURE_RATE)
    decibels = spectrogram_db(drawn, PICTURE_RATE, columns=COLUMNS)[::-1]
    image = Image.fromarray(np.clip(np.rint(decibels + levels), 0, levels).astype(np.uint8), "P")
    colours = (colormaps["magma"](np.linspace(0, 1, levels + 1))[:, :3] * 255).round().astype(np.uint8)
    image.putpalette(colours.tobytes())
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
