"""The codebook: nearest codes by brute force, survival of unused codes, and their revival."""

from __future__ import annotations

import pytest
import torch

from vqspeech.testing.modules import generator
from vqspeech.testing.quantizers.subject import QuantizerSubject, moves_by_update


def nearest_code(subject: QuantizerSubject) -> None:
    """No other code of the last codebook decodes nearer to the latents, by brute force in float64; ties are free.

    For one codebook that is the nearest code; for residual levels the one nearest to the last residual; for groups that
    of the last group. Quantizers with another rule set ``distance = None``.
    """
    quantizer, z = subject.started().eval(), subject.latents(2, 25)
    if quantizer.distance != "euclidean":
        pytest.skip("chooses codes by another rule than Euclidean distance (distance = None)")
    codes, size = quantizer.encode(z), quantizer.codebook_sizes[-1]
    for row in range(len(z)):
        others = codes[row].expand(size, -1, -1).clone()
        others[:, -1] = torch.arange(size)[:, None]
        decoded = torch.cat([quantizer.decode(piece) for piece in others.split(256)]).detach().double()
        squares = (decoded - z[row].double()).square().sum(1)
        chosen = squares.gather(0, codes[row, -1][None])[0]
        best, index = squares.min(0)
        for time in (chosen > best * (1 + 1e-4) + 1e-5).nonzero()[:1, 0].tolist():
            raise AssertionError(
                f"a frame has code {int(codes[row, -1, time])} at squared distance {chosen[time]:.5g}; "
                f"code {int(index[time])} is nearer, "
                f"at {best[time]:.5g}"
            )


def unused_codes_survive(subject: QuantizerSubject) -> None:
    """Codes that a batch does not use stay in place or move to its frames; an average with zero counts loses them."""
    quantizer = subject.started()
    size = max(quantizer.codebook_sizes)
    probe = torch.stack([torch.arange(size).clamp(max=each - 1) for each in quantizer.codebook_sizes])[None]
    before = quantizer.decode(probe).detach().clone()
    frames = subject.latents(1, 1).expand(1, -1, 20)
    for step in range(3):
        quantizer(frames)
        quantizer.update(generator(step))
    after = quantizer.decode(probe).detach()
    assert torch.isfinite(after).all(), "codes are no longer finite"
    away = torch.minimum((after - before).norm(dim=1), (after - frames[..., :1]).norm(dim=1))
    bound = 2 * max(1.0, before.norm(dim=1).max().item(), frames.norm(dim=1).max().item())
    lost = after.norm(dim=1) > bound
    assert not lost.any(), (
        f"{int(lost.sum())} codes were thrown away, up to {away.max():.3g} from where they were and from the frames"
    )
    gone = (after.norm(dim=1) < 1e-3 * before.norm(dim=1)) & (before.norm(dim=1) > 1e-2)
    assert not gone.any(), f"{int(gone.sum())} codes fell to zero"


def revival(subject: QuantizerSubject) -> None:
    """Where `update` moves the codebook, dead codes come back into use.

    All codes begin in one place far from the data, so that the first to move takes every frame. Revival that resets a
    code without its count and sum has no effect: the next average undoes it.
    """
    if not moves_by_update(subject):
        pytest.skip("update moves no code: the optimiser does, or nothing does")
    quantizer = subject.fresh()
    quantizer.start(torch.full((64, subject.dim), 100.0), generator())
    centres = 4 * torch.randn(16, subject.dim, generator=generator(1))
    wanted = torch.tensor([min(6, size) for size in quantizer.codebook_sizes])
    used = wanted * 0
    for step in range(1500):
        noise = 0.1 * torch.randn(256, subject.dim, generator=generator(step))
        frames = centres[torch.arange(256) % 16] + noise
        codes = quantizer(frames.T[None]).codes
        quantizer.update(generator(step))
        if step % 10 == 9:
            used = torch.tensor([len(level.unique()) for level in codes[0]])
            if (used >= wanted).all():
                return
    raise AssertionError(
        f"after 1,500 updates {used.tolist()} codes are in use per codebook, for 16 clusters and codebooks of "
        f"{list(quantizer.codebook_sizes)}: dead codes do not come back"
    )


CHECKS = (nearest_code, unused_codes_survive, revival)
