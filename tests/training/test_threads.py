"""Training starts with as many threads as fit the load, and a run keeps its number."""

import json
import shutil
from threading import Barrier

import pytest
import torch
from runs import folder, run, weights

from vqspeech.kernels.workers import each
from vqspeech.training import threads
from vqspeech.training.threads import VARIABLES, busy_note, explicit, fitted_threads, fitting


class Busy:
    """A load that is known."""

    cores, seconds = 4, 1.0

    def __init__(self, others=0.0):
        self.number = others

    def others(self, least_s=0.0):
        return self.number


@pytest.fixture
def four(monkeypatch):
    """Four threads on four cores, that nobody has chosen."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    monkeypatch.setattr(threads, "_defaults", lambda: {4, 2})
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def chosen(path, others=0.0, pieces=1):
    with fitted_threads(path, Busy(others), pieces) as number:
        assert torch.get_num_threads() == number
    return number


@pytest.mark.parametrize(
    "cores, others, pieces, wanted",
    [(2, 0, 1, 2), (2, 0.1, 1, 2), (2, 0.3, 1, 1), (2, 2, 1, 1), (16, 1, 1, 15), (16, 1.3, 1, 14), (2, 0, 4, 1),
     (4, 0, 4, 4), (4, 2, 4, 1), (1, 1, 4, 1)],
)  # fmt: skip
def test_the_number_that_fits(cores, others, pieces, wanted):
    assert fitting(cores, others, pieces) == wanted


def test_the_load_found_is_left_its_cores_and_said(four, tmp_path, capsys):
    assert chosen(tmp_path / "quiet.json") == 4
    assert capsys.readouterr().err == ""
    assert chosen(tmp_path / "busy.json", others=1.0) == 3
    said = capsys.readouterr().err
    assert "1.0 of 4 cores" in said and "3 threads" in said and "OMP_NUM_THREADS" in said
    assert torch.get_num_threads() == 4


def test_a_run_keeps_its_number(four, tmp_path):
    record = tmp_path / "threads.json"
    assert chosen(record, others=2.0) == 2
    assert json.loads(record.read_text()) == {"threads": 2}
    assert chosen(record) == 2
    record.write_text("damaged")
    assert chosen(record) == 4


def test_fewer_threads_than_the_run_had_are_named(four, tmp_path):
    record = tmp_path / "threads.json"
    record.write_text('{"threads": 8}')
    with pytest.warns(UserWarning, match="8 threads.* 4"):
        assert chosen(record) == 4


def test_the_users_number_wins(four, tmp_path, monkeypatch):
    record = tmp_path / "threads.json"
    assert not explicit()
    torch.set_num_threads(3)
    assert explicit()
    assert chosen(record, others=3.0) == 3
    torch.set_num_threads(4)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert chosen(record, others=3.0) == 4
    # It is what the run has from then on.
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert chosen(record, others=3.0) == 4


def test_pieces_keep_their_workers(four, tmp_path):
    with fitted_threads(tmp_path / "threads.json", Busy(3.0), 8) as number:
        assert number == 1
        meeting = Barrier(4)
        # A barrier breaks unless so many threads reach it.
        assert all(each(lambda _: meeting.wait(timeout=10) >= 0, 8))


def test_the_progress_line_says_what_would_help():
    assert busy_note(Busy(0.1), 4, 1) == ""
    note = busy_note(Busy(2.0), 4, 1)
    assert "2.0 of 4 cores" in note and "OMP_NUM_THREADS=2" in note
    assert "OMP_NUM_THREADS" not in busy_note(Busy(2.0), 2, 1)


def test_a_run_resumed_on_a_busy_machine_ends_with_the_same_bits(tmp_path, make_config, store, four, monkeypatch):
    def begin(directory, others):
        monkeypatch.setattr("vqspeech.training.run.Load", lambda: Busy(others))
        run(make_config(), directory, store)
        return json.loads((directory / "threads.json").read_text())["threads"]

    assert begin(tmp_path / "whole", 3.0) == 1
    assert begin(tmp_path / "parts", 3.0) == 1
    for step in (6, 8):
        shutil.rmtree(folder(tmp_path / "parts", step))
    assert begin(tmp_path / "parts", 0.0) == 1
    assert weights(tmp_path / "parts", 8) == weights(tmp_path / "whole", 8)
