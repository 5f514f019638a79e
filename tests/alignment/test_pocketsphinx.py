"""Phones of English recordings, by PocketSphinx."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stores import corpus_of, utterance

from vqspeech import audio
from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.pocketsphinx import align_file, words_of
from vqspeech.corpora.alignments import aligned
from vqspeech.errors import InputError, UnknownNameError

pytest.importorskip("pocketsphinx")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    pytest.importorskip("espeakng_loader")
    from vqspeech.corpora.demo import read

    corpus = read(tmp_path_factory.mktemp("demo"), speakers=1, utterances_per_speaker=3)
    return next(one for one in corpus.utterances if one.text and one.alignment)


def test_words_are_those_of_the_dictionary():
    assert words_of("Well-known: \u201cIt\u2019s 5 o'clock!\u201d") == ["well", "known", "it's", "o'clock"]


def test_phones_lie_where_the_synthesiser_put_them(spoken):
    found = align_file(spoken.path, text=spoken.text)
    ends = (found.phones[0].start_s, found.phones[-1].end_s)
    assert ends[0] == 0 and abs(ends[1] - spoken.duration_s) < 0.05
    boundaries = np.array([phone.start_s for phone in spoken.alignment.phones])
    nearest = [np.abs(boundaries - phone.start_s).min() for phone in found.phones[1:]]
    assert np.median(nearest) < 0.03
    # The result does not depend on what was aligned before.
    assert align_file(spoken.path, text=spoken.text) == found


def test_what_cannot_be_aligned_is_named(spoken, tmp_path):
    with pytest.raises(InputError, match="no words"):
        align_file(spoken.path, text="123")
    with pytest.raises(InputError, match="qwrtz"):
        align_file(spoken.path, text="qwrtz")
    audio.write(tmp_path / "short.wav", np.zeros(800, np.float32), 16000)
    with pytest.raises(InputError, match=r"short\.wav"):
        align_file(tmp_path / "short.wav", text="a much longer sentence than this recording")


def test_a_corpus_is_aligned_where_it_has_texts_alone(spoken, tmp_path):
    audio.write(tmp_path / "silent.wav", np.zeros(800, np.float32), 16000)
    bare = [
        replace(utterance(spoken.path), id="spoken", text=spoken.text),
        replace(utterance(tmp_path / "silent.wav"), id="silent", text="a long sentence of many words"),
        replace(utterance(tmp_path / "silent.wav"), id="wordless", text=None),
    ]
    corpus = corpus_of(tmp_path, bare)
    done = []
    made = aligned(corpus, "pocketsphinx", progress=lambda *numbers: done.append(numbers))
    by_id = {one.id: one.alignment for one in made.utterances}
    assert by_id["spoken"] == align_file(Path(spoken.path), text=spoken.text)
    assert by_id["silent"] is None and by_id["wordless"] is None
    assert done[-1] == (2, 2)
    assert "1 utterances were aligned by pocketsphinx; 1 could not be." in made.notes
    known = {"spoken": Alignment((Interval(0.0, 1.0, "aa"),)), "silent": Alignment((Interval(0.0, 0.05, "sil"),))}
    again = aligned(corpus, "pocketsphinx", known)
    assert {one.id: one.alignment for one in again.utterances if one.alignment} == known
    with pytest.raises(UnknownNameError):
        aligned(corpus, "nobody")
