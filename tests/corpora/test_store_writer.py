"""Writing a store: killed, out of disk or repeated, it is whole or goes on where it stopped."""

import errno
import os
import pickle
import signal
import subprocess
import sys

import pytest
from stores import contents, flip_a_bit

from vqspeech.corpora import store as store_module
from vqspeech.corpora import store_shard
from vqspeech.corpora.store import AudioStore, prepare
from vqspeech.errors import InputError

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
    assert after["00000.i16"] == finished["00000.i16"]
    assert after["00001.i16"] != finished["00001.i16"]
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
    with store_module._alone(tmp_path / ".store.part"), pytest.raises(InputError, match="another process prepares"):
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
