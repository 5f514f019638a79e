"""The cores that other programs use are counted without this process, and without programs that give way."""

import os
import subprocess
import sys
import time

import pytest

from vqspeech.training import load as measured
from vqspeech.training.load import Load

TICK = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """``machine(seconds, own=1, user=2, ...)``: seconds that pass, and those that two of three cores spend on each."""
    now, spent = [100.0, 0.0], dict.fromkeys(("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"), 0)

    def show():
        columns = " ".join(str(int(seconds * TICK)) for seconds in spent.values())
        lines = [
            f"cpu  {columns} 0 0",
            f"cpu0 {columns} 0 0",
            "cpu1 0 0 0 0 0 0 0 0 0 0",
            "cpu2 99 99 99 9 9 9 9 9 9 9",
        ]
        (tmp_path / "stat").write_text("\n".join([*lines, "intr 1 2 3", "procs_running 1"]) + "\n")

    def passes(seconds, own=0.0, **others):
        now[0] += seconds
        now[1] += own
        for name, more in others.items():
            spent[name] += more
        show()

    show()
    monkeypatch.setattr(measured, "STAT", tmp_path / "stat")
    monkeypatch.setattr(measured, "available_cores", lambda: [0, 1])
    monkeypatch.setattr(measured.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(measured.os, "times", lambda: os.times_result((now[1], 0, 0, 0, 0)))
    monkeypatch.setattr(measured.os, "nice", lambda _: 0)
    return passes


def test_what_this_process_uses_is_not_counted(machine):
    load = Load()
    assert load.cores == 2
    machine(10, own=8, user=11, system=1)
    assert load.others() == pytest.approx(0.4)
    machine(10, own=10, user=10)
    assert load.others() == 0
    machine(10, own=0, user=10, steal=2, softirq=3)
    assert load.others() == pytest.approx(1.5)


def test_programs_that_give_way_and_waits_for_disks_are_not_counted(machine, monkeypatch):
    load = Load()
    machine(10, nice=10, iowait=10, idle=10)
    assert load.others() == 0
    monkeypatch.setattr(measured.os, "nice", lambda _: 19)
    load = Load()
    machine(10, own=4, nice=10)
    assert load.others() == pytest.approx(0.6)


def test_a_result_is_kept_for_as_long_as_is_asked(machine):
    load = Load()
    machine(10, user=5)
    assert load.others() == pytest.approx(0.5)
    machine(1, user=2)
    assert load.others(least_s=2) == pytest.approx(0.5)
    machine(1, user=2)
    assert load.others(least_s=2) == 2


@pytest.mark.parametrize("content", [None, "", "cpu0 1 2\ncpu1\n", "cpu0 a b c d e f g h\n"])
def test_without_counters_nothing_is_known(content, tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "STAT", tmp_path / "stat")
    if content is not None:
        (tmp_path / "stat").write_text(content)
    load = Load()
    time.sleep(0.01)
    assert load.others(least_s=0) == 0


@pytest.mark.skipif(not measured.STAT.exists(), reason="needs Linux")
def test_a_busy_program_is_seen():
    load = Load()
    busy = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        time.sleep(0.6)
        assert load.others() > 0.2
    finally:
        busy.kill()
        busy.wait()
