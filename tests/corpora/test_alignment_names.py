"""Which utterance a named alignment belongs to."""

from pathlib import Path

import pytest

from vqspeech.corpora.alignment_names import assign
from vqspeech.corpora.base import Utterance

BASE = Path("/grids")


def utterance(path: str, *, name: str | None = None, speaker: str | None = None) -> Utterance:
    place = Path("/corpus") / f"{path}.wav"
    return Utterance(
        id=name or path.replace("/", "-"), path=place, speaker=speaker or path.split("/")[0], text=None, split="train",
        duration_s=1.0,
    )  # fmt: skip


SESSIONS = [f"{speaker}/{session}/{stem}" for speaker in "abc" for session in ("s1", "s2") for stem in ("001", "002")]


def test_one_stem_under_several_speakers_and_sessions_is_matched_by_its_whole_path():
    found = assign(SESSIONS, BASE, [utterance(path) for path in SESSIONS])
    assert found.owners == {name: name.replace("/", "-") for name in SESSIONS}
    assert not (found.twice or found.ambiguous or found.others or found.doubtful)


def test_the_alignments_of_other_speakers_are_never_used():
    own = [path for path in SESSIONS if path.startswith("a")]
    found = assign(SESSIONS, BASE, [utterance(path) for path in own])
    assert set(found.owners) == set(own)
    assert set(found.others) == set(SESSIONS) - set(own)
    others = [path for path in SESSIONS if not path.startswith("a")]
    found = assign(others, BASE, [utterance(path) for path in own])
    assert found.owners == {}
    assert found.twice["a-s1-001"] == ("b/s1/001", "c/s1/001")


def test_a_folder_of_strangers_beside_the_speaker_s_own_is_of_another_speaker():
    found = assign(["anna/sx3", "cleo/sa1", "cleo/sx5"], BASE, [utterance("anna/sa1"), utterance("anna/sx3")])
    assert found.owners == {"anna/sx3": "anna-sx3"}
    assert found.others == ("cleo/sa1", "cleo/sx5")
    deep = ["anna/s1/x", "cleo/s1/sa1", "cleo/s2/y"]
    found = assign(deep, BASE, [utterance("anna/s1/sa1"), utterance("anna/s1/x")])
    assert found.owners == {"anna/s1/x": "anna-s1-x"}


def test_names_that_are_no_paths_may_look_like_any():
    names = ["/a", "../b", ".", "b", "a//c"]
    found = assign(names, Path(), [utterance("x/b")])
    assert found.twice == {"x-b": ("../b", "b")}
    assert found.others == ("/a", ".", "a//c")


def test_what_fits_several_belongs_to_none_and_names_them():
    found = assign(["s1/001", "001"], BASE, [utterance(path) for path in SESSIONS])
    assert found.owners == {}
    assert found.ambiguous["s1/001"] == ("a-s1-001", "b-s1-001", "c-s1-001")
    assert len(found.ambiguous["001"]) == 6
    assert found.others == ("s1/001", "001")


def test_two_alignments_that_share_as_much_are_named_and_one_that_shares_more_wins():
    speech = [utterance("anna/sa1"), utterance("bert/sa1")]
    found = assign(["run1/anna/sa1", "run2/anna/sa1", "bert/sa1", "old/anna_sa1"], BASE, speech)
    assert found.twice == {"anna-sa1": ("run1/anna/sa1", "run2/anna/sa1")}
    assert found.owners == {"bert/sa1": "bert-sa1"}
    found = assign(["anna-sa1", "anna/sa1"], BASE, speech)
    assert found.owners == {"anna/sa1": "anna-sa1"}


@pytest.mark.parametrize("name", ["anna-sa1", "ANNA-SA1", "anna/sa1", "anna/anna-sa1", "w/anna/sa1", "x/anna-sa1"])
def test_an_id_a_speaker_and_a_path_are_names(name):
    found = assign([name], BASE, [utterance("anna/sa1"), utterance("bert/sa1")])
    assert found.owners == {name: "anna-sa1"}
    assert found.doubtful == ()


def test_an_id_has_priority_over_the_file_name_of_another():
    speech = [utterance("x/1", name="2"), utterance("y/2", name="1")]
    assert assign(["1", "2"], Path(), speech).owners == {"1": "1", "2": "2"}


def test_case_and_unicode_forms_matter_only_where_nothing_else_differs():
    speech = [utterance("s/A1"), utterance("s/a1"), utterance("s/caf\u00e9")]
    found = assign(["s/A1", "s/a1", "s/cafe\u0301"], BASE, speech)
    assert found.owners == {"s/A1": "s-A1", "s/a1": "s-a1", "s/cafe\u0301": "s-caf\u00e9"}
    assert assign(["S/a1"], BASE, [utterance("s/A1")]).owners == {"S/a1": "s-A1"}


def test_the_folder_that_holds_the_alignments_counts():
    speech = [utterance("anna/sa1"), utterance("bert/sa1")]
    assert assign(["sa1"], Path("/grids/bert"), speech).owners == {"sa1": "bert-sa1"}
    assert assign(["anna/sa1", "bert/sa1"], Path("/corpus"), speech).others == ()


def test_a_match_by_name_in_a_folder_of_no_utterance_is_doubtful():
    found = assign(["anna/sx3", "deep/sx9"], BASE, [utterance("anna/sx3"), utterance("bert/sx9")])
    assert found.owners == {"anna/sx3": "anna-sx3", "deep/sx9": "bert-sx9"}
    assert found.doubtful == ("deep/sx9",)


def test_many_of_one_stem_are_matched_in_little_time():
    names = [f"speaker{number}/001" for number in range(5000)]
    assert len(assign(names, BASE, [utterance(name) for name in names]).owners) == 5000
