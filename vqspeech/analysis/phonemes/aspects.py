"""Registered analyses `boundaries`, `abx` and `speaker_leakage`."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from vqspeech.alignment.inventories import AUTO, label_doubts
from vqspeech.analysis import latents
from vqspeech.analysis.contract import AnalysisContext, AnalysisResult
from vqspeech.analysis.phonemes import abx
from vqspeech.analysis.phonemes.baselines import mfcc_of, random_codes
from vqspeech.analysis.phonemes.boundaries import TOLERANCE_S, boundary_scores, code_boundaries
from vqspeech.analysis.phonemes.labelled import frame_scorer, speech_codec
from vqspeech.analysis.phonemes.leakage import speaker_leakage
from vqspeech.errors import InputError
from vqspeech.report import Section, Table


def boundaries(context: AnalysisContext, *, phones: str = AUTO, tolerance_s: float = TOLERANCE_S) -> AnalysisResult:
    """Compare changes of code with changes of phone, beside random codes at the same rate.

    Parameters
    ----------
    phones : inventory to fold phones by
    tolerance_s : largest distance of two boundaries that count as the same, in seconds

    Raises
    ------
    InputError : without alignments, or for a negative tolerance
    """
    if tolerance_s < 0:
        raise InputError(f"tolerance_s = {tolerance_s}; at least 0 seconds")
    scorer = frame_scorer(context, phones)
    chance = next(random_codes(len(scorer.frames.codes), scorer.frames.n_codes, context.seed))
    by_codes = {}
    for name, codes in (("codes", scorer.frames.codes), ("random codes", chance)):
        sequences = scorer.frames.split(codes)
        pairs = [
            (code_boundaries(own, scorer.hop_s), edges) for own, edges in zip(sequences, scorer.edges, strict=True)
        ]
        by_codes[name] = boundary_scores(pairs, tolerance_s)
    columns = ("precision", "recall", "f1", "r_value")
    table = Table(
        columns=("", *columns, "found"),
        rows=tuple((name, *(getattr(one, column) for column in columns), one.found) for name, one in by_codes.items()),
        caption=f"boundaries within {1000 * tolerance_s:g} ms; the alignments have {by_codes['codes'].wanted}",
    )
    return AnalysisResult(
        summary={
            "tolerance_s": tolerance_s,
            **asdict(by_codes["codes"]),
            "random_codes": asdict(by_codes["random codes"]),
            "utterances": len(scorer.edges),
        },
        scores={name: getattr(by_codes["codes"], name) for name in columns},
        sections=(Section(title="Boundaries of codes and of phones", tables=(table,)),),
        notes=label_doubts(context.alignments, phones),
    )


def abx_errors(context: AnalysisContext, *, phones: str = AUTO) -> AnalysisResult:
    """Compute ABX errors of codes, of code vectors and of MFCC at the same rate; chance is 0.5.

    Parameters
    ----------
    phones : inventory to fold phones by

    Raises
    ------
    InputError : without alignments
    """
    scorer = frame_scorer(context, phones)
    frames = scorer.frames
    mfcc = _mfcc(context, frames.utterances, frames.lengths)
    errors_of = {"codes": scorer.abx_of(frames.codes, abx.different)}
    codec = speech_codec(context)
    if codec is not None:
        vectors = latents.code_vectors(codec, frames.code_names)
        vectors = np.vstack([vectors, vectors.mean(axis=0)])
        errors_of["code vectors, angle"] = scorer.abx_of(vectors[frames.codes], abx.angle)
    errors_of["13 MFCC, angle"] = scorer.abx_of(mfcc - mfcc.mean(axis=0), abx.angle)
    table = Table(
        columns=("", "within speaker", "across speakers"),
        rows=tuple((name, *errors) for name, errors in errors_of.items()),
        caption=f"ABX error, chance 0.5; {len(scorer.tokens.phone)} tokens of {len(frames.phones)} phones",
    )
    return AnalysisResult(
        summary={
            "errors": {name: {"within": within, "across": across} for name, (within, across) in errors_of.items()},
            "tokens": len(scorer.tokens.phone),
            "phones": len(frames.phones),
        },
        scores={
            f"{name}, {side}": error
            for name, pair in errors_of.items()
            for side, error in zip(_SIDES, pair, strict=True)
        },
        sections=(Section(title="ABX", tables=(table,)),),
        notes=label_doubts(context.alignments, phones),
    )


_SIDES = ("within", "across")


def speakers(context: AnalysisContext) -> AnalysisResult:
    """Probe the codes of one frame and of one utterance for the speaker, beside the same from MFCC.

    Needs no alignment: all frames count, silent ones too.

    Raises
    ------
    InputError : with fewer than two speakers of at least two utterances each
    """
    table = context.table
    names = sorted({row.speaker for row in table})
    lengths = np.asarray([row.codes.shape[1] for row in table])
    joint = np.concatenate([row.codes for row in table], axis=1)
    different, codes = np.unique(joint, axis=1, return_inverse=True)
    leakage = speaker_leakage(
        codes.reshape(-1),
        _mfcc(context, [row.id for row in table], lengths),
        np.repeat(np.arange(len(table)), lengths),
        np.asarray([names.index(row.speaker) for row in table]),
        different.shape[1],
        context.seed,
    )
    if leakage is None:
        raise InputError(
            f"speakers are probed with at least two speakers of two utterances each; there are {len(table)} utterances "
            f"of {len(names)} speaker(s)"
        )
    rows = (
        ("one frame", leakage.frame_codes, leakage.frame_mfcc, leakage.frame_chance),
        ("an utterance", leakage.utterance_codes, leakage.utterance_mfcc, leakage.utterance_chance),
    )
    return AnalysisResult(
        summary=asdict(leakage),
        sections=(
            Section(
                title="The speaker in the codes",
                text=f"I(code; speaker) = {leakage.information_bits:.3f} bit of "
                f"H(speaker) = {leakage.speaker_entropy_bits:.2f} bit.",
                tables=(
                    Table(
                        columns=("from", "codes", "13 MFCC", "chance"),
                        rows=rows,
                        caption=f"accuracy of naming one of {leakage.speakers} speakers, on held-out utterances",
                    ),
                ),
            ),
        ),
    )


def _mfcc(context: AnalysisContext, names: tuple[str, ...] | list[str], lengths: np.ndarray) -> np.ndarray:
    """Compute 13 MFCC at the centre of every code of utterances, (all, 13)."""
    pairs = list(zip(names, lengths.tolist(), strict=True))
    table = context.table
    return mfcc_of(pairs, context.waveform_of, table.sample_rate, table.hop_samples)["mfcc13, centre"]
