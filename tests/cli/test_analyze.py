"""`vqspeech analyze phonemes` on a tiny corpus of buzzes and a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from vqspeech import audio
from vqspeech import model as models
from vqspeech.alignment.textgrid import Tier, write_textgrid
from vqspeech.checkpoints import store
from vqspeech.cli.main import app
from vqspeech.config import parse_model

PHONES = {"aa": 300, "iy": 900, "s": 3000}


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers of three utterances, every phone a tone of 0.12 s."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for speaker in ("anna", "bert"):
        for number in range(3):
            names = [list(PHONES)[i] for i in rng.integers(0, 3, 10)]
            time = np.arange(1920) / 16000
            sound = np.concatenate([0.3 * np.sin(2 * np.pi * PHONES[name] * time) for name in names])
            stem = folder / speaker / f"u{number}"
            audio.write(stem.with_suffix(".wav"), sound.astype(np.float32), 16000)
            rows = tuple((0.12 * k, 0.12 * (k + 1), name) for k, name in enumerate(names))
            write_textgrid(stem.with_suffix(".TextGrid"), [Tier("phones", rows)], 1.2)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    config = parse_model(
        {
            "encoder": {"front_end": {"kind": "mfcc"}, "strides": [[4, 2], [4, 2]], "channels": 8, "dim": 4},
            "quantizer": {"name": "vq", "codebook_size": 8},
            "decoder": {"cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4, "condition_channels": 4},
        }
    )  # fmt: skip
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        path = tmp_path_factory.mktemp("runs") / f"seed{seed}"
        model = models.build(config, ("a",))
        store.save(path / "checkpoints" / "step-00000001", model.state_dict(), config=config, speakers=("a",), step=1)
        found.append(path)
    return found


def test_a_table_with_its_baselines_figures_and_json(corpus: Path, runs: list[Path], tmp_path: Path) -> None:
    result = invoke("analyze", "phonemes", runs[0], "--corpus", "folder", "--data-dir", corpus, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for line in ("codes ", "k-means on MFCC, scored audio", "untrained encoder", "random codes", "most frequent phone"):
        assert any(text.startswith(line) for text in result.stdout.splitlines()), line
    assert "silence excluded" in result.stdout
    assert "no readable store of its training audio" in result.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        f"{name}.{kind}" for name in ("codebook", "confusion", "durations", "recall") for kind in ("png", "svg")
    } <= names
    found = json.loads((tmp_path / "phonemes.json").read_text())
    assert found["kmeans_mfcc"] == 1.0  # three tones
    assert found["kmeans_mfcc_training_audio"] is None
    assert (found["labels_by"], found["inventory"], found["phones"]) == ("centre", "as-written", 3)


def test_training_audio_can_be_given(corpus: Path, runs: list[Path], tmp_path: Path) -> None:
    facts = {"run": {"corpus": {"name": "folder", "options": {}}}}
    checkpoint = models.load(runs[0])
    store.save(
        tmp_path / "run",
        checkpoint.model.state_dict(),
        config=checkpoint.config,
        speakers=("a",),
        step=1,
        facts=facts,
    )
    arguments = ("analyze", "phonemes", tmp_path / "run", "--corpus", "folder", "--data-dir", corpus, "--json")
    found = json.loads(invoke(*arguments, "--train-data", corpus).stdout)
    assert found["kmeans_mfcc_training_audio"] == 1.0
    assert "k-means on MFCC, training audio" in found["units"]


def test_several_runs_in_one_table(corpus: Path, runs: list[Path], tmp_path: Path) -> None:
    arguments = ("analyze", "phonemes", *runs, "--corpus", "folder", "--data-dir", corpus)
    result = invoke(*arguments, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    first = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert {"seed0", "seed1", "mean", "standard"} <= set(first)
    assert (tmp_path / "seed1" / "confusion.png").exists()
    found = json.loads((tmp_path / "phonemes.json").read_text())
    values = [run["accuracy"] for run in found["runs"]]
    assert found["over_runs"]["accuracy"]["mean"] == pytest.approx(np.mean(values))
    assert found["over_runs"]["accuracy"]["sd"] == pytest.approx(np.std(values, ddof=1))


def test_alignments_from_another_folder_and_options_that_change_the_frames(
    corpus: Path, runs: list[Path], tmp_path: Path
) -> None:
    write_textgrid(tmp_path / "anna" / "u1.TextGrid", [Tier("phones", ((0.0, 0.6, "SIL"), (0.6, 1.2, "T")))], 1.2)
    arguments = ("analyze", "phonemes", runs[0], "--corpus", "folder", "--data-dir", corpus, "--json")
    found = json.loads(
        invoke(*arguments, "--alignments", tmp_path, "--include-silence", "--labels-by", "majority").stdout
    )
    assert (found["utterances"], found["phones"], found["excludes_silence"]) == (1, 2, False)
    assert found["dropped"]["without_alignment"] == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--phones", "ipa"), "unknown phone inventory 'ipa'"),
        (("--labels-by", "edge"), "'edge' are not known; choose centre or majority"),
        (("--alignments", "/nowhere"), "neither a folder of alignments nor a .ctm file"),
        (("--aligner", "kaldi"), "unknown aligner 'kaldi'"),
    ],
)
def test_bad_input_is_one_paragraph_and_exit_code_2(
    corpus: Path, runs: list[Path], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    bare = tmp_path / "bare" / "anna"
    audio.write(bare / "u.wav", np.zeros(8000, dtype=np.float32), 16000)
    data = bare.parent if "--aligner" in options else corpus
    result = invoke("analyze", "phonemes", runs[0], "--corpus", "folder", "--data-dir", data, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_corpus_without_alignments_says_how_to_get_them(runs: list[Path], tmp_path: Path) -> None:
    audio.write(tmp_path / "anna" / "u.wav", np.full(8000, 0.1, dtype=np.float32), 16000)
    result = invoke("analyze", "phonemes", runs[0], "--corpus", "folder", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "Montreal Forced Aligner" in result.stderr
