"""The recordings behind the golden files: swept sines of three speakers, the same on every machine to 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
DURATIONS_S = {"ann": (0.9, 0.05, 0.4), "bob": (0.5, 0.7), "cid": (0.3, 1.1, 0.6)}
HELD_OUT = (0.4, 0.7)


def sine() -> np.ndarray:
    """A quarter of a second of 220 Hz, float32 (time,)."""
    return (0.5 * np.sin(2 * np.pi * 220 * np.arange(4000) / RATE)).astype(np.float32)


def write_corpus(folder: Path) -> Path:
    """Eight recordings for the corpus ``folder``, of which two are held out."""
    folder.mkdir(parents=True)
    rows = ["path,speaker,split"]
    for place, (speaker, durations) in enumerate(DURATIONS_S.items()):
        for number, duration_s in enumerate(durations):
            time = np.arange(int(duration_s * RATE)) / RATE
            samples = 0.4 * np.sin(2 * np.pi * (110 * (place + 1) * time + 40 * time**2 * number))
            soundfile.write(folder / f"{speaker}{number}.wav", samples, RATE)
            rows.append(f"{speaker}{number}.wav,{speaker},{'valid' if duration_s in HELD_OUT else 'train'}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    return folder
