"""Voice conversion and reconstruction: the codes of one voice, sampled in another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from vqspeech import audio
from vqspeech.model import Checkpoint, load
from vqspeech.sampling import LazyConditions, Sampling, sample

ENCODED_SAMPLES = 1 << 18
"""Samples that are encoded together, at most: 16 s at 16 kHz, for which the paper's encoder takes about 1 GB."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One waveform and the voice to say it with.

    Parameters
    ----------
    waveform : (time,) float32 at the model's rate, or its pieces one after the other (`audio_stream.blocks`)
    speaker : id of the target speaker; the utterance's own speaker for a reconstruction
    key : names the utterance; the random stream is drawn from it, so a file sounds the same alone and among others
    """

    waveform: np.ndarray | Iterable[np.ndarray]
    speaker: str
    key: str


@torch.inference_mode()
def convert(
    checkpoint: Checkpoint,
    conversions: Iterable[Conversion],
    *,
    seed: int = 0,
    temperature: float = 1.0,
    engine: str = "auto",
    weights: str = "fp32",
    parts: int | str = 1,
    progress: Callable[[int, int], None] | None = None,
    deliver: Callable[[int, np.ndarray, bool], None] | None = None,
) -> Sampling:
    """Encode each waveform and sample it again with the given speaker (van den Oord et al. 2017, section 4.3).

    Returns one waveform per conversion, as long as its input. `seed` and what follows are as in `vqspeech.sampling.sample`. With pieces as
    input and `deliver`, memory does not grow with the length of a recording beyond its codes.

    Raises
    ------
    UnknownNameError : when the model does not know a speaker
    """
    model, conditions, lengths, streams = checkpoint.model, [], [], []
    for item in conversions:
        index = torch.tensor([checkpoint.speaker_index(item.speaker)], device=checkpoint.device)
        codes, length = encode(checkpoint, item.waveform)
        conditions.append(LazyConditions(model.decoder, codes, index, model.quantizer.decode))
        lengths.append(length)
        streams.append(stream_number(item.key))
    return sample(
        model.decoder,
        conditions,
        lengths,
        seed=seed,
        streams=streams,
        temperature=temperature,
        engine=engine,
        weights=weights,
        parts=parts,
        progress=progress,
        deliver=deliver,
    )


@torch.inference_mode()
def encode(checkpoint: Checkpoint, waveform: np.ndarray | Iterable[np.ndarray]) -> tuple[torch.Tensor, int]:
    """Codes of a waveform of any length, (codebooks, frames) int64, and its length in samples.

    What is longer than `ENCODED_SAMPLES` is encoded in blocks, each with so much of its neighbours that every code sees all the samples it
    depends on. Arguments as in `Conversion`.
    """
    model, hop = checkpoint.model, checkpoint.model.hop_samples
    span = model.encoder.span
    margin, block = -(-max(span.before, span.after) // hop), max(1, ENCODED_SAMPLES // hop)  # in codes
    held, first = np.zeros(0, np.float32), 0  # samples that are still needed, and the code that they begin with
    done, length, codes = 0, 0, []

    def codes_until(last: int | None) -> torch.Tensor:
        stretch = np.array(held[: None if last is None else (last + margin - first) * hop], np.float32)
        found = model.encode(torch.from_numpy(stretch).to(checkpoint.device)[None])[0]
        return found[:, done - first : None if last is None else last - first]

    for piece in [waveform] if isinstance(waveform, np.ndarray) else waveform:
        held, length = np.concatenate([held, piece]), length + len(piece)
        while len(held) > (done + block + margin - first) * hop:
            codes.append(codes_until(done + block))
            done += block
            unused = max(0, done - margin - first)
            held, first = held[unused * hop :], first + unused
    codes.append(codes_until(None))
    return torch.cat(codes, 1), length


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
