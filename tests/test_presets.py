"""Every shipped preset builds, and the paper's hold what the paper says."""

import pytest
import torch

from vqspeech.config import parse_model, presets
from vqspeech.model import build


@pytest.mark.parametrize("name", [name for name in presets() if name.startswith("paper-")])
def test_the_paper_presets_build_and_keep_what_is_no_part_of_the_paper_off(name):
    config = parse_model({"preset": name})
    with torch.device("meta"):
        model = build(config, [f"p{number}" for number in range(109)])
    assert model.decoder.hop_samples == model.hop_samples
    assert model.spectral_head is None
    assert model.jitter == 0
    assert model.encoder.front_end is None
    assert model.decoder.past_noise == 0
    assert model.decoder.conditioner.speaker.num_embeddings == 109


@pytest.mark.parametrize("name", ["small-phoneme", "phoneme-text"])
def test_the_small_presets_have_the_paper_s_rate_and_codes(name):
    config = parse_model({"preset": name})
    assert config.sample_rate / build(config, ()).hop_samples == 25
    assert config.quantizer["codebook_size"] == 128


@pytest.mark.parametrize("name, hop, codes", [("paper-vctk", 64, 512), ("paper-phoneme", 640, 128)])
def test_the_paper_presets_are_the_papers(name, hop, codes):
    config = parse_model({"preset": name})
    assert build(config, ()).hop_samples == hop
    assert config.quantizer == {"name": "vq", "codebook_size": codes, "beta": 0.25}
    assert config.sample_rate == 16000
    if name == "paper-vctk":
        assert config.encoder["strides"] == [[4, 2]] * 6


@pytest.mark.parametrize("name", presets())
def test_every_preset_encodes_and_has_a_loss_when_made_small(name):
    decoders = {
        "wavenet": {"residual_channels": 3, "skip_channels": 4, "condition_channels": 3, "cycles": 1},
        "harmonic": {"channels": 4, "frame_channels": 4, "pitch_channels": 4},
    }
    small = decoders[parse_model({"preset": name}).decoder["name"]]
    config = parse_model({"preset": name, "encoder": {"channels": 4, "dim": 3}, "decoder": small})
    from vqspeech.nn.batch import SpeechBatch

    model = build(config, ["a", "b"])
    hop = model.hop_samples
    batch = SpeechBatch(
        0.1 * torch.randn(2, 4 * hop),
        torch.tensor([4 * hop, hop]),
        torch.tensor([0, 1]),
        torch.zeros(2, dtype=torch.int64),
        2,
        f0=torch.full((2, 4 * hop // 160), 120.0),
        phones=torch.zeros(2, 4, dtype=torch.int64),
    )
    assert model.encode(batch.waveform).shape == (2, 1, 4)
    assert torch.isfinite(model.loss(batch).total)
