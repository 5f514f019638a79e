"""Encode audio to tables of codes, and decode tables to audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

import numpy as np

from vqspeech import audio
from vqspeech.audio.pitch import PITCH_RATE, track
from vqspeech.codec.intonation import moved
from vqspeech.codec.pitch_codes import quantize_pitch, restore_pitch
from vqspeech.codec.speech import AS_TRAINED, SpeechCodec, Utterance, choose_intonation
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.store import AudioStore, StoredUtterance
from vqspeech.errors import AudioError, InputError
from vqspeech.names import file_name
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.speech import Deliver, Speech

Report = Callable[[int, int], None]


def encode_files(
    codec: SpeechCodec,
    files: Sequence[Path],
    progress: Report | None = None,
    facts: Mapping[str, Mapping[str, str]] | None = None,
    *,
    pitch: bool = False,
) -> tuple[CodeTable, dict[str, str]]:
    """Encode audio files; return the table, and the reason for each file that was skipped.

    Parameters
    ----------
    facts : path -> ``id``, ``speaker`` and ``split`` of a corpus's file; without them, ids are file names
    pitch : whether to store F0 as well

    Raises
    ------
    AudioError : when no file could be read
    """
    skipped: dict[str, str] = {}
    contours: dict[int, np.ndarray] = {}

    def waveforms() -> Iterator[tuple[int, np.ndarray]]:
        for number, path in enumerate(files):
            try:
                waveform = audio.read(path, codec.sample_rate)
                if pitch:
                    contours[number] = quantize_pitch(track(waveform, codec.sample_rate))
                yield number, waveform
            except AudioError as error:
                skipped[audio.shown_path(path)] = str(error)
            if progress is not None:
                progress(number + 1, len(files))

    codes = _encoded(codec, waveforms())
    if not codes:
        raise AudioError(f"none of {len(files)} files could be read; the first: {next(iter(skipped.values()))}")
    names, rows = unique_names(files), []
    for number, (n_samples, file_codes) in codes.items():
        path = str(files[number])
        known = facts[path] if facts is not None else {"id": names[number], "speaker": "", "split": ""}
        row = UtteranceCodes(
            **known,
            path=audio.shown_path(files[number]),
            n_samples=n_samples,
            codes=file_codes,
            pitch=contours.get(number),
        )
        rows.append(row)
    return table_of(codec, rows), skipped


def encode_store(codec: SpeechCodec, store: AudioStore, progress: Report | None = None) -> CodeTable:
    """Encode every utterance of a store; return the table."""

    def waveforms() -> Iterator[tuple[int, np.ndarray]]:
        for index in range(len(store.rows)):
            yield index, store.waveform(index)
            if progress is not None:
                progress(index + 1, len(store.rows))

    codes, rows = _encoded(codec, waveforms()), []
    for item, (n_samples, row_codes) in zip(store.rows, codes.values(), strict=True):
        rows.append(stored_codes(item, n_samples, row_codes))
    return table_of(codec, rows)


def stored_codes(
    row: StoredUtterance, n_samples: int, codes: np.ndarray, pitch: np.ndarray | None = None
) -> UtteranceCodes:
    """Make the table row of a store's row, its codes and its quantized F0."""
    return UtteranceCodes(
        id=row.id,
        speaker=row.speaker,
        split=row.split,
        path=str(row.path),
        n_samples=n_samples,
        codes=codes,
        pitch=pitch,
    )


def table_of(codec: SpeechCodec, rows: Sequence[UtteranceCodes]) -> CodeTable:
    """Make a table of rows and the model's rates and codebooks."""
    return CodeTable(
        sample_rate=codec.sample_rate,
        hop_samples=codec.hop_samples,
        codebook_sizes=codec.codebook_sizes,
        codebook=codec.codebook,
        rows=tuple(rows),
    )


def _encoded(codec: SpeechCodec, waveforms: Iterator[tuple[int, np.ndarray]]) -> dict[int, tuple[int, np.ndarray]]:
    """Encode waveforms; return key -> (samples, codes), sorted by key."""
    by_key = {key: (n_samples, codes) for key, n_samples, codes in codec.encode_all(waveforms)}
    return dict(sorted(by_key.items()))


def decode_table(
    codec: SpeechCodec,
    table: CodeTable,
    speaker: str | None = None,
    options: SpeakOptions = AS_TRAINED,
    deliver: Deliver | None = None,
    *,
    intonation: str | None = None,
) -> Speech:
    """Decode every row of a table in one speaker's voice, or each in its own speaker's.

    Parameters
    ----------
    codec : the model
    table : codes of this model, of all codebooks or the first ones
    speaker : speaker id; None for the speaker of each row
    options, deliver : see `SpeechCodec.speak`; random streams follow from the rows' ids
    intonation : see `vqspeech.conversion.convert`; None for ``"source"`` in rows that hold F0, else ``"predicted"``

    Raises
    ------
    InputError : for a damaged table, one of another sample rate, hop or codebook, or one without the F0 that the
        intonation needs
    UnknownNameError : for a speaker that the model does not know, or an unknown intonation
    """
    chosen = choose_intonation(codec, intonation)
    if intonation in ("source", "flat") and codec.takes_pitch and not table.has_pitch:
        raise InputError(
            f"these codes have no pitch beside them, which intonation {intonation!r} needs; encode the audio with "
            "--pitch, or choose the intonation predicted"
        )
    if len(table.codebook_sizes) < len(codec.codebook_sizes) and table.codebook:
        codec = codec.with_codebooks(len(table.codebook_sizes))
    expected = (codec.sample_rate, codec.hop_samples, codec.codebook_sizes)
    if (table.sample_rate, table.hop_samples, table.codebook_sizes) != expected:
        raise InputError(
            f"these codes are of another model: {table.sample_rate} Hz, {table.hop_samples} samples per code, "
            f"codebooks of {table.codebook_sizes}; {codec.path} has {expected[0]} Hz, {expected[1]} and {expected[2]}"
        )
    if table.codebook and table.codebook != codec.codebook:
        raise InputError(f"these codes are of another codebook than that of {codec.path}; encode the audio again")
    utterances = []
    for row in table:
        voice = row.speaker if speaker is None else speaker
        pitch = None
        if row.pitch is not None and codec.takes_pitch:
            f0 = restore_pitch(row.pitch, -(-row.n_samples * PITCH_RATE // table.sample_rate))
            pitch = moved(f0, codec.mean_log_f0(voice), chosen)
        utterances.append(Utterance(codes=row.codes, speaker=voice, n_samples=row.n_samples, key=row.id, pitch=pitch))
    return codec.speak(utterances, options, deliver)


def unique_names(files: Sequence[Path]) -> list[str]:
    """Return a distinct name for each file: its stem, after parent folders where stems coincide.

    Names of files that differ only in their ending include it; a file given twice gets a number. Each is a file name,
    see `vqspeech.names.file_name`.
    """
    paths = [path.absolute() for path in files]
    places = Counter(path.with_suffix("") for path in set(paths))
    stems = [path.stem if places[path.with_suffix("")] == 1 else path.name.replace(".", "_") for path in paths]
    given = Counter(paths)
    names, depth = list(stems), 1
    while len(again := {name for name, count in Counter(names).items() if count > 1}) > 0 and depth < 32:
        depth += 1
        for place, path in enumerate(paths):
            if names[place] in again and given[path] == 1:
                parents = path.parent.parts[1:]
                names[place] = "_".join([*parents[max(0, len(parents) + 1 - depth) :], stems[place]])
    return numbered([file_name(name) for name in names])


def numbered(names: Sequence[str]) -> list[str]:
    """Return distinct names: the first of each name, and later ones with the first free number."""
    taken, found = set(names), []
    seen: set[str] = set()
    for name in names:
        free = name
        if name in seen:
            free = next(one for one in (f"{name}-{number}" for number in count(2)) if one not in taken)
            taken.add(free)
        seen.add(name)
        found.append(free)
    return found
