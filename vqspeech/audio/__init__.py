"""Read, write, resample, trim and stream audio files.

Importing this loads neither torch nor librosa; the functions that need them import them.
"""

from vqspeech.audio.decoding import AudioInfo, Counted, counted, mono, probe, read
from vqspeech.audio.files import (
    SOFTWARE,
    Trimmed,
    container_of,
    file_content,
    is_ours,
    replacing,
    require_replaceable,
    resample,
    to_int16,
    trim_silence,
    write,
)
from vqspeech.audio.find import AUDIO_SUFFIXES, audio_below, find_audio
from vqspeech.audio.opening import opened, reason, shown_path

__all__ = [
    "AUDIO_SUFFIXES",
    "SOFTWARE",
    "AudioInfo",
    "Counted",
    "Trimmed",
    "audio_below",
    "container_of",
    "counted",
    "file_content",
    "find_audio",
    "is_ours",
    "mono",
    "opened",
    "probe",
    "read",
    "reason",
    "replacing",
    "require_replaceable",
    "resample",
    "shown_path",
    "to_int16",
    "trim_silence",
    "write",
]
