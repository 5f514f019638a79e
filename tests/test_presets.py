"""Every shipped preset builds, and the paper's hold what the paper says."""

import pytest
import torch

from vqspeech.config import parse_model, presets
from vqspeech.model import build
from vqspeech.nn.encoders import ssl


def tiny_network():
    """A network with random weights, of the geometry of HuBERT."""
    from torchaudio.models import wav2vec2_model

    def make():
        return wav2vec2_model(
            "group_norm", [(8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2], False,
            16, 0.0, 4, 2, 3, 2, 0.0, 16, 0.0, 0.0, False, 0.0, None,
        )  # fmt: skip

    return ssl.Network(name="tiny", build=make, weights=lambda: make().state_dict(), width=16, layers=3)


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


@pytest.mark.parametrize("name, rate, codes", [("hubert-25hz", 25, 128), ("hubert-50hz", 50, 256)])
@pytest.mark.parametrize("decoder", ["wavenet", "harmonic"])
def test_the_hubert_presets_hold_their_rate_with_either_decoder(name, rate, codes, decoder, monkeypatch):
    monkeypatch.setitem(ssl.NETWORKS["hubert"], "base", tiny_network())
    override = {} if decoder == "wavenet" else {"decoder": {"name": decoder}}
    config = parse_model({"preset": name, **override, "encoder": {"layer": 2}})
    model = build(config, ())
    assert 16000 / model.hop_samples == rate
    assert config.quantizer["codebook_size"] == codes
    assert config.encoder["frozen"]
    trained = [key for key, _ in model.encoder.named_parameters()]
    assert trained == ["norm.weight", "norm.bias", "head.weight", "head.bias"]


@pytest.mark.parametrize("name, hop, codes", [("paper-vctk", 64, 512), ("paper-phoneme", 640, 128)])
def test_the_paper_presets_are_the_papers(name, hop, codes):
    config = parse_model({"preset": name})
    assert build(config, ()).hop_samples == hop
    assert config.quantizer == {"name": "vq", "codebook_size": codes, "beta": 0.25}
    assert config.sample_rate == 16000
    if name == "paper-vctk":
        assert config.encoder["strides"] == [[4, 2]] * 6


@pytest.mark.parametrize("name", presets())
def test_every_preset_encodes_and_has_a_loss_when_made_small(name, monkeypatch):
    monkeypatch.setitem(ssl.NETWORKS["hubert"], "tiny", tiny_network())
    encoders = {"conv": {"channels": 4, "dim": 3}, "hubert": {"size": "tiny", "layer": 2, "dim": 3}}
    decoders = {
        "wavenet": {"residual_channels": 3, "skip_channels": 4, "condition_channels": 3, "cycles": 1},
        "harmonic": {"channels": 4, "frame_channels": 4, "pitch_channels": 4},
    }
    given = parse_model({"preset": name})
    encoder, small = encoders[given.encoder["name"]], decoders[given.decoder["name"]]
    config = parse_model({"preset": name, "encoder": encoder, "decoder": small})
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
