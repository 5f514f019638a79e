"""A report with every element, wide and long ones too, whose files are made beside it."""

from pathlib import Path

import numpy as np

from vqspeech import audio
from vqspeech.analysis.figures.charts import codebook_usage
from vqspeech.analysis.figures.spectrograms import file_strip
from vqspeech.report import (
    Clip,
    CodeStrip,
    Headline,
    Picture,
    PlayerRow,
    Report,
    Section,
    Table,
    write_report,
)

RATE, HOP, SECONDS = 16000, 640, 1.5
CODES = [int(code) for code in np.random.default_rng(0).integers(512, size=round(SECONDS * RATE / HOP + 0.5))]
WARNING = "Synthetic demo corpus: no human speech. To use recordings: `vqspeech recipe run vctk --data-dir DIR`."


def write_sample(folder: Path) -> Path:
    """Write the report into a folder; returns the page."""
    clips = [_clip(folder, label, pitch) for label, pitch in (("original", 110), ("by harmonic", 220))]
    table = Table(
        columns=("speech", "voice", *(f"a measure with a long name, {number}" for number in range(8))),
        rows=tuple((f"conversion {row}", None, *(f"{row}.{n} (0.11 to 0.99)" for n in range(8))) for row in range(3)),
        caption="Judged speech",
        emphasis=1,
    )
    report = Report(
        title="Discrete codes from raw speech",
        subtitle="Reconstruction, voice conversion, codes and phonemes",
        warning=WARNING,
        facts=(("Data", "/a/folder/with/a/name/much/longer/than/the/screen/of/a/telephone/english"), ("Seed", "0")),
        headlines=(Headline(name="words wrong", value="12", unit="%", comparison="originals 7 %"),),
        sections=(
            Section(title="Judged speech", text="Words in `code`.\n\nMore.", tables=(table,)),
            Section(title="Players", players=(PlayerRow(title="p225_001", text="Please call.", clips=tuple(clips)),)),
            Section(title="Codebook", figures=(Picture(source=codebook_usage([3, 2, 1]), caption="Use", alt="bars"),)),
        ),
        command="vqspeech recipe run vctk --corpus demo --out runs/demo --set train.steps=2000 --set corpus.seed=1",
        versions={"vqspeech": "1", "torch": "2"},
    )
    return write_report(folder / "report", report)


def _clip(folder: Path, label: str, pitch_hz: float) -> Clip:
    time = np.arange(round(SECONDS * RATE)) / RATE
    path = folder / f"{label}.wav"
    audio.write(path, 0.2 * np.sin(2 * np.pi * pitch_hz * time * (1 + 0.2 * time)), RATE)
    return Clip(
        label=label,
        audio=path,
        speaker="p225",
        spectrogram=file_strip(path),
        measures=(("heard", "please call stellar"), ("wrong words", "1 of 3")),
        codes=CodeStrip.of([CODES], SECONDS * RATE / HOP),
    )
