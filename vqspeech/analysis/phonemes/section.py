"""The report's section on codes and phones, from the scores and the figures of the analysis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqspeech.analysis.phonemes.baselines import RANDOM
from vqspeech.analysis.phonemes.scores import CODES
from vqspeech.report import Picture, Section, Table

PAPER = "van den Oord et al. 2017 report 49.3 % on VCTK with 128 codes at 25 Hz and 41 phones; chance is 7.2 %."

PICTURES = (
    ("code-phone-matrix", "P(phone | code); codes ordered by their phone", "matrix of phones and codes"),
    (
        "codebook",
        "the codebook in the plane; each code is named by its phone, its area is its share of frames",
        "projections of the code vectors",
    ),
    ("recall", "share of each phone's frames that the map names", "bar chart of recall by phone"),
    ("codes-and-phones", "codes and phones of one utterance on one time axis", "spectrogram with codes and phones"),
    ("durations", "how long codes hold, and phones last", "histogram of durations"),
)
"""File name, caption and description of the figures that the section shows."""


_LEARNED = {
    True: "; the codes learned from phone labels in training",
    False: "; no phone label was used in training",
    None: "",
}


def section(scores: Mapping[str, Any], folder: Path | None) -> Section:
    """Return the section on codes and phones.

    Parameters
    ----------
    scores : `PhonemeScores.summary`
    folder : folder of the figures as PNG; missing figures are omitted, all of them when None
    """
    origin = f"; phones from {scores['labels_from']}" if scores["labels_from"] else ""
    interval, silence = "", "excluded" if scores["excludes_silence"] else "included"
    if scores["ci95"]:
        low, high = (100 * bound for bound in scores["ci95"])
        interval = f" (95 % over {scores['ci95_over']}: {low:.1f} to {high:.1f})"
    rows: list[tuple[str, str | None, str | None]] = [
        (
            "VQ-VAE codes" if name == CODES else name,
            _percent(scores["random_codes"] if name == RANDOM else unit["accuracy"]),
            _percent(unit["accuracy_other_speakers"]),
        )
        for name, unit in scores["units"].items()
    ]
    rows.append(("most frequent phone", _percent(scores["prior"]), _percent(scores["prior_other_speakers"])))
    return Section(
        title="Codes and phonemes",
        text="Each code is mapped to the phone it falls on most often, and the map is scored on the same "
        f"{scores['frames']} frames, silence {silence}{interval}. k-means has as many clusters at the same rate; "
        "fitted on the training audio it is a fair baseline, fitted on the scored audio it has an advantage. "
        f"{PAPER}",
        tables=(
            Table(
                columns=("codes", "accuracy", "map fitted on other speakers"),
                rows=tuple(rows),
                caption=f"{scores['frames']} frames, {scores['phones']} phones, {scores['speakers']} speakers, "
                f"all splits{origin}{_LEARNED[scores['learned_from_phones']]}",
                emphasis=0,
            ),
        ),
        figures=tuple(
            Picture(source=folder / f"{name}.png", caption=caption, alt=alt)
            for name, caption, alt in PICTURES
            if folder is not None and (folder / f"{name}.png").is_file()
        ),
    )


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
