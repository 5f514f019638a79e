import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from stores import contents, corpus_of, flip_a_bit, utterance

from vqspeech import audio
from vqspeech.alignment.base import Alignment, Interval
from vqspeech.corpora import folder, store_shard
from vqspeech.corpora import store as store_module
from vqspeech.corpora.base import SPLITS
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.errors import CheckpointError, CorpusError, UnknownNameError


def test_every_utterance_is_there_at_16_khz(corpus, tmp_path):
    seen = []
    store = prepare(corpus, tmp_path / "store", progress=lambda done, total: seen.append((done, total)))
    assert [row.id for row in store.rows] == [u.id for u in corpus.utterances]
    assert [row.n_samples for row in store.rows] == [8000, 4000, 1600]
    assert [row.start_sample for row in store.rows] == [0, 8000, 12000]
    assert list(store.rows) == [store.rows[index] for index in range(3)] == list(store.rows[:])
    assert store.rows[-1].id == store.rows[2].id
    assert store.speakers == ("ann", "bob")
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert sorted(contents(tmp_path / "store")) == ["index.arrow", "shards/00000.i16", "store.json"]
    np.testing.assert_array_equal(store.lengths, [8000, 4000, 1600])
    np.testing.assert_array_equal(store.speaker_numbers, [0, 0, 1])
    np.testing.assert_array_equal(store.samples(1, 10, 20), store.samples(1)[10:20])
    np.testing.assert_array_equal(store.samples(1, 3990, 5000), store.samples(1)[3990:])
    for index, row in enumerate(store.rows):
        np.testing.assert_array_equal(store.samples(index), audio.to_int16(audio.read(row.path)))
        np.testing.assert_allclose(store.waveform(index), store.samples(index) / 32768)
        assert store.by_id(row.id) == index
    assert store.samples(0).dtype == np.int16
    assert not store.samples(0).flags.writeable
    assert store.waveform(0).dtype == np.float32
    assert store.rows[0].alignment == corpus.utterances[0].alignment
    assert sorted(index for split in SPLITS for index in store.indices(split)) == [0, 1, 2]
    assert store.duration_s == pytest.approx(0.85)
    assert (store.corpus.name, store.corpus.root) == ("folder", corpus.root)
    with pytest.raises(UnknownNameError, match=r"unknown utterance 'ann-x'.*Did you mean"):
        store.by_id("ann-x")
    with pytest.raises(UnknownNameError, match="unknown split"):
        store.indices("dev")


def test_opening_clears_what_a_killed_preparation_left(corpus, tmp_path):
    store = tmp_path / "store"
    prepare(corpus, store)
    right = contents(store)
    (store / "rows").mkdir()
    for name in ("lock", "rows/00000.json", "rows/00000.arrow"):
        (store / name).touch()
    AudioStore.open(store)
    assert contents(store) == right and not (store / "rows").exists()
    # Files of others stay.
    (store / "rows").mkdir()
    for name in ("lock", "rows/00000.json", "rows/mine.txt"):
        (store / name).write_text("mine")
    AudioStore.open(store)
    assert contents(store).keys() - right.keys() == {"lock", "rows/mine.txt"}


def test_the_result_does_not_depend_on_workers_or_place(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(store_shard, "UTTERANCES_PER_SHARD", 1)
    one = prepare(corpus, tmp_path / "one", workers=1)
    four = prepare(corpus, tmp_path / "four", workers=4)
    assert contents(tmp_path / "one") == contents(tmp_path / "four")
    shutil.copytree(tmp_path / "data", tmp_path / "elsewhere")
    moved = prepare(folder.read(tmp_path / "elsewhere"), tmp_path / "moved")
    assert one.fingerprint == four.fingerprint == moved.fingerprint
    assert prepare(corpus, tmp_path / "eight", sample_rate=8000).fingerprint != one.fingerprint


def test_facts_survive_reopening(tmp_path, tone):
    corpus = corpus_of(tmp_path, [utterance(tone(tmp_path / "a.wav"))])
    prepare(corpus, tmp_path / "store")
    store = AudioStore.open(tmp_path / "store", verify=True)
    assert store.corpus.synthetic
    assert store.corpus.notes == ("A note.",)
    assert store.rows[0].text == "hé"
    assert store.rows[0].alignment is None


def test_unusable_files_are_named_and_left_out(tmp_path, tone):
    good = tone(tmp_path / "good.wav")
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan]), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "noise.flac", np.random.default_rng(0).normal(size=40000) * 0.1, 16000)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "noise.flac").read_bytes()[:30000])
    soundfile.write(tmp_path / "five.wav", np.full(5, 0.2), 16000)
    names = ("cut.flac", "five.wav", "gone.wav", "nan.wav", "silent.wav")
    corpus = corpus_of(tmp_path, [utterance(good), *(utterance(tmp_path / name) for name in names)])
    store = prepare(corpus, tmp_path / "store")
    assert [row.id for row in store.rows] == ["good", "five"]
    assert {Path(path).name: reason.split(":")[0] for path, reason in store.corpus.skipped.items()} == {
        "cut.flac": store.corpus.skipped[str(tmp_path / "cut.flac")].split(":")[0],
        "gone.wav": "no such file",
        "nan.wav": "1 of 2 samples are NaN or infinite",
        "silent.wav": "holds only silence",
    }
    assert "truncated" in store.corpus.skipped[str(tmp_path / "cut.flac")]
    bad = corpus_of(tmp_path, [utterance(tmp_path / "silent.wav"), utterance(tmp_path / "nan.wav")])
    with pytest.raises(
        CorpusError, match=r"2 files were skipped; the first problem: .*silent\.wav: holds only silence"
    ):
        prepare(bad, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_trimming_shifts_the_alignment(tmp_path):
    samples = np.concatenate([np.zeros(8000), 0.5 * np.sin(np.arange(16000) * 0.2), np.zeros(8000)])
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    phones = (Interval(0.0, 0.5, "sil"), Interval(0.5, 1.5, "aa"), Interval(1.5, 2.0, "sil"))
    corpus = corpus_of(tmp_path, [utterance(tmp_path / "a.wav", alignment=Alignment(phones))])
    store = prepare(corpus, tmp_path / "store", trim_db=40)
    row = store.rows[0]
    vowel = next(phone for phone in row.alignment.phones if phone.label == "aa")
    start = round(vowel.start_s * 16000)
    assert row.n_samples < 24000
    np.testing.assert_array_equal(
        store.samples(0)[start : start + 16000], audio.to_int16(audio.read(tmp_path / "a.wav"))[8000:24000]
    )
    assert row.alignment.phones[-1].end_s <= row.n_samples / 16000 + 1e-6


def damage(name):
    def cut(store):
        (store / name).write_bytes((store / name).read_bytes()[:-2])

    return cut


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage("shards/00000.i16"), "00000.i16 has"),
        (damage("index.arrow"), "index.arrow is not"),
        (lambda store: (store / "store.json").write_text("{"), "store.json cannot be read"),
        (lambda store: (store / "store.json").unlink(), "no audio store here"),
        (lambda store: (store / "index.arrow").unlink(), "No such file"),
        (lambda store: (store / "shards/00000.i16").unlink(), "has 0 bytes"),
    ],
)
def test_a_torn_store_is_refused(corpus, tmp_path, harm, message):
    prepare(corpus, tmp_path / "store")
    harm(tmp_path / "store")
    with pytest.raises(CheckpointError, match=message):
        AudioStore.open(tmp_path / "store")


def test_a_changed_sample_is_found_on_request(corpus, tmp_path):
    store = prepare(corpus, tmp_path / "store")
    flip_a_bit(tmp_path / "store/shards/00000.i16")
    assert AudioStore.open(tmp_path / "store").fingerprint == store.fingerprint
    with pytest.raises(CheckpointError, match="checksum"):
        AudioStore.open(tmp_path / "store", verify=True)


@pytest.mark.parametrize(
    ("version", "message"), [(99, "format 99 is newer.*update vqspeech"), (1, "format 1 is older")]
)
def test_another_format_is_refused(corpus, tmp_path, version, message):
    prepare(corpus, tmp_path / "store")
    header = json.loads((tmp_path / "store/store.json").read_text())
    (tmp_path / "store/store.json").write_text(json.dumps({**header, "format_version": version}))
    with pytest.raises(CheckpointError, match=message):
        AudioStore.open(tmp_path / "store")


def test_samples_of_every_shard_are_found_with_few_shards_open(many, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_OPEN_SHARDS", 1)
    store = prepare(many, tmp_path / "store", workers=1)
    for _ in range(2):
        for index, row in enumerate(store.rows):
            np.testing.assert_array_equal(store.samples(index), audio.to_int16(audio.read(row.path)))
    assert [Path(path).name for path in store.corpus.skipped] == ["6.wav"]
    assert AudioStore.open(tmp_path / "store", verify=True).fingerprint == store.fingerprint
