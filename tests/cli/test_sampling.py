"""`vqspeech convert` and `decode`: the same options, and Ctrl-C leaves what was sampled."""

import signal

import numpy as np
import pytest
import soundfile
import torch
from forked import forked
from tiny import save_codec
from typer.testing import CliRunner

from vqspeech import audio
from vqspeech.cli.main import app
from vqspeech.codec.latents import CodeLatents
from vqspeech.codec.load import load_speech
from vqspeech.codec.speech import stream_number
from vqspeech.codes import CodeTable
from vqspeech.encoding import encode_files
from vqspeech.sampling import LazyConditions, stream

RATE = 16000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    save_codec(path)
    return path


def speech(folder, name, seconds):
    samples = 0.3 * np.random.default_rng(0).normal(size=round(RATE * seconds)).astype(np.float32)
    soundfile.write(folder / name, samples, RATE)
    return folder / name


def prepared(command, run, folder, name, seconds):
    """The arguments of a command that says a recording, and where it will write."""
    source = speech(folder, name, seconds)
    target = folder / "out" / name
    if command == "convert":
        return ["convert", run, source, "--speaker", "p226", "--out", target], target
    encode_files(load_speech(run), [source])[0].write(folder / "codes.parquet")
    return ["decode", run, folder / "codes.parquet", "--speaker", "p226", "--out", target.parent], target


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["convert", "decode"])
def test_ctrl_c_leaves_a_valid_shorter_file(command, run, tmp_path):
    arguments, target = prepared(command, run, tmp_path, "long.wav", 300)
    with forked(tmp_path / "said", *arguments) as process:
        process.until(lambda: any(path.stat().st_size > 2 * RATE for path in target.parent.glob(".long.wav.*.tmp")))
        assert not target.exists()
        process.send(signal.SIGINT)
        code, stdout, stderr = process.ended()
    assert code == 130
    assert "Interrupted: what was generated so far has been written\n" in stderr
    assert "x real time (" in stderr
    assert "Traceback" not in stderr
    assert str(target) in stdout
    assert [path.name for path in target.parent.iterdir()] == ["long.wav"]

    found = audio.read(target, RATE)
    assert RATE / 2 < len(found) < 300 * RATE
    checkpoint = load_speech(run)
    codes = checkpoint.encode(torch.from_numpy(audio.read(tmp_path / "long.wav", RATE))[None])[0]
    decoder = checkpoint.model.decoder
    conditions = LazyConditions(decoder, CodeLatents(checkpoint.model.quantizer, codes), torch.tensor([1]))
    beginning = next(stream(decoder, conditions, 4000, stream=stream_number("long"), engine="cpu"))
    found = found[: len(beginning)]
    if command == "decode":
        assert np.array_equal(audio.to_int16(found), audio.to_int16(beginning))
    else:
        # The level is that of the source, and peaks are compressed.
        quiet = np.abs(found) < 0.8
        gain = np.linalg.norm(found[quiet]) / np.linalg.norm(beginning[quiet])
        np.testing.assert_allclose(found[quiet], gain * beginning[quiet], atol=2 / 32768)


def test_ctrl_c_before_anything_was_sampled_leaves_nothing(run, tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vqspeech.codec.speech.SpeechCodec.encode_all", stopped)
    result = invoke("convert", run, speech(tmp_path, "a.wav", 0.1), "--speaker", "p226", "--out", tmp_path / "b.wav")
    assert result.exit_code == 130
    assert result.stderr.endswith("Interrupted.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("command", ["convert", "decode"])
def test_options_of_sampling_arrive(command, run, tmp_path):
    arguments, target = prepared(command, run, tmp_path, "a.wav", 0.25)
    results = {}
    for options in ("", "--engine reference", "--engine cpu --weights bf16", "--seed 1", "--temperature 0"):
        result = invoke(*arguments, *options.split())
        assert result.exit_code == 0, result.stderr
        assert "x real time (" in result.stderr
        results[options] = result.stderr, audio.read(target, RATE)
        assert result.stdout == f"{target}\n"
        assert len(results[options][1]) == 4000
    assert "(reference engine)" in results["--engine reference"][0]
    assert "(cpu engine)" in results["--engine cpu --weights bf16"][0]
    assert np.array_equal(results[""][1][:2000], results["--engine reference"][1][:2000])
    for options in ("--seed 1", "--temperature 0"):
        assert not np.array_equal(results[""][1], results[options][1])


@pytest.mark.parametrize("command", ["convert", "decode"])
def test_a_long_file_in_parts_has_its_length(command, run, tmp_path):
    arguments, target = prepared(command, run, tmp_path, "a.wav", 9.01)
    assert invoke(*arguments, "--parts", "2").exit_code == 0
    assert soundfile.info(target).frames == round(9.01 * RATE)


@pytest.mark.parametrize("command", ["convert", "decode"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--engine cuda", "Error: engine 'cuda' needs an NVIDIA GPU"),
        ("--engine cdua", "Error: unknown sampling engine 'cdua'"),
        ("--weights int8", "Error: unknown storage of weights 'int8'"),
        ("--parts 0", "Error: 0 parts are not possible"),
        ("--parts many", "Error: 'many' parts are not possible"),
        ("--temperature -1", "Error: temperature -1.0 is not usable"),
        ("--speaker p1", "Error: unknown speaker 'p1'"),
    ],
)
def test_what_is_not_usable_exits_with_2_and_writes_nothing(command, options, message, run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments, target = prepared(command, run, tmp_path, "a.wav", 0.1)
    result = invoke(*arguments, *options.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert not target.exists()


def test_many_files_go_to_a_folder_and_none_replaces_its_source(run, tmp_path):
    for name in ("a.wav", "b.wav"):
        speech(tmp_path, name, 0.1)
    result = invoke("convert", run, tmp_path, "--speaker", "p226", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a-p226.wav", "b-p226.wav"]
    result = invoke("convert", run, tmp_path / "a.wav", "--speaker", "p226", "--out", tmp_path / "a.wav")
    assert result.exit_code == 2
    assert "is the input itself" in result.stderr


def test_no_folder_is_made_of_the_name_of_another_kind_of_audio(run, tmp_path):
    speech(tmp_path, "a.wav", 0.1)
    result = invoke("convert", run, tmp_path / "a.wav", "--speaker", "p226", "--out", tmp_path / "b.mp3")
    assert result.exit_code == 2
    assert "b.mp3" in result.stderr and ".flac" in result.stderr
    assert not (tmp_path / "b.mp3").exists()


def test_a_file_that_breaks_off_leaves_no_output(run, tmp_path):
    source = speech(tmp_path, "a.wav", 1)
    source.write_bytes(source.read_bytes()[:20000])
    result = invoke("convert", run, source, "--speaker", "p226", "--out", tmp_path / "b.wav")
    assert result.exit_code == 2
    assert "truncated" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_table_without_rows_gives_no_files(run, tmp_path):
    table = CodeTable(sample_rate=RATE, hop_samples=64, codebook_sizes=(16,), rows=())
    table.write(tmp_path / "codes.parquet")
    result = invoke("decode", run, tmp_path / "codes.parquet", "--speaker", "p225", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout == ""
