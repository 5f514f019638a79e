"""The tables of a model with one row per speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from vqspeech.errors import InputError
from vqspeech.nn.vqvae import VQVAE


def speaker_embedding(model: VQVAE) -> nn.Embedding:
    """Return the decoder's table of speakers.

    Raises
    ------
    InputError : for a decoder without one
    """
    table = getattr(model.decoder, "speaker_embedding", None)
    if not isinstance(table, nn.Embedding):
        raise InputError(
            f"voices of this model cannot be added or removed: its decoder, {type(model.decoder).__name__}, has no "
            "speaker_embedding"
        )
    return table


def speaker_tensors(model: VQVAE) -> tuple[str, ...]:
    """Return the names of the tensors with a row per speaker in the state of a model.

    These are the decoder's embedding, its buffers that `Decoder.speaker_buffers` lists, and embeddings of the
    spectral head.

    Raises
    ------
    InputError : for a decoder without `speaker_embedding`
    """
    tables: list[nn.Module] = [speaker_embedding(model)]
    if model.spectral_head is not None:
        tables += [module for module in model.spectral_head.modules() if isinstance(module, nn.Embedding)]
    names = [f"{name}.weight" for name, module in model.named_modules() if any(module is table for table in tables)]
    return (*names, *(f"decoder.{name}" for name in model.decoder.speaker_buffers()))


def selected(weights: Mapping[str, Tensor], names: Sequence[str], rows: Sequence[int]) -> dict[str, Tensor]:
    """Return weights with some rows only of the tensors of `speaker_tensors`.

    Parameters
    ----------
    weights : state of a model, name -> tensor
    names : tensors with a row per speaker
    rows : rows to keep, in order
    """
    return {name: tensor[torch.tensor(rows)] if name in names else tensor for name, tensor in weights.items()}


def extended(weights: Mapping[str, Tensor], rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with one more row of some tensors, in the tensors' dtypes.

    Parameters
    ----------
    weights : state of a model, name -> tensor
    rows : name of a tensor with a row per speaker -> its next row
    """
    return {
        name: torch.cat([tensor, rows[name].to(tensor)[None]]) if name in rows else tensor
        for name, tensor in weights.items()
    }
