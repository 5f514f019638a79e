"""Recordings of files and of prepared corpora, encoded block by block."""

import numpy as np
import pytest
import soundfile
import tiny

from vqspeech.bitstream.recordings import encode_recordings, recordings_of
from vqspeech.codes import CodeTable
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.encoding.bulk import encode_bulk


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, a prepared corpus, and a recording of another rate that is longer than a chunk and a block of reading.

    The recording is called as one of the corpus.
    """
    folder = tmp_path_factory.mktemp("place")
    draw = np.random.default_rng(0)
    for name in ("ann/a", "bob/b"):
        (folder / "data" / name).parent.mkdir(parents=True)
        soundfile.write(folder / "data" / f"{name}.wav", 0.1 * draw.normal(size=5000), 16000)
    soundfile.write(folder / "a.wav", 0.1 * draw.normal(size=90000), 8000)
    tiny.save_codec(folder / "run")
    prepare(read(folder / "data"), folder / "store", workers=1)
    return folder


@pytest.fixture(scope="module")
def codec(place):
    return tiny.codec(place / "run" / "checkpoints" / f"step-{tiny.STEP:08}")


def test_rows_are_those_of_a_table(codec, place, tmp_path):
    inputs = [place / "a.wav", place / "store"]
    encode_bulk(codec, inputs, tmp_path / "codes.parquet", pitch=True)
    table = CodeTable.read(tmp_path / "codes.parquet")
    streamed = encode_recordings(codec, recordings_of(codec, inputs), pitch=True)
    assert {row.speaker for row in table} == {"ann", "bob", ""} and len({row.id for row in table}) == 3
    for row, found in zip(table, streamed, strict=True):
        np.testing.assert_array_equal(found.codes, row.codes)
        np.testing.assert_array_equal(found.pitch, row.pitch)
        assert (found.id, found.speaker, found.split, found.path, found.n_samples) == (
            row.id,
            row.speaker,
            row.split,
            row.path,
            row.n_samples,
        )
