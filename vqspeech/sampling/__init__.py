"""Sampling from a WaveNet: engines, and the registered decoder `wavenet`."""

from vqspeech.sampling.conditions import LazyConditions
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.engines import ENGINES
from vqspeech.sampling.sample import pieces, sample, stream

__all__ = ["ENGINES", "LazyConditions", "pieces", "sample", "stream", "uniforms"]
