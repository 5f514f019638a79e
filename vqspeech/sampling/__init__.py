"""From a trained WaveNet to samples: one function, engines behind it."""

from vqspeech.sampling.conditions import LazyConditions
from vqspeech.sampling.draws import uniforms
from vqspeech.sampling.engines import ENGINES
from vqspeech.sampling.sample import Sampling, SamplingInterrupted, sample, stream

__all__ = ["ENGINES", "LazyConditions", "Sampling", "SamplingInterrupted", "sample", "stream", "uniforms"]
