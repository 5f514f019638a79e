"""Progress: a line with the remaining time, and a function that shows it."""

import pytest

from vqspeech.progress import Progress, _clock, reporter


@pytest.fixture
def now(monkeypatch):
    """The time in seconds, to be changed in place."""
    now = [1000.0]
    monkeypatch.setattr("vqspeech.progress.time.monotonic", lambda: now[0])
    return now


def test_progress_prints_plain_lines_seldom_and_at_the_end(capsys):
    progress = Progress("train", 100, done=40, every_s=1000)
    progress._shown_at = progress.started
    for done in range(41, 101):
        progress.update(done, "nll 3.00 bit")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train 100/100")
    assert line.endswith("nll 3.00 bit")


def test_progress_estimates_the_rest_from_this_runs_steps(capsys, now):
    progress = Progress("train", 100, done=50)
    now[0] += 20
    progress.update(60)
    assert capsys.readouterr().err == "train 60/100  1:20 left\n"


@pytest.mark.parametrize(
    "seconds, text", [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01"), (90000, "25:00:00")]
)
def test_clock(seconds, text):
    assert _clock(seconds) == text


def test_a_reporter_starts_at_its_first_call(capsys, now):
    """The rate counts what was done since then: work of an earlier call is not part of it."""
    report = reporter("encode", lambda rate: f"{rate:g} a second")
    report(40, 100)
    now[0] += 20
    report(60, 100)
    now[0] += 40
    report(100, 100)
    assert capsys.readouterr().err.splitlines() == [
        "encode 40/100  0:00",
        "encode 60/100  0:40 left  1 a second",
        "encode 100/100  1:00  1 a second",
    ]


def test_a_reporter_counts_the_parts_of_work_one_after_the_other(capsys, now):
    report = reporter("prepare")
    for done, total in ((1, 2), (2, 2), (1, 3), (3, 3)):
        now[0] += 20
        report(done, total)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2", "1/3", "3/3"]


def test_a_reporter_of_nothing_done_prints_nothing(capsys):
    reporter("encode")
    assert capsys.readouterr().err == ""
