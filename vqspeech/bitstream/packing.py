"""Pack tables of codes into bitstreams, and unpack them exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from vqspeech.bitstream.container import HASH_BYTES, Header, Named, Recording, from_bytes, to_bytes
from vqspeech.bitstream.counts import AdaptivePitch
from vqspeech.bitstream.drivers import CountsDriver, Driver, PriorDriver, named, require_fitting
from vqspeech.bitstream.range_coder import MOST_SYMBOLS, Decoder, Encoder, Weights, require_constriction
from vqspeech.codec.pitch_codes import LEVELS, beside_codes, from_codebooks
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError
from vqspeech.training.codes import LoadedPrior

Codes = npt.NDArray[np.int64]
Report = Callable[[int, int], None]

_UNLIKE = "the codes that come out are not those that went in: "
_UNLIKE_COUNTS = "it was altered on purpose, or constriction {} computes otherwise than the version that wrote it"
_UNLIKE_PRIOR = (
    "the prior's numbers here differ from those where it was written. Decode it there, or on a machine with the same "
    "processor and the same versions of vqspeech, numba and constriction ({})"
)

Code = Callable[[int, Weights, bool], int]
"""Codes a symbol, or whatever there is to decode, by weights; the last says that it is of F0 after the frames."""


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


def pack(table: CodeTable, name: str, *, prior: LoadedPrior | None = None, progress: Report | None = None) -> Packed:
    """Pack the codes of a table, and its F0.

    Parameters
    ----------
    table : codes of speech; a prior with conditions is given the speakers of its rows
    name : what the model is called in the bitstream, for people
    prior : what drives the coder, a prior over these codes; None for adaptive counts
    progress : called with the numbers of finished and of all recordings

    Raises
    ------
    InputError : for a table without rows, of another modality or without the hash of its codebooks, rows of which some
        have F0, codes outside the codebooks; for a prior over other codes, or one that cannot drive a coder; or when
        constriction is not installed
    UnknownNameError : for a speaker that the prior does not know
    """
    header = _header_of(table, name, prior)
    symbols = [_symbols(row, header) for row in table]
    encoder, bits = Encoder(), [0.0, 0.0]

    def put(symbol: int, weights: Weights, after: bool) -> int:
        bits[after] += encoder.put(symbol, weights)
        return symbol

    _each_symbol(header, _driver(header, prior, table.codebook), symbols, put, progress)
    encoder.finish()
    return Packed(
        content=to_bytes(header, encoder.blocks),
        seconds=sum(one.samples for one in header.recordings) / header.sample_rate,
        code_bits=bits[0],
        pitch_bits=bits[1],
        coded_bits=8 * sum(len(block.payload) for block in encoder.blocks),
        entropy_bits=_entropy(table),
    )


def unpack(
    content: bytes, codec: SpeechCodec, *, prior: LoadedPrior | None = None, progress: Report | None = None
) -> CodeTable:
    """Unpack the codes of a bitstream: those that were packed, or an error.

    Parameters
    ----------
    content : bytes of the file
    codec : model of the codes, with at least their codebooks
    prior : the prior that drove the coder; None where adaptive counts did
    progress : called with the numbers of finished and of all recordings

    Raises
    ------
    InputError : for a bitstream of another model or prior, one that is cut short or altered, or one whose coder cannot
        be repeated here; or when constriction is not installed
    """
    header, blocks = from_bytes(content)
    codec = matching(header, codec)
    driver = _driver(header, prior, codec.codebook)
    require_constriction()
    unlike = (_UNLIKE_COUNTS if prior is None else _UNLIKE_PRIOR).format(version("constriction"))
    decoder = Decoder(blocks, _UNLIKE + unlike)
    symbols = [
        (np.zeros((header.per_frame, one.frames), np.int64), np.zeros(header.pitch_after(one), np.int64))
        for one in header.recordings
    ]
    _each_symbol(header, driver, symbols, lambda _, weights, after: decoder.get(weights), progress)
    decoder.finish()
    return CodeTable(
        sample_rate=header.sample_rate,
        hop_samples=header.hop_samples,
        codebook_sizes=header.codebook_sizes,
        codebook=codec.codebook,
        rows=tuple(
            _row(header, one, frames, after) for one, (frames, after) in zip(header.recordings, symbols, strict=True)
        ),
    )


def _each_symbol(
    header: Header, driver: Driver, symbols: Sequence[tuple[Codes, Codes]], code: Code, progress: Report | None
) -> None:
    """Give `code` every symbol in the order of the bitstream, and keep what it returns.

    Parameters
    ----------
    symbols : of each recording: those of its frames (symbols of a frame, frames), and those after them
    """
    pitch, done = AdaptivePitch(), 0
    for group in _groups(header, driver.rows):
        driver.start([header.recordings[number].condition for number in group])
        columns = [symbols[number][0] for number in group]
        for frame in range(max(column.shape[1] for column in columns)):
            for place in range(header.per_frame):
                given, weights = np.zeros(len(group), np.int64), driver.weights()
                for row, column in enumerate(columns):
                    if frame < column.shape[1]:
                        given[row] = column[place, frame] = code(int(column[place, frame]), weights[row], False)
                driver.push(given)
        for number in group:
            pitch.start()
            after = symbols[number][1]
            for place, symbol in enumerate(after.tolist()):
                after[place] = symbol = code(symbol, pitch.weights(), True)
                pitch.push(symbol)
        done += len(group)
        if progress is not None:
            progress(done, len(header.recordings))


def _groups(header: Header, rows: int) -> list[list[int]]:
    """Return the numbers of recordings that are coded side by side: in their order, or by length where several are."""
    numbers = list(range(len(header.recordings)))
    if rows > 1:
        numbers.sort(key=lambda number: header.recordings[number].frames)
    return [numbers[first : first + rows] for first in range(0, len(numbers), rows)]


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


def _header_of(table: CodeTable, name: str, prior: LoadedPrior | None) -> Header:
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
        prior=None if prior is None else named(prior),
        pitch=table.has_pitch,
        pitch_per_frame=0 if prior is None else prior.pitch,
        recordings=tuple(
            Recording(
                name=row.id,
                samples=row.n_samples,
                frames=row.codes.shape[1],
                condition=row.speaker if prior is not None and prior.space.conditions else "",
            )
            for row in table
        ),
    )


def _driver(header: Header, prior: LoadedPrior | None, codebook: str) -> Driver:
    """Return what drives the coder of the frames.

    Raises
    ------
    InputError : for another prior than that of the header, or one that does not fit the codes
    """
    if prior is None:
        if header.prior is not None:
            raise InputError(f"its coder is driven by the prior {header.prior}; give that one with --prior")
        return CountsDriver(header.codebook_sizes)
    if header.prior is None:
        raise InputError("its coder is driven by adaptive counts; omit --prior")
    if (given := named(prior)).digest != header.prior.digest:
        raise InputError(f"its coder is driven by the prior {header.prior}, and {prior.path} is {given}")
    conditions = [one.condition for one in header.recordings]
    require_fitting(prior, codebook, header.codebook_sizes, pitch=header.pitch, conditions=conditions)
    return PriorDriver(prior)


def _symbols(row: UtteranceCodes, header: Header) -> tuple[Codes, Codes]:
    """Return a recording's symbols: those of its frames (symbols of a frame, frames), and those after them."""
    sizes = np.array(header.codebook_sizes)[:, None]
    if row.codes.shape[0] != len(sizes) or (row.codes < 0).any() or (row.codes >= sizes).any():
        raise InputError(f"{row.id!r} has codes outside the codebooks, of sizes {header.codebook_sizes}")
    frames = row.codes.shape[1]
    if not 0 <= row.n_samples <= frames * header.hop_samples:
        raise InputError(f"{row.id!r} has {row.n_samples} samples in {frames} frames")
    pitch = row.pitch if row.pitch is not None else np.zeros(0, np.uint8)
    wanted = header.pitch_codes(Recording(name=row.id, samples=row.n_samples, frames=frames))
    if len(pitch) != wanted or pitch.max(initial=0) > LEVELS:
        raise InputError(f"{row.id!r} has F0 of {len(pitch)} codes for {row.n_samples} samples, which are {wanted}")
    if header.pitch_per_frame:
        beside = beside_codes(pitch, frames, header.pitch_per_frame)
        return np.concatenate([row.codes, beside]), np.zeros(0, np.int64)
    # A copy, to which the coder writes what it returns.
    return row.codes.astype(np.int64), pitch.astype(np.int64)


def _row(header: Header, recording: Recording, frames: Codes, after: Codes) -> UtteranceCodes:
    books = len(header.codebook_sizes)
    pitch = after.astype(np.uint8)
    if header.pitch_per_frame:
        pitch = from_codebooks(frames[books:])[: header.pitch_codes(recording)]
    return UtteranceCodes(
        id=recording.name,
        speaker=recording.condition,
        split="",
        path="",
        n_samples=recording.samples,
        codes=frames[:books].copy(),
        pitch=pitch if header.pitch else None,
    )


def _entropy(table: CodeTable) -> float:
    bits = 0.0
    for book in range(len(table.codebook_sizes)):
        counts = np.unique(np.concatenate([row.codes[book] for row in table]), return_counts=True)[1]
        bits += float((counts * np.log2(counts.sum() / counts)).sum())
    return bits
