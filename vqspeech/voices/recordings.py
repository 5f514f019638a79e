"""The speech in recordings of one speaker: clips around what is voiced, and how much there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.pitch import PITCH_RATE, track
from vqspeech.errors import AudioError, InputError

ENOUGH_S, FEW_S, LEAST_S = 60.0, 20.0, 5.0
"""Seconds of speech that are enough for a voice; below which it may not resemble; and below which it is refused."""

MOST_S = 600.0
"""Seconds of speech that are used; clips are then taken evenly from all recordings."""

CLIP_S = 4.0
"""Length of the longest clip; `LEAST_S` of speech are at least two."""

_SHORTEST_S, _AROUND_S = 0.05, 0.25
"""Speech is what lies this close to a voiced stretch of at least this length: pauses above half a second are cut."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A stretch of speech.

    Parameters
    ----------
    waveform : (time,) float32, at most `CLIP_S`
    f0 : (frames,) float32 in Hz, 0 for unvoiced; see `vqspeech.audio.pitch`
    """

    waveform: npt.NDArray[np.float32]
    f0: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class VoiceRecordings:
    """Recordings of one speaker.

    Parameters
    ----------
    clips : their speech, in order
    files : number of files with speech
    speech_s : seconds of speech in all files, pauses not counted
    skipped : file -> why it was not used
    sample_rate : rate of the clips, in Hz
    """

    clips: tuple[Clip, ...]
    files: int
    speech_s: float
    skipped: dict[Path, str]
    sample_rate: int

    @property
    def log_f0(self) -> npt.NDArray[np.float64]:
        """(frames,) log F0 of the voiced frames of all clips."""
        every = np.concatenate([clip.f0 for clip in self.clips])
        return np.log(every[every > 0].astype(np.float64))


def read_recordings(inputs: Sequence[str | Path], sample_rate: int) -> VoiceRecordings:
    """Read the speech of one speaker from audio files, and from all those below folders.

    Parameters
    ----------
    inputs : files and folders
    sample_rate : rate of the clips, in Hz

    Raises
    ------
    InputError : no audio, or less than `LEAST_S` of speech; says how much there is and how much is wanted
    AudioError : when no file can be read; the first one's reason
    """
    files, skipped = audio.find_audio(inputs), {}
    clips: list[Clip] = []
    used, speech = 0, 0
    for path in files:
        try:
            found = list(speech_of(audio.read(path, sample_rate), sample_rate))
        except AudioError as error:
            if len(files) == 1:
                raise
            skipped[path] = str(error).removeprefix(f"{path}: ")
            continue
        if found:
            used += 1
        else:
            skipped[path] = "no speech: nothing in it is voiced"
        clips += found
        speech += sum(len(clip.waveform) for clip in found)
    seconds = speech / sample_rate
    if seconds < LEAST_S:
        reasons = "; ".join(f"{path}: {reason}" for path, reason in list(skipped.items())[:3])
        raise InputError(
            f"{seconds:.1f} s of speech in {len(files)} file{'s' if len(files) > 1 else ''}, pauses not counted; a "
            f"voice needs {LEAST_S:.0f} s at the least, and {ENOUGH_S:.0f} s are enough"
            + (f". Not used: {reasons}" if reasons else "")
        )
    return VoiceRecordings(
        clips=tuple(_evenly(clips, speech, int(MOST_S * sample_rate))),
        files=used,
        speech_s=seconds,
        skipped=skipped,
        sample_rate=sample_rate,
    )


def speech_of(waveform: npt.NDArray[np.float32], sample_rate: int) -> Iterator[Clip]:
    """Cut the speech out of a recording, in order.

    Parameters
    ----------
    waveform : (time,) float in [-1, 1]
    sample_rate : in Hz

    Yields
    ------
    clips of at most `CLIP_S` that begin at whole frames of F0; none without a voiced frame
    """
    f0 = track(waveform, sample_rate)
    near = np.zeros(len(f0), bool)
    around = round(_AROUND_S * PITCH_RATE)
    for first, last in _runs(f0 > 0):
        if last - first >= _SHORTEST_S * PITCH_RATE:
            near[max(0, first - around) : last + around] = True
    for first, last in _runs(near):
        pieces = -(-(last - first) // round(CLIP_S * PITCH_RATE))
        edges = np.linspace(first, last, pieces + 1).round().astype(int).tolist()
        for start, stop in itertools.pairwise(edges):
            samples = waveform[start * sample_rate // PITCH_RATE : stop * sample_rate // PITCH_RATE]
            yield Clip(samples, f0[start:stop])


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end of each run of true values."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _evenly(clips: Sequence[Clip], total: int, most: int) -> list[Clip]:
    """Return clips of at most about `most` samples, taken evenly."""
    if total <= most:
        return list(clips)
    count = max(1, len(clips) * most // total)
    return [clips[place] for place in np.linspace(0, len(clips) - 1, count).round().astype(int)]
