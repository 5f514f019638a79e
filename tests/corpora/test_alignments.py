from __future__ import annotations

from pathlib import Path

import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.textgrid import Tier, write_textgrid
from vqspeech.corpora.alignments import beside, find, read_first
from vqspeech.corpora.base import Utterance
from vqspeech.errors import InputError


def utterance(speaker: str, stem: str, name: str | None = None, text: str | None = None) -> Utterance:
    path = Path("/corpus") / speaker / f"{stem}.wav"
    return Utterance(
        id=name or f"{speaker}_{stem}", path=path, speaker=speaker, text=text, split="train", duration_s=1.0
    )


def grid(path: Path, label: str) -> None:
    write_textgrid(path, [Tier("words", ((0.0, 1.0, "x"),)), Tier("phones", ((0.0, 1.0, label),))], 1.0)


def test_what_mfa_writes_is_found_by_id_by_folder_and_by_a_name_that_is_unique(tmp_path: Path) -> None:
    speech = [utterance("anna", "sa1"), utterance("bert", "sa1"), utterance("bert", "sx9"), utterance("cleo", "z")]
    grid(tmp_path / "anna_sa1.TextGrid", "a")
    grid(tmp_path / "BERT" / "sa1.TextGrid", "b")
    grid(tmp_path / "deep" / "sx9.TextGrid", "c")
    grid(tmp_path / "sa1.TextGrid", "whose?")
    found = find(tmp_path, speech)
    assert {key: item.phones[0].label for key, item in found.alignments.items()} == {
        "anna_sa1": "a", "bert_sa1": "b", "bert_sx9": "c",
    }  # fmt: skip
    assert found.others == ("sa1",)
    assert found.ambiguous == {"sa1": ("anna_sa1", "bert_sa1")}
    assert found.doubtful == {"deep/sx9": "bert_sx9"}


def test_broken_files_are_named_and_do_not_stop_the_others(tmp_path: Path) -> None:
    grid(tmp_path / "anna_sa1.TextGrid", "a")
    (tmp_path / "bert_sa1.TextGrid").write_text("no grid")
    found = find(tmp_path, [utterance("anna", "sa1"), utterance("bert", "sa1")])
    assert list(found.alignments) == ["anna_sa1"]
    assert "TextGrid" in found.skipped["bert_sa1"]


def test_two_alignments_of_an_utterance_are_named_and_not_used(tmp_path: Path) -> None:
    grid(tmp_path / "one" / "anna" / "sa1.TextGrid", "a")
    grid(tmp_path / "two" / "anna" / "sa1.TextGrid", "b")
    grid(tmp_path / "bert_sa1.TextGrid", "c")
    found = find(tmp_path, [utterance("anna", "sa1"), utterance("bert", "sa1")])
    assert list(found.alignments) == ["bert_sa1"]
    assert found.skipped["anna_sa1"] == "has 2 alignments, one/anna/sa1, two/anna/sa1; keep one"


def test_a_transcript_with_the_ending_lab_hides_no_alignment(tmp_path: Path) -> None:
    for name in ("anna_sa1", "bert_sa1"):
        grid(tmp_path / f"{name}.TextGrid", "a")
        (tmp_path / f"{name}.lab").write_text("PLEASE CALL STELLA\n")
    (tmp_path / "anna_sa1.phn").write_text("PLEASE CALL STELLA\n")
    (tmp_path / "bert_sa1.ctm").write_text("bert_sa1 1 0.0 0.5 other\n")
    found = find(tmp_path, [utterance("anna", "sa1"), utterance("bert", "sa1")])
    assert {key: item.phones[0].label for key, item in found.alignments.items()} == {"anna_sa1": "a", "bert_sa1": "a"}
    assert list(found.skipped) == ["anna_sa1.phn", "bert_sa1.ctm"]
    assert found.skipped["bert_sa1.ctm"] == "bert_sa1.TextGrid beside it is used"


def test_of_files_beside_the_audio_the_first_usable_one_counts(tmp_path: Path) -> None:
    (tmp_path / "sa1.lab").write_text("PLEASE CALL STELLA\n")
    (tmp_path / "sa1.ctm").write_text("sa1 1 0.0 0.5 aa\n")
    (tmp_path / "SA1.lab").write_text("0 1 upper\n")
    files = beside([tmp_path / "sa1.wav", tmp_path / "SA1.wav", tmp_path / "Sa1.wav"])
    assert [path.name for path in files[tmp_path / "sa1.wav"]] == ["sa1.lab", "sa1.ctm"]
    assert [path.name for path in files[tmp_path / "SA1.wav"]] == ["SA1.lab"]
    assert tmp_path / "Sa1.wav" not in files
    alignment, unused = read_first(files[tmp_path / "sa1.wav"])
    assert alignment == Alignment((Interval(0.0, 0.5, "aa"),))
    assert list(unused) == [tmp_path / "sa1.lab"]


def test_a_bad_utterance_of_a_ctm_file_is_named_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "all.ctm"
    path.write_text("anna_sa1 A 0.0 0.5 aa\nanna_sa1 B 0.5 0.5 b\nbert_sa1 1 0.0 0.5 t\n")
    found = find(path, [utterance("anna", "sa1"), utterance("bert", "sa1")])
    assert list(found.alignments) == ["bert_sa1"]
    assert "channels A and B" in found.skipped["anna_sa1"]


def test_one_ctm_file_for_a_corpus(tmp_path: Path) -> None:
    path = tmp_path / "all.ctm"
    path.write_text("anna_sa1 1 0.0 0.5 aa\nstranger 1 0.0 0.5 t\n")
    found = find(path, [utterance("anna", "sa1")])
    assert found.alignments["anna_sa1"].phones == (Interval(0.0, 0.5, "aa"),)
    assert found.others == ("stranger",)


def test_alignments_of_another_corpus_are_refused_with_both_names(tmp_path: Path) -> None:
    grid(tmp_path / "stranger.TextGrid", "a")
    with pytest.raises(InputError, match=r"none of its 1 alignments belongs.*stranger, the corpus anna_sa1"):
        find(tmp_path, [utterance("anna", "sa1")])


@pytest.mark.parametrize("name", ["", "missing", "a.txt"])
def test_a_place_without_alignments_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds no alignments|neither a folder"):
        find(tmp_path / name, [utterance("anna", "sa1")])
