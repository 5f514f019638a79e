"""The scores of codes compared with phones, in parts, and their flat summary."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from vqspeech.analysis.phonemes import mapping
from vqspeech.analysis.phonemes.frames import Dropped, LabelBy
from vqspeech.analysis.phonemes.leakage import SpeakerLeakage
from vqspeech.analysis.phonemes.units import UnitScores

CODES = "codes"
"""Key of the codes in `PhonemeScores.units`; `vqspeech.analysis.phonemes.baselines` has the others."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Numbers of frames, speakers and so on; `codes` is K, `frame_rate_hz` the codes per second."""

    frames: int
    speakers: int
    utterances: int
    phones: int
    codes: int
    frame_rate_hz: float


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Labelling of frames, and counts of omitted ones.

    Parameters
    ----------
    labels_by, excludes_silence : see `vqspeech.analysis.phonemes.frames.label_frames`
    inventory : the inventory that phones were folded by
    unknown_phones : label that the inventory does not know -> intervals; they are scored as written
    dropped : counts of omitted frames
    """

    labels_by: LabelBy
    excludes_silence: bool
    inventory: str
    unknown_phones: dict[str, int]
    dropped: Dropped


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Accuracies, on the same frames with as many codes, that the codes have to exceed.

    Parameters
    ----------
    prior : share of the most frequent phone, the accuracy of a single code
    random_codes : mean over ten uniformly random assignments of the frames to K codes
    kmeans_mfcc : k-means on MFCC fitted on the scored audio, the best of `kmeans_mfcc_variants`; it has an advantage
    kmeans_mfcc_training_audio : fitted on the audio that the model was trained on, again the best of its variants; None
        when that audio is not available
    untrained_encoder : k-means on the latents of an encoder with random weights, fitted on the training audio where it
        is available; None without a model
    above_kmeans, above_kmeans_ci95 : accuracy of the codes less that of the best k-means of all kinds, and its paired
        interval over the same resamples
    """

    prior: float
    random_codes: float
    kmeans_mfcc: float
    kmeans_mfcc_variants: dict[str, float]
    kmeans_mfcc_training_audio: float | None
    kmeans_mfcc_training_audio_variants: dict[str, float]
    untrained_encoder: float | None
    above_kmeans: float
    above_kmeans_ci95: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class AcrossSpeakers:
    """Accuracies of maps fitted on other speakers, in up to 20 folds; None with one speaker."""

    accuracy: float | None
    prior: float | None
    kmeans_mfcc: float | None


@dataclass(frozen=True, kw_only=True)
class AbxErrors:
    """ABX errors, X by the same speaker or by another; chance is 0.5.

    Parameters
    ----------
    angle_within, angle_across : errors by the angle between code vectors; None without a model
    mfcc_within, mfcc_across : errors of 13 MFCC at the same rate, which hold more information than codes
    """

    angle_within: float | None
    angle_across: float | None
    mfcc_within: float | None
    mfcc_across: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class CodePhoneMap:
    """The map from codes to phones in detail.

    Parameters
    ----------
    per_phone : phone -> share of its frames that the map names correctly
    typical_codes : phone -> its codes, each with its share of the phone's frames and the phone's share of its frames
    mapping : code -> phone, for the codes that occur
    phone_names, code_names : names of the columns of `counts`, sorted, and of its rows
    counts : (codes, phones) int64, joint counts
    """

    per_phone: dict[str, float]
    typical_codes: dict[str, list[tuple[str, float, float]]]
    mapping: dict[str, str]
    phone_names: tuple[str, ...]
    code_names: tuple[str, ...]
    counts: np.ndarray = field(repr=False)

    @property
    def confusion(self) -> np.ndarray:
        """Count frames by true (row) and predicted (column) phone, (phones, phones) int64."""
        return mapping.confusion(self.counts)


@dataclass(frozen=True, kw_only=True, eq=False)
class PhonemeScores:
    """How well codes separate phones. Accuracies are shares of frames in [0, 1].

    Parameters
    ----------
    accuracy : majority map code -> phone, fitted and scored on the same frames (the paper's protocol)
    ci95 : percentile interval of `accuracy` over 1,000 bootstrap resamples of whole speakers (of utterances when there
        is one speaker, see `ci95_over`); the map stays the one fitted on all frames, so the interval shows the spread
        between speakers and not the optimism of the fit. None when there is only one of them
    baselines, across_speakers, counts, labelling, abx, map : see their classes
    units : all scores of the codes and of each baseline, see `UnitScores`
    codebooks : accuracy of each codebook alone, where there are several
    speaker : speaker information in the codes; None when it cannot be measured
    """

    accuracy: float
    ci95: tuple[float, float] | None
    ci95_over: str
    baselines: Baselines
    across_speakers: AcrossSpeakers
    counts: Counts
    labelling: Labelling
    units: dict[str, UnitScores]
    codebooks: tuple[float, ...]
    abx: AbxErrors
    speaker: SpeakerLeakage | None
    map: CodePhoneMap

    def summary(self) -> dict[str, object]:
        """Return all scalars and small tables in one flat mapping, ready for JSON."""
        return {
            "accuracy": self.accuracy,
            "ci95": self.ci95,
            "ci95_over": self.ci95_over,
            **asdict(self.baselines),
            **{f"{name}_other_speakers": value for name, value in asdict(self.across_speakers).items()},
            **asdict(self.counts),
            **asdict(self.labelling),
            "units": {name: asdict(unit) for name, unit in self.units.items()},
            "codebooks": self.codebooks,
            **{f"abx_{name}": value for name, value in asdict(self.abx).items()},
            "speaker": self.speaker and asdict(self.speaker),
            "per_phone": self.map.per_phone,
            "typical_codes": self.map.typical_codes,
            "mapping": self.map.mapping,
        }
