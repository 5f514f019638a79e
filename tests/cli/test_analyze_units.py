"""`vqspeech analyze phonemes --units`: units of anybody, alone and beside a run."""

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
NAMES = [f"{speaker}/u{number}" for speaker in ("anna", "bert") for number in range(3)]


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def drawn() -> dict[str, np.ndarray]:
    """Ten phones of 0.12 s for each utterance."""
    rng = np.random.default_rng(0)
    return {name: rng.integers(0, 3, 10) for name in NAMES}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    time = np.arange(1920) / 16000
    for name, phones in drawn().items():
        labels = [list(PHONES)[phone] for phone in phones]
        sound = np.concatenate([0.3 * np.sin(2 * np.pi * PHONES[label] * time) for label in labels])
        audio.write(folder / f"{name}.wav", sound.astype(np.float32), 16000)
        rows = tuple((0.12 * k, 0.12 * (k + 1), label) for k, label in enumerate(labels))
        write_textgrid(folder / f"{name}.TextGrid", [Tier("phones", rows)], 1.2)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = parse_model(
        {
            "encoder": {"front_end": {"kind": "mfcc"}, "strides": [[4, 2], [4, 2]], "channels": 8, "dim": 4},
            "quantizer": {"name": "vq", "codebook_size": 8},
            "decoder": {
                "cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4, "condition_channels": 4,
            },
        }
    )  # fmt: skip
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("runs") / "seed0"
    model = models.build(config, ("a",))
    store.save(path / "checkpoints" / "step-00000001", model.state_dict(), config=config, speakers=("a",), step=1)
    return path


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The phones themselves at 50 Hz, as HuBERT has one frame less than the audio."""
    arrays = {name: np.repeat(phones, 6)[:-1] for name, phones in drawn().items()}
    np.savez(tmp_path / "phones.npz", **arrays)
    return tmp_path / "phones.npz"


def analyze(corpus: Path, *words: object):
    return invoke("analyze", "phonemes", *words, "--corpus", "folder", "--data-dir", corpus)


def test_units_alone_have_the_baselines_of_their_rate(corpus: Path, units: Path, tmp_path: Path) -> None:
    result = analyze(corpus, "--units", units, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (found["accuracy"], found["frame_rate_hz"], found["codes"]) == (1.0, 50.0, 3)
    assert found["units"]["codes"]["abx_within"] == 0.0
    assert {"k-means on MFCC, scored audio", "random codes"} <= found["units"].keys()
    assert "50 Hz, by their number" in result.stderr
    assert "train_data" not in result.stderr
    assert "50 Hz, by their number" in (tmp_path / "out" / "report" / "index.html").read_text()


def test_units_and_a_run_in_one_table_on_the_same_utterances(corpus: Path, run: Path, units: Path, tmp_path: Path):
    arrays = dict(np.load(units))
    (tmp_path / "some.txt").write_text(
        "".join(f"{name}|{' '.join(map(str, arrays[name]))}\n" for name in NAMES[:5]), encoding="utf-8"
    )
    words = (run, "--units", units, "--units", tmp_path / "some.txt", "--unit-rate", 50)
    result = analyze(corpus, *words, "--train-data", corpus, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "does not say which corpus" in result.stderr
    result = analyze(corpus, *words, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    head, *rows = result.stdout.splitlines()[1:]
    assert head.split() == ["seed0", "phones", "some"]
    cells = {row.split("  ")[0]: row.split() for row in rows}
    assert [float(cell) for cell in cells["accuracy"][2:]] == [1.0, 1.0]
    assert cells["codes per second"][-3:] == ["25.0000", "50.0000", "50.0000"]
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [one["utterances"] for one in found["runs"]] == [5, 5, 5]
    assert [one.get("run") is not None for one in found["runs"]] == [True, False, False]
    assert "over_runs" not in found
    assert (tmp_path / "out" / "phones" / "confusion.png").exists()


def test_codes_of_a_run_score_the_same_as_a_table(corpus: Path, run: Path, tmp_path: Path) -> None:
    assert invoke("encode", run, corpus, "--out", tmp_path / "codes.parquet").exit_code == 0
    result = analyze(corpus, run, "--units", tmp_path / "codes.parquet", "--json")
    assert result.exit_code == 0, result.output
    own, table = json.loads(result.stdout)["runs"]
    for key in ("accuracy", "ci95", "kmeans_mfcc", "random_codes", "frames", "prior", "above_kmeans"):
        assert own[key] == table[key], key


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give a RUN"),
        (("--units", "{units}", "--unit-rate", "0"), "'0' is no rate"),
        (("--units", "{units}", "--unit-rate", "25"), "units, and its 1.20 s take 30"),
        (("--units", "{units}", "--unit-rate", "50", "--unit-rate", "25"), "--unit-rate is given 2 times"),
        (("--unit-rate", "50"), "--unit-rate is given 1 times"),
        (("--unit-codebook", "1"), "--unit-codebook is given 1 times"),
        (("--units", "{units}", "--unit-codebook", "2"), "has 1 codebook; 2 is none of them"),
        (("--units", "{units}", "--unit-codebook", "0"), "has 1 codebook; 0 is none of them"),
        (("--units", "/nowhere.npz"), "/nowhere.npz is missing"),
        (("--units", "{units}", "--set", "train_data=/tmp"), "these codes come without one"),
    ],
)
def test_bad_input_is_named_and_writes_nothing(
    corpus: Path, units: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    given = (word.replace("{units}", str(units)) for word in words)
    result = analyze(corpus, *given, "--out", tmp_path / "out")
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not list((tmp_path / "out").glob("*.json"))


def test_one_codebook_of_several_is_scored_alone(corpus: Path, units: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    both = {name: np.stack([rng.integers(0, 9, len(one)), one]) for name, one in np.load(units).items()}
    np.savez(tmp_path / "both.npz", **both)
    words = ("--units", tmp_path / "both.npz", "--units", units, "--unit-codebook", 2, "--unit-codebook", 1, "--json")
    result = analyze(corpus, *words)
    assert result.exit_code == 0, result.output
    second, alone = json.loads(result.stdout)["runs"]
    assert (second["accuracy"], second["codes"]) == (alone["accuracy"], alone["codes"]) == (1.0, 3)


def test_units_need_a_corpus_of_speech(units: Path) -> None:
    result = invoke("analyze", "phonemes", "--units", units)
    assert result.exit_code == 2
    assert "--corpus NAME" in result.stderr


def test_files_of_the_triphone_abx(corpus: Path, units: Path, tmp_path: Path) -> None:
    words = ("--units", units, "--corpus", "folder", "--data-dir", corpus, "--out", tmp_path / "out")
    for _ in range(2):
        result = invoke("analyze", "triphone-abx", *words)
        assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    lines = (tmp_path / "out" / "triphones.item").read_text().splitlines()
    # Of ten phones, the last one reaches beyond the units.
    assert len(lines) - 1 == found["triphones"] == 7 * len(NAMES)
    assert (found["frequency"], len((tmp_path / "out" / "units.jsonl").read_text().splitlines())) == (50, len(NAMES))


@pytest.mark.parametrize("name", ["abx", "boundaries", "speakers", "codebook"])
def test_other_analyses_take_units(corpus: Path, units: Path, name: str) -> None:
    result = invoke("analyze", name, "--units", units, "--corpus", "folder", "--data-dir", corpus, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["units"] == str(units)
