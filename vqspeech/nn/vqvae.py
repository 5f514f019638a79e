"""The VQ-VAE on speech: encoder, quantizer, WaveNet decoder; its loss, its codes, and help for its codebook."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vqspeech.nn.batch import LossTerms, SpeechBatch
from vqspeech.nn.decoders.mulaw import ZERO_LEVEL, mu_law_encode
from vqspeech.nn.decoders.wavenet import Conditioner, WaveNet
from vqspeech.nn.encoders.conv import ConvEncoder
from vqspeech.nn.encoders.spectral import SpectralFeatures
from vqspeech.nn.perturb import jitter, noisy
from vqspeech.nn.quantize import Quantizer

START_CROPS = 16
"""Crops that `VQVAE.start` encodes at a time; the paper's encoder takes about 20 MB for a crop of 20,480 samples."""


class SpectralHead(nn.Module):
    """Predicts standardised spectral frames from latents and speaker: help for the codebook, not part of the paper.

    The negative log-likelihood of an autoregressive decoder barely depends on its codes at first, so codes learn slowly; the squared error
    of a spectrum predicted from codes and speaker alone tells them apart from the first step.

    Parameters
    ----------
    features : what to predict
    dim : channels of the latents
    hop_samples : samples per latent, a multiple of the features' hop
    channels, kernel : see `Conditioner`
    speakers : number of speakers
    """

    def __init__(
        self, features: SpectralFeatures, *, dim: int, hop_samples: int, channels: int, kernel: int, speakers: int
    ) -> None:
        super().__init__()
        self.features = features
        self.conditioner = Conditioner(
            dim, channels, kernel=kernel, upsampling=hop_samples // features.hop_samples, speakers=speakers
        )
        self.output = nn.Linear(channels, features.channels)

    def forward(self, z_q: Tensor, waveform: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error over valid frames, a scalar; mask (batch, frames) as in `LossTerms`."""
        predicted = self.output(self.conditioner(z_q, speaker)).float()
        valid = mask.repeat_interleave(self.conditioner.upsampling, 1)
        wanted = self.features(waveform, valid.sum(1)).transpose(1, 2)
        error = (predicted - wanted).square().mean(-1)
        return (error * valid).sum() / valid.sum().clamp_min(1)


class VQVAE(nn.Module):
    """A VQ-VAE with an autoregressive decoder (van den Oord et al. 2017).

    loss = -log p(x | z_q, speaker), mean over samples in nats, + the quantizer's losses + spectral_weight * spectral error.

    Parameters
    ----------
    encoder : waveform to latents
    quantizer : latents to codes and back
    decoder : codes and speaker to samples
    jitter : probability that a frame's code is replaced by its left neighbour's, and the same for the right one (Chorowski et al. 2019)
    past_noise : most noise, in levels, through which the decoder sees its past in training; see `vqspeech.nn.perturb.noisy`
    decoder_gradient : share of the decoder's gradient that reaches encoder and codebook: 1 in the paper; 0 leaves the codes to the spectral head
    spectral_head : auxiliary prediction, or None
    spectral_weight : its weight
    """

    criterion = "nll"

    def __init__(
        self,
        encoder: ConvEncoder,
        quantizer: Quantizer,
        decoder: WaveNet,
        *,
        jitter: float = 0.0,
        past_noise: float = 0.0,
        decoder_gradient: float = 1.0,
        spectral_head: SpectralHead | None = None,
        spectral_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.jitter = jitter
        self.past_noise = past_noise
        self.decoder_gradient = decoder_gradient
        self.spectral_head = spectral_head
        self.spectral_weight = spectral_weight

    @property
    def hop_samples(self) -> int:
        """Samples per code."""
        return self.encoder.hop_samples

    def hidden_matrices(self) -> list[nn.Parameter]:
        """The decoder's matrices between its embedding and its logits, which Muon may orthogonalise: see `WaveNet.hidden_matrices`."""
        return self.decoder.hidden_matrices()

    def frame_mask(self, lengths: Tensor, frames: int) -> Tensor:
        """(batch, frames) bool: True for codes that cover at least one real sample."""
        return torch.arange(frames, device=lengths.device) * self.hop_samples < lengths[:, None]

    @torch.no_grad()
    def start(self, batch: SpeechBatch, generator: torch.Generator) -> None:
        """Data-dependent start from one large batch: standardise spectral features, then place the codebook on the latents."""
        time = batch.waveform.shape[1]
        head = self.spectral_head.features if self.spectral_head is not None else None
        for features in (self.encoder.front_end, head):
            if features is not None:
                frames = torch.arange(time // features.hop_samples, device=batch.waveform.device)
                features.fit(batch.waveform, frames * features.hop_samples < batch.lengths[:, None])
        pieces = zip(batch.waveform.split(START_CROPS), batch.lengths.split(START_CROPS), strict=True)
        latents = torch.cat([self.encoder(waveform, lengths) for waveform, lengths in pieces])
        mask = self.frame_mask(batch.lengths, latents.shape[-1])
        self.quantizer.start(latents.transpose(1, 2)[mask], generator)

    def update(self, generator: torch.Generator) -> None:
        """What follows an optimiser step: the quantizer's own update."""
        self.quantizer.update(generator)

    def loss(self, batch: SpeechBatch, generator: torch.Generator | None = None) -> LossTerms:
        """The loss of a batch.

        Parameters
        ----------
        batch : crops
        generator : for the jitter and for the noise on the past; neither without it, or in evaluation mode
        """
        z = self.encoder(batch.waveform, batch.lengths)
        mask = self.frame_mask(batch.lengths, z.shape[-1])
        quantized = self.quantizer(z, mask)
        z_q = quantized.z_q
        if self.training and self.jitter > 0 and generator is not None:
            z_q = jitter(z_q, self.jitter, generator, mask, batch.share)
        heard = z_q.detach() + self.decoder_gradient * (z_q - z_q.detach()) if self.decoder_gradient != 1 else z_q
        nll = self._window_nll(batch, heard, generator if self.training else None)
        terms = dict(quantized.losses)
        if self.spectral_head is not None:
            error = self.spectral_head(z_q, batch.waveform, batch.speaker, mask)
            terms["spectral"] = self.spectral_weight * error
        stats = quantized.stats
        if batch.share is not None:  # means over the frames here become this share of the mean over all frames
            part = mask.sum() / max(1, batch.share.frames)
            terms, stats = ({name: term * part for name, term in kind.items()} for kind in (terms, stats))
        samples = len(nll) if batch.share is None else batch.share.samples
        terms = {"nll": nll.sum() / max(1, samples), **terms}
        total = torch.stack([term.float() for term in terms.values()]).sum()
        told = {name: term.detach() for name, term in [*terms.items(), *stats.items()]}
        return LossTerms(total, told, quantized.codes, mask)

    @torch.no_grad()
    def shuffled(self, batch: SpeechBatch) -> Tensor:
        """Mean negative log-likelihood in nats per sample when each crop is given the codes of the next one in the batch.

        A decoder that ignores its codes shows no rise over the true codes.
        """
        z_q = self.quantizer.decode(self.quantizer.encode(self.encoder(batch.waveform, batch.lengths)))
        return self._window_nll(batch, z_q.roll(1, 0)).mean()

    def encode(self, waveform: Tensor) -> Tensor:
        """Codes (batch, codebooks, ceil(time / hop)) of waveforms (batch, time); code t covers samples [t * hop, (t + 1) * hop)."""
        return self.quantizer.encode(self.encoder(waveform))

    def conditions(self, codes: Tensor, speaker: Tensor) -> Tensor:
        """What the decoder's layers add to their gates for codes (batch, codebooks, frames) and speaker (batch,): see `WaveNet.conditions`."""
        return self.decoder.conditions(self.quantizer.decode(codes), speaker)

    def _window_nll(self, batch: SpeechBatch, z_q: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Negative log-likelihood (samples that are real,) in nats of the stretch that the decoder is trained on.

        With a generator and ``past_noise`` the decoder sees its past through noise.
        """
        hop, frames = self.hop_samples, batch.window_frames
        rows = torch.arange(len(batch.waveform), device=z_q.device)[:, None]
        margin = self.decoder.conditioner.margin
        columns = batch.window_start[:, None] + torch.arange(-margin, frames + margin, device=z_q.device)
        inside = (columns >= 0) & (columns < z_q.shape[-1])
        latents = z_q.transpose(1, 2)[rows, columns.clamp(0, z_q.shape[-1] - 1)] * inside[..., None]
        conditions = self.decoder.conditions(latents.transpose(1, 2), batch.speaker, with_margin=True)

        positions = batch.window_start[:, None] * hop + torch.arange(frames * hop, device=z_q.device)
        levels = mu_law_encode(batch.waveform)
        window = levels[rows, positions]
        before = torch.where(positions > 0, levels[rows, (positions - 1).clamp_min(0)], ZERO_LEVEL)
        if generator is not None and self.past_noise > 0:
            before = noisy(before, self.past_noise, generator, batch.share)
        nll = self.decoder.negative_log_likelihood(window, conditions, before)
        return nll[positions < batch.lengths[:, None]]
