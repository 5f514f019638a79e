"""The demo corpus: synthetic English speech by espeak-ng with exact phone alignments.

109 voices (8 accents x 14 voice variants, three omitted), each with its own pitch and speed. The speech is synthetic;
`Corpus.synthetic` is True and reports say so.

Phone labels are espeak's mnemonics without stress, length and context marks: ``'u:`` -> ``u``, ``I2`` -> ``I``, ``r-``
-> ``r``. Vowels that differ by length only are one label, rare vowels of one accent join the vowel of the same words in
other accents (see `fold_mnemonic`), and everything that begins with ``_`` is a pause: `SILENCE`. espeak reports a stop
at its release, so its closure belongs to the preceding phone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import audio
from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.corpora import espeak
from vqspeech.corpora.base import Corpus, Utterance, split_of
from vqspeech.corpora.demo_text import sentences_for
from vqspeech.corpora.demo_voices import Voice, voices
from vqspeech.corpora.selection import Speakers, SplitBy, choose_speakers, require_split_by, split_key
from vqspeech.errors import CorpusError, InputError

SAMPLE_RATE = 16000
_FORMAT = 1
_HEADROOM = np.float32(0.8)
"""espeak uses the whole 16-bit range, and resampling overshoots it."""

_FOLDED = {
    # The reduced vowel of "a cup" and "comma".
    "a#": "@",
    "0#": "0",
    # "letter"; with "3:" of "nurse", like TIMIT's er and axr. Then Scottish "bird" and "nurse".
    "3": "3",
    "IR": "3",
    "VR": "3",
    "@5": "@",
    "i@3": "i@",
    "aI3": "aI@",
    # "poor" where it rhymes with "pour"; then the syllabic consonant of "little".
    "o@": "O@",
    "@L": "l",
    ";": "j",
}


def read(
    root: Path | str | None = None,
    *,
    speakers: Speakers = 24,
    utterances_per_speaker: int = 25,
    seed: int = 0,
    intonation: float = 1.0,
    split_by: SplitBy = "utterance",
    max_utterances: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Make the demo corpus, or open it in the cache.

    The same options give the same bytes. Several speakers may say a sentence, so splits share sentences, as in VCTK.

    Parameters
    ----------
    root : cache folder, one folder inside per set of options; by default ``$VQSPEECH_CACHE/demo`` or
        ``~/.cache/vqspeech/demo``
    speakers : a number (the first n of `voices`), names such as ``"us-f3"``, or None for all 109
    utterances_per_speaker : number of sentences of each speaker
    seed : selects sentences and espeak's noise
    intonation : factor of every voice's pitch range, 0 (monotone) to 1 (as in `voices`); flat speech is learned sooner
    split_by : see `vqspeech.corpora.selection.assemble`
    max_utterances : upper bound of utterances_per_speaker, an option that all readers have
    progress : called with (done, total)

    Raises
    ------
    InputError : espeakng-loader is missing, an option out of range, an unwritable folder
    UnknownNameError : an unknown speaker
    """
    require_split_by(split_by)
    by_id = {voice.id: voice for voice in voices()}
    chosen = sorted(choose_speakers(list(by_id), speakers))
    if isinstance(speakers, int) and speakers > len(by_id):
        raise InputError(f"the demo corpus has {len(by_id)} speakers, {speakers} were requested")
    count = utterances_per_speaker if max_utterances is None else min(utterances_per_speaker, max_utterances)
    if count < 1:
        raise InputError(f"utterances per speaker must be at least 1, got {count}")
    if not 0 <= intonation <= 1:
        raise InputError(f"intonation {intonation} is not allowed; choose 0 (monotone) to 1 (lively)")
    speaking = [
        dataclasses.replace(by_id[name], pitch_range=round(intonation * by_id[name].pitch_range)) for name in chosen
    ]
    folder = _make(speaking, count, seed, _cache(root), progress)
    utterances = tuple(_utterances(folder, split_by))
    return Corpus(
        name="demo",
        root=folder,
        variant=f"{len(chosen)} synthetic voices x {count} sentences, espeak-ng ({espeak.installed_version()}), "
        f"seed {seed}" + (f", intonation {intonation:g}" if intonation != 1 else ""),
        utterances=utterances,
        synthetic=True,
        notes=("All speech is synthetic (espeak-ng).",),
    )


def fold_mnemonic(mnemonic: str) -> str:
    """Map an espeak mnemonic to its phone label; see the module's docstring.

    >>> [fold_mnemonic(m) for m in ("'u:", ",aI", "t#", "_:", "@L")]
    ['u', 'aI', 'dx', 'sil', 'l']
    """
    phone = mnemonic.lstrip("',%=|")
    if not phone or phone.startswith("_"):
        return SILENCE
    if phone == "t#":
        # The flap of American "city".
        return "dx"
    phone = _FOLDED.get(phone, phone)
    bare = phone.rstrip(":#2-[/|")
    return bare or phone


def alignment_of(speech: espeak.Speech) -> Alignment:
    """Convert espeak's phoneme events to phones in seconds, with silence before the first."""
    length = len(speech.pcm) // 2
    starts = [(SILENCE, 0), *((fold_mnemonic(name), start) for name, start in speech.phonemes)]
    phones: list[Interval] = []
    for (label, start), (_, end) in itertools.pairwise([*starts, ("", length)]):
        if end <= start:
            continue
        if phones and label == SILENCE == phones[-1].label:
            phones[-1] = Interval(phones[-1].start_s, end / speech.sample_rate, SILENCE)
        else:
            phones.append(Interval(start / speech.sample_rate, end / speech.sample_rate, label))
    return Alignment(tuple(phones))


def requests_for(voice: Voice, count: int, seed: int) -> list[espeak.Request]:
    """Make espeak's requests for one speaker; request k does not depend on the others."""
    return [
        espeak.Request(
            voice=voice.espeak,
            text=text,
            rate=voice.rate,
            pitch=voice.pitch,
            pitch_range=voice.pitch_range,
            seed=int.from_bytes(hashlib.sha256(f"{seed}/{voice.id}/{number}".encode()).digest()[:3], "big"),
        )
        for number, text in enumerate(sentences_for(voice.id, count, seed))
    ]


def _cache(root: Path | str | None) -> Path:
    if root is not None:
        return Path(root).expanduser().absolute()
    if cache := os.environ.get("VQSPEECH_CACHE"):
        return Path(cache).expanduser().absolute() / "demo"
    return Path.home() / ".cache" / "vqspeech" / "demo"


def _make(chosen: list[Voice], count: int, seed: int, cache: Path, progress: Callable[[int, int], None] | None) -> Path:
    """Make the folder with audio, ``utterances.jsonl`` and ``stamp.json``, atomically."""
    options: dict[str, Any] = {
        "format": _FORMAT,
        "espeakng-loader": espeak.installed_version(),
        "seed": seed,
        "sample_rate": SAMPLE_RATE,
    }
    options["requests"] = hashlib.sha256(
        repr([requests_for(voice, count, seed) for voice in chosen]).encode()
    ).hexdigest()
    key = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / key
    if _is_whole(folder):
        return folder
    staging: Path | None = None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{key}.", dir=cache))
        rows = list(_speak(chosen, count, seed, staging, progress))
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (staging / "utterances.jsonl").write_text(lines, encoding="utf-8")
        (staging / "stamp.json").write_text(
            json.dumps({**options, "utterances": len(rows)}, indent=1) + "\n", encoding="utf-8"
        )
        staging.chmod(0o755)
        if folder.exists() and not _is_whole(folder):
            shutil.rmtree(folder)
        if not folder.exists():
            staging.rename(folder)
    except OSError as error:
        raise InputError(
            f"cannot keep the demo corpus in {cache}: {error.strerror or error}; "
            "set VQSPEECH_CACHE to a folder with space"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return folder


def _speak(
    chosen: list[Voice], count: int, seed: int, folder: Path, progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    jobs = [
        (voice, number, request) for voice in chosen for number, request in enumerate(requests_for(voice, count, seed))
    ]
    spoken = espeak.synthesise([request for _, _, request in jobs])
    for done, ((voice, number, request), speech) in enumerate(zip(jobs, spoken, strict=True), start=1):
        name = f"{voice.id}_{number + 1:03d}"
        spoken_samples = np.frombuffer(speech.pcm, dtype=np.int16).astype(np.float32) / np.float32(32768)
        samples = _HEADROOM * audio.resample(spoken_samples, speech.sample_rate, SAMPLE_RATE)
        audio.write(folder / voice.id / f"{name}.flac", samples, SAMPLE_RATE)
        phones = [
            [round(phone.start_s, 6), round(phone.end_s, 6), phone.label] for phone in alignment_of(speech).phones
        ]
        yield {"id": name, "speaker": voice.id, "text": request.text, "samples": len(samples), "phones": phones}
        if progress is not None:
            progress(done, len(jobs))


def _is_whole(folder: Path) -> bool:
    try:
        stamp = json.loads((folder / "stamp.json").read_text(encoding="utf-8"))
        present = sum(1 for path in folder.glob("*/*.flac") if path.stat().st_size > 0)
    except (OSError, ValueError):
        return False
    return bool(stamp.get("utterances") == present) and (folder / "utterances.jsonl").is_file()


def _utterances(folder: Path, split_by: SplitBy) -> Iterator[Utterance]:
    try:
        rows = [json.loads(line) for line in (folder / "utterances.jsonl").read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{folder}: the demo corpus in the cache is damaged ({error}); delete that folder, it will be made again"
        ) from error
    for row in sorted(rows, key=lambda row: str(row["id"])):
        yield Utterance(
            id=row["id"],
            path=folder / row["speaker"] / f"{row['id']}.flac",
            speaker=row["speaker"],
            text=row["text"],
            split=split_of(split_key(row["id"], row["speaker"], row["text"], split_by)),
            duration_s=row["samples"] / SAMPLE_RATE,
            alignment=Alignment(tuple(Interval(*phone) for phone in row["phones"])),
        )
