import numpy as np
import pytest

from vqspeech.analysis.listening.judge.sources import Source, draw
from vqspeech.errors import InputError


def source(name, speaker="ann", *, seconds=3.0, text="words", split="train"):
    return Source(
        id=name, speaker=speaker, text=text, split=split, duration_s=seconds,
        read=lambda rate: np.ones(int(seconds * rate), np.float32),
    )  # fmt: skip


def test_speakers_take_turns_in_an_order_by_hash():
    many = [source(f"a{n}") for n in range(9)] + [source("b", "bob"), source("c", "cid")]
    drawn = draw(many, 4, 0, heard=()).sources
    assert {one.speaker for one in drawn[:3]} == {"ann", "bob", "cid"}
    assert drawn == draw(list(reversed(many)), 4, 0, heard=()).sources
    assert {one.id for one in draw(many, 4, 1, heard=()).sources} != {one.id for one in drawn}


def test_speakers_of_the_training_are_excluded_and_named():
    drawn = draw([source("a"), source("b", "bob")], 5, 0, heard={"ann"})
    assert [one.speaker for one in drawn.sources] == ["bob"]
    assert not drawn.heard
    assert any("1 utterances by 1 speakers that the model heard" in note for note in drawn.notes)
    both = draw([source("a"), source("b", "bob")], 5, 0, {"ann"}, "all")
    assert len(both.sources) == 2
    assert any("1 of 2" in note for note in both.notes)


def test_heard_speakers_are_judged_on_held_out_utterances():
    drawn = draw([source("a"), source("b", split="valid"), source("c", split="test")], 5, 0, {"ann"})
    assert [one.id for one in drawn.sources] == ["c"]
    assert drawn.heard
    with pytest.raises(InputError, match="heard"):
        draw([source("a")], 5, 0, {"ann"}, "unheard")
    with pytest.raises(InputError, match="unheard"):
        draw([source("a")], 5, 0, {"bob"}, "heard")


def test_short_recordings_and_those_without_text_are_omitted_with_a_note():
    drawn = draw([source("a"), source("b", seconds=0.1), source("c", text=None)], 5, 0, heard=())
    assert [one.id for one in drawn.sources] == ["a"]
    assert any("shorter" in note for note in drawn.notes)
    assert any("without text" in note for note in drawn.notes)
    with pytest.raises(InputError, match=r"none of 1 recordings"):
        draw([source("b", seconds=0.1)], 5, 0, heard=())


def test_an_hour_is_cut_and_has_no_text():
    long = source("a", seconds=3600.0)
    (one,) = draw([long], 5, 0, heard=()).sources
    assert one.words is None
    assert len(one.waveform(100)) == 3000
    assert any("30 s" in note for note in draw([long], 5, 0, heard=()).notes)


def test_at_least_one_utterance():
    with pytest.raises(InputError, match="--utterances 0"):
        draw([source("a")], 0, 0, heard=())
