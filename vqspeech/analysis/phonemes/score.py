"""Codes against phonemes: the paper's majority map and all that should stand beside it, with baselines on the same frames.

van den Oord et al. 2017, section 4.3: every code is mapped to the phone it most often coincides with, and the accuracy of this map is
reported on the frames it was fitted on (49.3 % with 128 codes and 41 phones, against 7.2 % for the most frequent phone). A fitted map
rises with the number of codes even when they mean nothing; that is why random codes stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

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
from vqspeech.analysis.phonemes.frames import Dropped, LabelBy, LabelledFrames, label_frames, one_codebook
from vqspeech.analysis.phonemes.leakage import SpeakerLeakage, speaker_leakage
from vqspeech.analysis.phonemes.units import UnitScores, Yardstick
from vqspeech.analysis.resampling import bootstrap_interval
from vqspeech.codes import CodeTable
from vqspeech.model import Checkpoint

PROTOCOL = 2
"""Number of this way to score; results of another one are not to be mixed with it."""

CODES = "codes"
"""Name of the codes' own line in `PhonemeScores.units`; the others are named in `vqspeech.analysis.phonemes.baselines`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PhonemeScores:
    """How well codes tell phones apart. Accuracies are shares of frames in [0, 1].

    Parameters
    ----------
    accuracy : majority map code -> phone, fitted and scored on the same frames (the paper's protocol)
    ci95 : percentile interval of `accuracy` over 1,000 bootstrap resamples of whole speakers (of utterances when there is one
        speaker, see `ci95_over`); the map stays the one fitted on all frames, so the interval shows the spread between speakers and
        not the optimism of the fit. None when there is only one of them
    prior : share of the most frequent phone, the accuracy of a single code
    random_codes : mean of the same fit and score over ten uniformly random assignments of the same frames to K codes
    kmeans_mfcc : the same with k-means on MFCC, the same K, rate and frames, the clusters fitted on the scored audio itself; the best
        of `kmeans_mfcc_variants`, so the flattering one
    kmeans_mfcc_training_audio : with the clusters fitted on the audio that the model was trained on, the fair one, again the best of its variants; None
        when that audio is not at hand
    untrained_encoder : k-means on the latents of an encoder with random weights, fitted on the training audio where it is at hand; None without a model
    above_kmeans, above_kmeans_ci95 : `accuracy` less that of the best k-means of all kinds, and its paired interval over the same resamples
    accuracy_other_speakers : map fitted on other speakers, in up to 20 folds of whole speakers; None with one speaker.
        `prior_other_speakers` and `kmeans_mfcc_other_speakers` are the baselines of this protocol
    frames, speakers, utterances, phones, codes : how many; `codes` is K
    labels_by, excludes_silence, inventory, unknown_phones, dropped : how frames got their phones, and what was left out; `unknown_phones` are labels that
        the inventory does not know (label -> intervals), scored as they are written
    units : every score of the codes and of each baseline, see `UnitScores`
    codebooks : accuracy of each codebook alone, where there are several
    abx_angle_within, abx_angle_across : ABX error with the angle between code vectors; None without a model
    abx_mfcc_within, abx_mfcc_across : ABX error of 13 MFCC at the same rate, which keep more than any code can
    speaker : what the codes tell about the speaker; None where that cannot be measured
    per_phone : phone -> share of its frames that the map names correctly
    typical_codes : phone -> its codes, each with its share of the phone's frames and the phone's share of its frames
    mapping : code -> phone, for the codes that occur
    phone_names, code_names : names of the columns of `counts`, sorted, and of its rows
    counts : (codes, phones) int64, joint counts
    """

    accuracy: float
    ci95: tuple[float, float] | None
    ci95_over: str
    prior: float
    random_codes: float
    kmeans_mfcc: float
    kmeans_mfcc_variants: dict[str, float]
    kmeans_mfcc_training_audio: float | None
    kmeans_mfcc_training_audio_variants: dict[str, float]
    untrained_encoder: float | None
    above_kmeans: float
    above_kmeans_ci95: tuple[float, float] | None
    accuracy_other_speakers: float | None
    prior_other_speakers: float | None
    kmeans_mfcc_other_speakers: float | None
    frames: int
    speakers: int
    utterances: int
    phones: int
    codes: int
    frame_rate_hz: float
    labels_by: LabelBy
    excludes_silence: bool
    inventory: str
    unknown_phones: dict[str, int]
    dropped: Dropped
    units: dict[str, UnitScores]
    codebooks: tuple[float, ...]
    abx_angle_within: float | None
    abx_angle_across: float | None
    abx_mfcc_within: float | None
    abx_mfcc_across: float | None
    speaker: SpeakerLeakage | None
    per_phone: dict[str, float]
    typical_codes: dict[str, list[tuple[str, float, float]]]
    mapping: dict[str, str]
    phone_names: tuple[str, ...]
    code_names: tuple[str, ...]
    counts: np.ndarray

    @property
    def confusion(self) -> np.ndarray:
        """Frames by true phone (row) and the phone that the map names (column), (phones, phones) int64."""
        return mapping.confusion(self.counts)

    def summary(self) -> dict[str, object]:
        """All scalars and small tables, ready for JSON (without `counts`)."""
        skipped = ("counts", "phone_names", "code_names")
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in skipped}
        found |= {"dropped": asdict(self.dropped), "speaker": self.speaker and asdict(self.speaker)}
        return found | {"units": {name: asdict(unit) for name, unit in self.units.items()}}


def score(
    table: CodeTable,
    alignments: Mapping[str, Alignment],
    waveform_of: Callable[[str], np.ndarray],
    *,
    seed: int = 0,
    exclude_silence: bool = True,
    by: LabelBy = "centre",
    inventory: str = AUTO,
    model: Checkpoint | None = None,
    trained_on: Iterable[np.ndarray] | None = None,
) -> PhonemeScores:
    """Score codes against phones, with baselines on the same frames.

    Parameters
    ----------
    table : codes of the utterances
    alignments : utterance id -> alignment; utterances without one are left out
    waveform_of : utterance id -> waveform (time,) float32 at ``table.sample_rate``, for the baselines
    seed : of random codes, k-means, folds, ABX triples and the bootstrap
    exclude_silence : leave out silent frames
    by : how frames get their phone, see `vqspeech.analysis.phonemes.frames.labels_of`
    inventory : see `vqspeech.alignment.inventories.fold_all`
    model : what made the codes, for its code vectors and the untrained encoder
    trained_on : waveforms (time,) that it was trained on, see `vqspeech.analysis.phonemes.training_audio`

    Raises
    ------
    InputError : when no frame has a phone, or a code lies outside its codebook
    UnknownNameError : no such inventory
    """
    folded, inventory, unknown = fold_all(alignments, inventory)
    frames = label_frames(table, folded, exclude_silence=exclude_silence, by=by)
    yardstick = Yardstick(frames, table, folded, seed)
    n_codes, n_phones = frames.n_codes, len(frames.phones)
    heard = list(zip(frames.utterances, frames.lengths.tolist(), strict=True))
    features = mfcc_of(heard, waveform_of, table.sample_rate, table.hop_samples)
    training = training_audio.sample(trained_on or (), table.hop_samples)
    clusters = rivals(frames, table, features, waveform_of, training=training, model=model, seed=seed)
    variants = {
        name: {kind: float(yardstick.correct(codes, n_codes).mean()) for kind, codes in sorted(own.items())}
        for name, own in clusters.items()
    }
    best = {name: clusters[name][max(own, key=lambda kind: own[kind])] for name, own in variants.items()}
    chance = list(random_codes(len(frames.codes), n_codes, seed))
    nominal = float(np.log2(table.codebook_sizes).sum())
    units = {CODES: yardstick.score(frames.codes, n_codes, nominal_bits=nominal)}
    for name in (*RIVALS, UNTRAINED):
        if name in best:
            units[name] = yardstick.score(best[name], n_codes)
    units[RANDOM] = yardstick.score(chance[0], n_codes)

    counts = mapping.joint_counts(frames.code, frames.label, n_codes, n_phones)
    rival = max(RIVALS, key=lambda name: units[name].accuracy if name in units else 0.0)
    gain = yardstick.correct(frames.codes, n_codes).astype(float) - yardstick.correct(best[rival], n_codes)
    one = np.zeros_like(frames.code)
    prior_across = None
    if yardstick.folds is not None:
        prior_across = float(mapping.correct_across(one, frames.label, yardstick.folds, 1, n_phones).mean())
    static = features["mfcc13, centre"]
    mfcc_within, mfcc_across = yardstick.abx_of(static - static.mean(axis=0), abx.angle)
    angle_within, angle_across = (None, None)
    if model is not None:
        vectors = latents.code_vectors(model, frames.code_names)
        vectors = np.vstack([vectors, vectors.mean(axis=0)])  # the last for joint codes of no scored frame
        angle_within, angle_across = yardstick.abx_of(vectors[frames.codes], abx.angle)
    own = units[CODES]
    return PhonemeScores(
        accuracy=own.accuracy,
        ci95=own.ci95,
        ci95_over="speakers" if yardstick.folds is not None else "utterances",
        prior=float(counts.sum(axis=0).max() / len(frames)),
        random_codes=float(np.mean([yardstick.correct(codes, n_codes).mean() for codes in chance])),
        kmeans_mfcc=units[KMEANS_SCORED].accuracy,
        kmeans_mfcc_variants=variants[KMEANS_SCORED],
        kmeans_mfcc_training_audio=units[KMEANS_TRAINING].accuracy if training else None,
        kmeans_mfcc_training_audio_variants=variants.get(KMEANS_TRAINING, {}),
        untrained_encoder=units[UNTRAINED].accuracy if UNTRAINED in units else None,
        above_kmeans=float(gain.mean()),
        above_kmeans_ci95=bootstrap_interval(gain, yardstick.groups, seed),
        accuracy_other_speakers=own.accuracy_other_speakers,
        prior_other_speakers=prior_across,
        kmeans_mfcc_other_speakers=units[KMEANS_SCORED].accuracy_other_speakers,
        frames=len(frames),
        speakers=len(np.unique(frames.speaker)),
        utterances=len(np.unique(frames.utterance)),
        phones=n_phones,
        codes=n_codes,
        frame_rate_hz=table.frame_rate_hz,
        labels_by=frames.by,
        excludes_silence=frames.excludes_silence,
        inventory=inventory,
        unknown_phones=unknown,
        dropped=frames.dropped,
        units=units,
        codebooks=_codebooks(table, folded, frames),
        abx_angle_within=angle_within,
        abx_angle_across=angle_across,
        abx_mfcc_within=mfcc_within,
        abx_mfcc_across=mfcc_across,
        speaker=speaker_leakage(frames.code, static[frames.place], frames.utterance, frames.speaker_of, n_codes, seed),
        per_phone=dict(zip(frames.phones, mapping.recall(counts).tolist(), strict=True)),
        typical_codes=mapping.typical_codes(counts, frames.phones, frames.code_names),
        mapping={
            frames.code_names[code]: frames.phones[mapping.majority_map(counts)[code]]
            for code in np.flatnonzero(counts.sum(axis=1))
        },
        phone_names=frames.phones,
        code_names=frames.code_names,
        counts=counts,
    )


def _codebooks(table: CodeTable, alignments: Mapping[str, Alignment], joint: LabelledFrames) -> tuple[float, ...]:
    if len(table.codebook_sizes) == 1:
        return ()
    found = []
    for book in range(len(table.codebook_sizes)):
        own = label_frames(one_codebook(table, book), alignments, exclude_silence=joint.excludes_silence, by=joint.by)
        found.append(mapping.majority_accuracy(own.code, own.label, own.n_codes, len(own.phones)))
    return tuple(found)
