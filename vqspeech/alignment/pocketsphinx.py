"""Phone alignment of English recordings with their transcripts, offline, by PocketSphinx.

The wheel of pocketsphinx holds an acoustic model and CMUdict (extra ``align``). Phones are ARPAbet without stress.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment
from vqspeech.alignment.intervals import to_alignment
from vqspeech.errors import InputError, VQSpeechError

if TYPE_CHECKING:
    import numpy.typing as npt

RATE = 16_000
FRAMES_PER_S = 100

_BEAMS = (None, 1e-80)
"""Beams that are tried in turn: the decoder's own, and one for what finds no path."""


def words_of(text: str) -> list[str]:
    """Return the words of a transcript in lower case, as CMUdict writes them."""
    return re.sub(r"[^a-z' ]+", " ", text.lower().replace("’", "'").replace("-", " ")).split()


def align_file(path: Path, *, text: str) -> Alignment:
    """Align a recording with its transcript: the registered aligner ``pocketsphinx``.

    Parameters
    ----------
    path : an audio file
    text : the transcript, English

    Raises
    ------
    InputError : a transcript without words or with words that the dictionary lacks, or one that does not fit
    VQSpeechError : pocketsphinx is not installed
    """
    from vqspeech import audio

    try:
        return align_waveform(audio.read(path, RATE), text, path)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def align_waveform(waveform: npt.NDArray[np.float32], text: str, source: Path) -> Alignment:
    """Align a waveform (time,) of 16 kHz; errors as `align_file`, `source` names the recording in them."""
    words = words_of(text)
    if not words:
        raise InputError("the transcript has no words")
    samples = (np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes()
    for beam in _BEAMS:
        decoder = _decoder(beam)
        if unknown := sorted({word for word in words if decoder.lookup_word(word) is None}):
            raise InputError(f"the dictionary lacks {', '.join(unknown)}")
        phones = _phones(decoder, samples, words)
        if phones is not None:
            return to_alignment(phones, source)
    raise InputError("the recording does not fit its transcript")


def _phones(decoder: Any, samples: bytes, words: list[str]) -> list[tuple[float, float, str]] | None:
    """Align words, then phones; None where no path is found.

    The features' noise estimate is reset before each pass: a result would depend on earlier recordings otherwise.
    """
    try:
        decoder.reinit_feat()
        decoder.set_align_text(" ".join(words))
        _decode(decoder, samples)
        if decoder.hyp() is None:
            return None
        decoder.reinit_feat()
        decoder.set_alignment()
        _decode(decoder, samples)
    except RuntimeError:
        return None
    return [
        (phone.start / FRAMES_PER_S, (phone.start + phone.duration) / FRAMES_PER_S, _label(phone.name))
        for word in decoder.get_alignment()
        for phone in word
    ]


def _decode(decoder: Any, samples: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()


def _label(name: str) -> str:
    """Return the phone in lower case; silence and fillers such as ``+NSN+`` are silence."""
    return SILENCE if name == "SIL" or name.startswith("+") else name.lower()


@lru_cache(maxsize=2)
def _decoder(beam: float | None) -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise VQSpeechError("the aligner pocketsphinx is not installed: pip install 'vqspeech[align]'") from error
    wide = {} if beam is None else {"beam": beam, "wbeam": beam, "pbeam": beam}
    # Searching the lattice for a better path fails for a tenth of all utterances.
    return Decoder(lm=None, bestpath=False, loglevel="FATAL", samprate=RATE, **wide)
