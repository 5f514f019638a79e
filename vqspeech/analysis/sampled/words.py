"""Words that a recogniser hears in sampled speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqspeech.analysis.listening.judge.text import NOTHING, edit_distance, plain

WORDS_PER_S = 1.0
"""Different words per second at least in a clip with words.

Read speech has two to three. A recogniser writes a word or two for noise too, or one word again and again.
"""


@dataclass(frozen=True, kw_only=True)
class WordsHeard:
    """What a recogniser hears in clips of one kind.

    Parameters
    ----------
    clips : number of clips
    share : share of the clips with words, see `WORDS_PER_S`
    words_per_s : words per second of all clips
    again : words that it hears at the same place of the same codes in another voice, as a share of those of the longer
        text, over all clips; None where there is no other voice. Words that are there do not change with the voice
    """

    clips: int
    share: float
    words_per_s: float
    again: float | None


def words_of(heard: str) -> list[str]:
    """Return the words of a recogniser's text in plain form, none for a text without letters."""
    text = plain(heard)
    return [] if text == NOTHING else text.split()


def words_heard(
    heard: Sequence[str], seconds: Sequence[float], others: Sequence[str] | None = None
) -> WordsHeard | None:
    """Count words; None without clips.

    Parameters
    ----------
    heard : what the recogniser hears in each clip
    seconds : duration of each clip
    others : what it hears in the same codes in another voice
    """
    if not heard:
        return None
    words = [words_of(text) for text in heard]
    enough = [len(set(one)) >= WORDS_PER_S * duration for one, duration in zip(words, seconds, strict=True)]
    return WordsHeard(
        clips=len(words),
        share=float(np.mean(enough)),
        words_per_s=sum(map(len, words)) / max(1e-9, sum(seconds)),
        again=None if others is None else _again(words, [words_of(text) for text in others]),
    )


def _again(words: Sequence[list[str]], others: Sequence[list[str]]) -> float:
    longest = sum(max(len(one), len(other)) for one, other in zip(words, others, strict=True))
    errors = sum(edit_distance(one, other) for one, other in zip(words, others, strict=True))
    return 1 - errors / longest if longest else 0.0
