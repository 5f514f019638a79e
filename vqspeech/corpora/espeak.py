"""Synthesise speech and phones by espeak-ng through ctypes, reproducibly.

espeak-ng keeps state between utterances (flutter, echo, noise) that no call resets, not even ``espeak_Terminate``. So
each request loads and unloads the library, which costs 4 ms. That is safe only where nothing else uses the library, so
it happens in a separate process: `synthesise` starts this module's `_serve` there, which imports the standard library
only.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from vqspeech.errors import InputError, VQSpeechError
from vqspeech.registry.probe import inherited_path

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7


@dataclass(frozen=True, kw_only=True)
class Request:
    """One utterance to synthesise.

    Parameters
    ----------
    voice : file name of a voice with a variant, for example ``"gmw/en-US+f3"``
    text : the sentence
    rate : words per minute, 80 to 450
    pitch, pitch_range : 0 to 99; 50 is the voice's default
    seed : seed of espeak's noise
    """

    voice: str
    text: str
    rate: int = 160
    pitch: int = 50
    pitch_range: int = 50
    seed: int = 0


@dataclass(frozen=True)
class Speech:
    """Synthesised speech.

    Parameters
    ----------
    pcm : int16 samples in the machine's byte order
    sample_rate : in Hz (22,050)
    phonemes : (mnemonic, sample at which it begins), in order; mnemonics carry stress marks, pauses begin with ``_``
    """

    pcm: bytes
    sample_rate: int
    phonemes: tuple[tuple[str, int], ...]


def installed_version() -> str:
    """Return the version of the package espeakng-loader.

    Raises
    ------
    InputError : the package is not installed; the message says how to install it
    """
    from importlib import metadata, util

    if util.find_spec("espeakng_loader") is None:
        raise InputError(
            "synthetic speech needs the package espeakng-loader, which is not installed: pip install 'vqspeech[demo]'"
        )
    return metadata.version("espeakng-loader")


def synthesise(requests: Iterable[Request]) -> Iterator[Speech]:
    """Synthesise requests in order, in a separate process.

    Raises
    ------
    InputError : espeakng-loader is not installed
    VQSpeechError : the process failed, for example on an unknown voice
    """
    installed_version()
    import espeakng_loader

    with tempfile.TemporaryDirectory(prefix="vqspeech-espeak-") as folder:
        jobs = Path(folder, "requests.jsonl")
        jobs.write_text(
            "".join(json.dumps(dataclasses.asdict(request)) + "\n" for request in requests), encoding="utf-8"
        )
        count = sum(1 for _ in jobs.open(encoding="utf-8"))
        # -P: the current folder, which may be anybody's, is not searched for modules.
        command = [sys.executable, "-P", "-c", "from vqspeech.corpora.espeak import _serve; _serve()"]
        command += [espeakng_loader.get_library_path(), espeakng_loader.get_data_path(), str(jobs)]
        environment = {**os.environ, "PYTHONPATH": inherited_path()}
        with (
            Path(folder, "stderr").open("w+b") as messages,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=messages, stdin=subprocess.DEVNULL, env=environment
            ) as process,
        ):
            assert process.stdout is not None
            try:
                for _ in range(count):
                    speech = _received(process.stdout)
                    if speech is None:
                        process.wait()
                        messages.seek(0)
                        tail = messages.read().decode(errors="replace").strip().splitlines()
                        raise VQSpeechError(
                            f"espeak-ng failed (exit code {process.returncode}): {tail[-1] if tail else 'no message'}"
                        )
                    yield speech
            finally:
                if process.poll() is None:
                    process.stdout.close()
                    process.terminate()


def _received(stream: BinaryIO | Any) -> Speech | None:
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    header = json.loads(line)
    pcm = stream.read(header["bytes"])
    if len(pcm) < header["bytes"]:
        return None
    return Speech(pcm, header["sample_rate"], tuple((name, int(start)) for name, start in header["phonemes"]))


class _Identifier(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def _say(library_path: str, data_path: str, request: Request) -> Speech:
    """Load the library, synthesise one request, and unload it."""
    library = ctypes.CDLL(library_path)
    chunks: list[bytes] = []
    phonemes: list[tuple[str, int]] = []

    def receive(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        position = 0
        while events[position].type != _EVENT_LIST_TERMINATED:
            if events[position].type == _EVENT_PHONEME:
                phonemes.append((events[position].id.string.decode("utf-8", errors="replace"), events[position].sample))
            position += 1
        return 0

    callback = _Callback(receive)
    sample_rate = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, os.fsencode(data_path), _INITIALIZE_PHONEME_EVENTS
    )
    if sample_rate <= 0:
        raise RuntimeError(f"cannot initialise with the data in {data_path}")
    library.espeak_SetSynthCallback(callback)
    if hasattr(library, "espeak_ng_SetRandSeed"):
        library.espeak_ng_SetRandSeed(ctypes.c_long(request.seed & 0x7FFFFFFF))
    if library.espeak_SetVoiceByName(request.voice.encode()) != 0:
        raise RuntimeError(f"unknown voice {request.voice!r}")
    for parameter, value in (
        (_PARAMETER_RATE, request.rate),
        (_PARAMETER_PITCH, request.pitch),
        (_PARAMETER_RANGE, request.pitch_range),
    ):
        library.espeak_SetParameter(parameter, value, 0)
    text = request.text.encode() + b"\0"
    if library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, 1, 0, _CHARS_UTF8, None, None) != 0:
        raise RuntimeError(f"cannot say {request.text!r}")
    library.espeak_Synchronize()
    library.espeak_Terminate()
    _unload(library)
    return Speech(b"".join(chunks), sample_rate, tuple(phonemes))


def _unload(library: ctypes.CDLL) -> None:
    import _ctypes

    release = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # type: ignore[attr-defined]
    release(library._handle)


def _serve() -> None:
    """Serve requests as a separate process: ``library data requests.jsonl`` in argv."""
    library_path, data_path, jobs = sys.argv[-3:]
    with os.fdopen(os.dup(1), "wb") as out, open(jobs, encoding="utf-8") as lines:
        # The library's own output goes to stderr.
        os.dup2(2, 1)
        for line in lines:
            speech = _say(library_path, data_path, Request(**json.loads(line)))
            header = {"bytes": len(speech.pcm), "sample_rate": speech.sample_rate, "phonemes": speech.phonemes}
            out.write(json.dumps(header).encode() + b"\n" + speech.pcm)
            out.flush()
