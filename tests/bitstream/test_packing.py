"""Codes come out of a bitstream as they went in, or not at all."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tiny

from vqspeech.bitstream import container, pack, unpack
from vqspeech.errors import InputError


def same(table, other):
    for row, found in zip(table, other, strict=True):
        np.testing.assert_array_equal(found.codes, row.codes)
        assert (found.id, found.n_samples) == (row.id, row.n_samples)
        assert (found.pitch is None) == (row.pitch is None)
        if row.pitch is not None:
            np.testing.assert_array_equal(found.pitch, row.pitch)
    return True


@pytest.mark.parametrize("pitch", [False, True])
@pytest.mark.parametrize("frames", [(1,), (0,), (40,), (5, 0, 3000, 1), (2048,)])
def test_round_trip(codec, table, frames, pitch):
    codes = table(*frames, pitch=pitch)
    packed = pack(codes, "tiny")
    result = unpack(packed.content, codec)
    assert same(codes, result)
    assert (result.codebook, result.sample_rate, result.hop_samples) == (codec.codebook, 16000, 64)
    assert packed.coded_bits >= packed.code_bits + packed.pitch_bits
    assert packed.seconds == pytest.approx(sum(row.n_samples for row in codes) / 16000)


def test_codes_that_cannot_be_written_to_are_packed(codec, table):
    codes = table(9)
    codes.rows[0].codes.flags.writeable = False
    assert same(codes, unpack(pack(codes, "tiny").content, codec))


def test_bits_beside_the_entropy(table):
    packed = pack(table(4000), "tiny")
    # Half of the codes are one code.
    assert packed.coded_bits == pytest.approx(packed.entropy_bits, rel=0.1)
    assert packed.coded_bits < 0.75 * 4 * 4000
    assert packed.coded_bits < 8 * len(packed.content) < packed.coded_bits + 8 * 100


GOLDEN = (
    "7671731a010474696e79abababababababab807d4001100001020e0002753000be0200027531009d010006085077e0d99f82cb4760dbed88e6"
)
"""`table(5, 3, pitch=True)` of a codebook whose hash is ab ab ..., packed by the first version."""


def test_a_bitstream_of_the_first_version_is_read(table):
    codes = replace(table(5, 3, pitch=True), codebook="ab" * 32)
    facts = {name: getattr(codes, name) for name in ("sample_rate", "hop_samples", "codebook_sizes", "codebook")}
    assert same(codes, unpack(bytes.fromhex(GOLDEN), SimpleNamespace(**facts, path="golden")))


def test_names_of_many_recordings_take_few_bytes(codec, table):
    codes = table(*[0] * 200)
    content = pack(codes, "tiny").content
    assert same(codes, unpack(content, codec)) and len(content) < 5 * 200


def test_every_altered_byte_and_every_cut_is_noticed(codec, table):
    content = pack(table(12), "tiny").content
    for place in range(len(content)):
        with pytest.raises(InputError):
            unpack(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :], codec)
        with pytest.raises(InputError):
            unpack(content[:place], codec)
    with pytest.raises(InputError, match="altered"):
        unpack(content + b"\0", codec)


def test_altered_symbols_with_a_right_checksum_are_noticed(codec, table):
    body = bytearray(pack(table(300), "tiny").content[: -container.CHECK_BYTES])
    body[-20] ^= 4
    with pytest.raises(InputError, match="not those that went in"):
        unpack(bytes(body) + hashlib.sha256(body).digest()[: container.CHECK_BYTES], codec)


def test_a_newer_version_is_named(codec, table):
    content = bytearray(pack(table(3), "tiny").content)
    content[4] = 9
    with pytest.raises(InputError, match="version 9"):
        unpack(bytes(content), codec)


def test_the_model_that_is_needed_is_named(table):
    other = replace(tiny.codec(started=False), path=tiny.Path("elsewhere"))
    content = pack(table(3), "kitchen\x1b").content
    with pytest.raises(InputError) as caught:
        unpack(content, other)
    digest = container.from_bytes(content)[0].model.digest.hex()
    assert all(part in str(caught.value) for part in ("'kitchen\\u001b'", digest[:12], "elsewhere", "16 codes"))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rows": ()}, "at least one"),
        ({"codebook": ""}, "hash of their codebooks"),
        ({"modality": "image"}, "of speech"),
        ({"codebook_sizes": (3,)}, "outside the codebooks"),
        ({"hop_samples": 1}, "samples in"),
    ],
)
def test_what_cannot_be_packed(table, change, message):
    with pytest.raises(InputError, match=message):
        pack(replace(table(20), **change), "tiny")


def test_pitch_of_some_rows_only_or_of_another_length(table):
    whole, without = table(20, 20, pitch=True), table(20, 20)
    with pytest.raises(InputError, match="some rows"):
        pack(replace(whole, rows=(whole.rows[0], without.rows[1])), "tiny")
    cut = replace(whole.rows[0], pitch=whole.rows[0].pitch[:-1])
    with pytest.raises(InputError, match="'u0'"):
        pack(replace(whole, rows=(cut,)), "tiny")
