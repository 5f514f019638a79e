import torch

from vqspeech.nn.decoders.mulaw import LEVELS, ZERO_LEVEL, mu_law_decode, mu_law_encode


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


def test_mu_law_levels_go_there_and_back():
    levels = torch.arange(LEVELS)
    assert torch.equal(mu_law_encode(mu_law_decode(levels)), levels)
    assert mu_law_encode(torch.zeros(1)).item() == ZERO_LEVEL
    assert mu_law_encode(torch.tensor([-1.5, -1.0, 1.0, 1.5])).tolist() == [0, 0, 255, 255]
    waveform = torch.linspace(-1, 1, 10_001)
    error = (mu_law_decode(mu_law_encode(waveform)) - waveform).abs()
    assert (error <= 0.5 * torch.log(torch.tensor(256.0)) / 255 * 2 * (waveform.abs() + 1 / 255) * 1.03).all()
