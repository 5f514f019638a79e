"""The recipe from the command line to the page, on a tiny synthetic corpus and a tiny model."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from vqspeech.cli.main import app
from vqspeech.codec.load import load_speech
from vqspeech.codes import CodeTable

pytest.importorskip("espeakng_loader")

TINY = [
    "corpus.options.speakers=3",
    "corpus.options.utterances_per_speaker=8",
    "model.encoder.channels=16",
    "model.encoder.residual_dilations=[1]",
    "model.encoder.dim=8",
    "model.quantizer.codebook_size=16",
    "model.decoder.channels=8",
    "model.decoder.dilations=[1]",
    "model.decoder.frame_channels=4",
    "model.decoder.pitch_channels=4",
    "model.decoder.pitch_dilations=[1]",
    "model.spectral.channels=8",
    "train.steps=4",
    "train.batch_size=2",
    "train.crop_samples=8000",
    "train.start_crops=8",
    "train.log_every=2",
    "train.checkpoint_every=2",
    "train.validation_batches=1",
    "decoders.wavenet.decoder.layers_per_cycle=2",
    "decoders.wavenet.decoder.residual_channels=8",
    "decoders.wavenet.decoder.skip_channels=8",
    "decoders.wavenet.decoder.condition_channels=8",
    "decoders.wavenet.train.steps=2",
    "decoders.wavenet.train.window_samples=1280",
    "judge.utterances=0",
    "listen.utterances=2",
    "listen.conversions=1",
    "listen.max_seconds=0.3",
]


def invoke(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result


def recipe(out, *more):
    settings = [word for setting in TINY for word in ("--set", setting)]
    return invoke("recipe", "run", "vctk", "--corpus", "demo", "--out", out, *settings, *more)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "vctk"
    result = recipe(out)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == str(out / "report" / "index.html")
    return out


@pytest.fixture
def run(finished, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(finished, tmp_path / "run")


def test_results_hold_what_the_design_promises(finished):
    results = json.loads((finished / "results.json").read_text())
    promised = {
        "corpus", "seed", "steps", "train_seconds", "frame_rate_hz", "codebook_size", "codes_used", "perplexity",
        "bits_per_second", "nll_bits_per_sample", "nll_shuffled_codes_bits_per_sample", "phonemes", "reconstruction",
        "conversion", "sampling", "versions",
    }  # fmt: skip
    assert promised <= results.keys()
    assert results["corpus"]["synthetic"] is True
    assert results["steps"] == 4
    assert results["decoder"] == "harmonic"
    assert results["decoders"]["wavenet"]["decoder_path"] == "fused cpu"
    assert results["decoders"]["wavenet"]["nll_bits_per_sample"] > 0
    assert results["criterion"]["name"] == "spectral"
    assert results["frame_rate_hz"] == 50
    scores = results["phonemes"]
    assert scores["prior"] <= scores["accuracy"] <= 1
    assert scores["frames"] > 500
    assert results["conversion"]["pairs"] == 2
    assert results["decoders"]["wavenet"]["sampling"]["engine"] in ("reference", "cpu")


def test_the_page_says_that_the_speech_is_synthetic_and_holds_every_sound(finished):
    page = (finished / "report" / "index.html").read_text()
    assert "Synthetic demo corpus" in page
    assert "fused cpu" in page
    # Original and two reconstructions of two, source and two conversions of two.
    assert page.count("<audio") == 2 + 4 + 2 + 4
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert len(list((finished / "report").rglob("*.wav"))) == 10


def test_a_second_run_repeats_nothing(run):
    before = {path: path.stat().st_mtime_ns for path in (run / "checkpoints").rglob("*.safetensors")}
    result = recipe(run)
    assert result.exit_code == 0
    stages = ("prepare", "train", "encode", "reconstruct/harmonic", "convert/harmonic", "analyze/phonemes")
    for stage in (*stages, "decoders/wavenet", "reconstruct/wavenet", "convert/wavenet"):
        assert f"[{stage}] done before" in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (run / "checkpoints").rglob("*.safetensors")}


def test_the_report_is_not_written_again_when_nothing_changed(finished):
    before = {path: path.stat().st_mtime_ns for path in (finished / "report").rglob("*")}
    result = recipe(finished)
    assert "[report] done before" in result.stderr
    assert "codes used:" in result.stdout
    assert before == {path: path.stat().st_mtime_ns for path in (finished / "report").rglob("*")}


def test_the_report_needs_no_data_and_no_model(run):
    shutil.rmtree(run / "store")
    shutil.rmtree(run / "checkpoints")
    result = recipe(run, "--stages", "report")
    assert result.exit_code == 0, result.output
    page = (run / "report" / "index.html").read_text()
    assert "Codes and phonemes" in page
    assert page.count("<audio") == 12


def test_a_changed_setting_repeats_what_depends_on_it_and_nothing_else(run):
    result = recipe(run, "--set", "listen.temperature=0.5")
    assert result.exit_code == 0, result.output
    assert "[train] done before" in result.stderr
    assert "[encode] done before" in result.stderr
    assert "[decoders/wavenet] done before" in result.stderr
    assert "[reconstruct/harmonic]\n" in result.stderr
    assert "[reconstruct/wavenet]\n" in result.stderr


def test_every_decoder_speaks_the_same_codes(finished):
    results = json.loads((finished / "results.json").read_text())
    one, two = results["decoders"].values()
    assert list(results["decoders"]) == ["harmonic", "wavenet"]
    assert (one["steps"], two["steps"]) == (4, 2)
    assert one["codebook"] == two["codebook"]
    assert results["sampling"] == one["sampling"] != two["sampling"]
    waveform = torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    models = [load_speech(run).model for run in (finished, finished / "decoders" / "wavenet")]
    assert torch.equal(*(model.encode(waveform) for model in models))
    page = (finished / "report" / "index.html").read_text()
    assert page.count("by harmonic") == page.count("by wavenet") >= 4


def test_a_decoder_joins_a_finished_run_and_the_others_are_kept(run):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}
    result = recipe(run, "--set", "decoders.third={decoder={name='wavenet', cycles=1, layers_per_cycle=1}}")
    assert result.exit_code == 0, result.output
    assert "[train] done before" in result.stderr
    assert "[reconstruct/wavenet] done before" in result.stderr
    assert "[decoders/third]\n" in result.stderr
    assert list(json.loads((run / "results.json").read_text())["decoders"]) == ["harmonic", "wavenet", "third"]
    assert before.items() <= {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}.items()
    without = recipe(run, "--set", "decoders={}")
    assert without.exit_code == 0, without.output
    assert list(json.loads((run / "results.json").read_text())["decoders"]) == ["harmonic"]
    assert (run / "report" / "index.html").read_text().count("<audio") == 8


def test_another_model_configuration_does_not_clobber_the_run(run):
    before = (run / "config.json").read_bytes()
    result = recipe(run, "--set", "model.encoder.dim=4")
    assert result.exit_code == 2
    assert "model.encoder.dim: 8 -> 4" in result.stderr
    assert "--fresh" in result.stderr
    assert (run / "config.json").read_bytes() == before


def test_fresh_starts_over_and_leaves_foreign_files_alone(run):
    (run / "notes.txt").write_text("mine")
    result = recipe(run, "--fresh", "--stages", "prepare")
    assert result.exit_code == 0, result.output
    assert not (run / "checkpoints").exists()
    assert (run / "notes.txt").read_text() == "mine"


def test_a_folder_with_other_files_is_not_taken_over(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    result = recipe(tmp_path)
    assert result.exit_code == 2
    assert "holds files but no run" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


def test_a_stage_that_needs_another_says_so(tmp_path):
    result = recipe(tmp_path / "run", "--stages", "analyze")
    assert result.exit_code == 2
    assert "'prepare' has not run" in result.stderr


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.step=5", "Did you mean 'train.steps'"),
        ("model.preset=paper-vckt", "Did you mean 'paper-vctk'"),
        ("model.quantizer.name=fqs", "unknown quantizer 'fqs'"),
        ("listen.utterance=1", "Did you mean 'listen.utterances'"),
        ("train.steps=many", "train.steps = 'many'"),
        ("analyses=['phonems']", "Did you mean 'phonemes'"),
        ("analysis.phonems.by=centre", "Did you mean 'phonemes'"),
        ("preset=vktk", "Did you mean 'vctk'"),
        ("decoders.wavenet.steps=4", "decoders.wavenet.steps"),
        ("decoders.wavenet.train.step=4", "Did you mean 'train.steps'"),
        ("decoders.wavenet.decoder.cycle=4", "Did you mean 'decoders.wavenet.decoder.cycles'"),
        ("decoders.wavenet.decoder.name=wavent", "unknown decoder 'wavent'"),
        ("decoders.harmonic.jitter=0.1", "not 'harmonic', the decoder of the model"),
        ("decoders=3", "decoders = 3"),
    ],
)
def test_unknown_keys_and_names_are_errors_before_any_work(tmp_path, setting, message):
    result = recipe(tmp_path / "run", "--set", setting)
    assert result.exit_code == 2 and message in result.stderr
    assert not (tmp_path / "run").exists()


def test_no_analyses_leave_the_figures_of_phonemes_empty(run):
    result = recipe(run, "--set", "analyses=[]")
    assert result.exit_code == 0, result.output
    results = json.loads((run / "results.json").read_text())
    assert results["phonemes"] is None
    assert "not requested" in results["phonemes_reason"]
    assert "Codes and phonemes" not in (run / "report" / "index.html").read_text()


def test_info_and_speakers(finished):
    result = invoke("info", finished)
    assert result.exit_code == 0 and "synthetic" in result.stdout
    wavenet = invoke("info", finished / "decoders" / "wavenet").stdout
    assert "fused cpu" in wavenet and "codes from" in wavenet
    assert json.loads(invoke("info", finished, "--json").stdout)["step"] == 4
    assert len(invoke("speakers", finished).stdout.splitlines()) == 3


def test_convert_one_file_and_a_folder(finished, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        soundfile.write(source / f"{name}.wav", 0.1 * rng.standard_normal(8000), 48000)
    speaker = invoke("speakers", finished).stdout.split()[0]
    result = invoke("convert", finished, source / "a.wav", "--speaker", speaker, "--out", tmp_path / "a.flac")
    assert result.exit_code == 0, result.output
    single, rate = soundfile.read(tmp_path / "a.flac")
    assert (rate, len(single)) == (16000, 2667)
    assert invoke("convert", finished, source, "--speaker", speaker, "--out", tmp_path / "both").exit_code == 0
    among, _ = soundfile.read(tmp_path / "both" / f"a-{speaker}.wav")
    assert np.array_equal(single, among)


def test_convert_refuses_or_skips_what_it_cannot_use(finished, tmp_path):
    speaker = invoke("speakers", finished).stdout.split()[0]
    sound = tmp_path / "a.wav"
    soundfile.write(sound, np.full(4000, 0.1), 16000)
    text = tmp_path / "text.wav"
    text.write_text("not audio")
    wrong = invoke("convert", finished, sound, "--speaker", speaker + "x", "--out", tmp_path / "o.wav")
    assert wrong.exit_code == 2 and f"Did you mean '{speaker}'" in wrong.stderr
    broken = invoke("convert", finished, sound, text, "--speaker", speaker, "--out", tmp_path / "folder")
    assert broken.exit_code == 0 and "text.wav" in broken.stderr
    assert [path.name for path in (tmp_path / "folder").iterdir()] == [f"a-{speaker}.wav"]
    several = invoke("convert", finished, sound, sound.parent, "--speaker", speaker, "--out", tmp_path / "o.wav")
    assert several.exit_code == 2
    itself = invoke("convert", finished, sound, "--speaker", speaker, "--out", sound)
    assert itself.exit_code == 2 and "is the input itself" in itself.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "folder", "text.wav"]


def test_encode_then_decode(finished, tmp_path):
    speaker = invoke("speakers", finished).stdout.split()[0]
    soundfile.write(tmp_path / "a.wav", np.full(4000, 0.1), 16000)
    result = invoke("encode", finished, tmp_path / "a.wav", "--out", tmp_path / "codes.parquet")
    assert result.exit_code == 0, result.output
    table = CodeTable.read(tmp_path / "codes.parquet")
    assert [row.codes.shape for row in table] == [(1, 13)]
    result = invoke("decode", finished, tmp_path / "codes.parquet", "--speaker", speaker, "--out", tmp_path / "said")
    assert result.exit_code == 0, result.output
    assert soundfile.info(tmp_path / "said" / "a.wav").frames == 4000


def test_analyze_phonemes_on_another_corpus(finished, tmp_path):
    few = ("--set", "corpus.options.speakers=2", "--set", "corpus.options.utterances_per_speaker=6")
    result = invoke("analyze", "phonemes", finished, "--corpus", "demo", *few, "--out", tmp_path / "a", "--json")
    assert result.exit_code == 0, result.output
    assert 0 < json.loads(result.stdout)["accuracy"] < 1
    assert (tmp_path / "a" / "code-phone-matrix.png").exists()
