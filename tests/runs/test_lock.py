"""One job at a time works in a run directory."""

import os
import signal
import subprocess
import sys
import time

import pytest

from vqspeech.errors import InputError
from vqspeech.runs import RunDirectory, RunInUseError, locked

HOLD = """
import sys, time
from pathlib import Path
from vqspeech.runs import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has locked the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def test_a_run_in_use_is_refused_with_the_process_that_uses_it(tmp_path, holder):
    with (
        pytest.raises(RunInUseError, match=rf"run is in use by process {holder.pid} on ") as error,
        locked(tmp_path / "run"),
    ):
        pass
    assert error.value.exit_code == 2
    assert holder.poll() is None


def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert RunDirectory(tmp_path / "run").lock.exists()
    with locked(tmp_path / "run"):
        pass
    assert not (tmp_path / "run" / ".lock").exists()


def test_the_same_process_may_lock_again(tmp_path):
    """A recipe locks its run, and the training in it does so once more; the lock stays until the outer block ends."""
    with locked(tmp_path / "run"):
        with locked(tmp_path / "run"):
            pass
        assert _refused(tmp_path / "run")
    assert not _refused(tmp_path / "run")


def test_other_directories_are_free(tmp_path):
    with locked(tmp_path / "run"):
        assert not _refused(tmp_path / "run" / "prior")
        assert not _refused(tmp_path / "other")


def test_nothing_is_left_of_a_lock(tmp_path):
    """Neither a file, nor a directory that was made for it: a command that was refused leaves no trace."""
    with pytest.raises(ValueError), locked(tmp_path / "a" / "b" / "run"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run"):
        assert RunDirectory(tmp_path / "run").is_empty()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_run_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"cannot write to the run directory .*file/run"),
        locked(tmp_path / "file" / "run"),
    ):
        pass


def test_of_many_processes_that_start_at_once_one_gets_the_lock_at_a_time(tmp_path):
    """Each adds one to a file, slowly; a lost update would show that two were inside."""
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom vqspeech.runs import RunInUseError, locked\n"
        "path = Path(sys.argv[1]) / 'count'\n"
        "for _ in range(20):\n"
        "    while True:\n"
        "        try:\n"
        "            with locked(path.parent / 'run'):\n"
        "                value = int(path.read_text())\n"
        "                time.sleep(0.002)\n"
        "                path.write_text(str(value + 1))\n"
        "            break\n"
        "        except RunInUseError:\n"
        "            time.sleep(0.001)\n"
    )
    (tmp_path / "count").write_text("0")
    jobs = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    deadline = time.monotonic() + 60
    assert [job.wait(max(0.1, deadline - time.monotonic())) for job in jobs] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "60"


def _refused(run):
    script = (
        "import sys\nfrom pathlib import Path\nfrom vqspeech.runs import locked\nwith locked(Path(sys.argv[1])): pass"
    )
    done = subprocess.run([sys.executable, "-c", script, str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "RunInUseError" in done.stderr
    return done.returncode != 0
