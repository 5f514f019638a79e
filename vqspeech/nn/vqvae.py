"""The VQ-VAE of speech: encoder, quantizer and decoder of any kind; its loss and its codes."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Self

import torch
from torch import Tensor, nn

from vqspeech.errors import PluginError
from vqspeech.nn.batch import LossTerms, SpeechBatch
from vqspeech.nn.decoders.protocol import MAIN, Decoder
from vqspeech.nn.encoders.protocol import Encoder
from vqspeech.nn.perturb import jitter
from vqspeech.nn.phone_head import PhoneHead
from vqspeech.nn.quantize import Quantizer
from vqspeech.nn.share import at_least_one
from vqspeech.nn.spectral_head import SpectralHead

START_CROPS = 16
"""Crops that `VQVAE.start` encodes at a time; the paper's encoder takes about 20 MB for a crop of 20,480 samples."""


class VQVAE(nn.Module):
    """A VQ-VAE (van den Oord et al. 2017).

    loss = the decoder's losses + the quantizer's losses + spectral_weight * spectral error. With a WaveNet the first is
    -log p(x | z_q, speaker), a mean over samples in nats.

    Parameters
    ----------
    encoder : waveform to latents
    quantizer : latents to codes and back
    decoder : latents and speaker to a waveform
    jitter : probability that a frame's code is replaced by its left neighbour's, and the same for the right one
        (Chorowski et al. 2019)
    decoder_gradient : share of the decoder's gradient that reaches encoder and codebook: 1 in the paper; 0 leaves the
        codes to the spectral head
    spectral_head : auxiliary prediction, or None
    spectral_weight : weight of its loss
    phone_head, phone_weight : auxiliary naming of phones, or None, and the weight of its loss
    frozen_codes : keep encoder and quantizer as they are: neither trained, started nor updated, always in evaluation
        mode and full precision; only the decoder's losses are computed
    """

    def __init__(
        self,
        encoder: Encoder,
        quantizer: Quantizer,
        decoder: Decoder,
        *,
        jitter: float = 0.0,
        decoder_gradient: float = 1.0,
        spectral_head: SpectralHead | None = None,
        spectral_weight: float = 0.0,
        phone_head: PhoneHead | None = None,
        phone_weight: float = 0.0,
        frozen_codes: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder
        self.jitter = jitter
        self.decoder_gradient = decoder_gradient
        self.spectral_head = spectral_head
        self.spectral_weight = spectral_weight
        self.phone_head = phone_head
        self.phone_weight = phone_weight
        self.frozen_codes = frozen_codes
        if frozen_codes:
            assert spectral_head is None and phone_head is None, "nothing learns from a head on frozen codes"
            encoder.eval().requires_grad_(False)
            quantizer.eval().requires_grad_(False)

    def with_codebooks(self, count: int) -> VQVAE:
        """Return the model with the first codebooks alone, with the same weights; errors as `Quantizer.first`."""
        coarse = copy.copy(self)
        coarse._modules = {**self._modules, "quantizer": self.quantizer.first(count)}
        return coarse

    def train(self, mode: bool = True) -> Self:
        """Set training mode; frozen codes stay in evaluation mode."""
        super().train(mode)
        if self.frozen_codes:
            self.encoder.eval()
            self.quantizer.eval()
        return self

    @property
    def hop_samples(self) -> int:
        """Samples per code."""
        return self.encoder.hop_samples

    @property
    def needs_pitch(self) -> bool:
        """Whether the loss needs F0 of its batches."""
        head = self.spectral_head
        return self.decoder.needs_pitch or (head is not None and head.needs_pitch)

    @property
    def criterion(self) -> str:
        """Name of the term that is compared between checkpoints; the decoder's."""
        return self.decoder.criterion

    def hidden_matrices(self) -> list[nn.Parameter]:
        """Return the decoder's matrices for the optimiser Muon."""
        return self.decoder.hidden_matrices()

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the decoder's groups of separately optimised parameters."""
        return self.decoder.parameter_groups()

    @torch.no_grad()
    def start(self, batch: SpeechBatch, generator: torch.Generator) -> None:
        """Initialise encoder, spectral head, decoder and codebook from a large batch; with frozen codes the decoder."""
        if self.frozen_codes:
            self.decoder.start(batch, generator)
            return
        self.encoder.start(batch, generator)
        if self.spectral_head is not None:
            features = self.spectral_head.features
            features.fit(batch.waveform, batch.frame_mask(features.hop_samples))
        self.decoder.start(batch, generator)
        pieces = zip(batch.waveform.split(START_CROPS), batch.lengths.split(START_CROPS), strict=True)
        latents = torch.cat([self.encoder(waveform, lengths) for waveform, lengths in pieces])
        self.quantizer.start(latents.transpose(1, 2)[batch.frame_mask(self.hop_samples)], generator)

    def update(self, generator: torch.Generator) -> None:
        """Update the quantizer, unless it is frozen; called once after each optimiser step."""
        if not self.frozen_codes:
            self.quantizer.update(generator)

    def loss(self, batch: SpeechBatch, generator: torch.Generator | None = None, *, group: str = MAIN) -> LossTerms:
        """Compute the loss of a parameter group.

        Parameters
        ----------
        batch : crops
        generator : generator of jitter and of the decoder's noise; neither without it, or in evaluation mode
        group : ``"main"``, or a key of `parameter_groups`, whose loss the decoder computes from fixed codes
        """
        generator = generator if self.training else None
        mask = batch.frame_mask(self.hop_samples)
        if group != MAIN or self.frozen_codes:
            codes = self._codes(batch, mask)
            with torch.no_grad():
                if generator is None:
                    z_q = self.quantizer.decode(codes)
                else:
                    z_q = self.quantizer.decode_in_training(codes, generator, batch.share)
                z_q = z_q.masked_fill(~mask[:, None], 0)
            if group == MAIN:
                z_q = self._jittered(z_q, batch, mask, generator)
            return _sum(self.decoder.losses(z_q, batch, generator, group=group), {}, codes, mask)
        if generator is None:
            z = self.encoder(batch.waveform, batch.lengths)
        else:
            z = self.encoder.perturbed(batch.waveform, batch.lengths, generator, batch.share)
        quantized = self.quantizer.quantize(z, mask, generator, batch.share)
        z_q = self._jittered(quantized.z_q, batch, mask, generator)
        # the value of z_q, with a share of its gradient
        scaled = z_q if self.decoder_gradient == 1 else z_q.detach() + self.decoder_gradient * (z_q - z_q.detach())
        losses = self.decoder.losses(scaled, batch, generator)
        terms = dict(quantized.losses)
        if self.spectral_head is not None:
            name = "spectral" if "spectral" not in losses else "spectral_head"
            terms[name] = self.spectral_weight * self.spectral_head(z_q, batch.waveform, batch.speaker, mask, batch.f0)
        if self.phone_head is not None and batch.phones is not None:
            terms["phones"] = self.phone_weight * self.phone_head(z_q, batch.phones, mask)
        if shared := losses.keys() & terms.keys():
            raise PluginError(f"the decoder has losses {sorted(shared)}, named as those of quantizer or spectral head")
        stats = quantized.stats
        if batch.share is not None:
            # means over the frames of this share become its part of the mean over all frames
            part = mask.sum() / at_least_one(batch.share.frames)
            terms, stats = ({name: term * part for name, term in kind.items()} for kind in (terms, stats))
        return _sum({**losses, **terms}, stats, quantized.codes, mask)

    @torch.no_grad()
    def shuffled(self, batch: SpeechBatch) -> Tensor:
        """Compute the criterion with the codes of the next crop in the batch.

        A decoder that ignores its codes shows no rise over the true codes.
        """
        z_q = self.quantizer.decode(self._codes(batch))
        return self.decoder.losses(z_q.roll(1, 0), batch)[self.decoder.criterion]

    def encode(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode waveforms (batch, time) to codes (batch, codebooks, ceil(time / hop)).

        Code t covers samples [t * hop, (t + 1) * hop). With `lengths` (batch,), codes of frames without a real sample
        are 0.
        """
        z = self.encoder(waveform, lengths)
        if lengths is None:
            return self.quantizer.encode(z)
        frames = torch.arange(z.shape[-1], device=z.device)
        return self.quantizer.encode(z, frames * self.hop_samples < lengths[:, None])

    @torch.no_grad()
    def _codes(self, batch: SpeechBatch, mask: Tensor | None = None) -> Tensor:
        """Encode crops; frozen codes in full precision, as after training."""
        with torch.autocast(batch.waveform.device.type, enabled=False) if self.frozen_codes else nullcontext():
            return self.quantizer.encode(self.encoder(batch.waveform, batch.lengths), mask)

    def _jittered(self, z_q: Tensor, batch: SpeechBatch, mask: Tensor, generator: torch.Generator | None) -> Tensor:
        """Replace some codes by their neighbours', in training."""
        if self.jitter == 0 or generator is None:
            return z_q
        return jitter(z_q, self.jitter, generator, mask, batch.share)


def _sum(terms: dict[str, Tensor], stats: dict[str, Tensor], codes: Tensor, mask: Tensor) -> LossTerms:
    total = torch.stack([term.float() for term in terms.values()]).sum()
    logged = {name: term.detach() for name, term in [*terms.items(), *stats.items()]}
    return LossTerms(total, logged, codes, mask)
