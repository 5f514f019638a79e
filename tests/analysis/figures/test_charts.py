from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis.figures import charts, spectrograms, style
from vqspeech.analysis.figures.training import training_curves
from vqspeech.report.images import save_figure

RATE = 16000


def drawn() -> dict[str, Figure]:
    rng = np.random.default_rng(0)
    sound = np.sin(np.arange(16000) / 10).astype(np.float32)
    rows = [
        {"step": step, "split": split, "nll_bits": 5.0 - step / 1000, "perplexity": 30.0, "codes_used": 40, "aux": None}
        for step in range(0, 900, 3)
        for split in ("train", "valid")
    ]
    return {
        "training": training_curves([*rows, {"step": 901, "split": "train", "nll_bits": float("nan")}]),
        "usage": charts.codebook_usage(rng.integers(0, 50, 128)),
        "bars": charts.accuracy_bars([("codes", 0.5), ("chance", 0.1)], interval=(0.4, 0.6)),
        "strip": spectrograms.spectrogram_strip(rng.normal(0, 0.1, 48000), RATE),
        "row": spectrograms.spectrogram_row([("original", sound), ("shorter", sound[:9000])], RATE),
        "codes": spectrograms.codes_and_phones(
            sound, RATE, np.arange(25), 640, alignment=Alignment((Interval(0.0, 0.5, "aa"), Interval(0.5, 1.0, "sil")))
        ),
    }


def test_every_figure_is_light_and_a_png(tmp_path: Path) -> None:
    for name, figure in drawn().items():
        path = save_figure(figure, tmp_path / "figures" / f"{name}.png")
        assert path.read_bytes().startswith(b"\x89PNG"), name
        assert path.stat().st_size < 120_000, name


def test_an_unused_codebook_gives_a_figure_and_not_an_error() -> None:
    assert isinstance(charts.codebook_usage(np.zeros(4)), Figure)


def test_no_figure_goes_through_pyplot() -> None:
    code = "import sys, vqspeech.analysis.phonemes.analysis; print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_silence_is_drawn_dark() -> None:
    assert spectrograms.spectrogram_db(np.zeros(8000), RATE).max() < -0.9 * spectrograms.RANGE_DB


def test_a_figure_stands_alone_as_png_and_svg(tmp_path: Path) -> None:
    png, svg = style.save_both(drawn()["usage"], tmp_path / "new", "usage")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text(encoding="utf-8")
