from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.analysis.figures import charts, spectrograms
from vqspeech.analysis.figures.style import new_figure, save_both
from vqspeech.analysis.phonemes import figures
from vqspeech.report.images import save_figure


def drawn() -> dict[str, Figure]:
    rng = np.random.default_rng(0)
    many = [f"p{i}" for i in range(39)]
    return {
        "matrix": figures.code_phone_matrix(rng.integers(0, 9, (128, 39)), many),
        "projection": figures.codebook_projection(
            rng.normal(size=(64, 8)), rng.integers(0, 9, (64, 5)), ["aa", "s", "t", "n", "ɹ"]
        ),
        "confusion": figures.confusion_matrix(rng.integers(0, 9, (39, 39)), many),
        "recall": figures.recall_bars({"aa": 0.5, "t": 0.0}, {"aa": 10, "t": 3}),
        "durations": figures.durations(0.04 * rng.integers(1, 9, 99), rng.gamma(2.0, 0.04, 99), 0.04),
    }


def test_every_figure_is_light_and_a_png(tmp_path: Path) -> None:
    for name, figure in drawn().items():
        path = save_figure(figure, tmp_path / f"{name}.png")
        assert path.read_bytes().startswith(b"\x89PNG"), name
        assert path.stat().st_size < 120_000, name


def test_labels_are_drawn_as_they_are_written_and_never_as_formulas(tmp_path: Path) -> None:
    labels = ["$x^$", "$a_{$", r"$\frac$", "<b>&"]
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, (12, 4))
    alignment = Alignment(tuple(Interval(i / 4, (i + 1) / 4, label) for i, label in enumerate(labels)))
    for name, figure in {
        "matrix": figures.code_phone_matrix(counts, labels),
        "projection": figures.codebook_projection(rng.normal(size=(12, 8)), counts, labels),
        "confusion": figures.confusion_matrix(rng.integers(1, 9, (4, 4)), labels),
        "recall": figures.recall_bars(dict.fromkeys(labels, 0.5), dict.fromkeys(labels, 3)),
        "accuracy": charts.accuracy_bars([(label, 0.5) for label in labels]),
        "codes": spectrograms.codes_and_phones(
            rng.normal(size=16000).astype(np.float32), 16000, np.arange(50), 320, alignment=alignment, title="$x^$"
        ),
    }.items():
        png, svg = save_both(figure, tmp_path, name)
        assert png.stat().st_size > 0, name
        assert svg.stat().st_size > 0, name
    # As a formula "$x^2$" would be narrower than its five characters.
    width = {}
    for text in ("$x^2$", "Sx^2S"):
        figure = new_figure(1.0)
        drawn_text = figure.text(0.5, 0.5, text)
        figure.canvas.draw()
        width[text] = drawn_text.get_window_extent().width
    assert width["$x^2$"] == pytest.approx(width["Sx^2S"], rel=0.1)


def test_empty_counts_give_a_figure_and_not_an_error() -> None:
    assert isinstance(figures.code_phone_matrix(np.zeros((4, 2)), ["a", "b"]), Figure)
    assert isinstance(figures.codebook_projection(np.ones((4, 2)), np.zeros((4, 2)), ["a", "b"]), Figure)


def test_phones_are_ordered_by_manner_and_then_by_frequency() -> None:
    phones = ["t", "ə", "iy", "sil", "aa"]
    order = figures.phone_order(phones, np.array([5, 9, 1, 99, 3]))
    assert [phones[index] for index in order] == ["ə", "aa", "iy", "t", "sil"]


def test_runs_of_one_code_end_where_any_codebook_changes() -> None:
    one, two = np.array([3, 3, 3, 1, 1]), np.array([[0, 0, 1], [5, 6, 6]])
    assert figures.run_lengths([one], 0.5).tolist() == [1.5, 1.0]
    assert figures.run_lengths([two, np.zeros((2, 0))], 1.0).tolist() == [1.0, 1.0, 1.0]


def test_silence_is_no_phone_when_durations_are_counted() -> None:
    alignment = Alignment((Interval(0.0, 0.5, "sil"), Interval(0.5, 0.75, "aa")))
    assert figures.phone_lengths([alignment]).tolist() == pytest.approx([0.25])
