"""Audio in and out: read anything soundfile knows, resample, write 16 bit atomically, trim, stream.

Importing this loads neither torch nor librosa; the functions that need them import them.
"""

from vqspeech.audio.files import (
    AUDIO_SUFFIXES,
    AudioInfo,
    Trimmed,
    audio_below,
    container_of,
    find_audio,
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
