import numpy as np
import pytest

from vqspeech.analysis.listening.judge import embedding
from vqspeech.errors import InputError


def test_the_embedding_of_a_speaker_is_the_mean_of_length_one():
    one = embedding.mean_embedding([np.array([1.0, 0.0]), np.array([0.0, 1.0])])
    assert one == pytest.approx(np.sqrt([0.5, 0.5]))
    with pytest.raises(InputError, match="speech"):
        embedding.mean_embedding([])


@pytest.mark.skipif(bool(embedding.why_not()), reason="comes with the extra judge")
def test_embeddings_equal_those_of_resemblyzer():
    try:
        from resemblyzer import VoiceEncoder, preprocess_wav
    except Exception as error:  # its imports of pkg_resources and of scipy.ndimage.morphology
        pytest.skip(f"resemblyzer itself cannot be imported: {error}")
    time = np.arange(5 * 16000) / 16000
    pulses = np.sign(np.sin(2 * np.pi * 130 * time)) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * time))
    noise = np.random.default_rng(0).standard_normal(len(time))
    waveform = (0.05 * pulses + 0.002 * noise).astype(np.float32)
    expected = VoiceEncoder("cpu", verbose=False).embed_utterance(preprocess_wav(waveform, source_sr=16000))
    assert embedding.Ge2e().embed(waveform) == pytest.approx(expected, abs=1e-5)


@pytest.mark.skipif(bool(embedding.why_not()), reason="comes with the extra judge")
@pytest.mark.parametrize("samples", [0, 100, 1600])
def test_nothing_to_hear_has_no_embedding(samples):
    assert embedding.Ge2e().embed(np.zeros(samples, np.float32)) is None
