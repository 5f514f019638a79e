"""Codebook use over an epoch of crops; the perplexity of a single batch would depend on its size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vqspeech.training.processes import Processes


class CodebookUsage:
    """Counts how often each code was chosen.

    Parameters
    ----------
    codebook_sizes : one per codebook; empty for a model without codes
    """

    def __init__(self, codebook_sizes: Sequence[int]) -> None:
        self.steps = 0
        self.counts = [torch.zeros(size, dtype=torch.int64) for size in codebook_sizes]

    def add(self, codes: Tensor, mask: Tensor) -> None:
        """Count codes (batch, codebooks, frames) where mask (batch, frames) is True."""
        self.steps += 1
        for book, counts in enumerate(self.counts):
            # On the device of the codes: a copy to the host at each step would stop a GPU.
            here = counts.to(codes.device)
            self.counts[book] = here.scatter_add_(0, codes[:, book].flatten(), mask.flatten().long())

    def reset(self) -> None:
        """Forget all counts."""
        self.steps = 0
        for counts in self.counts:
            counts.zero_()

    def over(self, processes: Processes) -> CodebookUsage:
        """Add up the counts of all processes."""
        whole = CodebookUsage(())
        whole.steps, whole.counts = self.steps, processes.total(self.counts)
        return whole

    def figures(self) -> dict[str, float]:
        """Return ``codes_used``, ``perplexity`` and ``normalised_entropy`` of the counts.

        They are means over codebooks; a model without codebooks has none.
        """
        if not self.counts:
            return {}
        rows = []
        for counts in self.counts:
            share = counts.double() / counts.sum().clamp_min(1)
            entropy = abs(torch.special.xlogy(share, share).sum().item())
            most = math.log(len(counts))
            rows.append((float((counts > 0).sum()), math.exp(entropy), entropy / most if most else 0.0))
        used, perplexity, normalised = (sum(column) / len(rows) for column in zip(*rows, strict=True))
        return {"codes_used": used, "perplexity": perplexity, "normalised_entropy": normalised}

    def state_dict(self) -> dict[str, Any]:
        """Return the counts, for the train state."""
        return {"steps": self.steps, "counts": [counts.to("cpu", copy=True) for counts in self.counts]}

    def load_state_dict(self, state: Mapping[str, Any], *, counts: bool = True) -> None:
        """Continue from a train state; without `counts`, on all processes but one, from zero."""
        self.steps = state["steps"]
        self.counts = [stored.clone() if counts else torch.zeros_like(stored) for stored in state["counts"]]
