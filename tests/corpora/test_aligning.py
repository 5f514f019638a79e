"""Alignments that a registered aligner makes."""

from pathlib import Path

import pytest

from vqspeech.alignment.base import Alignment, Interval
from vqspeech.corpora.aligning import make
from vqspeech.corpora.base import Utterance
from vqspeech.errors import UnknownNameError


def utterance(speaker: str, stem: str, text: str | None = None) -> Utterance:
    path = Path("/corpus") / speaker / f"{stem}.wav"
    return Utterance(id=f"{speaker}_{stem}", path=path, speaker=speaker, text=text, split="train", duration_s=1.0)


def test_aligners_that_make_alignments_are_given_the_text(isolated_registry, fake_dist) -> None:
    fake_dist(
        "vqspeech-words",
        """
        import vqspeech
        from vqspeech.alignment.base import Alignment, Interval
        from vqspeech.errors import InputError, UnknownNameError
        from vqspeech.registry.specs import AlignerSpec

        def align(path, *, text):
            if text == "?":
                raise InputError("cannot say that")
            return Alignment((Interval(0.0, 1.0, text),))

        @vqspeech.hookimpl
        def register_aligners():
            return [AlignerSpec(name="words", target="vqspeech_words:align", summary="one label")]
        """,
    )
    isolated_registry()
    speech = [utterance("a", "1", text="hello"), utterance("a", "2", text="?"), utterance("a", "3")]
    made = make("words", speech)
    assert made.alignments == {"a_1": Alignment((Interval(0.0, 1.0, "hello"),))}
    assert made.skipped == {"a_2": "cannot say that", "a_3": "has no text"}
    with pytest.raises(UnknownNameError, match="unknown aligner 'textgrid'"):
        make("textgrid", speech)
