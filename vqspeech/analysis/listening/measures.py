"""Compare generated speech with its original: spectral distance, F0, level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqspeech.analysis.listening.features import mel_power, steps
from vqspeech.errors import InputError

MEL_BANDS = 80
DYNAMIC_RANGE_DB = 60.0
"""Bands this far below the loudest band of the original count as silent on both sides."""

SILENT_DBFS = -120.0
"""The level reported for digital silence."""

F0_RANGE_HZ = (60.0, 500.0)


@dataclass(frozen=True, kw_only=True)
class F0Statistics:
    """Fundamental frequency of an utterance.

    Parameters
    ----------
    median_hz, low_hz, high_hz : median, 10th and 90th percentile over voiced frames; None without any
    voiced_share : share of frames that are voiced
    """

    median_hz: float | None
    low_hz: float | None
    high_hz: float | None
    voiced_share: float


@dataclass(frozen=True, kw_only=True)
class Level:
    """Level of a waveform.

    Parameters
    ----------
    rms_dbfs, peak_dbfs : root mean square and peak in dB re full scale, at least `SILENT_DBFS`
    clipped_share : share of samples within 0.1 % of full scale or beyond
    duration_s : length in seconds
    """

    rms_dbfs: float
    peak_dbfs: float
    clipped_share: float
    duration_s: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Measures of generated speech and of its original.

    Parameters
    ----------
    log_mel_distance_db : `log_mel_distance_db` of generated and original
    other_utterance_db : the same distance between another utterance and the original, the level of generated speech
        with wrong content; None when no other utterance was given
    original_f0, generated_f0, original_level, generated_level : of each side
    """

    log_mel_distance_db: float
    other_utterance_db: float | None
    original_f0: F0Statistics
    generated_f0: F0Statistics
    original_level: Level
    generated_level: Level


@dataclass(frozen=True, kw_only=True)
class ReconstructionScores:
    """Means over pairs of original and generated speech.

    Parameters
    ----------
    pairs : number of pairs
    log_mel_distance_db, log_mel_distance_std_db : mean and standard deviation over pairs
    other_utterance_db : mean distance of the originals to the generated speech of another pair; None with one pair
    f0_error_semitones : mean absolute difference of the median F0; None when no pair is voiced on both sides
    voiced_share_error : mean absolute difference of the voiced shares
    """

    pairs: int
    log_mel_distance_db: float
    log_mel_distance_std_db: float
    other_utterance_db: float | None
    f0_error_semitones: float | None
    voiced_share_error: float
    each: tuple[Comparison, ...]


def check_waveform(waveform: np.ndarray) -> np.ndarray:
    """Return a waveform as float32 (time,).

    Raises
    ------
    InputError : when it is empty, not one-dimensional, or not finite
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim != 1 or not waveform.size:
        raise InputError(
            f"a waveform of shape {waveform.shape} cannot be measured; expected (time,) with at least one sample"
        )
    if not np.isfinite(waveform).all():
        raise InputError("a waveform with values that are not finite cannot be measured")
    return waveform


def log_mel_db(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Compute the log-mel spectrogram (frames, 80) in dB every 10 ms, at a root mean square of 1."""
    waveform = check_waveform(waveform)
    rms = float(np.sqrt(np.mean(waveform.astype(np.float64) ** 2)))
    power = mel_power(waveform / max(rms, 1e-6), sample_rate, steps(len(waveform), sample_rate), n_mels=MEL_BANDS)
    decibels: np.ndarray = 10.0 * np.log10(np.maximum(power, 1e-12))
    return decibels


def log_mel_distance_db(original: np.ndarray, generated: np.ndarray, sample_rate: int) -> float:
    """Compute the log-mel distance of two waveforms on one time axis.

    It is the root mean square over 80 mel bands in dB, mean over 10 ms frames.

    Both are brought to the same level; bands more than 60 dB below the loudest band of the original count as silent on
    both sides; the longer one is cut. Frames are compared in place, without time warping, because a reconstruction is
    bound to the time of its codes.

    Parameters
    ----------
    original, generated : (time,) float

    Raises
    ------
    InputError : when a waveform is empty, not one-dimensional or not finite
    """
    first, second = log_mel_db(original, sample_rate), log_mel_db(generated, sample_rate)
    floor = float(first.max()) - DYNAMIC_RANGE_DB
    frames = min(len(first), len(second))
    difference = np.maximum(first[:frames], floor) - np.maximum(second[:frames], floor)
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def f0_statistics(waveform: np.ndarray, sample_rate: int) -> F0Statistics:
    """Estimate F0 by pYIN (Mauch and Dixon 2014), 64 ms windows every 20 ms, 60 to 500 Hz.

    Raises
    ------
    InputError : when the waveform is empty, not one-dimensional or not finite
    """
    import librosa

    waveform = check_waveform(waveform)
    if not waveform.any():
        return F0Statistics(median_hz=None, low_hz=None, high_hz=None, voiced_share=0.0)
    low, high = F0_RANGE_HZ
    hertz, voiced, _ = librosa.pyin(
        waveform,
        fmin=low,
        fmax=min(high, sample_rate / 4),
        sr=sample_rate,
        frame_length=round(0.064 * sample_rate),
        hop_length=round(0.020 * sample_rate),
        resolution=0.2,
    )
    if not voiced.any():
        return F0Statistics(median_hz=None, low_hz=None, high_hz=None, voiced_share=0.0)
    tenth, median, ninetieth = (float(value) for value in np.percentile(hertz[voiced], (10, 50, 90)))
    return F0Statistics(median_hz=median, low_hz=tenth, high_hz=ninetieth, voiced_share=float(voiced.mean()))


def level(waveform: np.ndarray, sample_rate: int) -> Level:
    """Measure level, clipping and duration of a waveform (time,) with full scale 1.

    Raises
    ------
    InputError : when the waveform is empty, not one-dimensional or not finite
    """
    waveform = check_waveform(waveform).astype(np.float64)
    magnitude = np.abs(waveform)

    def dbfs(amplitude: float) -> float:
        return max(SILENT_DBFS, 20.0 * float(np.log10(max(amplitude, 1e-12))))

    return Level(
        rms_dbfs=dbfs(float(np.sqrt(np.mean(waveform**2)))),
        peak_dbfs=dbfs(float(magnitude.max())),
        clipped_share=float((magnitude >= 0.999).mean()),
        duration_s=len(waveform) / sample_rate,
    )


def compare(
    original: np.ndarray, generated: np.ndarray, sample_rate: int, *, other: np.ndarray | None = None
) -> Comparison:
    """Compare a generated waveform (time,) with its original; `other` gives a reference value.

    Raises
    ------
    InputError : when a waveform is empty, not one-dimensional or not finite
    """
    return Comparison(
        log_mel_distance_db=log_mel_distance_db(original, generated, sample_rate),
        other_utterance_db=None if other is None else log_mel_distance_db(original, other, sample_rate),
        original_f0=f0_statistics(original, sample_rate),
        generated_f0=f0_statistics(generated, sample_rate),
        original_level=level(original, sample_rate),
        generated_level=level(generated, sample_rate),
    )


def compare_all(pairs: Sequence[tuple[np.ndarray, np.ndarray]], sample_rate: int) -> ReconstructionScores:
    """Compare pairs (original, generated); `other` is the generated speech of the next pair.

    It has the sound of the same model and differs in content only.

    Raises
    ------
    InputError : without pairs, or when a waveform is empty, not one-dimensional or not finite
    """
    if not pairs:
        raise InputError("no pairs of original and generated speech to compare")
    others = [pairs[(index + 1) % len(pairs)][1] if len(pairs) > 1 else None for index in range(len(pairs))]
    each = tuple(
        compare(original, generated, sample_rate, other=other)
        for (original, generated), other in zip(pairs, others, strict=True)
    )
    other_distances = [item.other_utterance_db for item in each if item.other_utterance_db is not None]
    semitones = [
        12.0 * abs(float(np.log2(item.generated_f0.median_hz / item.original_f0.median_hz)))
        for item in each
        if item.generated_f0.median_hz is not None and item.original_f0.median_hz is not None
    ]
    distances = [item.log_mel_distance_db for item in each]
    return ReconstructionScores(
        pairs=len(each),
        log_mel_distance_db=float(np.mean(distances)),
        log_mel_distance_std_db=float(np.std(distances)),
        other_utterance_db=float(np.mean(other_distances)) if other_distances else None,
        f0_error_semitones=float(np.mean(semitones)) if semitones else None,
        voiced_share_error=float(
            np.mean([abs(item.generated_f0.voiced_share - item.original_f0.voiced_share) for item in each])
        ),
        each=each,
    )
