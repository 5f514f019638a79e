"""A prior that was never trained, over the codes of a given model."""

from pathlib import Path

import torch

from vqspeech.codec.pitch_codes import LEVELS
from vqspeech.nn.priors.protocol import CodeSpace
from vqspeech.nn.priors.wavenet import wavenet
from vqspeech.training.codes import LoadedPrior


def a_prior(codec):
    """Return a prior over the codes of a model, and over pitch."""
    torch.manual_seed(0)
    space = CodeSpace(codebook_sizes=(*codec.codebook_sizes, LEVELS + 1), conditions=len(codec.speakers))
    return LoadedPrior(
        model=wavenet(space, layers_per_cycle=2, residual_channels=8).eval(),
        config={"name": "wavenet"},
        path=Path("prior"),
        step=0,
        facts={},
        codebook_sizes=space.codebook_sizes,
        space=space,
        level="",
        levels=("",),
        source={"run": "r", "checkpoint": "c", "modality": "audio", "codebook": codec.codebook},
        sample_rate=16_000,
        hop_samples=320,
        conditions=codec.speakers,
        pitch=1,
    )
