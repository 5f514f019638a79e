"""Arrays, tensors, batches and lists of them, as rows and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqspeech.errors import InputError


def rows_of(
    given: Any, dimensions: int, what: str, nothing: npt.NDArray[Any]
) -> tuple[list[npt.NDArray[Any]], Callable[[list[npt.NDArray[Any]]], Any]]:
    """Return the items of the input as arrays, and a function that restores its type.

    `nothing` is the result for a batch without rows.
    """
    import torch

    if isinstance(given, str | Path):
        raise InputError(f"{what} = {str(given)!r}; give an array, not a path: read files with soundfile or librosa")
    if isinstance(given, list | tuple):
        parts = [rows_of(item, dimensions, what, nothing) for item in given]
        if any(len(rows) != 1 or np.ndim(item) != dimensions for (rows, _), item in zip(parts, given, strict=True)):
            raise InputError(f"a list of {what} holds items of {dimensions} dimensions each")
        return [rows[0] for rows, _ in parts], lambda results: [
            restore([item]) for (_, restore), item in zip(parts, results, strict=True)
        ]
    tensor = isinstance(given, torch.Tensor)
    if isinstance(given, torch.Tensor) and given.dtype == torch.bfloat16:
        # NumPy has no such type.
        given = given.float()
    array = given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    if array.ndim not in (dimensions, dimensions + 1):
        raise InputError(
            f"{what} of shape {array.shape}; give an array of {dimensions} or, for a batch, {dimensions + 1} dimensions"
        )
    batch = array.ndim > dimensions

    def restore(results: list[npt.NDArray[Any]]) -> Any:
        result = (np.stack(results) if results else nothing) if batch else results[0]
        return torch.from_numpy(result) if tensor else result

    return list(array) if batch else [array], restore


def integers(codes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return codes as int64.

    Raises
    ------
    InputError : for another kind of numbers
    """
    if not np.issubdtype(codes.dtype, np.integer):
        raise InputError(f"codes of type {codes.dtype}; give integers")
    return codes.astype(np.int64)
