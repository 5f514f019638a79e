"""The checks of encoders: a sound one passes them all, one with a fault fails the check of that fault."""

from __future__ import annotations

import contextlib
import socket

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vqspeech.errors import InputError, UnknownNameError
from vqspeech.nn.encoders.protocol import Encoder, Span
from vqspeech.testing import encoder_checks
from vqspeech.testing.encoders import CHECKS
from vqspeech.testing.encoders.subject import EncoderSubject


class Sound(Encoder):
    """Two strided convolutions over a standardised waveform; each faulty encoder differs from it in one point."""

    def __init__(self, sample_rate, *, channels=12, dim=6):
        super().__init__()
        self.dim, self.hop_samples = dim, 16
        self.down = nn.ModuleList([nn.Conv1d(1, channels, 8, 4), nn.Conv1d(channels, channels, 8, 4)])
        self.head = nn.Linear(channels, dim)
        self.register_buffer("level", torch.ones(()))

    @property
    def span(self):
        return Span(before=2 + 2 * 4, after=6 + 6 * 4, hop=16)

    def start(self, batch, generator):
        self.level.copy_(batch.waveform.square().sum().div(batch.lengths.sum()).sqrt())

    def normalise(self, waveform):
        return waveform / self.level

    def cut(self, hidden, ends):
        return hidden if ends is None else hidden * (torch.arange(hidden.shape[-1]) < ends[:, None])[:, None]

    def forward(self, waveform, lengths=None):
        hidden = F.pad(self.normalise(waveform), (0, -waveform.shape[-1] % 16))[:, None]
        ends = None if lengths is None else -(-lengths // 16) * 16
        for layer in self.down:
            ends = None if ends is None else ends // 4
            hidden = self.cut(torch.tanh(layer(F.pad(hidden, (2, 2)))), ends)
        return self.head(hidden.mT).mT


class OtherHop(Sound):
    @property
    def span(self):
        return Span(before=10, after=30, hop=8)


class WholeFramesOnly(Sound):
    def forward(self, waveform, lengths=None):
        latents = super().forward(waveform, lengths)
        return latents[..., : max(1, waveform.shape[-1] // 16)]


class LoudestSample(Sound):
    def normalise(self, waveform):
        return super().normalise(waveform).clamp(max=waveform.max().item() + 9)


class DividesBySilence(Sound):
    def normalise(self, waveform):
        return waveform / waveform.square().sum(1, keepdim=True).sqrt()

    @property
    def span(self):
        return None


class DetachedRow(Sound):
    def normalise(self, waveform):
        return super().normalise(torch.cat([waveform[:1].detach(), waveform[1:]]))


class IdleParameter(Sound):
    def __init__(self, sample_rate, **options):
        super().__init__(sample_rate, **options)
        self.idle = nn.Parameter(torch.zeros(3))


class PlainTensor(Sound):
    def __init__(self, sample_rate, **options):
        super().__init__(sample_rate, **options)
        self.kernel = torch.ones(1, 1, 1)

    def normalise(self, waveform):
        return F.conv1d(super().normalise(waveform)[:, None], self.kernel)[:, 0]


class CancelsInHalf(Sound):
    def forward(self, waveform, lengths=None):
        return super().forward(waveform, lengths) + 300 - 300


class Downloads(Sound):
    def __init__(self, sample_rate, **options):
        super().__init__(sample_rate, **options)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.settimeout(0.01)
            one.connect(("127.0.0.1", 9))


class BatchNormalised(Sound):
    def normalise(self, waveform):
        return (
            waveform / waveform.square().mean().sqrt().clamp_min(1e-3) if self.training else super().normalise(waveform)
        )


class IgnoresLengths(Sound):
    def cut(self, hidden, ends):
        return hidden


class ShortSpan(Sound):
    @property
    def span(self):
        return Span(before=4, after=20, hop=16)


class Positions(Sound):
    def forward(self, waveform, lengths=None):
        latents = super().forward(waveform, lengths)
        return latents + torch.arange(latents.shape[-1])


class Dropout(Sound):
    def normalise(self, waveform):
        return F.dropout(super().normalise(waveform), 0.1, self.training)


class FollowsLevel(Sound):
    def normalise(self, waveform):
        with torch.no_grad():
            self.level.mul_(1 - 1e-6).add_(1e-6 * waveform.square().mean().sqrt())
        return super().normalise(waveform)


class CountsCalls(Sound):
    calls = 0

    def normalise(self, waveform):
        self.calls += 1
        return super().normalise(waveform) * (1 + 1e-6 * self.calls)


class RandomStart(Sound):
    def start(self, batch, generator):
        super().start(batch, generator)
        self.level.mul_(1 + torch.rand(()))


class ForgetsLevel(Sound):
    def __init__(self, sample_rate, **options):
        super().__init__(sample_rate, **options)
        del self.level
        self.register_buffer("level", torch.ones(()), persistent=False)


class StartOfItsOwn(Sound):
    def start(self, batch, generator):
        ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        rank = torch.distributed.get_rank() if ranks > 1 else 0
        rows = slice(rank, None, ranks)
        super().start(batch._replace(waveform=batch.waveform[rows], lengths=batch.lengths[rows]), generator)


class SumsLatents(Sound):
    def forward(self, waveform, lengths=None):
        latents = super().forward(waveform, lengths)
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(latents)
        return latents


FAULTS = {
    "attributes": [(OtherHop, "span.hop is 8")],
    "shapes": [(WholeFramesOnly, "have shape")],
    "empty_batch": [(LoudestSample, "an empty batch fails")],
    "silence": [(DividesBySilence, "latents of silence are not finite")],
    "gradient": [(DetachedRow, "a row of the waveform gets no gradient")],
    "learning": [(IdleParameter, "the parameter idle no gradient")],
    "reduced_precision": [(PlainTensor, "fails when cast"), (CancelsInHalf, "under autocast")],
    "builds_offline": [(Downloads, "the factory connects to")],
    "rows_alone": [(BatchNormalised, "training mode")],
    "padding": [(IgnoresLengths, "padded to")],
    "span": [(ShortSpan, "samples outside the span")],
    "stretches": [(Positions, "cut out")],
    "no_hidden_state": [
        (Dropout, "global random state"),
        (FollowsLevel, "encoding in training mode changes level"),
        (CountsCalls, "other latents the second time"),
    ],
    "same_start": [(RandomStart, "global random state")],
    "state_round_trip": [(ForgetsLevel, "some state is not in state_dict")],
    "two_processes": [(StartOfItsOwn, "ranks differ in level"), (SumsLatents, "in process 0 of two|a process failed")],
}


@encoder_checks(Sound)
def test_a_sound_encoder_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


ALSO = {Dropout: {"rows_alone"}}
"""Further checks that a fault fails by its nature."""

CASES = [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases]


@pytest.mark.parametrize(("name", "faulty", "message"), CASES)
def test_a_faulty_encoder_fails_the_check_meant_for_it(name, faulty, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(EncoderSubject(faulty))


@pytest.mark.parametrize(("name", "faulty", "message"), CASES)
def test_a_faulty_encoder_fails_no_other_check(name, faulty, message):
    for check in CHECKS:
        if check.__name__ not in {name, "two_processes"} | ALSO.get(faulty, set()):
            try:
                check(EncoderSubject(faulty))
            except AssertionError as error:
                raise AssertionError(f"{faulty.__name__} also fails {check.__name__}: {error}") from error
            except pytest.skip.Exception:
                pass


class WithoutWeights(Sound):
    def load_pretrained(self):
        raise InputError("the weights of 'tiny' are not in the cache")


def test_an_encoder_whose_weights_are_not_available_is_skipped():
    with pytest.raises(pytest.skip.Exception, match="weights of 'tiny'"):
        EncoderSubject(WithoutWeights).started()


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'spam'.*Did you mean 'span'"):
        encoder_checks(Sound, expected_failures={"spam": "because"})
