"""Conditions computed by blocks are those of the whole utterance."""

import numpy as np
import pytest
import torch

from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling import LazyConditions, sample, stream
from vqspeech.sampling.conditions import BLOCK_LATENTS


class Frames:
    """Latents (dim, frames) whose length is their number of frames."""

    def __init__(self, latents):
        self._latents = latents

    def __len__(self):
        return self._latents.shape[1]

    def __getitem__(self, frames):
        return self._latents[:, frames]


@pytest.mark.parametrize("frames", [1, BLOCK_LATENTS, 2 * BLOCK_LATENTS + 9])
@pytest.mark.parametrize("upsampling, kernel, speakers", [(1, 3, 0), (3, 5, 2)])
def test_any_slice_is_that_of_the_whole(frames, upsampling, kernel, speakers):
    torch.manual_seed(0)
    decoder = WaveNet(
        dim=3,
        hop_samples=6,
        dilations=(1, 2),
        residual_channels=4,
        skip_channels=4,
        condition_channels=5,
        condition_kernel=kernel,
        condition_upsampling=upsampling,
        speakers=speakers,
    )
    latents, speaker = torch.randn(3, frames), torch.tensor([1]) if speakers else None
    whole = decoder.conditions(latents[None], speaker)[0].detach()
    lazy = LazyConditions(decoder, Frames(latents), speaker)
    assert len(lazy) == len(whole)
    for first in (0, 1, 63, 64, 150, len(whole) - 1):
        for last in (first, first + 1, first + 7, first + 200):
            torch.testing.assert_close(lazy[first:last], whole[first:last], atol=1e-5, rtol=0)
    length = 6 * frames - 1
    pieces = list(stream(decoder, lazy, length))
    (at_once,) = sample(decoder, [lazy[:]], [length]).waveforms
    assert np.array_equal(np.concatenate(pieces), at_once)
