"""The state of a quantizer: when it may change, its precision, saving and loading."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save

from vqspeech.nn.quantize import Quantizer
from vqspeech.testing.modules import generator, same_bits, snapshot
from vqspeech.testing.quantizers.subject import QuantizerSubject, total


def evaluation_changes_nothing(subject: QuantizerSubject) -> None:
    """Evaluation, encode and decode change no state, collect no statistics, and draw no global random number."""
    for quantizer in (subject.started(), subject.fresh()):
        before, randomness = snapshot(quantizer), torch.get_rng_state()
        codes = quantizer.encode(subject.latents(2, 30))
        quantizer.decode(codes)
        quantizer.eval()
        quantizer(subject.latents(2, 30))
        assert not (differ := same_bits(before, snapshot(quantizer))), f"evaluation changes {', '.join(differ)}"
        quantizer.train().update(generator())
        assert not (differ := same_bits(before, snapshot(quantizer))), (
            f"an update after evaluation changes {', '.join(differ)}"
        )
        assert torch.equal(torch.get_rng_state(), randomness), "the global random state was used"


def forward_waits_for_update(subject: QuantizerSubject) -> None:
    """In training mode forward moves no code; `update` does, and uses each batch once."""
    quantizer, z = subject.started(), subject.latents(2, 50)
    codes = quantizer.encode(z)
    before = quantizer.decode(codes).detach().clone()
    quantizer(z)
    assert torch.equal(quantizer.decode(codes), before), "forward moved a code; wait for update"
    quantizer.update(generator())
    after = snapshot(quantizer)
    quantizer.update(generator())
    assert not (differ := same_bits(after, snapshot(quantizer))), (
        f"a second update uses the batch again: {', '.join(differ)}"
    )


def gradient_accumulation(subject: QuantizerSubject) -> None:
    """Two half batches before an update move the codebook as the whole batch does."""
    whole, halves, z = subject.started(), subject.started(), subject.latents(4, 20)
    whole(z)
    halves(z[:2])
    halves(z[2:])
    for quantizer in (whole, halves):
        quantizer.update(generator())
    for name, tensor in whole.state_dict().items():
        other = halves.state_dict()[name]
        assert torch.allclose(tensor.float(), other.float(), rtol=1e-4, atol=1e-5), (
            f"two halves leave another {name} than the whole"
        )


def float32_state(subject: QuantizerSubject) -> None:
    """Casting the module to bfloat16 or float16 keeps float32 buffers, to the bit."""
    for dtype in (torch.bfloat16, torch.float16):
        quantizer = subject.started()
        buffers = {name: buffer.clone() for name, buffer in quantizer.named_buffers() if buffer.dtype == torch.float32}
        torch.nn.Sequential(quantizer).to(dtype)
        for name, buffer in quantizer.named_buffers():
            if name in buffers:
                assert buffer.dtype == torch.float32, f"after .to({dtype}) the buffer {name} is {buffer.dtype}"
                assert torch.equal(buffer, buffers[name]), f"after .to({dtype}) the buffer {name} has lost bits"
        quantizer(subject.latents().to(dtype))
        quantizer.update(generator())


def safetensors_round_trip(subject: QuantizerSubject) -> None:
    """The state passes through safetensors and a strict load; training continues with the same bits."""
    quantizer = subject.started()
    _train(subject, quantizer, 3)
    stored = load(save(snapshot(quantizer)))
    other = subject.fresh(seed=99)
    try:
        other.load_state_dict(stored, strict=True)
    except RuntimeError as error:
        raise AssertionError(f"strict loading fails: {error}") from error
    z = subject.latents(2, 50, seed=7)
    assert torch.equal(other.encode(z), quantizer.encode(z)), (
        "what was loaded gives other codes: some state is not in state_dict()"
    )
    for one in (quantizer, other):
        _train(subject, one, 12, first=3)
    assert not (differ := same_bits(snapshot(quantizer), snapshot(other))), (
        f"training goes on otherwise in {', '.join(differ)}"
    )


def same_seed_same_bits(subject: QuantizerSubject) -> None:
    """Start and training are functions of their generators, not of the global random state."""
    states = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            quantizer = subject.fresh()
            torch.manual_seed(seed)
            quantizer.start(torch.randn(300, subject.dim, generator=generator(1)), generator(2))
            _train(subject, quantizer, 12)
            states.append(snapshot(quantizer))
    assert not (differ := same_bits(*states)), (
        f"the same generators give another {', '.join(differ)}: use the generator that is given"
    )


def learning(subject: QuantizerSubject) -> None:
    """Every parameter that requires a gradient gets a finite one, from z_q or the losses."""
    quantizer = subject.started()
    if not any(parameter.requires_grad for parameter in quantizer.parameters()):
        pytest.skip("has no parameters")
    result = quantizer(subject.latents(4, 50).requires_grad_())
    (total(result) + (result.z_q * subject.latents(4, 50, seed=3)).sum()).backward()
    for name, parameter in quantizer.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"the parameter {name} never gets a gradient (DDP would wait for it)"
            assert torch.isfinite(parameter.grad).all(), f"the gradient of {name} is not finite"


def _train(subject: QuantizerSubject, quantizer: Quantizer, steps: int, first: int = 0) -> None:
    """Run steps as the training loop does: loss, optimiser, update."""
    parameters = [parameter for parameter in quantizer.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1) if parameters else None
    for step in range(first, first + steps):
        result = quantizer(3 * subject.latents(2, 20, seed=100 + step))
        if optimizer is not None:
            optimizer.zero_grad()
            (total(result) + result.z_q.square().mean()).backward()
            optimizer.step()
        quantizer.update(generator(step))


CHECKS = (
    evaluation_changes_nothing,
    forward_waits_for_update,
    gradient_accumulation,
    float32_state,
    safetensors_round_trip,
    same_seed_same_bits,
    learning,
)
