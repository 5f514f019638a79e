"""Every quantizer of vqspeech keeps the contract; those of plugins/ are checked by their own tests."""

from __future__ import annotations

from vqspeech.registry.host import Host
from vqspeech.testing import quantizer_checks

BUILT_IN = [entry.spec.name for entry in Host({"VQSPEECH_PLUGINS": ""}).builtin_entries("quantizer")]


@quantizer_checks(*BUILT_IN)
def test_a_quantizer_that_ships_keeps_the_contract(check):
    check()


@quantizer_checks(*BUILT_IN, dim=4)
def test_in_few_dimensions(check):
    check()
