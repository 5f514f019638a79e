"""`vqspeech convert` and files: nothing lost, nothing outside --out, one unreadable file among others."""

import errno
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import invoke, listing
from forked import forked
from tiny import save_codec

from vqspeech import audio
from vqspeech.claims import claimed
from vqspeech.codes import CodeTable
from vqspeech.encoding.tables import unique_names
from vqspeech.names import file_name

RATE = 16000


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A run whose speaker leads out of every folder."""
    path = tmp_path_factory.mktemp("hostile")
    save_codec(path, speakers=("p225", "/../../../PWNED"))
    return path


def test_a_speaker_of_the_checkpoint_does_not_lead_out_of_the_folder(hostile, tone, tmp_path):
    tone(tmp_path / "in" / "a.wav")
    before = listing(tmp_path)
    out = tmp_path / "x" / "y" / "z" / "out"
    result = invoke("convert", hostile, tmp_path / "in", "--speaker", "/../../../PWNED", "--out", out)
    assert result.exit_code == 0, result.stderr
    made = listing(tmp_path)
    new = made.keys() - before.keys()
    assert len(new) == 1 and next(iter(new)).startswith("x/y/z/out/a-_.._.._.._PWNED~")
    assert {name: made[name] for name in before} == before


def test_an_original_that_bears_the_name_of_a_target_stays(run, tone, tmp_path):
    for name in ("a.wav", "a-p226.wav"):
        tone(tmp_path / name)
    before = listing(tmp_path)
    result = invoke("convert", run, tmp_path, "--speaker", "p226", "--out", tmp_path)
    assert result.exit_code == 2
    assert "a-p226.wav" in result.stderr and "one of the inputs" in result.stderr
    assert listing(tmp_path) == before


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_an_input_is_known_under_its_other_names(link, run, tone, tmp_path):
    source = tone(tmp_path / "a.wav")
    link(source, tmp_path / "b.wav")
    before = listing(tmp_path)
    result = invoke("convert", run, source, "--speaker", "p226", "--out", tmp_path / "b.wav")
    assert result.exit_code == 2 and "is the input itself" in result.stderr
    assert listing(tmp_path) == before


@pytest.mark.parametrize("content", ["speech", "text", "empty"])
def test_a_file_that_vqspeech_did_not_write_is_not_replaced(content, run, tone, tmp_path):
    tone(tmp_path / "in" / "a.wav")
    mine = tmp_path / "out" / "a-p226.wav"
    tone(mine)
    if content != "speech":
        mine.write_text("" if content == "empty" else "mine")
    before = listing(tmp_path)
    result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "a-p226.wav" in result.stderr and "not written by vqspeech" in result.stderr
    assert listing(tmp_path) == before


def test_the_same_command_replaces_its_own_files(run, tone, tmp_path):
    tone(tmp_path / "in" / "a.wav")
    for suffix in ("", "/b.wav", "/b.flac"):
        for _ in range(2):
            out = f"{tmp_path}/out{suffix}"
            result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", out)
            assert result.exit_code == 0, result.stderr
    assert sorted(listing(tmp_path / "out")) == ["a-p226.wav", "b.flac", "b.wav"]


def test_one_unreadable_file_among_others_is_named_and_the_others_are_converted(run, tone, tmp_path):
    for name in ("a.wav", "b.wav", "c.wav", "d.wav"):
        tone(tmp_path / "in" / name, seconds={"a.wav": 0.2, "b.wav": 0.3, "c.wav": 0.4, "d.wav": 0.5}[name])
    alone = invoke("convert", run, tmp_path / "in" / "d.wav", "--speaker", "p226", "--out", tmp_path / "alone")
    assert alone.exit_code == 0, alone.stderr
    (tmp_path / "in" / "a.wav").write_text("no audio")
    # Cut: its first blocks can be read.
    whole = (tmp_path / "in" / "c.wav").read_bytes()
    (tmp_path / "in" / "c.wav").write_bytes(whole[: len(whole) // 2])
    result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert f"skipped {tmp_path / 'in' / 'a.wav'}: " in result.stderr
    assert f"skipped {tmp_path / 'in' / 'c.wav'}: " in result.stderr and "truncated" in result.stderr
    assert "2 of 4 files skipped" in result.stderr
    assert sorted(listing(tmp_path / "out")) == ["b-p226.wav", "d-p226.wav"]
    assert len(audio.read(tmp_path / "out" / "b-p226.wav", RATE)) == round(0.3 * RATE)
    assert listing(tmp_path / "out")["d-p226.wav"] == listing(tmp_path / "alone")["d-p226.wav"]


def test_files_of_which_none_can_be_read_are_refused(run, tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_text("no audio")
    result = invoke("convert", run, tmp_path, "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "none of 2 files could be read" in result.stderr and "a.wav" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("length", [240, 251])
def test_long_names_are_converted(length, run, tone, tmp_path):
    tone(tmp_path / "in" / ("x" * (length - 1) + "1.wav"))
    tone(tmp_path / "in" / ("x" * (length - 1) + "2.wav"))
    tone(tmp_path / "in" / "b.wav")
    result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    names = sorted(listing(tmp_path / "out"))
    assert len(names) == 3 and "b-p226.wav" in names
    assert all(name.startswith("x" * 200) for name in names[1:])


def test_what_a_killed_conversion_left_is_cleared_by_the_next(run, tone, tmp_path):
    tone(tmp_path / "in" / "a.wav")
    (tmp_path / "out").mkdir()
    for name in (".a-p226.wav.k2_x91ab.tmp", ".mine.wav.k2_x91ab.tmp"):
        (tmp_path / "out" / name).write_text("half")
    result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert sorted(listing(tmp_path / "out")) == [".mine.wav.k2_x91ab.tmp", "a-p226.wav"]


def test_a_target_that_another_conversion_writes_is_refused(run, tone, tmp_path):
    tone(tmp_path / "in" / "a.wav")
    with claimed([tmp_path / "out" / "a-p226.wav"]):
        result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 2 and f"process {os.getpid()} on" in result.stderr
    assert listing(tmp_path / "out") == {}


def test_names_with_control_characters_or_other_bytes(run, tone, tmp_path):
    tone(tmp_path / "in" / "b.wav")
    (tmp_path / "in" / "caf\udce9.wav").write_bytes((tmp_path / "in" / "b.wav").read_bytes())
    tone(tmp_path / "in" / "a\nb\x1b.wav")
    result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "its name is not UTF-8" in result.stderr and "1 of 3 files skipped" in result.stderr
    assert invoke("encode", run, tmp_path / "in", "--out", tmp_path / "x.parquet").exit_code == 0
    table = CodeTable.read(tmp_path / "x.parquet")
    assert sorted(listing(tmp_path / "out")) == sorted(f"{row.id}-p226.wav" for row in table)
    assert len(table) == 2 and all(row.id.isprintable() for row in table)


def test_a_name_that_is_not_utf_8_gives_an_id_that_is():
    assert unique_names([Path("caf\udce9.wav"), Path("x/b.wav")]) == [file_name("caf\udce9"), "b"]


@pytest.mark.parametrize("at", ["opening", "writing"])
def test_a_full_disk_is_an_error_in_words(at, run, tone, tmp_path, monkeypatch):
    tone(tmp_path / "in" / "a.wav")

    def full(*_, **__):
        if at == "opening":
            raise soundfile.LibsndfileError(2, "Error opening 3: ")
        raise OSError(errno.ENOSPC, "No space left on device")

    if at == "opening":
        monkeypatch.setattr(soundfile, "SoundFile", failing_to_write(soundfile.SoundFile, full))
    else:
        monkeypatch.setattr(soundfile.SoundFile, "write", full)
    result = invoke("convert", run, tmp_path / "in", "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "a-p226.wav" in result.stderr and "free some space" in result.stderr
    assert "not expected" not in result.stderr
    assert listing(tmp_path / "out") == {}


def failing_to_write(original, fail):
    def open_file(file, mode="r", *args, **options):
        return original(file, mode, *args, **options) if mode == "r" else fail()

    return open_file


@pytest.mark.parametrize(
    ("command", "number"), [("convert", signal.SIGTERM), ("decode", signal.SIGTERM), ("convert", signal.SIGHUP)]
)
def test_a_signal_to_end_keeps_what_was_generated(command, number, run, tmp_path):
    samples = 0.3 * np.random.default_rng(0).normal(size=RATE * 300).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", samples, RATE)
    out = tmp_path / "out"
    arguments = ["convert", run, tmp_path / "long.wav", "--speaker", "p226", "--out", out / "long.wav"]
    if command == "decode":
        assert invoke("encode", run, tmp_path / "long.wav", "--out", tmp_path / "codes.parquet").exit_code == 0
        arguments = ["decode", run, tmp_path / "codes.parquet", "--speaker", "p226", "--out", out]
    with forked(tmp_path / "said", *arguments) as process:
        process.until(lambda: any(path.stat().st_size > 2 * RATE for path in out.glob(".long.wav.*.tmp")))
        process.send(number)
        code, _, stderr = process.ended()
    assert code == 128 + number
    assert "Interrupted: what was generated so far has been written\n" in stderr
    assert sorted(path.name for path in out.iterdir()) == ["long.wav"]
    assert RATE / 2 < soundfile.info(out / "long.wav").frames < 300 * RATE
