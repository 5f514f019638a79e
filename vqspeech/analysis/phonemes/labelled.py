"""Alignments and labelled frames of a context, for analyses of codes and phones."""

from __future__ import annotations

from collections.abc import Mapping

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.inventories import fold_all
from vqspeech.analysis.contract import AnalysisContext
from vqspeech.analysis.phonemes.frames import label_frames
from vqspeech.analysis.phonemes.units import FrameScorer
from vqspeech.codec.speech import SpeechCodec
from vqspeech.errors import InputError

NO_ALIGNMENTS = (
    "no utterance of this corpus has a phone alignment. English texts are aligned by `--aligner pocketsphinx`, in a "
    'recipe or a training by corpus.aligner = "pocketsphinx" (extra align); otherwise give TextGrids to `vqspeech '
    "analyze phonemes RUN --alignments DIR`, or put .TextGrid, .phn, .lab or .ctm files beside the audio; see "
    "docs/alignments.md"
)


def aligned_only(context: AnalysisContext) -> Mapping[str, Alignment]:
    """Return the alignments of a context.

    Raises
    ------
    InputError : without alignments; the message explains how to get them
    """
    if not context.alignments:
        raise InputError(NO_ALIGNMENTS)
    return context.alignments


def speech_codec(context: AnalysisContext) -> SpeechCodec | None:
    """Return the model of a context when it is one of speech, whose code vectors can be used."""
    return context.codec if isinstance(context.codec, SpeechCodec) else None


def frame_scorer(context: AnalysisContext, phones: str) -> FrameScorer:
    """Label the frames of a context, silence excluded and phones folded by an inventory, for scoring.

    Raises
    ------
    InputError : without alignments, or when no frame has a phone
    UnknownNameError : for an unknown inventory
    """
    folded, _, _ = fold_all(aligned_only(context), phones)
    frames = label_frames(context.table, folded)
    return FrameScorer(frames, context.table, folded, context.seed)
