"""`vqspeech train`: one job in a run at a time; what failed before the first checkpoint does not stand in the way."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from tiny import RUN_TOML
from typer.testing import CliRunner

from vqspeech.cli.main import app


@pytest.fixture
def train(tmp_path):
    """``train("--set", "seed=1")``: a run of two steps on two tones."""
    (tmp_path / "data").mkdir()
    for name in ("ann", "bob"):
        (tmp_path / "data" / name).mkdir()
        tone = 0.4 * np.sin(np.arange(8000) * (0.05 if name == "ann" else 0.08))
        soundfile.write(tmp_path / "data" / name / "a.wav", tone, 16000)
    (tmp_path / "train.toml").write_text(RUN_TOML)

    def run(*options, data="data"):
        command = ["train", str(tmp_path / "train.toml"), "--out", str(tmp_path / "run")]
        return CliRunner().invoke(app, [*command, "--data-dir", str(tmp_path / data), *options])

    return run


@pytest.mark.parametrize("fresh", [[], ["--fresh"]])
def test_a_run_in_use_is_refused(train, tmp_path, fresh):
    script = "import sys\nfrom pathlib import Path\nfrom vqspeech.runs import locked\n" \
             "with locked(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "locked\n"
        result = train(*fresh)
        assert result.exit_code == 2
        assert f"in use by process {other.pid}" in result.stderr
        recipe = CliRunner().invoke(
            app, ["recipe", "run", "vctk", "--corpus", "demo", "--out", str(tmp_path / "run"), *fresh]
        )
        assert recipe.exit_code == 2
        assert f"in use by process {other.pid}" in recipe.stderr
        other.stdin.close()
    assert not (tmp_path / "run").exists()
    assert train().exit_code == 0


@pytest.mark.parametrize(
    "options, data",
    [
        (["--set", "corpus.options.no_such_option=3"], "data"),
        (["--set", "train.steps=3"], "missing"),
        (["--set", "corpus.trim_db=1"], "data"),
    ],
)
def test_after_a_first_run_that_failed_the_corrected_command_works(train, tmp_path, monkeypatch, options, data):
    """Whether it failed at reading the corpus or, as the last one, after its data were prepared."""
    with monkeypatch.context() as patch:
        if data == "data" and "trim_db" in options[1]:
            patch.setattr("vqspeech.training.audio.AudioTask.start_batch", lambda self: 1 / 0)
        assert train(*options, data=data).exit_code != 0
    result = train()
    assert result.exit_code == 0, result.output
    assert "2 steps in" in result.stdout
