"""Write a decoder: define it, train it briefly in a VQ-VAE, and write its speech.

    python examples/write_a_decoder.py

It predicts a log spectrum from codes and speaker, and turns it into sound with Griffin and Lim (1984): no likelihood,
no autoregression. `vqspeech plugins new decoder my-dec` writes such a decoder as a plugin with packaging and tests,
which is then used by name: `--set model.decoder.name=my-dec`.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from vqspeech import audio
from vqspeech.config import FrontEndConfig
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.nn.decoders.protocol import Decoder, Latents, Piece, SpeakOptions
from vqspeech.nn.encoders.conv import conv_encoder
from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.share import at_least_one
from vqspeech.nn.vqvae import VQVAE
from vqspeech.testing.speech import write_corpus
from vqspeech.training.batches import SpeechBatches
from vqspeech.training.draws import START

RATE, WINDOW = 16_000, 1024


class SpectrogramDecoder(Decoder):
    """Log magnitudes of a spectrogram from latents and speaker, trained by their absolute error."""

    criterion = "l1"

    def __init__(self, latents: Latents, channels: int = 128) -> None:
        super().__init__()
        self.sample_rate, self.hop_samples = latents.sample_rate, latents.hop_samples
        self.speaker = nn.Embedding(max(1, latents.speakers), channels)
        self.context = nn.Conv1d(latents.dim, channels, 3, padding=1)
        self.output = nn.Conv1d(channels, WINDOW // 2 + 1, 3, padding=1)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, z_q, speaker):
        """Log magnitudes (batch, bins, frames)."""
        hidden = F.gelu(self.context(z_q) + self.speaker(speaker)[:, :, None])
        return self.output(hidden).clamp(max=6.0)

    def spectrum(self, waveform):
        """Complex spectrogram (..., bins, frames + 1), a frame per code."""
        return torch.stft(
            waveform, WINDOW, self.hop_samples, window=self.window, pad_mode="constant", return_complex=True
        )

    def losses(self, z_q, batch, generator=None, *, group="main"):
        """Compute the error over real frames; shares of a batch sum to the whole."""
        wanted = self.spectrum(batch.waveform)[..., :-1].abs().clamp_min(1e-2).log()
        error = (self(z_q, batch.speaker) - wanted).abs().mean(1)
        mask = batch.frame_mask(self.hop_samples)
        frames = at_least_one(mask.sum() if batch.share is None else batch.share.frames)
        return {"l1": (error * mask).sum() / frames}

    @torch.no_grad()
    def speak(self, latents, speakers, lengths, options):
        """Yield one piece per utterance."""
        for number, (frames, speaker, length) in enumerate(zip(latents, speakers, lengths, strict=True)):
            z_q = frames[0 : len(frames)][None]
            magnitude = F.pad(self(z_q, torch.tensor([speaker or 0]))[0].exp(), (0, 1))
            phase = torch.zeros_like(magnitude)
            for _ in range(20):
                complex_spectrum = torch.polar(magnitude, phase)
                waveform = torch.istft(complex_spectrum, WINDOW, self.hop_samples, window=self.window)
                phase = self.spectrum(waveform).angle()
            yield Piece(number, waveform[:length].clamp(-1, 1).numpy(), last=True)


def main() -> None:
    """Train on synthetic vowels and write one of them, decoded in another voice."""
    torch.manual_seed(0)
    out = Path(tempfile.mkdtemp(prefix="vqspeech-"))
    store = prepare(read(write_corpus(out / "speech")), out / "store", sample_rate=RATE)
    encoder = conv_encoder(RATE, front_end=FrontEndConfig(kind="logmel"), strides=((3, 1),), channels=64, dim=32)
    latents = Latents(dim=32, hop_samples=encoder.hop_samples, sample_rate=RATE, speakers=len(store.speakers))
    model = VQVAE(encoder, EMAVectorQuantizer(32, codebook_size=64), SpectrogramDecoder(latents))

    batches = SpeechBatches(
        store, store.indices("train"), store.speakers,
        seed=0, batch_size=4, crop_samples=RATE // 2, window_samples=0, hop_samples=model.hop_samples,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    model.start(batches(0, stream=START, crops=16), generator)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(150):
        result = model.loss(batches(step), generator)
        optimiser.zero_grad()
        result.total.backward()
        optimiser.step()
        model.update(generator)
        if step % 50 == 49:
            print(f"step {step + 1}: l1 {result.terms['l1']:.3f}, commitment {result.terms['commitment']:.3f}")

    model.eval()
    waveform = store.waveform(0)
    codes = model.encode(torch.from_numpy(np.array(waveform))[None])
    frames = model.quantizer.decode(codes)[0]

    class Frames:
        """Latents of one utterance by slices of frames, as `speak` takes them."""

        def __len__(self):
            return frames.shape[1]

        def __getitem__(self, wanted):
            return frames[:, wanted]

    (piece,) = model.decoder.speak([Frames()], [1], [len(waveform)], SpeakOptions())
    audio.write(out / "original.wav", waveform, RATE)
    audio.write(out / "decoded.wav", piece.waveform, RATE)
    print(f"{out}/original.wav and {out}/decoded.wav, in the voice of {store.speakers[1]!r}")


if __name__ == "__main__":
    main()
