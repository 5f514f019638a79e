"""Two processes have the same state after each update, whatever frames each had."""

from __future__ import annotations

import torch

from vqspeech.testing.modules import generator, same_bits, snapshot
from vqspeech.testing.quantizers.subject import QuantizerSubject
from vqspeech.testing.two_processes import run_in_two

FRAMES = ((7, 0), (0, 11), (5, 3), (0, 0), (20, 1))
"""Real frames on each rank at successive steps, in turn."""

UPDATES = 40
"""Steps, enough for revival."""


def two_processes(subject: QuantizerSubject) -> None:
    """Two processes (gloo) with unequal and empty batches end with the same bits, as one process up to rounding.

    The quantizer is built before the process group.
    """
    quantizer = subject.started()

    def work(rank: int) -> list[dict[str, torch.Tensor]]:
        states = []
        for step in range(UPDATES):
            quantizer(*_share(subject, step, rank))
            quantizer.update(generator(step))
            states.append(snapshot(quantizer))
        return states

    states = run_in_two(work)
    for number, (one, two) in enumerate(zip(*states, strict=True), start=1):
        assert not (differ := same_bits(one, two)), f"after update {number} the ranks differ in {', '.join(differ)}"
    for step in range(len(FRAMES)):
        shares = [_share(subject, step, rank) for rank in (0, 1)]
        quantizer(torch.cat([z for z, _ in shares]), torch.cat([mask for _, mask in shares]))
        quantizer.update(generator(step))
    for name, tensor in quantizer.state_dict().items():
        assert torch.allclose(tensor.float(), states[0][len(FRAMES) - 1][name].float(), rtol=1e-3, atol=1e-4), (
            f"two processes leave another {name} than one with all the frames: statistics are not summed over processes"
        )


def _share(subject: QuantizerSubject, step: int, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    real = FRAMES[step % len(FRAMES)][rank]
    return 3 * subject.latents(1, 20, seed=1000 * rank + step), (torch.arange(20) < real)[None]


CHECKS = (two_processes,)
