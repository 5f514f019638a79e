"""Worker processes end with their parent."""

import os
import signal
import subprocess
import sys
import time

import pytest

from vqspeech.corpora.workers import over_processes
from vqspeech.errors import VQSpeechError

PARENT = """
import os, time
from vqspeech.corpora.workers import worker_pool

if __name__ == "__main__":
    with worker_pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks /proc for processes")
def test_a_worker_ends_when_its_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    assert is_alive(worker)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    limit = time.monotonic() + 10
    while is_alive(worker) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not is_alive(worker)


def test_jobs_keep_their_order_and_a_dead_process_is_an_error():
    assert list(over_processes(abs, [-3, 2, -1], 1)) == [3, 2, 1]
    assert list(over_processes(abs, [-3, 2, -1], 2)) == [3, 2, 1]
    with pytest.raises(VQSpeechError, match="the work died"):
        list(over_processes(os._exit, [1, 1], 2, what="the work"))
