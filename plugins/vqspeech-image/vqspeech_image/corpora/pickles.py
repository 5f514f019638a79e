"""Read a pickled dictionary of arrays without running the file's instructions.

A pickle is a program: unpickling a downloaded file may run any command. Here every import is refused except the three
names that numpy's arrays need, and those become inert records of this module, so that no code of numpy runs either.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vqspeech.errors import CorpusError
from vqspeech.untrusted import MOST

MOST_SIDES = 32
"""Most dimensions of an array of NumPy's."""


_PythonUnpickler: Any = pickle._Unpickler


class _DType:
    """Replaces ``numpy.dtype``: keeps its code, accepts bytes only."""

    __slots__ = ("code",)

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else code

    def __setstate__(self, state: Any) -> None:
        pass


class _Array:
    """Replaces a ``numpy.ndarray`` that is being rebuilt."""

    __slots__ = ("state",)

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """Return the described array; uint8 in C order only.

        Raises
        ------
        ValueError : any other array
        """
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise ValueError("an array without its content")
        _, shape, dtype, fortran, content = self.state
        if not isinstance(dtype, _DType) or dtype.code not in ("u1", "|u1", "uint8"):
            raise ValueError("an array of something else than bytes (uint8)")
        if not isinstance(shape, tuple) or len(shape) > MOST_SIDES:
            raise ValueError("an array without a shape")
        if not all(isinstance(side, int) and 0 <= side <= MOST for side in shape):
            raise ValueError("an array of an unusable shape")
        if not isinstance(content, bytes) or len(content) != math.prod(shape) or fortran:
            raise ValueError(f"an array whose content does not fill its shape {shape}")
        return np.frombuffer(content, np.uint8).reshape(shape)


class _Encode:
    """Replaces ``_codecs.encode``, by which Python 3 writes bytes in protocol 2: Latin-1 text only."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise ValueError(f"text encoded as {encoding!r}")
        return text.encode("latin1")


class _Restricted(_PythonUnpickler):
    """Unpickles values that NumPy's arrays and lists need; keys of dictionaries are text, bytes and numbers.

    Other keys are refused before they are hashed: a hash of tuples in tuples of a hundred bytes takes for ever. The
    unpickler in C does not let one look at them.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def _checked_setitem(self) -> None:
        _require_keys(self.stack[-2:-1])
        _PythonUnpickler.load_setitem(self)

    def _checked_setitems(self) -> None:
        _require_keys(self.stack[::2])
        _PythonUnpickler.load_setitems(self)

    def _checked_dict(self) -> None:
        _require_keys(self.stack[::2])
        _PythonUnpickler.load_dict(self)

    def _refused(self) -> None:
        raise pickle.UnpicklingError("it holds a set or a bytearray, which no data needs")

    dispatch[pickle.SETITEM[0]] = _checked_setitem
    dispatch[pickle.SETITEMS[0]] = _checked_setitems
    dispatch[pickle.DICT[0]] = _checked_dict
    dispatch[pickle.ADDITEMS[0]] = dispatch[pickle.FROZENSET[0]] = dispatch[pickle.BYTEARRAY8[0]] = _refused

    def find_class(self, module: str, name: str) -> Any:
        """Return replacements for what arrays need, and refuse everything else."""
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


def _require_keys(keys: Iterable[Any]) -> None:
    for key in keys:
        if not isinstance(key, str | bytes | int | float | None):
            raise pickle.UnpicklingError(f"a dictionary has a key of the type {type(key).__name__}")


def read_arrays(path: Path) -> dict[str, Any]:
    """Read the dictionary of a pickle, with keys and byte strings as text and arrays as uint8.

    Parameters
    ----------
    path : a pickle of any protocol, written by Python 2 or 3

    Raises
    ------
    CorpusError : unreadable, truncated, not such a dictionary, or with an import
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        content_dict = _Restricted(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(content_dict, dict):
            raise ValueError(f"it holds {type(content_dict).__name__}, not a dictionary")
        return {
            _text(key): value.array() if isinstance(value, _Array) else value for key, value in content_dict.items()
        }
    except Exception as error:
        # A malformed program may raise anything.
        reason = str(error) or type(error).__name__
        if not content.endswith(pickle.STOP):
            reason = f"it is truncated ({len(content)} bytes): {reason}. Copy or download it again"
        raise CorpusError(f"{path} is no batch of images: {reason}") from error


def _text(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value
