"""Pack tables of codes into bitstreams, and unpack them exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from vqspeech.bitstream.container import HASH_BYTES, Header, Named, Recording, from_bytes, to_bytes
from vqspeech.bitstream.counts import AdaptiveCodes, AdaptivePitch
from vqspeech.bitstream.range_coder import MOST_SYMBOLS, Decoder, Encoder, Weights
from vqspeech.codec.pitch_codes import LEVELS
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError

Codes = npt.NDArray[np.int64]
Report = Callable[[int, int], None]

_ALTERED = (
    "the codes that come out are not those that went in: it was altered on purpose, or constriction {} of this machine "
    "computes otherwise than the one that wrote it"
)


class Driver(Protocol):
    """Gives the probabilities of each symbol from those before it."""

    def start(self, condition: str) -> None:
        """Begin a recording."""
        ...

    def weights(self) -> Weights:
        """Return weights (symbols,) of the next symbol."""
        ...

    def push(self, symbol: int) -> None:
        """Take the next symbol."""
        ...


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A bitstream and what its bits are.

    Parameters
    ----------
    content : bytes of the file
    seconds : duration of the recordings
    code_bits : bits of the codes under the coder's probabilities, their cross-entropy; with F0 that a prior draws too
    pitch_bits : bits of F0 after the codes, likewise
    coded_bits : bits that the range coder wrote
    entropy_bits : bits of the codes under the frequencies of each codebook's codes in these recordings
    """

    content: bytes
    seconds: float
    code_bits: float
    pitch_bits: float
    coded_bits: int
    entropy_bits: float

    @property
    def bits_per_second(self) -> float:
        """Bits of the whole file for a second of speech."""
        return 8 * len(self.content) / max(self.seconds, 1e-9)


def pack(table: CodeTable, name: str, *, progress: Report | None = None) -> Packed:
    """Pack the codes of a table, and its F0.

    Parameters
    ----------
    table : codes of speech
    name : what the model is called in the bitstream, for people
    progress : called with the numbers of finished and of all recordings

    Raises
    ------
    InputError : for a table without rows, of another modality or without the hash of its codebooks, rows of which some
        have F0, codes outside the codebooks; or when constriction is not installed
    """
    header = _header_of(table, name)
    drivers = _drivers(header)
    encoder, bits = Encoder(), [0.0, 0.0]
    for number, (row, recording) in enumerate(zip(table, header.recordings, strict=True)):
        for place, (driver, symbols) in enumerate(zip(drivers, _symbols(row, header), strict=True)):
            driver.start(recording.condition)
            for symbol in symbols:
                bits[place] += encoder.put(symbol, driver.weights())
                driver.push(symbol)
        if progress is not None:
            progress(number + 1, len(table))
    encoder.finish()
    return Packed(
        content=to_bytes(header, encoder.blocks),
        seconds=sum(one.samples for one in header.recordings) / header.sample_rate,
        code_bits=bits[0],
        pitch_bits=bits[1],
        coded_bits=8 * sum(len(block.payload) for block in encoder.blocks),
        entropy_bits=_entropy(table),
    )


def unpack(content: bytes, codec: SpeechCodec, *, progress: Report | None = None) -> CodeTable:
    """Unpack the codes of a bitstream: those that were packed, or an error.

    Parameters
    ----------
    content : bytes of the file
    codec : model of the codes, with at least their codebooks
    progress : called with the numbers of finished and of all recordings

    Raises
    ------
    InputError : for a bitstream of another model, one that is cut short or altered, or one whose coder cannot be
        repeated here; or when constriction is not installed
    """
    header, blocks = from_bytes(content)
    codec = matching(header, codec)
    decoder = Decoder(blocks, _ALTERED.format(_version()))
    code_driver, pitch_driver = _drivers(header)

    def decoded(driver: Driver, recording: Recording, count: int) -> Codes:
        driver.start(recording.condition)
        symbols = np.zeros(count, np.int64)
        for place in range(count):
            symbols[place] = symbol = decoder.get(driver.weights())
            driver.push(symbol)
        return symbols

    rows = []
    for number, one in enumerate(header.recordings):
        frames = decoded(code_driver, one, one.frames * header.per_frame).reshape(one.frames, header.per_frame).T
        after = decoded(pitch_driver, one, header.pitch_after(one))
        rows.append(_row(header, one, frames, after))
        if progress is not None:
            progress(number + 1, len(header.recordings))
    decoder.finish()
    return CodeTable(
        sample_rate=header.sample_rate,
        hop_samples=header.hop_samples,
        codebook_sizes=header.codebook_sizes,
        codebook=codec.codebook,
        rows=tuple(rows),
    )


def matching(header: Header, codec: SpeechCodec) -> SpeechCodec:
    """Return the model of a bitstream's codes: the given one, or its first codebooks.

    Raises
    ------
    InputError : for another model; names the one that is needed
    """
    whole = codec
    if len(header.codebook_sizes) < len(codec.codebook_sizes):
        codec = codec.with_codebooks(len(header.codebook_sizes))
    same = bytes.fromhex(codec.codebook)[:HASH_BYTES] == header.model.digest
    rates = (header.sample_rate, header.hop_samples, header.codebook_sizes)
    if not same or rates != (codec.sample_rate, codec.hop_samples, codec.codebook_sizes):
        sizes = " x ".join(map(str, header.codebook_sizes))
        raise InputError(
            f"its codes are of the model {header.model}: {sizes} codes at {header.sample_rate / header.hop_samples:g} "
            f"Hz; they mean nothing to {whole.path} (hash {whole.codebook[:12]}). Give that model as RUN"
        )
    return codec


def _header_of(table: CodeTable, name: str) -> Header:
    if not len(table):
        raise InputError("a bitstream holds at least one recording, and there is none")
    if table.modality != "audio" or table.grid is not None or not table.codebook or not table.hop_samples:
        raise InputError("only codes of speech, with the hash of their codebooks, are packed into a bitstream")
    if max(table.codebook_sizes) > MOST_SYMBOLS:
        raise InputError(f"codebooks of {max(table.codebook_sizes)} codes cannot be packed; at most {MOST_SYMBOLS}")
    if table.has_pitch and any(row.pitch is None for row in table):
        raise InputError("some rows of the codes have F0 and others do not; encode all with --pitch, or none")
    return Header(
        model=Named(name=name, digest=bytes.fromhex(table.codebook)[:HASH_BYTES]),
        sample_rate=table.sample_rate,
        hop_samples=table.hop_samples,
        codebook_sizes=table.codebook_sizes,
        prior=None,
        pitch=table.has_pitch,
        recordings=tuple(Recording(name=row.id, samples=row.n_samples, frames=row.codes.shape[1]) for row in table),
    )


def _drivers(header: Header) -> tuple[Driver, Driver]:
    """Return the drivers of the frames and of F0 after them."""
    return AdaptiveCodes(header.codebook_sizes), AdaptivePitch()


def _symbols(row: UtteranceCodes, header: Header) -> tuple[list[int], list[int]]:
    """Return a recording's symbols: those of its frames, and those after them."""
    sizes = np.array(header.codebook_sizes)[:, None]
    if row.codes.shape[0] != len(sizes) or (row.codes < 0).any() or (row.codes >= sizes).any():
        raise InputError(f"{row.id!r} has codes outside the codebooks, of sizes {header.codebook_sizes}")
    if not 0 <= row.n_samples <= row.codes.shape[1] * header.hop_samples:
        raise InputError(f"{row.id!r} has {row.n_samples} samples in {row.codes.shape[1]} frames")
    pitch = row.pitch if row.pitch is not None else np.zeros(0, np.uint8)
    wanted = header.pitch_codes(Recording(name=row.id, samples=row.n_samples, frames=row.codes.shape[1]))
    if len(pitch) != wanted or pitch.max(initial=0) > LEVELS:
        raise InputError(f"{row.id!r} has F0 of {len(pitch)} codes for {row.n_samples} samples, which are {wanted}")
    return row.codes.T.reshape(-1).tolist(), pitch.tolist()


def _row(header: Header, recording: Recording, frames: Codes, after: Codes) -> UtteranceCodes:
    return UtteranceCodes(
        id=recording.name,
        speaker=recording.condition,
        split="",
        path="",
        n_samples=recording.samples,
        codes=frames[: len(header.codebook_sizes)].copy(),
        pitch=after.astype(np.uint8) if header.pitch else None,
    )


def _entropy(table: CodeTable) -> float:
    bits = 0.0
    for book in range(len(table.codebook_sizes)):
        counts = np.unique(np.concatenate([row.codes[book] for row in table]), return_counts=True)[1]
        bits += float((counts * np.log2(counts.sum() / counts)).sum())
    return bits


def _version() -> str:
    from importlib.metadata import version

    return version("constriction")
