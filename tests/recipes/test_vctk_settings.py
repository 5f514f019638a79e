"""Settings of vctk: the shipped ones are whole, and ``--corpus auto`` takes the corpus that is there."""

import tomllib
from importlib import resources

import numpy as np
import soundfile

from vqspeech.config import presets
from vqspeech.experiments.request import RecipeRequest
from vqspeech.training import run as runs
from vqspeech_recipes.vctk.settings import resolve_settings


def test_shipped_configurations_are_whole():
    for name, corpus in (("demo.toml", "demo"), ("vctk.toml", "vctk"), ("phonemes.toml", "folder")):
        values = tomllib.loads((resources.files("vqspeech_recipes.vctk") / name).read_text())
        for table in ("listen", "analyses", "analysis", "decoders", "judge"):
            values.pop(table, None)
        assert runs.checked(values).corpus.name == corpus
    assert {"paper-vctk", "paper-phoneme", "small-phoneme"} <= set(presets())


def test_auto_without_data_takes_the_demo_corpus_and_says_how_to_get_vctk(tmp_path):
    settings = resolve_settings(RecipeRequest(name="vctk", out=tmp_path))
    assert settings.run.corpus.name == "demo"
    assert "vqspeech corpora download vctk" in settings.choices[0]


def test_auto_takes_vctk_where_it_is(tmp_path):
    folder = tmp_path / "VCTK-Corpus" / "wav48" / "p225"
    folder.mkdir(parents=True)
    soundfile.write(folder / "p225_001.wav", np.full(4800, 0.1), 48000)
    settings = resolve_settings(RecipeRequest(name="vctk", out=tmp_path / "run", data_dir=tmp_path))
    assert settings.run.corpus.name == "vctk"
    assert "VCTK 0.80" in settings.choices[0]


def test_auto_does_not_open_a_single_recording(tmp_path):
    folder = tmp_path / "VCTK-Corpus-0.92" / "wav48_silence_trimmed" / "p225"
    folder.mkdir(parents=True)
    (folder / "p225_001_mic1.flac").write_bytes(b"no audio")
    settings = resolve_settings(RecipeRequest(name="vctk", out=tmp_path / "run", data_dir=tmp_path))
    assert settings.run.corpus.name == "vctk"
    assert "VCTK 0.92" in settings.choices[0]


def test_auto_takes_the_demo_corpus_where_the_folder_is_not_vctk_s(tmp_path):
    settings = resolve_settings(RecipeRequest(name="vctk", out=tmp_path / "run", data_dir=tmp_path))
    assert settings.run.corpus.name == "demo"
    assert settings.data_dir is None
    assert str(tmp_path) in settings.choices[0]


def test_auto_takes_the_corpus_of_a_configuration_file(tmp_path):
    config = tmp_path / "own.toml"
    config.write_text('[corpus]\nname = "folder"\n')
    settings = resolve_settings(RecipeRequest(name="vctk", out=tmp_path / "run", config=config, data_dir=tmp_path))
    assert (settings.run.corpus.name, settings.data_dir) == ("folder", tmp_path)
