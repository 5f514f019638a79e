"""Specs: frozen, with names and targets of the right form."""

import pytest

from vqspeech.errors import PluginError
from vqspeech.registry.specs import QuantizerSpec


def test_specs_are_frozen_and_checked():
    spec = QuantizerSpec(name="fsq", target="a:b", summary="")
    with pytest.raises(AttributeError):
        spec.name = "other"
    with pytest.raises(PluginError, match="'FSQ' is not of the form"):
        QuantizerSpec(name="FSQ", target="a:b", summary="")
