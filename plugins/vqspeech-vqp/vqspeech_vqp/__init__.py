"""Quantizers of vector-quantize-pytorch under the names ``vqp-*``."""

import vqspeech
from vqspeech.registry.specs import QuantizerSpec

_SUMMARIES = {
    "simvq": "SimVQ: a frozen random codebook seen through a learned projection, which moves all codes at once",
    "lfq": "lookup-free: the signs of a few channels, kept in use by an entropy loss",
    "bsq": "binary spherical: lookup-free on the unit sphere",
    "rotation": "codebook learned by its loss, gradients carried over by a rotation instead of copied",
    "random-projection": "BEST-RQ: frozen random projection and codebook, nothing to collapse",
}


@vqspeech.hookimpl
def register_quantizers() -> list[QuantizerSpec]:
    """Register one spec for each variant."""
    return [
        QuantizerSpec(
            name=f"vqp-{name}",
            target=f"vqspeech_vqp.variants:{name.replace('-', '_')}",
            summary=summary,
            requires=("vector_quantize_pytorch",),
        )
        for name, summary in _SUMMARIES.items()
    ]
