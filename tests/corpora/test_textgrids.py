"""Folders of TextGrids that `vqspeech align` makes."""

from dataclasses import replace
from pathlib import Path

import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.textgrid import read_textgrid, read_tiers
from vqspeech.corpora import textgrids
from vqspeech.corpora.alignments import FoundAlignments, find
from vqspeech.corpora.base import Corpus, Utterance
from vqspeech.corpora.textgrids import LOG, align_corpus
from vqspeech.errors import InputError, UnknownNameError, VQSpeechError
from vqspeech.runs import locked

WORDS = (Interval(0.1, 0.6, "hi"),)
PHONES = (Interval(0.0, 0.1, "sil"), Interval(0.1, 0.3, "hh"), Interval(0.3, 0.6, "ay"), Interval(0.6, 1.0, "sil"))


def corpus(*names: str, texts: dict[str, str | None] | None = None) -> Corpus:
    utterances = [
        Utterance(
            id=name.replace("/", "_"),
            path=Path(f"/corpus/{name}.wav"),
            speaker=name.partition("/")[0],
            text=(texts or {}).get(name, "hi"),
            split="train",
            duration_s=1.0,
        )
        for name in names
    ]
    return Corpus(name="own", root=Path("/corpus"), variant="own", utterances=tuple(utterances))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Align without processes; return the ids that were aligned."""
    aligned: list[str] = []

    def work(aligner, utterances, *, workers, options):
        for one in utterances:
            if one.text == "die":
                raise VQSpeechError("killed")
            aligned.append(one.id)
            good = {} if one.text == "?" else {one.id: Alignment(PHONES, WORDS)}
            yield FoundAlignments(alignments=good, skipped={} if good else {one.id: "cannot say that"})

    monkeypatch.setattr(textgrids, "in_processes", work)
    return aligned


def test_words_and_phones_are_written_and_read_back(tmp_path: Path, calls: list[str]) -> None:
    speech = corpus("ann/sa1", "bob/sa1", "bob/sx2", texts={"bob/sx2": "?"})
    speech = replace(speech, utterances=(*speech.utterances, replace(speech.utterances[0], id="mute", text=None)))
    done = align_corpus(speech, "pocketsphinx", tmp_path / "tg")
    assert (done.made, done.kept, done.failed) == (2, 0, {"bob_sx2": "cannot say that"})
    assert done.without_text == ("mute",)
    path = tmp_path / "tg/ann/sa1.TextGrid"
    assert [tier.name for tier in read_tiers(path)] == ["words", "phones"]
    assert read_textgrid(path).phones == PHONES
    assert set(find(tmp_path / "tg", speech.utterances[:3]).alignments) == {"ann_sa1", "bob_sa1"}


def test_a_killed_call_continues(tmp_path: Path, calls: list[str]) -> None:
    with pytest.raises(VQSpeechError, match="killed"):
        align_corpus(corpus("a/1", "a/2", "a/3", texts={"a/3": "die"}), "pocketsphinx", tmp_path)
    log = tmp_path / LOG
    log.write_text(log.read_text() + '{"file": "a/3.Te')
    # Listed, and killed before it was there.
    (tmp_path / "a/2.TextGrid").unlink()
    calls.clear()
    done = align_corpus(corpus("a/1", "a/2", "a/3"), "pocketsphinx", tmp_path)
    assert (done.made, done.kept, calls) == (2, 1, ["a_2", "a_3"])
    calls.clear()
    assert align_corpus(corpus("a/1", "a/2", "a/3"), "pocketsphinx", tmp_path).kept == 3
    assert not calls


def test_other_texts_and_options_align_again(tmp_path: Path, calls: list[str]) -> None:
    own = tmp_path / "own.dict"
    own.write_text("hi HH AY")
    out = tmp_path / "tg"
    align_corpus(corpus("a/1", "a/2"), "pocketsphinx", out)
    align_corpus(corpus("a/1", "a/2", texts={"a/2": "ho"}), "pocketsphinx", out)
    assert calls == ["a_1", "a_2", "a_2"]
    options = {"dictionary": str(own)}
    align_corpus(corpus("a/1"), "pocketsphinx", out, options=options)
    align_corpus(corpus("a/1"), "pocketsphinx", out, options=options)
    own.write_text("hi HH EY")
    align_corpus(corpus("a/1"), "pocketsphinx", out, options=options)
    assert calls[3:] == ["a_1", "a_1"]


def test_files_of_a_user_are_not_replaced(tmp_path: Path, calls: list[str]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.TextGrid").write_text("mine")
    done = align_corpus(corpus("a/1", "a/2"), "pocketsphinx", tmp_path)
    assert "was not made by vqspeech" in done.failed["a_1"]
    assert (tmp_path / "a/1.TextGrid").read_text() == "mine"
    corrected = (tmp_path / "a/2.TextGrid").read_text().replace("ay", "ey")
    (tmp_path / "a/2.TextGrid").write_text(corrected)
    assert align_corpus(corpus("a/2"), "pocketsphinx", tmp_path).kept == 1
    # Another text: a correction of the earlier one is not lost.
    with pytest.raises(InputError, match="changed since"):
        align_corpus(corpus("a/2", texts={"a/2": "ho"}), "pocketsphinx", tmp_path)
    assert (tmp_path / "a/2.TextGrid").read_text() == corrected


def test_what_cannot_be_done_is_an_error(tmp_path: Path, calls: list[str]) -> None:
    out = tmp_path / "tg"
    with pytest.raises(InputError, match=r"no utterance .* has a text"):
        align_corpus(corpus("a/1", texts={"a/1": None}), "pocketsphinx", out)
    with pytest.raises(UnknownNameError, match="dictionnary"):
        align_corpus(corpus("a/1"), "pocketsphinx", out, options={"dictionnary": "x"})
    assert not out.exists()
    with pytest.raises(InputError, match=r"none of 1 .* cannot say that"):
        align_corpus(corpus("a/1", texts={"a/1": "?"}), "pocketsphinx", out)
    out.mkdir(exist_ok=True)
    (out / LOG).write_text("my list\n")
    with pytest.raises(InputError, match="another program"):
        align_corpus(corpus("a/1"), "pocketsphinx", out)


def test_utterances_that_share_a_name_do_not_share_a_textgrid(tmp_path: Path, calls: list[str]) -> None:
    speech = corpus("a/1")
    one = speech.utterances[0]
    twins = replace(speech, utterances=(one, replace(one, id="flac", path=one.path.with_suffix(".flac"))))
    assert "that of a_1" in align_corpus(twins, "pocketsphinx", tmp_path).failed["flac"]


def test_a_folder_is_locked(tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[Path] = []

    def recorded(path: Path):
        entered.append(path)
        return locked(path)

    monkeypatch.setattr(textgrids, "locked", recorded)
    align_corpus(corpus("a/1"), "pocketsphinx", tmp_path)
    assert entered == [tmp_path]
