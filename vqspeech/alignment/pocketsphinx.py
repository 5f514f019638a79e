"""Phone alignment of English recordings with their transcripts, offline, by PocketSphinx.

The wheel of pocketsphinx holds an acoustic model and CMUdict (extra ``align``). Phones are ARPAbet without stress.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.alignment.english import words_of
from vqspeech.alignment.intervals import to_alignment
from vqspeech.alignment.pronunciation import letter_network, read_dictionary
from vqspeech.errors import InputError, VQSpeechError
from vqspeech.names import short_hash

if TYPE_CHECKING:
    import numpy.typing as npt

RATE = 16_000
FRAMES_PER_S = 100

_BEAMS = (None, 1e-80)
"""Beams that are tried in turn: the decoder's own, and one for what finds no path."""

_SILENT = 2**-15
"""Half of the smallest step of 16-bit audio is less than this."""

_LEAST_FRAMES = 3
"""Shortest phone: a frame for each state of its model. Most phones of speech are longer."""

_MOSTLY_UNKNOWN = 4
"""From this number of words on, a transcript with more unknown words than known ones is refused."""

_VOWEL = re.compile("[aeiouy]")
_VARIANT = re.compile(r"\([0-9]+\)$")

_Rows = list[tuple[float, float, str]]


def align_file(path: Path, *, text: str, dictionary: Path | None = None) -> Alignment:
    """Align a recording with its transcript: the registered aligner ``pocketsphinx``.

    A word is looked up in the user's dictionary, then in CMUdict; an abbreviation without a vowel is spelled; other
    words are pronounced by the network of g2p-en when it is installed.

    Parameters
    ----------
    path : an audio file
    text : the transcript, English
    dictionary : file of further pronunciations, see `vqspeech.alignment.pronunciation.read_dictionary`

    Raises
    ------
    InputError : a transcript without words, in another language, or with words that nobody can pronounce; a recording
        that is silent, without speech, or does not fit it; or a dictionary that cannot be read
    VQSpeechError : pocketsphinx is not installed
    """
    from vqspeech import audio

    known = {} if dictionary is None else _dictionary(dictionary, _changed_ns(dictionary))
    waveform = audio.read(path, RATE)
    try:
        return align_waveform(waveform, text, path, known)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def align_waveform(
    waveform: npt.NDArray[np.float32], text: str, source: Path, dictionary: Mapping[str, tuple[str, ...]] | None = None
) -> Alignment:
    """Align a waveform (time,) of 16 kHz; errors as `align_file`, `source` names the recording in them.

    Parameters
    ----------
    dictionary : word -> its pronunciations, which replace those of CMUdict
    """
    words = words_of(text)
    if not words:
        raise InputError("the transcript has no words")
    if not (waveform.size and np.abs(waveform).max() > _SILENT):
        raise InputError("the recording is silent")
    samples = (np.clip(waveform, -1, 1) * 32767).astype("<i2").tobytes()
    for beam in _BEAMS:
        decoder = _decoder(beam)
        found = _align(decoder, samples, _names(decoder, words, dictionary or {}))
        if found is not None and not _is_forced(found[0]):
            phones, spoken = found
            return replace(to_alignment(phones, source), words=tuple(Interval(*word) for word in spoken))
    count = f"{len(words)} word{'' if len(words) == 1 else 's'}"
    raise InputError(f"the recording of {len(waveform) / RATE:.1f} s does not fit its transcript of {count}")


def _names(decoder: Any, words: Iterable[str], dictionary: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the decoder's names of words, and add what it lacks.

    Raises
    ------
    InputError : words without a pronunciation, or mostly words that no dictionary has
    """
    names: list[str] = []
    unknown: dict[str, None] = {}
    for word in words:
        plain = word.strip("'") or word
        if word in dictionary:
            names.append(_added(decoder, word, dictionary[word]))
        elif decoder.lookup_word(word) is not None:
            names.append(word)
        elif decoder.lookup_word(plain) is not None:
            names.append(plain)
        elif not _VOWEL.search(word):
            names += [letter for letter in word if letter != "'"]
        else:
            names.append(word)
            unknown[word] = None
    if not unknown:
        return names
    shown = ", ".join(list(unknown)[:10]) + (f" and {len(unknown) - 10} more" if len(unknown) > 10 else "")
    if len(names) >= _MOSTLY_UNKNOWN and 2 * sum(name in unknown for name in names) > len(names):
        raise InputError(f"most words are in no dictionary ({shown}); this aligner knows English")
    network = letter_network()
    if network is None:
        raise InputError(
            f"the dictionary lacks {shown}; write them into a file and give --dictionary FILE, or let g2p-en pronounce "
            "them: pip install --no-deps g2p-en"
        )
    spoken = {word: network.phones(word.replace("'", "")) for word in unknown}
    if silent := [word for word, phones in spoken.items() if not phones]:
        raise InputError(f"nobody knows how to pronounce {', '.join(silent)}; give --dictionary FILE")
    return [_added(decoder, name, (spoken[name],)) if name in spoken else name for name in names]


def _added(decoder: Any, word: str, pronunciations: tuple[str, ...]) -> str:
    """Add a word with pronunciations of our own to the decoder; return its name there.

    The name holds them, so that one decoder serves several dictionaries.
    """
    name = f"{word}:{short_hash(' / '.join(pronunciations))}"
    if decoder.lookup_word(name) is None:
        for number, phones in enumerate(pronunciations, start=1):
            decoder.add_word(name if number == 1 else f"{name}({number})", phones, update=False)
    return name


def _align(decoder: Any, samples: bytes, names: list[str]) -> tuple[_Rows, _Rows] | None:
    """Align words, then phones; return the rows (start_s, end_s, label) of both, None where no path is found.

    The features' noise estimate is reset before each pass: a result would depend on earlier recordings otherwise.
    """
    try:
        decoder.reinit_feat()
        decoder.set_align_text(" ".join(names))
        _decode(decoder, samples)
        if decoder.hyp() is None:
            return None
        decoder.reinit_feat()
        decoder.set_alignment()
        _decode(decoder, samples)
    except RuntimeError:
        return None
    phones: _Rows = []
    words: _Rows = []
    for word in decoder.get_alignment():
        if _label(word.name) != SILENCE:
            words.append((*_times(word), _VARIANT.sub("", word.name).partition(":")[0]))
        phones += [(*_times(phone), _label(phone.name)) for phone in word]
    return phones, words


def _is_forced(phones: _Rows) -> bool:
    """Return whether three quarters of the phones are as short as can be: then the recording has no speech.

    In the TIMIT sample, VCTK and speechocean (non-native) it is at most 40 % in any utterance.
    """
    frames = [round((end_s - start_s) * FRAMES_PER_S) for start_s, end_s, label in phones if label != SILENCE]
    return 4 * sum(number <= _LEAST_FRAMES for number in frames) >= 3 * len(frames)


def _times(entry: Any) -> tuple[float, float]:
    return entry.start / FRAMES_PER_S, (entry.start + entry.duration) / FRAMES_PER_S


def _decode(decoder: Any, samples: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(samples, full_utt=True)
    decoder.end_utt()


def _label(name: str) -> str:
    """Return the phone in lower case; silence and fillers such as ``+NSN+`` and ``<sil>`` are silence."""
    return SILENCE if name == "SIL" or name.startswith(("+", "<", "[")) else name.lower()


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"cannot read the dictionary {path}: {error.strerror}") from error


@lru_cache(maxsize=4)
def _dictionary(path: Path, changed_ns: int) -> dict[str, tuple[str, ...]]:
    """Read a dictionary once for as long as it does not change."""
    return read_dictionary(path)


@lru_cache(maxsize=2)
def _decoder(beam: float | None) -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise VQSpeechError("the aligner pocketsphinx is not installed: pip install 'vqspeech[align]'") from error
    wide = {} if beam is None else {"beam": beam, "wbeam": beam, "pbeam": beam}
    # Searching the lattice for a better path fails for a tenth of all utterances.
    return Decoder(lm=None, bestpath=False, loglevel="FATAL", samprate=RATE, **wide)
