"""Compare codes with phones: the paper's majority map, with baselines on the same frames.

van den Oord et al. 2017, section 4.3: every code is mapped to the phone that it most often coincides with, and the
accuracy of this map is reported on the frames it was fitted on (49.3 % with 128 codes and 41 phones, against 7.2 % for
the most frequent phone). A fitted map rises with the number of codes even when they mean nothing; random codes show by
how much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from vqspeech.alignment.base import Alignment
from vqspeech.alignment.inventories import AUTO, fold_all
from vqspeech.analysis import latents
from vqspeech.analysis.phonemes import abx, mapping, training_audio
from vqspeech.analysis.phonemes.baselines import (
    KMEANS_SCORED,
    KMEANS_TRAINING,
    RANDOM,
    RIVALS,
    UNTRAINED,
    mfcc_of,
    random_codes,
    rivals,
)
from vqspeech.analysis.phonemes.frames import LabelBy, LabelledFrames, label_frames, one_codebook
from vqspeech.analysis.phonemes.leakage import speaker_leakage
from vqspeech.analysis.phonemes.scores import (
    CODES,
    AbxErrors,
    AcrossSpeakers,
    Baselines,
    CodePhoneMap,
    Counts,
    Labelling,
    PhonemeScores,
)
from vqspeech.analysis.phonemes.units import FrameScorer, UnitScores
from vqspeech.analysis.resampling import bootstrap_interval
from vqspeech.codec.speech import SpeechCodec
from vqspeech.codes import CodeTable


def score(
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    *,
    seed: int = 0,
    exclude_silence: bool = True,
    by: LabelBy = "centre",
    inventory: str = AUTO,
    model: SpeechCodec | None = None,
    trained_on: Iterable[np.ndarray] | None = None,
) -> PhonemeScores:
    """Compare codes with phones, with baselines on the same frames.

    Parameters
    ----------
    table : codes of the utterances
    alignments : utterance id -> alignment; utterances without one are omitted
    waveform_of : utterance id -> waveform (time,) float32 at ``table.sample_rate``, for the baselines
    seed : seed of random codes, k-means, folds, ABX triples and the bootstrap
    exclude_silence : omit silent frames
    by : method of labelling frames, see `vqspeech.analysis.phonemes.frames.labels_of`
    inventory : see `vqspeech.alignment.inventories.fold_all`
    model : model of the codes, for its code vectors and an untrained encoder
    trained_on : waveforms (time,) that it was trained on, see `vqspeech.analysis.phonemes.training_audio`

    Raises
    ------
    InputError : when no frame has a phone, or a code lies outside its codebook
    UnknownNameError : no such inventory
    """
    folded, inventory, unknown = fold_all(alignments, inventory)
    frames = label_frames(table, folded, exclude_silence=exclude_silence, by=by)
    scorer = FrameScorer(frames, table, folded, seed)
    lengths = list(zip(frames.utterances, frames.lengths.tolist(), strict=True))
    features = mfcc_of(lengths, waveform_of, table.sample_rate, table.hop_samples)
    training = training_audio.sample(trained_on or (), table.hop_samples)
    clusters = rivals(frames, table, features, waveform_of, training=training, model=model, seed=seed)
    compared = _compare(scorer, clusters, table)
    own, static = compared.units[CODES], features["mfcc13, centre"]
    counts = mapping.joint_counts(frames.code, frames.label, frames.n_codes, len(frames.phones))
    return PhonemeScores(
        accuracy=own.accuracy,
        ci95=own.ci95,
        ci95_over="speakers" if scorer.folds is not None else "utterances",
        baselines=_baselines(scorer, compared, counts),
        across_speakers=AcrossSpeakers(
            accuracy=own.accuracy_other_speakers,
            prior=_prior_across(scorer),
            kmeans_mfcc=compared.units[KMEANS_SCORED].accuracy_other_speakers,
        ),
        counts=Counts(
            frames=len(frames),
            speakers=len(np.unique(frames.speaker)),
            utterances=len(np.unique(frames.utterance)),
            phones=len(frames.phones),
            codes=frames.n_codes,
            frame_rate_hz=table.frame_rate_hz,
        ),
        labelling=Labelling(
            labels_by=frames.by,
            excludes_silence=frames.excludes_silence,
            inventory=inventory,
            unknown_phones=unknown,
            dropped=frames.dropped,
        ),
        units=compared.units,
        codebooks=_codebooks(table, folded, frames),
        abx=_abx(scorer, static, model),
        speaker=speaker_leakage(
            frames.code, static[frames.place], frames.utterance, frames.speaker_of, frames.n_codes, seed
        ),
        map=_map(frames, counts),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Compared:
    """Scores of codes and of baselines.

    Parameters
    ----------
    units : name -> scores
    variants : name of a baseline -> kind -> accuracy
    best : name of a baseline -> the clusters (all,) of its most accurate kind
    chance : random assignments, each (all,)
    """

    units: dict[str, UnitScores]
    variants: dict[str, dict[str, float]]
    best: dict[str, np.ndarray]
    chance: list[np.ndarray]


def _compare(scorer: FrameScorer, clusters: Mapping[str, Mapping[str, np.ndarray]], table: CodeTable) -> _Compared:
    frames = scorer.frames
    n_codes = frames.n_codes
    variants = {
        name: {kind: scorer.accuracy(codes, n_codes) for kind, codes in sorted(own.items())}
        for name, own in clusters.items()
    }
    best = {name: clusters[name][max(own, key=lambda kind: own[kind])] for name, own in variants.items()}
    chance = list(random_codes(len(frames.codes), n_codes, scorer.seed))
    nominal_bits = float(np.log2(table.codebook_sizes).sum())
    units = {CODES: scorer.score(frames.codes, n_codes, nominal_bits=nominal_bits)}
    units |= {name: scorer.score(best[name], n_codes) for name in (*RIVALS, UNTRAINED) if name in best}
    units[RANDOM] = scorer.score(chance[0], n_codes)
    return _Compared(units=units, variants=variants, best=best, chance=chance)


def _baselines(scorer: FrameScorer, compared: _Compared, counts: np.ndarray) -> Baselines:
    frames, units = scorer.frames, compared.units
    n_codes = frames.n_codes
    rival = max(RIVALS, key=lambda name: units[name].accuracy if name in units else 0.0)
    gain = scorer.correct(frames.codes, n_codes).astype(float) - scorer.correct(compared.best[rival], n_codes)
    fair, untrained = units.get(KMEANS_TRAINING), units.get(UNTRAINED)
    return Baselines(
        prior=float(counts.sum(axis=0).max() / len(frames)),
        random_codes=float(np.mean([scorer.accuracy(codes, n_codes) for codes in compared.chance])),
        kmeans_mfcc=units[KMEANS_SCORED].accuracy,
        kmeans_mfcc_variants=compared.variants[KMEANS_SCORED],
        kmeans_mfcc_training_audio=None if fair is None else fair.accuracy,
        kmeans_mfcc_training_audio_variants=compared.variants.get(KMEANS_TRAINING, {}),
        untrained_encoder=None if untrained is None else untrained.accuracy,
        above_kmeans=float(gain.mean()),
        above_kmeans_ci95=bootstrap_interval(gain, scorer.groups, scorer.seed),
    )


def _prior_across(scorer: FrameScorer) -> float | None:
    frames = scorer.frames
    if scorer.folds is None:
        return None
    single = np.zeros_like(frames.code)
    return float(mapping.correct_across(single, frames.label, scorer.folds, 1, len(frames.phones)).mean())


def _abx(scorer: FrameScorer, mfcc: np.ndarray, model: SpeechCodec | None) -> AbxErrors:
    mfcc_within, mfcc_across = scorer.abx_of(mfcc - mfcc.mean(axis=0), abx.angle)
    angle_within, angle_across = None, None
    if model is not None:
        vectors = latents.code_vectors(model, scorer.frames.code_names)
        # the last row stands for joint codes of no scored frame
        vectors = np.vstack([vectors, vectors.mean(axis=0)])
        angle_within, angle_across = scorer.abx_of(vectors[scorer.frames.codes], abx.angle)
    return AbxErrors(
        angle_within=angle_within, angle_across=angle_across, mfcc_within=mfcc_within, mfcc_across=mfcc_across
    )


def _map(frames: LabelledFrames, counts: np.ndarray) -> CodePhoneMap:
    phone_of = mapping.majority_map(counts)
    return CodePhoneMap(
        per_phone=dict(zip(frames.phones, mapping.recall(counts).tolist(), strict=True)),
        typical_codes=mapping.typical_codes(counts, frames.phones, frames.code_names),
        mapping={frames.code_names[code]: frames.phones[phone_of[code]] for code in np.flatnonzero(counts.sum(axis=1))},
        phone_names=frames.phones,
        code_names=frames.code_names,
        counts=counts,
    )


def _codebooks(table: CodeTable, alignments: Mapping[str, Alignment], joint: LabelledFrames) -> tuple[float, ...]:
    if len(table.codebook_sizes) == 1:
        return ()
    accuracies = []
    for book in range(len(table.codebook_sizes)):
        own = label_frames(one_codebook(table, book), alignments, exclude_silence=joint.excludes_silence, by=joint.by)
        accuracies.append(mapping.majority_accuracy(own.code, own.label, own.n_codes, len(own.phones)))
    return tuple(accuracies)
