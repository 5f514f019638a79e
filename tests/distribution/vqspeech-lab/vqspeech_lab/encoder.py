"""The encoder `lab-gru`: a latent may depend on the whole utterance."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vqspeech.errors import ConfigError
from vqspeech.nn.encoders.protocol import Encoder


def recurrent_encoder(sample_rate: int, *, channels: int = 64, dim: int = 64, frame_s: float = 0.04):
    """Build the encoder.

    Parameters
    ----------
    channels : in each direction
    dim : channels of the latents
    frame_s : length of a frame, and so of a code, in seconds
    """
    hop = round(frame_s * sample_rate)
    if hop < 1:
        raise ConfigError(f"model.encoder.frame_s = {frame_s}: less than a sample at {sample_rate} Hz")
    return RecurrentEncoder(hop, channels, dim)


class RecurrentEncoder(Encoder):
    """Frames of the waveform, a bidirectional GRU, a linear layer. `span` is None, as in the base class."""

    def __init__(self, hop_samples, channels, dim):
        super().__init__()
        self.dim, self.hop_samples = dim, hop_samples
        self.frames = nn.Linear(hop_samples, channels)
        self.recurrent = nn.GRU(channels, channels, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * channels, dim)

    def forward(self, waveform, lengths=None):
        """See `Encoder.forward`."""
        padded = F.pad(waveform, (0, -waveform.shape[1] % self.hop_samples))
        hidden = torch.tanh(self.frames(padded.unflatten(1, (-1, self.hop_samples))))
        if not len(hidden):
            return hidden.new_zeros(0, self.dim, hidden.shape[1])
        if lengths is None:
            hidden, _ = self.recurrent(hidden)
        else:
            counts = -(-lengths // self.hop_samples)
            packed = pack_padded_sequence(hidden, counts.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False)
            packed, _ = self.recurrent(packed)
            hidden, _ = pad_packed_sequence(packed, batch_first=True, total_length=hidden.shape[1])
        return self.head(hidden).mT
