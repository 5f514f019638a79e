"""The bytes of a bitstream: a header, blocks of the range coder, and a checksum of everything.

::

    magic           4 bytes, b"vqs\\x1a"
    version         1 byte
    model           name, 8 bytes of the hash of its codebooks
    rates           sample rate in Hz, samples per code, number of codebooks, codes of each
    coder           0 adaptive counts; 1 a prior: name, 8 bytes of its hash
    F0              0 without, 1 after the codes of a recording, 1 + N for N of its codes after those of each frame
    recordings      how many; bytes of their table, bytes of it deflated or 0 (RFC 1951), then the shorter of the two;
                    of each: name, condition of the prior, samples, frames of codes beyond those that samples need
    blocks          of each: bytes, CRC-32 of its symbols (4 bytes), the coder's bytes
    checksum        4 bytes, of the SHA-256 of everything before

Numbers without a size are LEB128, texts are UTF-8 after their length in bytes. The symbols of a recording are its
codes, frame by frame and codebook by codebook, with its F0 after them or within; recordings follow each other without a
gap.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from vqspeech.bitstream.fields import Reader, put_number, put_text
from vqspeech.bitstream.range_coder import MOST_SYMBOLS, Block, blocks_of
from vqspeech.codec.pitch_codes import pitch_count
from vqspeech.codes import MOST_CODEBOOKS
from vqspeech.errors import InputError
from vqspeech.untrusted import printable

MAGIC = b"vqs\x1a"
VERSION = 1

HASH_BYTES = 8
"""Bytes of the hash of a model or a prior, which tell it from others."""

CHECK_BYTES = 4
_CRC_BYTES = 4
_MOST_SAMPLES = 2**62
_MOST_PITCH = 64
_WINDOW, _MOST_DEFLATED = -15, 64
"""Deflated without a header, to no less than a 64th."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A model or a prior.

    Parameters
    ----------
    name : what it was called where the bitstream was made
    digest : the first `HASH_BYTES` of its hash
    """

    name: str
    digest: bytes

    def __str__(self) -> str:
        return f"'{printable(self.name)}' (hash {self.digest.hex()[:12]})"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a bitstream says about a recording.

    Parameters
    ----------
    name : id of its row in a table of codes; empty for that of the file
    samples : its length in samples
    frames : frames of its codes
    condition : the prior's condition; empty without
    """

    name: str
    samples: int
    frames: int
    condition: str = ""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a bitstream says about its codes.

    Parameters
    ----------
    model : model of the codes, by the hash of its codebooks (`vqspeech.nn.quantize.fingerprint`)
    sample_rate : rate of the encoded audio in Hz
    hop_samples : samples per code
    codebook_sizes : number of codes of each codebook
    prior : prior that drives the coder; None for adaptive counts
    pitch : whether F0 is coded as well
    pitch_per_frame : codes of F0 in each frame, for a prior over both; 0 when F0 follows the codes of a recording
    recordings : in the order of their symbols
    """

    model: Named
    sample_rate: int
    hop_samples: int
    codebook_sizes: tuple[int, ...]
    prior: Named | None
    pitch: bool
    recordings: tuple[Recording, ...]
    pitch_per_frame: int = 0

    def pitch_codes(self, recording: Recording) -> int:
        """Return the number of a recording's codes of F0."""
        return pitch_count(recording.samples, self.sample_rate) if self.pitch else 0

    def pitch_after(self, recording: Recording) -> int:
        """Return how many of a recording's codes of F0 follow its frames."""
        return 0 if self.pitch_per_frame else self.pitch_codes(recording)

    @property
    def per_frame(self) -> int:
        """Symbols of a frame."""
        return len(self.codebook_sizes) + self.pitch_per_frame

    @property
    def symbols(self) -> int:
        """Number of all symbols."""
        return sum(self.per_frame * one.frames + self.pitch_after(one) for one in self.recordings)


def to_bytes(header: Header, blocks: Sequence[Block]) -> bytes:
    """Return the bytes of a bitstream."""
    out = bytearray(MAGIC)
    out.append(VERSION)
    _put_named(out, header.model)
    for number in (header.sample_rate, header.hop_samples, len(header.codebook_sizes), *header.codebook_sizes):
        put_number(out, number)
    put_number(out, int(header.prior is not None))
    if header.prior is not None:
        _put_named(out, header.prior)
    put_number(out, int(header.pitch) + header.pitch_per_frame)
    put_number(out, len(header.recordings))
    _put_recordings(out, header)
    for block in blocks:
        put_number(out, len(block.payload))
        out += block.checksum.to_bytes(_CRC_BYTES, "big")
        out += block.payload
    return bytes(out) + _checksum(bytes(out))


def is_bitstream(start: bytes) -> bool:
    """Return whether a file that begins with these bytes is a bitstream."""
    return start.startswith(MAGIC)


def from_bytes(content: bytes) -> tuple[Header, list[Block]]:
    """Read header and blocks; nothing is decoded.

    Raises
    ------
    InputError : when it is no bitstream, of a newer version, cut short or altered
    """
    if not is_bitstream(content):
        raise InputError(
            "it is not a bitstream of vqspeech; `vqspeech encode RUN AUDIO --bitstream OUT.vqs` writes one"
        )
    if len(content) > len(MAGIC) and content[len(MAGIC)] > VERSION:
        raise InputError(
            f"it has format version {content[len(MAGIC)]}, this vqspeech reads {VERSION}; install a newer one"
        )
    body, checksum = content[:-CHECK_BYTES], content[-CHECK_BYTES:]
    if len(body) <= len(MAGIC) or _checksum(body) != checksum:
        raise InputError("it is cut short or altered: its checksum differs from the one written with it; copy it again")
    reader = Reader(body)
    reader.take(len(MAGIC) + 1)
    header = _header(reader)
    blocks = []
    for _ in range(blocks_of(header.symbols)):
        size = reader.number("the size of a block")
        checksum = reader.take(_CRC_BYTES)
        blocks.append(Block(reader.take(size), int.from_bytes(checksum, "big")))
    if reader.left:
        raise InputError(f"it is damaged: {reader.left} bytes follow its last block")
    return header, blocks


def _header(reader: Reader) -> Header:
    model = _named(reader, "the model")
    sample_rate = reader.number("the sample rate", 1)
    hop_samples = reader.number("the samples per code", 1)
    books = reader.number("the number of codebooks", 1, MOST_CODEBOOKS)
    sizes = tuple(reader.number("the size of a codebook", 1, MOST_SYMBOLS) for _ in range(books))
    prior = _named(reader, "the prior") if reader.number("the coder", 0, 1) else None
    pitch = reader.number("the number of codes of F0", 0, 1 + _MOST_PITCH)
    recordings = _recordings(reader, hop_samples)
    return Header(
        model=model,
        sample_rate=sample_rate,
        hop_samples=hop_samples,
        codebook_sizes=sizes,
        prior=prior,
        pitch=pitch > 0,
        pitch_per_frame=max(0, pitch - 1),
        recordings=recordings,
    )


def _put_recordings(out: bytearray, header: Header) -> None:
    table = bytearray()
    for one in header.recordings:
        put_text(table, one.name)
        put_text(table, one.condition)
        put_number(table, one.samples)
        put_number(table, one.frames - -(-one.samples // header.hop_samples))
    packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW)
    deflated = packer.compress(bytes(table)) + packer.flush()
    worth = len(table) // _MOST_DEFLATED <= len(deflated) < len(table)
    put_number(out, len(table))
    put_number(out, len(deflated) if worth else 0)
    out += deflated if worth else table


def _recordings(reader: Reader, hop_samples: int) -> tuple[Recording, ...]:
    count = reader.number("the number of recordings")
    size, deflated = reader.number("the size of the table"), reader.number("the deflated size of the table")
    content = reader.take(deflated or size)
    if deflated:
        if size // _MOST_DEFLATED > deflated:
            raise InputError(f"it is damaged: {deflated} bytes stand for a table of {size}")
        try:
            content = zlib.decompressobj(_WINDOW).decompress(content, size + 1)
        except zlib.error as error:
            raise InputError(f"it is damaged: its table of recordings cannot be inflated ({error})") from None
    table, found = Reader(content), []
    for _ in range(count):
        name, condition = table.text("the name of a recording"), table.text("the condition of a recording")
        samples = table.number("the samples of a recording", 0, _MOST_SAMPLES)
        frames = -(-samples // hop_samples) + table.number("the frames of a recording")
        found.append(Recording(name=name, samples=samples, frames=frames, condition=condition))
    if table.left or len(content) != size:
        raise InputError(f"it is damaged: its table of {count} recordings is not as long as it says")
    return tuple(found)


def _put_named(out: bytearray, named: Named) -> None:
    put_text(out, named.name)
    out += named.digest


def _named(reader: Reader, name: str) -> Named:
    return Named(name=reader.text(f"the name of {name}"), digest=reader.take(HASH_BYTES))


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:CHECK_BYTES]
