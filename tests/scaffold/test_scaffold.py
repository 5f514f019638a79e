"""A generated plugin is complete: it installs, its own tests pass, it is listed, and its code is clean."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from published import write_model
from typer.testing import CliRunner

from vqspeech import audio
from vqspeech.cli.main import app
from vqspeech.errors import InputError, PluginError, UnknownNameError
from vqspeech.registry.hookspecs import HOOKS
from vqspeech.scaffold import write_plugin

ROOT = Path(__file__).parents[2]
SETUPTOOLS = int(importlib.metadata.version("setuptools").split(".")[0])
SUMMARIES = {kind: f"demo-{kind}" for kind in HOOKS}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one plugin of each kind."""
    folder = tmp_path_factory.mktemp("generated")
    for kind, name in SUMMARIES.items():
        write_plugin(kind, name, folder)
    return folder


@pytest.fixture(scope="module")
def installed(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in which all of them are installed: by pip, offline, into a folder of their own."""
    if SETUPTOOLS < 77:
        pytest.skip("needs setuptools >= 77 (extra dev)")
    site = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-compile", "--no-index", "--target", str(site)]
    # Pip leaves build/ behind.
    copies = shutil.copytree(generated, site / "sources")
    write_model(copies.parent).rename(copies / "vqspeech-demo-pretrained" / "vqspeech_demo_pretrained" / "model")
    sources = [str(folder) for folder in sorted(copies.iterdir())]
    done = subprocess.run([sys.executable, "-m", "pip", "install", *options, *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = ",".join(SUMMARIES.values())
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "VQSPEECH_PLUGINS": names, "VQSPEECH_STRICT_PLUGINS": "1"}


@pytest.mark.slow
def test_each_kind_installs_and_its_tests_pass(generated, installed):
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", "--rootdir=."]
    tests = [str(path) for path in sorted(generated.glob("*/tests"))]
    assert len(tests) == len(HOOKS)
    done = subprocess.run([*command, *tests], cwd=generated, env=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "failed" not in done.stdout


def test_each_kind_is_listed_and_sound(installed):
    code = "import sys; from vqspeech.cli.main import main; sys.argv = ['vqspeech', *sys.argv[1:]]; main()"

    def plugins(*arguments):
        command = [sys.executable, "-c", code, "plugins", *arguments]
        return subprocess.run(command, env=installed, capture_output=True, text=True)

    rows = json.loads(plugins("list", "--json").stdout)
    listed = {(row["kind"], row["name"]) for row in rows if row["distribution"] != "vqspeech"}
    # the modality brings the corpus that it reads
    assert listed == {*SUMMARIES.items(), ("corpus", "demo-modality-files")}
    doctor = plugins("doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr


COMMANDS = """
import json, sys
from typer.testing import CliRunner
from vqspeech.cli.main import app

for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, words)
    if done.exit_code:
        sys.exit(f"{words}: {done.output}")
"""
PARTS = """
[corpus]
name = "folder"

[model]
encoder = { name = "demo-encoder", channels = 8, dim = 8 }
quantizer = { name = "demo-quantizer", codebook_size = 8 }
decoder = { name = "demo-decoder", channels = 8, iterations = 2 }

[train]
batch_size = 4
crop_samples = 6400
"""
PRIOR = """
modality = "codes"

[model]
name = "demo-prior"
channels = 8
"""


@pytest.mark.slow
def test_encoder_quantizer_decoder_and_prior_are_used_by_name(installed, tiny_corpus, tmp_path):
    (tmp_path / "parts.toml").write_text(PARTS)
    (tmp_path / "prior.toml").write_text(PRIOR)
    few = ["--set", "train.steps=3", "--set", "train.start_crops=8", "--set", "train.validation_batches=1"]
    recording = str(tiny_corpus / "ann" / "ann_0.wav")
    commands = [
        ["train", "parts.toml", "--data-dir", str(tiny_corpus), "--out", "run", *few],
        ["convert", "run", recording, "--speaker", "bob", "--out", "converted.wav"],
        ["train", "prior.toml", "--data-dir", "run", "--out", "prior", *few],
        ["sample", "run", "--prior", "prior", "--seconds", "1", "--speaker", "bob", "--out", "sampled.wav"],
    ]
    process = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    done = subprocess.run(process, cwd=tmp_path, env=installed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(audio.read(tmp_path / "converted.wav")) == len(audio.read(recording))
    assert len(audio.read(tmp_path / "sampled.wav")) == 16000


@pytest.mark.parametrize("kind", HOOKS)
def test_a_plugin_is_pyproject_module_tests_and_readme(kind, generated):
    folder = generated / f"vqspeech-demo-{kind}"
    module = f"vqspeech_demo_{kind}"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    code = {f"{module}.py"}
    if kind == "recipe":
        # A package, whose TOML files are the recipe's presets.
        code = {f"{module}/{name}" for name in ("__init__.py", "recipe.py", "small.toml")}
    if kind == "pretrained":
        # A package, beside whose module the weights lie.
        code = {f"{module}/__init__.py"}
    if kind == "modality":
        code = {f"{module}/{name}" for name in ("__init__.py", "corpus.py", "model.py", "modality.py")}
    assert files == {"pyproject.toml", "README.md", f"tests/test_{module}.py", *code}
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == folder.name
    assert project["project"]["entry-points"]["vqspeech"] == {f"demo-{kind}": module}
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text())
    for name in files:
        assert "$" not in (folder / name).read_text(), f"{name}: a placeholder is left"


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="needs ruff")
def test_what_is_generated_is_formatted_and_free_of_mistakes(generated):
    for command in (["format", "--check"], ["check", "--ignore", "D,I"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(generated)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["My-VQ", "2vq", "-vq", "vq-", "my--vq", "my_vq", "", "vqspeech-", "../vq", "a b"])
def test_names_that_cannot_be_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="cannot be the name of a plugin"):
        write_plugin("quantizer", name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_built_in_name_is_refused(tmp_path):
    with pytest.raises(PluginError, match="quantizer 'ema' ships with vqspeech"):
        write_plugin("quantizer", "ema", tmp_path)
    assert write_plugin("corpus", "ema", tmp_path).is_dir()


def test_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'quantizer'"):
        write_plugin("quantiser", "my-vq", tmp_path)


@pytest.mark.parametrize("name", ["my-vq", "vqspeech-my-vq"])
def test_nothing_is_overwritten(name, tmp_path):
    (tmp_path / "vqspeech-my-vq").mkdir()
    with pytest.raises(InputError, match="exists already; nothing was written"):
        write_plugin("quantizer", name, tmp_path)
    assert not list((tmp_path / "vqspeech-my-vq").iterdir())


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_plugin("quantizer", "my-vq", tmp_path / "file")


def test_the_command_writes_into_the_working_folder_and_says_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["plugins", "new", "quantizer", "my-vq"])
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "vqspeech-my-vq" / "vqspeech_my_vq.py").is_file()
    assert "pip install -e 'vqspeech-my-vq[dev]'" in result.stdout
    again = CliRunner().invoke(app, ["plugins", "new", "quantizer", "my-vq"])
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    elsewhere = CliRunner().invoke(app, ["plugins", "new", "quantizer", "my-vq", "--out", "nowhere"])
    assert elsewhere.exit_code == 2
    assert "not a folder" in elsewhere.stderr
