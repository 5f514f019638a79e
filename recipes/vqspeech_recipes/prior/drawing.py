"""Windows of codes drawn from priors and from n-grams, one for each window of held-out speech."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vqspeech.analysis.sampled.ngram_draws import NAMES, NgramDraws
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.generation import generate, require_priors
from vqspeech.training.codes import LoadedPrior
from vqspeech_recipes.prior.settings import SampleConfig

TIMED_S = 5.0
"""Duration of the sample whose drawing is timed."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was drawn from a prior.

    Parameters
    ----------
    table : its windows
    seconds : time that they took together
    seconds_of_one : time of one sample of `TIMED_S`, alone
    """

    table: CodeTable
    seconds: float
    seconds_of_one: float


def draw_from_prior(
    codec: SpeechCodec, prior: LoadedPrior, held_out: Sequence[UtteranceCodes], sample: SampleConfig, seed: int
) -> Drawn:
    """Draw a window for each of held-out speech; from a conditioned prior, for those of its speakers that it knows.

    Raises
    ------
    InputError : for a conditioned prior that knows no voice of the model
    """
    speakers = []
    if prior.space.conditions:
        known = {one for one in prior.conditions if not codec.speakers or one in codec.speakers}
        speakers = [row.speaker for row in held_out if row.speaker in known]
    priors = require_priors(codec, [prior])

    def draw(count: int, frames: int) -> CodeTable:
        return generate(
            codec,
            priors,
            count,
            frames=frames,
            conditions=speakers,
            seed=seed,
            temperature=sample.temperature,
            top_p=sample.top_p,
        )

    began = time.perf_counter()
    table = draw(len(held_out), held_out[0].codes.shape[1])
    together = time.perf_counter()
    draw(1, round(TIMED_S * codec.frame_rate_hz))
    return Drawn(table=table, seconds=together - began, seconds_of_one=time.perf_counter() - together)


def draw_from_ngrams(table: CodeTable, held_out: Sequence[UtteranceCodes], order: int, seed: int) -> CodeTable:
    """Draw a window for each of held-out speech from the n-grams of the training rows of a table."""
    draws = NgramDraws([row.codes for row in training_rows(table)], table.codebook_sizes, order)
    codes = draws.sample(len(held_out), held_out[0].codes.shape[1], seed=seed)
    rows = [
        replace(row, id=f"{NAMES[order]}-{number:03}", path="", codes=one)
        for number, (row, one) in enumerate(zip(held_out, codes, strict=True))
    ]
    return replace(table, rows=tuple(rows))


def training_rows(table: CodeTable) -> list[UtteranceCodes]:
    """Return the training rows of a table."""
    return [row for row in table if row.split in ("", "train")]
