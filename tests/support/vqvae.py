"""A tiny VQ-VAE and crops for it."""

import torch
from tiny import rng

from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.nn.encoders.conv import UNCHANGED, ConvEncoder
from vqspeech.nn.encoders.spectral import SpectralFeatures
from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.spectral_head import SpectralHead
from vqspeech.nn.vqvae import VQVAE

HOP = 40
DEEP = {"dilations": (1, 2), "loss": "absolute", "pitch": True}


def make(
    quantizer=EMAVectorQuantizer,
    *,
    front_end=False,
    head=False,
    dilations=(1, 2, 4),
    past_noise=0.0,
    perturb=UNCHANGED,
    **options,
):
    torch.manual_seed(0)
    front = SpectralFeatures("mfcc", sample_rate=16000, hop_samples=20, window_samples=50, n_mels=8, n_mfcc=5)
    spectral = SpectralFeatures("logmel", sample_rate=16000, hop_samples=20, window_samples=50, n_mels=8)
    encoder = ConvEncoder(
        strides=((4, 2),) if front_end else ((4, 2), (8, 4), (5, 5)),
        channels=6,
        dim=4,
        front_end=front if front_end else None,
        perturb=perturb,
    )
    decoder = WaveNet(
        dim=4,
        hop_samples=HOP,
        dilations=dilations,
        residual_channels=5,
        skip_channels=6,
        condition_channels=4,
        condition_upsampling=2,
        speakers=3,
        past_noise=past_noise,
    )
    spectral_head = None
    if head:
        deep = head if isinstance(head, dict) else {}
        spectral_head = SpectralHead(spectral, dim=4, hop_samples=HOP, channels=5, kernel=3, speakers=3, **deep)
    return VQVAE(
        encoder, quantizer(4, codebook_size=8), decoder, spectral_head=spectral_head, spectral_weight=2.0, **options
    )


def crops(frames=12, lengths=None, start=0, window=None, seed=0):
    waveform = 0.4 * torch.randn(3, frames * HOP, generator=rng(seed)).clamp(-2, 2)
    lengths = torch.tensor(lengths or [frames * HOP] * 3)
    waveform = waveform * (torch.arange(frames * HOP) < lengths[:, None])
    starts = torch.tensor([start] * 3) if isinstance(start, int) else torch.tensor(start)
    f0 = 120 + 40 * torch.rand(3, -(-frames * HOP // 160), generator=rng(seed))
    return SpeechBatch(waveform, lengths, torch.tensor([0, 2, 1]), starts, window or frames, None, f0)
