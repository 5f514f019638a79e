"""Labels of frames from the alignments of a store."""

import numpy as np
import pytest
import soundfile
from stores import corpus_of, utterance

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.inventories import named
from vqspeech.corpora.phone_labels import UNKNOWN, PhoneLabels
from vqspeech.corpora.store import prepare
from vqspeech.errors import CorpusError

ARPABET = named("arpabet-39")


@pytest.fixture
def store(tmp_path):
    alignments = {"a": Alignment((Interval(0.0, 0.1, "sil"), Interval(0.1, 0.25, "AA1"))), "b": None}
    utterances = []
    for name, alignment in alignments.items():
        soundfile.write(tmp_path / f"{name}.wav", np.full(4800, 0.1), 16000)
        utterances.append(utterance(tmp_path / f"{name}.wav", alignment=alignment))
    return prepare(corpus_of(tmp_path, utterances), tmp_path / "store", sample_rate=16000)


def test_a_code_has_the_phone_at_its_centre(store):
    labels = PhoneLabels.of(store, ARPABET)
    silence, vowel = (ARPABET.classes.index(name) for name in ("sil", "aa"))
    first = next(index for index, row in enumerate(store.rows) if row.alignment is not None)
    other = next(index for index, row in enumerate(store.rows) if row.alignment is None)
    # Centres at 10, 30, 50, ... ms.
    assert labels.crop(first, 0, 6, 320).tolist() == [silence] * 5 + [vowel]
    assert labels.crop(first, 1600, 10, 320).tolist() == [vowel] * 7 + [UNKNOWN] * 3
    assert set(labels.row(other).tolist()) == {UNKNOWN}


def test_labels_of_another_inventory_are_named(tmp_path):
    """The few that it knows would train a head, and nothing would say that it learned from those only."""
    intervals = [
        Interval(0.02 * place, 0.02 * place + 0.02, label) for place, label in enumerate(["aa", "7", "7", "9"])
    ]
    soundfile.write(tmp_path / "a.wav", np.full(4800, 0.1), 16000)
    one = utterance(tmp_path / "a.wav", alignment=Alignment(tuple(intervals)))
    store = prepare(corpus_of(tmp_path, [one]), tmp_path / "store", sample_rate=16000)
    with pytest.warns(UserWarning, match=r"3 of 4 intervals .*arpabet-39 does not know .*'7', '9'.*model\.phones"):
        PhoneLabels.of(store, ARPABET)


def test_a_store_without_phones_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(4800, 0.1), 16000)
    store = prepare(corpus_of(tmp_path, [utterance(tmp_path / "a.wav")]), tmp_path / "store", sample_rate=16000)
    with pytest.raises(CorpusError, match=r"corpus\.aligner"):
        PhoneLabels.of(store, ARPABET)
