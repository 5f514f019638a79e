"""Codes of a recording for a prior to go on from."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from vqspeech import audio
from vqspeech.audio.pitch import track
from vqspeech.codec.intonation import moved
from vqspeech.codec.pitch_codes import quantize_pitch
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import UtteranceCodes
from vqspeech.errors import InputError


def prompt_of(codec: SpeechCodec, path: Path, *, pitch: bool = False, speaker: str | None = None) -> UtteranceCodes:
    """Encode a recording, without the samples behind its last whole frame.

    Parameters
    ----------
    codec : the model
    path : the recording
    pitch : whether F0 is needed
    speaker : voice that the recording is continued in; F0 is moved to its mean. None keeps F0

    Raises
    ------
    InputError : for a recording shorter than one frame
    AudioError : for an unreadable one
    """
    waveform = audio.read(path, codec.sample_rate)
    frames = len(waveform) // codec.hop_samples
    if not frames:
        shortest = math.ceil(1000 * codec.hop_samples / codec.sample_rate)
        raise InputError(
            f"--prompt {path} lasts {1000 * len(waveform) / codec.sample_rate:.0f} ms, less than one code of "
            f"{codec.path}; give at least {shortest} ms"
        )
    waveform = waveform[: frames * codec.hop_samples]
    f0 = None
    if pitch:
        contour = track(waveform, codec.sample_rate)
        target = None if speaker is None else codec.mean_log_f0(speaker)
        shifted = moved(contour, target, "source")
        f0 = quantize_pitch(contour if shifted is None else shifted)
    return UtteranceCodes(
        id=path.stem,
        speaker=speaker or "",
        split="",
        path=audio.shown_path(path),
        n_samples=len(waveform),
        codes=codec.encode(torch.from_numpy(waveform)[None])[0].numpy(),
        pitch=f0,
    )
