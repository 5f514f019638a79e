"""Quantizers: latents to codes and back; one idea per file.

`protocol` is the contract. `nearest` finds codes and `kmeans` initialises them; `vq` (the paper's layer) and `ema`
(moving averages) are codebooks built on them. `residual` and `grouped` combine quantizers into several codebooks; `fsq`
rounds and has no codebook; `cosine` compares directions in a few dimensions.
"""

from vqspeech.nn.quantize.protocol import Quantized, Quantizer

__all__ = ["Quantized", "Quantizer"]
