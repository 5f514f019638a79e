"""The registered decoder `wavenet`: the network with the sampling engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from vqspeech.config import at_least, require
from vqspeech.nn.decoders.protocol import LatentFrames, Latents, Piece, SpeakOptions
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.conditions import LazyConditions
from vqspeech.sampling.sample import pieces

TABLE = "model.decoder"

MOST_LAYERS_PER_CYCLE, MOST_CYCLES = 20, 100
"""Largest options of the dilations: a layer of dilation 2^20 looks back a minute."""


def wavenet_decoder(
    latents: Latents,
    *,
    cycles: int = 3,
    layers_per_cycle: int = 10,
    kernel_size: int = 2,
    residual_channels: int = 64,
    skip_channels: int = 256,
    condition_channels: int = 64,
    condition_kernel: int = 3,
    condition_upsampling: int = 1,
    past_noise: float = 0.0,
) -> WaveNetDecoder:
    """Build the decoder of ``[model.decoder] name = "wavenet"``.

    Parameters
    ----------
    latents : description of the latents
    cycles, layers_per_cycle : dilations are 1, 2, 4, ... in each cycle
    kernel_size, residual_channels, skip_channels : see `WaveNet`
    condition_channels, condition_kernel, condition_upsampling : see `vqspeech.nn.decoders.conditioner.Conditioner`
    past_noise : see `WaveNet`

    Raises
    ------
    ConfigError : for impossible values
    """
    counts = {
        "cycles": cycles,
        "layers_per_cycle": layers_per_cycle,
        "kernel_size": kernel_size,
        "residual_channels": residual_channels,
        "skip_channels": skip_channels,
        "condition_channels": condition_channels,
        "condition_kernel": condition_kernel,
        "condition_upsampling": condition_upsampling,
    }
    at_least(1, counts, TABLE, *counts)
    at_least(0, {"past_noise": past_noise}, TABLE, "past_noise")
    require(layers_per_cycle <= MOST_LAYERS_PER_CYCLE, f"{TABLE}.layers_per_cycle: at most {MOST_LAYERS_PER_CYCLE}")
    require(cycles <= MOST_CYCLES, f"{TABLE}.cycles: at most {MOST_CYCLES}")
    require(condition_kernel % 2 == 1, f"{TABLE}.condition_kernel: odd")
    hop = latents.hop_samples
    require(hop % condition_upsampling == 0, f"{TABLE}.condition_upsampling: a divisor of {hop}")
    return WaveNetDecoder(
        dim=latents.dim,
        hop_samples=hop,
        dilations=tuple(2**layer for layer in range(layers_per_cycle)) * cycles,
        kernel_size=kernel_size,
        residual_channels=residual_channels,
        skip_channels=skip_channels,
        condition_channels=condition_channels,
        condition_kernel=condition_kernel,
        condition_upsampling=condition_upsampling,
        speakers=latents.speakers,
        sample_rate=latents.sample_rate,
        past_noise=past_noise,
    )


class WaveNetDecoder(WaveNet):
    """A `WaveNet` with free-running sampling by the engines of `vqspeech.sampling`."""

    @torch.inference_mode()
    def speak(
        self,
        latents: Sequence[LatentFrames],
        speakers: Sequence[int | None],
        lengths: Sequence[int],
        options: SpeakOptions,
    ) -> Iterator[Piece]:
        """Sample utterances; see `Decoder.speak` and, for errors, `vqspeech.sampling.sample`."""
        device = self.embedding.weight.device
        conditions = [
            LazyConditions(self, frames, None if speaker is None else torch.tensor([speaker], device=device))
            for frames, speaker in zip(latents, speakers, strict=True)
        ]
        yield from pieces(self, conditions, lengths, options)
