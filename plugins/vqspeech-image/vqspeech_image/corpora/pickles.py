"""Reads a pickled dictionary of arrays without running anything that the file says.

A pickle is a program: unpickling a downloaded file may run any command. Here every name that it asks to import is refused but the three that
numpy's arrays need, and those stand for inert records of this module: no code of numpy's runs on what the file says either.
"""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from vqspeech.errors import CorpusError


class _DType:
    """Stands for ``numpy.dtype``: keeps its code, refuses all but bytes."""

    __slots__ = ("code",)

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else code

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """Stands for a ``numpy.ndarray`` that is being rebuilt."""

    __slots__ = ("state",)

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """The array that was described; uint8 in C order, nothing else.

        Raises
        ------
        ValueError : when it was something else
        """
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise ValueError("an array without its content")
        _, shape, dtype, fortran, content = self.state
        if not isinstance(dtype, _DType) or dtype.code not in ("u1", "|u1", "uint8"):
            raise ValueError("an array of something else than bytes (uint8)")
        if not isinstance(shape, tuple) or not all(isinstance(side, int) and side >= 0 for side in shape):
            raise ValueError(f"an array of shape {shape!r}")
        if not isinstance(content, bytes) or len(content) != math.prod(shape) or fortran:
            raise ValueError(f"an array whose content does not fill its shape {shape}")
        return np.frombuffer(content, np.uint8).reshape(shape)


class _Encode:
    """Stands for ``_codecs.encode``, by which Python 3 writes bytes in protocol 2: text of Latin-1, nothing else."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise ValueError(f"text encoded as {encoding!r}")
        return text.encode("latin1")


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for what arrays need; an error for everything else."""
        if (module, name) in (
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
        ):
            return _Array
        if (module, name) == ("numpy", "dtype"):
            return _DType
        if (module, name) == ("_codecs", "encode"):
            return _Encode()
        raise pickle.UnpicklingError(f"it asks to import {module}.{name}, which no data needs; nothing was run")


def read_arrays(path: Path) -> dict[str, Any]:
    """The dictionary that a pickle holds; its keys and byte strings as text, arrays as uint8 arrays.

    Parameters
    ----------
    path : a pickle of any protocol, written by Python 2 or 3

    Raises
    ------
    CorpusError : when it cannot be read, is truncated, is no such dictionary, or asks to import anything
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        found = _Restricted(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(found, dict):
            raise ValueError(f"it holds {type(found).__name__}, not a dictionary")
        return {_text(key): value.array() if isinstance(value, _Array) else value for key, value in found.items()}
    except Exception as error:  # a malformed program may raise whatever its instructions give
        reason = str(error) or type(error).__name__
        if isinstance(error, EOFError) or "truncated" in reason or "exhausted" in reason or "Ran out" in reason:
            reason = f"it is truncated ({len(content)} bytes): {reason}. Copy or download it again"
        raise CorpusError(f"{path} is no batch of images: {reason}") from error


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value
