from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vqspeech import model as models
from vqspeech.analysis.latents import code_vectors, latents, latents_of, untrained_encoder
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import parse_model, plain


@pytest.fixture
def checkpoint() -> SpeechCodec:
    config = parse_model(
        {
            "encoder": {"front_end": {"kind": "mfcc"}, "strides": [[4, 2], [4, 2]], "channels": 8, "dim": 4},
            "quantizer": {"name": "ema", "codebook_size": 6},
            "decoder": {
                "cycles": 1, "layers_per_cycle": 2, "residual_channels": 4, "skip_channels": 4, "condition_channels": 4,
            },
        }
    )  # fmt: skip
    torch.manual_seed(0)
    model = models.build(config, ("a", "b"))
    model.encoder.front_end.mean.fill_(3.0)
    return SpeechCodec(
        model=model.eval(), config=config, speakers=("a", "b"), step=0, path=Path("x"), facts={"model": plain(config)}
    )


def test_an_untrained_encoder_has_other_weights_and_the_same_features(checkpoint: SpeechCodec) -> None:
    before = torch.get_rng_state()
    fresh, again = (untrained_encoder(checkpoint, seed=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(fresh.head.weight, again.head.weight)
    assert not torch.equal(fresh.head.weight, checkpoint.model.encoder.head.weight)
    assert torch.equal(fresh.front_end.mean, checkpoint.model.encoder.front_end.mean)


def test_latents_are_a_row_for_each_code(checkpoint: SpeechCodec) -> None:
    rng = np.random.default_rng(0)
    sound = {name: rng.normal(0, 0.1, 640 * n + 100).astype(np.float32) for name, n in (("u", 3), ("v", 2))}
    encoder = checkpoint.model.encoder
    found = latents_of(encoder, [("u", 3), ("v", 2)], sound.__getitem__)
    assert found.shape == (5, 4)
    assert np.array_equal(found[:3], latents(encoder, sound["u"])[:3])


def test_code_vectors_are_what_the_quantizer_decodes(checkpoint: SpeechCodec) -> None:
    found = code_vectors(checkpoint, ["5", "0"])
    expected = checkpoint.model.quantizer.decode(torch.tensor([[[5, 0]]]))[0].T
    assert np.allclose(found, expected.detach().numpy())
