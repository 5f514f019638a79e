"""Self-supervised encoders, on a tiny network with random weights in place of the published ones."""

import pytest
import torch

from vqspeech.checkpoints.store import load_weights, save
from vqspeech.config import parse_model
from vqspeech.errors import CheckpointError, ConfigError, InputError
from vqspeech.model import build
from vqspeech.nn.encoders import ssl
from vqspeech.nn.encoders.ssl import Network, hubert, wav2vec2, wavlm
from vqspeech.testing.encoders import encoder_checks

PARTS = {"encoder": {"name": "hubert", "size": "tiny", "layer": 2, "dim": 4}}
PARTS |= {"quantizer": {"name": "ema", "codebook_size": 8}}
PARTS |= {"decoder": {"cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4}}


GEOMETRY = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(8, 10, 5), *[(8, 3, 2)] * 4, *[(8, 2, 2)] * 2],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 4,
    "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 3,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 16,
    "encoder_ff_interm_dropout": 0.1,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.1,
    "aux_num_out": None,
}


def network(seed=0, factory="wav2vec2_model", **more):
    """The geometry of HuBERT base, 16 channels wide."""

    def tiny():
        from torchaudio import models

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return getattr(models, factory)(**GEOMETRY, **more)

    return Network(name="tiny", build=tiny, weights=lambda: tiny().state_dict(), width=16, layers=3)


def wavlm_network():
    """WavLM has the geometry of HuBERT, and relative positions in its attention."""
    return network(factory="wavlm_model", encoder_num_buckets=8, encoder_max_distance=8)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(ssl.NETWORKS["hubert"], "tiny", network())
    monkeypatch.setitem(ssl.NETWORKS["wav2vec2"], "tiny", network())
    monkeypatch.setitem(ssl.NETWORKS["wavlm"], "tiny", wavlm_network())


def frozen(sample_rate):
    return ssl.SelfSupervisedEncoder(network(), layer=2, frozen=True, dim=4)


def trained(sample_rate):
    return ssl.SelfSupervisedEncoder(network(), layer=2, frozen=False, dim=4)


def pooled(sample_rate):
    return ssl.SelfSupervisedEncoder(network(), layer=2, frozen=True, dim=4, frames=2)


def relative(sample_rate):
    return ssl.SelfSupervisedEncoder(wavlm_network(), layer=2, frozen=False, dim=4)


@encoder_checks(frozen, trained, pooled, relative)
def test_it_keeps_the_contract_of_encoders(check):
    check()


@pytest.mark.parametrize("make", [hubert, wav2vec2, wavlm])
def test_a_frame_is_centred_on_its_own_samples(make, tiny):
    """320 samples a code, one code for every beginning 320 samples."""
    encoder = make(16_000, size="tiny", layer=1, dim=3)
    assert (encoder.hop_samples, encoder.span) == (320, None)
    for time in (1, 319, 320, 321, 16_000):
        assert encoder(torch.zeros(2, time)).shape == (2, 3, -(-time // 320))


def test_a_latent_is_the_mean_of_its_frames(tiny):
    encoder = hubert(16_000, size="tiny", layer=2, dim=3, frames=2)
    assert encoder.hop_samples == 640
    assert encoder(torch.zeros(1, 641)).shape == (1, 3, 2)
    encoder.norm, encoder.head = torch.nn.Identity(), torch.nn.Identity()
    fine = hubert(16_000, size="tiny", layer=2, dim=3)
    fine.norm, fine.head = encoder.norm, encoder.head
    waveform = torch.randn(1, 1920)
    whole = fine(waveform)
    torch.testing.assert_close(encoder(waveform), (whole[..., ::2] + whole[..., 1::2]) / 2)


def test_frozen_weights_are_neither_trained_nor_stored(tiny, tmp_path):
    config = parse_model(PARTS)
    model = build(config, ("a", "b"))
    model.encoder.load_pretrained()
    names = {name.removeprefix("encoder.") for name in model.state_dict() if name.startswith("encoder.")}
    assert names == {"features.fingerprint", "loaded", "norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert {name for name, _ in model.encoder.named_parameters()} == {
        "norm.weight",
        "norm.bias",
        "head.weight",
        "head.bias",
    }
    save(tmp_path / "step-1", model.state_dict(), config=config, speakers=("a", "b"), step=1)
    again = build(config, ("a", "b"))
    load_weights(tmp_path / "step-1", again)
    again.encoder.load_pretrained()
    waveform = torch.randn(1, 3200)
    assert torch.equal(again.eval().encode(waveform), model.eval().encode(waveform))


def test_a_model_is_not_used_with_other_frozen_weights(tiny, monkeypatch):
    one = hubert(16_000, size="tiny", layer=1).load_pretrained()
    monkeypatch.setitem(ssl.NETWORKS["hubert"], "tiny", network(seed=1))
    other = hubert(16_000, size="tiny", layer=1)
    other.load_state_dict(one.state_dict())
    with pytest.raises(CheckpointError, match="tiny"):
        other.load_pretrained()


def test_weights_that_are_trained_further_are_those_of_the_checkpoint(tiny):
    encoder = hubert(16_000, size="tiny", layer=1, frozen=False).load_pretrained()
    with torch.no_grad():
        next(encoder.features.parameters()).add_(1.0)
    again = hubert(16_000, size="tiny", layer=1, frozen=False)
    again.load_state_dict(encoder.state_dict())
    again.load_pretrained()
    assert torch.equal(next(again.features.parameters()), next(encoder.features.parameters()))


def test_weights_that_are_not_there_are_named(tiny, monkeypatch):
    def missing():
        raise OSError("no network")

    monkeypatch.setitem(
        ssl.NETWORKS["hubert"], "tiny", Network(**{**vars(network()), "weights": missing, "name": "HUBERT_TINY"})
    )
    with pytest.raises(InputError, match=r"HUBERT_TINY.*no network"):
        hubert(16_000, size="tiny", layer=1).load_pretrained()


@pytest.mark.parametrize(
    "rate, options, message",
    [
        (24_000, {}, r"model\.sample_rate = 24000"),
        (16_000, {"size": "huge"}, r"model\.encoder\.size = 'huge'"),
        (16_000, {"layer": 0}, r"model\.encoder\.layer = 0"),
        (16_000, {"layer": 13}, r"model\.encoder\.layer = 13"),
        (16_000, {"dim": 0}, r"model\.encoder\.dim = 0"),
        (16_000, {"frames": 0}, r"model\.encoder\.frames = 0"),
    ],
)
def test_options_that_no_network_has_are_named(rate, options, message):
    with pytest.raises(ConfigError, match=message):
        hubert(rate, **options)
