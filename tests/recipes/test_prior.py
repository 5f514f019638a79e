"""The recipe of priors over codes, from recordings to the page, on tiny recordings, models and priors."""

import json
import shutil

import numpy as np
import pytest
import torch
from fake_judge import fake_judge
from tiny import MODEL, SPEAKERS, STEP, rng
from typer.testing import CliRunner
from voiced import speech

from vqspeech import audio
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.checkpoints.store import save
from vqspeech.cli.main import app
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.config import parse_model
from vqspeech.errors import CheckpointError, ConfigError, UnknownNameError
from vqspeech.experiments import RecipeRequest
from vqspeech.model import build
from vqspeech.training.codes import load_prior
from vqspeech_recipes.prior.coding import joined
from vqspeech_recipes.prior.settings import FOLDERS, resolve_settings

TINY = """
[corpus]
name = "folder"

[codes]
model = "MODEL"
codebooks = 1
window = 40

[train]
steps = 2
batch_size = 2
warmup_steps = 1
validate_every = 2
validation_batches = 1
precision = "32-true"
accelerator = "cpu"

[priors.wavenet.model]
cycles = 1
layers_per_cycle = 2
residual_channels = 4
skip_channels = 4
head_channels = 4
condition_channels = 4

[priors.other.model]
name = "pixelcnn"
conditioned = false
layers = 2
width = 4
head_width = 4

[sample]
count = 4

[listen]
clips = 2
played = 1
"""
SETS = ["held-out speech", "wavenet", "other", "trigram", "bigram", "unigram"]


def save_model(run, seed=0):
    """Write an untrained model of two residual codebooks."""
    torch.manual_seed(seed)
    quantizer = {"name": "rvq", "codebooks": 2, "codebook_size": 16, "dropout": 0.5}
    config = parse_model({**MODEL, "quantizer": quantizer})
    model = build(config, SPEAKERS)
    model.quantizer.start(torch.randn(200, 3), rng())
    save(run / "checkpoints" / f"step-{STEP:08}", model.state_dict(), config=config, speakers=SPEAKERS, step=STEP)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Recordings with alignments, a model, and the configuration."""
    folder = tmp_path_factory.mktemp("prior")
    for number, speaker in enumerate(("p225", "p226")):
        for take, split in enumerate(("train", "train", "train", "valid", "test")):
            path = folder / "data" / speaker / f"{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write(path, speech(1.0, pitch_hz=110 + 60 * number + take), 16000)
            path.with_suffix(".lab").write_text("0.0 0.5 a\n0.5 0.6 sil\n0.6 1.0 i\n")
            with (folder / "data" / "metadata.csv").open("a") as table:
                if not table.tell():
                    table.write("path,speaker,split,id\n")
                table.write(f"{speaker}/{take}.wav,{speaker},{split},{speaker}{take}\n")
    save_model(folder / "model")
    (folder / "tiny.toml").write_text(TINY.replace("MODEL", str(folder / "model")))
    return folder


def recipe(folder, out, *more, judge=True):
    words = ["--config", folder / "tiny.toml", "--data-dir", folder / "data", "--out", out, *more]
    with pytest.MonkeyPatch.context() as patch:
        unavailable = {"recogniser": "no recogniser", "embedder": "no embedding", "quality": "no quality"}
        none = dict.fromkeys(unavailable)
        made = fake_judge("one two") if judge else fake_judge(**none, unavailable=unavailable)
        patch.setattr(Judge, "installed", lambda *given, **options: made)
        return CliRunner().invoke(app, ["recipe", "run", "prior", *map(str, words)])


@pytest.fixture(scope="module")
def finished(folder):
    result = recipe(folder, folder / "out")
    assert result.exit_code == 0, result.output
    return folder / "out"


@pytest.fixture
def run(finished, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(finished, tmp_path / "out")


def test_results_hold_every_measure_of_every_set(finished):
    results = json.loads((finished / "results.json").read_text())
    assert set(results["bits_per_code"]) == {*SETS} - {"held-out speech"}
    assert all(0 < value < 8 for value in results["bits_per_code"].values())
    assert list(results["compared"]) == SETS
    assert results["compared"]["wavenet"]["sequences"] == 4
    assert results["compared"]["bigram"]["codes"][0]["unigram"]["bits"] >= 0
    assert results["phones"]["utterances"] == 6
    assert results["phone_bigrams_of_baseline"].keys() == {*SETS} - {"held-out speech"}
    assert {name: one["steps"] for name, one in results["priors"].items()} == {"wavenet": 2, "other": 2}
    assert results["priors"]["wavenet"]["sampling_seconds_of_5_s"] > 0
    assert results["judged"]["sets"]["wavenet"]["words"]["clips"] == 2
    assert results["judged"]["sets"]["bigram"]["words"]["again"] == 1


def test_the_page_plays_every_set(finished):
    page = (finished / "report" / "index.html").read_text()
    assert page.count("<audio") == page.count("data-codes=") == page.count('alt="Spectrogram of') == len(SETS)
    assert all(name in page for name in SETS)
    assert "one two" in page
    assert "Synthetic" not in page


def test_the_first_prior_is_the_run_directory_prior_and_the_others_are_beside_it(finished):
    assert load_prior(finished / "prior").config["name"] == "wavenet"
    assert load_prior(finished / "priors" / "other").config["name"] == "pixelcnn"


def test_a_prior_of_the_first_codebook_speaks_by_the_command(finished, folder, tmp_path):
    words = [
        "sample",
        folder / "model",
        "--prior",
        finished / "priors" / "other",
        "--seconds",
        0.1,
        "--speaker",
        "p226",
    ]
    result = CliRunner().invoke(app, [*map(str, words), "--out", str(tmp_path / "x.wav")])
    assert result.exit_code == 0, result.output
    assert len(audio.read(tmp_path / "x.wav", 16000)) == pytest.approx(1600, abs=64)


def test_windows_of_the_sets_are_alike(finished):
    tables = {name: CodeTable.read(finished / "sampled" / name / "codes.parquet") for name in SETS[1:]}
    assert {(len(table), table.rows[0].codes.shape) for table in tables.values()} == {(4, (1, 40))}
    assert {row.speaker for row in tables["wavenet"]} == {"p225", "p226"}


def test_a_second_call_does_nothing_and_other_codes_train_anew(run, folder):
    again = recipe(folder, run)
    assert again.exit_code == 0, again.output
    # All but the report, whose command names the folder.
    assert again.output.count("done before") == 12
    step = run / "prior" / "checkpoints" / "step-00000002" / "model.safetensors"
    before = step.read_bytes()
    save_model(run.parent / "model", seed=1)
    other = recipe(folder, run, "--set", f"codes.model={run.parent / 'model'}", "--stages", "encode,train")
    assert other.exit_code == 0, other.output
    assert step.read_bytes() != before


def test_without_a_judge_the_page_says_why(folder, run):
    shutil.rmtree(run / "stages" / "judge", ignore_errors=True)
    (run / "stages" / "judge.json").unlink()
    result = recipe(folder, run, judge=False)
    assert result.exit_code == 0, result.output
    assert "no recogniser" in result.output
    assert "were not judged: no recogniser" in (run / "report" / "index.html").read_text()


def request(folder, *overrides, data=True, config=True):
    return RecipeRequest(
        name="prior",
        out=folder / "none",
        data_dir=folder / "data" if data else None,
        config=folder / "tiny.toml" if config else None,
        overrides=overrides,
    )


def test_the_data_choose_the_preset(folder, tmp_path):
    model = f"codes.model={folder / 'model'}"
    demo = resolve_settings(request(folder, model, data=False, config=False))
    assert demo.corpus.name == "demo" and demo.priors[0].folder == "prior"
    own = resolve_settings(request(folder, model, config=False))
    assert own.corpus.name == "folder" and "recordings in" in own.choices[0]
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    speech = resolve_settings(RecipeRequest(name="prior", out=tmp_path, data_dir=tmp_path, overrides=(model,)))
    assert speech.corpus.name == "mixture"
    assert [part["folder"] for part in speech.corpus.options["parts"]] == list(FOLDERS)
    # A window of the tiny model, 64 samples a code.
    assert all(prior.run.train.crop_samples == 320 * 64 for prior in speech.priors)


@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        ("listen.voices=['p999']", UnknownNameError, "p999.*p225"),
        ("codes.model=nowhere", CheckpointError, "nowhere.*vqspeech-voices"),
        ("codes.window=1", ConfigError, "codes.window = 1"),
        ("sample.count=1", ConfigError, "sample.count = 1"),
        ("listen.clips=0", ConfigError, "listen.clips = 0"),
        ("priors={}", ConfigError, r"\[priors.NAME\]"),
        ("priors.wavenet.steps=3", ConfigError, "priors.wavenet.steps"),
        ("priors.wavenet.model=3", ConfigError, "priors.wavenet.model = 3"),
        ("priors.wavenet.model.name=wave", UnknownNameError, "wave.*wavenet"),
    ],
)
def test_settings_that_cannot_be_used_are_named_before_any_work(folder, setting, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        resolve_settings(request(folder, setting))
    assert not (folder / "none").exists()


def test_windows_longer_than_held_out_speech_are_an_error(folder, tmp_path):
    result = recipe(folder, tmp_path / "out", "--set", "codes.window=400", "--stages", "prepare,encode")
    assert result.exit_code == 2
    assert "windows of 400 codes" in " ".join(result.output.split())


def codes_of(*rows):
    table = [
        UtteranceCodes(
            id=f"{speaker}{number}", speaker=speaker, split=split, path="", n_samples=10 * length - 3,
            codes=np.full((2, length), number),
        )
        for number, (speaker, split, length) in enumerate(rows)
    ]  # fmt: skip
    return CodeTable(sample_rate=100, hop_samples=10, codebook_sizes=(9, 9), rows=tuple(table))


def test_utterances_of_a_speaker_and_split_are_joined_to_windows():
    table = joined(
        codes_of(("a", "train", 3), ("b", "train", 2), ("a", "test", 7), ("a", "train", 2), ("a", "train", 1)), 4
    )
    assert [(row.id, row.split, row.codes[0].tolist()) for row in table] == [
        ("a0", "train", [0, 0, 0, 3, 3, 4]),
        ("b1", "train", [1, 1]),
        ("a2", "test", [2] * 7),
    ]
    # A row of one utterance keeps its length; joined ones have that of their codes.
    assert [row.n_samples for row in table] == [60, 17, 67]
