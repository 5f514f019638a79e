"""Spectrogram figures of players, versions of an utterance, and codes with phones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqspeech import audio
from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.analysis.figures.style import INK, MUTED, RULE, colour_bar, new_figure, plain
from vqspeech.analysis.listening.features import mel_power
from vqspeech.analysis.listening.measures import check_waveform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

RANGE_DB = 70.0
BANDS = 96
_COLUMNS = 700
# Nothing is drawn brighter than it is below this power, so silence stays dark.
_QUIET_DB = -30.0


def spectrogram_db(waveform: np.ndarray, sample_rate: int, *, columns: int = _COLUMNS) -> np.ndarray:
    """Compute a mel spectrogram (96 bands, columns) of a waveform (time,), in dB below its maximum.

    Columns are evenly spaced in time.

    Raises
    ------
    InputError : when the waveform is empty, not one-dimensional or not finite
    """
    waveform = check_waveform(waveform)
    columns = max(1, min(columns, int(len(waveform) / (0.004 * sample_rate))))
    positions = (np.arange(columns) + 0.5) * len(waveform) / columns
    power = mel_power(waveform, sample_rate, positions, n_mels=BANDS, window_s=0.032)
    decibels = 10.0 * np.log10(np.maximum(power, 1e-10))
    return (decibels - max(float(decibels.max()), _QUIET_DB)).T


def draw_spectrogram(axes: Axes, waveform: np.ndarray, sample_rate: int, *, columns: int = _COLUMNS) -> AxesImage:
    """Draw a mel spectrogram on axes of seconds and mel bands, in steps of 2 dB for small files."""
    from matplotlib import colormaps

    return axes.imshow(
        spectrogram_db(waveform, sample_rate, columns=columns),
        aspect="auto",
        origin="lower",
        cmap=colormaps["magma"].resampled(round(RANGE_DB / 2)),
        interpolation="nearest",
        vmin=-RANGE_DB,
        vmax=0.0,
        extent=(0.0, len(waveform) / sample_rate, 0.0, float(BANDS)),
    )


def spectrogram_strip(
    waveform: np.ndarray, sample_rate: int, *, width_in: float = 4.6, height_in: float = 1.35
) -> Figure:
    """Draw a spectrogram without axes or margins, for the play head of the report.

    Raises
    ------
    InputError : when the waveform is empty, not one-dimensional or not finite
    """
    figure = new_figure(height_in, width_in=width_in)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    draw_spectrogram(axes, waveform, sample_rate)
    return figure


def file_strip(path: Path) -> Figure:
    """Draw the `spectrogram_strip` of a sound file.

    Raises
    ------
    AudioError : for a file that is missing or no sound
    InputError : for one without samples
    """
    sample_rate = audio.probe(path).sample_rate
    return spectrogram_strip(audio.read(path, sample_rate), sample_rate)


def spectrogram_row(versions: Sequence[tuple[str, np.ndarray]], sample_rate: int) -> Figure:
    """Draw versions of one utterance side by side: original, reconstruction, conversions.

    Parameters
    ----------
    versions : (title, waveform (time,)), one to five of them
    sample_rate : rate in Hz

    Raises
    ------
    InputError : when a waveform is empty, not one-dimensional or not finite
    """
    figure = new_figure(2.5)
    panels = np.atleast_1d(figure.subplots(1, len(versions), sharex=True, sharey=True))
    longest = max(len(waveform) for _, waveform in versions) / sample_rate
    image = None
    for axes, (title, waveform) in zip(panels, versions, strict=True):
        plain(axes, title=title, x="time, s", grid=False)
        image = draw_spectrogram(axes, waveform, sample_rate, columns=780 // len(versions))
        axes.set_facecolor("#000004")
        axes.set_xlim(0.0, longest)
    _mel_ticks(panels[0], sample_rate)
    colour_bar(figure, image, list(panels), "dB")
    return figure


def codes_and_phones(
    waveform: np.ndarray,
    sample_rate: int,
    codes: np.ndarray,
    hop_samples: int,
    *,
    alignment: Alignment | None = None,
    title: str = "",
    max_seconds: float = 2.0,
) -> Figure:
    """Draw spectrogram, codes and phones of the start of an utterance on one time axis.

    Parameters
    ----------
    waveform : (time,)
    codes : (frames,) of one codebook; code t is drawn over samples ``[t * hop_samples, (t + 1) * hop_samples)``
    alignment : the phones, when known
    max_seconds : maximal duration of the figure

    Raises
    ------
    InputError : when the waveform is empty, not one-dimensional or not finite
    """
    waveform = check_waveform(waveform)
    shown = waveform[: max(1, round(max_seconds * sample_rate))]
    end_s = len(shown) / sample_rate
    figure = new_figure(3.4 if alignment else 3.0)
    heights = [5, 1, 1] if alignment else [5, 1]
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    draw_spectrogram(plain(panels[0], title=title, grid=False), shown, sample_rate)
    _mel_ticks(panels[0], sample_rate)
    hop_s = hop_samples / sample_rate
    strips = [("codes", [(t * hop_s, (t + 1) * hop_s, str(code)) for t, code in enumerate(codes)], True)]
    if alignment:
        strips.append(("phones", [(phone.start_s, phone.end_s, phone.label) for phone in alignment.phones], False))
    for axes, (name, spans, upright) in zip(panels[1:], strips, strict=True):
        plain(axes, grid=False).set_yticks([0.5], [name])
        axes.tick_params(axis="y", length=0, labelcolor=MUTED)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(0.0, 1.0)
        for start, stop, label in spans:
            if start < end_s:
                _draw_span(axes, start, min(stop, end_s), label, upright=upright, points_per_s=600.0 / end_s)
    panels[-1].set_xlabel("time, s", fontsize=9, color=MUTED)
    panels[0].set_xlim(0.0, end_s)
    return figure


def _draw_span(axes: Axes, start: float, stop: float, label: str, *, upright: bool, points_per_s: float) -> None:
    """Draw a box on the time axis, labelled if the label fits; its label selects the shade."""
    shade = "#ffffff" if label == SILENCE else _shade(label)
    axes.axvspan(start, stop, 0.04, 0.96, facecolor=shade, edgecolor=RULE, linewidth=0.5)
    size = 7.0 if upright else 8.0
    needed = size if upright else 0.62 * size * len(label) + 1.0
    if (stop - start) * points_per_s >= needed:
        axes.text(
            (start + stop) / 2,
            0.48,
            label,
            ha="center",
            va="center",
            fontsize=size,
            color=INK,
            rotation=90 if upright else 0,
            clip_on=True,
        )


def _shade(label: str) -> tuple[float, float, float]:
    from colorsys import hls_to_rgb
    from zlib import crc32

    digest = crc32(label.encode())
    return hls_to_rgb((digest % 360) / 360, 0.86 + 0.06 * ((digest >> 9) % 3) / 2, 0.45)


def _mel_ticks(axes: Axes, sample_rate: int) -> None:
    """Put ticks in kHz on an axis of mel bands (HTK scale, as the filters)."""
    hertz = np.asarray([value for value in (500, 1000, 2000, 4000, 8000, 16000) if value <= sample_rate / 2])
    top = np.log10(1 + sample_rate / 2 / 700)
    axes.set_yticks(BANDS * np.log10(1 + hertz / 700) / top, [f"{value / 1000:g}" for value in hertz])
    axes.set_ylabel("frequency, kHz", fontsize=9, color=MUTED)
    axes.set_ylim(0.0, BANDS)
