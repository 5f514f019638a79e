"""The checks of decoders: a sound decoder passes them all; one with a single fault fails the check meant for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vqspeech.errors import UnknownNameError
from vqspeech.nn.decoders.protocol import MAIN, Decoder, Piece
from vqspeech.nn.share import uniforms
from vqspeech.testing import decoder_checks
from vqspeech.testing.decoders import CHECKS
from vqspeech.testing.decoders.subject import DecoderSubject


class Sound(Decoder):
    """A waveform in one pass, with an adversary of its own; the faulty ones below differ from it in one point each."""

    criterion = "l1"

    def __init__(self, latents, *, channels=8):
        super().__init__()
        self.sample_rate, self.hop_samples = latents.sample_rate, latents.hop_samples
        self.expand = nn.ConvTranspose1d(latents.dim, channels, latents.hop_samples, latents.hop_samples)
        self.speaker = nn.Embedding(latents.speakers, channels) if latents.speakers else None
        self.output = nn.Conv1d(channels, 1, 9, padding=4)
        self.adversary = nn.Conv1d(1, 1, 16, 8)
        self.register_buffer("level", torch.ones(()))

    def parameter_groups(self):
        return {"adversary": list(self.adversary.parameters())}

    def hidden_matrices(self):
        return [self.output.weight]

    def start(self, batch, generator):
        self.level.copy_(batch.waveform.square().sum().div(batch.lengths.sum()).sqrt())

    def generate(self, z_q, speaker, noise=0.0):
        hidden = self.expand(z_q)
        if self.speaker is not None:
            hidden = hidden + self.speaker(speaker)[:, :, None]
        return torch.tanh(self.level * self.output(torch.tanh(hidden + noise)))[:, 0]

    def noise(self, z_q, batch, generator):
        if generator is None:
            return 0.0
        shape = (z_q.shape[0], 1, z_q.shape[2] * self.hop_samples)
        return uniforms(shape, batch.share, generator, z_q.device).to(z_q.dtype)

    def real(self, batch):
        time = torch.arange(batch.waveform.shape[1])
        start = batch.window_start * self.hop_samples
        stop = torch.minimum(start + batch.window_frames * self.hop_samples, batch.lengths)
        return (time >= start[:, None]) & (time < stop[:, None])

    def samples(self, batch, real):
        return max(1, int(real.sum()) if batch.share is None else batch.share.samples)

    def rows(self, batch):
        return max(1, len(batch.waveform) if batch.share is None else batch.share.rows)

    def windows(self, waveform, batch):
        time = torch.arange(batch.window_frames * self.hop_samples)
        return waveform.gather(1, batch.window_start[:, None] * self.hop_samples + time)[:, None]

    def losses(self, z_q, batch, generator=None, *, group=MAIN):
        waveform = self.generate(z_q, batch.speaker, self.noise(z_q, batch, generator))
        if group == MAIN:
            real = self.real(batch)
            error = ((waveform - batch.waveform).abs() * real).sum() / self.samples(batch, real)
            fooled = self.scores(waveform, batch).sub(1).square().mean((1, 2)).sum() / self.rows(batch)
            return {"l1": error, "fooled": 0.1 * fooled}
        return {"adversary": self.judged(waveform, batch)}

    def scores(self, waveform, batch):
        return self.adversary(self.windows(waveform, batch))

    def judged(self, waveform, batch):
        right = self.scores(batch.waveform, batch).sub(1).square().mean((1, 2))
        wrong = self.scores(waveform.detach(), batch).square().mean((1, 2))
        return (right + wrong).sum() / self.rows(batch)

    @torch.no_grad()
    def speak(self, latents, speakers, lengths, options):
        streams = options.streams or range(len(latents))
        done = 0
        for number, (frames, speaker, length) in enumerate(zip(latents, speakers, lengths, strict=True)):
            z_q = frames[0 : len(frames)][None]
            index = None if speaker is None else torch.tensor([speaker])
            noise = torch.rand(1, 1, z_q.shape[2] * self.hop_samples, generator=self.draws(options, streams[number]))
            waveform = self.generate(z_q, index, options.temperature * noise)[0]
            waveform = self.rounded(waveform)[:length].numpy()
            for start in range(0, length, 500):
                piece = waveform[start : start + 500]
                done += len(piece)
                if options.progress is not None:
                    self.tell(options.progress, done, sum(lengths))
                yield self.piece(number, piece, start + 500 >= length)

    def draws(self, options, stream):
        return torch.Generator().manual_seed(options.seed * 1000 + stream)

    def rounded(self, waveform):
        return waveform.float()

    def tell(self, progress, done, every):
        progress(done, every)

    def piece(self, number, samples, last):
        return Piece(number, samples, last)


class SharedParameters(Sound):
    def parameter_groups(self):
        return {"adversary": list(self.adversary.parameters()), "second": [self.adversary.bias]}


class CalledMain(Sound):
    def parameter_groups(self):
        return {"main": list(self.adversary.parameters())}


class AnotherCriterion(Sound):
    criterion = "nll"


class DetachedTerm(Sound):
    def losses(self, z_q, batch, generator=None, *, group=MAIN):
        named = super().losses(z_q, batch, generator, group=group)
        return {name: term.detach() if name == "fooled" else term for name, term in named.items()}


class SwitchesGradients(Sound):
    def judged(self, waveform, batch):
        self.adversary.requires_grad_(True)
        self.output.requires_grad_(True)
        return super().judged(waveform, batch)


class DetachedLatents(Sound):
    def generate(self, z_q, speaker, noise=0.0):
        return super().generate(z_q.detach(), speaker, noise)


class IdleParameter(Sound):
    def __init__(self, latents, *, channels=8):
        super().__init__(latents, channels=channels)
        self.idle = nn.Parameter(torch.zeros(3))


class MeanOfShare(Sound):
    def samples(self, batch, real):
        return max(1, int(real.sum()))


class NoiseOfShare(Sound):
    def noise(self, z_q, batch, generator):
        return super().noise(z_q, batch._replace(share=None), generator)


class CountsPadding(Sound):
    def samples(self, batch, real):
        return super().samples(batch, real) * batch.waveform.shape[1] / (24 * self.hop_samples)


class DividesByNothing(Sound):
    def samples(self, batch, real):
        return real.sum() if batch.share is None else super().samples(batch, real)


class PlainTensor(Sound):
    def __init__(self, latents, *, channels=8):
        super().__init__(latents, channels=channels)
        self.kernel = torch.ones(1, 1, 1)

    def scores(self, waveform, batch):
        return self.adversary(F.conv1d(self.windows(waveform, batch), self.kernel))


class CancelsInHalf(Sound):
    def scores(self, waveform, batch):
        return super().scores(waveform, batch) + 300 - 300


class HigherIsBetter(Sound):
    criterion = "similarity"

    def losses(self, z_q, batch, generator=None, *, group=MAIN):
        named = super().losses(z_q, batch, generator, group=group)
        part = len(batch.waveform) / self.rows(batch)
        return named if group != MAIN else {**named, "similarity": 0.1 * (part - named["l1"])}


class FollowsLevel(Sound):
    def scores(self, waveform, batch):
        if not self.training:
            self.level.mul_(1 + 1e-6)
        return super().scores(waveform, batch)


class CountsCalls(Sound):
    calls = 0

    def scores(self, waveform, batch):
        self.calls += 1
        return super().scores(waveform, batch) * (1 + 1e-6 * self.calls)


class Dropout(Sound):
    def noise(self, z_q, batch, generator):
        if self.training:
            torch.rand(1)
        return super().noise(z_q, batch, generator)


class RandomStart(Sound):
    def start(self, batch, generator):
        super().start(batch, generator)
        self.level.mul_(1 + 1e-3 * torch.rand(()))


class ForgetsLevel(Sound):
    def __init__(self, latents, *, channels=8):
        super().__init__(latents, channels=channels)
        del self.level
        self.register_buffer("level", torch.ones(()), persistent=False)


class OneVoice(Sound):
    def generate(self, z_q, speaker, noise=0.0):
        return super().generate(z_q, None if speaker is None else speaker * 0 + self.speaker.num_embeddings - 1, noise)


class NeedsSpeakers(Sound):
    def losses(self, z_q, batch, generator=None, *, group=MAIN):
        return super().losses(
            z_q, batch._replace(speaker=batch.speaker % self.speaker.num_embeddings), generator, group=group
        )


class StartOfItsOwn(Sound):
    def start(self, batch, generator):
        ranks = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        rows = slice(torch.distributed.get_rank() if ranks > 1 else 0, None, ranks)
        super().start(batch._replace(waveform=batch.waveform[rows], lengths=batch.lengths[rows]), generator)


class MeanOverProcesses(Sound):
    def samples(self, batch, real):
        processes = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
        return super().samples(batch, real) * processes


class TooLong(Sound):
    def piece(self, number, samples, last):
        return Piece(number, samples if number else samples.repeat(2), last)


class NeverLast(Sound):
    def piece(self, number, samples, last):
        return Piece(number, samples, False)


class Doubles(Sound):
    def rounded(self, waveform):
        return waveform.double()


class Loud(Sound):
    def rounded(self, waveform):
        return 20 * waveform.float()


class IndexesFrames(Sound):
    def speak(self, latents, speakers, lengths, options):
        assert latents[0][0] is not None
        yield from super().speak(latents, speakers, lengths, options)


class OneStream(Sound):
    def speak(self, latents, speakers, lengths, options):
        self.asked = len(latents)
        yield from super().speak(latents, speakers, lengths, options)

    def draws(self, options, stream):
        return super().draws(options, stream + 10 * self.asked)


class OtherEveryTime(Sound):
    def speak(self, latents, speakers, lengths, options):
        self.calls = getattr(self, "calls", 0) + 1
        yield from super().speak(latents, speakers, lengths, options)

    def rounded(self, waveform):
        return waveform.float() * (1 - 1e-6 * self.calls)


class IgnoresTemperature(Sound):
    def generate(self, z_q, speaker, noise=0.0):
        return super().generate(z_q, speaker, noise if torch.is_grad_enabled() else noise + self.always)

    def draws(self, options, stream):
        self.always = 0.01 * torch.rand((), generator=super().draws(options, stream))
        return super().draws(options, stream)

    def noise(self, z_q, batch, generator):
        self.always = 0.0
        return super().noise(z_q, batch, generator)


class StaysInEvaluation(Sound):
    def speak(self, latents, speakers, lengths, options):
        self.eval()
        yield from super().speak(latents, speakers, lengths, options)


class GlobalDraws(Sound):
    def draws(self, options, stream):
        torch.rand(1)
        return super().draws(options, stream)


class SilentProgress(Sound):
    def tell(self, progress, done, every):
        pass


class ProgressOfPieces(Sound):
    def tell(self, progress, done, every):
        progress(500, every)


class EmbedsNone(Sound):
    def speak(self, latents, speakers, lengths, options):
        yield from super().speak(latents, [int(speaker) for speaker in speakers], lengths, options)


FAULTS = {
    "attributes": [(SharedParameters, "shares parameters"), (CalledMain, "called 'main'")],
    "terms": [(AnotherCriterion, "none of the losses"), (DetachedTerm, "'fooled' of the group 'main' has no gradient")],
    "group_gradients": [
        (SwitchesGradients, "switch requires_grad"),
        (DetachedLatents, "no finite gradient"),
        (IdleParameter, "the parameter idle no gradient"),
    ],
    "shares": [(MeanOfShare, "'l1' of two shares"), (NoiseOfShare, "of two shares sums to")],
    "padding": [(CountsPadding, "padded to twice the time")],
    "short_crops": [(DividesByNothing, "of one sample is nan")],
    "reduced_precision": [(PlainTensor, "fails when cast"), (CancelsInHalf, "under autocast")],
    "learns": [(HigherIsBetter, "lower is better")],
    "evaluation_changes_nothing": [
        (FollowsLevel, "evaluation changes level"),
        (CountsCalls, "another the second time"),
    ],
    "training_noise": [(Dropout, "global random state")],
    "same_start": [(RandomStart, "global random state")],
    "state_round_trip": [(ForgetsLevel, "some state is not in state_dict")],
    "speakers_matter": [(OneVoice, "does not depend on the speaker"), (NeedsSpeakers, "without speakers fail")],
    "two_processes": [(StartOfItsOwn, "ranks differ in level"), (MeanOverProcesses, "summed over two")],
    "pieces": [
        (TooLong, "asked for"),
        (NeverLast, "marked as its last"),
        (Doubles, "not a float32 array"),
        (Loud, "outside"),
        (IndexesFrames, "gives stretches"),
    ],
    "alone_and_among_others": [(OneStream, "alone differs")],
    "seeds": [(OtherEveryTime, "other speech"), (IgnoresTemperature, "at temperature 0")],
    "speaking_changes_nothing": [(StaysInEvaluation, "another mode"), (GlobalDraws, "global random state")],
    "progress": [(SilentProgress, "never called"), (ProgressOfPieces, "progress goes through")],
    "without_speakers": [(EmbedsNone, "without speakers fails")],
}

ALSO = {
    CalledMain: {"learns"},
    AnotherCriterion: {"learns", "speakers_matter"},
    DetachedLatents: {"learns"},
    TooLong: {"alone_and_among_others", "progress", "without_speakers"},
    IndexesFrames: {check.__name__ for check in CHECKS},
}
"""Further checks that a fault fails by its nature."""


@decoder_checks(Sound)
def test_a_sound_decoder_passes(check):
    check()


def test_every_check_has_a_fault_that_it_finds():
    assert [check.__name__ for check in CHECKS] == list(FAULTS)


CASES = [pytest.param(name, *case, id=f"{name}-{case[0].__name__}") for name, cases in FAULTS.items() for case in cases]


@pytest.mark.parametrize(("name", "faulty", "message"), CASES)
def test_a_faulty_decoder_fails_the_check_meant_for_it(name, faulty, message, monkeypatch):
    monkeypatch.setattr("vqspeech.testing.two_processes.LIMIT_S", 8.0)
    (check,) = (check for check in CHECKS if check.__name__ == name)
    with pytest.raises(AssertionError, match=message):
        check(DecoderSubject(faulty))


@pytest.mark.parametrize(("name", "faulty", "message"), CASES)
def test_a_faulty_decoder_fails_no_other_check(name, faulty, message):
    for check in CHECKS:
        if check.__name__ not in {name, "two_processes"} | ALSO.get(faulty, set()):
            try:
                check(DecoderSubject(faulty))
            except AssertionError as error:
                raise AssertionError(f"{faulty.__name__} also fails {check.__name__}: {error}") from error


def test_an_expected_failure_of_no_check_is_an_error():
    with pytest.raises(UnknownNameError, match=r"unknown check 'piece'.*Did you mean 'pieces'"):
        decoder_checks(Sound, expected_failures={"piece": "because"})
