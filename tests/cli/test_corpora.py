import json

import pytest
import soundfile
from typer.testing import CliRunner

from vqspeech.cli.corpora import app
from vqspeech.errors import CheckpointError, ConfigError, CorpusError, InputError, UnknownNameError, VQSpeechError


def run(*arguments):
    """The output of a command; errors are raised as they reach `vqspeech.cli.main`."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, VQSpeechError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_list_names_every_corpus_with_its_licence():
    rows = {row["name"]: row for row in json.loads(run("list", "--json"))}
    assert {"vctk", "timit", "librispeech", "folder", "demo"} <= rows.keys()
    assert all(row["licence"] and row["summary"] for row in rows.values())
    assert not rows["demo"]["needs_data_dir"]
    text = run("list")
    assert all(name in text for name in rows)


@pytest.fixture
def data(tmp_path, tone):
    tone(tmp_path / "wav48/p225/p225_001.wav", rate=48000, seconds=1.8)
    tone(tmp_path / "wav48/p226/p226_001.wav", rate=48000, seconds=1.8)
    (tmp_path / "wav48/p226/p226_002.wav").write_text("no audio")
    soundfile.write(tmp_path / "wav48/p226/p226_003.wav", [float("nan")] * 10, 48000, subtype="FLOAT")
    return tmp_path


def test_check_says_what_is_there_and_what_was_skipped(data):
    facts = json.loads(run("check", "vctk", "--data-dir", data, "--json"))
    assert (facts["variant"], facts["speakers"], facts["utterances"]) == ("VCTK 0.80", ["p225", "p226"], 3)
    assert sum(facts["splits"].values()) == 3
    assert facts["hours"] == pytest.approx(0.001, abs=1e-4)
    assert [path.rsplit("/")[-1] for path in facts["skipped"]] == ["p226_002.wav"]
    text = run("check", "vctk", "--data-dir", data)
    assert "VCTK 0.80" in text
    assert "skipped     1 files (headers only; --deep decodes every file)" in text
    assert "p226_002.wav: not audio" in text


def test_check_reads_the_corpus_of_a_configuration(data, tmp_path):
    config = tmp_path / "run.toml"
    part = '{corpus = "vctk", folder = ".", without = ["p226"]}'
    config.write_text(f'[corpus]\nname = "mixture"\noptions = {{parts = [{part}]}}\n')
    facts = json.loads(run("check", config, "--data-dir", data, "--json"))
    assert (facts["corpus"], facts["speakers"]) == ("mixture", ["p225"])
    config.write_text('[corpus]\nnme = "mixture"\n')
    with pytest.raises(ConfigError, match=r"corpus\.nme"):
        run("check", config)


def test_deep_decodes_every_file(data):
    facts = json.loads(run("check", "vctk", "--data-dir", data, "--deep", "--json"))
    assert [path.rsplit("/")[-1] for path in facts["skipped"]] == ["p226_002.wav", "p226_003.wav"]


def test_speakers_can_be_chosen(data):
    assert json.loads(run("check", "vctk", "--data-dir", data, "--speakers", "1", "--json"))["speakers"] == ["p225"]
    assert json.loads(run("check", "vctk", "--data-dir", data, "--speakers", "p226", "--json"))["speakers"] == ["p226"]


def test_bad_input_is_refused_with_exit_code_2(data, tmp_path):
    for arguments, kind, message in [
        (("check", "vctk"), CorpusError, "--data-dir"),
        (("check", "vctk", "--data-dir", tmp_path / "none"), CorpusError, "no such folder"),
        (("check", "vctx", "--data-dir", data), UnknownNameError, "Did you mean 'vctk'"),
        (("check", "folder", "--data-dir", data, "--mic", "mic2"), InputError, "corpus.options.mic"),
        (("check", "vctk", "--data-dir", data, "--mic", "mic7"), InputError, "mic7"),
        (("check", "vctk", "--data-dir", data, "--split-by", "age"), InputError, "'age'"),
        (("download", "timit", "--data-dir", tmp_path), UnknownNameError, "known: vctk"),
    ]:
        with pytest.raises(kind, match=message) as caught:
            run(*arguments)
        assert caught.value.exit_code == 2


def test_a_corpus_of_which_nothing_decodes_fails_a_deep_check(tmp_path):
    (tmp_path / "ann").mkdir()
    soundfile.write(tmp_path / "ann/a.wav", [0.0] * 100, 16000)
    with pytest.raises(CorpusError, match="none of the 1 files"):
        run("check", "folder", "--data-dir", tmp_path, "--deep")


def test_prepare_and_verify(data, tmp_path):
    out = tmp_path / "store"
    text = run("prepare", "vctk", "--data-dir", data, "--out", out, "--workers", 1, "--sample-rate", 8000)
    assert "2 utterances of 2 speakers" in text
    assert "2 skipped" in text
    assert "p226_002.wav" in text
    assert "2 utterances" in run("verify", out)
    shard = out / "shards/00000.i16"
    shard.write_bytes(bytes(shard.stat().st_size))
    with pytest.raises(CheckpointError, match=r"00000\.i16 has another checksum"):
        run("verify", out)
    with pytest.raises(CorpusError, match="needs a data folder"):
        run("prepare", "vctk", "--out", out)
