"""The sampling engines by name, and which one ``"auto"`` stands for."""

from __future__ import annotations

import functools
import gc
import warnings
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from vqspeech.errors import InputError, VQSpeechError, unknown_name
from vqspeech.nn.wavenet import WaveNet
from vqspeech.sampling.reference import ReferenceSampler

WEIGHTS = ("fp32", "bf16")
"""How an engine may store weights."""


class Engine(Protocol):
    """Draws the next samples of a batch of streams; see `ReferenceSampler`."""

    def draw(self, conditions: Tensor, uniforms: Tensor, temperature: float = 1.0) -> Tensor:
        """The next mu-law levels (batch, time); with fewer rows than streams only the first streams go on, for good."""
        ...


def _reference(decoder: WaveNet, streams: int, weights: str = "fp32") -> Engine:
    if weights != "fp32":
        raise InputError(
            f"the reference engine has fp32 weights only, not {weights}; engine 'cpu' has {', '.join(WEIGHTS)}"
        )
    return ReferenceSampler(decoder, streams)


def _cpu(decoder: WaveNet, streams: int, weights: str = "fp32") -> Engine:
    if reason := numba_trouble():
        raise VQSpeechError(f"the cpu engine needs numba, which does not work here: {reason}. Use engine 'reference'")
    from vqspeech.sampling.cpu import CpuSampler

    return CpuSampler(decoder, streams, weights=weights)


ENGINES: dict[str, Callable[..., Engine]] = {"cpu": _cpu, "reference": _reference}
"""Engine name -> function of a decoder, a number of streams and the storage of weights."""


def resolve(name: str) -> str:
    """The name of an engine that can be used: ``"auto"`` is ``cpu``, or ``reference`` with a warning where numba does not work.

    Raises
    ------
    UnknownNameError : for a name that is neither ``"auto"`` nor in `ENGINES`
    """
    if name == "auto":
        if not (reason := numba_trouble()):
            return "cpu"
        warnings.warn(f"sampling with the slow reference engine, because numba does not work: {reason}", stacklevel=3)
        return "reference"
    if name not in ENGINES:
        raise unknown_name("sampling engine", name, ["auto", *ENGINES])
    return name


@functools.cache
def numba_trouble() -> str:
    """Why numba cannot be used here, in a few words; empty when a small network could be compiled and run.

    Numba makes hundreds of thousands of objects at its start. Looking for garbage among them, and among PyTorch's, would take a third of it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        from vqspeech.sampling.cpu import CpuSampler

        with torch.random.fork_rng(devices=[]):  # the caller's random numbers are none of this function's business
            decoder = WaveNet(
                dim=1, hop_samples=1, dilations=(1,), residual_channels=1, skip_channels=1, condition_channels=1
            )
        CpuSampler(decoder, 1, threads=1).draw(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, dtype=torch.float64))
    except Exception as error:  # whatever a broken installation of numba or LLVM may raise
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
    finally:
        if collecting:
            gc.enable()
    return ""
