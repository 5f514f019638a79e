"""The listening stages: reconstructions and conversions, as files and as scores."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech import audio
from vqspeech.analysis.figures.spectrograms import spectrogram_strip
from vqspeech.analysis.listening.measures import compare_all, f0_statistics, level
from vqspeech.analysis.listening.speakers import SpeakerClassifier
from vqspeech.codec.speech import SpeechCodec
from vqspeech.conversion import Conversion, convert
from vqspeech.corpora.store import AudioStore
from vqspeech.errors import VQSpeechError
from vqspeech.names import file_name
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.report.images import save_figure
from vqspeech_recipes.vctk.settings import ListenConfig

CLASSIFIER_UTTERANCES = 10
"""Original utterances of each speaker that the speaker classifier is fitted on."""

STRIP_BYTES = 45_000
"""Largest size of a spectrogram below a player."""

Show = Callable[[int, int], None]


def held_out(store: AudioStore, listen: ListenConfig, speakers: Collection[str] | None = None) -> list[int]:
    """Return rows to listen to, in an order drawn by hash.

    Held-out utterances (test, then valid, then any) of as many speakers as possible; those below a second come last.

    Parameters
    ----------
    store, listen : the corpus, and how much to listen to
    speakers : speakers to choose from; None for all
    """

    def order(index: int) -> tuple[bool, int, str]:
        row = store.rows[index]
        rank = ("test", "valid", "train").index(row.split)
        return row.n_samples < store.sample_rate, rank, hashlib.sha256(row.id.encode()).hexdigest()

    choice = [n for n, row in enumerate(store.rows) if speakers is None or row.speaker in speakers]
    ranked = sorted(choice, key=order)
    firsts: list[int] = []
    others: list[int] = []
    seen: set[str] = set()
    for index in ranked:
        speaker = store.rows[index].speaker
        (others if speaker in seen else firsts).append(index)
        seen.add(speaker)
    return (firsts + others)[: listen.utterances]


def original(store: AudioStore, index: int, listen: ListenConfig) -> np.ndarray:
    """Return the start of a row, at most ``listen.max_seconds``: (time,) float32."""
    return store.waveform(index)[: max(1, int(listen.max_seconds * store.sample_rate))]


def write_clip(folder: Path, name: str, waveform: np.ndarray, sample_rate: int) -> dict[str, str]:
    """Write a waveform (time,) as a sound file with its spectrogram; returns the names of both files."""
    files = {"audio": file_name(name, ".wav"), "spectrogram": file_name(name, ".png")}
    audio.write(folder / files["audio"], waveform, sample_rate)
    save_figure(spectrogram_strip(waveform, sample_rate), folder / files["spectrogram"], max_bytes=STRIP_BYTES)
    return files


def _at_rate(waveforms: Sequence[np.ndarray], given: int, wanted: int) -> list[np.ndarray]:
    """Return waveforms at the rate of the recordings that they are compared with."""
    return [waveform if given == wanted else audio.resample(waveform, given, wanted) for waveform in waveforms]


def _pairs(originals: Sequence[np.ndarray], compared: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pair recordings with what is compared; resampling may have added a sample."""
    return [(one, other[: len(one)]) for one, other in zip(originals, compared, strict=True)]


def _options(listen: ListenConfig, seed: int, progress: Show) -> SpeakOptions:
    return SpeakOptions(seed=seed, temperature=listen.temperature, engine=listen.engine, progress=progress)


def reconstruct(
    checkpoint: SpeechCodec, store: AudioStore, listen: ListenConfig, folder: Path, seed: int, show: Show, *, label: str
) -> dict[str, Any]:
    """Resynthesise held-out utterances of the model's speakers in their own voices, free-running.

    Parameters
    ----------
    checkpoint, store : the model; the recordings
    folder : receives the clips
    seed, show : seed of sampling; progress
    label : name of the decoder, which ends the names of files
    """
    rate, rows = store.sample_rate, held_out(store, listen, checkpoint.speakers)
    originals = [original(store, index, listen) for index in rows]
    items = [
        Conversion(waveform=waveform, speaker=store.rows[index].speaker, key=store.rows[index].id)
        for index, waveform in zip(rows, originals, strict=True)
    ]
    sampling = convert(checkpoint, items, _options(listen, seed, show))
    compared = _at_rate(sampling.waveforms, checkpoint.output_rate, rate)
    clips = []
    for item, waveform, generated in zip(items, originals, sampling.waveforms, strict=True):
        row = store.rows[store.by_id(item.key)]
        clips.append(
            {
                "id": item.key,
                "speaker": item.speaker,
                "split": row.split,
                "text": row.text or "",
                "original": write_clip(folder, item.key, waveform, rate),
                "reconstruction": write_clip(folder, f"{item.key}-by-{label}", generated, checkpoint.output_rate),
            }
        )
    scores = dataclasses.asdict(compare_all(_pairs(originals, compared), rate))
    for clip, comparison in zip(clips, scores.pop("each"), strict=True):
        clip["measured"] = comparison
    for number, samples, codes in checkpoint.encode_all(enumerate(originals)):
        clips[number]["codes"] = {"codes": codes.tolist(), "frames": samples / checkpoint.hop_samples}
    return {
        "clips": clips,
        "scores": scores,
        "sampling": {
            "samples_per_second": sampling.samples_per_second,
            "real_time_factor": sampling.samples_per_second / checkpoint.output_rate,
            "engine": sampling.engine,
            "streams": len(items),
        },
    }


def convert_voices(
    checkpoint: SpeechCodec, store: AudioStore, listen: ListenConfig, folder: Path, seed: int, show: Show, *, label: str
) -> dict[str, Any]:
    """Convert held-out utterances to other speakers, free-running; score the speakers. See `reconstruct`."""
    if len(checkpoint.speakers) < 2 or listen.conversions < 1:
        return {"clips": [], "scores": None, "reason": "conversion needs two speakers and listen.conversions >= 1"}
    rate, voices = store.sample_rate, _Voices(store, checkpoint.speakers)
    pairs = [
        (index, target)
        for index in held_out(store, listen)
        for target in voices.targets(store.rows[index].speaker, listen.conversions)
    ]
    items = [
        Conversion(waveform=original(store, index, listen), speaker=target, key=f"{store.rows[index].id}-to-{target}")
        for index, target in pairs
    ]
    sampling = convert(checkpoint, items, _options(listen, seed, show))
    compared = _at_rate(sampling.waveforms, checkpoint.output_rate, rate)
    clips = []
    for (index, target), item, generated in zip(pairs, items, sampling.waveforms, strict=True):
        clips.append(
            {
                "id": store.rows[index].id,
                "source": store.rows[index].speaker,
                "target": target,
                "converted": write_clip(folder, f"{item.key}-by-{label}", generated, checkpoint.output_rate),
                "f0": dataclasses.asdict(f0_statistics(generated, checkpoint.output_rate)),
                "level": dataclasses.asdict(level(generated, checkpoint.output_rate)),
                "source_f0_hz": voices.f0(store.rows[index].speaker),
                "target_f0_hz": voices.f0(target),
            }
        )
    return {"clips": clips, "scores": _score(voices, compared, clips), "reason": None}


def _score(voices: _Voices, waveforms: Sequence[np.ndarray], clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    scores: dict[str, Any] = {"pairs": len(clips)}
    try:
        classifier = SpeakerClassifier.fit(*voices.training(), voices.store.sample_rate)
        sources, targets = [clip["source"] for clip in clips], [clip["target"] for clip in clips]
        scores |= dataclasses.asdict(classifier.score_conversions(waveforms, sources, targets))
    except VQSpeechError as error:
        scores |= {"target_speaker_accuracy": None, "source_speaker_accuracy": None, "reason": str(error)}
    voiced = [clip for clip in clips if clip["f0"]["median_hz"] and clip["target_f0_hz"] and clip["source_f0_hz"]]
    inside = [clip["target_f0_hz"]["low"] <= clip["f0"]["median_hz"] <= clip["target_f0_hz"]["high"] for clip in voiced]
    distances = [abs(12 * np.log2(clip["f0"]["median_hz"] / clip["target_f0_hz"]["median"])) for clip in voiced]
    scores["f0_in_target_range"] = float(np.mean(inside)) if inside else None
    scores["f0_error_semitones"] = float(np.mean(distances)) if distances else None
    scores["voiced_clips"] = len(voiced)
    return scores


class _Voices:
    """Statistics of each speaker's original recordings, and the choice of targets among the model's voices."""

    def __init__(self, store: AudioStore, speakers: Sequence[str]) -> None:
        self.store = store
        self.speakers = speakers
        self._f0: dict[str, dict[str, float] | None] = {}
        self._rows: dict[str, list[int]] = {speaker: [] for speaker in store.speakers}
        for index, row in enumerate(store.rows):
            if row.n_samples >= store.sample_rate // 2:
                self._rows[row.speaker].append(index)

    def training(self) -> tuple[list[np.ndarray], list[str]]:
        """Return waveforms and speakers to fit a classifier on."""
        pairs = [(index, speaker) for speaker, rows in self._rows.items() for index in rows[:CLASSIFIER_UTTERANCES]]
        return [self.store.waveform(index) for index, _ in pairs], [speaker for _, speaker in pairs]

    def f0(self, speaker: str) -> dict[str, float] | None:
        """Return median and range of a speaker's F0 in Hz; None when nothing is voiced."""
        if speaker not in self._f0:
            statistics = [
                f0_statistics(self.store.waveform(index), self.store.sample_rate) for index in self._rows[speaker][:5]
            ]
            medians = [item.median_hz for item in statistics if item.median_hz is not None]
            lows = [item.low_hz for item in statistics if item.low_hz is not None]
            highs = [item.high_hz for item in statistics if item.high_hz is not None]
            self._f0[speaker] = None
            if medians:
                self._f0[speaker] = {"median": float(np.median(medians)), "low": min(lows), "high": max(highs)}
        return self._f0[speaker]

    def targets(self, source: str, count: int) -> list[str]:
        """Return target speakers: alternately one with a distant F0, and one drawn by hash."""
        others = sorted(
            (speaker for speaker in self.speakers if speaker != source),
            key=lambda speaker: hashlib.sha256(f"{source}>{speaker}".encode()).hexdigest(),
        )[: max(8, count)]
        own = self.f0(source)

        def distance(speaker: str) -> float:
            f0 = self.f0(speaker)
            return abs(np.log2(f0["median"] / own["median"])) if f0 and own else 0.0

        far = sorted(others, key=distance, reverse=True)
        in_turn = [speaker for pair in zip(far, others, strict=True) for speaker in pair]
        return list(dict.fromkeys(in_turn))[:count]
