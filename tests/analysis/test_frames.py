from __future__ import annotations

import numpy as np
import pytest

from vqspeech.alignment.base import SILENCE, Alignment, Interval
from vqspeech.analysis.frames import label_frames
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.errors import InputError


def one_utterance(codes: np.ndarray, n_samples: int, sizes: tuple[int, ...] = (8,)) -> CodeTable:
    row = UtteranceCodes(id="u", speaker="s", split="", path="", n_samples=n_samples, codes=codes)
    return CodeTable(sample_rate=100, hop_samples=10, codebook_sizes=sizes, rows=(row,))


def test_a_code_gets_the_phone_at_its_centre() -> None:
    table = one_utterance(np.array([[0, 1, 2]]), 30)  # centres at 0.05, 0.15, 0.25 s
    alignment = Alignment((Interval(0.0, 0.149, "a"), Interval(0.149, 0.25, "b"), Interval(0.25, 0.3, "c")))
    frames = label_frames(table, {"u": alignment})
    assert [frames.phones[label] for label in frames.label] == ["a", "b", "c"]
    assert frames.code.tolist() == [0, 1, 2]


def test_frames_beyond_the_audio_or_the_alignment_are_dropped_and_counted() -> None:
    table = one_utterance(np.array([[0, 1, 2, 3, 4]]), 35)  # the centre of code 3 is sample 35, just beyond
    frames = label_frames(table, {"u": Alignment((Interval(0.0, 0.1, "a"), Interval(0.2, 0.5, "b")))})
    assert frames.frame.tolist() == [0, 2]
    assert (frames.dropped_uncovered, frames.dropped_beyond_audio) == (1, 2)


@pytest.mark.parametrize("exclude", [True, False])
def test_silence_is_left_out_on_request_only(exclude: bool) -> None:
    table = one_utterance(np.array([[0, 1]]), 20)
    alignment = Alignment((Interval(0.0, 0.1, SILENCE), Interval(0.1, 0.2, "a")))
    frames = label_frames(table, {"u": alignment}, exclude_silence=exclude)
    assert len(frames) == (1 if exclude else 2)
    assert frames.dropped_silence == (1 if exclude else 0)


def test_joint_codes_of_several_codebooks_are_told_apart_by_the_whole_tuple() -> None:
    table = one_utterance(np.array([[0, 0, 1, 0], [3, 4, 3, 3]]), 40, sizes=(2, 8))
    frames = label_frames(table, {"u": Alignment((Interval(0.0, 0.4, "a"),))})
    assert [frames.code_names[code] for code in frames.code] == ["0,3", "0,4", "1,3", "0,3"]
    assert frames.n_codes == 3


def test_utterances_without_alignment_are_counted(make_table) -> None:
    table, alignments = make_table([[0, 1], [2, 3]], [["a", "b"], ["a", "b"]])
    del alignments["u0"]
    frames = label_frames(table, alignments)
    assert frames.without_alignment == 1
    assert frames.utterances == ("u1",)
    assert frames.slices() == [("u1", slice(0, 2))]


def test_no_labelled_frame_says_which_ids_do_not_meet(make_table) -> None:
    table, alignments = make_table([[0]], [["a"]])
    with pytest.raises(InputError, match=r"no code has a phone: 1 utterances, 1 of them.*'other'.*'u0'"):
        label_frames(table, {"other": alignments["u0"]})


def test_codes_outside_the_codebook_are_refused(make_table) -> None:
    table, alignments = make_table([[0, 9]], [["a", "b"]], size=8)
    with pytest.raises(InputError, match="'u0' holds codes outside its codebook"):
        label_frames(table, alignments)
