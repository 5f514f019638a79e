"""Measures of priors and of what is drawn from them, beside n-grams and held-out speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.analysis.sampled.compare import HELD_OUT, Yardstick, compare, phone_lengths, relative_excess
from vqspeech.analysis.sampled.figures import cumulative, divergence_bars
from vqspeech.analysis.sampled.held_out import HeldOut
from vqspeech.analysis.sampled.ngram_draws import NAMES
from vqspeech.experiments import Result
from vqspeech.report.images import save_figure

BASELINE = "bigram"
"""The n-gram whose divergence is the unit of the others'."""


def measure(
    bits: Mapping[str, HeldOut],
    drawn: Mapping[str, Sequence[np.ndarray]],
    yardstick: Yardstick,
    pictures: Path,
) -> Result:
    """Measure sets of codes; draw the figures of the page.

    Parameters
    ----------
    bits : name of a prior -> its bits per held-out code, and those of n-grams
    drawn : name -> codes of each window, of priors and n-grams
    yardstick : what is compared with
    pictures : receives the figures

    Returns
    -------
    JSON values: ``bits_per_code`` of each prior and n-gram, ``bits_of_codebooks`` of each prior, ``held_out``, on what
    they were computed, ``compared`` (see `vqspeech.analysis.sampled.compare.compare`) and ``pictures``
    """
    any_of = next(iter(bits.values()))
    compared = compare(drawn, yardstick)
    return {
        "bits_per_code": {
            **{name: one.bits for name, one in bits.items()},
            **{name: getattr(any_of, name) for name in NAMES.values()},
        },
        "bits_of_codebooks": {name: list(one.by_codebook) for name, one in bits.items()},
        "held_out": {"split": any_of.split, "rows": any_of.sequences, "frames": any_of.frames},
        "compared": compared,
        "phone_bigrams_of_baseline": {name: _of_baseline(compared, name) for name in drawn},
        "pictures": _draw(compared, drawn, yardstick, pictures),
    }


def _of_baseline(compared: Mapping[str, Any], name: str) -> float | None:
    own, baseline = compared[name]["phones"], compared[BASELINE]["phones"]
    return None if own is None else relative_excess(own["bigram"], baseline["bigram"])


def _draw(
    compared: Mapping[str, Any], drawn: Mapping[str, Sequence[np.ndarray]], yardstick: Yardstick, folder: Path
) -> list[list[str]]:
    """Draw the figures; return file and caption of each."""
    figures = []
    if yardstick.phone_map is not None:
        bars = [(name, _excess(one["phones"]["bigram"])) for name, one in compared.items()]
        bars_of = divergence_bars(bars, measure="divergence of phone bigrams above that of one source, bit")
        lengths = {
            name: phone_lengths(codes, yardstick) / yardstick.frame_rate_hz
            for name, codes in {HELD_OUT: yardstick.held_out, **drawn}.items()
        }
        figures += [
            ("phone-bigrams.png", "Divergence of phone bigrams from held-out speech", bars_of),
            (
                "phone-durations.png",
                "Durations of phones and pauses",
                cumulative(lengths, x="duration, s", y="shorter, %"),
            ),
        ]
    stretches = {
        name: np.array(one["nearest"]["all_codebooks"]["frames"]) / yardstick.frame_rate_hz
        for name, one in compared.items()
    }
    nearest = cumulative(stretches, x="longest stretch that occurs in training, s", y="windows with at most, %")
    figures.append(("nearest.png", "The longest stretch of each window that occurs in training", nearest))
    for name, _, figure in figures:
        save_figure(figure, folder / name)
    return [[name, caption] for name, caption, _ in figures]


def _excess(divergence: Mapping[str, Any] | None) -> float | None:
    return None if divergence is None else divergence["excess_bits"]
