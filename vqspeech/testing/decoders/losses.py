"""Losses: their terms, whom they train, how they divide over the rows of a batch, reduced precision."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.decoders.protocol import MAIN, Decoder
from vqspeech.testing.decoders.subject import FRAMES, DecoderSubject, groups, training_only
from vqspeech.testing.modules import generator, require_gradients


def attributes(subject: DecoderSubject) -> None:
    """A latent lasts as long as in the encoder; parameter groups are disjoint, none called ``"main"``."""
    decoder = subject.fresh()
    for name in ("sample_rate", "hop_samples"):
        value = getattr(decoder, name, None)
        assert isinstance(value, int) and value >= 1, f"{name} is {value!r}, not a positive integer"
    duration_s, wanted_s = decoder.hop_samples / decoder.sample_rate, subject.hop_samples / subject.sample_rate
    assert abs(duration_s - wanted_s) < 1e-9, (
        f"a latent becomes {decoder.hop_samples} samples at {decoder.sample_rate} Hz, {duration_s:.4g} s; "
        f"it lasts {wanted_s:.4g} s"
    )
    apart, known = decoder.parameter_groups(), {id(parameter) for parameter in decoder.parameters()}
    assert MAIN not in apart, "a parameter group is called 'main', which is what no other group names"
    assert list(apart) == list(subject.fresh(1).parameter_groups()), "two decoders have other parameter groups"
    seen: set[int] = set()
    for group, parameters in apart.items():
        assert parameters, f"the parameter group {group!r} is empty"
        own = {id(parameter) for parameter in parameters}
        assert own <= known, f"the group {group!r} holds parameters that are not the decoder's"
        assert not own & seen, f"the group {group!r} shares parameters with another group"
        seen |= own
    for matrix in decoder.hidden_matrices():
        assert matrix.ndim >= 2, f"a hidden matrix has shape {tuple(matrix.shape)}"
        assert id(matrix) in known - seen, "a hidden matrix is no parameter of the main group"


def terms(subject: DecoderSubject) -> None:
    """The losses of each group are named finite scalars with gradients; those of ``"main"`` include `criterion`."""
    decoder = subject.started()
    z_q, batch = subject.batch()
    for group in groups(decoder):
        named = decoder.losses(z_q, batch, generator(), group=group)
        assert named, f"the group {group!r} has no losses"
        for name, term in named.items():
            assert term.ndim == 0 and torch.isfinite(term), f"the loss {name!r} is {term}, not a finite scalar"
            assert term.requires_grad, f"the loss {name!r} of the group {group!r} has no gradient"
    criterion(decoder, z_q, batch)


def group_gradients(subject: DecoderSubject) -> None:
    """The loss of a group reaches all of its parameters and no others; that of ``"main"`` reaches all latents."""
    decoder = subject.started()
    z_q, batch = subject.batch()
    for group, parameters in groups(decoder).items():
        decoder.zero_grad()
        z = z_q.clone().requires_grad_(group == MAIN)
        with training_only(decoder, group):
            flags = [parameter.requires_grad for parameter in decoder.parameters()]
            total(decoder.losses(z, batch, generator(), group=group)).backward()
            after = [parameter.requires_grad for parameter in decoder.parameters()]
            assert after == flags, f"the losses of {group!r} switch requires_grad, which the Trainer sets"
            own = {id(parameter) for parameter in parameters}
            require_gradients(
                [(name, p) for name, p in decoder.named_parameters() if id(p) in own], f"the loss of {group!r}"
            )
        strays = [name for name, p in decoder.named_parameters() if id(p) not in own and p.grad is not None]
        assert not strays, f"the loss of {group!r} gives {', '.join(strays[:3])} of another group a gradient"
        if group == MAIN:
            assert z.grad is not None and torch.isfinite(z.grad).all(), "the latents get no finite gradient"
            assert (z.grad != 0).flatten(1).any(1).all(), "a row of the latents gets no gradient"


@torch.no_grad()
def shares(subject: DecoderSubject) -> None:
    """The terms of two shares sum to those of the whole batch, with noise and without.

    Divide by what ``batch.share`` counts, and draw noise for all rows of the global batch.
    """
    decoder = subject.started()
    z_q, batch = subject.batch()
    for training in (True, False):
        decoder.train(training)
        for group in groups(decoder):
            whole, one, two = (
                _losses(decoder, *part, group, training)
                for part in ((z_q, batch), subject.share(z_q, batch, 0, 2), subject.share(z_q, batch, 1, 2))
            )
            assert whole.keys() == one.keys() == two.keys(), f"shares have other terms: {list(one)}, {list(whole)}"
            for name, term in whole.items():
                given = one[name] + two[name]
                assert torch.isclose(given, term, rtol=1e-3, atol=1e-5), (
                    f"the loss {name!r} of two shares sums to {given:.5g}, of the whole batch it is {term:.5g}"
                )


@torch.no_grad()
def padding(subject: DecoderSubject) -> None:
    """Padding dilutes no term: crops padded to twice the time have the same losses within 5 %."""
    decoder = subject.started().eval()
    for group in groups(decoder):
        plain = _losses(decoder, *subject.batch(), group, False)
        padded = _losses(decoder, *subject.batch(frames=2 * FRAMES), group, False)
        for name, term in plain.items():
            assert torch.isclose(padded[name], term, rtol=0.05, atol=1e-4), (
                f"the loss {name!r} is {term:.4g}, with crops padded to twice the time {padded[name]:.4g}"
            )


def short_crops(subject: DecoderSubject) -> None:
    """Crops that end after one sample, before their windows, have finite losses and gradients."""
    decoder = subject.started()
    z_q, batch = subject.batch()
    first = torch.arange(batch.waveform.shape[1]) < 1
    batch = batch._replace(waveform=batch.waveform * first, lengths=torch.ones_like(batch.lengths))
    for group, parameters in groups(decoder).items():
        decoder.zero_grad()
        named = decoder.losses(z_q * (torch.arange(FRAMES) < 1), batch, generator(), group=group)
        for name, term in named.items():
            assert torch.isfinite(term), f"the loss {name!r} of crops of one sample is {term}"
        total(named).backward()
        for parameter in parameters:
            assert parameter.grad is None or torch.isfinite(parameter.grad).all(), (
                f"the gradient of {group!r} is not finite on crops of one sample"
            )


@torch.no_grad()
def reduced_precision(subject: DecoderSubject) -> None:
    """Under autocast to bfloat16, and after a cast to float64, losses are within 10 % of those in 32 bits."""
    decoder = subject.started().eval()
    z_q, batch = subject.batch()
    for group in groups(decoder):
        wanted = _losses(decoder, z_q, batch, group, False)
        with torch.autocast("cpu", torch.bfloat16):
            low = _losses(decoder, z_q, batch, group, False)
        wide = batch._replace(waveform=batch.waveform.double())
        try:
            high = _losses(copy.deepcopy(decoder).double(), z_q.double(), wide, group, False)
        except RuntimeError as error:
            raise AssertionError(f"fails when cast to float64 (is a tensor no buffer?): {error}") from error
        for how, named in (("under autocast", low), ("cast to float64", high)):
            for name, term in named.items():
                assert torch.isclose(term.float(), wanted[name].float(), rtol=0.1, atol=1e-3), (
                    f"{how} the loss {name!r} is {term:.4g}, in 32 bits {wanted[name]:.4g}"
                )


def learns(subject: DecoderSubject) -> None:
    """A few steps on one batch lower `criterion`."""
    decoder = subject.started()
    z_q, batch = subject.batch()
    before = criterion(decoder, z_q, batch)
    train(subject, decoder, steps=30)
    after = criterion(decoder, z_q, batch)
    assert after < before, f"{decoder.criterion!r} rises from {before:.4g} to {after:.4g} in 30 steps; lower is better"


def train(subject: DecoderSubject, decoder: Decoder, steps: int) -> None:
    """Steps on one batch as the Trainer takes them, group after group."""
    z_q, batch = subject.batch()
    optimisers = {group: torch.optim.Adam(own, lr=3e-3) for group, own in groups(decoder).items() if own}
    for step in range(steps):
        for group, optimiser in optimisers.items():
            with training_only(decoder, group):
                optimiser.zero_grad()
                total(decoder.losses(z_q, batch, generator(step), group=group)).backward()
                optimiser.step()


def criterion(decoder: Decoder, z_q: Tensor, batch: SpeechBatch) -> float:
    """The term that checkpoints are compared by."""
    named = decoder.losses(z_q, batch)
    assert decoder.criterion in named, f"criterion {decoder.criterion!r} is none of the losses {', '.join(named)}"
    return float(named[decoder.criterion].detach())


def total(named: dict[str, Tensor]) -> Tensor:
    """The sum of losses that is minimised."""
    return torch.stack([term.float() for term in named.values()]).sum()


def _losses(decoder: Decoder, z_q: Tensor, batch: SpeechBatch, group: str, training: bool) -> dict[str, Tensor]:
    return decoder.losses(z_q, batch, generator(3) if training else None, group=group)


CHECKS = (
    attributes,
    terms,
    group_gradients,
    shares,
    padding,
    short_crops,
    reduced_precision,
    learns,
)
