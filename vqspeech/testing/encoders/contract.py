"""Attributes, shapes, silence, gradients, reduced precision, and construction without a network."""

from __future__ import annotations

import copy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from vqspeech.nn.encoders.protocol import Span
from vqspeech.testing.encoders.subject import EncoderSubject
from vqspeech.testing.modules import relative_error, require_gradients


def attributes(subject: EncoderSubject) -> None:
    """`dim` and `hop_samples` are positive integers; `span` is None or a `Span` of that hop, at least one sample."""
    encoder = subject.fresh()
    for name in ("dim", "hop_samples"):
        value = getattr(encoder, name, None)
        assert isinstance(value, int) and value >= 1, f"{name} is {value!r}, not a positive integer"
    span = encoder.span
    if span is not None:
        assert isinstance(span, Span), f"span is {span!r}, neither None nor a Span"
        assert span.hop == encoder.hop_samples, f"span.hop is {span.hop}, hop_samples {encoder.hop_samples}"
        assert span.receptive_field >= 1, f"span holds {span.receptive_field} samples"


def shapes(subject: EncoderSubject) -> None:
    """Latents are (batch, dim, ceil(time / hop_samples)) for any time, one sample included, and finite."""
    encoder = subject.started()
    hop = encoder.hop_samples
    for batch, samples in ((2, 6 * hop), (1, 6 * hop + 1), (3, 6 * hop - 1), (2, hop), (1, 1)):
        latents = encoder(subject.waveforms(batch, samples))
        wanted = (batch, encoder.dim, -(-samples // hop))
        assert tuple(latents.shape) == wanted, (
            f"latents of {samples} samples have shape {tuple(latents.shape)}, "
            f"not (batch, dim, ceil(time / hop_samples)) = {wanted}"
        )
        assert latents.is_floating_point(), f"latents are {latents.dtype}"
        assert torch.isfinite(latents).all(), f"latents of {samples} samples are not finite"


def empty_batch(subject: EncoderSubject) -> None:
    """A batch without rows has latents (0, dim, frames), with and without lengths."""
    encoder = subject.started()
    waveform = torch.zeros(0, 3 * encoder.hop_samples)
    for lengths in (None, torch.zeros(0, dtype=torch.int64)):
        try:
            shape = tuple(encoder(waveform, lengths).shape)
        except (RuntimeError, ValueError, IndexError) as error:
            raise AssertionError(f"an empty batch fails: {error}") from error
        assert shape == (0, encoder.dim, 3), f"latents of no rows have shape {shape}, not {(0, encoder.dim, 3)}"


def silence(subject: EncoderSubject) -> None:
    """Digital silence has finite latents and gives finite gradients."""
    encoder = subject.started()
    latents = encoder(torch.zeros(2, 6 * encoder.hop_samples))
    assert torch.isfinite(latents).all(), "latents of silence are not finite"
    if latents.requires_grad:
        latents.square().sum().backward()
        for name, parameter in encoder.named_parameters():
            if parameter.grad is not None:
                assert torch.isfinite(parameter.grad).all(), f"on silence the gradient of {name} is not finite"


def gradient(subject: EncoderSubject) -> None:
    """The gradient of latents reaches every row of the waveform and is finite; skipped with a frozen front end."""
    encoder = subject.started()
    waveform = subject.waveforms(2, subject.frames(encoder) * encoder.hop_samples).requires_grad_()
    latents = encoder(waveform)
    if latents.requires_grad:
        (latents * torch.linspace(-1, 1, latents[0].numel()).view_as(latents[0])).sum().backward()
    if waveform.grad is None:
        trained = any(parameter.requires_grad for parameter in encoder.parameters())
        assert latents.requires_grad or not trained, "latents have no gradient at all, although parameters are trained"
        pytest.skip("has a front end without gradients")
    assert torch.isfinite(waveform.grad).all(), "the gradient at the waveform is not finite"
    assert (waveform.grad != 0).any(1).all(), "a row of the waveform gets no gradient"


def learning(subject: EncoderSubject) -> None:
    """Every parameter that is trained gets a finite gradient from the latents."""
    encoder = subject.started()
    if not any(parameter.requires_grad for parameter in encoder.parameters()):
        pytest.skip("has no parameters that are trained")
    latents = encoder(subject.waveforms(2, subject.frames(encoder) * encoder.hop_samples))
    assert latents.requires_grad, "latents have no gradient"
    (latents * torch.linspace(-1, 1, latents[0].numel()).view_as(latents[0])).sum().backward()
    require_gradients(encoder.named_parameters(), "the sum of the latents")


def reduced_precision(subject: EncoderSubject) -> None:
    """Under autocast, and cast to bfloat16, latents are finite and near those in 32 bits.

    On some CPUs PyTorch gives wrong results for strided convolutions in bfloat16 over 8 to 24 channels
    (github.com/pytorch/pytorch/issues/169688); check encoders with more channels, or none, there.
    """
    encoder = subject.started().eval()
    waveform = subject.waveforms(2, subject.frames(encoder) * encoder.hop_samples)
    wanted = encoder(waveform)
    with torch.autocast("cpu", torch.bfloat16):
        low = encoder(waveform)
    try:
        cast = copy.deepcopy(encoder).to(torch.bfloat16)(waveform.bfloat16())
    except RuntimeError as error:
        raise AssertionError(f"fails when cast to bfloat16 (is a tensor no buffer?): {error}") from error
    for how, latents in (("under autocast", low), ("cast to bfloat16", cast)):
        assert torch.isfinite(latents).all(), f"{how} latents are not finite"
        distance = relative_error(latents, wanted)
        assert distance < 0.25, f"{how} latents are {distance:.0%} away from those in 32 bits"


def builds_offline(subject: EncoderSubject) -> None:
    """The factory opens no connection: pretrained weights come in `load_pretrained`, or are an `InputError`."""
    with _no_network():
        subject.built()


@contextmanager
def _no_network() -> Iterator[None]:
    plain = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"the factory connects to {address}; load weights in load_pretrained")

    socket.socket.connect = refuse  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        socket.socket.connect = plain  # type: ignore[method-assign]


CHECKS = (
    attributes,
    shapes,
    empty_batch,
    silence,
    gradient,
    learning,
    reduced_precision,
    builds_offline,
)
