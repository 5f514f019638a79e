"""Bitstreams of recordings, as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech import audio
from vqspeech.audio.pitch import PitchTracker
from vqspeech.audio.stream import blocks
from vqspeech.bitstream.container import MAGIC, is_bitstream
from vqspeech.bitstream.packing import Packed, Report, pack, unpack
from vqspeech.codec.pitch_codes import quantize_pitch
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.encoding.tables import table_of, unique_names
from vqspeech.errors import AudioError, InputError
from vqspeech.files import whole_file
from vqspeech.training.codes import LoadedPrior

SUFFIX = ".vqs"

MOST_BYTES = 1 << 30
"""Largest file that is read."""

Block = npt.NDArray[np.float32]


def encode_recordings(
    codec: SpeechCodec,
    files: Sequence[Path],
    *,
    pitch: bool = False,
    rows: int | None = None,
    skip: Callable[[Path, AudioError], None] | None = None,
    progress: Report | None = None,
) -> CodeTable:
    """Encode audio files of any length; codes and F0 are kept in memory, their waveforms are not.

    Parameters
    ----------
    codec : the model
    files : audio files
    pitch : whether to measure F0 as well
    rows : batch size, see `vqspeech.codec.chunks.ChunkEncoder`
    skip : called with a file that cannot be read, and the reason; the others are encoded
    progress : called with the numbers of finished and of all files

    Raises
    ------
    AudioError : for a file that cannot be read, without `skip`; when none can be read
    """
    trackers: dict[int, PitchTracker] = {}
    failed: list[AudioError] = []

    def tracked(number: int) -> Iterator[Block]:
        if pitch:
            trackers[number] = PitchTracker(codec.sample_rate)
        for block in blocks(files[number], codec.sample_rate):
            if pitch:
                trackers[number].push(block)
            yield block

    def waveforms() -> Iterator[tuple[int, Iterable[Block]]]:
        for number in range(len(files)):
            yield number, tracked(number)
            if progress is not None:
                progress(number + 1, len(files))

    def skipped(number: int, error: AudioError) -> None:
        failed.append(error)
        if skip is not None:
            skip(files[number], error)

    encoding = codec.encode_all(waveforms(), rows, None if skip is None else skipped)
    encoded = {number: (samples, codes) for number, samples, codes in encoding}
    if not encoded:
        raise AudioError(f"none of {len(files)} files could be read; the first: {failed[0]}")
    names = unique_names(files)
    found = [
        UtteranceCodes(
            id=names[number],
            speaker="",
            split="",
            path=audio.shown_path(files[number]),
            n_samples=samples,
            codes=codes,
            pitch=quantize_pitch(trackers[number].finish()) if pitch else None,
        )
        for number, (samples, codes) in sorted(encoded.items())
    ]
    return table_of(codec, found)


def model_name(codec: SpeechCodec) -> str:
    """Return the name of a model's folder, or of the run that its checkpoint is of."""
    path = codec.path.absolute()
    return path.parent.parent.name if path.parent.name == "checkpoints" else path.name


def require_bitstream(path: Path) -> None:
    """Check that writing a bitstream does not lose another file.

    Raises
    ------
    InputError : when there is something else under the name
    """
    if os.path.lexists(path) and not is_bitstream(_start(path)):
        raise InputError(f"{path} exists and is no bitstream; move it away or give another --bitstream")


def is_bitstream_file(path: Path) -> bool:
    """Return whether a file begins like a bitstream."""
    return is_bitstream(_start(path))


def write(
    path: Path,
    codec: SpeechCodec,
    table: CodeTable,
    *,
    prior: LoadedPrior | None = None,
    progress: Report | None = None,
) -> Packed:
    """Write codes of a model as a bitstream, atomically; errors as `require_bitstream` and `pack`.

    The name of a single recording is not written: it is that of the file.
    """
    require_bitstream(path)
    if len(table) == 1:
        table = replace(table, rows=(replace(table.rows[0], id=""),))
    packed = pack(table, model_name(codec), prior=prior, progress=progress)
    with whole_file(path) as partial:
        partial.write_bytes(packed.content)
    return packed


def read(
    path: Path, codec: SpeechCodec, *, prior: LoadedPrior | None = None, progress: Report | None = None
) -> CodeTable:
    """Read the codes of a bitstream of a model.

    Raises
    ------
    InputError : for a file that cannot be read, and as `unpack`
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise InputError(f"{path} has {size} bytes; bitstreams have at most {MOST_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        table = unpack(content, codec, prior=prior, progress=progress)
    except InputError as error:
        raise InputError(f"{path} cannot be decoded: {error}") from error
    return replace(table, rows=tuple(replace(row, id=row.id or path.stem) for row in table))


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC))
    except OSError:
        return b""
