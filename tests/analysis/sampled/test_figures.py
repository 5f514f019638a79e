"""Figures of sampled codes hold what they are given, and stay empty without it."""

import numpy as np

from vqspeech.analysis.sampled.figures import cumulative, divergence_bars


def texts(axes):
    return {text.get_text() for text in (*axes.texts, *axes.get_yticklabels(), *axes.get_xticklabels())}


def test_a_bar_for_each_set_that_was_compared():
    (axes,) = divergence_bars([("held-out", None), ("wavenet", 0.0124), ("bigram", -0.001)], measure="bits").axes
    assert {"wavenet", "0.012", "bigram", "-0.001"} <= texts(axes)
    assert len(axes.patches) == 2


def test_a_line_for_each_set_with_values():
    (axes,) = cumulative({"real": np.array([2.0, 1.0]), "none": np.zeros(0)}, x="s", y="%").axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 2]
    assert line.get_ydata().tolist() == [50, 100]


def test_nothing_to_show_is_said():
    assert "nothing was compared" in texts(divergence_bars([("a", None)], measure="").axes[0])
    assert "there is nothing to show" in texts(cumulative({}, x="", y="").axes[0])
