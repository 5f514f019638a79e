"""Audio in pieces is audio at once: the same samples in, the same bytes out."""

import numpy as np
import pytest
import soundfile

from vqspeech import audio
from vqspeech.audio.stream import BLOCK_SAMPLES, Writer, blocks
from vqspeech.errors import AudioError, InputError


def noise(count, seed=0):
    return 0.1 * np.random.default_rng(seed).normal(size=count).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("count", [1, BLOCK_SAMPLES, 2 * BLOCK_SAMPLES + 5])
def test_blocks_are_the_file(tmp_path, rate, count):
    soundfile.write(tmp_path / "a.wav", np.stack([noise(count), noise(count, 1)], 1), rate)
    found = list(blocks(tmp_path / "a.wav", 16000))
    assert np.array_equal(np.concatenate(found), audio.read(tmp_path / "a.wav", 16000))
    assert len(found) > count // (2 * BLOCK_SAMPLES)


def test_what_cannot_be_read_is_refused(tmp_path):
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan], np.float32), 16000, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("text")
    for name, message in (("nan.wav", "1 samples are NaN"), ("text.wav", "not audio"), ("none.wav", "no such file")):
        with pytest.raises(AudioError, match=message):
            list(blocks(tmp_path / name))


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_pieces_make_the_file_of_the_whole(tmp_path, name):
    samples = np.append(noise(30_000), [2.0, -2.0]).astype(np.float32)
    (tmp_path / "new" / name).parent.mkdir()
    (tmp_path / "new" / name).write_text("what was there before")
    writer = Writer(tmp_path / "new" / name, 16000)
    for first in range(0, len(samples), 999):
        writer.write(samples[first : first + 999])
        assert (tmp_path / "new" / name).read_text() == "what was there before"
    writer.close()
    audio.write(tmp_path / name, samples, 16000)
    assert (tmp_path / "new" / name).read_bytes() == (tmp_path / name).read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_file_given_up_leaves_nothing(tmp_path):
    (tmp_path / "a.wav").write_text("what was there before")
    writer = Writer(tmp_path / "a.wav", 16000)
    writer.write(noise(1000))
    writer.discard()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["what was there before"]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, name):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ: writing fails instead.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        writer = Writer(tmp_path / name, 16000)
        with pytest.raises(InputError, match=rf"cannot write .*{name}: .*free some space"):
            for seed in range(20):
                writer.write(noise(10_000, seed))
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.wav or \.flac"):
        Writer(tmp_path / "a.mp3", 16000)
