"""metrics.jsonl and progress."""

import json

import pytest

from vqspeech.progress import Progress, _clock
from vqspeech.training.metrics import MetricsLog, read_metrics


def rows(*steps):
    return [{"step": step, "split": "train", "seconds": step * 2.0, "nll_bits": 1.5} for step in steps]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(2, 4, 6)))
    return path


def test_rows_are_appended_and_read(path):
    log = MetricsLog(path, 6)
    assert log.seconds_before == 12.0
    log.write(rows(8)[0])
    assert read_metrics(path) == rows(2, 4, 6, 8)  # at once, not when the file is closed
    log.close()


def test_rows_beyond_the_step_are_dropped(path):
    log = MetricsLog(path, 5)
    assert log.seconds_before == 8.0
    log.close()
    assert read_metrics(path) == rows(2, 4)


@pytest.mark.parametrize(
    "torn", ['{"step": 8, "spl', '{"step": 8, "split": "train"', "\x00\x00\x00", "null\n", "7\n", "{}\n"]
)
def test_a_torn_last_line_is_left_out_and_written_over(path, torn):
    with path.open("a") as file:
        file.write(torn)
    log = MetricsLog(path, 6)
    log.write(rows(8)[0])
    log.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows(2, 4, 6, 8)


def test_bytes_that_are_no_text_are_left_out(path):
    with path.open("ab") as file:
        file.write(b"\xff\xfe\n")
    assert read_metrics(path) == rows(2, 4, 6)


def test_no_file_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "none.jsonl") == []
    log = MetricsLog(tmp_path / "metrics.jsonl", 0)
    assert log.seconds_before == 0
    log.close()


def test_only_one_process_writes(path):
    before = path.read_bytes()
    log = MetricsLog(path, 4, writes=False)
    log.write(rows(6)[0])
    log.close()
    assert log.seconds_before == 8.0
    assert path.read_bytes() == before


def test_progress_speaks_plain_lines_seldom_and_at_the_end(capsys):
    progress = Progress("train", 100, done=40, every_s=1000)
    progress._spoken = progress.started
    for done in range(41, 101):
        progress.update(done, "nll 3.00 bit")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train 100/100")
    assert line.endswith("nll 3.00 bit")


def test_progress_estimates_the_rest_from_this_runs_steps(capsys, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("vqspeech.training.metrics.time.monotonic", lambda: now[0])
    progress = Progress("train", 100, done=50)
    now[0] += 20
    progress.update(60)
    assert capsys.readouterr().err == "train 60/100  1:20 left\n"


@pytest.mark.parametrize(
    "seconds, text", [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01"), (90000, "25:00:00")]
)
def test_clock(seconds, text):
    assert _clock(seconds) == text
