"""The decoder `harmonic`: pulses at F0 plus noise, each shaped by spectra that a network predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from vqspeech.errors import InputError
from vqspeech.nn.batch import SpeechBatch, cut_windows
from vqspeech.nn.decoders.adversary import Adversaries
from vqspeech.nn.decoders.contour import continuous, on_frames
from vqspeech.nn.decoders.excitation import SOURCE_FRAMES, NoiseStream
from vqspeech.nn.decoders.harmonic_network import PitchNetwork, SpectraNetwork, divisor
from vqspeech.nn.decoders.harmonic_voice import HarmonicVoice
from vqspeech.nn.decoders.mel_loss import MelDistance
from vqspeech.nn.decoders.protocol import MAIN, Decoder, LatentFrames, Latents, Piece, SpeakOptions, Stretch
from vqspeech.nn.decoders.source_filter import SourceFilter, limited
from vqspeech.nn.decoders.spectral_loss import powers, spectral_distance
from vqspeech.nn.pieces import MOST
from vqspeech.nn.share import at_least_one, normals

FRAME_S = 0.005
STEP_S = 0.02
"""Wanted length of a frame, and of a step of the residual blocks; the nearest divisors of a latent are taken."""

BLOCK_S = 8.0
"""Speech is generated in blocks of about this length."""

NOISE_BELOW = 1.5
"""Difference, as a logarithm, of the first spectra of pulses and noise."""


class Harmonic(Decoder):
    """A source-filter decoder, after DDSP (Engel et al. 2020) and NSF (Wang et al. 2019).

    A band-limited train of pulses at F0 and white noise are each filtered by a spectrum per frame of about 5 ms, which
    a small convolutional network predicts from latents, speaker, log F0 and voicing; the loss compares spectra at
    several resolutions. F0 is a stream of its own: that of the recording in training; in generation a given contour,
    or the prediction of a second network from latents and speaker, which does not train the latents.

    Options as in `vqspeech.nn.decoders.harmonic_decoder`.

    Attributes
    ----------
    speaker_embedding : (speakers, speaker_channels), or None without speakers
    pitch_mean, pitch_std : (speakers,) mean and standard deviation of log F0 over voiced frames
    """

    criterion = "spectral"
    needs_pitch = True

    def __init__(
        self,
        latents: Latents,
        *,
        channels: int,
        kernel: int,
        dilations: Sequence[int],
        frame_channels: int,
        speaker_channels: int,
        pitch_channels: int,
        pitch_dilations: Sequence[int],
        loss_windows: Sequence[int],
        pitch_weight: float,
        sample_rate: int,
        mel_weight: float = 0.0,
        mel_differences: float = 0.0,
        adversary_weight: float = 0.0,
        adversary_channels: int = 32,
    ) -> None:
        super().__init__()
        self.sample_rate, self.hop_samples = sample_rate, latents.hop_samples * sample_rate // latents.sample_rate
        self._source_rate = latents.sample_rate
        self.pitch_weight = pitch_weight
        self.frame_samples = divisor(self.hop_samples, FRAME_S * self.sample_rate)
        self.frames = self.hop_samples // self.frame_samples
        steps = divisor(self.frames, self.hop_samples / (STEP_S * self.sample_rate))
        self.speaker_embedding = nn.Embedding(latents.speakers, speaker_channels) if latents.speakers else None
        self.source_filter = SourceFilter(self.frame_samples, self.sample_rate)
        self.spectra = SpectraNetwork(
            latents.dim,
            frames=self.frames,
            steps=steps,
            channels=channels,
            kernel=kernel,
            dilations=dilations,
            frame_channels=frame_channels,
            bins=self.source_filter.bins,
            speaker_channels=speaker_channels,
        )
        self.pitch = PitchNetwork(
            latents.dim,
            frames=self.frames,
            channels=pitch_channels,
            dilations=pitch_dilations,
            speaker_channels=speaker_channels,
        )
        self.margin = max(self.spectra.margin + -(-SOURCE_FRAMES // self.frames), self.pitch.margin) + 1
        """Latents on either side on which the samples of a latent depend, at most, without their phase."""
        self.register_buffer("pitch_mean", torch.full((max(1, latents.speakers),), 5.0))
        self.register_buffer("pitch_std", torch.full((max(1, latents.speakers),), 0.25))
        sizes = [4 * round(window * self.sample_rate / 4000) for window in loss_windows]
        for number, size in enumerate(sizes):
            self.register_buffer(f"loss_window_{number}", torch.hann_window(size), persistent=False)
        self._loss_windows, self.mel_weight = len(sizes), mel_weight
        self.mel = MelDistance(self.sample_rate, mel_differences) if mel_weight else None
        self.adversary_weight = adversary_weight
        self.adversaries = Adversaries(len(sizes), adversary_channels) if adversary_weight else None
        self._pitch_given = False

    pitch_mean: Tensor
    pitch_std: Tensor

    @property
    def window(self) -> Tensor:
        """Window of a frame; its type and device are those of the decoder."""
        return self.source_filter.window

    def pieces(self, batch: int, samples: int) -> int:
        """Return the number of pieces that CPUs compute the spectra of a batch in."""
        return min(MOST, batch)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the group ``adversary``, if there is one."""
        return {} if self.adversaries is None else {"adversary": list(self.adversaries.parameters())}

    def speaker_buffers(self) -> list[str]:
        """Return the names of buffers with one row per speaker."""
        return ["pitch_mean", "pitch_std"]

    def fit_pitch(self, mean: Tensor, std: Tensor) -> None:
        """Set `pitch_mean` and `pitch_std`, each (speakers,); `start` then leaves them as they are."""
        self.pitch_mean.copy_(mean)
        self.pitch_std.copy_(std.clamp_min(0.02))
        self._pitch_given = True

    @torch.no_grad()
    def start(self, batch: SpeechBatch, generator: torch.Generator) -> None:
        """Begin with the mean log spectrum of the crops, less for noise; estimate the speakers' F0, see `fit_pitch`."""
        hop, (waveform, lengths) = self.frame_samples, self._target(batch)
        power = powers(waveform, self.window, hop)
        real = torch.arange(power.shape[1], device=power.device) * hop < lengths[:, None]
        # A source of unit power has the power of the window in every bin.
        level = 0.5 * ((power[real] + 1e-6) / self.window.square().sum()).log().mean(0)
        bias = self.spectra.output.bias
        assert bias is not None
        bias.copy_(torch.cat([level, level - NOISE_BELOW]))
        if self.mel is not None:
            self.mel.fit(waveform, lengths)
        if batch.f0 is None or self._pitch_given or not bool((batch.f0 > 0).any()):
            return
        everybody = batch.f0[batch.f0 > 0].log()
        for speaker in range(len(self.pitch_mean)):
            own = batch.f0[batch.speaker == speaker]
            voiced = own[own > 0].log() if (own > 0).sum() > 1 else everybody
            self.pitch_mean[speaker] = voiced.mean()
            self.pitch_std[speaker] = voiced.std(correction=0).clamp_min(0.02)

    def losses(
        self, z_q: Tensor, batch: SpeechBatch, generator: torch.Generator | None = None, *, group: str = MAIN
    ) -> dict[str, Tensor]:
        """Compute the terms of windows; see `Decoder.losses`.

        A window is decoded on its own, as a crop would be. Each term is a mean over rows, weighted by their samples:
        ``spectral``; ``mel``, if it has a weight; ``pitch`` and ``voicing`` of predicted F0; with adversaries
        ``fooled`` and ``features``. That of the group ``adversary`` is ``adversary``.

        Raises
        ------
        InputError : for a batch without F0
        """
        if batch.f0 is None:
            raise InputError("the decoder harmonic needs the F0 of its crops; SpeechBatch.f0 is None")
        source_hop = self.hop_samples * self._source_rate // self.sample_rate
        z_q, batch = cut_windows(z_q, batch, source_hop, self._source_rate)
        assert batch.f0 is not None
        every = batch.lengths.sum().clamp_min(1) if batch.share is None else at_least_one(batch.share.samples)
        weight = batch.lengths.to(self.window.dtype) / every
        target, lengths = self._target(batch)
        speaker, count = self._speaker(batch.speaker), z_q.shape[2] * self.frames
        mean, std = (self._of_speaker(values, batch.speaker) for values in (self.pitch_mean, self.pitch_std))
        contour = on_frames(continuous(batch.f0.to(mean.dtype), mean), self.frame_samples / self.sample_rate, count)
        noise = self._noise(z_q, batch, generator)
        windows = [getattr(self, f"loss_window_{number}") for number in range(self._loss_windows)]
        if group != MAIN:
            assert self.adversaries is not None
            with torch.no_grad():
                made = self.source_filter(self.spectra(z_q, speaker, contour), contour, noise).waveform
            return {group: (self.adversaries.judged(made, target, lengths, windows) * weight).sum()}
        made = self.source_filter(self.spectra(z_q, speaker, contour), contour, noise).waveform
        real = torch.arange(count, device=z_q.device) * self.frame_samples < lengths[:, None]
        height = (contour.log_f0 - mean[:, None]) / std[:, None]
        pitch, voicing = self.pitch.distances(z_q.detach(), speaker, height, contour.voiced, real)
        terms = {
            "spectral": spectral_distance(made, target, lengths, windows),
            "pitch": self.pitch_weight * pitch,
            "voicing": self.pitch_weight * voicing,
        }
        if self.mel is not None:
            terms["mel"] = self.mel_weight * self.mel(made, target, lengths)
        if self.adversaries is not None:
            fooled = self.adversaries.fooled(made, target, lengths, windows)
            terms["fooled"] = self.adversary_weight * fooled.adversarial
            terms["features"] = self.adversary_weight * fooled.features
        return {name: (term * weight).sum() for name, term in terms.items()}

    @torch.inference_mode()
    def speak(
        self,
        latents: Sequence[LatentFrames],
        speakers: Sequence[int | None],
        lengths: Sequence[int],
        options: SpeakOptions,
    ) -> Iterator[Piece]:
        """Generate utterances one after the other, in blocks; see `Decoder.speak`.

        Only the phases of noise are random; at temperature 0 they do not depend on the seed.
        """
        done, every = 0, sum(lengths)
        for number, (frames, speaker, length) in enumerate(zip(latents, speakers, lengths, strict=True)):
            given = None if options.pitch is None else options.pitch[number]
            left = length
            for block in self._blocks(frames, speaker, given, _noise_of(options, number), max(length, 1)):
                waveform = limited(block[0, :left]).float().cpu().numpy()
                left -= len(waveform)
                done += len(waveform)
                if options.progress is not None:
                    options.progress(done, every)
                yield Piece(number, waveform, left == 0, "harmonic")
                if left == 0:
                    break

    def _blocks(
        self, latents: LatentFrames, speaker: int | None, pitch: np.ndarray | None, noise: NoiseStream, length: int
    ) -> Iterator[Tensor]:
        """Yield consecutive blocks (1, time); each is computed with the latents around it."""
        voice = self._voice(speaker, noise)
        given = voice.contour(pitch)
        count, size = len(latents), max(1, round(BLOCK_S * self.sample_rate / self.hop_samples))
        for first in range(0, -(-length // self.hop_samples), size):
            last = min(first + size, count)
            start, stop = max(0, first - self.margin), min(count, last + self.margin)
            yield voice.waveform(Stretch(latents=latents[start:stop], start=start, first=first, last=last), given)

    def stream(self, speaker: int | None, options: SpeakOptions) -> HarmonicVoice:
        """Speak one utterance in stretches, with the samples of `speak`; see `Decoder.stream`."""
        return self._voice(speaker, _noise_of(options, 0))

    def _voice(self, speaker: int | None, noise: NoiseStream) -> HarmonicVoice:
        index = torch.tensor([speaker or 0], device=self.window.device)
        vector, mean, std = self.speaker_values(index)
        return HarmonicVoice(
            self.spectra,
            self.pitch,
            self.source_filter,
            speaker=vector,
            mean=mean,
            std=std,
            noise=noise,
            margin=self.margin,
        )

    def speaker_values(self, index: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """Return embedding (batch, channels) or None, and mean and deviation (batch,) of log F0, of speakers."""
        mean, std = (self._of_speaker(values, index) for values in (self.pitch_mean, self.pitch_std))
        return self._speaker(index), mean, std

    def _target(self, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
        """Return the crops at the decoder's rate, and the real samples of each."""
        rate, given = self.sample_rate, self._source_rate
        if rate != given and batch.target is None:
            raise InputError(f"the decoder harmonic learns speech of {rate} Hz; SpeechBatch.target is None")
        target = batch.waveform if batch.target is None else batch.target
        return target.to(self.window.dtype), -(-batch.lengths * rate // given)

    def _noise(self, z_q: Tensor, batch: SpeechBatch, generator: torch.Generator | None) -> Tensor:
        """Draw noise for all rows of the global batch, and return that of these rows."""
        time = self.source_filter.noise_samples(z_q.shape[2] * self.frames)
        return normals((len(z_q), time), batch.share, generator, z_q.device).to(self.window.dtype)

    def _speaker(self, index: Tensor) -> Tensor | None:
        return None if self.speaker_embedding is None else self.speaker_embedding(index)

    def _of_speaker(self, values: Tensor, index: Tensor) -> Tensor:
        return values[index if self.speaker_embedding is not None else torch.zeros_like(index)]


def _noise_of(options: SpeakOptions, utterance: int) -> NoiseStream:
    """Return the noise of an utterance."""
    stream = utterance if options.streams is None else options.streams[utterance]
    seed = 0 if options.temperature == 0 else options.seed
    return NoiseStream(torch.Generator().manual_seed((seed * 0x9E3779B97F4A7C15 + stream) % 2**63))
