import itertools
import json
import os
import shutil
import sys

import numpy as np
import pytest

from vqspeech import audio
from vqspeech.alignment.base import SILENCE
from vqspeech.analysis.listening.measures import f0_statistics
from vqspeech.corpora import demo, espeak
from vqspeech.corpora.demo_text import base_sentences, sentences_for
from vqspeech.errors import InputError, UnknownNameError, VQSpeechError

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def corpus(cache):
    return demo.read(cache, speakers=8, utterances_per_speaker=6)


def test_109_distinct_voices_any_prefix_mixed():
    voices = demo.voices()
    assert len(voices) == len({voice.id for voice in voices}) == 109
    assert len({(v.espeak, v.rate, v.pitch, v.pitch_range) for v in voices}) == 109
    for count in range(2, 110):
        women = sum(voice.gender == "f" for voice in voices[:count])
        assert abs(women - count / 2) <= 0.5
        assert len({voice.id.split("-")[0] for voice in voices[:count]}) >= min(count, 8) - 1


def test_a_corpus_is_what_was_asked_for(corpus):
    assert (corpus.name, corpus.synthetic) == ("demo", True)
    assert len(corpus.utterances) == 48
    assert corpus.speakers == tuple(sorted(voice.id for voice in demo.voices()[:8]))
    assert [u.id for u in corpus.utterances] == sorted(u.id for u in corpus.utterances)
    assert any("synthetic" in note for note in corpus.notes)
    for utterance in corpus.utterances:
        info = audio.probe(utterance.path)
        assert (info.sample_rate, info.channels) == (16000, 1)
        assert info.duration_s == pytest.approx(utterance.duration_s)
        assert 0.5 < info.duration_s < 10


def test_alignments_cover_the_audio_without_gaps(corpus):
    for utterance in corpus.utterances:
        phones = utterance.alignment.phones
        assert phones[0].start_s == 0
        assert phones[-1].end_s == pytest.approx(utterance.duration_s, abs=1e-3)
        for left, right in itertools.pairwise(phones):
            assert left.end_s == right.start_s
            assert left.end_s > left.start_s


def test_alignments_say_where_the_sound_is(corpus):
    """Sibilants are high, open vowels low, silence silent: the labels belong to the samples, not only to the text."""
    centroids, levels = {"s": [], "V": []}, []
    for utterance in corpus.utterances:
        samples = audio.read(utterance.path)
        for phone in utterance.alignment.phones:
            piece = samples[round(phone.start_s * 16000) : round(phone.end_s * 16000)]
            middle = piece[len(piece) // 4 : -len(piece) // 4]
            if phone.label in centroids and len(middle) > 200:
                power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
                centroids[phone.label].append(float((power * np.linspace(0, 8000, len(power))).sum() / power.sum()))
            if phone.label == SILENCE and phone.end_s - phone.start_s > 0.1:
                levels.append(float(np.sqrt((piece[800:] ** 2).mean())) / float(np.sqrt((samples**2).mean())))
    assert np.mean(np.array(centroids["s"]) > 2500) > 0.9
    assert np.mean(np.array(centroids["V"]) < 1500) > 0.9
    assert np.median(levels) < 0.05


def test_the_phone_labels_are_a_plain_english_set(corpus):
    labels = {phone.label for utterance in corpus.utterances for phone in utterance.alignment.phones}
    assert 40 <= len(labels) <= 60
    assert not any(mark in label for label in labels for mark in "',:_")
    assert SILENCE in labels
    folded = [
        demo.fold_mnemonic(name)
        for name in ("'u:", ",aI", "t#", "_:", "_!", "@L", "I2", "r-", "i@3", "3:", "'VR", "a#")
    ]
    assert folded == ["u", "aI", "dx", "sil", "sil", "l", "I", "r", "i@", "3", "3", "@"]


def test_the_sentences_cover_english():
    """Every English consonant, vowel and diphthong turns up in the hand-written sentences."""
    voice = "gmw/en-US+f3"
    speeches = espeak.synthesise(
        [espeak.Request(voice=voice, text=sentence, rate=300) for sentence in base_sentences()]
    )
    labels = {phone.label for speech in speeches for phone in demo.alignment_of(speech).phones}
    consonants = "p b t d k g f v T D s z S Z h m n N l r w j tS dZ"
    vowels = "i I E a V 0 U u 3 @ eI aI OI aU oU A@ O@ i@ e@"
    assert set(consonants.split()) <= labels
    assert set(vowels.split()) <= labels
    assert len(base_sentences()) == len(set(base_sentences())) >= 120


def test_sentences_never_run_out_or_repeat():
    many = sentences_for("us-f3", 2000, seed=1)
    assert len(set(many)) == 2000
    assert sentences_for("us-f3", 10, seed=1) == many[:10]
    assert sentences_for("us-f3", 10, seed=2) != many[:10]
    assert sentences_for("us-m3", 10, seed=1) != many[:10]


def test_the_same_options_give_the_same_bytes(corpus, tmp_path):
    again = demo.read(tmp_path, speakers=8, utterances_per_speaker=6)
    for one, two in zip(corpus.utterances, again.utterances, strict=True):
        assert one.path.read_bytes() == two.path.read_bytes()
        assert (one.id, one.text, one.split, one.alignment) == (two.id, two.text, two.split, two.alignment)
    other = demo.read(tmp_path, speakers=8, utterances_per_speaker=6, seed=1)
    assert [u.text for u in other.utterances] != [u.text for u in again.utterances]


def test_an_utterance_does_not_depend_on_what_was_said_before(corpus, tmp_path):
    """espeak keeps state between utterances; each must sound as if it were the first."""
    voice = next(voice for voice in demo.voices() if voice.id == corpus.speakers[-1])
    requests = demo.requests_for(voice, 4, seed=3)
    in_order = list(espeak.synthesise(requests))
    alone = [next(iter(espeak.synthesise([request]))) for request in requests]
    backwards = list(espeak.synthesise(requests[::-1]))[::-1]
    assert in_order == alone == backwards
    few = demo.read(tmp_path, speakers=[corpus.speakers[3]], utterances_per_speaker=2)
    many = [u for u in corpus.utterances if u.speaker == corpus.speakers[3]]
    assert [u.path.read_bytes() for u in few.utterances] == [u.path.read_bytes() for u in many[:2]]


def test_a_second_call_makes_nothing(corpus, cache, monkeypatch):
    def forbidden(*_):
        raise AssertionError("speech was made again")

    monkeypatch.setattr(espeak, "synthesise", forbidden)
    assert demo.read(cache, speakers=8, utterances_per_speaker=6) == corpus


def test_an_interrupted_or_damaged_cache_is_made_again(tmp_path):
    options = {"speakers": 2, "utterances_per_speaker": 2}

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.read(tmp_path, progress=stop, **options)
    assert os.listdir(tmp_path) == []
    corpus = demo.read(tmp_path, **options)
    corpus.utterances[0].path.unlink()
    assert demo.read(tmp_path, **options).utterances[0].path.is_file()
    (corpus.root / "stamp.json").unlink()
    assert demo.read(tmp_path, **options) == corpus


def test_the_cache_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("VQSPEECH_CACHE", str(tmp_path / "cache"))
    corpus = demo.read(speakers=["us-f3"], utterances_per_speaker=1)
    assert corpus.root.parent == tmp_path / "cache" / "demo"
    assert json.loads((corpus.root / "stamp.json").read_text())["utterances"] == 1
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(InputError, match="VQSPEECH_CACHE"):
        demo.read(speakers=["us-f3"], utterances_per_speaker=1)


def test_impossible_options_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match=r"unknown speaker 'us-f33'.*Did you mean 'us-f3'"):
        demo.read(tmp_path, speakers=["us-f33"])
    with pytest.raises(InputError, match="109 speakers, 110"):
        demo.read(tmp_path, speakers=110)
    with pytest.raises(InputError, match="at least 1"):
        demo.read(tmp_path, utterances_per_speaker=0)
    with pytest.raises(InputError, match=r"intonation 1.5 is not allowed; choose 0"):
        demo.read(tmp_path, intonation=1.5)
    with pytest.raises(VQSpeechError, match="unknown voice 'gmw/klingon'"):
        list(espeak.synthesise([espeak.Request(voice="gmw/klingon", text="hello")]))


def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(InputError, match=r"pip install 'vqspeech\[demo\]'"):
        demo.read(tmp_path)


def test_flat_intonation_keeps_the_words_and_moves_the_pitch_less(tmp_path):
    """Pitch as its low and high tenth in voiced frames."""
    spread = {}
    for intonation in (0.0, 1.0):
        said = demo.read(tmp_path, speakers=["gb-f5"], utterances_per_speaker=3, intonation=intonation)
        found = [f0_statistics(audio.read(row.path, demo.SAMPLE_RATE), demo.SAMPLE_RATE) for row in said.utterances]
        spread[intonation] = np.mean([statistics.high_hz / statistics.low_hz for statistics in found])
        assert [row.text for row in said.utterances] == sentences_for("gb-f5", 3, 0)
    assert spread[0.0] < 1.1 < 1.2 < spread[1.0]
