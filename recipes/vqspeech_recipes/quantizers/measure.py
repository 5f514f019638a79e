"""Measures of one trained run: use of its codes, bit rate, likelihood, phones, speed."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np

from vqspeech.alignment.inventories import fold_all
from vqspeech.analysis import codebook
from vqspeech.analysis.phonemes import mapping
from vqspeech.analysis.phonemes.baselines import random_codes
from vqspeech.analysis.phonemes.frames import label_frames
from vqspeech.codec.load import load_speech
from vqspeech.codes import CodeTable
from vqspeech.corpora.store import AudioStore
from vqspeech.encoding import encode_store
from vqspeech.experiments import Result
from vqspeech.experiments.facts import last_row
from vqspeech.runs import RunDirectory

PROTOCOL = 1
"""Version of these measures; results of another one are measured again."""


def measure(run: Path, store: AudioStore, seed: int) -> Result:
    """Return measures of a trained run on a store; None for what cannot be measured.

    Several codebooks count as one whose codes are the tuples: `codes`, `codes_used` and `perplexity` are of those, and
    compare with a single codebook of the same bit rate. `codebooks` has them one by one.
    """
    checkpoint = load_speech(run)
    began = time.perf_counter()
    table = encode_store(checkpoint, store)
    seconds = time.perf_counter() - began
    use = codebook.usage(table)
    _, counts = np.unique(np.concatenate([row.codes for row in table], axis=1), axis=1, return_counts=True)
    valid = last_row(RunDirectory(run).metrics, "valid")
    return {
        "codes": math.prod(table.codebook_sizes),
        "codes_used": len(counts),
        "perplexity": codebook.usage_of_counts(counts, use.frame_rate_hz).perplexity,
        "bits_per_second": use.bits_per_second,
        "entropy_bits_per_second": use.entropy_bits_per_second,
        "nll_bits_per_sample": valid.get("nll_bits"),
        "nll_shuffled_codes_bits_per_sample": valid.get("shuffled_nll_bits"),
        **_phonemes(table, store, seed),
        "encoding_times_real_time": store.duration_s / seconds,
        "codebooks": [
            {"size": book.size, "codes_used": book.codes_used, "perplexity": book.perplexity} for book in use.codebooks
        ],
    }


def _phonemes(table: CodeTable, store: AudioStore, seed: int) -> Result:
    """Score the majority map of codes to phones, without baselines of all quantizers."""
    alignments = {row.id: row.alignment for row in store.rows if row.alignment is not None}
    if not alignments:
        return {
            "phoneme_accuracy": None,
            "phoneme_accuracy_other_speakers": None,
            "phoneme_accuracy_random_codes": None,
        }
    frames = label_frames(table, fold_all(alignments)[0])
    n_codes, n_phones = frames.n_codes, len(frames.phones)
    folds = mapping.folds_of(frames.speaker, seed)
    chance = [
        mapping.majority_accuracy(codes, frames.label, n_codes, n_phones)
        for codes in random_codes(len(frames), n_codes, seed)
    ]
    across = None
    if folds is not None:
        across = float(mapping.correct_across(frames.code, frames.label, folds, n_codes, n_phones).mean())
    return {
        "phoneme_accuracy": mapping.majority_accuracy(frames.code, frames.label, n_codes, n_phones),
        "phoneme_accuracy_other_speakers": across,
        "phoneme_accuracy_random_codes": float(np.mean(chance)),
    }
