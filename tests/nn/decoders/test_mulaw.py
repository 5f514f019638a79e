import torch

from vqspeech.nn.decoders.mulaw import ZERO_LEVEL, mu_law_decode, mu_law_encode


def test_mu_law_has_256_levels_and_a_small_relative_error():
    waveform = torch.linspace(-1.2, 1.2, 1001)
    classes = mu_law_encode(waveform)
    assert classes.dtype == torch.int64
    assert (int(classes.min()), int(classes.max())) == (0, 255)
    decoded = mu_law_decode(classes)
    assert torch.all((decoded - waveform.clamp(-1, 1)).abs() <= 0.025 * (waveform.clamp(-1, 1).abs() + 0.01))
    every = torch.arange(256)
    assert torch.equal(mu_law_encode(mu_law_decode(every)), every)


def test_silence_is_the_level_that_sampling_starts_from():
    assert mu_law_encode(torch.zeros(3)).tolist() == [ZERO_LEVEL] * 3
