from pathlib import Path

import numpy as np
import pytest

from vqspeech.analysis.listening.judge.clips import CONVERSION, MEASURES, ORIGINAL, Clip, ClipScores
from vqspeech.analysis.listening.judge.table import differences, judged_rows
from vqspeech.analysis.listening.judge.text import Errors


def score(utterance, errors, words, *, kind=CONVERSION, voice="ann", run="run", dnsmos=3.0):
    clip = Clip(path=Path("x.wav"), kind=kind, utterance=utterance, speaker="s", voice=voice, run=run)
    values = {one.name: None for one in MEASURES} | {"wer": Errors(errors, words), "dnsmos": dnsmos}
    return ClipScores(clip=clip, heard="", values=values, reasons={"cer": "not here"})


def original(utterance, errors, words):
    return score(utterance, errors, words, kind=ORIGINAL, voice=None, run="")


def test_words_of_a_kind_are_pooled_and_other_measures_averaged():
    (row,) = judged_rows([score("a", 1, 2, dnsmos=2.0), score("b", 1, 8, dnsmos=4.0)], 0)
    assert row["measures"]["wer"]["value"] == pytest.approx(2 / 10)
    assert row["measures"]["dnsmos"]["value"] == pytest.approx(3.0)
    low, high = row["measures"]["wer"]["ci95"]
    assert low == pytest.approx(1 / 8)
    assert high == pytest.approx(1 / 2)
    assert row["clips"] == row["utterances"] == 2


def test_a_measure_without_values_is_null_with_its_reason():
    (row,) = judged_rows([score("a", 1, 2)], 0)
    assert row["measures"]["cer"] == {"value": None, "ci95": None, "clips": 0, "reason": "not here"}
    assert row["measures"]["wer"]["ci95"] is None


def test_a_measure_of_some_clips_says_how_many_lack_it():
    (row,) = judged_rows([score("a", 1, 2), score("b", 1, 2, dnsmos=None)], 0)
    assert row["measures"]["dnsmos"]["clips"] == 1
    assert "1 clips without" in row["measures"]["dnsmos"]["reason"]


def test_voices_have_rows_of_their_own_below_all():
    rows = judged_rows([score("a", 1, 2, voice="ann"), score("a", 2, 2, voice="bob"), original("a", 0, 2)], 0)
    assert [(row["kind"], row["voice"], row["clips"]) for row in rows] == [
        (ORIGINAL, None, 1), (CONVERSION, None, 2), (CONVERSION, "ann", 1), (CONVERSION, "bob", 1),
    ]  # fmt: skip


def test_errors_above_the_originals_are_paired():
    """Every conversion loses one word of ten more than its original, whatever the original loses."""
    names = [str(n) for n in range(20)]
    lost = np.random.default_rng(0).integers(0, 9, 20)
    scores = [original(name, int(n), 10) for name, n in zip(names, lost, strict=True)]
    scores += [score(name, int(n) + 1, 10) for name, n in zip(names, lost, strict=True)]
    above = judged_rows(scores, 0)[1]["above_originals"]["wer"]
    assert above["value"] == pytest.approx(0.1)
    assert above["ci95"] == pytest.approx([0.1, 0.1])
    low, high = judged_rows(scores, 0)[1]["measures"]["wer"]["ci95"]
    assert high - low > 0.1


def test_runs_are_compared_on_the_utterances_that_they_share():
    scores = [score("a", 1, 10), score("b", 9, 10), score("a", 3, 10, run="other"), score("c", 0, 10, run="other")]
    (one,) = differences(scores, 0)
    assert (one["run"], one["against"]) == ("other", "run")
    assert one["measures"]["wer"]["value"] == pytest.approx(0.2)
    assert one["measures"]["cer"] is None


def test_intervals_depend_on_the_seed_alone():
    scores = [score(str(n), n % 4, 4 + n) for n in range(12)]
    assert judged_rows(scores, 1) == judged_rows(scores, 1) != judged_rows(scores, 2)
