"""Fit the speaker embedding of a new voice; everything else of the model is fixed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vqspeech.audio.pitch import PITCH_RATE
from vqspeech.codec.speech import SpeechCodec
from vqspeech.config import TrainConfig
from vqspeech.errors import VQSpeechError
from vqspeech.nn.batch import SpeechBatch
from vqspeech.nn.speakers import extended, speaker_embedding, speaker_tensors
from vqspeech.training.draws import TRAIN, generator, step_generator
from vqspeech.training.precision import exact_convolutions
from vqspeech.training.processes import precision_of
from vqspeech.voices.held_out import split
from vqspeech.voices.recordings import Clip, VoiceRecordings

Progress = Callable[[int, int, str], None]
"""Called with (steps done, steps, figures)."""

STEPS = 150
BATCH_S = 3.0
"""Seconds of speech in a batch."""

CROP_S = 1.0
"""Length of a crop, where the model was not trained on shorter windows."""

RATE = 0.05
"""First learning rate, in standard deviations of the embedding; it falls linearly to a tenth."""

CHECK_EVERY = 10
PATIENCE = 4
"""Checks on held-out clips without improvement after which fitting stops."""

CANDIDATES = 12
"""Voices that are tried as a start; those of the nearest F0 where F0 is known."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedVoice:
    """A new voice.

    Parameters
    ----------
    rows : name of a tensor of the model's state with a row per speaker -> the voice's row
    start : speaker id of the voice that fitting began at, or ``"mean"``
    criterion : name of the loss on held-out clips
    before, after : its value at the start and at the end; lower is better
    steps : optimisation steps to the row that was kept
    """

    rows: Mapping[str, Tensor]
    start: str
    criterion: str
    before: float
    after: float
    steps: int


def fit_voice(
    codec: SpeechCodec,
    recordings: VoiceRecordings,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> FittedVoice:
    """Fit one row of the speaker embedding by the decoder's own losses on crops of the recordings.

    Codes are those of the recordings. Fitting starts at the existing voice, or the mean of all, with the lowest loss on
    held-out clips, and keeps the row with the lowest.

    Parameters
    ----------
    codec : the model; its decoder's embedding is restored at the end
    recordings : speech of the voice, at the rate of the codec
    steps : most optimisation steps
    seed : seed of the crops and of the decoder's noise
    progress : see `Progress`

    Raises
    ------
    InputError : for a decoder without `speaker_embedding`
    VQSpeechError : when the loss is not finite
    """
    names, buffers = speaker_tensors(codec.model), pitch_rows(codec, recordings)
    model = codec.model
    state = {name: tensor.clone() for name, tensor in model.state_dict().items() if name in names}
    rows = {name: buffers.get(name, tensor.float().mean(0)) for name, tensor in state.items()}
    table = speaker_embedding(model)
    (embedding,) = (f"{name}.weight" for name, module in model.named_modules() if module is table)
    required = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    try:
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        _put(model, extended(state, rows))
        fitting = _Fitting(codec, recordings, seed)
        start, row, before = fitting.nearest(_candidates(codec, recordings))
        kept, after, at = fitting.fit(row, before, steps, progress)
    finally:
        _put(model, state)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(required[name])
    return FittedVoice(
        rows={**rows, embedding: kept},
        start=start,
        criterion=model.criterion,
        before=before,
        after=after,
        steps=at,
    )


def pitch_rows(codec: SpeechCodec, recordings: VoiceRecordings) -> dict[str, Tensor]:
    """Return the rows of the buffers ``pitch_mean`` and ``pitch_std``, where the decoder has them."""
    heights = recordings.log_f0
    known = {"pitch_mean": float(heights.mean()), "pitch_std": max(0.02, float(heights.std()))}
    return {
        f"decoder.{name}": torch.tensor(known[name]) for name in codec.model.decoder.speaker_buffers() if name in known
    }


def _put(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Replace parameters and buffers by tensors of another number of rows."""
    for name, tensor in tensors.items():
        path, _, attribute = name.rpartition(".")
        owner = model.get_submodule(path)
        if attribute in owner._buffers:
            owner._buffers[attribute] = tensor
        else:
            setattr(owner, attribute, nn.Parameter(tensor))
        if isinstance(owner, nn.Embedding):
            owner.num_embeddings = len(tensor)


def _candidates(codec: SpeechCodec, recordings: VoiceRecordings) -> list[int]:
    """Return rows to start at: those of the nearest mean F0 where the decoder knows it, else the first ones."""
    means = getattr(codec.model.decoder, "pitch_mean", None)
    order = range(len(codec.speakers))
    if isinstance(means, Tensor):
        wanted = float(recordings.log_f0.mean())
        order = sorted(order, key=lambda row: abs(float(means[row]) - wanted))  # type: ignore[assignment]
    return list(order)[:CANDIDATES]


class _Fitting:
    """Crops of a new voice, and the loss of the model's last row on them."""

    def __init__(self, codec: SpeechCodec, recordings: VoiceRecordings, seed: int) -> None:
        self.codec, self.seed = codec, seed
        self.table = speaker_embedding(codec.model)
        self.clips = recordings.clips
        self.latents = _latents(codec, self.clips)
        self.rate, self.hop = recordings.sample_rate, codec.hop_samples
        trained = codec.facts.get("run", {}).get("train", {})
        window = min(trained.get("window_samples") or CROP_S * self.rate, CROP_S * self.rate)
        self.frames = max(1, round(window / self.hop))
        self.crops = max(1, round(BATCH_S * self.rate / (self.frames * self.hop)))
        self.low_precision = precision_of(TrainConfig(precision=trained.get("precision", "32-true"))) == "bf16-mixed"
        if self.low_precision:
            exact_convolutions(codec.model.decoder)
        self.held_out, self.training = split(self.clips, self.rate, seed)
        self.checks = [self.batch(crops) for crops in _batched(self._whole(self.held_out), self.crops)]
        self._sizes = np.array([self.latents[clip].shape[1] for clip in self.training])

    def nearest(self, rows: Sequence[int]) -> tuple[str, Tensor, float]:
        """Find the best row to start at, by the first held-out crops: its name, the row, its loss on all of them."""
        weights = self.table.weight.detach()
        choices = {self.codec.speakers[row]: weights[row].clone() for row in rows}
        choices["mean"] = weights[:-1].mean(0)
        losses = {name: self.loss(row, self.checks[:1]) for name, row in choices.items()}
        name = min(losses, key=lambda one: losses[one])
        return name, choices[name], self.loss(choices[name], self.checks)

    def fit(self, row: Tensor, before: float, steps: int, progress: Progress | None) -> tuple[Tensor, float, int]:
        """Optimise a row; return the best one, its loss on held-out crops, and its step."""
        best, kept, at = before, row.clone(), 0
        row = nn.Parameter(row.clone())
        peak = RATE * float(self.table.weight[:-1].detach().std())
        optimiser = torch.optim.Adam([row], lr=peak, betas=(0.9, 0.95))
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = peak * (1 - 0.9 * step / steps)
            row.grad = self._gradient(row, step)
            optimiser.step()
            if (step + 1) % CHECK_EVERY and step + 1 < steps:
                continue
            value = self.loss(row.detach(), self.checks)
            if value < best:
                best, kept, at = value, row.detach().clone(), step + 1
            if progress is not None:
                progress(step + 1, steps, f"{self.codec.model.criterion} {value:.4f} on held-out clips")
            if step + 1 - at >= PATIENCE * CHECK_EVERY:
                break
        if progress is not None:
            progress(steps, steps, f"{self.codec.model.criterion} {best:.4f}")
        return kept, best, at

    def batch(self, crops: Sequence[tuple[int, int]]) -> tuple[Tensor, SpeechBatch]:
        """Make latents (crops, dim, frames) and the batch of crops, each a clip and its first frame."""
        samples, rows = self.frames * self.hop, len(crops)
        per = -(-samples * PITCH_RATE // self.rate)
        waveform, f0 = np.zeros((rows, samples), np.float32), np.zeros((rows, per), np.float32)
        latents = torch.zeros(rows, self.latents[0].shape[0], self.frames)
        lengths = torch.zeros(rows, dtype=torch.int64)
        for number, (clip, frame) in enumerate(crops):
            start = frame * self.hop
            part = self.clips[clip].waveform[start : start + samples]
            waveform[number, : len(part)] = part
            lengths[number] = len(part)
            heights = self.clips[clip].f0
            # The frame of F0 at the middle of each of the crop's.
            places = ((np.arange(per) + 0.5) + start * PITCH_RATE / self.rate).astype(np.int64)
            inside = places < len(heights)
            f0[number, inside] = heights[places[inside]]
            codes = self.latents[clip][:, frame : frame + self.frames]
            latents[number, :, : codes.shape[1]] = codes
        voice = torch.full((rows,), self.table.num_embeddings - 1)
        starts = torch.zeros(rows, dtype=torch.int64)
        needs = self.codec.model.decoder.needs_pitch
        return latents, SpeechBatch(
            torch.from_numpy(waveform),
            lengths,
            voice,
            starts,
            self.frames,
            f0=torch.from_numpy(f0) if needs else None,
        )

    @torch.no_grad()
    def loss(self, row: Tensor, batches: Sequence[tuple[Tensor, SpeechBatch]]) -> float:
        """Compute the criterion of a row on some batches, weighted by their crops."""
        self.table.weight.data[-1] = row
        decoder, total, count = self.codec.model.decoder, 0.0, 0
        for latents, batch in batches:
            with torch.autocast("cpu", torch.bfloat16, self.low_precision):
                value = float(decoder.losses(latents, batch)[decoder.criterion])
            total, count = total + value * len(latents), count + len(latents)
        return _finite(total / count)

    def _gradient(self, row: Tensor, step: int) -> Tensor:
        """Return the gradient of the decoder's losses on the crops of a step."""
        rng = generator(self.seed, TRAIN, step)
        clips = rng.choice(len(self.training), size=self.crops, p=self._sizes / self._sizes.sum())
        places = rng.random(self.crops)
        crops = []
        for clip, place in zip(clips, places, strict=True):
            spare = max(0, int(self._sizes[clip]) - self.frames)
            crops.append((self.training[clip], int(place * (spare + 1))))
        latents, batch = self.batch(crops)
        self.table.weight.data[-1] = row.detach()
        self.table.weight.requires_grad_(True)
        self.table.weight.grad = None
        with torch.autocast("cpu", torch.bfloat16, self.low_precision):
            losses = self.codec.model.decoder.losses(latents, batch, step_generator(self.seed, step))
        total = torch.stack([term.float() for term in losses.values()]).sum()
        _finite(total.item())
        total.backward()
        gradient = self.table.weight.grad
        self.table.weight.requires_grad_(False)
        assert gradient is not None
        return gradient[-1].clone()

    def _whole(self, clips: Sequence[int]) -> list[tuple[int, int]]:
        """Divide clips into crops."""
        return [(clip, frame) for clip in clips for frame in range(0, self.latents[clip].shape[1], self.frames) or (0,)]


def _latents(codec: SpeechCodec, clips: Sequence[Clip]) -> list[Tensor]:
    """Return latents (dim, frames) of the codes of each clip."""
    codes = {number: found for number, _, found in codec.encode_all((n, clip.waveform) for n, clip in enumerate(clips))}
    with torch.no_grad():
        return [codec.model.quantizer.decode(torch.from_numpy(codes[n])[None])[0] for n in range(len(clips))]


def _batched(crops: Sequence[tuple[int, int]], size: int) -> list[Sequence[tuple[int, int]]]:
    return [crops[first : first + size] for first in range(0, len(crops), size)]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise VQSpeechError("the loss of the new voice is not finite; the recordings or the model are unusable")
    return value
