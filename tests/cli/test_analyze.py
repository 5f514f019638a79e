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
from vqspeech.codec.load import load_speech
from vqspeech.config import CorpusConfig, parse_model
from vqspeech.corpora.reading import read_corpus
from vqspeech.corpora.store import prepare
from vqspeech.runs import RunDirectory

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


def save(path: Path, seed: int = 0, **values: object) -> Path:
    """Save a tiny model with random weights as a run."""
    config = parse_model(
        {
            "encoder": {"front_end": {"kind": "mfcc"}, "strides": [[4, 2], [4, 2]], "channels": 8, "dim": 4},
            "quantizer": {"name": "vq", "codebook_size": 8},
            "decoder": {
                "cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4, "condition_channels": 4,
            },
            **values,
        }
    )  # fmt: skip
    torch.manual_seed(seed)
    model = models.build(config, ("a",))
    store.save(path / "checkpoints" / "step-00000001", model.state_dict(), config=config, speakers=("a",), step=1)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return [save(tmp_path_factory.mktemp("runs") / f"seed{seed}", seed) for seed in (0, 1)]


def test_a_table_with_its_baselines_figures_and_json(corpus: Path, runs: list[Path], tmp_path: Path) -> None:
    result = invoke("analyze", "phonemes", runs[0], "--corpus", "folder", "--data-dir", corpus, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    for line in ("codes ", "k-means on MFCC, scored audio", "untrained encoder", "random codes", "most frequent phone"):
        assert any(text.startswith(line) for text in result.stdout.splitlines()), line
    assert "silence excluded" in result.stdout and "phones from: the corpus\n" in result.stdout
    assert "train_data=DIR" in result.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        f"{name}.{kind}" for name in ("codebook", "confusion", "durations", "recall") for kind in ("png", "svg")
    } <= names
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Codes and phonemes" in page and "phones from the corpus; no phone label was used in training" in page
    found = json.loads((tmp_path / "result.json").read_text())
    # Three tones.
    assert found["kmeans_mfcc"] == 1.0
    assert found["kmeans_mfcc_training_audio"] is None
    assert (found["labels_by"], found["inventory"], found["phones"]) == ("centre", "as-written", 3)


def test_codes_that_learned_from_labels_are_not_said_to_be_without(corpus: Path, tmp_path: Path) -> None:
    run = save(tmp_path / "run", phones={"weight": 1.0})
    result = invoke("analyze", "phonemes", run, "--corpus", "folder", "--data-dir", corpus, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "the codes learned from phone labels" in result.stdout
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "learned from phone labels" in page and "no phone label" not in page


def test_training_audio_can_be_given(corpus: Path, runs: list[Path], tmp_path: Path) -> None:
    facts = {"run": {"corpus": {"name": "folder", "options": {}}}}
    checkpoint = load_speech(runs[0])
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
    head, *rows = result.stdout.splitlines()[1:]
    assert head.split() == ["seed0", "seed1", "mean", "sd"]
    assert any(row.startswith("accuracy ") for row in rows)
    assert "<td" in (tmp_path / "report" / "index.html").read_text()
    assert (tmp_path / "seed1" / "confusion.png").exists()
    found = json.loads((tmp_path / "result.json").read_text())
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
        (("--labels-by", "edge"), "labels_by = 'edge'"),
        (("--set", "labels_by=edge"), "'centre' or 'majority'"),
        (("--set", "label_by=centre"), "Did you mean 'labels_by'?"),
        (("--set", "corpus.options.max_utterence=1"), "Did you mean 'corpus.options.max_utterances'?"),
        (("--set", "corpus.speakers=1"), "corpus.speakers"),
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
    assert "--aligner pocketsphinx" in result.stderr and "--alignments DIR" in result.stderr


def test_options_of_analysis_and_corpus_are_set_by_key(corpus: Path, runs: list[Path]) -> None:
    arguments = ("analyze", "phonemes", runs[0], "--corpus", "folder", "--data-dir", corpus, "--json")
    settings = ("labels_by=majority", "include_silence=true", "corpus.options.max_utterances=2")
    found = json.loads(invoke(*arguments, *(word for one in settings for word in ("--set", one))).stdout)
    assert (found["labels_by"], found["excludes_silence"], found["utterances"]) == ("majority", False, 4)


def test_without_a_corpus_the_data_of_the_run_is_analysed(corpus: Path, runs: list[Path], tmp_path: Path) -> None:
    checkpoint = load_speech(runs[0])
    run = RunDirectory(tmp_path / "run")
    store.save(run.checkpoint(1), checkpoint.model.state_dict(), config=checkpoint.config, speakers=("a",), step=1)
    prepare(read_corpus(CorpusConfig(name="folder"), corpus), run.store, sample_rate=16000)
    found = json.loads(invoke("analyze", "phonemes", run.path, "--json").stdout)
    assert (found["utterances"], found["phones"]) == (6, 3)
    assert found["kmeans_mfcc_training_audio"] == 1.0
    result = invoke("analyze", "phonemes", run.path, "--set", "corpus.options.speakers=1")
    assert result.exit_code == 2
    assert "--corpus" in result.stderr


@pytest.mark.parametrize(
    ("name", "settings", "keys"),
    [
        ("codebook", ("split=train",), ("codebooks", "bits_per_second", "items")),
        ("boundaries", ("tolerance_s=0.04",), ("f1", "r_value", "random_codes", "tolerance_s")),
        ("abx", (), ("errors", "tokens")),
        ("speakers", (), ("utterance_codes", "frame_mfcc", "speakers")),
    ],
)
def test_every_analysis_gives_numbers_a_page_and_a_comparison_of_runs(
    name: str, settings: tuple[str, ...], keys: tuple[str, ...], corpus: Path, runs: list[Path], tmp_path: Path
) -> None:
    given = ("--corpus", "folder", "--data-dir", corpus, "--out", tmp_path)
    result = invoke("analyze", name, *runs, *given, *(word for one in settings for word in ("--set", one)))
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "result.json").read_text())
    assert len(found["runs"]) == 2
    assert set(keys) <= set(found["runs"][0])
    assert found["over_runs"]
    assert (tmp_path / "seed0" / "report" / "index.html").is_file()


PLUGIN = """
    import dataclasses
    import numpy as np
    import vqspeech
    from vqspeech.analysis.contract import AnalysisResult
    from vqspeech.registry.specs import AnalysisSpec

    @dataclasses.dataclass
    class Part:
        share: float

    def nested(context, *, threshold: float = 0.5):
        return AnalysisResult(summary={
            "threshold": threshold, "scalar": np.float32(1.5), "array": np.arange(3), "nan": float("nan"),
            "per speaker": {"anna": {"mean": 0.25}, "bert": Part(0.75)}, "rows": [{"a": 1}, {"a": 2}],
        })

    @vqspeech.hookimpl
    def register_analyses():
        odd = {
            "not-json": lambda context: AnalysisResult(summary={"deep": {"er": object()}}),
            "nothing": lambda context: None,
            "raising": lambda context: 1 / 0,
            "list": lambda context: AnalysisResult(summary=[1]),
        }
        return [
            AnalysisSpec(name="nested", target=nested, summary=""),
            AnalysisSpec(name="pictures", target=nested, summary="", media=("image",)),
            *(AnalysisSpec(name=name, target=target, summary="") for name, target in odd.items()),
        ]
"""


@pytest.fixture
def plugin(fake_dist, isolated_registry):
    fake_dist("vqspeech-odd", PLUGIN)
    isolated_registry()


def test_nested_values_and_numpy_scalars_are_printed(plugin: None, corpus: Path, runs: list[Path]) -> None:
    given = ("--corpus", "folder", "--data-dir", corpus, "--set", "threshold=1")
    lines = invoke("analyze", "nested", runs[0], *given).stdout.splitlines()
    assert "threshold  1.0000" in lines
    assert "scalar     1.5000" in lines
    assert "array      [0, 1, 2]" in lines
    at = lines.index("per speaker")
    assert lines[at + 1 : at + 5] == ["  anna", "    mean  0.2500", "  bert", "    share  0.7500"]
    assert lines[lines.index("rows") + 1 :] == ["  - a  1", "  - a  2"]
    found = json.loads(invoke("analyze", "nested", runs[0], *given, "--json").stdout)
    assert (found["scalar"], found["nan"], found["rows"]) == (1.5, None, [{"a": 1}, {"a": 2}])


def test_runs_are_averaged_for_any_analysis(plugin: None, corpus: Path, runs: list[Path]) -> None:
    result = invoke("analyze", "nested", *runs, "--corpus", "folder", "--data-dir", corpus, "--json")
    assert json.loads(result.stdout)["over_runs"]["per speaker.anna.mean"]["mean"] == 0.25


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("not-json", ["deep.er", "type object"], 2),
        ("nothing", ["NoneType", "vqspeech.analysis.contract.AnalysisResult"], 2),
        ("list", ["type list", "a mapping"], 2),
        ("raising", ["ZeroDivisionError: division by zero"], 1),
        ("pictures", ["image", "'audio'"], 2),
    ],
)
def test_a_faulty_analysis_is_named_with_its_distribution(
    plugin: None, corpus: Path, runs: list[Path], name: str, words: list[str], code: int
) -> None:
    result = invoke("analyze", name, runs[0], "--corpus", "folder", "--data-dir", corpus)
    assert result.exit_code == code
    for word in (f"analysis '{name}' of vqspeech-odd 0.3", *words):
        assert word in result.stderr


def test_a_run_that_is_not_there_is_refused_before_the_corpus_is_read(tmp_path: Path) -> None:
    result = invoke("analyze", "codebook", tmp_path / "run", "--corpus", "folder", "--data-dir", tmp_path / "data")
    assert result.exit_code == 2
    assert str(tmp_path / "run") in result.stderr
