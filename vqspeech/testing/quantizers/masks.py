"""Masked frames change nothing and do not count."""

from __future__ import annotations

import torch

from vqspeech.testing.modules import generator, same_bits, snapshot
from vqspeech.testing.quantizers.subject import QuantizerSubject, total


def padding(subject: QuantizerSubject) -> None:
    """Masked content, even infinite or NaN, changes no code, loss, stat, gradient, latent or state."""
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[0, 6:], mask[1, 2:] = False, False
    runs = []
    for junk in (0.5, 1e6, float("inf"), float("nan")):
        quantizer = subject.started()
        z = torch.where(mask[:, None], subject.latents(), junk).requires_grad_()
        result = quantizer(z, mask)
        (total(result) + result.z_q.square().sum()).backward()
        encoded = quantizer.encode(z, mask)
        for parameter in quantizer.parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all(), (
                f"{junk} under the mask reaches a parameter's gradient"
            )
        quantizer.update(generator())
        assert z.grad is not None
        runs.append((junk, result, z.grad, encoded, snapshot(quantizer)))
    _, first, first_grad, first_encoded, first_state = runs[0]
    outside = ~mask[:, None]
    assert not (first.codes * outside).any() and not (first_encoded * outside).any(), "codes of masked frames are not 0"
    assert not (first.z_q * outside).any(), "z_q of masked frames is not 0"
    for junk, result, grad, encoded, after in runs[1:]:
        said = f"{junk} under the mask changes"
        assert torch.equal(result.codes, first.codes) and torch.equal(encoded, first_encoded), f"{said} codes"
        assert torch.equal(result.z_q, first.z_q), f"{said} z_q"
        assert torch.equal(grad, first_grad), f"{said} the gradient"
        for name in first.losses:
            assert torch.equal(result.losses[name], first.losses[name]), f"{said} the loss {name!r}"
        for name in first.stats:
            assert torch.equal(result.stats[name], first.stats[name]), f"{said} the stat {name!r}"
        assert not (differ := same_bits(first_state, after)), f"{said} the state after update: {', '.join(differ)}"


def mask_of_ones(subject: QuantizerSubject) -> None:
    """A mask of all True equals no mask."""
    masked, plain, z = subject.started(), subject.started(), subject.latents()
    one, two = masked(z, torch.ones(2, 9, dtype=torch.bool)), plain(z)
    assert torch.equal(one.codes, two.codes), "other codes with a mask that is true everywhere"
    assert torch.allclose(one.z_q, two.z_q, atol=1e-6), "another z_q with a mask that is true everywhere"
    for name, loss in two.losses.items():
        assert torch.allclose(one.losses[name], loss, rtol=1e-4), (
            f"loss {name!r}: {one.losses[name]:.6g} with mask, {loss:.6g} without"
        )


def masked_rows(subject: QuantizerSubject) -> None:
    """Losses are means over real frames: a fully masked row does not dilute them, nor pull a code."""
    both, alone, z = subject.started(), subject.started(), subject.latents()
    mask = torch.zeros(2, 9, dtype=torch.bool)
    mask[0] = True
    masked, single = both(z, mask), alone(z[:1])
    for name, loss in single.losses.items():
        assert torch.allclose(masked.losses[name], loss, rtol=1e-4), (
            f"loss {name!r} of a row is {loss:.6g}, beside a masked row {masked.losses[name]:.6g}"
        )
    both.update(generator())
    alone.update(generator())
    for name, tensor in alone.state_dict().items():
        assert torch.allclose(tensor.float(), both.state_dict()[name].float(), rtol=1e-4, atol=1e-6), (
            f"a masked row changes {name}"
        )


def all_masked(subject: QuantizerSubject) -> None:
    """With masked frames only, every loss is zero, z_q and codes too, and no code moves."""
    quantizer = subject.started()
    last = torch.tensor(quantizer.codebook_sizes)[None, :, None] - 1
    probe = torch.cat([last, torch.zeros_like(last)], 2)
    before = quantizer.decode(probe).detach().clone()
    result = quantizer(subject.latents(), torch.zeros(2, 9, dtype=torch.bool))
    for name, loss in result.losses.items():
        assert loss == 0, f"loss {name!r} of no frame at all is {loss}"
    assert not result.z_q.any() and not result.codes.any(), "z_q or codes of masked frames are not 0"
    quantizer.update(generator())
    assert torch.allclose(quantizer.decode(probe), before, rtol=1e-4, atol=1e-6), (
        "an update without any frame moved a code"
    )


CHECKS = (padding, mask_of_ones, masked_rows, all_masked)
