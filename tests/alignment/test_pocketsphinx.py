"""Phones of English recordings, by PocketSphinx."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stores import corpus_of, utterance

from vqspeech import audio
from vqspeech.alignment.base import Alignment, Interval
from vqspeech.alignment.pocketsphinx import align_file
from vqspeech.corpora.aligning import aligned
from vqspeech.errors import InputError, UnknownNameError

pytest.importorskip("pocketsphinx")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    pytest.importorskip("espeakng_loader")
    from vqspeech.corpora.demo import read

    corpus = read(tmp_path_factory.mktemp("demo"), speakers=1, utterances_per_speaker=3)
    return next(one for one in corpus.utterances if one.text and one.alignment)


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
        align_file(spoken.path, text="?!")
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


def test_words_of_nobody_are_pronounced_or_named(spoken, tmp_path, monkeypatch):
    from vqspeech.alignment import pocketsphinx, pronunciation

    words = spoken.text.rstrip(".").split()
    text = " ".join([*words[:-1], "zorbliquent"])
    monkeypatch.setattr(pocketsphinx, "letter_network", lambda: None)
    with pytest.raises(InputError, match=r"zorbliquent.*--dictionary.*g2p-en"):
        align_file(spoken.path, text=text)
    own = tmp_path / "own.dict"
    own.write_text("zorbliquent N AY T\n")
    found = align_file(spoken.path, text=text, dictionary=own)
    assert found.words[-1].label == "zorbliquent"
    assert [phone.label for phone in found.phones if phone.label != "sil"][-3:] == ["n", "ay", "t"]
    own.write_text("zorbliquent M AA T\n")
    assert align_file(spoken.path, text=text, dictionary=own) != found
    network = pronunciation.LetterNetwork({})
    monkeypatch.setattr(network.__class__, "phones", lambda self, word: "Z AO R")
    monkeypatch.setattr(pocketsphinx, "letter_network", lambda: network)
    assert align_file(spoken.path, text=text).words[-1].label == "zorbliquent"
    with pytest.raises(InputError, match=r"missing\.dict"):
        align_file(spoken.path, text=text, dictionary=tmp_path / "missing.dict")


def test_another_language_and_silence_are_named(spoken, tmp_path):
    with pytest.raises(InputError, match=r"most words are in no dictionary \(zwischenzeitlich"):
        align_file(spoken.path, text="zwischenzeitlich verschwanden saemtliche wohnungsschluessel")
    audio.write(tmp_path / "silent.wav", np.zeros(16000, np.float32), 16000)
    with pytest.raises(InputError, match=r"silent\.wav.*is silent"):
        align_file(tmp_path / "silent.wav", text="hello")
    assert [word.label for word in align_file(spoken.path, text="hello").words] == ["hello"]
