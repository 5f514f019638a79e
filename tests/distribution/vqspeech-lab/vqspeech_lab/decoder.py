"""The decoder `lab-gan`: a waveform in one pass, and an adversary that is optimised apart."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from vqspeech.nn.decoders.protocol import MAIN, Decoder, Piece

WINDOW, STEP = 256, 64
"""Of the spectrogram in the loss, in samples."""

MARGIN = 2
"""Latents on either side that a latent's samples depend on."""


def adversarial_decoder(latents, *, channels: int = 64, adversarial_weight: float = 0.1, stretch_frames: int = 50):
    """Build the decoder.

    Parameters
    ----------
    channels : of the generator
    adversarial_weight : of what the adversary says, in the loss of the generator
    stretch_frames : latents that are spoken at a time
    """
    return AdversarialDecoder(latents, channels, adversarial_weight, stretch_frames)


class AdversarialDecoder(Decoder):
    """Convolutions over latents, upsampled to samples; least squares against an adversary (Mao et al. 2017)."""

    criterion = "spectral"

    def __init__(self, latents, channels, adversarial_weight, stretch_frames):
        super().__init__()
        self.sample_rate, self.hop_samples = latents.sample_rate, latents.hop_samples
        self.adversarial_weight, self.stretch_frames = adversarial_weight, stretch_frames
        self.context = nn.Conv1d(latents.dim, channels, 3, padding=1)
        self.speaker = nn.Embedding(latents.speakers, channels) if latents.speakers else None
        self.expand = nn.ConvTranspose1d(channels, channels // 2, latents.hop_samples, latents.hop_samples)
        self.output = nn.Conv1d(channels // 2, 1, 9, padding=4)
        self.adversary = nn.Sequential(nn.Conv1d(1, 16, 16, 8), nn.LeakyReLU(0.2), nn.Conv1d(16, 1, 8, 4))
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def parameter_groups(self):
        """See `Decoder.parameter_groups`."""
        return {"adversary": list(self.adversary.parameters())}

    def forward(self, z_q, speaker):
        """Generate waveforms (batch, frames * hop_samples) from latents (batch, dim, frames)."""
        hidden = self.context(z_q)
        if self.speaker is not None:
            hidden = hidden + self.speaker(speaker)[:, :, None]
        return torch.tanh(self.output(F.leaky_relu(self.expand(F.leaky_relu(hidden)))))[:, 0]

    def losses(self, z_q, batch, generator=None, *, group=MAIN):
        """See `Decoder.losses`."""
        rows = max(1, len(z_q) if batch.share is None else batch.share.rows)
        time = torch.arange(batch.waveform.shape[1], device=z_q.device)
        spoken = self(z_q, batch.speaker).to(batch.waveform.dtype) * (time < batch.lengths[:, None])
        if group == "adversary":
            right, wrong = self.scores(batch.waveform), self.scores(spoken.detach())
            return {"adversary": ((right - 1).square() + wrong.square()).mean(1).sum() / rows}
        error = (self.spectrum(spoken) - self.spectrum(batch.waveform)).abs().mean((1, 2))
        share_of_crop = batch.lengths / batch.waveform.shape[1]
        fooled = (self.scores(spoken) - 1).square().mean(1).sum() / rows
        return {
            "spectral": (error / share_of_crop.clamp_min(1e-3)).sum() / rows,
            "fooled": self.adversarial_weight * fooled,
        }

    def scores(self, waveform):
        """Judge waveforms (batch, time), as long as the shortest that the adversary takes at least: (batch, scores)."""
        return self.adversary(waveform[:, None]).flatten(1)

    def spectrum(self, waveform):
        """Compute log magnitudes (batch, bins, frames)."""
        found = torch.stft(waveform, WINDOW, STEP, window=self.window, pad_mode="constant", return_complex=True)
        return found.abs().clamp_min(1e-2).log() - torch.tensor(1e-2).log()

    @torch.no_grad()
    def speak(self, latents, speakers, lengths, options):
        """See `Decoder.speak`; stretches follow one another, and nothing is random."""
        done = 0
        for number, (frames, speaker, length) in enumerate(zip(latents, speakers, lengths, strict=True)):
            for start in range(0, -(-length // self.hop_samples), self.stretch_frames):
                first, stop = max(0, start - MARGIN), min(len(frames), start + self.stretch_frames + MARGIN)
                z_q = frames[first:stop][None]
                index = None if speaker is None else torch.tensor([speaker], device=z_q.device)
                begin = (start - first) * self.hop_samples
                wanted = min(self.stretch_frames * self.hop_samples, length - start * self.hop_samples)
                waveform = self(z_q, index)[0, begin : begin + wanted].float().cpu().numpy()
                done += wanted
                if options.progress is not None:
                    options.progress(done, sum(lengths))
                yield Piece(number, waveform, last=start + self.stretch_frames >= -(-length // self.hop_samples))
