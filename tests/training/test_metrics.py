"""Rows of metrics.jsonl: appended, read, dropped, and only finite figures."""

import json
import math
import sys

import pytest

from vqspeech.errors import ConfigError, InputError
from vqspeech.modality import checked
from vqspeech.runs import prepare
from vqspeech.training.metrics import MetricsLog, Stopwatch, in_bits, logged_name, read_metrics


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
    # At once, not when the file is closed.
    assert read_metrics(path) == rows(2, 4, 6, 8)
    log.close()


def test_rows_beyond_the_step_are_dropped(path):
    log = MetricsLog(path, 5)
    assert log.seconds_before == 8.0
    log.close()
    assert read_metrics(path) == rows(2, 4)


@pytest.mark.parametrize(
    "torn",
    [
        '{"step": 8, "spl',
        '{"step": 8, "split": "train"',
        "\x00\x00\x00",
        "null\n",
        "7\n",
        "{}\n",
        f'{{"step": 8, "seconds": 1{"0" * 400}}}\n',
    ],
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


def test_negative_log_likelihoods_are_logged_in_bits():
    figures = in_bits({"nll": math.log(2), "shuffled_nll": 2 * math.log(2), "mel": 3.0})
    assert figures == pytest.approx({"nll_bits": 1.0, "shuffled_nll_bits": 2.0, "mel": 3.0})
    assert logged_name("shuffled_mel") == "shuffled_mel"


def test_figures_that_are_not_finite_are_written_as_null(path):
    log = MetricsLog(path, 6)
    log.write({"step": 8, "split": "valid", "seconds": 16.0, "nll_bits": math.nan, "mel": math.inf})
    log.close()
    assert read_metrics(path)[-1] == {"step": 8, "split": "valid", "seconds": 16.0, "nll_bits": None, "mel": None}


def test_the_stopwatch_excludes_pauses(monkeypatch):
    now = [5.0]
    monkeypatch.setattr("vqspeech.training.metrics.time.monotonic", lambda: now[0])
    watch = Stopwatch()
    now[0] += 2
    with watch.paused():
        now[0] += 30
    now[0] += 1
    assert watch.seconds == 3
    watch.reset()
    assert watch.seconds == 0


def test_a_missing_tensorboard_is_named(path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"train\.tensorboard needs .*pip install 'vqspeech\[tensorboard\]'"):
        MetricsLog(path, 0, tmp_path / "events")


def test_a_missing_tensorboard_is_named_before_the_data_are_prepared(tmp_path, monkeypatch):
    monkeypatch.setattr("vqspeech.runs.data.find_spec", lambda name: None)
    config = checked({"corpus": {"name": "folder"}, "train": {"tensorboard": True}})
    with pytest.raises(InputError, match=r"pip install 'vqspeech\[tensorboard\]'"):
        prepare(config, tmp_path / "run", tmp_path / "no data")


@pytest.mark.parametrize("line", ['{"step": "x", "seconds": 1}', '{"step": 1, "seconds": null}', "[]", "[" * 9000, "7"])
def test_a_row_with_other_values_is_torn(path, line):
    path.write_text(json.dumps({"step": 1, "split": "train", "seconds": 1}) + "\n" + line + "\n")
    assert [row["step"] for row in read_metrics(path)] == [1]


def test_a_row_without_a_split_has_an_empty_one(path):
    path.write_text('{"step": 1, "seconds": 2}')
    assert read_metrics(path) == [{"step": 1, "seconds": 2, "split": ""}]
