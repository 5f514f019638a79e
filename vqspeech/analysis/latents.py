"""Latents of an untrained encoder, and the vectors of codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from vqspeech import model as models
from vqspeech.codec.speech import SpeechCodec
from vqspeech.nn.encoders.protocol import Encoder


def untrained_encoder(checkpoint: SpeechCodec, seed: int) -> Encoder | None:
    """Build a checkpoint's encoder with fresh weights; None for one without parameters.

    It keeps the buffers, such as mean and deviation of spectral features, which are not learned.
    """
    if not any(weight.requires_grad for weight in checkpoint.model.encoder.parameters()):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = models.build(checkpoint.config, checkpoint.speakers).encoder
    trained = dict(checkpoint.model.encoder.named_buffers())
    for name, buffer in fresh.named_buffers():
        buffer.copy_(trained[name])
    return fresh.to(checkpoint.device).eval()


@torch.inference_mode()
def latents(encoder: Encoder, waveform: np.ndarray) -> np.ndarray:
    """Compute latents (frames, dim) float32 of a waveform (time,), before any quantizer."""
    device = next(encoder.parameters()).device
    return np.asarray(encoder(torch.from_numpy(np.asarray(waveform, dtype=np.float32))[None].to(device))[0].T.cpu())


def latents_of(
    encoder: Encoder, utterances: Iterable[tuple[str, int]], waveform_of: Callable[[str], np.ndarray]
) -> np.ndarray:
    """Compute latents of utterances, concatenated, (all, dim) float32.

    Parameters
    ----------
    utterances : (id, number of codes) pairs
    waveform_of : id -> waveform (time,)
    """
    return np.concatenate([latents(encoder, waveform_of(name))[:n_frames] for name, n_frames in utterances])


@torch.inference_mode()
def code_vectors(checkpoint: SpeechCodec, names: Sequence[str]) -> np.ndarray:
    """Return the vectors that the decoder receives for codes, (codes, dim) float32.

    Parameters
    ----------
    names : ``"17"``, or ``"3,14"`` for a joint code of several codebooks
    """
    codes = torch.tensor([[int(part) for part in name.split(",")] for name in names], device=checkpoint.device).T
    return np.asarray(checkpoint.model.quantizer.decode(codes[None])[0].T.float().cpu())
