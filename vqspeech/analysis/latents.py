"""Vectors before and after the quantizer: latents of an encoder with random weights, which k-means clusters as a baseline, and the vectors of codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch

from vqspeech import model as models
from vqspeech.model import Checkpoint
from vqspeech.nn.encoders.conv import ConvEncoder


def untrained_encoder(checkpoint: Checkpoint, seed: int) -> ConvEncoder:
    """An encoder of a checkpoint's architecture with fresh weights; it keeps the mean and deviation of spectral features, which are not learned."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = models.build(checkpoint.config, checkpoint.speakers).encoder
    if fresh.front_end is not None and checkpoint.model.encoder.front_end is not None:
        fresh.front_end.load_state_dict(checkpoint.model.encoder.front_end.state_dict())
    return fresh.to(checkpoint.device).eval()


@torch.inference_mode()
def latents(encoder: ConvEncoder, waveform: np.ndarray) -> np.ndarray:
    """Latents (frames, dim) float32 of a waveform (time,), before any quantizer."""
    device = next(encoder.parameters()).device
    return np.asarray(encoder(torch.from_numpy(np.asarray(waveform, dtype=np.float32))[None].to(device))[0].T.cpu())


def latents_of(
    encoder: ConvEncoder, utterances: Iterable[tuple[str, int]], waveform_of: Callable[[str], np.ndarray]
) -> np.ndarray:
    """Latents of utterances one after the other, (all, dim) float32.

    Parameters
    ----------
    utterances : (id, number of codes) pairs
    waveform_of : id -> waveform (time,)
    """
    return np.concatenate([latents(encoder, waveform_of(name))[:n_frames] for name, n_frames in utterances])


@torch.inference_mode()
def code_vectors(checkpoint: Checkpoint, names: Sequence[str]) -> np.ndarray:
    """What the decoder is given for codes, (codes, dim) float32.

    Parameters
    ----------
    names : ``"17"``, or ``"3,14"`` for a joint code of several codebooks
    """
    codes = torch.tensor([[int(part) for part in name.split(",")] for name in names], device=checkpoint.device).T
    return np.asarray(checkpoint.model.quantizer.decode(codes[None])[0].T.float().cpu())
