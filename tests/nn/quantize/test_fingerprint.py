"""The hash of codebooks changes when codes change their meaning, and not otherwise."""

import copy

import pytest
import torch
from torch import nn

from vqspeech.nn.quantize.ema import EMAVectorQuantizer
from vqspeech.nn.quantize.fingerprint import codebook_hash
from vqspeech.nn.quantize.protocol import Quantizer
from vqspeech.nn.quantize.vq import VectorQuantizer


class Model(nn.Module):
    def __init__(self, quantizer):
        super().__init__()
        self.encoder = nn.Linear(3, 4)
        if quantizer is not None:
            self.quantizer = quantizer


class Rounding(Quantizer):
    """A quantizer without tensors."""

    codebook_sizes = (3,)
    dim = 4


def changed(model, name):
    other = copy.deepcopy(model)
    with torch.no_grad():
        next(tensor for key, tensor in other.state_dict().items() if key.startswith(name)).add_(1)
    return other


@pytest.mark.parametrize("make", [VectorQuantizer, EMAVectorQuantizer])
def test_it_is_of_the_codebook_alone(make):
    model = Model(make(4, codebook_size=8))
    assert codebook_hash(copy.deepcopy(model)) == codebook_hash(model)
    assert codebook_hash(changed(model, "encoder")) == codebook_hash(model)
    assert codebook_hash(changed(model, "quantizer")) != codebook_hash(model)


@pytest.mark.parametrize("quantizer", [Rounding(), None])
def test_without_a_codebook_it_is_of_the_whole_model(quantizer):
    model = Model(quantizer)
    assert codebook_hash(changed(model, "encoder")) != codebook_hash(model)


def test_names_types_and_sizes_count():
    same = VectorQuantizer(4, codebook_size=8)
    one, two = Model(same), Model(None)
    two.other = same
    assert codebook_hash(one) != codebook_hash(two)
    assert codebook_hash(Model(copy.deepcopy(same).to(torch.float64))) != codebook_hash(one)
    assert len(codebook_hash(one)) == 64
