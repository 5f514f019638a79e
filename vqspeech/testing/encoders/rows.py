"""What a latent depends on: its row alone, of that row the real samples, and of these its span."""

from __future__ import annotations

import pytest
import torch

from vqspeech.testing.encoders.subject import EncoderSubject
from vqspeech.testing.modules import require_close


@torch.no_grad()
def rows_alone(subject: EncoderSubject) -> None:
    """A row has the same latents alone and among others, in training mode too: no batch normalisation."""
    encoder = subject.started()
    waveform = subject.waveforms(3, subject.frames(encoder) * encoder.hop_samples)
    for training in (True, False):
        encoder.train(training)
        whole = encoder(waveform)
        for row in range(len(waveform)):
            mode = "training" if training else "evaluation"
            require_close(
                encoder(waveform[row : row + 1]), whole[row : row + 1], f"latents alone and in a batch, {mode} mode,"
            )


@torch.no_grad()
def padding(subject: EncoderSubject) -> None:
    """With `lengths`, a row padded with zeros has the latents of the row alone; a row of length 0 disturbs no other."""
    encoder = subject.started().eval()
    hop, frames = encoder.hop_samples, subject.frames(encoder)
    waveform = subject.waveforms(5, (frames + 5) * hop)
    lengths = torch.tensor([frames * hop, (frames // 2) * hop + hop // 2, max(1, hop // 3), 0, (frames + 5) * hop])
    waveform = waveform * (torch.arange(waveform.shape[1]) < lengths[:, None])
    padded = encoder(waveform, lengths)
    for row, length in enumerate(lengths.tolist()):
        if length:
            alone = encoder(waveform[row : row + 1, :length])
            kept = padded[row : row + 1, :, : alone.shape[2]]
            require_close(kept, alone, f"latents of {length} samples padded to {waveform.shape[1]} and alone")


@torch.no_grad()
def span(subject: EncoderSubject) -> None:
    """A sample outside the `span` of a latent changes nothing of it."""
    encoder = subject.started().eval()
    if encoder.span is None:
        pytest.skip("a latent may depend on the whole utterance (span is None)")
    hop, frames, reach = encoder.hop_samples, subject.frames(encoder), encoder.span
    samples = torch.arange(frames * hop)
    waveform, other = subject.waveforms(1, len(samples)), subject.waveforms(1, len(samples), seed=50)
    wanted = encoder(waveform)[0]
    for frame in (0, frames // 2, frames - 1):
        inside = (samples >= frame * hop - reach.before) & (samples < frame * hop + reach.after)
        changed = encoder(torch.where(inside, waveform, other))[0]
        require_close(
            changed[:, frame], wanted[:, frame], f"latents at frame {frame} when samples outside the span change"
        )


@torch.no_grad()
def stretches(subject: EncoderSubject) -> None:
    """A stretch cut at a multiple of the hop has the latents of the utterance, where their spans lie inside it."""
    encoder = subject.started().eval()
    if encoder.span is None:
        pytest.skip("a latent may depend on the whole utterance (span is None)")
    hop = encoder.hop_samples
    before, after = -(-encoder.span.before // hop), max(0, -(-(encoder.span.after - hop) // hop))
    frames = before + after + 9
    waveform = subject.waveforms(1, frames * hop)
    whole = encoder(waveform)
    for start, stop in ((0, frames - 3), (3, frames), (2, frames - 2)):
        first, last = start + before if start else 0, stop - after if stop < frames else frames
        part = encoder(waveform[:, start * hop : stop * hop])[:, :, first - start : last - start]
        require_close(part, whole[:, :, first:last], f"latents of frames {start} to {stop} cut out and of the whole")


CHECKS = (rows_alone, padding, span, stretches)
