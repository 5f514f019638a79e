from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from vqspeech.alignment.base import Alignment, Interval
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
