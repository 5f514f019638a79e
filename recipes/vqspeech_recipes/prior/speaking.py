"""Sets of codes as sound, and what a judge hears in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vqspeech import audio
from vqspeech.analysis.listening.judge import embedding, quality
from vqspeech.analysis.listening.judge import recogniser as whisper
from vqspeech.analysis.listening.judge.judge import SAMPLE_RATE, Judge
from vqspeech.analysis.listening.judge.sources import Source
from vqspeech.analysis.listening.judge.targets import find_targets
from vqspeech.analysis.sampled.words import words_heard
from vqspeech.codec.speech import SpeechCodec, Utterance
from vqspeech.codes import UtteranceCodes
from vqspeech.experiments import Result
from vqspeech.names import file_name
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.progress import reporter


def speak(
    codec: SpeechCodec,
    sets: Mapping[str, Sequence[UtteranceCodes]],
    voices: Sequence[str],
    folder: Path,
    seed: int,
) -> list[Result]:
    """Decode every window of every set in two voices, and write the clips; return a row for each window.

    Parameters
    ----------
    codec : the model
    sets : name -> windows; whose speaker is a voice of the model speaks in that voice first
    voices : the voices of the others, in turn, and of every window the second time
    folder : receives the clips
    seed : seed of sampling
    """
    rows, utterances = [], []
    for name, windows in sets.items():
        for number, window in enumerate(windows):
            codes, samples = window.codes, window.codes.shape[1] * codec.hop_samples
            row: Result = {"set": name, "number": number, "seconds": samples / codec.sample_rate, "clips": []}
            row["codes"] = codes.tolist()
            for voice in _voices(codec, window.speaker, voices, number):
                path = f"{file_name(name)}/{number:02}-{file_name(voice or 'voice')}.wav"
                row["clips"].append({"voice": voice, "audio": path})
                utterances.append(Utterance(codes=codes, speaker=voice, n_samples=samples, key=path))
            rows.append(row)
    speech = codec.speak(utterances, SpeakOptions(seed=seed, progress=reporter("speak")))
    clips = [clip for row in rows for clip in row["clips"]]
    for clip, waveform in zip(clips, speech.waveforms, strict=True):
        audio.write(folder / clip["audio"], waveform, codec.output_rate)
    return rows


def _voices(codec: SpeechCodec, speaker: str, voices: Sequence[str], number: int) -> list[str]:
    own = speaker if speaker in codec.speakers else voices[number % len(voices)]
    others = [voice for voice in voices if voice != own]
    return [own, others[number % len(others)]] if others else [own]


def judge_clips(
    judge: Judge, rows: Sequence[Result], folder: Path, codec: SpeechCodec, recordings: Sequence[Source], out: Path
) -> Result:
    """Return what a judge hears: words, similarity to the voice, and quality, of each clip and over each set.

    Parameters
    ----------
    judge : who judges
    rows : result of `speak`
    folder : folder of the clips
    codec : the model, whose directory may describe its voices
    recordings : recordings in which the voices may be
    out : receives the recordings of voices
    """
    voices = list(dict.fromkeys(clip["voice"] for row in rows for clip in row["clips"] if clip["voice"]))
    targets = find_targets(voices, [recordings], codec.path, out, judge.embedder).embeddings
    show = reporter("judge")
    heard = []
    for done, row in enumerate(rows, start=1):
        heard.append({**row, "clips": [_heard(judge, clip, folder, targets) for clip in row["clips"]]})
        show(done, len(rows))
    names = dict.fromkeys(row["set"] for row in rows)
    return {
        "judge": judge.facts,
        "rows": heard,
        "sets": {name: _summary([row for row in heard if row["set"] == name]) for name in names},
    }


def _heard(judge: Judge, clip: Result, folder: Path, targets: Mapping[str, np.ndarray]) -> Result:
    waveform = np.clip(audio.read(folder / clip["audio"], SAMPLE_RATE), -1, 1)
    embedding = judge.embedder.embed(waveform) if judge.embedder and clip["voice"] in targets else None
    similarity = None if embedding is None else float(embedding @ targets[clip["voice"]])
    return {
        **clip,
        "heard": judge.recogniser.transcribe(waveform) if judge.recogniser else None,
        "similarity": similarity,
        "dnsmos": judge.quality.rate(waveform) if judge.quality else None,
    }


def _summary(rows: Sequence[Result]) -> Result:
    """Return words, similarity and quality of a set; words are those of the first voice."""
    words = None
    if all(clip["heard"] is not None for row in rows for clip in row["clips"]):
        twice = all(len(row["clips"]) > 1 for row in rows)
        words = words_heard(
            [row["clips"][0]["heard"] for row in rows],
            [row["seconds"] for row in rows],
            [row["clips"][1]["heard"] for row in rows] if twice else None,
        )
    return {
        "words": None if words is None else asdict(words),
        "similarity": _mean(rows, "similarity"),
        "dnsmos": _mean(rows, "dnsmos"),
    }


def _mean(rows: Sequence[Result], key: str) -> float | None:
    values = [clip[key] for row in rows for clip in row["clips"] if clip[key] is not None]
    return float(np.mean(values)) if values else None


def unavailable(recogniser: str) -> list[str]:
    """Return what cannot be judged here, with its remedy.

    Parameters
    ----------
    recogniser : folder or name of a Whisper model; empty for the one of the extra ``judge``
    """
    whys = (whisper.why_not(recogniser or None), embedding.why_not(), quality.why_not())
    return [why for why in whys if why]
