import dataclasses
import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqspeech import audio
from vqspeech.alignment.base import Alignment, Interval
from vqspeech.corpora import folder, store_shard
from vqspeech.corpora import store as store_module
from vqspeech.corpora.base import SPLITS, Corpus, Utterance
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.corpora.store_shard import plan_shards
from vqspeech.errors import CheckpointError, CorpusError, InputError, UnknownNameError


def utterance(path: Path, speaker="ann", alignment=None) -> Utterance:
    return Utterance(
        id=path.stem, path=path, speaker=speaker, text="hé", split="train", duration_s=1.0, alignment=alignment
    )


def corpus_of(root: Path, utterances) -> Corpus:
    return Corpus(
        name="folder", root=root, variant="test", utterances=tuple(utterances), notes=("A note.",), synthetic=True
    )


@pytest.fixture
def corpus(tmp_path, tone):
    tone(tmp_path / "data/ann/a.wav", rate=48000, seconds=0.5)
    tone(tmp_path / "data/ann/b.flac", rate=16000, seconds=0.25)
    tone(tmp_path / "data/bob/c.wav", rate=8000, seconds=0.1, subtype="PCM_U8")
    (tmp_path / "data/ann/a.phn").write_text("0 800 h#\n800 8000 aa\n")
    return folder.read(tmp_path / "data")


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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


def flip_a_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)


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


def test_shards_end_after_a_thousand_utterances_or_an_hour():
    short = Utterance(id="a", path=Path("a"), speaker="s", text=None, split="train", duration_s=3.0)
    long = dataclasses.replace(short, duration_s=2000.0)
    assert plan_shards([short] * 2500) == [range(1000), range(1000, 2000), range(2000, 2500)]
    assert plan_shards([long] * 5) == [range(2), range(2, 4), range(4, 5)]
    assert plan_shards([]) == []


@pytest.fixture
def many(tmp_path, tone, monkeypatch):
    """Seven utterances, one of them broken, in shards of two."""
    monkeypatch.setattr(store_shard, "UTTERANCES_PER_SHARD", 2)
    for number in range(6):
        tone(tmp_path / f"data/ann/{number}.wav", seconds=0.1 + 0.05 * number)
    (tmp_path / "data/ann/6.wav").write_text("no audio")
    paths = sorted((tmp_path / "data/ann").iterdir())
    return corpus_of(tmp_path / "data", [utterance(path) for path in paths])


def test_samples_of_every_shard_are_found_with_few_shards_open(many, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_OPEN_SHARDS", 1)
    store = prepare(many, tmp_path / "store", workers=1)
    for _ in range(2):
        for index, row in enumerate(store.rows):
            np.testing.assert_array_equal(store.samples(index), audio.to_int16(audio.read(row.path)))
    assert [Path(path).name for path in store.corpus.skipped] == ["6.wav"]
    assert AudioStore.open(tmp_path / "store", verify=True).fingerprint == store.fingerprint


KILLED = """
import os, pickle, signal, sys
from vqspeech.corpora import store_shard
from vqspeech.corpora.store import prepare

def die(done, total):
    if done >= 4:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    store_shard.UTTERANCES_PER_SHARD = 2
    prepare(pickle.load(open(sys.argv[1], "rb")), sys.argv[2], workers=2, progress=die)
"""


def test_a_killed_preparation_goes_on_where_it_stopped(many, tmp_path):
    (tmp_path / "corpus.pickle").write_bytes(pickle.dumps(many))
    (tmp_path / "killed.py").write_text(KILLED)
    command = [sys.executable, tmp_path / "killed.py", tmp_path / "corpus.pickle", tmp_path / "store"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    shards = tmp_path / ".store.part/shards"
    finished = {path.name: path.stat().st_mtime_ns for path in shards.glob("*.i16")}
    assert {"00000.i16", "00001.i16"} <= finished.keys()
    assert not (tmp_path / "store").exists()
    flip_a_bit(shards / "00001.i16")
    prepare(many, tmp_path / "store", workers=1)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "store/shards").iterdir()}
    assert after["00000.i16"] == finished["00000.i16"]  # was not written again
    assert after["00001.i16"] != finished["00001.i16"]  # its checksum was wrong
    prepare(many, tmp_path / "whole", workers=1)
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


def test_what_changed_since_is_decoded_again(many, tmp_path, tone, full_disk):
    full_disk.after(1)
    with pytest.raises(InputError):
        prepare(many, tmp_path / "store", workers=1)
    full_disk.undo()
    tone(tmp_path / "data/ann/0.wav", seconds=0.7)
    assert prepare(many, tmp_path / "store", workers=1).lengths[0] == 11200
    prepare(many, tmp_path / "whole", workers=1)
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


@pytest.fixture
def full_disk(monkeypatch):
    """``full_disk.after(n)``: the disk is full after n shards."""

    class Disk:
        def after(self, shards: int) -> None:
            calls = iter(range(shards))

            def fsync(_handle: int) -> None:
                if next(calls, None) is None:
                    raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(store_shard.os, "fsync", fsync)

        def undo(self) -> None:
            monkeypatch.setattr(store_shard.os, "fsync", FSYNC)

    return Disk()


FSYNC = os.fsync


def test_a_full_disk_leaves_the_old_store(corpus, tmp_path, full_disk):
    before = prepare(corpus, tmp_path / "store", sample_rate=8000).fingerprint
    full_disk.after(0)
    with pytest.raises(InputError, match=r"cannot write the audio store .*No space left on device.*free some space$"):
        prepare(corpus, tmp_path / "store")
    full_disk.undo()
    assert AudioStore.open(tmp_path / "store").fingerprint == before
    assert sorted(os.listdir(tmp_path)) == ["data", "store"]


def test_a_full_disk_keeps_finished_shards_and_nothing_half_written(many, tmp_path, full_disk):
    full_disk.after(2)
    with pytest.raises(InputError, match=r"No space left.*the 2 finished shards in .*\.store\.part are kept"):
        prepare(many, tmp_path / "store", workers=1)
    full_disk.undo()
    assert sorted(path.name for path in (tmp_path / ".store.part/shards").iterdir()) == ["00000.i16", "00001.i16"]
    assert len(prepare(many, tmp_path / "store", workers=1).rows) == 6
    assert not (tmp_path / ".store.part").exists()


def test_a_store_is_made_by_one_process_at_a_time(corpus, tmp_path):
    with store_module._alone(tmp_path / ".store.part"), pytest.raises(InputError, match="another process is preparing"):
        prepare(corpus, tmp_path / "store")


def test_workers_are_at_least_one(corpus, tmp_path):
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        prepare(corpus, tmp_path / "store", workers=0)


def test_a_folder_with_something_else_is_left_alone(corpus, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter1.tex").write_text("x")
    with pytest.raises(InputError, match="is no audio store"):
        prepare(corpus, tmp_path / "thesis")
    assert (tmp_path / "thesis/chapter1.tex").read_text() == "x"
