"""Claims of files that are about to be written."""

import os
import signal
import subprocess
import sys

import pytest

from vqspeech.claims import claimed
from vqspeech.errors import InputError

HOLD = """
import sys, time
from pathlib import Path
from vqspeech.claims import claimed
with claimed([Path(name) for name in sys.argv[1:]]):
    print("claimed", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that writes a.wav in a folder, and b.wav in another."""
    names = [str(tmp_path / "one" / "a.wav"), str(tmp_path / "two" / "b.wav")]
    process = subprocess.Popen([sys.executable, "-c", HOLD, *names], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "claimed\n"
    yield process
    process.kill()
    process.communicate()


def test_a_name_that_another_process_writes_is_refused(holder, tmp_path):
    with (
        pytest.raises(InputError, match=rf"process {holder.pid} on .* writes .*two/b\.wav; wait until") as error,
        claimed([tmp_path / "one" / "c.wav", tmp_path / "two" / "b.wav"]),
    ):
        raise AssertionError
    assert error.value.exit_code == 2
    # Nothing is left of the claim that was given up.
    assert len(list((tmp_path / "one").iterdir())) == len(list((tmp_path / "two").iterdir())) == 1
    (tmp_path / "link").symlink_to(tmp_path / "one")
    with pytest.raises(InputError, match=r"a\.wav"), claimed([tmp_path / "link" / "a.wav"]):
        raise AssertionError
    with claimed([tmp_path / "one" / "b.wav", tmp_path / "two" / "a.wav"]):
        assert len(list((tmp_path / "one").iterdir())) == 2


def test_a_killed_process_claims_nothing_and_its_file_is_deleted(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with claimed([tmp_path / "one" / "a.wav"]):
        assert len(list((tmp_path / "one").iterdir())) == 1
    assert list((tmp_path / "one").iterdir()) == []


def test_folders_that_were_made_and_stay_empty_are_removed(tmp_path):
    with claimed([tmp_path / "a" / "b" / "x.wav"]):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    with claimed([tmp_path / "a" / "b" / "x.wav"]):
        (tmp_path / "a" / "b" / "x.wav").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["x.wav"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to .*file"), claimed([tmp_path / "file" / "x.wav"]):
        raise AssertionError


def test_files_of_others_are_no_claims(tmp_path):
    """Whatever bears such a name and is locked by nobody's vqspeech."""
    for number, text in enumerate(("", "[]", '{"names": 3}', "\xff")):
        (tmp_path / f".vqspeech-writes.0000000{number}.tmp").write_bytes(text.encode("latin-1"))
    with claimed([tmp_path / "x.wav"]):
        pass
