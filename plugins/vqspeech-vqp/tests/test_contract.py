"""Every variant keeps the contract of quantizers, or says where and why not."""

from vqspeech.testing import quantizer_checks

NO_GRAPH = "VectorQuantize asks its buffer `initted` in every pass, a branch on data that torch.compile(fullgraph=True) does not take"


@quantizer_checks(
    "vqp-simvq",
    "vqp-lfq",
    "vqp-bsq",
    "vqp-rotation",
    "vqp-random-projection",
    options={"codebook_size": 16},
    expected_failures={"vqp-rotation-compiles": NO_GRAPH, "vqp-random-projection-compiles": NO_GRAPH},
)
def test_a_variant_keeps_the_contract(check):
    check()
