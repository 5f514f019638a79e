"""The loss and the update of every kind of model ask a GPU for nothing, seen with tensors that only seem to be there.

Fake tensors on "cuda" need no GPU; what would wait for one (a number, a shape that depends on numbers) is an error.
"""

import pytest
import torch
from runs import MODEL
from torch._subclasses.fake_tensor import FakeTensorMode

from vqspeech import model as models
from vqspeech.config import parse_model
from vqspeech.nn import draws
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.share import Share
from vqspeech.training.means import StepMeans
from vqspeech.training.optimiser import Muon
from vqspeech.training.usage import CodebookUsage
from vqspeech.training.weights import WeightAverage

LOGMEL = {
    "front_end": {"kind": "logmel", "n_mels": 12, "hop_samples": 160},
    "strides": [[4, 2]],
    "channels": 8,
    "dim": 4,
}
HARMONIC = {"name": "harmonic", "channels": 16, "frame_channels": 8, "pitch_channels": 8, "dilations": [1]}


def on_fake_gpu(model):
    """Put fake tensors in the places of all parameters and buffers."""
    for module in model.modules():
        for kind in (module._parameters, module._buffers):
            for name, tensor in kind.items():
                if tensor is not None:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype)
                    kind[name] = torch.nn.Parameter(fake) if kind is module._parameters else fake
    return model


def batch(hop=320, frames=8, rows=3):
    time = hop * frames
    return SpeechBatch(
        waveform=torch.empty(rows, time),
        lengths=torch.empty(rows, dtype=torch.int64),
        speaker=torch.empty(rows, dtype=torch.int64),
        window_start=torch.empty(rows, dtype=torch.int64),
        window_frames=4,
        share=Share(0, 1, rows, torch.empty((), dtype=torch.int64), torch.empty((), dtype=torch.int64)),
        f0=torch.empty(rows, time // 160),
    )


QUANTIZERS = [
    {"name": "vq"},
    {"name": "ema", "codebook_size": 8, "revive_every": 1},
    {"name": "rvq", "codebook_size": 8, "codebooks": 2, "dropout": 0.5, "revive_every": 1},
    {"name": "grouped", "codebook_size": 8},
    {"name": "fsq"},
    {"name": "cosine"},
]
WAVENET = {**MODEL["decoder"], "past_noise": 4}


@pytest.mark.parametrize(
    ("quantizer", "decoder"), [*((one, WAVENET) for one in QUANTIZERS), (QUANTIZERS[0], HARMONIC)], ids=str
)
def test_a_step_does_not_wait_for_the_gpu(quantizer, decoder, monkeypatch):
    spectral = {"weight": 1.0, "kind": "logmel", "n_mels": 8, "hop_samples": 320}
    encoder = {**LOGMEL, "perturb": {"warp": 0.1, "tilt": 0.1, "noise": -8.0}}
    values = {"encoder": encoder, "quantizer": quantizer, "decoder": decoder, "spectral": spectral, "jitter": 0.1}
    model = models.build(models.complete(parse_model(values)), ("ann", "bob")).train()
    monkeypatch.setattr(draws, "_pinned", lambda values, device: values)
    with FakeTensorMode(), torch.device("cuda"):
        on_fake_gpu(model)
        usage, means, average = CodebookUsage(model.quantizer.codebook_sizes), StepMeans(), WeightAverage(model, 0.9)
        matrices, generator = model.hidden_matrices(), torch.Generator("cpu").manual_seed(0)
        for step in range(2):
            terms = model.loss(batch(), generator)
            assert terms.total.device.type == "cuda"
            for parameter in model.parameters():
                parameter.grad = torch.empty_like(parameter)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            if matrices:
                Muon(matrices, lr=0.1).step()
            model.update(generator)
            average.update(step)
            usage.add(terms.codes, terms.mask)
            means.add(terms.terms)


def test_what_waits_is_an_error():
    with FakeTensorMode(), torch.device("cuda"), pytest.raises(Exception, match="local_scalar_dense"):
        float(torch.empty(3).sum())
