"""Bits per held-out code are those of the loss, beside n-grams of the same codes."""

import math

import numpy as np
import pytest
import torch

from vqspeech.analysis.sampled import held_out
from vqspeech.analysis.sampled.held_out import HeldOut, held_out_bits
from vqspeech.analysis.sampled.ngram_bits import ngram_bits
from vqspeech.codes import CodeTable, UtteranceCodes
from vqspeech.corpora.code_store import write_codes
from vqspeech.errors import InputError
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.wavenet import wavenet
from vqspeech.training.codes import LoadedPrior

SIZES, HOP = (5, 4), 320


def a_row(number):
    random = np.random.default_rng(number)
    walk = np.cumsum(random.integers(0, 2, 20 + number)) % 5
    codes = np.stack([walk, random.integers(0, 4, len(walk))])
    return UtteranceCodes(
        id=f"u{number}",
        speaker="ab"[number % 2],
        split="valid" if number % 3 == 0 else "train",
        path="",
        n_samples=codes.shape[1] * HOP,
        codes=codes,
    )


ROWS = [a_row(number) for number in range(12)]


@pytest.fixture
def store(tmp_path):
    table = CodeTable(sample_rate=16_000, hop_samples=HOP, codebook_sizes=SIZES, rows=ROWS, codebook="ab" * 32)
    source = {"run": "r", "checkpoint": "c", "modality": "audio", "codebook": "ab" * 32}
    return write_codes(tmp_path / "store", table, source)


@pytest.fixture
def prior(tmp_path, store):
    torch.manual_seed(0)
    model = wavenet(store.at().space, layers_per_cycle=2, residual_channels=8).eval()
    return LoadedPrior(
        model=model,
        config={"name": "wavenet"},
        path=tmp_path,
        step=0,
        facts={},
        codebook_sizes=SIZES,
        space=store.at().space,
        level="",
        levels=("",),
        source=store.source,
        sample_rate=16_000,
        hop_samples=HOP,
        conditions=store.condition_names,
    )


def test_the_bits_are_means_over_all_held_out_codes(prior, store):
    result = held_out_bits(prior, store)
    own, nats, frames = [row for row in ROWS if row.split == "valid"], torch.zeros(2), 0
    for row in own:
        batch = CodeBatch(torch.from_numpy(row.codes)[None], condition=torch.tensor(["ab".index(row.speaker)]))
        nats, frames = nats + prior.model.code_nats(batch)[0].sum(1).detach(), frames + row.codes.shape[1]
    bits = (nats / frames / math.log(2)).tolist()
    assert result.split == "valid" and result.sequences == 4 and result.frames == frames
    assert result.by_codebook == pytest.approx(bits, rel=1e-5) and result.bits == pytest.approx(np.mean(bits), rel=1e-5)
    training = [row.codes for row in ROWS if row.split == "train"]
    for order, given in ((1, result.unigram), (2, result.bigram), (3, result.trigram)):
        assert given == pytest.approx(np.mean(ngram_bits(training, [row.codes for row in own], SIZES, order)))


def test_long_sequences_are_scored_in_pieces(prior, store, monkeypatch):
    whole = held_out_bits(prior, store)
    monkeypatch.setattr(held_out, "PIECE_FRAMES", 8)
    pieces = held_out_bits(prior, store)
    assert pieces.frames == whole.frames and pieces.bits != whole.bits and pieces.trigram == whole.trigram


def test_a_split_without_codes(prior, store):
    with pytest.raises(InputError, match="'test'"):
        held_out_bits(prior, store, "test")


def test_the_line_names_the_better_of_bigrams_and_trigrams():
    given = HeldOut(
        split="valid", sequences=1, frames=9, bits=4.0, by_codebook=(), unigram=7.0, bigram=6.0, trigram=5.0
    )
    assert "4.000 bits" in given.line() and "20.0% below" in given.line()
