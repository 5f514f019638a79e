"""Two processes on one output: one works as if it were alone, the other is refused in words, with exit code 2."""

import numpy as np
import pytest
from commands import invoke, listing
from fake_judge import fake_judge, tone
from paused import paused
from tiny import RUN_TOML, save_codec
from toy import SOURCE, toy_run
from voiced import speech

from vqspeech import audio
from vqspeech.analysis.listening.judge.judge import Judge

PRIOR_TOML = """
modality = "codes"
[model]
name = "chain"
[train]
steps = 2
batch_size = 6
start_crops = 8
accelerator = "cpu"
"""
RECIPE = """
import vqspeech
from vqspeech.experiments.request import RecipeOutcome
from vqspeech.files import write_json
from vqspeech.registry.specs import RecipeSpec

@vqspeech.hookimpl
def register_recipes():
    return [RecipeSpec(name="tiny", target=run, summary="writes a file", stages=("a",))]

def run(request):
    write_json(request.out / "results.json", {"stages": "a"})
    return RecipeOutcome(message="done")
"""
COMMANDS = {
    "train": "train RUN_TOML --data-dir AUDIO --out OUT",
    "prepare": "corpora prepare folder --data-dir AUDIO --out OUT",
    "encode": "encode RUN AUDIO --out OUT",
    "decode": "decode RUN CODES --speaker p225 --temperature 0 --out OUT",
    "convert": "convert RUN AUDIO --speaker p226 --temperature 0 --out OUT",
    "convert to a file": "convert RUN AUDIO/ann/0.wav --speaker p226 --temperature 0 --out OUT/x.wav",
    "analyze": "analyze codebook RUN --corpus folder --data-dir AUDIO --out OUT",
    "evaluate": "evaluate RUN AUDIO --temperature 0 --out OUT",
    "export": "export RUN --dtype float32 --audio AUDIO --out OUT",
    "add a voice": "speakers add RUN mine VOICE --steps 2 --out OUT",
    "remove a voice": "speakers remove RUN p225 --out OUT",
    "recipe": "recipe run tiny --corpus folder --data-dir AUDIO --out OUT",
    "sample": "sample TOY --prior PRIOR --count 2 --out OUT",
    "decode other data": "decode TOY TOY_CODES --out OUT",
}
TIMED = ("metrics.jsonl", "checksums.json", "config.json", "results.json", "judge-list.csv", "index.html", "README.md")
"""Files that hold times or the name of the folder."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, recordings, codes and a configuration."""
    root = tmp_path_factory.mktemp("made")
    save_codec(root / "run")
    for speaker, hertz in (("ann", 120), ("bob", 240)):
        for number in range(2):
            audio.write(root / "audio" / speaker / f"{number}.wav", tone(hertz + 10 * number, 0.1, 1.1), 16000)
            (root / "audio" / speaker / f"{number}.txt").write_text("One two three.\n")
    audio.write(root / "voice.wav", speech(6.0), 16000)
    (root / "train.toml").write_text(RUN_TOML)
    assert invoke("encode", root / "run", root / "audio" / "ann", "--out", root / "codes.parquet").exit_code == 0
    return root


@pytest.fixture
def toys(fake_dist, isolated_registry, monkeypatch, tmp_path):
    """A model of a plugin's modality, a prior over its codes, and a recipe."""
    fake_dist("vqspeech-toys", SOURCE)
    fake_dist("vqspeech-tiny", RECIPE)
    isolated_registry()
    judge = fake_judge("one two three")
    monkeypatch.setattr(Judge, "installed", lambda *_, **__: judge)
    return tmp_path


def words(command, made, toys, out):
    places = {
        "RUN": made / "run",
        "AUDIO": made / "audio",
        "VOICE": made / "voice.wav",
        "CODES": made / "codes.parquet",
        "RUN_TOML": made / "train.toml",
        "TOY": toys / "toy",
        "PRIOR": toys / "prior",
        "TOY_CODES": toys / "toy.parquet",
        "OUT": out,
    }
    if "TOY" in COMMANDS[command] and not (toys / "toy").exists():
        toy_run(toys / "toy", "grids")
        (toys / "prior.toml").write_text(PRIOR_TOML)
        assert invoke("train", toys / "prior.toml", "--data-dir", toys / "toy", "--out", toys / "prior").exit_code == 0
        sampled = ("sample", toys / "toy", "--prior", toys / "prior", "--out", toys / "s")
        assert invoke(*sampled, "--codes", toys / "toy.parquet").exit_code == 0
    return [
        f"{places[first]}{slash}{rest}" if first in places else word
        for word in COMMANDS[command].split()
        for first, slash, rest in [word.partition("/")]
    ]


def lasting(folder):
    return {name: found for name, found in listing(folder).items() if name.split("/")[-1] not in TIMED}


@pytest.mark.parametrize("command", COMMANDS)
def test_one_works_and_the_other_is_refused(command, made, toys, tmp_path):
    alone, out = tmp_path / "alone" / "o", tmp_path / "both" / "o"
    given = words(command, made, toys, alone)
    assert (done := invoke(*given)).exit_code == 0, done.output
    given = words(command, made, toys, out)
    with paused(tmp_path / "both", *given) as first:
        refused = invoke(*given)
        assert refused.exit_code == 2, refused.output
        said = " ".join(refused.stderr.split())
        assert ("process" in said or "in use" in said) and "wait until" in said and str(out.parent) in said, said
        code, output = first.ended()
        assert code == 0, output
    assert listing(alone.parent).keys() == listing(out.parent).keys()
    assert lasting(alone) == lasting(out)


def test_files_of_other_names_may_be_written_into_one_folder(made, toys, tmp_path):
    given = words("convert to a file", made, toys, tmp_path / "o")
    with paused(tmp_path / "o", *given) as first:
        assert invoke(*given[:-1], tmp_path / "o" / "y.wav").exit_code == 0
        assert first.ended()[0] == 0
    assert set(listing(tmp_path / "o")) == {"x.wav", "y.wav"}
    assert np.array_equal(audio.read(tmp_path / "o" / "x.wav"), audio.read(tmp_path / "o" / "y.wav"))
