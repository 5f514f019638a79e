"""Voice conversion and reconstruction: the codes of one voice, sampled in another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vqspeech import audio
from vqspeech.model import Checkpoint, load
from vqspeech.sampling import LazyConditions, Sampling, sample


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One waveform and the voice to say it with.

    Parameters
    ----------
    waveform : (time,) float32 at the model's rate
    speaker : id of the target speaker; the utterance's own speaker for a reconstruction
    key : names the utterance; the random stream is drawn from it, so a file sounds the same alone and among others
    """

    waveform: np.ndarray
    speaker: str
    key: str


@torch.inference_mode()
def convert(
    checkpoint: Checkpoint,
    conversions: Sequence[Conversion],
    *,
    seed: int = 0,
    temperature: float = 1.0,
    engine: str = "auto",
    weights: str = "fp32",
    parts: int | str = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Sampling:
    """Encode each waveform and sample it again with the given speaker (van den Oord et al. 2017, section 4.3).

    Returns one waveform per conversion, as long as its input. `seed` and what follows are as in `vqspeech.sampling.sample`.

    Raises
    ------
    UnknownNameError : when the model does not know a speaker
    """
    indices = [checkpoint.speaker_index(item.speaker) for item in conversions]
    model, conditions = checkpoint.model, []
    for item, index in zip(conversions, indices, strict=True):
        waveform = torch.from_numpy(np.array(item.waveform, dtype=np.float32)).to(checkpoint.device)
        latents = model.quantizer.decode(model.encode(waveform[None]))[0]
        conditions.append(LazyConditions(model.decoder, latents, torch.tensor([index], device=checkpoint.device)))
    return sample(
        model.decoder,
        conditions,
        [len(item.waveform) for item in conversions],
        seed=seed,
        streams=[stream_number(item.key) for item in conversions],
        temperature=temperature,
        engine=engine,
        weights=weights,
        parts=parts,
        progress=progress,
    )


def stream_number(key: str) -> int:
    """The random stream of a name: 63 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def convert_file(
    run: Path | str, source: Path | str, speaker: str, target: Path | str, *, seed: int = 0, temperature: float = 1.0
) -> Sampling:
    """Convert one audio file to a speaker of a trained run and write the result.

    Parameters
    ----------
    run : run or checkpoint directory
    source : audio file of any rate and channel count
    speaker : id, one of the run's
    target : .wav or .flac file to write
    seed, temperature : see `vqspeech.sampling.sample`
    """
    checkpoint = load(run)
    waveform = audio.read(Path(source), checkpoint.config.sample_rate)
    item = Conversion(waveform=waveform, speaker=speaker, key=Path(source).stem)
    result = convert(checkpoint, [item], seed=seed, temperature=temperature)
    audio.write(Path(target), result.waveforms[0], checkpoint.config.sample_rate)
    return result
