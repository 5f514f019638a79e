"""From a trained WaveNet to samples: one function, engines behind it."""

from vqspeech.sampling.sample import ENGINES, Sampling, sample

__all__ = ["ENGINES", "Sampling", "sample"]
