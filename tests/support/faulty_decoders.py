"""Decoders with one fault each, which the check of that fault must find."""

from __future__ import annotations

from dataclasses import replace

import torch
from sound_decoder import Sound, SoundStream
from torch import nn
from torch.nn import functional as F

from vqspeech.nn.decoders.protocol import MAIN, Piece


class SharedParameters(Sound):
    def parameter_groups(self):
        return {"adversary": list(self.adversary.parameters()), "second": [self.adversary.bias]}


class HalfRate(Sound):
    def __init__(self, latents, *, channels=8):
        super().__init__(latents, channels=channels)
        self.sample_rate //= 2


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
    asked = 1

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


class NarrowMargin(Sound):
    def stream(self, speaker, options):
        stream = super().stream(speaker, options)
        stream.margin = 0
        return stream


class BeginsAgain(Sound):
    def stream(self, speaker, options):
        class Restarts(SoundStream):
            def noise(self, start, stop):
                return super().noise(0, stop - start)

        return Restarts(self, speaker, options)


class WithMargin(Sound):
    def stream(self, speaker, options):
        class Whole(SoundStream):
            def next(self, stretch):
                return super().next(replace(stretch, first=stretch.start))

        return Whole(self, speaker, options)
