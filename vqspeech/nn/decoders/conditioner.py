"""Conditioning frames from latents and a speaker, for decoders."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F


class Conditioner(nn.Module):
    """Latents and speaker to one vector per conditioning frame.

    A convolution over neighbouring latents (looks both ways), `upsampling` conditioning frames for each latent by a
    transposed convolution, a speaker embedding added to every frame, and a second convolution. Beyond both ends
    latents are zero.

    Parameters
    ----------
    dim : channels of the latents
    channels : channels of the result
    kernel : odd width of the convolutions, in latents and in conditioning frames
    upsampling : conditioning frames per latent
    speakers : number of speakers; 0 for none
    """

    def __init__(self, dim: int, channels: int, *, kernel: int = 3, upsampling: int = 1, speakers: int = 0) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.context = nn.Conv1d(dim, channels, kernel)
        self.expand = nn.ConvTranspose1d(channels, channels, upsampling, upsampling)
        self.smooth = nn.Conv1d(channels, channels, kernel)
        self.speaker = nn.Embedding(speakers, channels) if speakers else None
        self.margin = kernel // 2 + math.ceil(kernel // 2 / upsampling)
        """Neighbouring latents on either side that the conditioning frames of one latent depend on, at most."""

    def forward(self, latents: Tensor, speaker: Tensor | None, *, with_margin: bool = False) -> Tensor:
        """Conditioning frames.

        Parameters
        ----------
        latents : (batch, dim, frames)
        speaker : (batch,) int64 indices; None when built without speakers
        with_margin : the latents have `margin` more frames on either side, which only give context

        Returns
        -------
        (batch, frames * upsampling, channels)
        """
        if not with_margin:
            latents = F.pad(latents, (self.margin, self.margin))
        frames = (latents.shape[-1] - 2 * self.margin) * self.upsampling
        hidden = self.expand(F.relu(self.context(latents)))
        if self.speaker is not None:
            hidden = hidden + self.speaker(speaker)[:, :, None]
        hidden = F.relu(self.smooth(F.relu(hidden)))
        spare = (hidden.shape[-1] - frames) // 2
        return hidden[..., spare : spare + frames].transpose(1, 2)
