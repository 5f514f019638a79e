"""Train a VQ-VAE on speech in plain PyTorch.

    python examples/train_from_scratch.py [FOLDER OF RECORDINGS, ONE FOLDER A SPEAKER]

Without a folder it makes a few synthetic vowels. `vqspeech.train` does the same with checkpoints, resuming and metrics.
"""

import sys
import tempfile
from pathlib import Path

import torch

from vqspeech.config import FrontEndConfig
from vqspeech.corpora.folder import read
from vqspeech.corpora.store import prepare
from vqspeech.nn.decoders.protocol import Latents
from vqspeech.nn.encoders.conv import conv_encoder
from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.vqvae import VQVAE
from vqspeech.sampling.decoder import wavenet_decoder
from vqspeech.testing.speech import write_corpus
from vqspeech.training.batches import SpeechBatches
from vqspeech.training.draws import START, VALID

STEPS, RATE = 100, 16_000


def main() -> None:
    """Train for `STEPS` steps and print the loss with true and with shuffled codes."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(sys.argv[1]) if len(sys.argv) > 1 else write_corpus(Path(folder) / "speech")
        store = prepare(read(data), Path(folder) / "store", sample_rate=RATE)

        # the three parts of the model: 25 codes per second, of 64, from log-mel frames
        front_end = FrontEndConfig(kind="logmel")
        encoder = conv_encoder(RATE, front_end=front_end, strides=((4, 2), (4, 2)), channels=64)
        quantizer = EMAVectorQuantizer(encoder.dim, codebook_size=64)
        latents = Latents(dim=64, hop_samples=encoder.hop_samples, sample_rate=RATE, speakers=len(store.speakers))
        decoder = wavenet_decoder(latents, cycles=1, layers_per_cycle=8, residual_channels=32, skip_channels=64)
        model = VQVAE(encoder, quantizer, decoder)

        def batches(split: str) -> SpeechBatches:
            return SpeechBatches(
                store, store.indices(split), store.speakers,
                seed=0, batch_size=4, crop_samples=RATE // 2, window_samples=RATE // 8, hop_samples=model.hop_samples,
            )  # fmt: skip

        train, generator = batches("train"), torch.Generator().manual_seed(0)
        model.start(train(0, stream=START, crops=32), generator)
        optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
        for step in range(STEPS):
            result = model.loss(train(step), generator)
            optimiser.zero_grad()
            result.total.backward()
            optimiser.step()
            model.update(generator)
            if step % 20 == 19:
                print(f"step {step + 1}: " + ", ".join(f"{name} {value:.3f}" for name, value in result.terms.items()))

        model.eval()
        with torch.no_grad():
            batch = batches("valid")(0, stream=VALID)
            result, shuffled = model.loss(batch), model.shuffled(batch)
        # the decoder learns to use its codes later: then the second figure rises above the first
        print(f"held out: nll {result.terms['nll']:.3f} nats per sample, {shuffled:.3f} with codes of the next crop")
        print(f"codes of the first crop: {result.codes[0, 0].tolist()}")


if __name__ == "__main__":
    main()
