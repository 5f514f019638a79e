from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.analysis.phonemes.frames import label_frames, labels_of, one_codebook
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError


def one_utterance(codes: np.ndarray, n_samples: int, sizes: tuple[int, ...] = (8,)) -> CodeTable:
    row = UtteranceCodes(id="u", speaker="s", split="", path="", n_samples=n_samples, codes=codes)
    return CodeTable(sample_rate=100, hop_samples=10, codebook_sizes=sizes, rows=(row,))


def test_a_code_gets_the_phone_at_its_centre() -> None:
    # Centres at 0.05, 0.15, 0.25 s.
    table = one_utterance(np.array([[0, 1, 2]]), 30)
    alignment = Alignment((Interval(0.0, 0.149, "a"), Interval(0.149, 0.25, "b"), Interval(0.25, 0.3, "c")))
    frames = label_frames(table, {"u": alignment})
    assert [frames.phones[label] for label in frames.label] == ["a", "b", "c"]
    assert frames.code.tolist() == [0, 1, 2]


def test_frames_beyond_the_audio_or_the_alignment_are_dropped_and_counted() -> None:
    # The centre of code 3 is sample 35, just beyond.
    table = one_utterance(np.array([[0, 1, 2, 3, 4]]), 35)
    frames = label_frames(table, {"u": Alignment((Interval(0.0, 0.1, "a"), Interval(0.2, 0.5, "b")))})
    assert frames.place.tolist() == [0, 2]
    assert (frames.dropped.uncovered, frames.dropped.beyond_audio) == (1, 2)


@pytest.mark.parametrize("exclude", [True, False])
def test_silence_is_left_out_on_request_only(exclude: bool) -> None:
    table = one_utterance(np.array([[0, 1]]), 20)
    alignment = Alignment((Interval(0.0, 0.1, SILENCE), Interval(0.1, 0.2, "a")))
    frames = label_frames(table, {"u": alignment}, exclude_silence=exclude)
    assert len(frames) == (1 if exclude else 2)
    assert frames.dropped.silence == (1 if exclude else 0)


def test_joint_codes_of_several_codebooks_are_told_apart_by_the_whole_tuple() -> None:
    table = one_utterance(np.array([[0, 0, 1, 0], [3, 4, 3, 3]]), 40, sizes=(2, 8))
    frames = label_frames(table, {"u": Alignment((Interval(0.0, 0.4, "a"),))})
    assert [frames.code_names[code] for code in frames.code] == ["0,3", "0,4", "1,3", "0,3"]
    assert frames.n_codes == 3


def test_utterances_without_alignment_are_counted(make_table) -> None:
    table, alignments = make_table([[0, 1], [2, 3]], [["a", "b"], ["a", "b"]])
    del alignments["u0"]
    frames = label_frames(table, alignments)
    assert frames.dropped.without_alignment == 1
    assert frames.utterances == ("u1",)
    assert frames.place.tolist() == [0, 1]


def test_no_labelled_frame_says_which_ids_do_not_meet(make_table) -> None:
    table, alignments = make_table([[0]], [["a"]])
    with pytest.raises(InputError, match=r"no code has a phone: 1 utterances, 1 of them.*'other'.*'u0'"):
        label_frames(table, {"other": alignments["u0"]})


def test_codes_outside_the_codebook_are_refused(make_table) -> None:
    table, alignments = make_table([[0, 9]], [["a", "b"]], size=8)
    with pytest.raises(InputError, match="'u0' holds codes outside its codebook"):
        label_frames(table, alignments)


def test_by_majority_a_code_gets_what_covers_most_of_it() -> None:
    # Codes cover 0.1 s each.
    table = one_utterance(np.array([[0, 1, 2, 3]]), 40)
    alignment = Alignment(
        (Interval(0.0, 0.13, "a"), Interval(0.13, 0.155, "b"), Interval(0.155, 0.2, "c"), Interval(0.27, 0.33, "d"))
    )
    assert labels_of(table.rows[0], alignment, table, by="majority") == ["a", "c", None, None]
    assert labels_of(table.rows[0], alignment, table, by="centre") == ["a", "b", None, None]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(0, 30))
def test_majority_agrees_with_counting_milliseconds(lengths: list[int], offset: int) -> None:
    edges = offset + np.concatenate([[0], np.cumsum(lengths)])
    names = "abcdefgh"
    alignment = Alignment(
        tuple(Interval(edges[i] / 1000, edges[i + 1] / 1000, names[i % 8]) for i in range(len(lengths)))
    )
    n_frames = int(edges[-1]) // 10 + 2
    row = UtteranceCodes(
        id="u", speaker="s", split="", path="", n_samples=10 * n_frames, codes=np.zeros((1, n_frames), int)
    )
    table = CodeTable(sample_rate=1000, hop_samples=10, codebook_sizes=(1,), rows=(row,))
    found = labels_of(row, alignment, table, by="majority")
    held = np.full(10 * n_frames, "", dtype=object)
    for i in range(len(lengths)):
        held[edges[i] : edges[i + 1]] = names[i % 8]
    for t, label in enumerate(found):
        counts = Counter(held[10 * t : 10 * t + 10])
        assert counts[label or ""] == max(counts.values())


def test_neighbours_of_scored_frames_are_kept_and_cut_at_utterances(make_table) -> None:
    table, alignments = make_table([[0, 1, 2], [3, 4]], [["sil", "a", "b"], ["a", "sil"]])
    frames = label_frames(table, alignments)
    assert frames.codes.tolist() == [0, 1, 2, 3, 4]
    assert frames.place.tolist() == [1, 2, 3]
    assert [part.tolist() for part in frames.split(frames.codes)] == [[0, 1, 2], [3, 4]]
    assert frames.utterance.tolist() == [0, 0, 1]


def test_a_joint_code_that_is_never_scored_has_the_id_after_the_last() -> None:
    table = one_utterance(np.array([[0, 1, 1], [3, 3, 4]]), 30, sizes=(2, 8))
    frames = label_frames(table, {"u": Alignment((Interval(0.0, 0.1, SILENCE), Interval(0.1, 0.3, "a")))})
    assert frames.code_names == ("1,3", "1,4")
    assert frames.codes.tolist() == [2, 0, 1]
    assert one_codebook(table, 1).rows[0].codes.tolist() == [[3, 3, 4]]


def test_an_unknown_way_to_label_is_refused(make_table) -> None:
    table, alignments = make_table([[0]], [["a"]])
    with pytest.raises(InputError, match="'edge' are not known; choose centre or majority"):
        label_frames(table, alignments, by="edge")
