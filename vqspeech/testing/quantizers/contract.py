"""Shapes, ranges, agreement of forward, encode and decode, gradients, reduced precision, compilation."""

from __future__ import annotations

import pytest
import torch

from vqspeech.testing.modules import generator
from vqspeech.testing.quantizers.subject import QuantizerSubject, total


def shapes(subject: QuantizerSubject) -> None:
    """z_q is (batch, dim, time), codes (batch, codebooks, time) int64, losses and stats finite scalars."""
    quantizer = subject.started()
    sizes = quantizer.codebook_sizes
    assert quantizer.dim == subject.dim, f"dim is {quantizer.dim}, asked for {subject.dim}"
    assert sizes and all(isinstance(size, int) and size >= 1 for size in sizes), f"codebook_sizes = {sizes!r}"
    for batch, time in ((2, 9), (1, 1), (3, 2)):
        z = subject.latents(batch, time)
        result = quantizer(z)
        assert result.z_q.shape == z.shape, f"z_q has shape {tuple(result.z_q.shape)}, latents {tuple(z.shape)}"
        assert result.codes.shape == (batch, len(sizes), time), (
            f"codes have shape {tuple(result.codes.shape)}, not (batch, codebooks, time) = {(batch, len(sizes), time)}"
        )
        assert result.codes.dtype == torch.int64, f"codes are {result.codes.dtype}, not int64"
        for kind, values in (("loss", result.losses), ("stat", result.stats)):
            for name, value in values.items():
                assert value.ndim == 0 and torch.isfinite(value), f"{kind} {name!r} is {value}, not a finite scalar"
        assert not any(value.requires_grad for value in result.stats.values()), "stats carry gradients; detach them"
        for name, codes in (("encode", quantizer.encode(z)), ("forward", result.codes)):
            decoded = quantizer.decode(codes)
            assert decoded.shape == z.shape, f"decode of the codes of {name} has shape {tuple(decoded.shape)}"


def empty_batch(subject: QuantizerSubject) -> None:
    """A batch without rows passes forward, encode, decode and update, with finite losses, and moves no code."""
    quantizer = subject.started()
    codes = torch.zeros(1, len(quantizer.codebook_sizes), 1, dtype=torch.int64)
    before = quantizer.decode(codes).detach().clone()
    z = subject.latents(0, 5)
    result = quantizer(z)
    assert result.z_q.shape == z.shape
    assert result.codes.shape == (0, len(quantizer.codebook_sizes), 5)
    assert all(torch.isfinite(loss) for loss in result.losses.values()), f"losses {result.losses}"
    quantizer.update(generator())
    assert quantizer.encode(z).shape == result.codes.shape
    assert quantizer.decode(result.codes).shape == z.shape
    assert torch.allclose(quantizer.decode(codes), before), "an empty batch moved a code"


def code_range(subject: QuantizerSubject) -> None:
    """Codes lie in [0, codebook_sizes[n]), even of large latents; the last codes decode to finite latents."""
    quantizer = subject.started().eval()
    sizes = torch.tensor(quantizer.codebook_sizes)[None, :, None]
    for scale in (0.0, 1.0, 1e4, -1e4):
        codes = quantizer.encode(scale * subject.latents().abs())
        assert (codes >= 0).all() and (codes < sizes).all(), f"latents times {scale:g} give codes out of range: {codes}"
    assert torch.isfinite(quantizer.decode(sizes - 1)).all(), "the last codes decode to latents that are not finite"


def decode_of_encode(subject: QuantizerSubject) -> None:
    """In evaluation mode encode gives the codes of forward, and decode gives its z_q."""
    quantizer, z = subject.started().eval(), subject.latents()
    result = quantizer(z)
    codes = quantizer.encode(z)
    assert torch.equal(codes, result.codes), f"encode and forward differ in {int((codes != result.codes).sum())} codes"
    error = (quantizer.decode(codes) - result.z_q).abs().max().item()
    assert error <= 1e-5 * (1 + result.z_q.abs().max().item()), (
        f"decode(encode(z)) differs from z_q by up to {error:.2g}"
    )


def gradient(subject: QuantizerSubject) -> None:
    """The gradient of z_q reaches every real frame of the latents, is finite, and is zero at masked ones."""
    quantizer, z = subject.started(), subject.latents().requires_grad_()
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1, 4:] = False
    z_q = quantizer(z, mask).z_q
    assert z_q.requires_grad, "z_q has no gradient at all: straight-through?"
    (z_q * subject.latents(seed=5)).sum().backward()
    assert z.grad is not None and torch.isfinite(z.grad).all(), "there is no finite gradient"
    reached = (z.grad != 0).any(1)
    assert reached[mask].all(), (
        f"no gradient at {int((~reached & mask).sum())} of {int(mask.sum())} real frames: straight-through?"
    )
    assert not reached[~mask].any(), "there is a gradient at masked frames"


def commitment_gradient(subject: QuantizerSubject) -> None:
    """The gradient of the commitment loss is that of finite differences, on every level of a residual quantizer.

    A detached residual adds to the loss without gradient (github.com/facebookresearch/encodec, issue 25).
    """
    quantizer, z = subject.started(), subject.latents(2, 5)

    def commitment(at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        result = quantizer(at)
        terms = [loss for name, loss in result.losses.items() if "commitment" in name]
        if not terms:
            pytest.skip("has no loss with 'commitment' in its name")
        return torch.stack(terms).sum(), result.codes

    for seed in (1, 2):
        direction = subject.latents(2, 5, seed=seed)
        at = z.clone().requires_grad_()
        loss, codes = commitment(at)
        (slope,) = torch.autograd.grad(loss, at)
        step = 0.02
        # The codes of both sides must be those in the middle.
        while step > 1e-4:
            (above, codes_above), (below, codes_below) = (
                commitment(z + step * direction),
                commitment(z - step * direction),
            )
            if torch.equal(codes, codes_above) and torch.equal(codes, codes_below):
                break
            step /= 2
        wanted, given = ((above - below) / (2 * step)).item(), (slope * direction).sum().item()
        scale = slope.norm().item() * direction.norm().item()
        assert abs(wanted - given) <= 0.02 * abs(wanted) + 2e-3 * scale + 1e-6, (
            f"along a direction the commitment rises by {wanted:.4g}, its gradient gives {given:.4g}: is it detached?"
        )


def reduced_precision(subject: QuantizerSubject) -> None:
    """Autocast changes no code, and bfloat16 or float16 latents have the codes of the same latents in float32."""
    quantizer, z = subject.started().eval(), subject.latents(2, 200)
    plain = quantizer(z)
    with torch.autocast("cpu", torch.bfloat16):
        low = quantizer(z)
        assert torch.equal(quantizer.encode(z), plain.codes), "encode under autocast gives other codes"
    wrong = int((low.codes != plain.codes).sum())
    assert not wrong, f"forward under autocast gives other codes at {wrong} of {plain.codes.numel()} places"
    for dtype in (torch.bfloat16, torch.float16):
        wrong = int((quantizer.encode(z.to(dtype)) != quantizer.encode(z.to(dtype).float())).sum())
        assert not wrong, (
            f"latents in {dtype} are compared in less than float32: {wrong} of {plain.codes.numel()} codes differ"
        )
        assert torch.isfinite(total(quantizer(z.to(dtype)))), f"losses of latents in {dtype} are not finite"


def compiles(subject: QuantizerSubject) -> None:
    """``torch.compile(encode, fullgraph=True)`` gives the same codes, so no branch depends on data; traced only."""
    quantizer, z = subject.started().eval(), subject.latents()
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[0, 5:] = False
    torch._dynamo.reset()
    try:
        encode = torch.compile(quantizer.encode, backend="eager", fullgraph=True)
        with torch.no_grad():
            codes = encode(z, mask)
    except Exception as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise AssertionError(f"encode is not one graph: {first}") from error
    finally:
        torch._dynamo.reset()
    assert torch.equal(codes, quantizer.encode(z, mask)), "the compiled encode gives other codes"


CHECKS = (
    shapes,
    empty_batch,
    code_range,
    decode_of_encode,
    gradient,
    commitment_gradient,
    reduced_precision,
    compiles,
)
