"""Bitstreams: bytes of the file, and bytes of its header and blocks under a right checksum."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tiny
from fuzzing import Target, mutated_bytes

from vqspeech.bitstream import pack, unpack
from vqspeech.bitstream.container import CHECK_BYTES
from vqspeech.codec.pitch_codes import LEVELS, pitch_count
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.encoding.tables import table_of


def base(folder: Path) -> tuple[list[bytes], SpeechCodec]:
    """Return bitstreams of a model, one of a block and one of several, and the model."""
    codec = tiny.codec()
    lengths = [(0, 7, 50, 1, *range(2, 22)), (2100, 0)]
    return [pack(_table(codec, frames), "tiny").content for frames in lengths], codec


def _table(codec: SpeechCodec, lengths: Sequence[int]) -> CodeTable:
    draw = np.random.default_rng(0)
    rows = [
        UtteranceCodes(
            id=f"u{frames}",
            speaker="",
            split="",
            path="",
            n_samples=frames * codec.hop_samples,
            codes=draw.integers(0, 16, (1, frames)),
            pitch=draw.integers(0, LEVELS, pitch_count(frames * codec.hop_samples, codec.sample_rate)).astype(np.uint8),
        )
        for frames in lengths
    ]
    return table_of(codec, rows)


def case(made: tuple[list[bytes], Any], draw: Random, folder: Path) -> None:
    """Mutate the file, or its header or blocks with a new checksum; unpack, and check what came out."""
    contents, codec = made
    content = contents[draw.random() < 0.1]
    body, check = content[:-CHECK_BYTES], content[-CHECK_BYTES:]
    kind = draw.random()
    if kind < 0.3:
        altered = mutated_bytes(content, draw)
    else:
        # Most bytes are those of blocks.
        place = draw.choice((16, 80, 250, len(body)))
        body = mutated_bytes(body[:place], draw) + body[place:]
        altered = body + (check if kind < 0.4 else hashlib.sha256(body).digest()[:CHECK_BYTES])
    table = unpack(altered, codec)
    assert altered == content or kind >= 0.4, "an altered file"
    for row in table:
        assert row.codes.shape[0] == 1 and (row.codes >= 0).all() and (row.codes < 16).all(), "codes outside"
        assert 0 <= row.n_samples <= row.codes.shape[1] * codec.hop_samples, "samples beyond the codes"
        assert row.pitch is None or row.pitch.max(initial=0) <= LEVELS, "F0 outside"


TARGETS = (
    [Target(name="bitstreams", base=base, case=case, cases=200)] if importlib.util.find_spec("constriction") else []
)
