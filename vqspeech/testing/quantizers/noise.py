"""Stochastic quantizers: noise comes from the generator, and a row gets the same however a batch is divided."""

from __future__ import annotations

import pytest
import torch

from vqspeech.nn.share import Share
from vqspeech.testing.modules import generator, global_randomness_untouched, require_close
from vqspeech.testing.quantizers.subject import QuantizerSubject


@torch.no_grad()
def noise_of_shares(subject: QuantizerSubject) -> None:
    """A stochastic quantizer draws from its generator, for all rows of the batch: shares have the codes of the whole.

    Without a generator, and in evaluation mode, it is not random.
    """
    quantizer, z = subject.started(), subject.latents(5, 9)
    if not quantizer.stochastic:
        pytest.skip("draws no noise (stochastic = False)")
    with global_randomness_untouched("training"):
        whole = quantizer.quantize(z, None, generator(3), None)
        other = quantizer.quantize(z, None, generator(4), None)
        for rank in (0, 1):
            part = quantizer.quantize(z[rank::2], None, generator(3), Share(rank, 2, len(z)))
            assert torch.equal(part.codes, whole.codes[rank::2]), (
                f"share {rank} of 2 has other codes than its rows in the whole batch: draw noise for `share.rows` rows"
            )
            require_close(part.z_q, whole.z_q[rank::2], f"z_q of share {rank} of 2 and of its rows in the whole batch")
    assert not torch.equal(whole.z_q, other.z_q), "two generators give the same z_q, although stochastic is True"
    plain = quantizer.quantize(z, None, None, None)
    assert torch.equal(plain.z_q, quantizer(z).z_q), "without a generator z_q is random"
    quantizer.eval()
    one, two = (quantizer.quantize(z, None, generator(seed), None) for seed in (3, 4))
    assert torch.equal(one.z_q, two.z_q), "in evaluation mode z_q depends on the generator"


CHECKS = (noise_of_shares,)
