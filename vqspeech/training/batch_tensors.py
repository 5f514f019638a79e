"""The tensors within a batch of any modality: a named tuple or dataclass, with others inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from vqspeech.nn.draws import sent
from vqspeech.nn.share import Share

PLAIN = (type(None), bool, int, float, str)
"""Types of values beside tensors that a batch may hold."""


def mapped(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a batch with each tensor changed; everything else stays as it is.

    Raises
    ------
    TypeError : for a value of another kind than tensors, `PLAIN`, and tuples, lists, dicts and dataclasses of them
    """
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, PLAIN):
        return batch
    parts = {name: mapped(part, change) for name, part in _parts(batch).items()}
    if isinstance(batch, dict):
        return parts
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return dataclasses.replace(batch, **parts)
    return batch._replace(**parts) if hasattr(batch, "_fields") else type(batch)(parts.values())


def _parts(batch: Any) -> dict[Any, Any]:
    """Return the parts of a batch by name or place."""
    if isinstance(batch, dict):
        return batch
    if hasattr(batch, "_fields"):
        return dict(zip(batch._fields, batch, strict=True))
    if isinstance(batch, tuple | list):
        return dict(enumerate(batch))
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        return {item.name: getattr(batch, item.name) for item in dataclasses.fields(batch) if item.init}
    raise TypeError(f"a batch holds a value of the type {type(batch).__name__}")


def _leaves(batch: Any) -> Iterator[Any]:
    """Yield the tensors and other values of a batch in a fixed order."""
    if isinstance(batch, (Tensor, *PLAIN)):
        yield batch
    else:
        for part in _parts(batch).values():
            yield from _leaves(part)


def tensors(batch: Any) -> list[Tensor]:
    """Return the tensors of a batch, in a fixed order."""
    return [leaf for leaf in _leaves(batch) if isinstance(leaf, Tensor)]


def pinned(batch: Any) -> Any:
    """Copy a batch to page-locked memory, from which a GPU copies while the CPU goes on; others stay as they are."""
    try:
        return mapped(batch, Tensor.pin_memory)
    except TypeError:
        return batch


def measured(batch: Any, device: torch.device) -> Any:
    """Return a batch whose `Share` has scalar tensors for the numbers that differ from step to step."""
    share = getattr(batch, "share", None)
    if not isinstance(share, Share):
        return batch
    samples, frames = (sent(torch.as_tensor(count), device) for count in (share.samples, share.frames))
    share = share._replace(samples=samples, frames=frames)
    return batch._replace(share=share) if hasattr(batch, "_fields") else dataclasses.replace(batch, share=share)


def layout(batch: Any) -> str:
    """Describe everything of a batch but the numbers in its tensors; equal for batches that one recording serves."""
    kinds = ((tuple(leaf.shape), leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in _leaves(batch))
    return f"{type(batch).__name__} {list(kinds)}"
