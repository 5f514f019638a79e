"""A hash of codebooks: tells whether codes, a prior and a model belong together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vqspeech.nn.quantize.protocol import Quantizer


def codebook_hash(model: nn.Module) -> str:
    """Compute the sha256 of a model's codebooks.

    Codes of models with the same hash mean the same: it covers the states of all `Quantizer` modules with their names
    and codebook sizes. A model whose quantizers hold no tensors, such as FSQ, or that has none, is hashed as a whole,
    since only its other weights say what a code means.

    Parameters
    ----------
    model : model of any kind, on any device

    Returns
    -------
    64 hexadecimal digits
    """
    quantizers = {name: part for name, part in model.named_modules() if isinstance(part, Quantizer)}
    states = {f"{name}.{key}": tensor for name, part in quantizers.items() for key, tensor in part.state_dict().items()}
    if not states:
        states = model.state_dict()
    digest = hashlib.sha256()
    sizes = {name: list(part.codebook_sizes) for name, part in quantizers.items()}
    digest.update(json.dumps(sizes, sort_keys=True).encode())
    add_tensors(digest, states)
    return digest.hexdigest()


def add_tensors(digest: hashlib._Hash, states: Mapping[str, Tensor]) -> None:
    """Add tensors with their names, types and shapes to a hash, in the order of the names."""
    for name in sorted(states):
        tensor = states[name].detach().cpu().contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(_bytes(tensor))


def _bytes(tensor: Tensor) -> bytes:
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
