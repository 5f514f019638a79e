"""Bitstreams as files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from vqspeech.bitstream.container import MAGIC, is_bitstream
from vqspeech.bitstream.packing import Packed, Report, pack, unpack
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable
from vqspeech.errors import InputError
from vqspeech.files import whole_file
from vqspeech.training.codes import LoadedPrior

SUFFIX = ".vqs"

MOST_BYTES = 1 << 30
"""Largest file that is read."""


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
        if not path.is_file():
            raise InputError(f"{path} cannot be read: it is no regular file; give the file itself")
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
        # Opening a named pipe would wait for its writer.
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(len(MAGIC))
    except OSError:
        return b""
