"""Read, write, resample, trim and stream audio files.

Importing this loads neither torch nor librosa; the functions that need them import them.
"""

from vqspeech.audio.decoding import AudioInfo, Counted, counted, mono, probe, read
from vqspeech.audio.files import Trimmed, container_of, replacing, resample, to_int16, trim_silence, write
from vqspeech.audio.find import AUDIO_SUFFIXES, audio_below, find_audio
from vqspeech.audio.opening import opened, printable, reason

__all__ = [
    "AUDIO_SUFFIXES",
    "AudioInfo",
    "Counted",
    "Trimmed",
    "audio_below",
    "container_of",
    "counted",
    "find_audio",
    "mono",
    "opened",
    "printable",
    "probe",
    "read",
    "reason",
    "replacing",
    "resample",
    "to_int16",
    "trim_silence",
    "write",
]
