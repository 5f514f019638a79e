from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis import figures, phone_figures, spectrograms

RATE = 16000


def draw() -> dict[str, Figure]:
    rng = np.random.default_rng(0)
    sound = np.sin(np.arange(16000) / 10).astype(np.float32)
    rows = [
        {"step": step, "split": split, "nll_bits": 5.0 - step / 1000, "perplexity": 30.0, "codes_used": 40, "aux": None}
        for step in range(0, 900, 3)
        for split in ("train", "valid")
    ]
    return {
        "training": figures.training_curves([*rows, {"step": 901, "split": "train", "nll_bits": float("nan")}]),
        "usage": figures.codebook_usage(rng.integers(0, 50, 128)),
        "matrix": figures.code_phone_matrix(rng.integers(0, 9, (128, 39)), [f"p{i}" for i in range(39)]),
        "bars": figures.accuracy_bars([("codes", 0.5), ("chance", 0.1)], interval=(0.4, 0.6)),
        "strip": spectrograms.spectrogram_strip(rng.normal(0, 0.1, 48000), RATE),
        "row": spectrograms.spectrogram_row([("original", sound), ("shorter", sound[:9000])], RATE),
        "projection": phone_figures.codebook_projection(
            rng.normal(size=(64, 8)), rng.integers(0, 9, (64, 5)), ["aa", "s", "t", "n", "ɹ"]
        ),
        "confusion": phone_figures.confusion_matrix(rng.integers(0, 9, (39, 39)), [f"p{i}" for i in range(39)]),
        "recall": phone_figures.recall_bars({"aa": 0.5, "t": 0.0}, {"aa": 10, "t": 3}),
        "durations": phone_figures.durations(0.04 * rng.integers(1, 9, 99), rng.gamma(2.0, 0.04, 99), 0.04),
        "codes": spectrograms.codes_and_phones(
            sound, RATE, np.arange(25), 640, alignment=Alignment((Interval(0.0, 0.5, "aa"), Interval(0.5, 1.0, "sil")))
        ),
    }


def test_every_figure_is_light_and_a_png(tmp_path: Path) -> None:
    for name, figure in draw().items():
        path = figures.save(figure, tmp_path / "figures" / f"{name}.png")
        assert path.read_bytes().startswith(b"\x89PNG"), name
        assert path.stat().st_size < 120_000, name


@pytest.mark.parametrize("rows", [[], [{}], [{"step": 1}], [{"step": 1, "split": "train", "nll_bits": 2.0}]])
def test_training_curves_survive_missing_keys(rows: list[dict[str, object]], tmp_path: Path) -> None:
    assert figures.save(figures.training_curves(rows), tmp_path / "curves.png").exists()


def test_each_loss_term_that_was_logged_has_a_line() -> None:
    rows = [{"step": s, "split": "train", "nll_bits": 4.0, "spectral": 0.5, "commitment": 0.1} for s in (1, 2)]
    labels = [text.get_text() for axes in figures.training_curves(rows).axes for text in axes.get_legend().get_texts()]
    assert labels == ["training: 4", "spectral: 0.5", "commitment: 0.1"]


def test_empty_counts_give_a_figure_and_not_an_error() -> None:
    assert isinstance(figures.code_phone_matrix(np.zeros((4, 2)), ["a", "b"]), Figure)
    assert isinstance(figures.codebook_usage(np.zeros(4)), Figure)
    assert isinstance(phone_figures.codebook_projection(np.ones((4, 2)), np.zeros((4, 2)), ["a", "b"]), Figure)


def test_phones_are_ordered_by_manner_and_then_by_frequency() -> None:
    phones = ["t", "ə", "iy", "sil", "aa"]
    order = figures.phone_order(phones, np.array([5, 9, 1, 99, 3]))
    assert [phones[index] for index in order] == ["ə", "aa", "iy", "t", "sil"]


def test_no_figure_goes_through_pyplot() -> None:
    import subprocess

    code = "import sys, vqspeech.analysis.figures, vqspeech.analysis.spectrograms; print('matplotlib.pyplot' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


def test_silence_is_drawn_dark() -> None:
    assert spectrograms.spectrogram_db(np.zeros(8000), RATE).max() < -0.9 * spectrograms.RANGE_DB


def test_a_figure_stands_alone_as_png_and_svg(tmp_path: Path) -> None:
    png, svg = figures.save_both(draw()["recall"], tmp_path / "new", "recall")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text(encoding="utf-8")


def test_runs_of_one_code_end_where_any_codebook_changes() -> None:
    one, two = np.array([3, 3, 3, 1, 1]), np.array([[0, 0, 1], [5, 6, 6]])
    assert phone_figures.run_lengths([one], 0.5).tolist() == [1.5, 1.0]
    assert phone_figures.run_lengths([two, np.zeros((2, 0))], 1.0).tolist() == [1.0, 1.0, 1.0]


def test_silence_is_no_phone_when_durations_are_counted() -> None:
    alignment = Alignment((Interval(0.0, 0.5, "sil"), Interval(0.5, 0.75, "aa")))
    assert phone_figures.phone_lengths([alignment]).tolist() == [0.25]
