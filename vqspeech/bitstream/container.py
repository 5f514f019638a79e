"""The bytes of a bitstream: a header, blocks of the range coder, and a checksum of everything.

::

    magic           4 bytes, b"vqs\\x1a"
    version         1 byte
    model           name, 16 bytes of the hash of its codebooks
    rates           sample rate in Hz, samples per code, number of codebooks, codes of each
    coder           0 adaptive counts; 1 a prior: name, 16 bytes of its hash
    F0              0 without, 1 after the codes of a recording, 1 + N for N of its codes after those of each frame
    recordings      how many; of each: name, condition of the prior, samples, frames of codes
    blocks          of each: bytes, CRC-32 of its symbols (4 bytes), the coder's bytes
    checksum        8 bytes, of the SHA-256 of everything before

Numbers without a size are LEB128, texts are UTF-8 after their length in bytes. The symbols of a recording are its
codes, frame by frame and codebook by codebook, with its F0 after them or within; recordings follow each other without a
gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from vqspeech.bitstream.range_coder import MOST_SYMBOLS, Block, blocks_of
from vqspeech.codec.pitch_codes import pitch_count
from vqspeech.codes import MOST_CODEBOOKS
from vqspeech.errors import InputError
from vqspeech.untrusted import MOST, printable

MAGIC = b"vqs\x1a"
VERSION = 1

HASH_BYTES = 16
_CHECK_BYTES, _CRC_BYTES = 8, 4
_LONGEST_TEXT = 1024
_MOST_SAMPLES = 2**62
_MOST_PITCH = 64


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
    name : id of its row in a table of codes
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
        _put(out, number)
    _put(out, int(header.prior is not None))
    if header.prior is not None:
        _put_named(out, header.prior)
    _put(out, int(header.pitch) + header.pitch_per_frame)
    _put(out, len(header.recordings))
    for one in header.recordings:
        _put_text(out, one.name)
        _put_text(out, one.condition)
        _put(out, one.samples)
        _put(out, one.frames)
    for block in blocks:
        _put(out, len(block.payload))
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
    body, checksum = content[:-_CHECK_BYTES], content[-_CHECK_BYTES:]
    if len(body) <= len(MAGIC) or _checksum(body) != checksum:
        raise InputError("it is cut short or altered: its checksum differs from the one written with it; copy it again")
    reader = _Reader(body)
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


def _header(reader: _Reader) -> Header:
    model = reader.named("the model")
    sample_rate = reader.number("the sample rate", 1)
    hop_samples = reader.number("the samples per code", 1)
    books = reader.number("the number of codebooks", 1, MOST_CODEBOOKS)
    sizes = tuple(reader.number("the size of a codebook", 1, MOST_SYMBOLS) for _ in range(books))
    prior = reader.named("the prior") if reader.number("the coder", 0, 1) else None
    pitch = reader.number("the number of codes of F0", 0, 1 + _MOST_PITCH)
    recordings = []
    for _ in range(reader.number("the number of recordings")):
        one = Recording(
            name=reader.text("the name of a recording"),
            condition=reader.text("the condition of a recording"),
            samples=reader.number("the samples of a recording", 0, _MOST_SAMPLES),
            frames=reader.number("the frames of a recording"),
        )
        if one.samples > one.frames * hop_samples:
            raise InputError(f"it is damaged: {one.samples} samples in {one.frames} codes of {hop_samples} samples")
        recordings.append(one)
    return Header(
        model=model,
        sample_rate=sample_rate,
        hop_samples=hop_samples,
        codebook_sizes=sizes,
        prior=prior,
        pitch=pitch > 0,
        pitch_per_frame=max(0, pitch - 1),
        recordings=tuple(recordings),
    )


class _Reader:
    """Reads fields of bytes that may come from a stranger; errors name the field."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise InputError(f"it is damaged: {count} bytes are missing after byte {self._at}")
        self._at += count
        return self._content[self._at - count : self._at]

    def number(self, name: str, least: int = 0, most: int = MOST) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if value > most or shift > 63 + 7:
                raise InputError(f"it is damaged: {name} is more than {most}")
            if not byte & 0x80:
                break
        if value < least:
            raise InputError(f"it is damaged: {name} is {value}, less than {least}")
        return value

    def text(self, name: str) -> str:
        try:
            return self.take(self.number(f"the length of {name}", 0, _LONGEST_TEXT)).decode()
        except UnicodeDecodeError:
            raise InputError(f"it is damaged: {name} is not UTF-8") from None

    def named(self, name: str) -> Named:
        return Named(name=self.text(f"the name of {name}"), digest=self.take(HASH_BYTES))


def _put(out: bytearray, number: int) -> None:
    """Append a number that is not negative, as LEB128."""
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _put_text(out: bytearray, text: str) -> None:
    content = text.encode()
    if len(content) > _LONGEST_TEXT:
        raise InputError(f"the name {text[:40]!r}... is longer than {_LONGEST_TEXT} bytes; give a shorter one")
    _put(out, len(content))
    out += content


def _put_named(out: bytearray, named: Named) -> None:
    _put_text(out, named.name)
    out += named.digest


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]
