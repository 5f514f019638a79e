"""The recipe of the shipped voices, from recordings to a model that can be installed, on tiny recordings and models."""

import json
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from fake_judge import fake_judge
from typer.testing import CliRunner
from voiced import speech

from vqspeech import audio
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.cli.main import app
from vqspeech.codec.load import load_speech
from vqspeech.config import parse
from vqspeech.corpora.mixture import Part
from vqspeech.errors import InputError
from vqspeech.experiments import RecipeRequest
from vqspeech_recipes.voices.settings import resolve_settings

TINY = """
[corpus]
name = "folder"

[corpus.options]
speakers = ["ann", "bob", "cy"]

[model.encoder]
front_end = { kind = "logmel", n_mels = 8 }
strides = [[4, 2]]
channels = 8
dim = 4

[model.quantizer]
name = "rvq"
codebooks = 2
codebook_size = 8
dropout = 0.5

[model.decoder]
name = "harmonic"
channels = 8
frame_channels = 8
pitch_channels = 8
dilations = [1]
pitch_dilations = [1]

[train]
steps = 2
batch_size = 2
crop_samples = 6400
start_crops = 4
validation_batches = 1

[codes.model]
decoder_gradient = 0
spectral = { weight = 1.0, kind = "logmel", n_mels = 8, channels = 8, dilations = [1] }

[codes.train]
steps = 3
window_samples = 1600

[evaluate]
utterances = 2
codebooks = [2, 1]

[evaluate.corpus]
name = "folder"

[publish]
speakers = ["ann", "cy"]
notes = "Some notes."
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for number, speaker in enumerate(("ann", "bob", "cy", "dora")):
        for take in range(3):
            waveform = speech(1.2, pitch_hz=110 + 40 * number + take)
            (folder / speaker).mkdir(exist_ok=True)
            audio.write(folder / speaker / f"{take}.wav", waveform, 16000)
    return folder


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "tiny.toml").write_text(TINY)
    words = ["--config", str(folder / "tiny.toml"), "--data-dir", str(data), "--out", str(folder / "voices")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "installed", lambda *given, **options: fake_judge("one two three"))
        result = CliRunner().invoke(app, ["recipe", "run", "voices", *words])
    assert result.exit_code == 0, result.output
    return folder / "voices"


def test_the_published_model_speaks_in_the_published_voices_alone(finished):
    codec = load_speech(finished / "published")
    assert codec.speakers == ("ann", "cy")
    assert codec.codebook_sizes == (8, 8)
    assert set(codec.heard_speakers) == {"ann", "bob", "cy"}
    assert not (finished / "published" / "train_state.pt").exists()
    assert "Some notes." in (finished / "published" / "README.md").read_text()


def test_the_decoder_was_trained_on_the_codes(finished):
    codes, voices = (load_speech(finished / name) for name in ("codes", "voices"))
    assert codes.codebook == voices.codebook
    assert (codes.step, voices.step) == (3, 2)


def test_unheard_speakers_are_judged_at_each_rate(finished):
    results = json.loads((finished / "results.json").read_text())
    judged = results["judged"]
    assert {row["run"] for row in judged["rows"]} >= {"300 bit/s", "150 bit/s"}
    assert {source["speaker"] for source in judged["data"]["sources"]} == {"dora"}
    assert (finished / "report" / "index.html").is_file()
    assert results["published"]["codes_compared"] > 0


def test_it_asks_for_recordings():
    with pytest.raises(InputError, match="--data-dir"):
        resolve_settings(RecipeRequest(name="voices", out=Path("out")))


def test_a_decoder_of_the_codes_has_no_options_of_the_other(data, tmp_path):
    """The codes' training is then the same, whatever decoder is trained afterwards."""
    (tmp_path / "tiny.toml").write_text(TINY)
    decoder = ("codes.model.decoder.name=harmonic", "codes.model.decoder.channels=4", "model.decoder.mel_weight=1.0")
    request = RecipeRequest(
        name="voices", out=tmp_path, data_dir=data, config=tmp_path / "tiny.toml", overrides=decoder
    )
    settings = resolve_settings(request)
    assert (settings.codes.model["decoder"]["channels"], settings.codes.model["decoder"]["mel_weight"]) == (4, 0)
    assert settings.values["model"]["decoder"]["mel_weight"] == 1.0


def test_nobody_who_is_evaluated_is_in_the_shipped_preset_s_training():
    values = tomllib.loads((resources.files("vqspeech_recipes.voices") / "voices.toml").read_text())
    trained = {Path(part["folder"]).name for part in values["corpus"]["options"]["parts"]}
    judged = {Path(part["folder"]).name for part in values["evaluate"]["corpus"]["options"]["parts"]}
    assert trained.isdisjoint(judged)
    for part in values["corpus"]["options"]["parts"] + values["evaluate"]["corpus"]["options"]["parts"]:
        parse(Part, part)
