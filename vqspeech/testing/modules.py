"""Comparisons of modules that suites share: states bit for bit, global random state, gradients, saving and loading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from vqspeech.registry import contracts, lookup
from vqspeech.registry.specs import Spec


def build(kind: type[Spec], part: str | Callable[..., Any], positional: Any, options: Mapping[str, Any]) -> Any:
    """Build a part by its registered name, with checked options as a configuration has them, or by its factory."""
    if isinstance(part, str):
        return contracts.call(lookup.find(kind, part), positional, options=options)
    return part(positional, **options)


def generator(seed: int = 0) -> torch.Generator:
    """Make a generator of its own, so that no check depends on another."""
    return torch.Generator().manual_seed(seed)


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """Copy the state of a module."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same_bits(one: dict[str, Tensor], two: dict[str, Tensor]) -> list[str]:
    """Name the entries in which two states differ in any bit; a NaN equals a NaN."""
    differ = sorted(one.keys() ^ two.keys())
    for name in sorted(one.keys() & two.keys()):
        a, b = one[name], two[name]
        if a.dtype != b.dtype or a.shape != b.shape or not torch.equal(a.nan_to_num(), b.nan_to_num()):
            differ.append(name)
    return differ


@contextmanager
def global_randomness_untouched(what: str) -> Iterator[None]:
    """Raise `AssertionError` when the block draws from torch's global generator."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before), (
        f"the global random state was used in {what}; use the generator or the seed that is given"
    )


@contextmanager
def unchanged(module: nn.Module, what: str) -> Iterator[None]:
    """Raise `AssertionError` when the block changes a module's state, mode, gradients or trained parameters."""
    before, flags = snapshot(module), _flags(module)
    yield
    assert not (differ := same_bits(before, snapshot(module))), f"{what} changes {', '.join(differ)}"
    assert _flags(module) == flags, f"{what} leaves the module in another mode: training, requires_grad or gradients"


def _flags(module: nn.Module) -> tuple[list[bool], list[tuple[bool, bool]]]:
    modes = [part.training for part in module.modules()]
    return modes, [(parameter.requires_grad, parameter.grad is not None) for parameter in module.parameters()]


def copy_through_file(module: nn.Module, other: nn.Module) -> None:
    """Load the state of a module into another through safetensors, strictly.

    Raises
    ------
    AssertionError : when strict loading fails
    """
    stored = load(save({name: tensor.contiguous() for name, tensor in snapshot(module).items()}))
    try:
        other.load_state_dict(stored, strict=True)
    except RuntimeError as error:
        raise AssertionError(f"strict loading fails: {error}") from error


def require_gradients(named: Iterable[tuple[str, nn.Parameter]], of: str) -> None:
    """Raise `AssertionError` unless every parameter that is trained has a finite gradient."""
    for name, parameter in named:
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{of} gives the parameter {name} no gradient (DDP would wait for it)"
            assert torch.isfinite(parameter.grad).all(), (
                f"{of} gives the parameter {name} a gradient that is not finite"
            )


def relative_error(value: Tensor, wanted: Tensor) -> float:
    """Root mean square of the difference over that of the wanted values."""
    difference = (value.detach().double() - wanted.detach().double()).square().mean().sqrt()
    scale = wanted.detach().double().square().mean().sqrt()
    return float(difference / scale.clamp_min(1e-12))


def require_close(value: Tensor, wanted: Tensor, what: str, tolerance: float = 1e-4) -> None:
    """Raise `AssertionError` unless the largest difference is a small part of the largest value."""
    assert value.shape == wanted.shape, f"{what}: shape {tuple(value.shape)}, not {tuple(wanted.shape)}"
    if not wanted.numel():
        return
    error = (value.detach().double() - wanted.detach().double()).abs().max().item()
    bound = tolerance * (1e-3 + wanted.detach().double().abs().max().item())
    assert error <= bound, f"{what} differ by up to {error:.3g}"
