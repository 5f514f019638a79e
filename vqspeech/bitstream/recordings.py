"""Recordings to encode to a bitstream: audio files of any length, and those of prepared corpora."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.pitch import PitchTracker
from vqspeech.audio.stream import blocks
from vqspeech.codec.pitch_codes import quantize_pitch
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.store import AudioStore
from vqspeech.encoding.plan import TablePart, make_plan
from vqspeech.encoding.tables import stored_codes, table_of
from vqspeech.errors import AudioError

Block = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """A recording before it is encoded.

    Parameters
    ----------
    row : its row of a table, without samples and codes
    source : the path that an error names
    blocks : reads its waveform, (time,) float32 at the model's rate, block by block
    """

    row: UtteranceCodes
    source: Path
    blocks: Callable[[], Iterable[Block]]


def recordings_of(codec: SpeechCodec, inputs: Sequence[Path]) -> list[Recording]:
    """List the recordings of audio files, folders and prepared corpora, with the ids that a table has.

    Raises
    ------
    InputError : for a missing path, a path without audio, or a prepared corpus of another sample rate
    CheckpointError : for a damaged prepared corpus
    """
    parts = make_plan(codec, inputs, 1).parts
    return [recording for part in parts for recording in _of_part(codec, part)]


def encode_recordings(
    codec: SpeechCodec,
    recordings: Sequence[Recording],
    *,
    pitch: bool = False,
    rows: int | None = None,
    skip: Callable[[Path, AudioError], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CodeTable:
    """Encode recordings of any length; codes and F0 are kept in memory, their waveforms are not.

    Parameters
    ----------
    codec : the model
    recordings : see `recordings_of`
    pitch : whether to measure F0 as well
    rows : batch size, see `vqspeech.codec.chunks.ChunkEncoder`
    skip : called with the path of a recording that cannot be read, and the reason; the others are encoded
    progress : called with the numbers of finished and of all recordings

    Raises
    ------
    AudioError : for a recording that cannot be read, without `skip`; when none can be read
    """
    trackers: dict[int, PitchTracker] = {}
    failed: list[AudioError] = []

    def tracked(number: int) -> Iterator[Block]:
        if pitch:
            trackers[number] = PitchTracker(codec.sample_rate)
        for block in recordings[number].blocks():
            if pitch:
                trackers[number].push(block)
            yield block

    def waveforms() -> Iterator[tuple[int, Iterable[Block]]]:
        for number in range(len(recordings)):
            yield number, tracked(number)
            if progress is not None:
                progress(number + 1, len(recordings))

    def skipped(number: int, error: AudioError) -> None:
        failed.append(error)
        if skip is not None:
            skip(recordings[number].source, error)

    encoding = codec.encode_all(waveforms(), rows, None if skip is None else skipped)
    encoded = {number: (samples, codes) for number, samples, codes in encoding}
    if not encoded:
        raise AudioError(f"none of {len(recordings)} files could be read; the first: {failed[0]}")
    found = []
    for number, (samples, codes) in sorted(encoded.items()):
        f0 = quantize_pitch(trackers[number].finish()) if pitch else None
        found.append(replace(recordings[number].row, n_samples=samples, codes=codes, pitch=f0))
    return table_of(codec, found)


def _of_part(codec: SpeechCodec, part: TablePart) -> Iterator[Recording]:
    none = np.zeros((len(codec.codebook_sizes), 0), np.int64)
    if part.store is not None:
        store = AudioStore.open(part.store)
        for number in range(part.first, part.stop):
            row = stored_codes(store.rows[number], 0, none)
            row = replace(row, id=part.renamed.get(number, row.id))
            yield Recording(row, Path(row.path), partial(_stored, store, number))
    for path, name in part.files:
        row = UtteranceCodes(id=name, speaker="", split="", path=audio.shown_path(path), n_samples=0, codes=none)
        yield Recording(row, path, partial(blocks, path, codec.sample_rate))


def _stored(store: AudioStore, number: int) -> Iterator[Block]:
    yield store.waveform(number)
