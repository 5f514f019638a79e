"""Sounds with what tests need of speech: speakers with a pitch, phones with formants, pauses, texts, alignments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqspeech import audio

SAMPLE_RATE = 16000
PITCHES_HZ = {"ann": 210.0, "bob": 110.0, "cid": 150.0}
FORMANTS_HZ = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "u": (300, 870, 2240), "e": (530, 1840, 2480)}
"""Formants of American vowels, men (Peterson and Barney 1952, table II)."""
TEXTS = ("a i u", "u e a i", "i a", "e u i a e")


def vowel(phone: str, pitch_hz: float, duration_s: float) -> npt.NDArray[np.float32]:
    """Make a vowel: harmonics of the pitch, louder near the formants; float32 (time,) at `SAMPLE_RATE`."""
    time = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    samples = np.zeros(len(time))
    for harmonic in range(1, int(4000 / pitch_hz)):
        frequency = harmonic * pitch_hz
        gain = sum(1 / (1 + ((frequency - formant) / 90) ** 2) for formant in FORMANTS_HZ[phone])
        samples += gain * np.sin(2 * np.pi * frequency * time)
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.01)
    return (0.3 * fade * samples / np.abs(samples).max()).astype(np.float32)


def write_corpus(folder: Path) -> Path:
    """Write twelve utterances of three speakers, about nine seconds in all, as the corpus ``folder`` reads them.

    Each is a few vowels between pauses. ``metadata.csv`` has texts and splits (each speaker has train, one valid and
    one test utterance), and a TextGrid lies beside each recording.

    Parameters
    ----------
    folder : the folder to create

    Returns
    -------
    the folder
    """
    rows = ["path,speaker,text,split"]
    noise = np.random.default_rng(0)
    for speaker, pitch_hz in PITCHES_HZ.items():
        (folder / speaker).mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(TEXTS):
            pieces, tier, now_s = [], [], 0.0
            for phone in ["sil", *text.split(), "sil"]:
                duration_s = 0.1 if phone == "sil" else 0.15 + 0.02 * number
                sound = np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
                pieces.append(sound if phone == "sil" else vowel(phone, pitch_hz, duration_s))
                tier.append((now_s, now_s + duration_s, phone))
                now_s += duration_s
            samples = np.concatenate(pieces)
            samples += 1e-3 * noise.standard_normal(len(samples)).astype(np.float32)
            name = f"{speaker}/{speaker}_{number}"
            audio.write(folder / f"{name}.wav", samples, SAMPLE_RATE)
            (folder / f"{name}.TextGrid").write_text(_text_grid(tier), encoding="utf-8")
            rows.append(f"{name}.wav,{speaker},{text},{('train', 'train', 'valid', 'test')[number]}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def _text_grid(tier: list[tuple[float, float, str]]) -> str:
    """Format phones as Praat's long form, one tier ``phones``."""
    end_s = tier[-1][1]
    lines = [
        'File type = "ooTextFile"\nObject class = "TextGrid"\n',
        f"xmin = 0\nxmax = {end_s:.4f}\ntiers? <exists>\nsize = 1\nitem []:\n    item [1]:",
        f'        class = "IntervalTier"\n        name = "phones"\n        xmin = 0\n        xmax = {end_s:.4f}',
        f"        intervals: size = {len(tier)}",
    ]
    for number, (start_s, stop_s, label) in enumerate(tier, start=1):
        lines.append(
            f"        intervals [{number}]:\n            xmin = {start_s:.4f}\n            xmax = {stop_s:.4f}\n"
            f'            text = "{label}"'
        )
    return "\n".join(lines) + "\n"
