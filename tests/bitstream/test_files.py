"""Bitstreams in files."""

import os

import numpy as np
import pytest
import soundfile
import tiny

from vqspeech.bitstream import files
from vqspeech.encoding import encode_files
from vqspeech.errors import InputError


@pytest.fixture
def recordings(tmp_path):
    draw = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", 0.1 * draw.normal(size=5000), 16000)
    soundfile.write(tmp_path / "b.wav", 0.1 * draw.normal(size=9000), 8000)
    return [tmp_path / "a.wav", tmp_path / "b.wav"]


def test_written_and_read(codec, recordings, tmp_path):
    table, _ = encode_files(codec, recordings)
    packed = files.write(tmp_path / "new" / "x.vqs", codec, table)
    assert (tmp_path / "new" / "x.vqs").read_bytes() == packed.content
    for row, found in zip(table, files.read(tmp_path / "new" / "x.vqs", codec), strict=True):
        np.testing.assert_array_equal(found.codes, row.codes)
    # A single one is called as its file.
    files.write(tmp_path / "one.vqs", codec, encode_files(codec, recordings[:1])[0])
    assert [row.id for row in files.read(tmp_path / "one.vqs", codec)] == ["one"]
    # A bitstream is replaced, anything else is not.
    files.write(tmp_path / "new" / "x.vqs", codec, table)
    (tmp_path / "notes.vqs").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.vqs exists"):
        files.write(tmp_path / "notes.vqs", codec, table)
    with pytest.raises(InputError, match=r"notes\.vqs cannot be decoded"):
        files.read(tmp_path / "notes.vqs", codec)


def test_a_model_is_called_by_its_run(tmp_path):
    assert files.model_name(tiny.codec(tmp_path / "mine" / "checkpoints" / "step-00000003")) == "mine"
    assert files.model_name(tiny.codec(tmp_path / "published")) == "published"


def test_a_named_pipe_is_refused_without_waiting_for_its_writer(codec, tmp_path):
    os.mkfifo(tmp_path / "pipe.vqs")
    assert not files.is_bitstream_file(tmp_path / "pipe.vqs")
    with pytest.raises(InputError, match=r"pipe\.vqs cannot be read: it is no regular file"):
        files.read(tmp_path / "pipe.vqs", codec)
