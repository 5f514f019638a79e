from __future__ import annotations

import json

import numpy as np
import pytest

from vqspeech.corpora.contours import contours
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.errors import InputError
from vqspeech.testing.speech import PITCHES_HZ, write_corpus


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contours")
    return prepare(read(write_corpus(folder / "speech")), folder / "store")


@pytest.fixture(scope="module")
def measured(store):
    return contours(store, workers=2)


def test_every_row_has_its_contour(store, measured):
    assert len(measured.frames) == sum(-(-int(length) // 160) for length in store.lengths)
    for index, row in enumerate(store.rows):
        f0 = measured.row(index)
        assert len(f0) == -(-len(store.samples(index)) // 160)
        assert np.median(f0[f0 > 0]) == pytest.approx(PITCHES_HZ[row.speaker], rel=0.02)


def test_they_are_measured_once(store, measured):
    written = (store.directory / "pitch.npy").stat().st_mtime_ns
    again = contours(store, progress=lambda *_: pytest.fail("measured again"))
    np.testing.assert_array_equal(again.frames, measured.frames)
    assert (store.directory / "pitch.npy").stat().st_mtime_ns == written


@pytest.mark.parametrize("what", ["other audio", "no facts", "torn facts", "torn frames"])
def test_what_is_not_of_this_store_is_measured_anew(store, measured, what):
    facts, frames = store.directory / "pitch.json", store.directory / "pitch.npy"
    wanted = np.array(measured.frames)
    if what == "other audio":
        facts.write_text(json.dumps({**json.loads(facts.read_text()), "fingerprint": "other"}))
    elif what == "no facts":
        facts.unlink()
    elif what == "torn facts":
        facts.write_text("{")
    else:
        content = frames.read_bytes()
        frames.unlink()
        frames.write_bytes(content[:-8])
    calls = []
    again = contours(store, workers=1, progress=lambda *call: calls.append(call))
    assert calls[-1] == (12, 12)
    np.testing.assert_array_equal(again.frames, wanted)


def test_a_full_disk_is_one_message_and_leaves_nothing(store, measured, monkeypatch):
    (store.directory / "pitch.json").unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(InputError, match=r"pitch.npy.*No space left"):
        contours(store, workers=1)
    assert not list(store.directory.glob("pitch*tmp")) and not (store.directory / "pitch.json").exists()


def test_crops_are_aligned_with_the_waveform(measured):
    row = measured.row(0)
    np.testing.assert_array_equal(measured.crop(0, 0, len(row)), row)
    np.testing.assert_array_equal(measured.crop(0, 1600, 5), row[10:15])
    np.testing.assert_array_equal(measured.crop(0, 79, 5), row[:5])
    np.testing.assert_array_equal(measured.crop(0, 81, 5), row[1:6])
    beyond = measured.crop(0, 160 * (len(row) - 2), 5)
    np.testing.assert_array_equal(beyond, [*row[-2:], 0, 0, 0])


def test_statistics_are_those_of_each_speaker(store, measured):
    mean, std = measured.statistics(store, store.indices("train"), ("bob", "ann", "nobody"))
    assert np.exp(mean[:2]) == pytest.approx([110, 210], rel=0.02)
    assert np.exp(mean[1]) > np.exp(mean[2]) > np.exp(mean[0])
    assert std[0] < 0.05 < std[2]
