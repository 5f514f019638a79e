"""The cost of codes under a prior: means over the codes that count, and batches with others' conditions."""

from __future__ import annotations

import torch
from torch import Tensor

from vqspeech.nn.batch import CodeBatch, LossTerms, weighted_terms
from vqspeech.nn.share import at_least_one


def mean_nll(batch: CodeBatch, nats: Tensor) -> LossTerms:
    """Compute the terms of a loss: ``nll``, mean nats per code, of the frames within ``lengths`` where there are any.

    Parameters
    ----------
    batch : codes (batch, codebooks, ...)
    nats : -log p of every code, in the shape of the codes, or (batch, codebooks, frames) where there are lengths
    """
    if batch.lengths is None:
        nll = nats.mean() if len(nats) else nats.sum()
        return weighted_terms(batch.weight, nll, {"nll": nll}, batch.codes)
    mask = torch.arange(nats.shape[2], device=nats.device) < batch.lengths[:, None]
    frames = batch.lengths.sum() if batch.share is None else batch.share.frames
    nll = (nats * mask[:, None]).sum() / at_least_one(frames * nats.shape[1])
    return LossTerms(nll, {"nll": nll.detach()}, batch.codes, mask)


def with_others_conditions(batch: CodeBatch) -> CodeBatch | None:
    """Give each row the condition and the coarser codes of the row before it; None for a batch without either."""
    if batch.condition is None and batch.above is None:
        return None
    condition = None if batch.condition is None else batch.condition.roll(1, 0)
    above = None if batch.above is None else batch.above.roll(1, 0)
    return batch._replace(condition=condition, above=above)
