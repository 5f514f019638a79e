"""Tables of codes from audio, and audio from tables of codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vqspeech import audio
from vqspeech.codec.speech import AS_TRAINED, SpeechCodec, Utterance
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.store import AudioStore, StoredUtterance
from vqspeech.errors import AudioError, InputError
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.speech import Deliver, Speech

Report = Callable[[int, int], None]


def encode_files(
    codec: SpeechCodec,
    files: Sequence[Path],
    progress: Report | None = None,
    facts: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[CodeTable, dict[str, str]]:
    """Codes of audio files, and the files that could not be read with the reason of each.

    Parameters
    ----------
    facts : path -> ``id``, ``speaker`` and ``split`` of files of a corpus; loose files are named after themselves

    Raises
    ------
    AudioError : when no file could be read
    """
    skipped: dict[str, str] = {}

    def waveforms() -> Iterator[tuple[int, np.ndarray]]:
        for number, path in enumerate(files):
            try:
                yield number, audio.read(path, codec.sample_rate)
            except AudioError as error:
                skipped[str(path)] = str(error)
            if progress is not None:
                progress(number + 1, len(files))

    codes = _encoded(codec, waveforms())
    if not codes:
        raise AudioError(f"none of {len(files)} files could be read; the first: {next(iter(skipped.values()))}")
    names, rows = unique_names(files), []
    for number, (n_samples, found) in codes.items():
        path = str(files[number])
        known = facts[path] if facts is not None else {"id": names[number], "speaker": "", "split": ""}
        rows.append(UtteranceCodes(**known, path=path, n_samples=n_samples, codes=found))
    return table_of(codec, rows), skipped


def encode_store(codec: SpeechCodec, store: AudioStore, progress: Report | None = None) -> CodeTable:
    """Codes of every utterance of a store."""

    def waveforms() -> Iterator[tuple[int, np.ndarray]]:
        for index in range(len(store.rows)):
            yield index, store.waveform(index)
            if progress is not None:
                progress(index + 1, len(store.rows))

    codes, rows = _encoded(codec, waveforms()), []
    for item, (n_samples, found) in zip(store.rows, codes.values(), strict=True):
        rows.append(stored_codes(item, n_samples, found))
    return table_of(codec, rows)


def stored_codes(row: StoredUtterance, n_samples: int, codes: np.ndarray) -> UtteranceCodes:
    """The codes of a row of a store."""
    return UtteranceCodes(
        id=row.id, speaker=row.speaker, split=row.split, path=str(row.path), n_samples=n_samples, codes=codes
    )


def table_of(codec: SpeechCodec, rows: Sequence[UtteranceCodes]) -> CodeTable:
    """Rows with what the model says of them."""
    return CodeTable(
        sample_rate=codec.sample_rate,
        hop_samples=codec.hop_samples,
        codebook_sizes=codec.codebook_sizes,
        codebook=codec.codebook,
        rows=tuple(rows),
    )


def _encoded(codec: SpeechCodec, waveforms: Iterator[tuple[int, np.ndarray]]) -> dict[int, tuple[int, np.ndarray]]:
    """Key -> samples and codes, in the order of the keys."""
    found = {key: (n_samples, codes) for key, n_samples, codes in codec.encode_all(waveforms)}
    return dict(sorted(found.items()))


def decode_table(
    codec: SpeechCodec,
    table: CodeTable,
    speaker: str | None = None,
    options: SpeakOptions = AS_TRAINED,
    deliver: Deliver | None = None,
) -> Speech:
    """Decode every row of a table in one speaker's voice, or each in its own.

    Parameters
    ----------
    codec : the model
    table : of this model
    speaker : id; None for the speaker of each row
    options, deliver : see `SpeechCodec.speak`; random streams follow from the rows' ids

    Raises
    ------
    InputError : when the table is of a model with another hop or other codebooks, or damaged
    UnknownNameError : when the model does not know the speaker
    """
    wanted = (codec.sample_rate, codec.hop_samples, codec.codebook_sizes)
    if (table.sample_rate, table.hop_samples, table.codebook_sizes) != wanted:
        raise InputError(
            f"these codes are of another model: {table.sample_rate} Hz, {table.hop_samples} samples per code, "
            f"codebooks of {table.codebook_sizes}; {codec.path} has {wanted[0]} Hz, {wanted[1]} and {wanted[2]}"
        )
    if table.codebook and table.codebook != codec.codebook:
        raise InputError(f"these codes are of another codebook than that of {codec.path}; encode the audio again")
    utterances = [
        Utterance(
            codes=row.codes, speaker=row.speaker if speaker is None else speaker, n_samples=row.n_samples, key=row.id
        )
        for row in table
    ]
    return codec.speak(utterances, options, deliver)


def unique_names(files: Sequence[Path]) -> list[str]:
    """A name for each file: its stem, with the parent folders that it takes to tell files of the same stem apart.

    Files that differ in their ending only keep it in the name; a file given twice gets a number.
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
    seen: Counter[str] = Counter()
    for place, name in enumerate(names):
        seen[name] += 1
        names[place] = name if seen[name] == 1 else f"{name}-{seen[name]}"
    return names
