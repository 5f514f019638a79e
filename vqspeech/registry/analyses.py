"""Built-in analyses, formats of alignments and aligners."""

from __future__ import annotations

from vqspeech.registry.hookspecs import hookimpl
from vqspeech.registry.specs import AlignerSpec, AlignmentSpec, AnalysisSpec


@hookimpl
def register_analyses() -> list[AnalysisSpec]:
    """Register analyses of codes."""
    return [
        AnalysisSpec(
            name="phonemes",
            target="vqspeech.analysis.phonemes.analysis:analyse",
            summary="codes compared with phonemes, with chance and k-means on the same frames",
            media=("audio",),
        ),
        AnalysisSpec(
            name="boundaries",
            target="vqspeech.analysis.phonemes.aspects:boundaries",
            summary="agreement of code changes and phone changes",
            media=("audio",),
        ),
        AnalysisSpec(
            name="abx",
            target="vqspeech.analysis.phonemes.aspects:abx_errors",
            summary="ABX errors of codes, of code vectors and of MFCC",
            media=("audio",),
        ),
        AnalysisSpec(
            name="triphone-abx",
            target="vqspeech.analysis.phonemes.triphones:analyse",
            summary="ZeroSpeech's ABX errors of codes by fastabx (extra fastabx), or its files",
            media=("audio",),
        ),
        AnalysisSpec(
            name="speakers",
            target="vqspeech.analysis.phonemes.aspects:speakers",
            summary="speaker information in codes and in MFCC",
            media=("audio",),
        ),
        AnalysisSpec(
            name="codebook",
            target="vqspeech.analysis.codebook:analyse",
            summary="use of codes, their entropy and their bit rate",
        ),
    ]


@hookimpl
def register_alignments() -> list[AlignmentSpec]:
    """Register file formats of phone alignments."""
    return [
        AlignmentSpec(
            name="phn",
            target="vqspeech.alignment.timit:read_phn",
            summary="TIMIT .phn: begin and end in samples",
            suffixes=(".phn",),
        ),
        AlignmentSpec(
            name="textgrid",
            target="vqspeech.alignment.textgrid:read_textgrid",
            summary="Praat TextGrid, long and short form",
            suffixes=(".textgrid",),
        ),
        AlignmentSpec(
            name="lab",
            target="vqspeech.alignment.lab:read_lab",
            summary="HTK and xlabel files: begin and end in units of 100 ns, or ends in seconds",
            suffixes=(".lab",),
        ),
        AlignmentSpec(
            name="ctm",
            target="vqspeech.alignment.ctm:read_ctm",
            summary="NIST and Kaldi CTM: begin and duration in seconds",
            suffixes=(".ctm",),
        ),
    ]


@hookimpl
def register_aligners() -> list[AlignerSpec]:
    """Register makers of phone alignments."""
    return [
        AlignerSpec(
            name="pocketsphinx",
            target="vqspeech.alignment.pocketsphinx:align_file",
            summary="English phones from a recording and its text, offline (extra align)",
        ),
        AlignerSpec(
            name="wav2vec2",
            target="vqspeech.alignment.forced:align_file",
            summary="alignment of letters from a recording and its text: CTC with wav2vec2 (downloads its weights)",
        ),
    ]
