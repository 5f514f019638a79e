"""`vqspeech encode` as a user meets it: shares, what it says, exit codes."""

import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from vqspeech.checkpoints.store import save
from vqspeech.cli.main import app
from vqspeech.codes import CodeTable
from vqspeech.config import parse_model
from vqspeech.encoding import plan
from vqspeech.model import build
from vqspeech.units.reading import read_units

MODEL = {
    "encoder": {"strides": [[16, 8], [16, 8]], "channels": 4, "dim": 3},
    "quantizer": {"name": "vq", "codebook_size": 16},
    "decoder": {"cycles": 1, "layers_per_cycle": 1, "residual_channels": 4, "skip_channels": 4},
}


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Runs ``vqspeech encode RUN recordings ...`` on four recordings, one of them broken."""
    torch.manual_seed(0)
    config = parse_model(MODEL)
    save(tmp_path / "run", build(config, ("a",)).state_dict(), config=config, speakers=("a",), step=0)
    (tmp_path / "recordings").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / f"recordings/{number}.wav", np.random.default_rng(number).normal(size=4000), 16000)
    (tmp_path / "recordings/broken.wav").write_text("no")
    monkeypatch.setattr(plan, "UTTERANCES_PER_PART", 1)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, source: str = "recordings"):
        return CliRunner().invoke(app, ["encode", "run", source, *arguments])

    return run


def test_one_table_and_the_unreadable_named_and_counted(invoke, tmp_path):
    result = invoke("--out", "codes.parquet")
    assert result.exit_code == 0
    assert "3 files, 0.8 s of speech, 250 codes per second, 1 skipped: codes.parquet" in result.stdout
    assert "skipped" in result.stderr and "broken.wav" in result.stderr
    assert [row.id for row in CodeTable.read(tmp_path / "codes.parquet")] == ["0", "1", "2"]
    assert re.search(r"^\d+ x real time$", result.stderr, re.MULTILINE)
    again = invoke("--out", "codes.parquet")
    assert "4 encoded before" in again.stdout and "real time" not in again.stderr


def test_shares_by_option_and_by_torchrun(invoke, tmp_path, monkeypatch):
    result = invoke("--out", "codes", "--shard", "1/2")
    assert result.exit_code == 0
    assert "the others are still missing" in result.stdout
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "3 files" in invoke("--out", "codes").stdout
    assert len(CodeTable.read(tmp_path / "codes/codes.parquet")) == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--shard", "3/2"], "3/2"),
        (["--shard", "first"], "is not I/N"),
        (["--engine", "dask"], "choose local or ray"),
        (["--device", "gpu"], "--device 'gpu'"),
        (["--device", "cpu:1"], "--device 'cpu:1'"),
    ],
)
def test_what_cannot_be_used_exits_with_2(invoke, arguments, message):
    result = invoke("--out", "codes", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_no_folder_is_made_of_the_name_of_another_kind_of_table(invoke, tmp_path):
    result = invoke("--out", "codes.csv")
    assert result.exit_code == 2
    assert "'codes.csv'" in result.stderr and ".parquet" in result.stderr and "--units" in result.stderr
    assert not (tmp_path / "codes.csv").exists()


def test_units_for_other_tools_are_written_beside_the_table(invoke, tmp_path):
    words = ("--units", "u.jsonl", "--units", "u.km")
    result = invoke("--out", "codes.parquet", *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1:] == ["u.jsonl", "u.km"]
    codes = {row.id: row.codes.tolist() for row in CodeTable.read(tmp_path / "codes.parquet")}
    assert {key: units.tolist() for key, units in read_units(tmp_path / "u.jsonl").units.items()} == {
        f"{key}.wav": one for key, one in codes.items()
    }
    assert (tmp_path / "u.tsv").read_text().splitlines()[0] == str(tmp_path / "recordings")
    again = invoke("--out", "codes.parquet", *words)
    assert again.exit_code == 2
    assert "u.jsonl exists" in again.stderr


def test_shards_leave_units_to_the_one_that_ends_last(invoke, tmp_path):
    assert "the shard that completes" in invoke("--out", "codes", "--shard", "1/2", "--units", "u.txt").stderr
    assert not (tmp_path / "u.txt").exists()
    invoke("--out", "codes", "--shard", "2/2", "--units", "u.txt")
    assert [line.split("|")[0] for line in (tmp_path / "u.txt").read_text().splitlines()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--out", "codes.parquet", "--units", "u.csv"], "u.csv"),
        (["--bitstream", "c.vqs", "--units", "u.txt"], "omit --out, --units"),
    ],
)
def test_unusable_units_are_refused_before_work(invoke, tmp_path, arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "codes.parquet").exists() and not (tmp_path / "c.vqs").exists()


def test_nothing_readable_exits_with_2(invoke, tmp_path):
    result = invoke("--out", "codes.parquet", source="recordings/broken.wav")
    assert result.exit_code == 2
    assert "none of 1 files could be read" in result.stderr
    assert not (tmp_path / "codes.parquet").exists()


def test_a_table_never_writes_outside_its_folder(invoke, tmp_path):
    invoke("--out", "codes.parquet")
    table = CodeTable.read(tmp_path / "codes.parquet")
    rows = (replace(table.rows[0], id="../outside"),)
    replace(table, rows=rows).write(tmp_path / "odd.parquet")
    result = CliRunner().invoke(app, ["decode", "run", "odd.parquet", "--speaker", "a", "--out", "spoken"])
    assert result.exit_code == 2
    assert "'../outside'" in result.stderr
    assert not (tmp_path / "outside.wav").exists() and not (tmp_path / "spoken").exists()


def test_pitch_beside_codes_counts_its_bits(invoke, tmp_path):
    plain = invoke("--out", "plain.parquet")
    assert "bit/s" not in plain.stdout
    result = invoke("--out", "codes.parquet", "--pitch")
    assert re.search(r"\d+ bit/s of codes and \d+ of pitch", result.stdout)
    assert CodeTable.read(tmp_path / "codes.parquet").has_pitch
    # another table than that without pitch, which is not taken for it
    assert "encoded before" not in invoke("--out", "plain.parquet", "--pitch").stdout
    assert CodeTable.read(tmp_path / "plain.parquet").has_pitch
