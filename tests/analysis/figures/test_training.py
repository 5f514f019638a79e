"""Curves of training, whatever the modality and its criterion."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from vqspeech.analysis.figures.training import training_curves
from vqspeech.report.images import save_figure


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("rows", [[], [{}], [{"step": 1}], [{"step": 1, "split": "train", "nll_bits": 2.0}]])
def test_training_curves_survive_missing_keys(rows: list[dict[str, object]], tmp_path: Path) -> None:
    assert save_figure(training_curves(rows), tmp_path / "curves.png").exists()


def test_each_loss_term_that_was_logged_has_a_line() -> None:
    rows = [{"step": s, "split": "train", "nll_bits": 4.0, "spectral": 0.5, "commitment": 0.1} for s in (1, 2)]
    assert labels(training_curves(rows)) == ["training: 4", "spectral: 0.5", "commitment: 0.1"]


def test_a_criterion_other_than_a_likelihood_comes_first_and_beside_its_shuffled_value() -> None:
    rows = [
        {"step": 1, "split": "train", "mel": 2.0, "adversary": 0.5, "learning_rate": 1e-3, "samples_per_second": 9.0},
        {"step": 1, "split": "valid", "mel": 1.5, "shuffled_mel": 3.0},
    ]
    figure = training_curves(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["mel", "Other losses"]
    assert labels(figure) == ["training: 2", "held out: 1.5", "held out, codes shuffled: 3", "adversary: 0.5"]
