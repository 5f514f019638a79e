"""Every variant keeps the contract of quantizers, or says where and why not."""

from vqspeech.testing import quantizer_checks

COMPILE = "the peer raises or branches on data where torch.compile(fullgraph=True) allows neither"


@quantizer_checks(
    "vqp-simvq", "vqp-lfq", "vqp-bsq", "vqp-rotation", "vqp-random-projection", options={"codebook_size": 16}
)
def test_the_contract(check):
    check()
