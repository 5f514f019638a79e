"""A plain decoder that keeps the contract."""

from __future__ import annotations

import torch
from torch import nn

from vqspeech.nn.decoders.protocol import MAIN, Decoder, DecoderStream, Piece
from vqspeech.nn.share import uniforms


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

    def stream(self, speaker, options):
        return SoundStream(self, speaker, options)


class SoundStream(DecoderStream):
    """An utterance of `Sound`, whose filter reads the samples of one latent on either side."""

    margin = 1

    def __init__(self, decoder, speaker, options):
        self.decoder, self.temperature = decoder, options.temperature
        self.speaker = None if speaker is None else torch.tensor([speaker])
        self.draws = decoder.draws(options, (options.streams or (0,))[0])
        self.drawn = torch.zeros(1, 1, 0)

    def noise(self, start, stop):
        """Draw on to the sample `stop`, and return those from `start`."""
        more = torch.rand(1, 1, max(0, stop - self.drawn.shape[2]), generator=self.draws)
        self.drawn = torch.cat([self.drawn, more], 2)
        return self.drawn[:, :, start:stop]

    @torch.no_grad()
    def next(self, stretch):
        hop, z_q = self.decoder.hop_samples, stretch.latents[None]
        noise = self.noise(stretch.start * hop, (stretch.start + z_q.shape[2]) * hop)
        waveform = self.decoder.generate(z_q, self.speaker, self.temperature * noise)[0]
        return waveform[(stretch.first - stretch.start) * hop : (stretch.last - stretch.start) * hop].numpy()
