"""Read, write, resample, trim and stream audio files.

Importing this loads neither torch nor librosa; the functions that need them import them.
"""

from vqspeech.audio.files import (
    AudioInfo,
    Trimmed,
    container_of,
    mono,
    opened,
    probe,
    read,
    reason,
    replacing,
    resample,
    to_int16,
    trim_silence,
    write,
)
from vqspeech.audio.find import AUDIO_SUFFIXES, audio_below, find_audio

__all__ = [
    "AUDIO_SUFFIXES",
    "AudioInfo",
    "Trimmed",
    "audio_below",
    "container_of",
    "find_audio",
    "mono",
    "opened",
    "probe",
    "read",
    "reason",
    "replacing",
    "resample",
    "to_int16",
    "trim_silence",
    "write",
]
