"""Bitstreams from Python."""

import numpy as np
import pytest
import tiny

from vqspeech.api import Model
from vqspeech.errors import InputError


def test_codes_of_any_form_come_back_as_a_list(codec):
    model, draw = Model(codec), np.random.default_rng(0)
    batch = draw.integers(0, 16, (2, 1, 9))
    for codes in (batch, list(batch), [batch[0], batch[1, :, :4]], tiny.torch.from_numpy(batch)):
        content = model.pack(codes)
        assert isinstance(content, bytes)
        for row, found in zip(codes, model.unpack(content), strict=True):
            np.testing.assert_array_equal(found, np.asarray(row))
    np.testing.assert_array_equal(model.unpack(model.pack(batch[0]))[0], batch[0])


@pytest.mark.parametrize("codes", [np.full((1, 3), 16), np.zeros((2, 3), np.int64), np.zeros((1, 3)), []])
def test_what_cannot_be_packed(codec, codes):
    with pytest.raises(InputError):
        Model(codec).pack(codes)
