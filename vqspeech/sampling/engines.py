"""The sampling engines by name, and the choice of ``"auto"``."""

from __future__ import annotations

import functools
import gc
import warnings
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from vqspeech.errors import InputError, VQSpeechError, unknown_name
from vqspeech.nn.decoders.wavenet import WaveNet
from vqspeech.sampling.packing import WEIGHTS
from vqspeech.sampling.reference import ReferenceSampler


class Engine(Protocol):
    """Draws the next samples of a batch of streams; see `ReferenceSampler`."""

    @property
    def name(self) -> str:
        """Key in `ENGINES` of the engine that runs, possibly a substitute."""
        ...

    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """Draw the next mu-law levels (batch, time) of every stream, or of the first."""
        ...


def _reference(decoder: WaveNet, streams: int, weights: str = "fp32") -> Engine:
    if weights != "fp32":
        raise InputError(
            f"the reference engine has fp32 weights only, not {weights}; "
            f"engines 'cpu' and 'cuda' have {', '.join(WEIGHTS)}"
        )
    return ReferenceSampler(decoder, streams)


def _cpu(decoder: WaveNet, streams: int, weights: str = "fp32") -> Engine:
    if reason := numba_trouble():
        raise VQSpeechError(f"the cpu engine needs numba, which does not work here: {reason}. Use engine 'reference'")
    from vqspeech.sampling.cpu import CpuSampler

    return CpuSampler(decoder, streams, weights=weights)


def _cuda(decoder: WaveNet, streams: int, weights: str = "fp32") -> Engine:
    from vqspeech.sampling.cuda import CudaSampler

    try:
        return CudaSampler(decoder, streams, weights=weights)
    except RuntimeError as error:
        # An error of the driver, of a library, or of memory.
        name = _without_gpu()
        warnings.warn(
            f"sampling with the {name} engine, because cuda could not start: {_first_line(error)}", stacklevel=2
        )
        return ENGINES[name](decoder, streams, weights=weights)


ENGINES: dict[str, Callable[..., Engine]] = {"cpu": _cpu, "cuda": _cuda, "reference": _reference}
"""Engine name -> function of a decoder, a number of streams and the storage format of weights."""

MOST_STREAMS = {"cpu": 64, "cuda": 512, "reference": 64}
"""Utterances that an engine draws at a time; further ones are drawn in turns, which bounds memory."""


def resolve(name: str) -> str:
    """Return the name of a usable engine.

    ``"auto"`` is ``cuda`` where there is a GPU, else ``cpu``, or ``reference`` with a warning where numba does not
    work.

    Raises
    ------
    UnknownNameError : a name that is neither ``"auto"`` nor in `ENGINES`
    InputError : ``"cuda"`` without a GPU
    """
    if name == "auto":
        return _without_gpu() if cuda_trouble() else "cuda"
    if name not in ENGINES:
        raise unknown_name("sampling engine", name, ["auto", *ENGINES])
    if name == "cuda" and (reason := cuda_trouble()):
        raise InputError(
            f"engine 'cuda' needs an NVIDIA GPU that PyTorch can use: {reason}. "
            "Engine 'cpu' needs none, 'auto' takes what is available"
        )
    return name


def _without_gpu() -> str:
    if not (reason := numba_trouble()):
        return "cpu"
    warnings.warn(f"sampling with the slow reference engine, because numba does not work: {reason}", stacklevel=4)
    return "reference"


def cuda_trouble() -> str:
    """Return why the cuda engine cannot be used here; empty when it can be tried."""
    if torch.version.cuda is None:
        return "this PyTorch was built without CUDA"
    return "" if torch.cuda.is_available() else "it finds no GPU, or no matching driver"


@functools.cache
def numba_trouble() -> str:
    """Return why numba cannot be used here; empty when a small network could be compiled and run.

    Garbage collection is off: numba makes hundreds of thousands of objects at its start, which takes a third longer
    with it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        from vqspeech.sampling.cpu import CpuSampler

        # Keeps the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            decoder = WaveNet(
                dim=1, hop_samples=1, dilations=(1,), residual_channels=1, skip_channels=1, condition_channels=1
            )
        CpuSampler(decoder, 1, threads=1).draw(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, dtype=torch.float64))
    except Exception as error:
        # A broken installation of numba or LLVM may raise any exception.
        return _first_line(error)
    finally:
        if collecting:
            gc.enable()
    return ""


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
