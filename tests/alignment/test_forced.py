import math

import pytest
import torch

from vqspeech.alignment import forced
from vqspeech.alignment.base import SILENCE, Interval
from vqspeech.errors import InputError, UnknownNameError

LABELS = ("-", "|", "A", "B")
FRAME_S = 0.02


def emissions(path: str, certainty: float = 0.9) -> torch.Tensor:
    """Log-probabilities (frames, labels) that favour one label a frame."""
    rows = torch.full((len(path), len(LABELS)), (1 - certainty) / (len(LABELS) - 1))
    for frame, sign in enumerate(path):
        rows[frame, LABELS.index(sign)] = certainty
    return rows.log()


def spans(alignment) -> list[tuple[int, int, str]]:
    return [(round(p.start_s / FRAME_S), round(p.end_s / FRAME_S), p.label) for p in alignment.phones]


def test_labels_are_found_where_the_network_sees_them():
    found = forced.align_emissions(emissions("----------AAABBB----------"), ["AB"], LABELS, FRAME_S)
    assert spans(found.alignment) == [(0, 10, SILENCE), (10, 13, "A"), (13, 16, "B"), (16, 26, SILENCE)]
    assert found.words == (Interval(10 * FRAME_S, 16 * FRAME_S, "AB"),)
    assert found.score == pytest.approx(0.9, abs=1e-3)


def test_blanks_within_a_word_are_shared_and_a_pause_is_silence():
    found = forced.align_emissions(emissions("A----B-" + "|---------" + "A"), ["AB", "A"], LABELS, FRAME_S)
    assert spans(found.alignment) == [(0, 3, "A"), (3, 6, "B"), (6, 17, SILENCE), (17, 18, "A")]
    assert [word.label for word in found.words] == ["AB", "A"]


def test_a_label_twice_in_a_row_takes_a_blank_between():
    found = forced.align_emissions(emissions("AA-AA"), ["AA"], LABELS, FRAME_S)
    assert [label for *_, label in spans(found.alignment)] == ["A", "A"]
    assert found.alignment.phones[0].end_s == pytest.approx(2.5 * FRAME_S)


def test_the_path_is_the_most_likely_one_over_all_paths():
    """Every monotone CTC path of a small case, enumerated."""
    from itertools import product

    torch.manual_seed(0)
    log_probs = torch.randn(6, 4).log_softmax(-1)

    def collapse(path: tuple[int, ...]) -> list[int]:
        return [label for k, label in enumerate(path) if label and (k == 0 or path[k - 1] != label)]

    paths = [path for path in product(range(4), repeat=6) if collapse(path) == [2, 3, 2]]
    best = max(paths, key=lambda path: float(sum(log_probs[t, label] for t, label in enumerate(path))))
    found = forced.align_emissions(log_probs, ["ABA"], LABELS, FRAME_S)
    used = [float(log_probs[t, label]) for t, label in enumerate(best) if label]
    runs: list[list[float]] = []
    for t, label in enumerate(best):
        if label:
            if t and best[t - 1] == label:
                runs[-1].append(float(log_probs[t, label]))
            else:
                runs.append([float(log_probs[t, label])])
    assert len(used) >= 3
    assert math.log(found.score) == pytest.approx(sum(sum(run) / len(run) for run in runs) / len(runs), abs=1e-5)


@pytest.mark.parametrize(
    ("path", "words", "message"),
    [
        ("AB", [], "nothing to align"),
        ("AB", ["AC"], "no label 'C'; it knows | A B"),
        ("AB", ["ABAB"], "does not fit into 2 frames"),
    ],
)
def test_transcripts_that_cannot_be_aligned_are_refused(path, words, message):
    with pytest.raises(InputError, match=message.replace("|", r"\|")):
        forced.align_emissions(emissions(path), words, LABELS, FRAME_S)


def test_a_transcript_is_spelled_in_the_network_s_letters():
    assert forced.spell("A b, 7 \n c-a!", LABELS) == [["A"], ["B"], ["A"]]


def test_an_unknown_pipeline_lists_those_that_align(tmp_path):
    with pytest.raises(UnknownNameError, match="WAV2VEC2_ASR_BASE_960H"):
        forced._network("HUBERT_BASE")
