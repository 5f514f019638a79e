"""`vqspeech align` as a user meets it: texts that can be aligned, texts that cannot, and a second call."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vqspeech import audio
from vqspeech.alignment.textgrid import read_tiers
from vqspeech.cli.main import app

pytest.importorskip("pocketsphinx")
pytest.importorskip("espeakng_loader")
pytest.importorskip("inflect")

SAID = {
    "plain": ("The boat is near the shore.", None),
    "one": ("Hello.", None),
    "numbers": ("Doctor Smith paid five dollars in nineteen eighty four.", "Dr. Smith paid $5 in 1984."),
    "german": ("Die Schluessel liegen auf dem Tisch.", "Die Schluessel liegen auf dem Tisch."),
    "russian": ("Hello.", "Привет, мир"),
    "long": ("Hello.", "The birch canoe slid on the smooth planks and the wind blew over the hills " * 4),
    "empty": ("Hello.", ""),
    "marks": ("Hello.", "?!"),
    "new": ("The boat is near the zorbliquent.", None),
}
"""Name of a recording -> what is said in it, and its text where that is another."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vqspeech.corpora import espeak

    folder = tmp_path_factory.mktemp("corpus")
    rows = ["path,speaker,text"]
    requests = [espeak.Request(voice="gmw/en-US+f3", text=said, rate=150) for said, _ in SAID.values()]
    for (name, (said, text)), speech in zip(SAID.items(), espeak.synthesise(requests), strict=True):
        samples = np.frombuffer(speech.pcm, np.int16).astype(np.float32) / 2**16
        audio.write(folder / f"{name}.wav", samples, speech.sample_rate)
        rows.append(f'{name}.wav,ann,"{said if text is None else text}"')
    noise = np.random.default_rng(0).normal(scale=0.1, size=48000).astype(np.float32)
    for name, samples in (("silent", np.zeros(16000, np.float32)), ("noise", noise)):
        audio.write(folder / f"{name}.wav", samples, 16000)
        rows.append(f"{name}.wav,ann,Hello.")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def align(corpus: Path, out: Path, *words: object):
    given = ("align", "folder", "--data-dir", corpus, "--out", out, "--workers", 1, *words)
    return CliRunner().invoke(app, [str(word) for word in given])


@pytest.fixture(scope="module")
def first(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The folder of TextGrids, and what the call said."""
    out = tmp_path_factory.mktemp("aligned") / "tg"
    with pytest.MonkeyPatch.context() as patch:
        # As where g2p-en is not installed.
        patch.setattr("vqspeech.alignment.pocketsphinx.letter_network", lambda: None)
        result = align(corpus, out, "--json")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def test_what_can_be_aligned_is(first: tuple[Path, dict]) -> None:
    out, facts = first
    assert (facts["made"], facts["kept"], facts["aligner"]) == (3, 0, "pocketsphinx")
    assert sorted(path.stem for path in out.glob("*.TextGrid")) == ["numbers", "one", "plain"]
    words, phones = read_tiers(out / "numbers.TextGrid")
    said = " ".join(label for *_, label in words.rows if label)
    assert said == "doctor smith paid five dollars in nineteen eighty four"
    assert [label for *_, label in read_tiers(out / "one.TextGrid")[0].rows if label] == ["hello"]
    assert {"f", "ay", "v"} <= {label for *_, label in phones.rows}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("german", "most words are in no dictionary (schluessel, liegen"),
        ("russian", "letters that are not English"),
        ("long", "does not fit its transcript of 60 words"),
        ("marks", "the transcript has no words"),
        ("new", "the dictionary lacks zorbliquent"),
        ("silent", "the recording is silent"),
        ("noise", "does not fit its transcript of 1 word"),
    ],
)
def test_what_cannot_be_aligned_is_named_with_its_reason(first: tuple[Path, dict], name: str, reason: str) -> None:
    failed = first[1]["failed"]
    assert reason in failed[name]
    assert len(failed) == 7 and first[1]["without_text"] == ["empty"]


def test_a_second_call_keeps_what_is_there_and_takes_a_dictionary(
    corpus: Path, first: tuple[Path, dict], tmp_path: Path
) -> None:
    out, _ = first
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.TextGrid")}
    again = align(corpus, out, "--set", "corpus.options.speakers=['ann']")
    assert again.exit_code == 0, again.output
    assert "3 of 11 utterances aligned by pocketsphinx (3 by earlier calls)" in again.stdout
    assert "7 failed, 1 have no text" in again.stdout
    assert "not aligned: german: " in again.stderr
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("*.TextGrid")}
    own = tmp_path / "own.dict"
    own.write_text("zorbliquent Z AO R B L IH K W AH N T\n")
    spoken = align(corpus, tmp_path / "tg", "--dictionary", own)
    assert spoken.exit_code == 0, spoken.output
    assert (tmp_path / "tg" / "new.TextGrid").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--aligner", "pocketsphynx"), "Did you mean 'pocketsphinx'"),
        (("--set", "dictionnary=x"), "Did you mean 'dictionary'"),
        (("--set", "corpus.option=1"), "corpus.option"),
        (("--dictionary", "/nowhere.dict"), "/nowhere.dict"),
        (("--workers", "0"), "--workers"),
    ],
)
def test_unusable_options_are_errors_and_write_nothing(
    corpus: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = align(corpus, tmp_path / "tg", *words)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not list(tmp_path.rglob("*.TextGrid"))


def test_corpora_and_folders_that_cannot_be_used(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in align(corpus, tmp_path / "file").stderr
    (tmp_path / "bare" / "ann").mkdir(parents=True)
    audio.write(tmp_path / "bare" / "ann" / "a.wav", np.zeros(16000, np.float32), 16000)
    mute = align(tmp_path / "bare", tmp_path / "tg")
    assert mute.exit_code == 2 and "has a text to align" in " ".join(mute.stderr.split())
    unknown = CliRunner().invoke(app, ["align", "foldr", "--out", str(tmp_path / "tg")])
    assert unknown.exit_code == 2 and "Did you mean 'folder'" in unknown.stderr
    assert not (tmp_path / "tg").exists() and (tmp_path / "file").read_text() == "mine"
