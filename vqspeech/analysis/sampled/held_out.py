"""Bits per held-out code of a prior, beside those of n-grams of the codes that it was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vqspeech.analysis.sampled.ngram_bits import ngram_bits
from vqspeech.corpora.base import Split
from vqspeech.corpora.code_store import CodeStore
from vqspeech.corpora.row_arrays import Sequences
from vqspeech.errors import InputError
from vqspeech.files import write_json
from vqspeech.nn.batch import CodeBatch
from vqspeech.nn.priors.sequence import SequencePrior
from vqspeech.runs import RunDirectory
from vqspeech.training.codes import LoadedPrior, load_prior

PIECE_FRAMES = 4096
"""Frames whose bits are computed together; a piece of a longer sequence does not see the piece before it."""

MOST_FRAMES = 5_000_000
"""Frames of training codes that n-grams count at most, the first ones."""

FILE = "held_out.json"
"""File of a prior's run."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Bits per code of held-out codes, means over frames and over the codebooks of the model.

    Parameters
    ----------
    split : the split that was held out; ``train`` where there is no other, whose figures are optimistic
    sequences, frames : their numbers
    bits : of the prior
    by_codebook : of the prior, for each codebook, those of F0 last; empty for a prior that does not tell them apart
    unigram, bigram, trigram : of Kneser-Ney n-grams; see `vqspeech.analysis.sampled.ngram_bits`
    """

    split: Split
    sequences: int
    frames: int
    bits: float
    by_codebook: tuple[float, ...]
    unigram: float
    bigram: float
    trigram: float

    def line(self) -> str:
        """Describe the figures in a line."""
        best = min(self.bigram, self.trigram)
        where = "training codes (none are held out)" if self.split == "train" else f"{self.split} codes"
        return (
            f"{self.bits:.3f} bits per code of {self.frames} frames of {where}, {1 - self.bits / best:.1%} below the "
            f"better of bigrams {self.bigram:.3f} and trigrams {self.trigram:.3f}; unigrams {self.unigram:.3f}"
        )


@torch.inference_mode()
def held_out_bits(prior: LoadedPrior, store: CodeStore, split: Split | None = None) -> HeldOut:
    """Compute the bits per held-out code of a prior over sequences, and of n-grams.

    Parameters
    ----------
    prior : the prior
    store : the codes that it was trained on
    split : the split to hold out; test, else validation, else training when None

    Raises
    ------
    InputError : for codes on a grid, or a split without codes
    """
    level = store.at(prior.level)
    if not isinstance(level.codes, Sequences):
        raise InputError(f"{prior.path} is a prior over grids; n-grams are for sequences of codes")
    name, rows = store.held_out() if split is None else (split, store.indices(split))
    books, frames = len(prior.code_sizes), int(level.codes.lengths[rows].sum())
    if not frames:
        raise InputError(f"{store.directory} holds no codes in the split {name!r}")
    every = sum((_nats(prior, batch) for batch in _batches(prior, level.codes, level.conditions, rows)), np.zeros(1))
    nats = every / frames
    held_out = [level.codes[int(row)].T[:books].astype(np.int64) for row in rows]
    training = _first(level.codes, store.indices("train"), books)
    ngrams = [float(np.mean(ngram_bits(training, held_out, prior.code_sizes, order))) for order in (1, 2, 3)]
    bits = nats / np.log(2)
    return HeldOut(
        split=name,
        sequences=len(rows),
        frames=frames,
        bits=float(bits[:books].mean()),
        by_codebook=tuple(bits.tolist()) if isinstance(prior.model, SequencePrior) else (),
        unigram=ngrams[0],
        bigram=ngrams[1],
        trigram=ngrams[2],
    )


def report_of(run: Path) -> HeldOut | None:
    """Compute the figures of the last checkpoint of a prior's run and write them to its `FILE`; None for grids."""
    prior, store = load_prior(run), CodeStore.open(RunDirectory(run).store)
    if prior.space.grid is not None:
        return None
    result = held_out_bits(prior, store)
    write_json(run / FILE, asdict(result))
    return result


def _batches(
    prior: LoadedPrior, codes: Sequences, conditions: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> Iterator[CodeBatch]:
    for row in rows:
        whole = codes[int(row)]
        condition = torch.tensor([int(conditions[row])]) if prior.space.conditions else None
        for begin in range(0, len(whole), PIECE_FRAMES):
            piece: Any = whole[begin : begin + PIECE_FRAMES].T.astype(np.int64)
            lengths = torch.tensor([piece.shape[1]])
            yield CodeBatch(torch.from_numpy(piece)[None], lengths, condition).to(prior.device)


def _nats(prior: LoadedPrior, batch: CodeBatch) -> npt.NDArray[np.float64]:
    """Sum -log p over frames, for each codebook; the mean over codebooks for each where they are not told apart."""
    if isinstance(prior.model, SequencePrior):
        nats: npt.NDArray[np.float64] = prior.model.code_nats(batch)[0].double().sum(1).cpu().numpy()
        return nats
    mean = prior.model.loss(batch).terms["nll"].item()
    return np.full(batch.codes.shape[1], mean * batch.codes.shape[2])


def _first(codes: Sequences, rows: npt.NDArray[np.int64], books: int) -> list[npt.NDArray[np.int64]]:
    """Return the first training codes, up to `MOST_FRAMES`."""
    ends = np.cumsum(codes.lengths[rows])
    chosen = rows[: int(np.searchsorted(ends, MOST_FRAMES)) + 1]
    return [codes[int(row)].T[:books].astype(np.int64) for row in chosen]
